/*
 * reactor_internal.h -- what the reactor's parts and the runtime tell each other.
 */
#ifndef ROUSE_REACTOR_INTERNAL_H
#define ROUSE_REACTOR_INTERNAL_H

#include "../base/compiler.h"

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

/* Wakes who waits for either direction. */
void rouse__wake_both(struct rouse_io *io);

/* Delivers a batch of any size. */
void rouse__deliver(struct rouse_reactor *reactor, int count);

/* Wakes who waits for what is ready. */
static inline void wake_waiters(struct rouse_source *source, unsigned ready)
{
    struct rouse_io *io = rouse_container_of(source, struct rouse_io, source);

    if (ready == ROUSE_READABLE)
        rouse_wake(&io->reader.waker);
    else if (ready == ROUSE_WRITABLE)
        rouse_wake(&io->writer.waker);
    else
        rouse__wake_both(io);
}

/* What rouse_reactor_turn() does: here, because rouse_run() has it inlined. */
static ALWAYS_INLINE int reactor_turn(struct rouse_reactor *reactor, rouse_time deadline)
{
    const rouse_time due = rouse_reactor_deadline(reactor);
    const int count = reactor->evq->ops->wait(reactor->evq, reactor->batch, ROUSE_BATCH,
                                              due < deadline ? due : deadline);

    if (count < 0)
        return count;
    if (count == 1) /* has no neighbour that could vanish */
        wake_waiters(reactor->batch[0].source, reactor->batch[0].ready);
    else
        rouse__deliver(reactor, count);
    if (reactor->signals != NULL)
        rouse__signals_deliver(reactor);
    if (reactor->timers != NULL)
        rouse__timers_expire(reactor, rouse_now(reactor));
    return 0;
}

#endif /* ROUSE_REACTOR_INTERNAL_H */
