/*
 * player.h -- what the parts of a play share: its actors, its futures, its streams.
 *
 * Everything that is done is told to the model first, because doing it may call back:
 * the last waker of a task releases it.
 */
#ifndef ROUSE_CONFORMANCE_OPS_PLAYER_H
#define ROUSE_CONFORMANCE_OPS_PLAYER_H

#include "../model/model.h"
#include "play.h"

enum { NOBODY = -1, STEPS_MAX = 400 };

/* A waker of a task's own making, which counts its clones and wakes the task. */
struct proxy {
    int clones;
    struct rouse_waker target;
};

/* A future, and where it lies. */
struct slot {
    union {
        struct rouse_future future;
        struct rouse_join join;
        struct rouse_yield pause;
        struct rouse_sleep sleep;
        struct rouse_tick tick;
        struct rouse_deadline limit;
        struct rouse_read read;
        struct rouse_write write;
        struct rouse_write_all write_all;
        struct rouse_readiness watch;
        struct rouse_accept accept;
        struct rouse_connect connect;
    } is;
    enum model_kind kind; /* MODEL_NOTHING: the slot is free */
    struct rouse_interval interval;
    int owner;  /* the task that awaits it, or nobody */
    int parent; /* the deadline that owns it, or nobody */
    int target; /* what it joins, limits, or transfers over */
    bool polled;
    struct proxy proxy;
};

/* A task. It lives on the heap, and a checker of memory sees who touches it too late. */
struct actor {
    struct rouse_future future;
    struct rouse_task task;
    struct play *play;
    int number;
    int at;        /* the statement that it is at */
    bool waits;    /* it is at a pend or yield that has been polled */
    int polled_at; /* where it was when its last poll began */
    int awaiting;  /* a slot, or nobody */
    bool ended;
    intptr_t result;
};

/* One end of a pair. */
struct wire {
    struct rouse_tcp tcp;
    bool open;
};

/* A listener, and where it is, or was. */
struct ear {
    struct rouse_listener listener;
    struct rouse_address address;
    bool open;
};

struct play {
    const struct program *program;
    struct stage stage;
    struct model model;
    struct actor *actors[TASKS]; /* NULL when released */
    int holds[TASKS];            /* that are to be given back */
    struct rouse_waker wakers[WAKERS];
    struct slot slots[FUTURES];
    struct wire wires[ENDS];
    struct ear ears[LISTENERS];
    uint8_t lines[OPS_MAX]; /* statements by role, in order */
    uint8_t begin[ROLES + 1];
    int steps;
    bool blinked;    /* the model is not exact for the moment: see wire_blinked() */
    int polls, ends; /* and how many of them the inspector heard of */
    int told_polled, told_ended, told_woken;
    struct verdict verdict;
    const struct play_log *log;
};

/* -- slot.c: futures ---------------------------------------------------------- */

/* Makes what the statement says, in a free slot. */
void slot_make(struct play *play, const struct op *op);

/* Polls once. On READY the slot is free again, and `result` says how it ended. */
enum rouse_poll slot_poll(struct play *play, int number, struct actor *by, struct rouse_context *cx,
                          bool via, intptr_t *result);

/* Whether `by` may poll or drop it: it is there, and nobody else owns it. */
bool slot_mine(const struct play *play, int number, const struct actor *by);

void slot_drop(struct play *play, int number);

/* -- wire.c: streams ---------------------------------------------------------- */

void wire_act(struct play *play, const struct op *op);
bool wire_used(const struct play *play, int end); /* by a future */
void wire_close(struct play *play, int end);

/* The kernel's own word: no direction that is armed is ready. */
void wires_check(struct play *play);

/* -- ear.c: listeners -------------------------------------------------------------- */

void ear_listen(struct play *play, int number);
void ear_close(struct play *play, int number);
void ear_make(struct play *play, struct slot *slot, const struct op *op);

/* What an accept or a connect gave us, if it did, is closed. */
void ear_ended(struct play *play, struct slot *slot, intptr_t result);

/* -- play.c ------------------------------------------------------------------- */

void play_hold(struct play *play, int task);
void play_unhold(struct play *play, int task);

/* A number of milliseconds, of which the largest is an hour. */
rouse_time play_duration(int ms);

/* Tells the model what time it is. */
void play_time(struct play *play);

/* Remembers that something happened, for the hash of the course. */
void play_note(struct play *play, unsigned what, unsigned who, int64_t value);

/* A task, if it was one, got a result. */
void play_result(struct play *play, int task, const char *of, intptr_t result);

/* Goes to the log. */
void play_say(struct play *play, const char *format, ...);

#endif /* ROUSE_CONFORMANCE_OPS_PLAYER_H */
