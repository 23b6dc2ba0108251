/*
 * raw.h -- a queue of the backend under test with nothing around it.
 *
 * The wrapper of the suite stops a case at the first broken clause of E; where a case is
 * about a fault, it wants to see for itself what came of it.
 */
#ifndef ROUSE_CONFORMANCE_FAULT_RAW_H
#define ROUSE_CONFORMANCE_FAULT_RAW_H

#include "../world.h"

struct raw {
    struct rouse_evq *evq;
    const struct rouse_sockets *sockets;
    struct memory memory;
};

static inline void raw_open(struct raw *raw, struct world *world)
{
    struct rouse_evq_options options = {.size = sizeof options};

    memory_init(&raw->memory);
    options.alloc = &raw->memory.alloc;
    if (world->backend->open(&raw->evq, &options) != 0)
        suite_error("no queue");
    raw->sockets = raw->evq->sockets != NULL ? raw->evq->sockets : rouse_host_sockets();
}

static inline void raw_close(struct raw *raw)
{
    raw->evq->ops->close(raw->evq);
}

static inline void raw_pair(struct raw *raw, rouse_fd ends[2])
{
    if (raw->sockets->pair(raw->sockets, ends) != 0)
        suite_error("no pair");
}

static inline int raw_arm(struct raw *raw, struct rouse_source *source, unsigned interest)
{
    return raw->evq->ops->arm(raw->evq, source, interest);
}

static inline void raw_forget_and_close(struct raw *raw, struct rouse_source *source)
{
    raw->evq->ops->forget(raw->evq, source);
    raw->sockets->close(raw->sockets, source->fd);
}

static inline rouse_time raw_now(struct raw *raw)
{
    return raw->evq->ops->now(raw->evq);
}

/* One wait() of at most `ms`. */
static inline int raw_wait(struct raw *raw, struct rouse_event *events, int capacity, int ms)
{
    return raw->evq->ops->wait(raw->evq, events, capacity, raw_now(raw) + ROUSE_MS(ms));
}

/* Whether `source`, armed for reading, is reported soon. Others may be, too. */
static inline bool raw_reports(struct raw *raw, const struct rouse_source *source)
{
    const rouse_time late = raw_now(raw) + ROUSE_MS(WORLD_SOON);
    struct rouse_event event;

    while ((source->armed & ROUSE_READABLE) != 0 && raw_now(raw) < late)
        if (raw_wait(raw, &event, 1, WORLD_SOON) < 0)
            return false;
    return (source->armed & ROUSE_READABLE) == 0;
}

#endif /* ROUSE_CONFORMANCE_FAULT_RAW_H */
