/*
 * rouse/timer.h -- futures of time.
 *
 *   M1  Never early, by the queue's clock.
 *   M2  Due at the first turn at or after the deadline.
 *   M3  By deadline, and in arming order where deadlines are equal.
 *   M4  A drop takes effect before the next delivery.
 *   M5  A deadline in the past is due at once; none is so far away that it overflows.
 *   M6  An interval keeps its grid: ticks that were missed are counted, not repeated.
 */
#ifndef ROUSE_TIMER_H
#define ROUSE_TIMER_H

#include <rouse/reactor.h>

ROUSE_BEGIN_DECLS

/* READY when the time has come; result: 0. */
struct rouse_sleep {
    struct rouse_future future;
    struct rouse_reactor *reactor;
    rouse_time deadline;
    struct rouse_timer timer;
};

/* `duration` counts from this call. */
ROUSE_API struct rouse_sleep rouse_sleep(struct rouse_reactor *reactor, rouse_time duration);
ROUSE_API struct rouse_sleep rouse_sleep_until(struct rouse_reactor *reactor, rouse_time deadline);

/* A steady beat. Plain bytes; the futures that await it are rouse_tick(). */
struct rouse_interval {
    struct rouse_reactor *reactor;
    rouse_time next;   /* when the next tick is due */
    rouse_time period; /* at least 1 ns */
};

/* The first tick is due one period from this call. */
ROUSE_API struct rouse_interval rouse_interval(struct rouse_reactor *reactor, rouse_time period);

/* READY at the next tick. result: 1, plus the number of ticks that were missed since
 * the last one was taken (M6). Dropping it takes no tick. */
struct rouse_tick {
    struct rouse_future future;
    struct rouse_interval *interval;
    struct rouse_timer timer;
};
ROUSE_API struct rouse_tick rouse_tick(struct rouse_interval *interval);

/* READY with the child's result, or at `deadline` with -ETIMEDOUT, the child having
 * been dropped. A child that is READY when the deadline passes wins. */
struct rouse_deadline {
    struct rouse_future future;
    struct rouse_future *child;
    struct rouse_reactor *reactor;
    rouse_time deadline;
    struct rouse_timer timer;
};
ROUSE_API struct rouse_deadline rouse_deadline(struct rouse_reactor *reactor,
                                               struct rouse_future *child, rouse_time deadline);

ROUSE_END_DECLS

#endif /* ROUSE_TIMER_H */
