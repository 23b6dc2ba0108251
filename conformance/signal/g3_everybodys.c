/*
 * g3_everybodys.c -- G3: every reactor that watches a signal gets it, and there wakes all
 * who wait, once.
 */
#include "signals.h"

#include <errno.h>

#include "../../src/base/atomic.h"

enum { RUNTIMES = 3, WAITERS = 20 };

/* -- Several runtimes -------------------------------------------------------- */

struct other {
    struct rouse_evq *evq;
    struct rouse rt;
};

static void other_open(struct world *world, struct other *other)
{
    struct rouse_options options = {.size = sizeof options, .alloc = world->alloc};

    if (world_open_queue(world, world->alloc, &other->evq) != 0)
        suite_error("no queue");
    options.evq = other->evq;
    if (rouse_open(&other->rt, &options) != 0)
        suite_error("no runtime");
}

static void other_close(struct other *other)
{
    rouse_close(&other->rt);
    other->evq->ops->close(other->evq);
}

CASE(g3_every_runtime_that_watches_gets_it, "G3", NEEDS_NOTHING,
     "three runtimes watch a signal, one of them another one too; they ask before or after",
     "each is told once, of what it watches")
{
    struct other others[RUNTIMES];

    signals_begin();
    for (int i = 0; i < RUNTIMES; i++) {
        other_open(world, &others[i]);
        signals_watch(&others[i].rt.reactor, SIGTERM);
    }
    signals_watch(&others[1].rt.reactor, SIGINT);
    for (int round = 0; round < 6; round++) {
        raise(SIGTERM);
        if (round % 2 == 0)
            raise(SIGINT);
        for (int i = 0; i < RUNTIMES; i++) {
            struct rouse *rt = &others[(i + round) % RUNTIMES].rt;

            if (round / 2 == 1)
                rouse_turn(rt, 0);
            CHECK(G3, signals_comes(rt, SIGTERM), "runtime %d of %d was not told", i, RUNTIMES);
            CHECK(G3, signals_silent(rt, SIGTERM), "runtime %d of %d was told twice", i, RUNTIMES);
        }
        CHECK(G3,
              round % 2 == 0 ? signals_comes(&others[1].rt, SIGINT)
                             : signals_silent(&others[1].rt, SIGINT),
              "the other signal, which one of them watches, came to be mistaken");
    }
    for (int i = 0; i < RUNTIMES; i++)
        other_close(&others[i]);
    signals_end();
}

CASE(g3_what_came_before_a_runtime_watched_is_not_told_there, "G3", NEEDS_NOTHING,
     "a signal comes that one runtime watches, while another watches a different one, and a third "
     "none; they turn or not, and then wait for it as well",
     "it is told where it was watched, and the others pend, until it comes once more")
{
    for (int turns = 0; turns < 2; turns++) {
        struct other others[RUNTIMES];

        signals_begin();
        for (int i = 0; i < RUNTIMES; i++)
            other_open(world, &others[i]);
        signals_watch(&others[0].rt.reactor, SIGTERM);
        signals_watch(&others[1].rt.reactor, SIGINT);
        raise(SIGTERM);
        for (int i = 0; i < RUNTIMES && turns; i++)
            rouse_turn(&others[i].rt, 0);
        for (int i = 1; i < RUNTIMES; i++)
            CHECK(G3, signals_silent(&others[i].rt, SIGTERM), "runtime %d did not watch it", i);
        CHECK(G3, signals_comes(&others[0].rt, SIGTERM), "who watched it was not told");
        raise(SIGTERM);
        for (int i = 0; i < RUNTIMES; i++)
            CHECK(G3, signals_comes(&others[i].rt, SIGTERM), "runtime %d was not told", i);
        CHECK(G3, signals_silent(&others[1].rt, SIGINT), "the other signal came to be mistaken");
        for (int i = 0; i < RUNTIMES; i++)
            other_close(&others[i]);
        signals_end();
    }
}

/* A runtime on a thread of its own, which sleeps until the signal comes. */
struct sleeper {
    struct world *world;
    struct thread *thread;
    uintptr_t opened;      /* atomic */
    struct barrier *waits; /* everybody has begun to wait */
    struct rouse_future future;
    struct rouse_signal signal;
    int round, rounds;
};

static enum rouse_poll wait_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct sleeper *sleeper = rouse_container_of(self, struct sleeper, future);
    const bool first = sleeper->signal.future.ops == NULL;
    enum rouse_poll poll;

    if (first)
        sleeper->signal = rouse_signal(sleeper->signal.reactor, SIGTERM);
    poll = rouse_future_poll(&sleeper->signal.future, cx);
    if (first)
        barrier_wait(sleeper->waits);
    if (poll == ROUSE_PENDING)
        return ROUSE_PENDING;
    return rouse_ready(self, sleeper->signal.future.result);
}

static void sleep_until_it_comes(void *argument)
{
    static const struct rouse_future_ops ops = {wait_poll, NULL, "wait"};
    struct sleeper *sleeper = argument;
    struct other other;

    other_open(sleeper->world, &other);
    atomic_exchange(&sleeper->opened, 1);
    for (sleeper->round = 0; sleeper->round < sleeper->rounds; sleeper->round++) {
        sleeper->future = (struct rouse_future){&ops, 0};
        sleeper->signal = (struct rouse_signal){.reactor = &other.rt.reactor};
        CHECK_EQUAL(G3, RUN_UNLIMITED(G3, sleeper->world, &other.rt, &sleeper->future), 0,
                    "the result on another thread");
        barrier_wait(sleeper->waits); /* nobody is told of the next one too early */
    }
    other_close(&other);
}

CASE(g3_runtimes_that_sleep_on_other_threads_are_woken, "G3", NEEDS_NOTHING,
     "three threads sleep in a runtime each until a signal comes, handled on a fourth, 20 times",
     "all three are told each time")
{
    struct sleeper sleepers[RUNTIMES] = {0};
    struct barrier *waits = barrier_make(RUNTIMES + 1);
    enum { ROUNDS = 20 };

    signals_begin();
    for (int i = 0; i < RUNTIMES; i++) {
        sleepers[i].world = world;
        sleepers[i].waits = waits;
        sleepers[i].rounds = ROUNDS;
        sleepers[i].thread = thread_start(sleep_until_it_comes, &sleepers[i]);
        /* One after the other: what libuv closes a sanitizer does not see, and takes the
         * same number, opened again on another thread, for a race. */
        while (!atomic_load_acquire(&sleepers[i].opened))
            thread_yield();
    }
    for (int round = 0; round < ROUNDS; round++) {
        barrier_wait(waits);
        raise(SIGTERM);
        barrier_wait(waits);
    }
    for (int i = 0; i < RUNTIMES; i++)
        thread_join(sleepers[i].thread);
    barrier_free(waits);
    CHECK_EQUAL(G3, signals_counted(), 0, "effects on the process");
    signals_end();
}

/* -- Several who wait -------------------------------------------------------- */

CASE(g3_all_who_wait_are_woken_once, "G3", NEEDS_NOTHING,
     "twenty futures wait for one signal and twenty for another, and one of the two comes",
     "its twenty are woken once and READY, and the others sleep on")
{
    struct rouse_signal waits[2 * WAITERS];
    struct wakes *wakes[2 * WAITERS];
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int i = 0; i < 2 * WAITERS; i++)
        wakes[i] = world_wakes(world);
    for (int round = 0; round < 4; round++) {
        const int came = round % 2;

        for (int i = 0; i < 2 * WAITERS; i++) {
            const struct rouse_waker waker = wakes_waker(wakes[i]);

            waits[i] = rouse_signal(&rt.reactor, signals[i % 2]);
            CHECK(G3, world_poll(&waits[i].future, &waker) == ROUSE_PENDING,
                  "a signal that has not come");
        }
        raise(signals[came]);
        for (int turn = 0; turn < 3; turn++)
            rouse_turn(&rt, 0);
        for (int i = 0; i < 2 * WAITERS; i++) {
            const bool his = i % 2 == came;

            CHECK_EQUAL(G3, wakes_taken(wakes[i]), his, "the wakes of one who waits");
            CHECK(G3, world_poll(&waits[i].future, NULL) == (his ? ROUSE_READY : ROUSE_PENDING),
                  "number %d, whose signal came: %d", i, his);
            rouse_future_drop(&waits[i].future);
        }
    }
    rouse_close(&rt);
    signals_end();
}

/* What one of those who are woken does, inside the wake. */
struct meddler {
    struct rouse *rt;
    struct rouse_signal *victim;   /* dropped, or NULL */
    struct rouse_signal *newcomer; /* begun, or NULL */
    struct wakes *wakes;           /* of the newcomer */
};

static void meddle(void *with)
{
    struct meddler *meddler = with;

    if (meddler->victim != NULL)
        rouse_future_drop(&meddler->victim->future);
    if (meddler->newcomer != NULL) {
        const struct rouse_waker waker = wakes_waker(meddler->wakes);

        *meddler->newcomer = rouse_signal(&meddler->rt->reactor, SIGTERM);
        world_poll(&meddler->newcomer->future, &waker);
    }
}

CASE(g3_who_begins_to_wait_meanwhile_waits_for_the_next, "G3", NEEDS_NOTHING,
     "inside the wake of one who waits for a signal, another begins to wait for it",
     "the newcomer is not woken by this signal, but by the next")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int place = 0; place < 3; place++) {
        struct rouse_signal waits[3], newcomer;
        struct wakes *wakes = world_wakes(world);
        struct meddler meddler = {&rt, NULL, &newcomer, wakes};
        struct wakes *meddling = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(meddling);

        meddling->then = meddle;
        meddling->with = &meddler;
        for (int i = 0; i < 3; i++) {
            waits[i] = rouse_signal(&rt.reactor, SIGTERM);
            world_poll(&waits[i].future, i == place ? &waker : NULL);
        }
        raise(SIGTERM);
        rouse_turn(&rt, 0);
        CHECK_EQUAL(G3, wakes_taken(meddling), 1, "the wakes of the one who waited");
        REQUIRE(G3, wakes_taken(wakes) == 0, "the newcomer was woken by this signal");
        for (int i = 0; i < 3; i++)
            CHECK(G3, world_poll(&waits[i].future, NULL) == ROUSE_READY, "waiter %d pends", i);
        raise(SIGTERM);
        rouse_turn(&rt, 0);
        CHECK_EQUAL(G3, wakes_taken(wakes), 1, "the newcomer's wakes by the next");
        CHECK(G3, world_poll(&newcomer.future, NULL) == ROUSE_READY, "the newcomer pends");
    }
    rouse_close(&rt);
    signals_end();
}

CASE(g3_a_wake_may_drop_another_who_waits, "G3", NEEDS_NOTHING,
     "inside the wake of one of five who wait for a signal, any other of them is dropped",
     "the rest are woken once and READY; who was dropped was woken before or never")
{
    enum { FIVE = 5 };
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int round = 0; round < FIVE * FIVE; round++) {
        const int meddling = round / FIVE, victim = round % FIVE;
        struct rouse_signal waits[FIVE];
        struct wakes *wakes[FIVE];
        struct meddler meddler = {&rt, &waits[victim], NULL, NULL};

        if (meddling == victim)
            continue;
        for (int i = 0; i < FIVE; i++) {
            struct rouse_waker waker;

            wakes[i] = world_wakes(world);
            wakes[i]->then = i == meddling ? meddle : NULL;
            wakes[i]->with = &meddler;
            waker = wakes_waker(wakes[i]);
            waits[i] = rouse_signal(&rt.reactor, SIGINT);
            world_poll(&waits[i].future, &waker);
        }
        raise(SIGINT);
        rouse_turn(&rt, 0);
        for (int i = 0; i < FIVE; i++) {
            const int count = wakes_taken(wakes[i]);

            if (i == victim)
                CHECK(G3, count <= 1, "who was dropped was woken %d times", count);
            else
                CHECK(G3, count == 1 && world_poll(&waits[i].future, NULL) == ROUSE_READY,
                      "%d was woken %d times, when %d dropped %d", i, count, meddling, victim);
            rouse_future_drop(&waits[i].future);
        }
        signals_silent(&rt, SIGINT); /* takes what the one who was dropped gave back */
    }
    rouse_close(&rt);
    signals_end();
}

CASES(signal_g3) = {&g3_every_runtime_that_watches_gets_it,
                    &g3_what_came_before_a_runtime_watched_is_not_told_there,
                    &g3_runtimes_that_sleep_on_other_threads_are_woken,
                    &g3_all_who_wait_are_woken_once,
                    &g3_who_begins_to_wait_meanwhile_waits_for_the_next,
                    &g3_a_wake_may_drop_another_who_waits};
