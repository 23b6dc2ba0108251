/*
 * m1_never_early.c -- no future of time ends before its deadline, by the queue's clock.
 *
 * Kernels count in milliseconds, in ticks, or in nanoseconds; durations between those
 * units are where a wait comes back too soon. The clock is read inside the wake, since a
 * future that looks at it once more would hide a timer that rang early.
 */
#include "../net/meter.h"

#include <errno.h>

static const rouse_time durations[] = {1,
                                       999,
                                       ROUSE_US(1),
                                       ROUSE_US(1) + 1,
                                       ROUSE_US(50),
                                       ROUSE_US(333),
                                       ROUSE_US(999),
                                       ROUSE_MS(1) - 1,
                                       ROUSE_MS(1),
                                       ROUSE_MS(1) + 1,
                                       ROUSE_US(1500),
                                       ROUSE_MS(2) + 999,
                                       ROUSE_MS(7)};
enum { DURATIONS = (int) (sizeof durations / sizeof *durations) };

/* A timer that looks at the clock when it rings. */
struct alarm {
    struct rouse_timer timer;
    struct world *world;
    struct wakes *wakes;
    rouse_time deadline;
    rouse_time rang;
};

static void look(void *with)
{
    struct alarm *alarm = with;

    alarm->rang = world_now(alarm->world);
}

static void set(struct world *world, struct rouse *rt, struct alarm *alarm, rouse_time deadline)
{
    struct rouse_waker waker;

    alarm->world = world;
    if (alarm->wakes == NULL)
        alarm->wakes = world_wakes(world);
    alarm->wakes->then = look;
    alarm->wakes->with = alarm;
    alarm->deadline = deadline;
    waker = wakes_waker(alarm->wakes);
    rouse_timer_arm(&rt->reactor, &alarm->timer, deadline, &waker);
}

static bool rang(void *with)
{
    return ((struct alarm *) with)->wakes->count != 0;
}

CASE(m1_a_timer_never_rings_before_its_deadline, "M1 M2", NEEDS_NOTHING,
     "timers of 1 ns to 7 ms, between all units that kernels count in, one after the other",
     "each rings, and not before its deadline")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < DURATIONS; i++) {
            struct alarm alarm = {0};

            set(world, &rt, &alarm, world_now(world) + durations[i]);
            if (!CHECK(M2, world_run_until(world, &rt, rang, &alarm, WORLD_SOON),
                       "a timer of %lld ns never rings", (long long) durations[i]))
                rouse_timer_cancel(&rt.reactor, &alarm.timer);
            else
                CHECK(M1, alarm.rang >= alarm.deadline, "a timer of %lld ns rings %lld ns early",
                      (long long) durations[i], (long long) (alarm.deadline - alarm.rang));
        }
    }
    rouse_close(&rt);
}

CASE(m1_each_of_many_timers_keeps_its_own_nanosecond, "M1 M2", NEEDS_NOTHING,
     "200 timers spread over 5 ms, armed in no order", "none rings before its own deadline")
{
    enum { MANY = 200 };
    struct alarm alarms[MANY] = {0};
    struct rouse rt;
    rouse_time start;

    world_runtime(world, &rt);
    start = world_now(world);
    for (int i = 0; i < MANY; i++)
        set(world, &rt, &alarms[i], start + (rouse_time) (i * 7919 % MANY) * 24989 + 1);
    for (int i = 0; i < MANY; i++) {
        if (!CHECK(M2, world_run_until(world, &rt, rang, &alarms[i], WORLD_SOON),
                   "timer %d never rings", i)) {
            rouse_timer_cancel(&rt.reactor, &alarms[i].timer);
            continue;
        }
        CHECK(M1, alarms[i].rang >= alarms[i].deadline, "timer %d rings %lld ns early", i,
              (long long) (alarms[i].deadline - alarms[i].rang));
        CHECK_EQUAL(M1, alarms[i].wakes->count, 1, "the number of times that a timer rings");
    }
    rouse_close(&rt);
}

CASE(m1_a_wake_from_elsewhere_rings_no_timer, "M1 M2", NEEDS_NOTHING,
     "turns are ended by wakes, again and again, while a timer runs",
     "it rings at its deadline and not before")
{
    struct alarm alarm = {0};
    struct rouse rt;
    rouse_time limit;

    world_runtime(world, &rt);
    limit = world_after(world, WORLD_SOON);
    set(world, &rt, &alarm, world_after(world, 3));
    while (!rang(&alarm) && world_now(world) < limit) {
        for (int i = 0; i < 10 && !rang(&alarm); i++) {
            rouse_wake_by_ref(&rt.reactor.nudge);
            rouse_turn(&rt, limit);
        }
        rouse_turn(&rt, world_now(world) + ROUSE_US(100)); /* or simulated time stands still */
    }
    CHECK(M2, rang(&alarm), "the timer never rings");
    CHECK(M1, !rang(&alarm) || alarm.rang >= alarm.deadline, "it rings %lld ns early",
          (long long) (alarm.deadline - alarm.rang));
    rouse_timer_cancel(&rt.reactor, &alarm.timer);
    rouse_close(&rt);
}

CASE(m1_a_sleep_never_ends_early, "M1 M2", NEEDS_NOTHING,
     "tasks sleep for 1 ns to 7 ms, by duration and by deadline",
     "each is READY with 0, and not before its deadline")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2 * DURATIONS; i++) {
        const rouse_time duration = durations[i / 2];
        const rouse_time deadline = world_now(world) + duration;
        struct rouse_sleep sleep = i % 2 == 0 ? rouse_sleep(&rt.reactor, duration)
                                              : rouse_sleep_until(&rt.reactor, deadline);
        intptr_t result = -1;

        if (!CHECK(M2, world_run(world, &rt, &sleep.future, WORLD_SOON, &result),
                   "a sleep of %lld ns never ends", (long long) duration))
            continue;
        CHECK(M1, world_now(world) >= deadline, "a sleep of %lld ns ends %lld ns early",
              (long long) duration, (long long) (deadline - world_now(world)));
        CHECK_EQUAL(M2, result, 0, "the result of a sleep");
    }
    rouse_close(&rt);
}

CASE(m1_a_sleep_that_is_polled_too_often_goes_on, "M1 M2 F4", NEEDS_NOTHING,
     "a sleep is polled a hundred times before its deadline, with two wakers in turn",
     "it stays PENDING, keeps one timer, and in the end wakes the last of them, once")
{
    struct wakes *wakes[2] = {world_wakes(world), world_wakes(world)};
    struct rouse_sleep sleep;
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    meter_stop_clock(&meter);
    sleep = rouse_sleep(&rt.reactor, ROUSE_MS(20));
    for (int i = 0; i < 100; i++) { /* the last one is not the first one */
        const struct rouse_waker waker = wakes_waker(wakes[i % 2]);
        const enum rouse_poll poll = world_poll(&sleep.future, &waker);

        REQUIRE(M1, poll == ROUSE_PENDING, "READY at poll %d, before its deadline", i);
        CHECK(M2, rouse_reactor_deadline(&rt.reactor) == sleep.deadline,
              "the reactor waits for another time");
    }
    CHECK_EQUAL(F4, wakes[0]->references, 0, "references to a waker that is not the last");
    meter.stopped_at = 0;
    while (world_now(world) < sleep.deadline)
        rouse_turn(&rt, sleep.deadline);
    rouse_turn(&rt, 0);
    CHECK_EQUAL(F4, wakes_taken(wakes[1]), 1, "wakes of the last waker");
    CHECK_EQUAL(F4, wakes_taken(wakes[0]), 0, "wakes of the one before");
    CHECK(M2, world_poll(&sleep.future, NULL) == ROUSE_READY, "PENDING after its deadline");
    rouse_close(&rt);
}

/* A future that never ends, and knows how often it was dropped. */
struct never {
    struct rouse_future future;
    int drops;
};

static enum rouse_poll never_poll(struct rouse_future *self, struct rouse_context *cx)
{
    (void) self;
    (void) cx;
    return ROUSE_PENDING;
}

static void never_drop(struct rouse_future *self)
{
    rouse_container_of(self, struct never, future)->drops++;
}

static const struct rouse_future_ops never_ops = {never_poll, never_drop, "never"};

CASE(m1_a_deadline_leaves_its_child_all_of_its_time, "M1 M2", NEEDS_NOTHING,
     "deadlines of 1 ns to 7 ms on futures that never end",
     "each is READY with -ETIMEDOUT, and not before its time")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < DURATIONS; i++) {
        struct never never = {{&never_ops, 0}, 0};
        const rouse_time deadline = world_now(world) + durations[i];
        struct rouse_deadline limit = rouse_deadline(&rt.reactor, &never.future, deadline);
        intptr_t result = 0;

        if (!CHECK(M2, world_run(world, &rt, &limit.future, WORLD_SOON, &result),
                   "a limit of %lld ns never ends", (long long) durations[i]))
            continue;
        CHECK(M1, world_now(world) >= deadline, "a limit of %lld ns ends %lld ns early",
              (long long) durations[i], (long long) (deadline - world_now(world)));
        CHECK_EQUAL(M2, result, -ETIMEDOUT, "the result of a deadline");
    }
    rouse_close(&rt);
}

CASE(m1_a_tick_never_comes_early, "M1 M2", NEEDS_NOTHING,
     "40 ticks of a beat of 333,333 ns, and 5 of 2,000,001 ns",
     "the n-th is not there before its point of the grid")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int beat = 0; beat < 2; beat++) {
        const rouse_time period = beat == 0 ? 333333 : 2000001;
        const rouse_time start = world_now(world);
        struct rouse_interval interval = rouse_interval(&rt.reactor, period);
        rouse_time ticks = 0;

        for (int i = 0; i < (beat == 0 ? 40 : 5); i++) {
            struct rouse_tick tick = rouse_tick(&interval);
            intptr_t result = 0;

            REQUIRE(M2, world_run(world, &rt, &tick.future, WORLD_SOON, &result),
                    "tick %d never comes", i);
            ticks += result;
            CHECK(M1, world_now(world) >= start + ticks * period, "tick %lld comes %lld ns early",
                  (long long) ticks, (long long) (start + ticks * period - world_now(world)));
        }
    }
    rouse_close(&rt);
}

CASE(m1_a_nanosecond_before_its_time_nothing_is_over, "M1 M2", NEEDS_NOTHING,
     "a sleep, a tick and a limit are polled when their time is a nanosecond away, as simulated "
     "time can have it, and when it has come",
     "they are PENDING, and then READY")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < DURATIONS; i++) {
        const rouse_time deadline = world_now(world) + durations[i];
        struct rouse_interval interval = rouse_interval(&rt.reactor, durations[i]);
        struct rouse_sleep sleep = rouse_sleep_until(&rt.reactor, deadline);
        struct rouse_sleep child = rouse_sleep_until(&rt.reactor, ROUSE_NEVER);
        struct rouse_deadline limit = rouse_deadline(&rt.reactor, &child.future, deadline);
        struct rouse_tick tick = rouse_tick(&interval);
        struct rouse_future *futures[] = {&sleep.future, &limit.future, &tick.future};
        const rouse_time times[] = {deadline, deadline, interval.next};

        if (world->simulated)
            rouse_sim_advance(world->evq, durations[i] - 1);
        for (int n = 0; n < 3; n++) {
            const enum rouse_poll poll = world_poll(futures[n], NULL);

            CHECK(M1, poll == ROUSE_PENDING || world_now(world) >= times[n],
                  "future %d of %lld ns is READY before its time", n, (long long) durations[i]);
        }
        if (world->simulated)
            rouse_sim_advance(world->evq, 1);
        while (world_now(world) < interval.next && sleep.future.ops != &rouse_future_finished)
            rouse_turn(&rt, interval.next);
        for (int n = 0; n < 3; n++) {
            if (futures[n]->ops != &rouse_future_finished)
                CHECK(M2, world_poll(futures[n], NULL) == ROUSE_READY,
                      "future %d of %lld ns is not READY in its time", n, (long long) durations[i]);
            rouse_future_drop(futures[n]);
        }
    }
    rouse_close(&rt);
}

CASES(timer_m1) = {&m1_a_timer_never_rings_before_its_deadline,
                   &m1_each_of_many_timers_keeps_its_own_nanosecond,
                   &m1_a_wake_from_elsewhere_rings_no_timer,
                   &m1_a_sleep_never_ends_early,
                   &m1_a_sleep_that_is_polled_too_often_goes_on,
                   &m1_a_deadline_leaves_its_child_all_of_its_time,
                   &m1_a_tick_never_comes_early,
                   &m1_a_nanosecond_before_its_time_nothing_is_over};
