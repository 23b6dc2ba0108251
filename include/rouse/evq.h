/*
 * rouse/evq.h -- event queues, and the contract that every backend keeps.
 *
 * An event queue tells one thread which sockets became ready and when it is
 * time to stop waiting. Each backend is one file in src/evq/ that fills in one
 * `struct rouse_evq_ops`; nothing above this header knows which one is running.
 *
 * The contract. Conformance cases cite these numbers.
 *
 *   E1  One shot.      arm() buys at most one report for each direction armed,
 *                      and adds to what is armed already. Reporting one direction
 *                      leaves the other armed. After its report a direction is
 *                      silent, for data, hang-up and error alike, until it is
 *                      armed again.
 *   E2  Nothing lost.  Readiness that exists when arm() is called, or comes
 *                      later, is reported.
 *   E3  Drained.       ROUSE_DRAINED says that each direction named was just found
 *                      exhausted, with no wait() in between. A backend may save a
 *                      system call by it, or ignore it.
 *   E4  Failure wakes. The peer's end of stream is readability, and no more. An
 *                      error, or a hang-up of both halves, reports every direction
 *                      armed; the next operation on the socket tells which it was.
 *   E5  Silence.       After forget() no wait() names that source, even if the
 *                      kernel had an event queued. forget() comes before the
 *                      descriptor is closed; then its number and the source's
 *                      memory may be used again.
 *   E6  No invention.  wait() reports only armed directions. One that turns out
 *                      not to be ready may be reported once per arm().
 *   E7  wake().        Ends the current wait(), or else the next one. Any number
 *                      of calls may merge into one, never into none. It works any
 *                      number of times.
 *   E8  Threads.       wake() may be called from any thread and, on POSIX, from a
 *                      signal handler. Everything else belongs to the thread that
 *                      called open().
 *   E9  Time.          wait() returns 0 only for a wake() or for its deadline,
 *                      and not before that deadline, by now(). An interruption by a
 *                      signal neither lengthens nor shortens it.
 *   E10 Capacity.      More ready sources than the array holds: all are served,
 *                      each direction once, and none is starved.
 *   E11 Errors.        The first arm() of a source reports what can never work,
 *                      by the same value on every backend (-EBADF, -EPERM for a
 *                      regular file, -ENOMEM), and leaves nothing behind.
 *
 * Functions that can fail return 0 or a count on success and a negative errno
 * value on failure; Windows errors are translated in one place, src/base/.
 *
 * Outside the contract: two sources for one descriptor in one queue, a stream
 * socket that never began to connect, and a datagram socket whose error queue
 * nobody reads.
 */
#ifndef ROUSE_EVQ_H
#define ROUSE_EVQ_H

#include <rouse/base.h>

ROUSE_BEGIN_DECLS

/* What a source can be armed for, and what wait() reports. */
enum rouse_interest {
    ROUSE_READABLE = 1 << 0,
    ROUSE_WRITABLE = 1 << 1,
    ROUSE_DRAINED = 1 << 2 /* a hint to arm(), see E3; never reported */
};

/* One socket as the queue sees it. The caller owns the storage, fills it with
 * zeroes but for `fd`, and keeps it in place from the first arm() until forget()
 * returns. `armed` may be read by anyone, and written by the backend alone:
 * arm() adds to it when it succeeds, a report takes away what it reports, and
 * forget() leaves 0. */
struct rouse_source {
    rouse_fd fd;
    uint8_t armed; /* interest not yet reported; 0 when idle */
    uint8_t flags; /* the backend's own */
    uint16_t slot; /* the caller's own: the reactor keeps a place in its batch here */
    void *record;  /* the backend's own, as is `link`; both NULL when unknown to it */
    void *link;
};

struct rouse_event {
    struct rouse_source *source;
    unsigned ready; /* a subset of what was armed, never 0 */
};

struct rouse_evq {
    const struct rouse_evq_ops *ops;
    /* The sockets that live in this queue, or NULL for the host's. A simulated
     * queue brings its own, so that net futures run on it unchanged. */
    const struct rouse_sockets *sockets;
    /* The backend's own fields follow. */
};

/* What a queue may be told when it opens. All zeroes is a good start. */
struct rouse_evq_options {
    size_t size;                     /* of this struct, as the caller knew it */
    const struct rouse_alloc *alloc; /* NULL for malloc; outlives the queue */
    void *host;                      /* for a backend that lives in something; it says what */
};

struct rouse_evq_ops {
    size_t size;         /* of this struct, as the backend knew it */
    const char *name;    /* as in ROUSE_BACKEND=name */
    const char *version; /* of what it stands on, for reports; may be NULL */

    /* Creates a queue. A backend allocates here and, at most, in the first arm()
     * of a source. `options` may be NULL. */
    int (*open)(struct rouse_evq **evq, const struct rouse_evq_options *options);

    /* Destroys a queue. Every source must have been forgotten. */
    void (*close)(struct rouse_evq *evq);

    /* Asks for one report of each direction in `interest`, which names at least
     * one. When it fails, what was armed before still is. */
    int (*arm)(struct rouse_evq *evq, struct rouse_source *source, unsigned interest);

    /* Forgets a source, armed or idle, known or unknown. Cannot fail. */
    void (*forget)(struct rouse_evq *evq, struct rouse_source *source);

    /* Waits for reports until `deadline`, and returns how many it wrote. A
     * deadline in the past polls once; ROUSE_NEVER has no limit. `capacity` is at
     * least 1. A source may appear twice in one batch, never for one direction. */
    int (*wait)(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                rouse_time deadline);

    /* Ends wait(), from any thread. Cannot fail. */
    void (*wake)(struct rouse_evq *evq);

    /* The queue's clock, which never goes back. It belongs to the backend because
     * a simulated queue that waits must also be the one that moves time. */
    rouse_time (*now)(struct rouse_evq *evq);

    /* Optional. For a foreign loop that sleeps in our stead: a descriptor that is
     * readable when a wait() would report something or was woken. Calling this
     * once says that somebody listens there, and wake() then always tells it.
     * NULL, or ROUSE_NO_FD as the answer, where the system has no such thing;
     * ROUSE_NO_FD also when it refuses it for now. */
    rouse_fd (*pollable)(struct rouse_evq *evq);
};

/* The backends compiled into this library, best first, ending in NULL. */
ROUSE_API extern const struct rouse_evq_ops *const rouse_backends[];

/* The backend called `name`. If that is NULL: the one that the environment
 * variable ROUSE_BACKEND names, or else the default that the library was built
 * with; "native" is the best one here that opens. NULL if there is none of that
 * name; rouse_backend_names() says which there are. */
ROUSE_API const struct rouse_evq_ops *rouse_backend(const char *name);

/* "epoll, uring, poll, libuv, sim": what this library has, best first. */
ROUSE_API const char *rouse_backend_names(void);

/* Opens a wrapper around `inner` that stops the program, with one line that names
 * the clause, when the queue or its caller breaks the contract. It owns `inner`
 * from then on and closes it. Costs a table look-up per call; allocates here and
 * in the first arm() of a source. On failure `inner` is untouched. */
ROUSE_API int rouse_evq_check(struct rouse_evq **evq, struct rouse_evq *inner,
                              const struct rouse_alloc *alloc);

ROUSE_END_DECLS

#endif /* ROUSE_EVQ_H */
