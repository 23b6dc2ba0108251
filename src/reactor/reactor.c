/*
 * reactor.c -- one turn: wait, deliver what was reported, then what is due.
 *
 * The hard part is that a waker may do anything, and that the queue has filled a batch
 * by then. So while a batch is delivered each source knows its place in it; closing an
 * io empties that place (R3), and an io is not touched after its wakers were called.
 */
#include "../base/compiler.h"
#include "reactor_internal.h"

static void nudge_keep(void *data)
{
    (void) data; /* the queue outlives whoever may nudge it; see rouse_executor_close() */
}

static void nudge_wake(void *data)
{
    struct rouse_evq *evq = (struct rouse_evq *) data;

    evq->ops->wake(evq);
}

static const struct rouse_waker_ops nudge_ops = {nudge_keep, nudge_wake, nudge_wake, nudge_keep};

void rouse_reactor_init(struct rouse_reactor *reactor, struct rouse_evq *evq,
                        const struct rouse_alloc *alloc)
{
    reactor->evq = evq;
    reactor->sockets = evq->sockets;
    reactor->alloc = alloc;
    reactor->timers = NULL;
    reactor->signals = NULL;
    reactor->starving = NULL;
    reactor->closes = 0;
    reactor->nudge.ops = &nudge_ops;
    reactor->nudge.data = evq;
}

void rouse_reactor_close(struct rouse_reactor *reactor)
{
    ROUSE_RULE(reactor->timers == NULL, "L1: a timer is still armed", "reactor");
    ROUSE_RULE(reactor->starving == NULL, "L1: an accept still waits", "reactor");
    rouse__signals_close(reactor);
}

/* Takes both wakers before it calls one: the io may be gone after that. */
NEVER_INLINE void rouse__wake_both(struct rouse_io *io)
{
    struct rouse_waker writer = io->writer.waker;

    io->writer.waker.ops = NULL;
    rouse_wake(&io->reader.waker);
    rouse_wake(&writer);
}

NEVER_INLINE void rouse__deliver(struct rouse_reactor *reactor, int count)
{
    struct rouse_event *batch = reactor->batch;
    int i;

    for (i = 0; i < count; i++) {
        struct rouse_source *source = batch[i].source;

        if (source->slot == 0) {
            source->slot = (uint16_t) (i + 1);
        } else { /* its two directions came apart */
            batch[source->slot - 1].ready |= batch[i].ready;
            batch[i].source = NULL;
        }
    }
    for (i = 0; i < count; i++) {
        struct rouse_source *source = batch[i].source;

        if (source == NULL)
            continue;
        source->slot = 0;
        wake_waiters(source, batch[i].ready);
    }
}

int rouse_reactor_turn(struct rouse_reactor *reactor, rouse_time deadline)
{
    return reactor_turn(reactor, deadline);
}
