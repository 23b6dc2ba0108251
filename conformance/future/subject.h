/*
 * subject.h -- one of each kind of future that the library makes, to be held against the
 * same promises.
 *
 * A subject is a future with what it stands on: a socket, a timer, a task. It can be made
 * over and over, is PENDING when first polled, and can be caused to become READY.
 */
#ifndef ROUSE_CONFORMANCE_FUTURE_SUBJECT_H
#define ROUSE_CONFORMANCE_FUTURE_SUBJECT_H

#include <rouse/rouse.h>

#include "../task/puppet.h"

/* A body that awaits a task. */
struct subject_body {
    struct rouse_async async;
    struct rouse_task *task;
    struct rouse_join join;
};

/* Room for any of them. */
union subject_room {
    struct rouse_future future;
    struct rouse_sleep sleep;
    struct rouse_tick tick;
    struct rouse_deadline deadline;
    struct rouse_join join;
    struct rouse_readiness readiness;
    struct rouse_read read;
    struct rouse_write write;
    struct rouse_write_all write_all;
    struct rouse_accept accept;
    struct rouse_connect connect;
    struct rouse_signal signal;
    struct subject_body body;
};

struct subject;

struct subject_kind {
    const char *name;
    void (*open)(struct subject *self);  /* prepares what it stands on, or NULL */
    void (*make)(struct subject *self);  /* a new future, in `room` */
    void (*cause)(struct subject *self); /* lets it become READY; NULL: time does */
    intptr_t least, most;                /* what its result may be */
};

/* All of them, and how many there are. */
enum { SUBJECT_KINDS = 14 };
extern const struct subject_kind subject_kinds[SUBJECT_KINDS];

struct subject {
    const struct subject_kind *kind;
    struct world *world;
    struct rouse *rt;
    union subject_room room;
    struct wakes *wakes; /* a waker of its own */
    /* What it may stand on. */
    struct rouse_tcp tcp;
    struct rouse_listener listener;
    struct rouse_io io;
    struct rouse_interval interval;
    struct rouse_address address;
    struct puppet target;
    struct rouse_join child;
    rouse_fd fd, peer; /* the world's, or ROUSE_NO_FD */
    char byte;
};

/* A runtime, and one subject of each kind on it. */
struct subjects {
    struct world *world;
    struct rouse rt;
    struct subject all[SUBJECT_KINDS];
};

void subjects_open(struct subjects *subjects, struct world *world);

/* All futures have been dropped, or are READY. */
void subjects_close(struct subjects *subjects);

/* Makes a future and polls it with `waker`. It is PENDING. */
void subject_pend(struct subject *subject, const struct rouse_waker *waker);

void subject_cause(struct subject *subject);

/* Turns until `wakes` has come. False when that takes longer than WORLD_SOON. */
bool subject_woken(struct subject *subject, struct wakes *wakes);

/* Turns and polls, whenever it was woken, until it is READY. False when that takes longer
 * than WORLD_SOON. Then its result is as it may be, or the case fails by F3. */
bool subject_finish(struct subject *subject, const struct rouse_waker *waker, struct wakes *wakes);

/* Takes over what a READY future brought: a descriptor. */
void subject_take(struct subject *subject);

/* Turns for `ms`. */
void subjects_turn(struct subjects *subjects, int ms);

#endif /* ROUSE_CONFORMANCE_FUTURE_SUBJECT_H */
