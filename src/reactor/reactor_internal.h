/*
 * reactor_internal.h -- what the reactor's parts and the runtime tell each other.
 */
#ifndef ROUSE_REACTOR_INTERNAL_H
#define ROUSE_REACTOR_INTERNAL_H

#include <rouse/reactor.h>

/* Wakes every timer whose deadline is not after `now`, in order (R2). */
void rouse__timers_expire(struct rouse_reactor *reactor, rouse_time now);

/* Passes on the signals that came since the last call. Where there are `signals`. */
void rouse__signals_deliver(struct rouse_reactor *reactor);
void rouse__signals_close(struct rouse_reactor *reactor);

/* Watches a signal whose coming rouse__signals_stopped() tells. 0 or -errno. */
int rouse__signals_stop_on(struct rouse_reactor *reactor, int number);

/* Whether one of those came since this was last asked. Where there are `signals`. */
bool rouse__signals_stopped(struct rouse_reactor *reactor);

#endif /* ROUSE_REACTOR_INTERNAL_H */
