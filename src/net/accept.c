/*
 * accept.c -- listening, and accepting without spinning when descriptors run out.
 *
 * A connection that cannot be accepted for want of a descriptor stays in the queue, and
 * the listener stays ready: whoever simply tries again spins. So the listener remembers
 * that it starves (N4), and its next accept waits for a close or for time.
 */
#include "net_internal.h"

#include <errno.h>

enum {
    BACKLOG = 1024 /* the system cuts it to what it allows */
};

void rouse_listener_open(struct rouse_listener *listener, struct rouse_reactor *reactor,
                         rouse_fd fd)
{
    rouse_io_open(&listener->io, reactor, fd);
    listener->starved_until = 0;
    listener->starved_closes = 0;
}

int rouse_listen(struct rouse_listener *listener, struct rouse_reactor *reactor,
                 const char *address)
{
    const struct rouse_sockets *sockets = sockets_of(reactor);
    struct rouse_address parsed;
    rouse_fd fd;
    int error = rouse_address_parse(&parsed, address);

    if (error < 0)
        return error;
    error = sockets->open(sockets, (enum rouse_family) parsed.family, &fd);
    if (error < 0)
        return error;
    error = sockets->listen(sockets, fd, &parsed, BACKLOG);
    if (error < 0) {
        sockets->close(sockets, fd);
        return error;
    }
    rouse_listener_open(listener, reactor, fd);
    return 0;
}

int rouse_listener_address(const struct rouse_listener *listener, struct rouse_address *address)
{
    const struct rouse_sockets *sockets;

    if (listener->io.reactor == NULL)
        return -ECANCELED;
    sockets = sockets_of(listener->io.reactor);
    return sockets->local(sockets, listener->io.source.fd, address);
}

void rouse_listener_close(struct rouse_listener *listener)
{
    struct rouse_reactor *reactor = listener->io.reactor;
    const rouse_fd fd = listener->io.source.fd;

    if (reactor == NULL)
        return;
    rouse_io_close(&listener->io);
    rouse_fd_close(reactor, fd);
}

static bool is_starvation(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

/* Whether the last accept found no descriptor, and nothing has changed since. */
static bool is_starving(struct rouse_listener *listener)
{
    const struct rouse_reactor *reactor = listener->io.reactor;

    if (listener->starved_until != 0
        && (listener->starved_closes != reactor->closes
            || rouse_now(reactor) >= listener->starved_until))
        listener->starved_until = 0;
    return listener->starved_until != 0;
}

static void starve(struct rouse_accept *accept, const struct rouse_waker *waker)
{
    struct rouse_reactor *reactor = accept->listener->io.reactor;

    rouse_timer_arm(reactor, &accept->retry, accept->listener->starved_until, waker);
    if (accept->link != NULL)
        return;
    accept->reactor = reactor;
    accept->next = reactor->starving;
    accept->link = &reactor->starving;
    if (accept->next != NULL)
        accept->next->link = &accept->next;
    reactor->starving = accept;
}

static void feed(struct rouse_accept *accept)
{
    if (accept->link == NULL)
        return;
    rouse_timer_cancel(accept->reactor, &accept->retry);
    *accept->link = accept->next;
    if (accept->next != NULL)
        accept->next->link = accept->link;
    accept->link = NULL;
}

void rouse_fd_close(struct rouse_reactor *reactor, rouse_fd fd)
{
    const struct rouse_sockets *sockets = sockets_of(reactor);
    struct rouse_accept *woken = reactor->starving;

    sockets->close(sockets, fd);
    reactor->closes++;
    /* Those who starve now are woken, once. One that accepts inside its wake, and finds the
     * descriptor gone again, waits for the next. */
    reactor->starving = NULL;
    if (woken != NULL)
        woken->link = &woken;
    while (woken != NULL) {
        struct rouse_waker waker = woken->retry.waker;

        woken->retry.waker.ops = NULL;
        feed(woken);
        rouse_wake(&waker);
    }
}

static enum rouse_poll accept_done(struct rouse_accept *accept, intptr_t result)
{
    feed(accept);
    rouse_io_leave(&accept->listener->io, ROUSE_READABLE, &accept->future);
    return rouse_ready(&accept->future, result);
}

/* Tries until there is a descriptor, an error, or nothing: then -EAGAIN, and armed. */
static int try_accept(struct rouse_accept *accept, struct rouse_context *cx)
{
    struct rouse_listener *listener = accept->listener;
    struct rouse_io *io = &listener->io;
    const struct rouse_sockets *sockets = sockets_of(io->reactor);
    int error = -EAGAIN;

    while (rouse_io_try(io, ROUSE_READABLE)) {
        if (!rouse_budget_spend(cx))
            return -EAGAIN;
        error = sockets->accept(sockets, io->source.fd, &accept->fd);
        if (error == -ECONNABORTED)
            continue; /* it has gone again: the next one */
        if (error != -EAGAIN)
            break;
        error = rouse_io_arm(io, ROUSE_READABLE | ROUSE_DRAINED);
        if (error < 0)
            break;
        error = -EAGAIN;
    }
    return error;
}

static enum rouse_poll accept_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_accept *accept = (struct rouse_accept *) (void *) self;
    struct rouse_listener *listener = accept->listener;
    struct rouse_io *io = &listener->io;
    int error = -EAGAIN;

    if (!rouse_io_may(io, ROUSE_READABLE, self))
        return accept_done(accept, rouse_io_refusal(io));
    if (is_starving(listener)) {
        starve(accept, cx->waker);
    } else {
        feed(accept);
        error = try_accept(accept, cx);
    }
    if (is_starvation(error)) {
        listener->starved_until = rouse_after(io->reactor, ROUSE_MS(100));
        listener->starved_closes = io->reactor->closes;
    }
    if (error != -EAGAIN)
        return accept_done(accept, error);
    rouse_io_wait(io, ROUSE_READABLE, self, cx->waker);
    return ROUSE_PENDING;
}

static void accept_drop(struct rouse_future *self)
{
    struct rouse_accept *accept = (struct rouse_accept *) (void *) self;

    feed(accept);
    rouse_io_leave(&accept->listener->io, ROUSE_READABLE, self);
}

static const struct rouse_future_ops accept_ops = {accept_poll, accept_drop, "accept"};

struct rouse_accept rouse_accept(struct rouse_listener *listener)
{
    const struct rouse_timer idle = {0};
    struct rouse_accept accept = {{&accept_ops, 0}, listener, ROUSE_NO_FD, NULL, idle, NULL, NULL};

    return accept;
}
