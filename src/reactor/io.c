/*
 * io.c -- one descriptor, and who waits for which direction of it.
 */
#include <errno.h>
#include <rouse/reactor.h>

void rouse_io_open(struct rouse_io *io, struct rouse_reactor *reactor, rouse_fd fd)
{
    const struct rouse_io idle = {0};

    *io = idle;
    io->reactor = reactor;
    io->source.fd = fd;
}

void rouse_io_close(struct rouse_io *io)
{
    struct rouse_reactor *reactor = io->reactor;
    struct rouse_waker reader, writer;

    if (reactor == NULL)
        return;
    reactor->evq->ops->forget(reactor->evq, &io->source);
    if (io->source.slot != 0)
        reactor->batch[io->source.slot - 1].source = NULL; /* R3 */
    reader = io->reader.waker;
    writer = io->writer.waker;
    rouse_io_open(io, NULL, ROUSE_NO_FD);
    rouse_wake(&reader);
    rouse_wake(&writer);
}

int rouse_io_refusal(const struct rouse_io *io)
{
    return io->reactor == NULL ? -ECANCELED : -EBUSY;
}

static enum rouse_poll readiness_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct rouse_readiness *wait = (struct rouse_readiness *) (void *) self;
    struct rouse_io *io = wait->io;
    int error = 0;

    if (!rouse_io_may(io, wait->direction, self))
        return rouse_ready(self, rouse_io_refusal(io));
    if (!wait->armed) {
        /* Nobody knows what the other library left: no hint. */
        error = rouse_io_arm(io, wait->direction);
        wait->armed = true;
    }
    if (error == 0 && !rouse_io_try(io, wait->direction)) {
        rouse_io_wait(io, wait->direction, self, cx->waker);
        return ROUSE_PENDING;
    }
    rouse_io_leave(io, wait->direction, self);
    return rouse_ready(self, error);
}

static void readiness_drop(struct rouse_future *self)
{
    struct rouse_readiness *wait = (struct rouse_readiness *) (void *) self;

    rouse_io_leave(wait->io, wait->direction, self);
}

static const struct rouse_future_ops readiness_ops = {readiness_poll, readiness_drop, "readiness"};

struct rouse_readiness rouse_readiness(struct rouse_io *io, unsigned direction)
{
    struct rouse_readiness wait = {{&readiness_ops, 0}, io, direction, false};

    return wait;
}
