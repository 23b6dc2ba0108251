/*
 * m5_any_deadline.c -- a deadline in the past is due at once, and none is so far away that
 * it overflows.
 *
 * Near both ends of the numbers every sum and every difference is a chance to come out on
 * the other side, and to wait for 292 years instead of not at all.
 */
#include "../world.h"

#include <errno.h>

static const rouse_time long_past[] = {
    INT64_MIN, INT64_MIN + 1, INT64_MIN / 2, -ROUSE_SECONDS(1), -1, 0};
static const rouse_time far_away[] = {ROUSE_NEVER, ROUSE_NEVER - 1, ROUSE_NEVER - ROUSE_MS(1),
                                      ROUSE_NEVER / 2, ROUSE_SECONDS(3600) * 24 * 365 * 100};
enum {
    LONG_PAST = (int) (sizeof long_past / sizeof *long_past),
    FAR_AWAY = (int) (sizeof far_away / sizeof *far_away)
};

static void arm(struct rouse *rt, struct rouse_timer *timer, rouse_time deadline,
                struct wakes *wakes)
{
    const struct rouse_waker waker = wakes_waker(wakes);

    rouse_timer_arm(&rt->reactor, timer, deadline, &waker);
}

CASE(m5_a_deadline_in_the_past_is_due_at_once, "M5", NEEDS_NOTHING,
     "timers and sleeps for just now, for an hour ago, for 0, for -1, down to INT64_MIN",
     "a turn of at most 2 s rings each without waiting; each sleep is READY at its first poll")
{
    struct wakes *wakes = world_wakes(world);
    struct rouse rt;

    world_runtime(world, &rt);
    if (world->simulated)
        rouse_sim_advance(world->evq, ROUSE_SECONDS(7200));
    for (int i = -2; i < LONG_PAST; i++) {
        const rouse_time now = world_now(world);
        const rouse_time deadline = i == -2   ? now - 1
                                    : i == -1 ? now - ROUSE_SECONDS(3600)
                                              : long_past[i];
        struct rouse_sleep sleep = rouse_sleep_until(&rt.reactor, deadline);
        struct rouse_timer timer = {0};

        arm(&rt, &timer, deadline, wakes);
        rouse_reactor_turn(&rt.reactor, now + ROUSE_MS(WORLD_SOON));
        CHECK_EQUAL(M5, wakes_taken(wakes), 1, "wakes of a timer in the past");
        CHECK(M5, world_now(world) < now + ROUSE_MS(WORLD_SOON), "the turn waited");
        CHECK(M5, world_poll(&sleep.future, NULL) == ROUSE_READY, "a sleep until %lld is PENDING",
              (long long) deadline);
        CHECK_EQUAL(M5, sleep.future.result, 0, "its result");
        rouse_timer_cancel(&rt.reactor, &timer);
    }
    rouse_close(&rt);
}

CASE(m5_a_turn_for_a_moment_in_the_past_does_not_wait, "M5", NEEDS_NOTHING,
     "turns until now, 0, -1 ... INT64_MIN, without a timer and with one an hour ahead",
     "each is over at once, and rings nothing")
{
    struct wakes *wakes = world_wakes(world);
    struct rouse_timer timer = {0};
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2 * LONG_PAST; i++) {
        const rouse_time now = world_now(world);

        if (i == LONG_PAST)
            arm(&rt, &timer, now + ROUSE_SECONDS(3600), wakes);
        CHECK(M5, rouse_reactor_turn(&rt.reactor, long_past[i % LONG_PAST]) == 0, "it failed");
        CHECK(M5, world_now(world) < now + ROUSE_MS(WORLD_SOON), "the turn waited");
    }
    CHECK_EQUAL(M5, wakes_taken(wakes), 0, "wakes of a timer that is an hour away");
    rouse_timer_cancel(&rt.reactor, &timer);
    rouse_close(&rt);
}

CASE(m5_no_deadline_is_too_far_away, "M5", NEEDS_NOTHING,
     "timers and sleeps for INT64_MAX and a little less, alone, and with one for 2 ms ahead",
     "they do not ring, the near one does, and turns last as long as they are asked to")
{
    struct wakes *near_wakes = world_wakes(world);
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2 * FAR_AWAY; i++) {
        const rouse_time start = world_now(world);
        const rouse_time deadline = far_away[i / 2];
        struct rouse_timer timer = {0}, near_timer = {0};
        struct rouse_sleep until = rouse_sleep_until(&rt.reactor, deadline);
        struct rouse_sleep lasting = rouse_sleep(&rt.reactor, deadline);

        arm(&rt, &timer, deadline, wakes);
        CHECK(M5, world_poll(&until.future, &waker) == ROUSE_PENDING, "a sleep until %lld is READY",
              (long long) deadline);
        CHECK(M5, world_poll(&lasting.future, &waker) == ROUSE_PENDING, "one of %lld ns is READY",
              (long long) deadline);
        CHECK(M5, rouse_reactor_deadline(&rt.reactor) == deadline, "the next deadline is another");
        if (i % 2 != 0) {
            arm(&rt, &near_timer, start + ROUSE_MS(2), near_wakes);
            rouse_reactor_turn(&rt.reactor, start + ROUSE_MS(WORLD_SOON));
            CHECK_EQUAL(M5, wakes_taken(near_wakes), 1, "wakes of the near one");
            CHECK(M5, world_now(world) < start + ROUSE_MS(WORLD_SOON), "the turn waited");
        } else {
            rouse_reactor_turn(&rt.reactor, start + ROUSE_MS(2));
            CHECK(M5, world_now(world) >= start + ROUSE_MS(2), "the turn did not wait");
        }
        CHECK_EQUAL(M5, wakes_taken(wakes), 0, "wakes of those that are far away");
        rouse_timer_cancel(&rt.reactor, &near_timer);
        rouse_timer_cancel(&rt.reactor, &timer);
        rouse_future_drop(&until.future);
        rouse_future_drop(&lasting.future);
    }
    rouse_close(&rt);
}

CASE(m5_the_ends_of_time_keep_their_order, "M5 M3", NEEDS_NOTHING,
     "timers for INT64_MAX, INT64_MIN, now and their neighbours, armed in two orders",
     "the soonest is always the least number; what is past rings by deadline")
{
    struct wakes *wakes[LONG_PAST + FAR_AWAY];
    struct rouse_timer timers[LONG_PAST + FAR_AWAY];
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < LONG_PAST + FAR_AWAY; i++)
        wakes[i] = world_wakes(world);
    for (int order = 0; order < 2; order++) {
        rouse_time least = ROUSE_NEVER;

        for (int n = 0; n < LONG_PAST + FAR_AWAY; n++) {
            const int i = order == 0 ? n : LONG_PAST + FAR_AWAY - 1 - n;
            const rouse_time deadline = i < LONG_PAST ? long_past[i] : far_away[i - LONG_PAST];

            timers[i] = (struct rouse_timer){0};
            arm(&rt, &timers[i], deadline, wakes[i]);
            least = deadline < least ? deadline : least;
            CHECK(M3, rouse_reactor_deadline(&rt.reactor) == least, "the soonest is not the least");
        }
        rouse_reactor_turn(&rt.reactor, 0);
        for (int i = 0; i < LONG_PAST + FAR_AWAY; i++)
            CHECK_EQUAL(M5, wakes_taken(wakes[i]), i < LONG_PAST, "wakes of a timer");
        for (int i = 0; i < LONG_PAST + FAR_AWAY; i++)
            rouse_timer_cancel(&rt.reactor, &timers[i]);
    }
    rouse_close(&rt);
}

CASE(m5_a_duration_is_cut_to_what_the_clock_can_say, "M5", NEEDS_NOTHING,
     "rouse_after() and rouse_sleep() with durations from INT64_MIN to INT64_MAX",
     "what is negative is now; what is too much is for ever")
{
    struct rouse rt;
    rouse_time before;

    world_runtime(world, &rt);
    if (world->simulated)
        rouse_sim_advance(world->evq, 12345);
    for (int i = 0; i < LONG_PAST; i++) {
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, long_past[i]);

        before = rouse_now(&rt.reactor);
        CHECK(M5, rouse_after(&rt.reactor, long_past[i]) >= before, "a time before now");
        CHECK(M5, rouse_after(&rt.reactor, long_past[i]) <= rouse_now(&rt.reactor),
              "a time after now");
        CHECK(M5, world_poll(&sleep.future, NULL) == ROUSE_READY, "a sleep of %lld ns is PENDING",
              (long long) long_past[i]);
    }
    CHECK(M5, rouse_after(&rt.reactor, ROUSE_NEVER) == ROUSE_NEVER, "for ever has an end");
    CHECK(M5, rouse_after(&rt.reactor, ROUSE_NEVER - 1) == ROUSE_NEVER, "it wraps");
    CHECK(M5, rouse_after(&rt.reactor, ROUSE_NEVER - rouse_now(&rt.reactor)) == ROUSE_NEVER,
          "it wraps at the last nanosecond");
    before = rouse_now(&rt.reactor);
    CHECK(M5, rouse_after(&rt.reactor, ROUSE_MS(5)) >= before + ROUSE_MS(5), "5 ms are too short");
    CHECK(M5, rouse_after(&rt.reactor, ROUSE_MS(5)) <= rouse_now(&rt.reactor) + ROUSE_MS(5),
          "5 ms are too long");
    rouse_close(&rt);
}

CASE(m5_limits_and_beats_of_any_length, "M5", NEEDS_NOTHING,
     "deadlines on a sleep of 1 ms, and intervals, from INT64_MIN to INT64_MAX",
     "a past limit is over at its first poll, a far one never; a far tick waits, a period of "
     "nothing beats, and the grid ends at the end of time")
{
    struct rouse rt;
    struct rouse_interval interval;
    struct rouse_tick tick;

    world_runtime(world, &rt);
    if (world->simulated)
        rouse_sim_advance(world->evq, 12345);
    for (int i = 0; i < LONG_PAST; i++) {
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, ROUSE_SECONDS(3600));
        struct rouse_deadline limit = rouse_deadline(&rt.reactor, &sleep.future, long_past[i]);

        CHECK(M5, world_poll(&limit.future, NULL) == ROUSE_READY, "a limit of %lld is PENDING",
              (long long) long_past[i]);
        CHECK_EQUAL(M5, limit.future.result, -ETIMEDOUT, "its result");
        interval = rouse_interval(&rt.reactor, long_past[i]);
        CHECK(M5, interval.period >= 1, "a period of %lld ns", (long long) interval.period);
    }
    for (int i = 0; i < FAR_AWAY; i++) {
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, ROUSE_MS(1));
        struct rouse_deadline limit = rouse_deadline(&rt.reactor, &sleep.future, far_away[i]);
        intptr_t result = -1;

        CHECK(M5, world_run(world, &rt, &limit.future, WORLD_SOON, &result), "it never ends");
        CHECK_EQUAL(M5, result, 0, "the result of a limit that is far away");
        interval = rouse_interval(&rt.reactor, far_away[i]);
        tick = rouse_tick(&interval);
        CHECK(M5, world_poll(&tick.future, NULL) == ROUSE_PENDING, "a tick of %lld ns is READY",
              (long long) far_away[i]);
        rouse_future_drop(&tick.future);
    }
    /* A beat whose next tick but one would be beyond the end. */
    interval = rouse_interval(&rt.reactor, ROUSE_NEVER - 1);
    interval.next = world_now(world);
    tick = rouse_tick(&interval);
    CHECK(M5, world_poll(&tick.future, NULL) == ROUSE_READY, "a tick that is due is PENDING");
    CHECK(M5, interval.next > world_now(world), "the next tick is in the past");
    tick = rouse_tick(&interval);
    CHECK(M5, world_poll(&tick.future, NULL) == ROUSE_PENDING, "the tick after it is READY");
    rouse_future_drop(&tick.future);
    rouse_close(&rt);
}

CASE(m5_the_end_of_time_is_never_passed, "M5", NEEDS_SIM,
     "simulated time goes to its very end, by steps that lead to it and beyond",
     "the clock stays behind ROUSE_NEVER; what is due before is over, what is due then waits")
{
    static const rouse_time steps[] = {ROUSE_NEVER / 2, ROUSE_NEVER / 2 - 1000, 100, ROUSE_NEVER,
                                       ROUSE_NEVER - 1};
    struct rouse rt;
    rouse_time before;

    world_runtime(world, &rt);
    before = world_now(world);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct rouse_interval interval = rouse_interval(&rt.reactor, 60);
        struct rouse_tick tick = rouse_tick(&interval);
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, 50);
        const bool fits = sleep.deadline < ROUSE_NEVER - 1;
        rouse_time now;

        rouse_sim_advance(world->evq, steps[i]);
        now = world_now(world);
        CHECK(M5, now == (steps[i] < ROUSE_NEVER - before ? before + steps[i] : ROUSE_NEVER - 1),
              "the time is %lld after a step of %lld from %lld", (long long) now,
              (long long) steps[i], (long long) before);
        CHECK(M5, (world_poll(&sleep.future, NULL) == ROUSE_READY) == (now >= sleep.deadline),
              "a sleep until %lld is wrong at %lld", (long long) sleep.deadline, (long long) now);
        if (world_poll(&tick.future, NULL) == ROUSE_READY) {
            tick = rouse_tick(&interval);
            CHECK(M5, interval.next > now && world_poll(&tick.future, NULL) == ROUSE_PENDING,
                  "a tick comes twice at the end of time");
        } else {
            CHECK(M5, interval.next > now, "a tick that is due is PENDING");
        }
        CHECK(M5, fits || sleep.deadline >= now, "a sleep ends before it began");
        rouse_future_drop(&tick.future);
        rouse_future_drop(&sleep.future);
        before = now;
    }
    rouse_close(&rt);
}

CASES(timer_m5) = {&m5_a_deadline_in_the_past_is_due_at_once,
                   &m5_a_turn_for_a_moment_in_the_past_does_not_wait,
                   &m5_no_deadline_is_too_far_away,
                   &m5_the_ends_of_time_keep_their_order,
                   &m5_a_duration_is_cut_to_what_the_clock_can_say,
                   &m5_limits_and_beats_of_any_length,
                   &m5_the_end_of_time_is_never_passed};
