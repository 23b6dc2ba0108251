/*
 * world.c -- the queue of a case: opened, waited for within limits, and taken down.
 *
 * The account of reports is what lets a case say "this source, this direction, once",
 * whatever order and whatever batches the reports came in.
 */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/base/atomic.h"
#include "fault/calls.h"
#include "runner.h"
#include "world_host.h"
#include "world_things.h"

enum {
    BATCH = 16,
    TURNS_MAX = 100000 /* more than any case needs: simulated time stands still meanwhile */
};

void *world_room(void *array, int *room, int count, size_t size)
{
    if (count <= *room)
        return array;
    *room = count + count / 2 + 8;
    array = realloc(array, (size_t) *room * size);
    if (array == NULL)
        suite_error("no memory for a world");
    return array;
}

intptr_t world_expect(intptr_t result, const char *what)
{
    if (result < 0)
        suite_error("%s: %s", what, rouse_strerror(result));
    return result;
}

/* -- Queues ------------------------------------------------------------------ */

/* Whether a queue's sockets are the simulation's, below whatever wrappers. */
static bool is_simulated(const struct rouse_evq *evq)
{
    const struct rouse_evq_ops *sim = rouse_backend("sim");
    struct rouse_evq *other;
    bool same;

    if (evq->sockets == NULL || sim == NULL || sim->open(&other, NULL) != 0)
        return false;
    same = other->sockets->open == evq->sockets->open;
    sim->close(other);
    return same;
}

unsigned world_capabilities(const struct world *world)
{
    const unsigned host = host_capabilities();

    return world->simulated
               ? NEEDS_IPV6 | NEEDS_UNIX | NEEDS_ICMP | NEEDS_SIM | (host & NEEDS_FAILURES)
               : host;
}

static int open_queue(const struct rouse_evq_ops *backend, bool check,
                      const struct rouse_alloc *alloc, struct rouse_evq **evq)
{
    const struct rouse_evq_options options = {.size = sizeof options, .alloc = alloc};
    struct rouse_evq *inner;
    int error = backend->open(&inner, &options);

    if (error != 0)
        return error;
    *evq = inner;
    if (check) {
        error = rouse_evq_check(evq, inner, NULL);
        if (error != 0)
            inner->ops->close(inner);
    }
    return error;
}

int world_open_queue(struct world *world, const struct rouse_alloc *alloc, struct rouse_evq **evq)
{
    return open_queue(world->backend, world->check, alloc, evq);
}

int world_open(struct world *world, const struct world_options *options)
{
    int error;

    *world = (struct world){.backend = options->backend, .check = options->check};
    memory_init(&world->memory);
    world->alloc = &world->memory.alloc;
    world->things = calloc(1, sizeof *world->things);
    if (world->things == NULL)
        return -ENOMEM;
    /* What this machine, or a library below the backend, opens once in a process and
     * keeps is opened now, and no leak. */
    host_capabilities();
    error = open_queue(world->backend, world->check, NULL, &world->evq);
    if (error != 0)
        return error;
    world->evq->ops->close(world->evq);
    world->things->open_before = host_open_descriptors();
    error = open_queue(world->backend, world->check, world->alloc, &world->evq);
    if (error != 0)
        return error;
    world->simulated = is_simulated(world->evq);
    if (world->evq->sockets != NULL && !world->simulated)
        suite_error("%s brings sockets of its own, which this suite cannot look into",
                    world->backend->name);
    world->sockets = world->simulated ? rouse_sim_peer(world->evq) : host_sockets();
    if (!world->simulated && world->sockets != rouse_host_sockets())
        world->evq->sockets = world->sockets;
    return 0;
}

static void end_sources(struct world *world)
{
    struct lent_source *next;

    for (struct lent_source *lent = world->things->sources; lent != NULL; lent = next) {
        next = lent->next;
        world->evq->ops->forget(world->evq, &lent->source);
        free(lent);
    }
}

static void end_wakes(struct world *world)
{
    struct lent_wakes *lent = (struct lent_wakes *) atomic_load_acquire(&world->things->wakes);
    struct lent_wakes *next;

    for (; lent != NULL; lent = next) {
        const uintptr_t left = atomic_load_acquire(&lent->wakes.references);

        next = lent->next;
        WORLD_CHECK(L1, left == 0, "%lld references to a waker are left over", (long long) left);
        if (left == 0)
            free(lent);
    }
}

void world_end(struct world *world)
{
    struct world_things *things = world->things;

    if (things->storm)
        world_calm(world);
    end_sources(world);
    world_sockets_end(world);
    if (world->simulated)
        WORLD_CHECK(L1, rouse_sim_open_count(world->evq) == 0,
                    "%d simulated descriptors are left open", rouse_sim_open_count(world->evq));
    world->evq->ops->close(world->evq);
    end_wakes(world);
    WORLD_CHECK(L1, world->memory.live == 0 && world->memory.bytes == 0,
                "%zu blocks of memory, %zu bytes, are left over", world->memory.live,
                world->memory.bytes);
    WORLD_CHECK(L1, host_open_descriptors() == things->open_before,
                "%d descriptors are open, %d were before", host_open_descriptors(),
                things->open_before);
    free(things->fds);
    free(things->tallies);
    free(things);
}

void world_abandon(struct world *world)
{
    calls_end();
    if (world->things == NULL) /* it never opened */
        return;
    if (world->things->storm)
        world_calm(world);
    if (world->things->limited)
        world_starve_end(world);
    world_zero_end(world);
}

rouse_time world_now(struct world *world)
{
    return world->evq->ops->now(world->evq);
}

rouse_time world_after(struct world *world, int ms)
{
    return world_now(world) + ROUSE_MS(ms);
}

/* -- The account of reports -------------------------------------------------- */

static struct tally *tally_of(struct world *world, const struct rouse_source *source)
{
    struct world_things *things = world->things;

    for (int i = things->tally_count; i-- > 0;)
        if (things->tallies[i].source == source)
            return &things->tallies[i];
    things->tallies = world_room(things->tallies, &things->tally_room, things->tally_count + 1,
                                 sizeof *things->tallies);
    things->tallies[things->tally_count] = (struct tally){.source = source};
    return &things->tallies[things->tally_count++];
}

static void account(struct world *world, const struct rouse_event *event)
{
    struct tally *tally = tally_of(world, event->source);

    WORLD_CHECK(E6, event->ready != 0 && event->ready <= (ROUSE_READABLE | ROUSE_WRITABLE),
                "a report of %#x", event->ready);
    tally->readable += (event->ready & ROUSE_READABLE) != 0;
    tally->writable += (event->ready & ROUSE_WRITABLE) != 0;
}

static int take(int *count)
{
    const int taken = *count;

    *count = 0;
    return taken;
}

static unsigned take_mask(struct tally *tally)
{
    unsigned mask = 0;

    if (take(&tally->readable) != 0)
        mask |= ROUSE_READABLE;
    if (take(&tally->writable) != 0)
        mask |= ROUSE_WRITABLE;
    return mask;
}

int world_reports(struct world *world, const struct rouse_source *source, unsigned direction)
{
    struct tally *tally = tally_of(world, source);

    return take(direction == ROUSE_READABLE ? &tally->readable : &tally->writable);
}

/* -- Waiting ----------------------------------------------------------------- */

/* One wait(), and what it may not do. A wake ends at least one, and, when it comes while
 * that one ends for another reason, perhaps two. */
static int wait_until(struct world *world, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    struct world_things *things = world->things;
    const uintptr_t done = atomic_load_acquire(&things->wakes_done);
    const int count = world->evq->ops->wait(world->evq, events, capacity, deadline);

    if (count < 0) {
        WORLD_CHECK(E6, false, "wait() failed: %s", rouse_strerror(count));
        suite_error("wait() failed: %s", rouse_strerror(count));
    }
    if (count == 0) {
        const rouse_time early = deadline - world_now(world);

        WORLD_CHECK(
            E9, early <= 0 || atomic_load_acquire(&things->wakes_begun) != things->wakes_seen,
            "wait() returned 0 %lld ns before its deadline, and nobody woke it", (long long) early);
        things->wakes_seen = done;
    }
    for (int i = 0; i < count; i++)
        account(world, &events[i]);
    return count;
}

int world_wait(struct world *world, struct rouse_event *events, int capacity, int ms)
{
    return wait_until(world, events, capacity, world_after(world, ms));
}

static int turn_until(struct world *world, rouse_time deadline)
{
    struct rouse_event events[BATCH];

    return wait_until(world, events, BATCH, deadline);
}

int world_turn(struct world *world, int ms)
{
    return turn_until(world, world_after(world, ms));
}

static void demand_end(int turns)
{
    if (!WORLD_CHECK(E6, turns < TURNS_MAX, "reports without end"))
        suite_error("reports without end");
}

unsigned world_wait_for(struct world *world, const struct rouse_source *source, unsigned directions,
                        int ms)
{
    const rouse_time deadline = world_after(world, ms);
    unsigned reported = take_mask(tally_of(world, source));
    int turns = 0;

    while ((reported & directions) != directions && world_now(world) < deadline) {
        turn_until(world, deadline);
        demand_end(++turns);
        reported |= take_mask(tally_of(world, source));
    }
    return reported;
}

unsigned world_quiet(struct world *world, const struct rouse_source *source, int ms)
{
    const rouse_time deadline = world_after(world, ms);
    int turns = 0;

    do {
        turn_until(world, deadline);
        demand_end(++turns);
    } while (world_now(world) < deadline);
    return take_mask(tally_of(world, source));
}

struct late {
    enum guarantee id;
    const char *file;
    int line;
};

static void too_late(void *argument)
{
    const struct late *late = argument;

    suite_fail_and_exit(late->id, "a wait without limit was not ended by another thread",
                        late->file, late->line);
}

int world_wait_unlimited(struct world *world, enum guarantee id, struct rouse_event *events,
                         int capacity, const char *file, int line)
{
    struct late late = {id, file, line};
    struct watchdog *watchdog = watchdog_start(WORLD_SOON, too_late, &late);
    const int count = wait_until(world, events, capacity, ROUSE_NEVER);

    watchdog_stop(watchdog);
    return count;
}

void world_wake(struct world *world)
{
    atomic_fetch_add(&world->things->wakes_begun, 1);
    world->evq->ops->wake(world->evq);
    atomic_fetch_add(&world->things->wakes_done, 1);
}

/* -- Sources ----------------------------------------------------------------- */

struct rouse_source *world_source(struct world *world, rouse_fd fd)
{
    struct lent_source *lent = calloc(1, sizeof *lent);

    if (lent == NULL)
        suite_error("no memory for a source");
    lent->source.fd = fd;
    lent->next = world->things->sources;
    world->things->sources = lent;
    return &lent->source;
}

void world_arm(struct world *world, struct rouse_source *source, unsigned interest)
{
    const int error = world->evq->ops->arm(world->evq, source, interest);

    WORLD_CHECK(E11, error == 0, "arm() of a good descriptor: %s", rouse_strerror(error));
    if (error != 0)
        suite_error("arm() of a good descriptor: %s", rouse_strerror(error));
}

void world_forget(struct world *world, struct rouse_source *source)
{
    world->evq->ops->forget(world->evq, source);
}

/* -- Wakers and signals ------------------------------------------------------ */

struct wakes *world_wakes(struct world *world)
{
    struct lent_wakes *lent = calloc(1, sizeof *lent);
    uintptr_t newest;

    if (lent == NULL)
        suite_error("no memory for a waker");
    newest = atomic_load_relaxed(&world->things->wakes);
    do
        lent->next = (struct lent_wakes *) newest;
    while (!atomic_compare_exchange(&world->things->wakes, &newest, (uintptr_t) lent));
    return &lent->wakes;
}

void world_storm(struct world *world, void (*then)(void *with), void *with)
{
    world_expect(host_storm(then, with), "signals");
    world->things->storm = true;
}

int world_calm(struct world *world)
{
    world->things->storm = false;
    return host_calm();
}
