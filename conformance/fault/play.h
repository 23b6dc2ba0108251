/*
 * play.h -- a runtime for faults to befall, and the programs that it runs.
 *
 * A program makes what it needs, awaits several things, and gives everything back, however
 * it ends. It returns 0 when all went as it should, the first error that one of its futures
 * told, -EPROTO when one told neither an error nor what it should, and -ETIMEDOUT when it
 * came to no end. So the same programs serve every fault: each case says what may come out
 * besides 0.
 */
#ifndef ROUSE_CONFORMANCE_FAULT_PLAY_H
#define ROUSE_CONFORMANCE_FAULT_PLAY_H

#include "../world.h"

enum { PLAY_SIGNALS = 2 };

struct play {
    struct world *world;
    struct rouse rt;
    struct rouse_evq *evq; /* ours to close, or NULL */
    /* Who runs a future instead of rouse_run(), or NULL. */
    intptr_t (*drive)(struct play *play, struct rouse_future *future);
    intptr_t error; /* the first that was told, since the last gathering */
    struct play_lent *lent;
    struct play_member *members;              /* tasks that nobody has gathered yet */
    void (*before[PLAY_SIGNALS])(int number); /* what the signals did that programs raise */
};

/* On a queue of its own, everything with memory from `alloc`. 0, or -errno with nothing
 * left open. */
int play_open(struct play *play, struct world *world, const struct rouse_alloc *alloc);

/* On a queue that is open, and stays the caller's: the world's, or one around it. */
void play_open_on(struct play *play, struct world *world, struct rouse_evq *evq);

/* Ends whatever still lives. */
void play_close(struct play *play);

/* Zeroes, until the runtime has closed. */
void *play_lend(struct play *play, size_t size);

/* The sockets of its queue. */
const struct rouse_sockets *play_sockets(const struct play *play);

/* rouse_run(), but no longer than five seconds of the queue's time: -ETIMEDOUT. */
intptr_t play_run(struct play *play, struct rouse_future *future);

/* A task in lent memory; play_gather() runs until each has ended, and returns the first
 * error that was told. */
struct rouse_task *play_spawn(struct play *play, struct rouse_future *future);
intptr_t play_gather(struct play *play);

/* For bodies: notes what a future told, and returns whether that was `expected`. */
bool play_told(struct play *play, intptr_t result, intptr_t expected);

struct program {
    const char *name;
    int descriptors; /* that it needs at the same time, at most */
    intptr_t (*run)(struct play *play);
};

/* All that programs.def names, with a NULL at the end. They may be run one after the other in one
 * play. */
extern const struct program *const programs[];

extern const struct program program_sleep, program_timers, program_echo, program_connect,
    program_bulk, program_crowd, program_signal, program_stop, program_wait, program_join,
    program_deadline, program_close;

#endif /* ROUSE_CONFORMANCE_FAULT_PLAY_H */
