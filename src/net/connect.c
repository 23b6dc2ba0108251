/*
 * connect.c -- connecting, from text to a descriptor.
 */
#include "net_internal.h"

#include <errno.h>

/* READY with what is now known; the descriptor is forgotten, and closed on failure. */
static enum rouse_poll connect_done(struct rouse_connect *connect, int error)
{
    struct rouse_reactor *reactor = connect->io.reactor;
    const rouse_fd fd = connect->io.source.fd;

    rouse_io_leave(&connect->io, ROUSE_WRITABLE, &connect->future);
    if (fd != ROUSE_NO_FD)
        rouse_io_close(&connect->io);
    if (error == 0)
        connect->fd = fd;
    else if (fd != ROUSE_NO_FD)
        rouse_fd_close(reactor, fd);
    return rouse_ready(&connect->future, error);
}

static int begin(struct rouse_connect *connect)
{
    struct rouse_reactor *reactor = connect->io.reactor;
    const struct rouse_sockets *sockets = sockets_of(reactor);
    rouse_fd fd;
    int error;

    if (connect->address.family == ROUSE_NO_FAMILY)
        return -EINVAL;
    error = sockets->open(sockets, (enum rouse_family) connect->address.family, &fd);
    if (error < 0)
        return error;
    rouse_io_open(&connect->io, reactor, fd);
    return sockets->connect(sockets, fd, &connect->address);
}

static enum rouse_poll connect_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_connect *connect = (struct rouse_connect *) (void *) self;
    struct rouse_io *io = &connect->io;
    int error = -EINPROGRESS;

    if (io->source.fd == ROUSE_NO_FD && !rouse_budget_spend(cx))
        return ROUSE_PENDING;
    if (io->source.fd == ROUSE_NO_FD)
        error = begin(connect);
    else if (rouse_io_try(io, ROUSE_WRITABLE))
        error = sockets_of(io->reactor)->connected(sockets_of(io->reactor), io->source.fd);
    if (error == -EINPROGRESS && rouse_io_try(io, ROUSE_WRITABLE)) {
        error = rouse_io_arm(io, ROUSE_WRITABLE);
        error = error == 0 ? -EINPROGRESS : error;
    }
    if (error != -EINPROGRESS)
        return connect_done(connect, error);
    rouse_io_wait(io, ROUSE_WRITABLE, self, cx->waker);
    return ROUSE_PENDING;
}

static void connect_drop(struct rouse_future *self)
{
    (void) connect_done((struct rouse_connect *) (void *) self, -ECANCELED);
}

static const struct rouse_future_ops connect_ops = {connect_poll, connect_drop, "connect"};

struct rouse_connect rouse_connect_to(struct rouse_reactor *reactor,
                                      const struct rouse_address *address)
{
    struct rouse_connect connect = {{&connect_ops, 0}, {0}, ROUSE_NO_FD, *address};

    connect.io.reactor = reactor;
    connect.io.source.fd = ROUSE_NO_FD;
    return connect;
}

struct rouse_connect rouse_connect(struct rouse_reactor *reactor, const char *address)
{
    struct rouse_address parsed;

    (void) rouse_address_parse(&parsed, address); /* leaves no family if it is none */
    return rouse_connect_to(reactor, &parsed);
}
