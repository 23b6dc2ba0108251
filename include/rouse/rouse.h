/*
 * rouse/rouse.h -- everything, and the runtime that ties it together.
 *
 * A runtime is an executor and a reactor for one thread.
 *
 *   L1  Closing drops every live future, on its thread, and then gives back all
 *       memory, descriptors and kernel registrations.
 *   L2  Wakers may be used and released after the runtime is gone.
 *   L3  Closing a runtime that never opened, or full of zeroes, does nothing.
 */
#ifndef ROUSE_ROUSE_H
#define ROUSE_ROUSE_H

#include <rouse/async.h>
#include <rouse/net.h>
#include <rouse/reactor.h>
#include <rouse/signal.h>
#include <rouse/task.h>
#include <rouse/timer.h>

ROUSE_BEGIN_DECLS

/* All zeroes is a good start. */
struct rouse_options {
    size_t size;         /* of this struct */
    const char *backend; /* by name, see rouse_backend(); NULL for the default */
    const struct rouse_evq_options *evq_options; /* for the queue; NULL for none */
    struct rouse_evq *evq;           /* or a queue that is already open, and stays the caller's */
    const struct rouse_alloc *alloc; /* NULL for malloc; outlives the runtime and its wakers */
};

struct rouse {
    struct rouse_executor executor;
    struct rouse_reactor reactor;
    struct rouse_evq *evq; /* what we have to close, or NULL */
};

/* Opens a runtime for this thread. `rt` needs no preparation and stays in place until
 * it is closed. `options` may be NULL. -ENODEV for a backend that this library does
 * not have (rouse_strerror() lists what it has); -ENOMEM, -EMFILE and the like when
 * the backend cannot start. On failure `rt` is full of zeroes, and may be closed. */
ROUSE_API int rouse_open(struct rouse *rt, const struct rouse_options *options);

/* Runs until `future` is READY and returns its result. Once one of the signals named
 * by rouse_stop_on() came, drops it and returns -ECANCELED. When the queue fails, or
 * there is no memory for a task, drops it and returns that -errno. Other tasks run
 * meanwhile, and stay alive for the next run, or rouse_close(). Not re-entrant. */
ROUSE_API intptr_t rouse_run(struct rouse *rt, struct rouse_future *future);

/* Lets a signal end rouse_run(). 0, or -EINVAL for one that cannot be caught, or
 * -ENOMEM. */
ROUSE_API int rouse_stop_on(struct rouse *rt, int signal_number);

/* For a program whose loop is another: runs what is ready, waits until `deadline` at
 * the latest (0: does not wait), delivers, and runs what that made ready. Returns
 * how many polls that were, or -errno. */
ROUSE_API intptr_t rouse_turn(struct rouse *rt, rouse_time deadline);

/* When rouse_turn() next has something to do even if nothing is reported: 0 for now,
 * else a time on rouse_now()'s clock, or ROUSE_NEVER. */
ROUSE_API rouse_time rouse_next_deadline(struct rouse *rt);

/* A descriptor that is readable when something from outside, a report, a signal or another
 * thread, gives rouse_turn() something to do before that time; for the other loop to watch.
 * What is spawned or woken on this thread shows in rouse_next_deadline() alone: ask that
 * before each sleep. ROUSE_NO_FD where the system has none, or refuses it for now. */
ROUSE_API rouse_fd rouse_pollable(struct rouse *rt);

/* Drops what is left and gives everything back (L1). */
ROUSE_API void rouse_close(struct rouse *rt);

/* What a result means, for people: rouse_strerror(-ECONNREFUSED) is "connection
 * refused". Takes what any function here returns; for 0 and for counts it says
 * "success". The text lives for ever and is safe to use on any thread.
 * For -ENODEV, a backend that is not there, it lists those that are. */
ROUSE_API const char *rouse_strerror(intptr_t result);

ROUSE_END_DECLS

#endif /* ROUSE_ROUSE_H */
