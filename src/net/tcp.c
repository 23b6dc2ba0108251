/*
 * tcp.c -- reading and writing a stream.
 *
 * Every transfer is the same three steps: while a report is on its way, wait; else try;
 * and whoever finds the socket drained arms at once (R1), so that the next one knows
 * whether to try. A ping-pong round trip is six system calls that way, and none of them
 * finds nothing.
 */
#include "../base/compiler.h"
#include "net_internal.h"

#include <errno.h>

static void open_stream(struct rouse_tcp *tcp, struct rouse_reactor *reactor, rouse_fd fd,
                        bool short_is_drained)
{
    (void) sockets_of(reactor);
    rouse_io_open(&tcp->io, reactor, fd);
    tcp->short_is_drained = short_is_drained;
}

void rouse_tcp_open(struct rouse_tcp *tcp, struct rouse_reactor *reactor, rouse_fd fd)
{
    open_stream(tcp, reactor, fd, true);
}

void rouse_stream_open(struct rouse_tcp *tcp, struct rouse_reactor *reactor, rouse_fd fd)
{
    open_stream(tcp, reactor, fd, false);
}

void rouse_tcp_close(struct rouse_tcp *tcp)
{
    struct rouse_reactor *reactor = tcp->io.reactor;
    const rouse_fd fd = tcp->io.source.fd;

    if (reactor == NULL)
        return;
    rouse_io_close(&tcp->io);
    rouse_fd_close(reactor, fd);
}

int rouse_tcp_shutdown(struct rouse_tcp *tcp)
{
    const struct rouse_reactor *reactor = tcp->io.reactor;

    if (reactor == NULL)
        return -ECANCELED;
    return reactor->sockets->shutdown(reactor->sockets, tcp->io.source.fd);
}

/* What a transfer returns when it has to wait: its waker is kept, or its turn asked for. */
enum { WAITS = -EAGAIN };

/* Whether to make the call now. If not, `*n` says what to return instead: WAITS, or that
 * the stream is closed or taken, or that there is nothing to transfer. */
static ALWAYS_INLINE bool may_try(struct rouse_tcp *tcp, unsigned direction, size_t size,
                                  const struct rouse_future *future, struct rouse_context *cx,
                                  intptr_t *n)
{
    *n = WAITS;
    if (!rouse_io_may(&tcp->io, direction, future))
        *n = rouse_io_refusal(&tcp->io);
    else if (size == 0)
        *n = 0;
    else if (rouse_io_try(&tcp->io, direction))
        return rouse_budget_spend(cx);
    else
        rouse_io_wait(&tcp->io, direction, future, cx->waker);
    return false;
}

/* The call found nothing: arms, and leaves the waker. WAITS, or why not. */
static NEVER_INLINE intptr_t drained(struct rouse_tcp *tcp, unsigned direction,
                                     const struct rouse_future *future, struct rouse_context *cx)
{
    const int error = rouse_io_arm(&tcp->io, direction | ROUSE_DRAINED);

    if (error < 0) {
        rouse_io_leave(&tcp->io, direction, future);
        return error;
    }
    rouse_io_wait(&tcp->io, direction, future, cx->waker);
    return WAITS;
}

/* The call of at most `size` bytes returned `n`: what the transfer returns. */
static ALWAYS_INLINE intptr_t tried(struct rouse_tcp *tcp, unsigned direction, size_t size,
                                    const struct rouse_future *future, struct rouse_context *cx,
                                    intptr_t n)
{
    if (n == -EAGAIN)
        return drained(tcp, direction, future, cx);
    /* Should this arm() fail, the direction stays unarmed, and the next transfer finds
     * that out for itself. */
    if (n > 0 && (size_t) n < size && tcp->short_is_drained)
        (void) rouse_io_arm(&tcp->io, direction | ROUSE_DRAINED);
    rouse_io_leave(&tcp->io, direction, future);
    return n;
}

static NEVER_INLINE enum rouse_poll try_read(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_read *read = (struct rouse_read *) (void *) self;
    const struct rouse_sockets *sockets;
    intptr_t n;

    if (may_try(read->tcp, ROUSE_READABLE, read->size, self, cx, &n)) {
        sockets = read->tcp->io.reactor->sockets;
        n = sockets->read(sockets, read->tcp->io.source.fd, read->buffer, read->size);
        n = tried(read->tcp, ROUSE_READABLE, read->size, self, cx, n);
    }
    return n == WAITS ? ROUSE_PENDING : rouse_ready(self, n);
}

static enum rouse_poll read_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_io *io = &((struct rouse_read *) (void *) self)->tcp->io;

    /* Every other poll of a busy stream finds that it has to wait: nothing else, then. */
    if (rouse_io_try(io, ROUSE_READABLE) || !rouse_io_may(io, ROUSE_READABLE, self)
        || ((struct rouse_read *) (void *) self)->size == 0)
        return try_read(self, cx);
    rouse_io_wait(io, ROUSE_READABLE, self, cx->waker);
    return ROUSE_PENDING;
}

static void read_drop(struct rouse_future *self)
{
    struct rouse_read *read = (struct rouse_read *) (void *) self;

    rouse_io_leave(&read->tcp->io, ROUSE_READABLE, self);
}

const struct rouse_future_ops rouse_read_ops = {read_poll, read_drop, "read"};

static enum rouse_poll write_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_write *write = (struct rouse_write *) (void *) self;
    const struct rouse_sockets *sockets;
    intptr_t n;

    if (may_try(write->tcp, ROUSE_WRITABLE, write->size, self, cx, &n)) {
        sockets = write->tcp->io.reactor->sockets;
        n = sockets->write(sockets, write->tcp->io.source.fd, write->buffer, write->size);
        n = tried(write->tcp, ROUSE_WRITABLE, write->size, self, cx, n);
    }
    return n == WAITS ? ROUSE_PENDING : rouse_ready(self, n);
}

static void write_drop(struct rouse_future *self)
{
    struct rouse_write *write = (struct rouse_write *) (void *) self;

    rouse_io_leave(&write->tcp->io, ROUSE_WRITABLE, self);
}

const struct rouse_future_ops rouse_write_ops = {write_poll, write_drop, "write"};

static enum rouse_poll write_all_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_write_all *write = (struct rouse_write_all *) (void *) self;
    const struct rouse_sockets *sockets;
    intptr_t n;

    while (may_try(write->tcp, ROUSE_WRITABLE, write->size - write->done, self, cx, &n)) {
        sockets = write->tcp->io.reactor->sockets;
        n = sockets->write(sockets, write->tcp->io.source.fd,
                           (const char *) write->buffer + write->done, write->size - write->done);
        n = tried(write->tcp, ROUSE_WRITABLE, write->size - write->done, self, cx, n);
        if (n < 0)
            break;
        write->done += (size_t) n;
        if (write->done == write->size)
            return rouse_ready(self, (intptr_t) write->size);
    }
    return n == WAITS ? ROUSE_PENDING : rouse_ready(self, n);
}

static void write_all_drop(struct rouse_future *self)
{
    struct rouse_write_all *write = (struct rouse_write_all *) (void *) self;

    rouse_io_leave(&write->tcp->io, ROUSE_WRITABLE, self);
}

const struct rouse_future_ops rouse_write_all_ops = {write_all_poll, write_all_drop, "write_all"};
