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

/* What a transfer does next. */
enum step { TRY, WAIT, REFUSE };

/* The checks that come before every call, the likely ones first. REFUSE is for whoever
 * has no business here, or nothing to transfer. */
static ALWAYS_INLINE enum step next_step(struct rouse_tcp *tcp, unsigned direction, size_t size,
                                         const struct rouse_future *future)
{
    if (!rouse_io_may(&tcp->io, direction, future) || size == 0)
        return REFUSE;
    return rouse_io_try(&tcp->io, direction) ? TRY : WAIT;
}

/* Each step is a function of its own, and the last thing that a poll calls: so a poll that
 * only has to wait saves no registers. The stream comes third everywhere, because a poll
 * has the context in its second place. */

static NEVER_INLINE enum rouse_poll refuse(struct rouse_future *self, unsigned direction,
                                           struct rouse_tcp *tcp)
{
    return rouse_ready(self,
                       rouse_io_may(&tcp->io, direction, self) ? 0 : rouse_io_refusal(&tcp->io));
}

static NEVER_INLINE enum rouse_poll wait_to_read(struct rouse_future *self,
                                                 struct rouse_context *cx, struct rouse_tcp *tcp)
{
    rouse_io_wait(&tcp->io, ROUSE_READABLE, self, cx->waker);
    return ROUSE_PENDING;
}

static NEVER_INLINE enum rouse_poll wait_to_write(struct rouse_future *self,
                                                  struct rouse_context *cx, struct rouse_tcp *tcp)
{
    rouse_io_wait(&tcp->io, ROUSE_WRITABLE, self, cx->waker);
    return ROUSE_PENDING;
}

/* The call failed with `error`. If it found nothing: arms, and leaves the waker. */
static NEVER_INLINE enum rouse_poll failed(struct rouse_future *self, struct rouse_context *cx,
                                           struct rouse_tcp *tcp, unsigned direction,
                                           intptr_t error)
{
    if (error == -EAGAIN) {
        error = rouse_io_arm(&tcp->io, direction | ROUSE_DRAINED);
        if (error == 0) {
            rouse_io_wait(&tcp->io, direction, self, cx->waker);
            return ROUSE_PENDING;
        }
    }
    rouse_io_leave(&tcp->io, direction, self);
    return rouse_ready(self, error);
}

/* The call succeeded, and `fell_short` of what was asked for. */
static ALWAYS_INLINE void succeeded(struct rouse_tcp *tcp, unsigned direction, bool fell_short,
                                    const struct rouse_future *self)
{
    /* Should this arm() fail, the direction stays unarmed, and the next transfer finds
     * that out for itself. */
    if (fell_short && tcp->short_is_drained)
        (void) rouse_io_arm(&tcp->io, direction | ROUSE_DRAINED);
    rouse_io_leave(&tcp->io, direction, self);
}

static NEVER_INLINE enum rouse_poll try_read(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_read *read = (struct rouse_read *) (void *) self;
    const struct rouse_sockets *sockets = read->tcp->io.reactor->sockets;
    const intptr_t n = sockets->read(sockets, read->tcp->io.source.fd, read->buffer, read->size);

    if (n < 0)
        return failed(self, cx, read->tcp, ROUSE_READABLE, n);
    succeeded(read->tcp, ROUSE_READABLE, n != 0 && (size_t) n < read->size, self);
    return rouse_ready(self, n);
}

static enum rouse_poll read_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_read *read = (struct rouse_read *) (void *) self;

    switch (next_step(read->tcp, ROUSE_READABLE, read->size, self)) {
    case TRY:
        if (rouse_budget_spend(cx))
            return try_read(self, cx);
        break; /* its turn is asked for; till then it keeps its place */
    case WAIT: break;
    case REFUSE: return refuse(self, ROUSE_READABLE, read->tcp);
    }
    return wait_to_read(self, cx, read->tcp);
}

static void read_drop(struct rouse_future *self)
{
    struct rouse_read *read = (struct rouse_read *) (void *) self;

    rouse_io_leave(&read->tcp->io, ROUSE_READABLE, self);
}

const struct rouse_future_ops rouse_read_ops = {read_poll, read_drop, "read"};

static NEVER_INLINE enum rouse_poll try_write(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_write *write = (struct rouse_write *) (void *) self;
    const struct rouse_sockets *sockets = write->tcp->io.reactor->sockets;
    const intptr_t n =
        sockets->write(sockets, write->tcp->io.source.fd, write->buffer, write->size);

    if (n < 0)
        return failed(self, cx, write->tcp, ROUSE_WRITABLE, n);
    succeeded(write->tcp, ROUSE_WRITABLE, (size_t) n < write->size, self);
    return rouse_ready(self, n);
}

static enum rouse_poll write_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_write *write = (struct rouse_write *) (void *) self;

    switch (next_step(write->tcp, ROUSE_WRITABLE, write->size, self)) {
    case TRY:
        if (rouse_budget_spend(cx))
            return try_write(self, cx);
        break;
    case WAIT: break;
    case REFUSE: return refuse(self, ROUSE_WRITABLE, write->tcp);
    }
    return wait_to_write(self, cx, write->tcp);
}

static void write_drop(struct rouse_future *self)
{
    struct rouse_write *write = (struct rouse_write *) (void *) self;

    rouse_io_leave(&write->tcp->io, ROUSE_WRITABLE, self);
}

const struct rouse_future_ops rouse_write_ops = {write_poll, write_drop, "write"};

static ALWAYS_INLINE intptr_t write_left(struct rouse_write_all *write)
{
    const struct rouse_sockets *sockets = write->tcp->io.reactor->sockets;

    return sockets->write(sockets, write->tcp->io.source.fd,
                          (const char *) write->buffer + write->done, write->size - write->done);
}

static enum rouse_poll write_all_poll(struct rouse_future *self, struct rouse_context *cx);

/* The first call did not write all: it returned `n`. */
static NEVER_INLINE enum rouse_poll write_rest(struct rouse_future *self, struct rouse_context *cx,
                                               intptr_t n)
{
    struct rouse_write_all *write = (struct rouse_write_all *) (void *) self;

    for (;;) {
        if (n < 0)
            return failed(self, cx, write->tcp, ROUSE_WRITABLE, n);
        write->done += (size_t) n;
        succeeded(write->tcp, ROUSE_WRITABLE, write->done < write->size, self);
        if (write->done == write->size)
            return rouse_ready(self, (intptr_t) write->size);
        if (next_step(write->tcp, ROUSE_WRITABLE, write->size - write->done, self) != TRY)
            return write_all_poll(self, cx); /* which finds the same, and waits */
        if (!rouse_budget_spend(cx))
            return wait_to_write(self, cx, write->tcp);
        n = write_left(write);
    }
}

/* As a rule one call writes all. */
static enum rouse_poll write_all_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_write_all *write = (struct rouse_write_all *) (void *) self;
    intptr_t n;

    switch (next_step(write->tcp, ROUSE_WRITABLE, write->size - write->done, self)) {
    case TRY: break;
    case WAIT: return wait_to_write(self, cx, write->tcp);
    case REFUSE: return refuse(self, ROUSE_WRITABLE, write->tcp);
    }
    if (!rouse_budget_spend(cx))
        return wait_to_write(self, cx, write->tcp);
    n = write_left(write);
    if (n < 0 || (size_t) n < write->size - write->done)
        return write_rest(self, cx, n);
    write->done = write->size;
    succeeded(write->tcp, ROUSE_WRITABLE, false, self);
    return rouse_ready(self, (intptr_t) write->size);
}

static void write_all_drop(struct rouse_future *self)
{
    struct rouse_write_all *write = (struct rouse_write_all *) (void *) self;

    rouse_io_leave(&write->tcp->io, ROUSE_WRITABLE, self);
}

const struct rouse_future_ops rouse_write_all_ops = {write_all_poll, write_all_drop, "write_all"};
