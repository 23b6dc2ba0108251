/*
 * bench.h -- where the cases of L4 drop futures: a runtime, a waker that counts its
 * references, and a look at everything that could be left.
 */
#ifndef ROUSE_CONFORMANCE_LIFE_BENCH_H
#define ROUSE_CONFORMANCE_LIFE_BENCH_H

#include <string.h>

#include "../world.h"

enum { BENCH_ROOM = 1024 };

/* Where a future stands when it is dropped. */
enum stage { UNPOLLED, POLLED, WOKEN, STAGES };

static inline const char *stage_name(enum stage stage)
{
    static const char *const names[] = {"before its first poll", "after it", "after it was woken"};

    return names[stage];
}

struct bench {
    struct world *world;
    struct rouse rt;
    struct wakes *wakes;
    int descriptors;
    const void *dropped; /* a future, and what it was like when it had been dropped */
    size_t size;
    unsigned char copy[BENCH_ROOM];
};

static inline void bench_open(struct bench *bench, struct world *world)
{
    *bench = (struct bench){.world = world, .wakes = world_wakes(world)};
    world_runtime(world, &bench->rt);
    bench->descriptors = world_open_descriptors(world);
}

static inline enum rouse_poll poll_it(struct bench *bench, struct rouse_future *future)
{
    const struct rouse_waker waker = wakes_waker(bench->wakes);

    return world_poll(future, &waker);
}

static inline void bench_remember(struct bench *bench, const void *dropped, size_t size)
{
    if (size > BENCH_ROOM)
        suite_error("a future of %zu bytes", size);
    memcpy(bench->copy, dropped, size);
    bench->dropped = dropped;
    bench->size = size;
}

static inline void drop_it(struct bench *bench, struct rouse_future *future, size_t size,
                           const char *what, enum stage stage)
{
    rouse_future_drop(future);
    bench_remember(bench, future, size);
    CHECK(L4, bench->wakes->references == 0, "%s, dropped %s, keeps %d wakers", what,
          stage_name(stage), (int) bench->wakes->references);
    CHECK(L4, rouse_reactor_deadline(&bench->rt.reactor) == ROUSE_NEVER,
          "%s, dropped %s, leaves a timer", what, stage_name(stage));
    CHECK(L4, world_open_descriptors(bench->world) == bench->descriptors,
          "%s, dropped %s, leaves descriptors: %d are open, %d were", what, stage_name(stage),
          world_open_descriptors(bench->world), bench->descriptors);
}

/* Whether it and its waker are left alone, turn after turn. */
static inline void check_silent(struct bench *bench, const char *what)
{
    wakes_taken(bench->wakes);
    for (int i = 0; i < 3; i++)
        rouse_turn(&bench->rt, world_after(bench->world, 1));
    CHECK(L4, wakes_taken(bench->wakes) == 0, "%s wakes after it was dropped", what);
    CHECK(L4, memcmp(bench->copy, bench->dropped, bench->size) == 0,
          "%s is written to after it was dropped", what);
}

#endif /* ROUSE_CONFORMANCE_LIFE_BENCH_H */
