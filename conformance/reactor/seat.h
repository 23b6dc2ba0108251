/*
 * seat.h -- one end of a pair that a reactor watches, and who waits there.
 */
#ifndef ROUSE_CONFORMANCE_SEAT_H
#define ROUSE_CONFORMANCE_SEAT_H

#include "../world.h"

struct seat {
    struct rouse_io io;
    struct rouse_readiness wait;
    struct wakes *wakes;
    rouse_fd ends[2]; /* ours, and its peer */
    int number;
    void *table; /* the case's own */
};

/* Watches one end of a new pair. */
static inline void seat_open(struct world *world, struct rouse *rt, struct seat *seat)
{
    if (seat->wakes == NULL)
        seat->wakes = world_wakes(world);
    world_pair(world, seat->ends);
    rouse_io_open(&seat->io, &rt->reactor, seat->ends[0]);
}

/* Waits for a direction with a new future. */
static inline enum rouse_poll seat_wait(struct seat *seat, unsigned direction)
{
    const struct rouse_waker waker = wakes_waker(seat->wakes);

    seat->wait = rouse_readiness(&seat->io, direction);
    return world_poll(&seat->wait.future, &waker);
}

static inline enum rouse_poll seat_poll(struct seat *seat)
{
    const struct rouse_waker waker = wakes_waker(seat->wakes);

    return world_poll(&seat->wait.future, &waker);
}

/* Makes our end readable, for the kernel too. */
static inline void seat_feed(struct world *world, struct seat *seat)
{
    world_send(world, seat->ends[1], 1);
    world_await_ready(world, seat->ends[0], ROUSE_READABLE);
}

static inline void seat_close(struct world *world, struct seat *seat)
{
    rouse_future_drop(&seat->wait.future);
    rouse_io_close(&seat->io);
    world_close(world, seat->ends[0]);
    world_close(world, seat->ends[1]);
}

static inline bool seat_woken(void *with)
{
    return ((struct seat *) with)->wakes->count != 0;
}

#endif /* ROUSE_CONFORMANCE_SEAT_H */
