/*
 * m6_on_its_grid.c -- an interval keeps its grid, and missed ticks are counted, not repeated.
 *
 * In simulated time what is missed can be said to the nanosecond. On a real clock the
 * number of ticks lies between what the clock said before the poll and what it says after.
 */
#include "../net/meter.h"

/* How many points of the grid from `next` on have come at `now`. */
static rouse_time points(const struct rouse_interval *interval, rouse_time next, rouse_time now)
{
    return now < next ? 0 : 1 + (now - next) / interval->period;
}

/* Lets time pass, busily. */
static void pass(struct world *world, rouse_time duration)
{
    const rouse_time end = world_now(world) + duration;

    if (world->simulated)
        rouse_sim_advance(world->evq, duration);
    while (world_now(world) < end)
        thread_yield();
}

/* Polls a new tick once; checks it against the clock, and that the grid is kept. */
static rouse_time take(struct world *world, struct rouse_interval *interval)
{
    const rouse_time next = interval->next;
    const rouse_time least = points(interval, next, world_now(world));
    struct rouse_tick tick = rouse_tick(interval);
    const bool ready = world_poll(&tick.future, NULL) == ROUSE_READY;
    const rouse_time most = points(interval, next, world_now(world));
    const rouse_time ticks = ready ? (rouse_time) tick.future.result : 0;

    rouse_future_drop(&tick.future);
    CHECK(M6, ticks >= least && ticks <= most, "%lld ticks; the clock says %lld to %lld",
          (long long) ticks, (long long) least, (long long) most);
    CHECK(M6, interval->next == next + ticks * interval->period,
          "the next tick is %lld ns off the grid",
          (long long) (interval->next - next - ticks * interval->period));
    return ticks;
}

CASE(m6_missed_ticks_are_counted_and_not_repeated, "M6", NEEDS_NOTHING,
     "between two ticks 0, 1, just under 2, 2, 2.5 and 100 periods pass, or as many as lead to a "
     "point of the grid",
     "each tick tells what was missed, the one after it is not due, and none leaves the grid")
{
    static const rouse_time passed[] = {0, 100000, 199999, 200000, 250000, 10000000, 99999, 100001};
    struct rouse rt;
    struct rouse_interval interval;
    rouse_time start, sum = 0;

    world_runtime(world, &rt);
    interval = rouse_interval(&rt.reactor, 100000);
    start = interval.next;
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
        pass(world, passed[i]);
        sum += take(world, &interval);
        sum += take(world, &interval);
        CHECK(M6, interval.next == start + sum * interval.period, "the grid has moved");
        CHECK(M6, !world->simulated || interval.next > world_now(world), "a tick comes twice");
    }
    for (rouse_time missed = 0; missed < 5; missed++) { /* to the very point of the grid */
        const rouse_time point = interval.next + missed * interval.period;

        pass(world, point > world_now(world) ? point - world_now(world) : 0);
        sum += take(world, &interval);
        CHECK(M6, interval.next == start + sum * interval.period, "the grid has moved");
    }
    rouse_close(&rt);
}

CASE(m6_a_task_that_is_late_does_not_shift_the_beat, "M6", NEEDS_NOTHING,
     "25 ticks of 200 us, each followed by work for up to three periods",
     "every tick ends on the grid of the first, and the sum tells the time")
{
    struct rouse rt;
    struct rouse_interval interval;
    rouse_time first, sum = 0;

    world_runtime(world, &rt);
    interval = rouse_interval(&rt.reactor, ROUSE_US(200));
    first = interval.next;
    for (int i = 0; i < 25; i++) {
        struct rouse_tick tick = rouse_tick(&interval);
        intptr_t ticks = 0;

        REQUIRE(M6, world_run(world, &rt, &tick.future, WORLD_SOON, &ticks), "no tick");
        sum += ticks;
        CHECK(M6, ticks >= 1, "%lld ticks", (long long) ticks);
        CHECK(M6, interval.next == first + sum * ROUSE_US(200), "the grid has moved");
        CHECK(M6, sum <= points(&interval, first, world_now(world)), "more ticks than time");
        pass(world, ROUSE_US(50) * (i * 5 % 13));
    }
    CHECK(M6,
          sum + points(&interval, interval.next, world_now(world))
              == points(&interval, first, world_now(world)),
          "the sum of the ticks does not tell the time");
    rouse_close(&rt);
}

CASE(m6_ticks_come_one_by_one_when_nobody_is_late, "M6", NEEDS_NOTHING,
     "simulated time goes from tick to tick", "each tells 1, at the very point of the grid")
{
    struct rouse rt;
    struct rouse_interval interval;
    rouse_time first;

    world_runtime(world, &rt);
    interval = rouse_interval(&rt.reactor, 777777);
    first = interval.next;
    CHECK(M6, first >= 777777 && first <= world_now(world) + 777777,
          "the first tick is not one period away");
    for (int i = 0; i < 10; i++) {
        const rouse_time next = interval.next;
        struct rouse_tick tick = rouse_tick(&interval);
        intptr_t ticks = 0;

        REQUIRE(M6, world_run(world, &rt, &tick.future, WORLD_SOON, &ticks), "no tick");
        CHECK(M6, world_now(world) >= next, "a tick before its time");
        CHECK(M6, !world->simulated || (ticks == 1 && world_now(world) == next),
              "%lld ticks at %lld", (long long) ticks, (long long) world_now(world));
    }
    rouse_close(&rt);
}

CASE(m6_dropping_a_tick_takes_none, "M6", NEEDS_NOTHING,
     "ticks are dropped before their first poll, while they wait, and when they are due",
     "the next one tells them all")
{
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct meter meter;
    struct rouse rt;
    struct rouse_interval interval;
    struct rouse_tick tick;
    rouse_time next;

    meter_runtime(world, &meter, &rt);
    meter_stop_clock(&meter);
    interval = rouse_interval(&rt.reactor, ROUSE_MS(5));
    next = interval.next;
    for (int i = 0; i < 3; i++) {
        tick = rouse_tick(&interval);
        if (i > 0)
            REQUIRE(M6, world_poll(&tick.future, &waker) == ROUSE_PENDING, "a tick is early");
        if (i > 1) {
            meter.stopped_at = 0;
            while (world_now(world) < next)
                rouse_reactor_turn(&rt.reactor, next);
            rouse_reactor_turn(&rt.reactor, 0);
            CHECK_EQUAL(M6, wakes_taken(wakes), 1, "wakes of a tick that is due");
        }
        rouse_future_drop(&tick.future);
        CHECK(M6, interval.next == next, "a dropped tick was taken");
        CHECK_EQUAL(M6, wakes->references, 0, "references to the waker of a dropped tick");
    }
    CHECK(M6, take(world, &interval) >= 1, "the tick that was due is lost");
    rouse_close(&rt);
}

CASE(m6_an_interval_is_plain_bytes, "M6", NEEDS_NOTHING,
     "an interval is copied between ticks, and the copy used", "the beat goes on where it was")
{
    struct rouse rt;
    struct rouse_interval first, second;
    rouse_time start, sum;

    world_runtime(world, &rt);
    first = rouse_interval(&rt.reactor, ROUSE_US(300));
    start = first.next;
    pass(world, ROUSE_US(1000));
    sum = take(world, &first);
    second = first;
    pass(world, ROUSE_US(700));
    sum += take(world, &second);
    CHECK(M6, second.next == start + sum * ROUSE_US(300), "the copy has a grid of its own");
    CHECK(M6, sum >= 5, "%lld ticks in more than five periods", (long long) sum);
    rouse_close(&rt);
}

CASES(timer_m6) = {&m6_missed_ticks_are_counted_and_not_repeated,
                   &m6_a_task_that_is_late_does_not_shift_the_beat,
                   &m6_ticks_come_one_by_one_when_nobody_is_late, &m6_dropping_a_tick_takes_none,
                   &m6_an_interval_is_plain_bytes};
