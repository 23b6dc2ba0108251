/*
 * rouse/signal.h -- signals as futures.
 *
 *   G1  From the first poll of a rouse_signal on, until its reactor closes, that
 *       signal has no other effect on the process; then what was there before is
 *       restored, once nobody watches it.
 *   G2  A signal that comes while nobody waits is remembered; several merge into one.
 *   G3  Every reactor that watches a signal gets it, and there wakes all who wait.
 */
#ifndef ROUSE_SIGNAL_H
#define ROUSE_SIGNAL_H

#include <rouse/reactor.h>

ROUSE_BEGIN_DECLS

/* result: 0 once the signal came, or -errno: -EINVAL for a number that cannot be
 * caught. The first one of a reactor allocates: -ENOMEM.
 *
 * On Windows those that can are SIGINT (Ctrl+C), SIGBREAK (Ctrl+Break) and SIGTERM (the
 * console is being closed, or the machine goes down; some seconds are left then), by
 * raise() too. */
struct rouse_signal {
    struct rouse_future future;
    struct rouse_reactor *reactor;
    int number;
    bool came;
    struct rouse_waker waker;
    struct rouse_signal *next;  /* among those that wait at this reactor */
    struct rouse_signal **link; /* what points at us, or NULL */
};
ROUSE_API struct rouse_signal rouse_signal(struct rouse_reactor *reactor, int number);

ROUSE_END_DECLS

#endif /* ROUSE_SIGNAL_H */
