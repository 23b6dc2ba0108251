/*
 * rouse/reactor.h -- the one place where event queues meet wakers.
 *
 * A reactor turns an event queue: it waits, wakes whoever waits for what was
 * reported, and wakes whose time has come. One reactor to a thread, next to one
 * executor; neither knows the other.
 *
 *   R1  A direction is armed as soon as it is known to be drained, even when nobody
 *       waits, and its report is remembered: `source.armed` without the direction's
 *       bit means "try". So a round trip costs no read that finds nothing.
 *   R2  In one turn reports are delivered first, in the queue's order, then timers
 *       that are due, by deadline, and in arming order where deadlines are equal.
 *   R3  A waker of a batch may close any other io of that batch: its report is then
 *       not delivered.
 *   R4  One future waits for one direction. A second one is told -EBUSY.
 *   R5  Closing an io wakes who waits there; they are told -ECANCELED.
 */
#ifndef ROUSE_REACTOR_H
#define ROUSE_REACTOR_H

#include <rouse/evq.h>
#include <rouse/future.h>

ROUSE_BEGIN_DECLS

/* A timer: a waker that is owed a wake at a deadline. It belongs to the caller, stays
 * in place while it is armed, and is idle when full of zeroes. Fields are for
 * src/reactor/ only. */
struct rouse_timer {
    rouse_time deadline;
    struct rouse_timer *last, *next, *prev; /* in the heap; `next` is NULL when idle */
    struct rouse_waker waker;
};

enum {
    ROUSE_BATCH = 64 /* reports that one wait() may bring */
};

struct rouse_reactor {
    struct rouse_evq *evq;               /* for its owner to close, after the reactor */
    const struct rouse_sockets *sockets; /* where net futures find their calls */
    const struct rouse_alloc *alloc;     /* NULL for malloc */
    struct rouse_timer *timers;          /* the soonest; a heap */
    struct rouse_event batch[ROUSE_BATCH];
    struct rouse_signal_watch *signals; /* NULL until a signal is first waited for */
    struct rouse_accept *starving;      /* accepts that wait for a free descriptor */
    unsigned closes;                    /* descriptors that net futures have closed */
    struct rouse_waker nudge;           /* ends our wait(), from any thread */
};

/* Prepares a reactor on an open queue. It stays in place until it is closed. */
ROUSE_API void rouse_reactor_init(struct rouse_reactor *reactor, struct rouse_evq *evq,
                                  const struct rouse_alloc *alloc);

/* Lets go of everything. Every io has been closed, and every future dropped. */
ROUSE_API void rouse_reactor_close(struct rouse_reactor *reactor);

/* Waits until something is reported, somebody wakes us, a timer is due, or `deadline`
 * has come; then delivers (R2). Returns 0, or the -errno of a queue that failed. */
ROUSE_API int rouse_reactor_turn(struct rouse_reactor *reactor, rouse_time deadline);

/* When the next timer is due, or ROUSE_NEVER. */
static inline rouse_time rouse_reactor_deadline(const struct rouse_reactor *reactor)
{
    return reactor->timers != NULL ? reactor->timers->deadline : ROUSE_NEVER;
}

/* The time on the queue's clock. */
static inline rouse_time rouse_now(const struct rouse_reactor *reactor)
{
    return reactor->evq->ops->now(reactor->evq);
}

/* `duration` from now, at least now and at most ROUSE_NEVER. */
ROUSE_API rouse_time rouse_after(const struct rouse_reactor *reactor, rouse_time duration);

/* Wakes `waker` once, in the first turn at or after `deadline`. An armed timer is
 * moved. Cannot fail and allocates nothing. */
ROUSE_API void rouse_timer_arm(struct rouse_reactor *reactor, struct rouse_timer *timer,
                               rouse_time deadline, const struct rouse_waker *waker);

/* Forgets a timer, armed or idle. */
ROUSE_API void rouse_timer_cancel(struct rouse_reactor *reactor, struct rouse_timer *timer);

/* Whether its wake is still to come. */
static inline bool rouse_timer_armed(const struct rouse_timer *timer)
{
    return timer->next != NULL;
}

/* Who waits for one direction. */
struct rouse_io_waiter {
    const struct rouse_future *future; /* or NULL */
    struct rouse_waker waker;
};

/* One descriptor as the reactor watches it: who waits for which direction, and what
 * the queue has already reported. One full of zeroes is closed. It does not own the
 * descriptor. Its memory stays, and is not opened again, until every future made on it has
 * ended. */
struct rouse_io {
    struct rouse_reactor *reactor; /* NULL when closed */
    struct rouse_source source;
    struct rouse_io_waiter reader, writer;
};

/* Begins to watch a descriptor, in place. Makes no system call and cannot fail: what
 * is wrong with the descriptor, its first use tells. */
ROUSE_API void rouse_io_open(struct rouse_io *io, struct rouse_reactor *reactor, rouse_fd fd);

/* Stops watching, before the descriptor is closed (R5). A closed io stays closed. */
ROUSE_API void rouse_io_close(struct rouse_io *io);

/* For futures that wait on an io; `direction` is one of READABLE and WRITABLE. */

static inline struct rouse_io_waiter *rouse_io_waiter_(struct rouse_io *io, unsigned direction)
{
    return (direction & ROUSE_READABLE) != 0 ? &io->reader : &io->writer;
}

/* Whether `future` may use this direction: false when another one waits there (R4), or
 * the io is closed (R5). */
static inline bool rouse_io_may(struct rouse_io *io, unsigned direction,
                                const struct rouse_future *future)
{
    const struct rouse_future *waiting = rouse_io_waiter_(io, direction)->future;

    return (waiting == NULL || waiting == future) && io->reactor != NULL;
}

/* Why not: -EBUSY or -ECANCELED. */
ROUSE_API int rouse_io_refusal(const struct rouse_io *io);

/* Whether to try (R1): false while a report is still on its way. */
static inline bool rouse_io_try(const struct rouse_io *io, unsigned direction)
{
    return (io->source.armed & direction) == 0;
}

/* Arms; `direction` may carry ROUSE_DRAINED as its hint. */
static inline int rouse_io_arm(struct rouse_io *io, unsigned direction)
{
    return io->reactor->evq->ops->arm(io->reactor->evq, &io->source, direction);
}

/* `future` waits: leaves a clone of `waker`, for the report or the closing. */
static inline void rouse_io_wait(struct rouse_io *io, unsigned direction,
                                 const struct rouse_future *future, const struct rouse_waker *waker)
{
    struct rouse_io_waiter *waiter = rouse_io_waiter_(io, direction);

    waiter->future = future;
    rouse_waker_keep(&waiter->waker, waker);
}

/* The future no longer waits: it is READY, or dropped. Where `future` does
 * not wait it does nothing. What is armed stays armed. */
static inline void rouse_io_leave(struct rouse_io *io, unsigned direction,
                                  const struct rouse_future *future)
{
    struct rouse_io_waiter *waiter = rouse_io_waiter_(io, direction);

    if (waiter->future == future) {
        waiter->future = NULL;
        rouse_waker_drop(&waiter->waker);
    }
}

/* READY once a descriptor that another library reads and writes is ready, or may be:
 * then try, and wait again when there was nothing. result: 0 or -errno. Persistent
 * interest, as libcurl or hiredis want it, is one of these after the other. */
struct rouse_readiness {
    struct rouse_future future;
    struct rouse_io *io;
    unsigned direction;
    bool armed;
};
ROUSE_API struct rouse_readiness rouse_readiness(struct rouse_io *io, unsigned direction);

ROUSE_END_DECLS

#endif /* ROUSE_REACTOR_H */
