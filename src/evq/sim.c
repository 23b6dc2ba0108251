/*
 * sim.c -- the simulated queue: a clock that jumps, and an order drawn from a seed.
 *
 * Everything that happens here is somebody's call on this thread, so when nothing is
 * ready nothing will be until the deadline: wait() goes straight there. The exceptions
 * are wake(), which may come from a real thread or a signal handler, and a wait without
 * a deadline, which only wake() can end and which therefore really sleeps.
 *
 * The sockets, with the list of those that owe a report, are sim_sockets.c.
 */
#include "../base/alloc.h"
#include "../base/selfpipe.h"
#include "backends.h"
#include "sim_sockets.h"
#include "sleep.h"

#include <rouse/sim.h>

#include <errno.h>
#include <string.h>

enum { DEFAULT_CAPACITY = 65536, DEFAULT_DESCRIPTORS = 65536 };

struct sim {
    struct rouse_evq base;
    struct rouse__sim_sockets sockets;
    rouse_time now;
    bool shuffles;   /* a seed was given */
    uint64_t random; /* the generator's state */
    uintptr_t sleep; /* atomic: see sleep.h */
    struct rouse__selfpipe pipe;
};

static struct sim *sim_of(struct rouse_evq *evq)
{
    return rouse_container_of(evq, struct sim, base);
}

/* What the caller knows of the options, and zeroes for what came later. */
static struct rouse_sim_options known_options(const struct rouse_evq_options *options)
{
    struct rouse_sim_options known = {0};
    const struct rouse_sim_options *given = options != NULL ? options->host : NULL;

    if (given != NULL) {
        const bool sized = given->size > 0 && given->size < sizeof known;

        memcpy(&known, given, sized ? given->size : sizeof known);
    }
    return known;
}

/* The generator is SplitMix64 (Steele, Lea and Flood, 2014): any state is a good one,
 * so the seed needs no preparation. */
static uint64_t draw(struct sim *sim)
{
    uint64_t bits;

    sim->random += UINT64_C(0x9e3779b97f4a7c15);
    bits = sim->random;
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

/* Which sources are in a batch is not left to chance, or somebody could starve (E10);
 * only their order is. */
static void shuffle(struct sim *sim, struct rouse_event *events, int count)
{
    for (int left = count; left > 1; left--) {
        const int drawn = (int) (draw(sim) % (uint64_t) left);
        const struct rouse_event event = events[drawn];

        events[drawn] = events[left - 1];
        events[left - 1] = event;
    }
}

static void sleep_until_woken(struct sim *sim)
{
    bool woken = false;

    while (!woken) {
        if (sleep_begin(&sim->sleep)) {
            rouse__selfpipe_wait(&sim->pipe);
            rouse__selfpipe_drain(&sim->pipe);
        }
        woken = sleep_end(&sim->sleep);
    }
}

/* Whether a wake() came, which is then used up. */
static bool take_wake(struct sim *sim)
{
    (void) sleep_begin(&sim->sleep);
    return sleep_end(&sim->sleep);
}

static int sim_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    const struct rouse_alloc *alloc = options != NULL ? options->alloc : NULL;
    const struct rouse_sim_options known = known_options(options);
    const size_t capacity = known.capacity > 0 ? known.capacity : DEFAULT_CAPACITY;
    const int descriptors = known.descriptors > 0 ? known.descriptors : DEFAULT_DESCRIPTORS;
    struct sim *sim = rouse__alloc(alloc, sizeof *sim);
    int error;

    if (sim == NULL)
        return -ENOMEM;
    error = rouse__selfpipe_open(&sim->pipe);
    if (error < 0)
        goto undo_alloc;
    rouse__sim_sockets_init(&sim->sockets, alloc, capacity, (size_t) descriptors);
    sim->base.ops = &rouse__sim;
    sim->base.sockets = &sim->sockets.table;
    sim->shuffles = known.seed != 0;
    sim->random = known.seed;
    *evq = &sim->base;
    return 0;

undo_alloc:
    rouse__free(alloc, sim, sizeof *sim);
    return error;
}

static void sim_close(struct rouse_evq *evq)
{
    struct sim *sim = sim_of(evq);

    rouse__sim_sockets_close(&sim->sockets);
    rouse__selfpipe_close(&sim->pipe);
    rouse__free(sim->sockets.alloc, sim, sizeof *sim);
}

static int sim_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    return rouse__sim_arm(&sim_of(evq)->sockets, source, interest);
}

static void sim_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    (void) evq;
    rouse__sim_forget(source);
}

static int sim_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                    rouse_time deadline)
{
    struct sim *sim = sim_of(evq);
    const int count = rouse__sim_report(&sim->sockets, events, capacity);

    if (count > 0) {
        /* A wake() that came before has ended this wait too. */
        (void) take_wake(sim);
        if (sim->shuffles)
            shuffle(sim, events, count);
    } else if (deadline == ROUSE_NEVER) {
        sleep_until_woken(sim);
    } else if (take_wake(sim)) {
        /* Woken before the deadline: time has not moved. */
    } else if (sim->now < deadline) {
        sim->now = deadline;
    }
    return count;
}

static void sim_wake(struct rouse_evq *evq)
{
    struct sim *sim = sim_of(evq);

    if (sleep_wake(&sim->sleep))
        rouse__selfpipe_notify(&sim->pipe);
}

static rouse_time sim_now(struct rouse_evq *evq)
{
    return sim_of(evq)->now;
}

void rouse_sim_advance(struct rouse_evq *evq, rouse_time duration)
{
    struct sim *sim = rouse_container_of(rouse__sim_sockets_of(evq), struct sim, sockets);

    ROUSE_RULE(duration >= 0, "E9: the clock never goes back", "rouse_sim_advance");
    /* ROUSE_NEVER is a moment that does not come. */
    if (duration >= ROUSE_NEVER - sim->now)
        sim->now = ROUSE_NEVER - 1;
    else if (duration > 0)
        sim->now += duration;
}

const struct rouse_evq_ops rouse__sim = {
    .size = sizeof(struct rouse_evq_ops),
    .name = "sim",
    .open = sim_open,
    .close = sim_close,
    .arm = sim_arm,
    .forget = sim_forget,
    .wait = sim_wait,
    .wake = sim_wake,
    .now = sim_now,
};
