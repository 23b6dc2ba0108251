/*
 * deadline.c -- a limit on any future: who wins, and that the child ends exactly once.
 *
 * The child is a probe that does as it is told and counts what is done to it. A child is
 * handed over by pointer, so F7 is what it is held against; and the limit is a timer.
 */
#include "../net/meter.h"

#include <errno.h>

/* READY once `ready` was set; keeps the waker of its last poll, like any leaf. */
struct probe {
    struct rouse_future future;
    bool ready;
    bool yields;
    int polls, drops;
    struct rouse_waker waker;
};

static enum rouse_poll probe_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct probe *probe = rouse_container_of(self, struct probe, future);

    probe->polls++;
    if (probe->ready) {
        rouse_waker_drop(&probe->waker);
        return rouse_ready(self, 42);
    }
    cx->yield = probe->yields;
    rouse_waker_keep(&probe->waker, cx->waker);
    return ROUSE_PENDING;
}

static void probe_drop(struct rouse_future *self)
{
    struct probe *probe = rouse_container_of(self, struct probe, future);

    probe->drops++;
    rouse_waker_drop(&probe->waker);
}

static const struct rouse_future_ops probe_ops = {probe_poll, probe_drop, "probe"};

static struct probe probe_make(bool ready)
{
    struct probe probe = {{&probe_ops, 0}, ready, false, 0, 0, {NULL, NULL}};

    return probe;
}

CASE(f7_a_limit_passes_on_a_child_that_is_ready_at_once, "F7 M4", NEEDS_NOTHING,
     "a child that is READY at its first poll, under limits that are past, near and far",
     "its result, one poll, no drop, no timer left")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 4; i++) {
        const rouse_time now = world_now(world);
        const rouse_time limits[] = {INT64_MIN, now, now + ROUSE_MS(1), ROUSE_NEVER};
        struct probe probe = probe_make(true);
        struct rouse_deadline limit = rouse_deadline(&rt.reactor, &probe.future, limits[i]);

        REQUIRE(F7, world_poll(&limit.future, NULL) == ROUSE_READY, "PENDING with a READY child");
        CHECK_EQUAL(F7, limit.future.result, 42, "the result");
        rouse_future_drop(&limit.future);
        CHECK(F7, probe.polls == 1 && probe.drops == 0, "%d polls, %d drops", probe.polls,
              probe.drops);
        CHECK(M4, rouse_reactor_deadline(&rt.reactor) == ROUSE_NEVER, "a timer is left");
    }
    rouse_close(&rt);
}

CASE(f7_a_child_that_ends_in_time_ends_its_limit, "F7 M4", NEEDS_NOTHING,
     "a child is READY at a later poll, before its limit", "its result, no drop, no timer left")
{
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct probe probe = probe_make(false);
    struct rouse_deadline limit;
    struct rouse rt;

    world_runtime(world, &rt);
    limit = rouse_deadline(&rt.reactor, &probe.future, world_after(world, 3600 * 1000));
    for (int i = 0; i < 5; i++)
        CHECK(F7, world_poll(&limit.future, &waker) == ROUSE_PENDING, "READY before its time");
    CHECK(M4, rouse_reactor_deadline(&rt.reactor) == limit.deadline, "no timer is set");
    probe.ready = true;
    rouse_wake(&probe.waker);
    CHECK_EQUAL(F7, wakes_taken(wakes), 1, "wakes by the child");
    REQUIRE(F7, world_poll(&limit.future, &waker) == ROUSE_READY, "PENDING with a READY child");
    CHECK_EQUAL(F7, limit.future.result, 42, "the result");
    rouse_future_drop(&limit.future);
    CHECK(F7, probe.polls == 6 && probe.drops == 0, "%d polls, %d drops", probe.polls, probe.drops);
    CHECK(M4, rouse_reactor_deadline(&rt.reactor) == ROUSE_NEVER, "a timer is left");
    CHECK_EQUAL(M4, wakes->references, 0, "references to the waker");
    rouse_close(&rt);
}

CASE(f7_a_child_that_takes_too_long_is_dropped_once, "F7 M2", NEEDS_NOTHING,
     "limits of 0, 1 and 5 ms on a child that never ends; afterwards the limit is dropped",
     "-ETIMEDOUT in the turn that is due, one drop, and not another")
{
    static const int times[] = {0, 1, 5};
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 3; i++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct probe probe = probe_make(false);
        struct rouse_deadline limit =
            rouse_deadline(&rt.reactor, &probe.future, world_after(world, times[i]));
        enum rouse_poll poll = world_poll(&limit.future, &waker);

        if (times[i] == 0)
            CHECK(M2, poll == ROUSE_READY, "a limit of now is PENDING");
        if (poll == ROUSE_PENDING) {
            rouse_reactor_turn(&rt.reactor, world_after(world, WORLD_SOON));
            CHECK_EQUAL(M2, wakes_taken(wakes), 1, "wakes when its time has come");
            poll = world_poll(&limit.future, &waker);
        }
        REQUIRE(M2, poll == ROUSE_READY, "PENDING after its time");
        CHECK_EQUAL(F7, limit.future.result, -ETIMEDOUT, "the result");
        CHECK_EQUAL(F7, probe.drops, 1, "drops of the child");
        rouse_future_drop(&limit.future);
        rouse_future_drop(&probe.future); /* whoever owns it may, to no effect */
        CHECK_EQUAL(F7, probe.drops, 1, "drops of the child, later");
        CHECK_EQUAL(F7, wakes->references, 0, "references to the waker");
    }
    rouse_close(&rt);
}

CASE(f7_a_child_that_is_ready_when_the_time_has_come_wins, "F7", NEEDS_NOTHING,
     "the limit is due and its child READY when it is polled again",
     "the child's result, and no drop")
{
    struct probe probe = probe_make(false);
    struct rouse_deadline limit;
    struct rouse_sleep sleep;
    struct rouse rt;
    intptr_t result = -1;

    world_runtime(world, &rt);
    limit = rouse_deadline(&rt.reactor, &probe.future, world_after(world, 2));
    world_poll(&limit.future, NULL);
    if (probe.drops == 0) {
        while (world_now(world) <= limit.deadline)
            rouse_reactor_turn(&rt.reactor, limit.deadline + 1);
        probe.ready = true;
        REQUIRE(F7, world_poll(&limit.future, NULL) == ROUSE_READY, "PENDING after its time");
        CHECK_EQUAL(F7, limit.future.result, 42, "the result");
        CHECK_EQUAL(F7, probe.drops, 0, "drops of the child");
    }
    /* Two timers for the same nanosecond. */
    sleep = rouse_sleep(&rt.reactor, ROUSE_MS(2));
    limit = rouse_deadline(&rt.reactor, &sleep.future, sleep.deadline);
    CHECK(F7, world_run(world, &rt, &limit.future, WORLD_SOON, &result), "it never ends");
    CHECK_EQUAL(F7, result, 0, "the result of a child that ends at its limit");
    rouse_close(&rt);
}

CASE(t7_a_child_that_is_dropped_asks_for_no_more_turns, "T7 F7", NEEDS_NOTHING,
     "a child that always yields is under a limit that has passed",
     "the limit ends, and leaves no wish for another turn in the context")
{
    struct probe probe = probe_make(false);
    struct rouse rt;
    struct rouse_deadline limit;
    struct rouse_context cx = {&rouse_waker_none, NULL, false};

    world_runtime(world, &rt);
    probe.yields = true;
    limit = rouse_deadline(&rt.reactor, &probe.future, world_now(world));
    CHECK_EQUAL(F7, rouse_future_poll(&limit.future, &cx), ROUSE_READY, "a limit that has passed");
    CHECK_EQUAL(F7, probe.drops, 1, "drops of the child");
    CHECK(T7, !cx.yield, "whoever awaited it would run again for a child that is gone");
    rouse_close(&rt);
}

CASE(f7_dropping_a_limit_drops_its_child_once, "F7 F6 M4", NEEDS_NOTHING,
     "a limit is dropped before its first poll, while it waits, and after its time has come",
     "one drop of the child each, no poll for it, no wake, no timer and no waker left")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 3; i++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct probe probe = probe_make(false);
        struct rouse_deadline limit =
            rouse_deadline(&rt.reactor, &probe.future, world_after(world, i < 2 ? 3600 * 1000 : 4));
        int drops, polls;

        if (i > 0)
            world_poll(&limit.future, &waker);
        if (i > 1 && probe.drops == 0)
            rouse_reactor_turn(&rt.reactor, world_after(world, WORLD_SOON));
        wakes_taken(wakes);
        polls = probe.polls;
        rouse_future_drop(&limit.future);
        drops = probe.drops;
        rouse_future_drop(&limit.future);
        CHECK(F7, drops == 1 && probe.drops == 1, "%d drops, and %d after another", drops,
              probe.drops);
        CHECK_EQUAL(F6, probe.polls, polls, "polls of the child");
        CHECK(M4, rouse_reactor_deadline(&rt.reactor) == ROUSE_NEVER, "a timer is left");
        rouse_reactor_turn(&rt.reactor, world_after(world, 6));
        CHECK_EQUAL(F6, wakes_taken(wakes), 0, "wakes by a drop, or after it");
        CHECK_EQUAL(F6, wakes->references, 0, "references to the waker");
    }
    rouse_close(&rt);
}

CASE(f3_a_child_that_yields_under_a_limit_runs_again, "F3 F7", NEEDS_NOTHING,
     "a child asks for another turn; then its limit passes",
     "the limit passes the wish on while it is PENDING, and then ends")
{
    struct probe probe = probe_make(false);
    struct rouse_context cx = {&rouse_waker_none, NULL, false};
    struct rouse_deadline limit;
    struct rouse rt;
    intptr_t result = 0;

    world_runtime(world, &rt);
    probe.yields = true;
    limit = rouse_deadline(&rt.reactor, &probe.future, world_after(world, 3600 * 1000));
    CHECK(F3, rouse_future_poll(&limit.future, &cx) == ROUSE_PENDING && cx.yield,
          "the wish of the child is lost");
    rouse_future_drop(&limit.future);
    probe = probe_make(false);
    probe.yields = true;
    limit = rouse_deadline(&rt.reactor, &probe.future, world_after(world, 2));
    if (world->simulated) { /* where time stands still while tasks run */
        world_poll(&limit.future, NULL);
        rouse_sim_advance(world->evq, ROUSE_MS(2));
    }
    CHECK(F7, world_run(world, &rt, &limit.future, WORLD_SOON, &result), "it never ends");
    CHECK_EQUAL(F7, result, -ETIMEDOUT, "the result");
    CHECK_EQUAL(F7, probe.drops, 1, "drops of the child");
    rouse_close(&rt);
}

CASE(f4_a_limit_wakes_whoever_polled_last, "F4 M2", NEEDS_NOTHING,
     "a limit is polled with one waker and then with another, and its time comes",
     "the second is woken, the first neither woken nor kept, and so for the child's wake")
{
    struct wakes *first = world_wakes(world);
    struct wakes *last = world_wakes(world);
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    for (int by_child = 0; by_child < 2; by_child++) {
        struct probe probe = probe_make(false);
        struct rouse_deadline limit =
            rouse_deadline(&rt.reactor, &probe.future, world_after(world, by_child ? 60000 : 5));
        struct rouse_waker waker = wakes_waker(first);

        meter_stop_clock(&meter);
        world_poll(&limit.future, &waker);
        waker = wakes_waker(last);
        REQUIRE(M2, world_poll(&limit.future, &waker) == ROUSE_PENDING, "it is over too early");
        meter.stopped_at = 0;
        CHECK_EQUAL(F4, first->references, 0, "references to the first waker");
        if (by_child)
            rouse_wake(&probe.waker);
        else
            rouse_reactor_turn(&rt.reactor, world_after(world, WORLD_SOON));
        CHECK_EQUAL(F4, wakes_taken(last), 1, "wakes of the last waker");
        CHECK_EQUAL(F4, wakes_taken(first), 0, "wakes of the first waker");
        rouse_future_drop(&limit.future);
        CHECK_EQUAL(F4, last->references, 0, "references to the last waker");
    }
    rouse_close(&rt);
}

CASE(m2_the_sooner_of_two_nested_limits_counts, "M2 F7", NEEDS_NOTHING,
     "a limit of 2 ms inside one of an hour, and one of an hour inside one of 2 ms",
     "-ETIMEDOUT after 2 ms, and everything inside is dropped once")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        struct probe probe = probe_make(false);
        const rouse_time soon = world_after(world, 2), late = world_after(world, 3600 * 1000);
        struct rouse_deadline inner =
            rouse_deadline(&rt.reactor, &probe.future, i == 0 ? soon : late);
        struct rouse_deadline outer =
            rouse_deadline(&rt.reactor, &inner.future, i == 0 ? late : soon);
        intptr_t result = 0;

        CHECK(M2, world_run(world, &rt, &outer.future, WORLD_SOON, &result), "it never ends");
        CHECK_EQUAL(M2, result, -ETIMEDOUT, "the result");
        CHECK_EQUAL(F7, probe.drops, 1, "drops of the child");
        CHECK(M2, rouse_reactor_deadline(&rt.reactor) == ROUSE_NEVER, "a timer is left");
    }
    rouse_close(&rt);
}

CASES(timer_deadline) = {&f7_a_limit_passes_on_a_child_that_is_ready_at_once,
                         &f7_a_child_that_ends_in_time_ends_its_limit,
                         &f7_a_child_that_takes_too_long_is_dropped_once,
                         &f7_a_child_that_is_ready_when_the_time_has_come_wins,
                         &t7_a_child_that_is_dropped_asks_for_no_more_turns,
                         &f7_dropping_a_limit_drops_its_child_once,
                         &f3_a_child_that_yields_under_a_limit_runs_again,
                         &f4_a_limit_wakes_whoever_polled_last,
                         &m2_the_sooner_of_two_nested_limits_counts};
