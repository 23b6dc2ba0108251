/*
 * signal.c -- signals as futures, and as the end of a run.
 *
 * The handler leaves a bit and ends the reactor's wait(); all else happens here, on the
 * reactor's thread. A signal that finds nobody waiting is latched for the next who does,
 * and so is one whose future was dropped before it could tell.
 */
#include "../base/alloc.h"
#include "../base/signals.h"
#include "reactor_internal.h"

#include <errno.h>
#include <rouse/signal.h>

struct rouse_signal_watch {
    struct rouse__signal_watch base;
    uint64_t latched;             /* came while nobody waited */
    uint64_t stop_on;             /* end a run */
    bool stopped;                 /* one of those came */
    struct rouse_signal *waiting; /* newest first */
};

static void notify(void *to)
{
    const struct rouse_reactor *reactor = (const struct rouse_reactor *) to;

    reactor->nudge.ops->wake_by_ref(reactor->nudge.data);
}

static int watch_signal(struct rouse_reactor *reactor, int number)
{
    struct rouse_signal_watch *watch = reactor->signals;

    if (watch == NULL) {
        watch = (struct rouse_signal_watch *) rouse__alloc(reactor->alloc, sizeof *watch);
        if (watch == NULL)
            return -ENOMEM;
        watch->base.notify = notify;
        watch->base.to = reactor;
        reactor->signals = watch;
    }
    return rouse__signal_watch(&watch->base, number);
}

void rouse__signals_close(struct rouse_reactor *reactor)
{
    if (reactor->signals == NULL)
        return;
    ROUSE_RULE(reactor->signals->waiting == NULL, "L1: a future still waits for a signal",
               "reactor");
    rouse__signal_unwatch(&reactor->signals->base);
    rouse__free(reactor->alloc, reactor->signals, sizeof *reactor->signals);
    reactor->signals = NULL;
}

static void link_waiting(struct rouse_signal **list, struct rouse_signal *signal)
{
    signal->next = *list;
    signal->link = list;
    if (signal->next != NULL)
        signal->next->link = &signal->next;
    *list = signal;
}

static void unlink_waiting(struct rouse_signal *signal)
{
    *signal->link = signal->next;
    if (signal->next != NULL)
        signal->next->link = signal->link;
    signal->link = NULL;
}

void rouse__signals_deliver(struct rouse_reactor *reactor)
{
    struct rouse_signal_watch *watch = reactor->signals;
    const uint64_t came = rouse__signal_take(&watch->base);
    struct rouse_signal *signal, *next, *called = NULL; /* the oldest first */
    uint64_t told = watch->stop_on;

    if (came == 0)
        return;
    watch->stopped = watch->stopped || (came & watch->stop_on) != 0;
    /* All who wait now are called, and whoever begins to wait in one of their wakes is not
     * (G3). A wake may also drop others: they leave the list they are in. */
    for (signal = watch->waiting; signal != NULL; signal = next) {
        next = signal->next;
        if ((came >> signal->number & 1) != 0) {
            unlink_waiting(signal);
            link_waiting(&called, signal);
        }
    }
    while ((signal = called) != NULL) {
        told |= (uint64_t) 1 << signal->number;
        signal->came = true;
        unlink_waiting(signal);
        rouse_wake(&signal->waker);
    }
    watch->latched |= came & ~told;
}

int rouse__signals_stop_on(struct rouse_reactor *reactor, int number)
{
    const int error = watch_signal(reactor, number);

    if (error == 0)
        reactor->signals->stop_on |= (uint64_t) 1 << number;
    return error;
}

bool rouse__signals_stopped(struct rouse_reactor *reactor)
{
    const bool stopped = reactor->signals->stopped;

    reactor->signals->stopped = false;
    return stopped;
}

static enum rouse_poll signal_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_signal *signal = (struct rouse_signal *) (void *) self;
    struct rouse_signal_watch *watch;
    uint64_t bit;
    int error;

    if (signal->came)
        return rouse_ready(self, 0);
    if (signal->link == NULL) {
        error = watch_signal(signal->reactor, signal->number);
        if (error < 0)
            return rouse_ready(self, error);
        watch = signal->reactor->signals;
        bit = (uint64_t) 1 << signal->number;
        if ((watch->latched & bit) != 0) {
            watch->latched &= ~bit;
            return rouse_ready(self, 0);
        }
        link_waiting(&watch->waiting, signal);
    }
    rouse_waker_keep(&signal->waker, cx->waker);
    return ROUSE_PENDING;
}

static void signal_drop(struct rouse_future *self)
{
    struct rouse_signal *signal = (struct rouse_signal *) (void *) self;

    if (signal->link != NULL)
        unlink_waiting(signal);
    else if (signal->came)
        signal->reactor->signals->latched |= (uint64_t) 1 << signal->number;
    rouse_waker_drop(&signal->waker);
}

static const struct rouse_future_ops signal_ops = {signal_poll, signal_drop, "signal"};

struct rouse_signal rouse_signal(struct rouse_reactor *reactor, int number)
{
    struct rouse_signal signal = {{&signal_ops, 0}, reactor, number, false,
                                  {NULL, NULL},     NULL,    NULL};

    return signal;
}
