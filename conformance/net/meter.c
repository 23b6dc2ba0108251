/*
 * meter.c -- the queue that counts: each function passes on and notes.
 */
#include "meter.h"

#include <errno.h>
#include <string.h>

static struct meter *meter_of(struct rouse_evq *evq)
{
    return rouse_container_of(evq, struct meter, evq);
}

static struct meter *meter_at(const struct rouse_sockets *table)
{
    return rouse_container_of(table, struct meter, table);
}

static void found(struct meter *meter, rouse_fd fd, unsigned direction, bool drained)
{
    struct meter_drained *at = meter->drained;
    struct meter_drained *end = at + meter->drained_count;

    while (at < end && (at->fd != fd || at->direction != direction))
        at++;
    if (at < end)
        *at = meter->drained[--meter->drained_count];
    if (drained && meter->drained_count < METER_DRAINED_MAX)
        meter->drained[meter->drained_count++] = (struct meter_drained){fd, direction};
}

static bool was_found(const struct meter *meter, rouse_fd fd, unsigned direction)
{
    for (int i = 0; i < meter->drained_count; i++)
        if (meter->drained[i].fd == fd && meter->drained[i].direction == direction)
            return true;
    return false;
}

/* -- The queue --------------------------------------------------------------- */

static int meter_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct meter *meter = meter_of(evq);

    for (unsigned direction = ROUSE_READABLE; direction <= ROUSE_WRITABLE; direction <<= 1)
        if ((interest & ROUSE_DRAINED) && (interest & direction)
            && !was_found(meter, source->fd, direction))
            meter->unfounded++;
    if (meter->arm_error != 0) {
        const int error = meter->arm_error;

        meter->arm_error = 0;
        return error;
    }
    return meter->inner->ops->arm(meter->inner, source, interest);
}

static void meter_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct meter *meter = meter_of(evq);

    meter->inner->ops->forget(meter->inner, source);
}

/* Makes two events of each that names both directions; the second ones come last. There is
 * room for them. */
static int split(struct rouse_event *events, int count)
{
    const int before = count;

    for (int i = 0; i < before; i++)
        if (events[i].ready == (ROUSE_READABLE | ROUSE_WRITABLE)) {
            events[i].ready = i % 2 ? ROUSE_READABLE : ROUSE_WRITABLE;
            events[count].source = events[i].source;
            events[count++].ready = i % 2 ? ROUSE_WRITABLE : ROUSE_READABLE;
        }
    return count;
}

/* Reports a source by mistake, which is legal once per arm. Below, it is forgotten. */
static int mistake(struct meter *meter, struct rouse_event *event)
{
    struct rouse_source *source = meter->mistake;

    meter->mistake = NULL;
    event->source = source;
    event->ready = source->armed;
    meter->inner->ops->forget(meter->inner, source);
    return 1;
}

static int meter_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    struct meter *meter = meter_of(evq);
    const bool splits = meter->splits && capacity > 1;
    int count = meter->mistake != NULL && meter->mistake->armed != 0
                    ? mistake(meter, events)
                    : meter->inner->ops->wait(meter->inner, events,
                                              splits ? capacity / 2 : capacity, deadline);

    if (splits && count > 0)
        count = split(events, count);
    meter->waits++;
    meter->drained_count = 0;
    meter->batch_count = 0;
    for (int i = 0; i < count; i++) {
        if (meter->batch_count < ROUSE_BATCH)
            meter->batch[meter->batch_count++] = events[i].source;
        meter->readable += (events[i].ready & ROUSE_READABLE) != 0;
        meter->writable += (events[i].ready & ROUSE_WRITABLE) != 0;
    }
    return count;
}

static void meter_wake(struct rouse_evq *evq)
{
    struct meter *meter = meter_of(evq);

    meter->inner->ops->wake(meter->inner);
}

static rouse_time meter_now(struct rouse_evq *evq)
{
    struct meter *meter = meter_of(evq);

    return meter->stopped_at != 0 ? meter->stopped_at : meter->inner->ops->now(meter->inner);
}

static const struct rouse_evq_ops meter_ops = {
    .size = sizeof meter_ops,
    .name = "meter",
    .arm = meter_arm,
    .forget = meter_forget,
    .wait = meter_wait,
    .wake = meter_wake,
    .now = meter_now,
};

/* -- The sockets ------------------------------------------------------------- */

static int meter_open(const struct rouse_sockets *self, enum rouse_family family, rouse_fd *fd)
{
    const struct rouse_sockets *inner = meter_at(self)->sockets;

    return inner->open(inner, family, fd);
}

static int meter_listen(const struct rouse_sockets *self, rouse_fd fd,
                        const struct rouse_address *address, int backlog)
{
    const struct rouse_sockets *inner = meter_at(self)->sockets;

    return inner->listen(inner, fd, address, backlog);
}

static int meter_accept(const struct rouse_sockets *self, rouse_fd fd, rouse_fd *accepted)
{
    struct meter *meter = meter_at(self);
    const int error = meter->accept_error != 0
                          ? meter->accept_error
                          : meter->sockets->accept(meter->sockets, fd, accepted);

    meter->accepts++;
    meter->accepts_refused += error == -EAGAIN;
    found(meter, fd, ROUSE_READABLE, error == -EAGAIN);
    return error;
}

static int meter_connect(const struct rouse_sockets *self, rouse_fd fd,
                         const struct rouse_address *address)
{
    const struct rouse_sockets *inner = meter_at(self)->sockets;

    return inner->connect(inner, fd, address);
}

static int meter_connected(const struct rouse_sockets *self, rouse_fd fd)
{
    const struct rouse_sockets *inner = meter_at(self)->sockets;

    return inner->connected(inner, fd);
}

static bool is_drained(const struct meter *meter, intptr_t count, size_t size)
{
    return count == -EAGAIN || (meter->short_is_drained && count > 0 && (size_t) count < size);
}

static intptr_t meter_read(const struct rouse_sockets *self, rouse_fd fd, void *buffer, size_t size)
{
    struct meter *meter = meter_at(self);
    const intptr_t count = meter->sockets->read(meter->sockets, fd, buffer, size);

    meter->reads++;
    meter->reads_refused += count == -EAGAIN;
    found(meter, fd, ROUSE_READABLE, is_drained(meter, count, size));
    return count;
}

static intptr_t meter_write(const struct rouse_sockets *self, rouse_fd fd, const void *buffer,
                            size_t size)
{
    struct meter *meter = meter_at(self);
    const bool limited = meter->write_limit != 0 && meter->write_limit < size;
    const intptr_t count =
        meter->sockets->write(meter->sockets, fd, buffer, limited ? meter->write_limit : size);

    meter->writes++;
    meter->writes_refused += count == -EAGAIN;
    meter->writes_whole += count >= 0 && (size_t) count == size;
    found(meter, fd, ROUSE_WRITABLE, is_drained(meter, count, size));
    return count;
}

static int meter_shutdown(const struct rouse_sockets *self, rouse_fd fd)
{
    const struct rouse_sockets *inner = meter_at(self)->sockets;

    return inner->shutdown(inner, fd);
}

static void meter_close(const struct rouse_sockets *self, rouse_fd fd)
{
    struct meter *meter = meter_at(self);

    meter->closes++;
    meter->sockets->close(meter->sockets, fd);
}

static int meter_pair(const struct rouse_sockets *self, rouse_fd fds[2])
{
    const struct rouse_sockets *inner = meter_at(self)->sockets;

    return inner->pair(inner, fds);
}

static int meter_local(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    const struct rouse_sockets *inner = meter_at(self)->sockets;

    return inner->local(inner, fd, address);
}

static int meter_peer(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    const struct rouse_sockets *inner = meter_at(self)->sockets;

    return inner->peer(inner, fd, address);
}

static const struct rouse_sockets meter_sockets = {
    .size = sizeof meter_sockets,
    .open = meter_open,
    .listen = meter_listen,
    .accept = meter_accept,
    .connect = meter_connect,
    .connected = meter_connected,
    .read = meter_read,
    .write = meter_write,
    .shutdown = meter_shutdown,
    .close = meter_close,
    .pair = meter_pair,
    .local = meter_local,
    .peer = meter_peer,
};

void meter_runtime(struct world *world, struct meter *meter, struct rouse *rt)
{
    struct rouse_options options = {.size = sizeof options, .alloc = world->alloc};
    int error;

    *meter = (struct meter){.inner = world->evq, .sockets = world->sockets};
    meter->table = meter_sockets;
    meter->evq.ops = &meter_ops;
    meter->evq.sockets = &meter->table;
    options.evq = &meter->evq;
    memset(rt, 0xa5, sizeof *rt); /* as memory is that comes from malloc() */
    error = rouse_open(rt, &options);
    if (error != 0)
        suite_error("no runtime: %s", rouse_strerror(error));
}

void meter_stop_clock(struct meter *meter)
{
    meter->stopped_at = meter->inner->ops->now(meter->inner);
}

int meter_calls(const struct meter *meter)
{
    return meter->reads + meter->writes + meter->accepts;
}
