/*
 * tcp.c -- reading and writing a stream.
 *
 * Every transfer is the same three steps: while a report is on its way, wait; else try;
 * and whoever finds the socket drained arms at once (R1), so that the next one knows
 * whether to try. A ping-pong round trip is six system calls that way, and none of them
 * finds nothing.
 */
#include "net_internal.h"

#include <errno.h>

static void open_stream(struct rouse_tcp *tcp, struct rouse_reactor *reactor, rouse_fd fd,
                        bool short_is_drained)
{
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
    return sockets_of(reactor)->shutdown(sockets_of(reactor), tcp->io.source.fd);
}

/* One transfer of at most `size` bytes. READY with a count or -errno in `*result`, or
 * PENDING with the waker kept. */
static enum rouse_poll transfer(struct rouse_tcp *tcp, unsigned direction, char *buffer,
                                size_t size, struct rouse_future *future, struct rouse_context *cx,
                                intptr_t *result)
{
    struct rouse_io *io = &tcp->io;
    const struct rouse_sockets *sockets;
    intptr_t n = rouse_io_claim(io, direction, future);

    if (n < 0 || size == 0) {
        rouse_io_leave(io, direction, future);
        *result = n;
        return ROUSE_READY;
    }
    if (rouse_io_try(io, direction)) {
        if (!rouse_budget_spend(cx))
            return ROUSE_PENDING;
        sockets = sockets_of(io->reactor);
        n = direction == ROUSE_READABLE ? sockets->read(sockets, io->source.fd, buffer, size)
                                        : sockets->write(sockets, io->source.fd, buffer, size);
        if (n != -EAGAIN) {
            /* Should this arm() fail, the direction stays unarmed, and the next
             * transfer finds that out for itself. */
            if (n > 0 && (size_t) n < size && tcp->short_is_drained)
                (void) rouse_io_arm(io, direction | ROUSE_DRAINED);
            rouse_io_leave(io, direction, future);
            *result = n;
            return ROUSE_READY;
        }
        n = rouse_io_arm(io, direction | ROUSE_DRAINED);
        if (n < 0) {
            rouse_io_leave(io, direction, future);
            *result = n;
            return ROUSE_READY;
        }
    }
    rouse_io_keep(io, direction, cx->waker);
    return ROUSE_PENDING;
}

static enum rouse_poll read_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_read *read = (struct rouse_read *) (void *) self;
    intptr_t n;

    if (transfer(read->tcp, ROUSE_READABLE, (char *) read->buffer, read->size, self, cx, &n)
        == ROUSE_PENDING)
        return ROUSE_PENDING;
    return rouse_ready(self, n);
}

static void read_drop(struct rouse_future *self)
{
    struct rouse_read *read = (struct rouse_read *) (void *) self;

    rouse_io_leave(&read->tcp->io, ROUSE_READABLE, self);
}

static const struct rouse_future_ops read_ops = {read_poll, read_drop, "read"};

struct rouse_read rouse_read(struct rouse_tcp *tcp, void *buffer, size_t size)
{
    struct rouse_read read = {{&read_ops, 0}, tcp, buffer, size};

    return read;
}

static enum rouse_poll write_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_write *write = (struct rouse_write *) (void *) self;
    intptr_t n;

    if (transfer(write->tcp, ROUSE_WRITABLE, (char *) (uintptr_t) write->buffer, write->size, self,
                 cx, &n)
        == ROUSE_PENDING)
        return ROUSE_PENDING;
    return rouse_ready(self, n);
}

static void write_drop(struct rouse_future *self)
{
    struct rouse_write *write = (struct rouse_write *) (void *) self;

    rouse_io_leave(&write->tcp->io, ROUSE_WRITABLE, self);
}

static const struct rouse_future_ops write_ops = {write_poll, write_drop, "write"};

struct rouse_write rouse_write(struct rouse_tcp *tcp, const void *buffer, size_t size)
{
    struct rouse_write write = {{&write_ops, 0}, tcp, buffer, size};

    return write;
}

static enum rouse_poll write_all_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_write_all *write = (struct rouse_write_all *) (void *) self;
    intptr_t n;

    do {
        if (transfer(write->tcp, ROUSE_WRITABLE, (char *) (uintptr_t) write->buffer + write->done,
                     write->size - write->done, self, cx, &n)
            == ROUSE_PENDING)
            return ROUSE_PENDING;
        if (n < 0)
            return rouse_ready(self, n);
        write->done += (size_t) n;
    } while (write->done < write->size);
    return rouse_ready(self, (intptr_t) write->size);
}

static void write_all_drop(struct rouse_future *self)
{
    struct rouse_write_all *write = (struct rouse_write_all *) (void *) self;

    rouse_io_leave(&write->tcp->io, ROUSE_WRITABLE, self);
}

static const struct rouse_future_ops write_all_ops = {write_all_poll, write_all_drop, "write_all"};

struct rouse_write_all rouse_write_all(struct rouse_tcp *tcp, const void *buffer, size_t size)
{
    struct rouse_write_all write = {{&write_all_ops, 0}, tcp, buffer, size, 0};

    return write;
}
