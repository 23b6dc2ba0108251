/*
 * m2_due_in_its_turn.c -- a timer ends in the first turn at or after its deadline.
 *
 * The turns here are asked to wait for two seconds. A turn that is over before that, with
 * the timer rung, was bounded by the timer; one that came back without it was not.
 */
#include "../world.h"

#include <stdlib.h>

static void arm(struct rouse *rt, struct rouse_timer *timer, rouse_time deadline,
                struct wakes *wakes)
{
    const struct rouse_waker waker = wakes_waker(wakes);

    rouse_timer_arm(&rt->reactor, timer, deadline, &waker);
}

CASE(m2_a_deadline_of_exactly_now_is_due_in_the_same_turn, "M2", NEEDS_NOTHING,
     "timers for this very nanosecond, as simulated time can have it",
     "one turn rings them, without waiting")
{
    struct wakes *wakes = world_wakes(world);
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 100; i++) {
        const rouse_time now = world_now(world);
        struct rouse_timer timer = {0};
        struct rouse_sleep sleep = rouse_sleep_until(&rt.reactor, now);

        arm(&rt, &timer, now, wakes);
        CHECK(M2, rouse_reactor_turn(&rt.reactor, world_after(world, WORLD_SOON)) == 0,
              "the turn failed");
        CHECK_EQUAL(M2, wakes_taken(wakes), 1, "wakes in a turn whose timer was due");
        CHECK(M2, world_now(world) < now + ROUSE_MS(WORLD_SOON), "the turn waited");
        CHECK(M2, world_poll(&sleep.future, NULL) == ROUSE_READY, "a sleep until now is PENDING");
        if (world->simulated)
            rouse_sim_advance(world->evq, 333);
        rouse_timer_cancel(&rt.reactor, &timer);
    }
    rouse_close(&rt);
}

CASE(m2_a_turn_waits_for_the_soonest_timer_and_no_longer, "M2 M1", NEEDS_NOTHING,
     "timers in an hour, in 30 ms, in 4 ms, armed in all orders, and a turn that may take 2 s",
     "it ends by the soonest, and rings that one alone")
{
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct wakes *wakes[3] = {world_wakes(world), world_wakes(world), world_wakes(world)};
    struct rouse rt;

    world_runtime(world, &rt);
    for (int order = 0; order < 6; order++) {
        const rouse_time now = world_now(world);
        const rouse_time deadlines[3] = {now + ROUSE_SECONDS(3600), now + ROUSE_MS(30),
                                         now + ROUSE_MS(4)};
        struct rouse_timer timers[3] = {0};
        rouse_time after;

        for (int i = 0; i < 3; i++)
            arm(&rt, &timers[orders[order][i]], deadlines[orders[order][i]],
                wakes[orders[order][i]]);
        CHECK(M2, rouse_reactor_deadline(&rt.reactor) == deadlines[2],
              "the next deadline is not the soonest");
        rouse_reactor_turn(&rt.reactor, world_after(world, WORLD_SOON));
        after = world_now(world);
        CHECK_EQUAL(M2, wakes_taken(wakes[2]), 1, "wakes of the soonest timer");
        CHECK(M2, after < now + ROUSE_MS(WORLD_SOON), "the turn waited for %lld ns",
              (long long) (after - now));
        CHECK(M2, !world->simulated || after == deadlines[2], "the turn ends at %lld, not at %lld",
              (long long) after, (long long) deadlines[2]);
        CHECK(M1, wakes_taken(wakes[1]) == 0 || after >= deadlines[1], "the second rang early");
        CHECK_EQUAL(M1, wakes_taken(wakes[0]), 0, "wakes of a timer that is an hour away");
        for (int i = 0; i < 3; i++)
            rouse_timer_cancel(&rt.reactor, &timers[i]);
    }
    rouse_close(&rt);
}

CASE(m2_a_deadline_set_in_a_turn_bounds_its_wait, "M2", NEEDS_NOTHING,
     "tasks that begin to sleep for 3 ms when a turn of at most 2 s runs them",
     "the same turn ends when they are due, and they end with it")
{
    for (int i = 0; i < 5; i++) {
        struct rouse_task task = {0};
        struct rouse_sleep sleep;
        struct rouse rt;
        rouse_time limit;

        world_runtime(world, &rt);
        limit = world_after(world, WORLD_SOON);
        sleep = rouse_sleep(&rt.reactor, ROUSE_MS(3));
        rouse_spawn_held(&rt.executor, &task, &sleep.future, NULL);
        CHECK(M2, rouse_turn(&rt, limit) >= 0, "the turn failed");
        CHECK(M2, world_now(world) < limit, "the turn did not end by the timer");
        CHECK(M2, rouse_task_ended(&task), "the sleeper has not ended");
        rouse_close(&rt);
        rouse_task_unhold(&task);
    }
}

CASE(m2_all_that_are_due_ring_in_one_turn, "M2", NEEDS_NOTHING,
     "1, 2, 64, 65, 200 and 1000 timers are due, and as many are not", "one turn rings all of them")
{
    static const int counts[] = {1, 2, 64, 65, 200, 1000};
    struct wakes *due = world_wakes(world);
    struct wakes *later = world_wakes(world);
    struct rouse_timer *timers = calloc(2000, sizeof *timers);
    struct rouse rt;

    if (timers == NULL)
        suite_error("no memory");
    world_runtime(world, &rt);
    for (size_t round = 0; round < sizeof counts / sizeof *counts; round++) {
        const rouse_time now = world_now(world);
        const int count = counts[round];

        for (int i = 0; i < count; i++) {
            arm(&rt, &timers[i], now - i * 17 % 5, due);
            arm(&rt, &timers[count + i], now + ROUSE_SECONDS(3600) + i * 13 % 7, later);
        }
        rouse_reactor_turn(&rt.reactor, 0);
        CHECK_EQUAL(M2, wakes_taken(due), count, "wakes of timers that were due");
        CHECK_EQUAL(M2, wakes_taken(later), 0, "wakes of timers that were not");
        for (int i = 0; i < 2 * count; i++)
            rouse_timer_cancel(&rt.reactor, &timers[i]);
    }
    rouse_close(&rt);
    free(timers);
}

/* A timer whose wake arms another one. */
struct chain {
    struct rouse *rt;
    struct rouse_timer timers[3];
    struct wakes *wakes[3];
    rouse_time deadlines[3];
    int next;
};

static void arm_next(void *with)
{
    struct chain *chain = with;

    if (++chain->next < 3)
        arm(chain->rt, &chain->timers[chain->next], chain->deadlines[chain->next],
            chain->wakes[chain->next]);
}

CASE(m2_a_timer_armed_by_another_ones_wake_is_due_in_its_turn, "M2", NEEDS_NOTHING,
     "a timer's wake arms one for 2 ms later, whose wake arms one for 2 ms later",
     "three turns of at most 2 s ring the three of them")
{
    struct chain chain = {.rt = NULL};
    struct rouse rt;
    rouse_time start;

    world_runtime(world, &rt);
    start = world_now(world);
    chain.rt = &rt;
    for (int i = 0; i < 3; i++) {
        chain.wakes[i] = world_wakes(world);
        chain.wakes[i]->then = arm_next;
        chain.wakes[i]->with = &chain;
        chain.deadlines[i] = start + ROUSE_MS(2) * (i + 1);
    }
    arm(&rt, &chain.timers[0], chain.deadlines[0], chain.wakes[0]);
    for (int i = 0; i < 3; i++) {
        rouse_reactor_turn(&rt.reactor, start + ROUSE_MS(WORLD_SOON));
        CHECK(M2, chain.next > i, "turn %d did not ring its timer", i);
    }
    CHECK(M2, world_now(world) < start + ROUSE_MS(WORLD_SOON), "a turn waited for its limit");
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(M2, wakes_taken(chain.wakes[i]), 1, "wakes of one timer of the chain");
        rouse_timer_cancel(&rt.reactor, &chain.timers[i]);
    }
    rouse_close(&rt);
}

CASE(m2_timers_are_not_held_up_by_reports, "M2", NEEDS_NOTHING,
     "one to five sources that are always ready are armed in every turn, and timers become due "
     "meanwhile",
     "each rings in the first turn after its deadline, though that turn has something to report")
{
    struct wakes *wakes = world_wakes(world);
    enum { SOURCES = 5 };
    struct rouse_io io[SOURCES];
    struct rouse rt;
    rouse_fd ends[2];

    world_runtime(world, &rt);
    for (int k = 0; k < SOURCES; k++) {
        world_pair(world, ends);
        world_send(world, ends[1], 1);
        world_await_ready(world, ends[0], ROUSE_READABLE);
        rouse_io_open(&io[k], &rt.reactor, ends[0]);
    }
    for (int i = 0; i < 200; i++) {
        struct rouse_timer timer = {0};

        for (int k = 0; k <= i % SOURCES; k++)
            rouse_io_arm(&io[k], ROUSE_READABLE | ROUSE_WRITABLE);
        arm(&rt, &timer, world_now(world) - i % 3, wakes);
        rouse_reactor_turn(&rt.reactor, world_after(world, WORLD_SOON));
        CHECK_EQUAL(M2, wakes_taken(wakes), 1, "wakes of a timer that was due");
        rouse_timer_cancel(&rt.reactor, &timer);
    }
    for (int k = 0; k < SOURCES; k++)
        rouse_io_close(&io[k]);
    rouse_close(&rt);
}

CASE(m2_a_sleep_keeps_the_thread_asleep, "M2 T7", NEEDS_NOTHING,
     "one task sleeps for 20 ms, in turns of at most 2 s",
     "it is polled twice, in two turns: nothing spins towards a deadline")
{
    struct rouse_task task = {0};
    struct rouse_sleep sleep;
    struct rouse rt;
    int polls = 0, turns = 0;

    world_runtime(world, &rt);
    sleep = rouse_sleep(&rt.reactor, ROUSE_MS(20));
    rouse_spawn_held(&rt.executor, &task, &sleep.future, NULL);
    while (!rouse_task_ended(&task) && turns < 100) {
        polls += (int) rouse_turn(&rt, world_after(world, WORLD_SOON));
        turns++;
    }
    CHECK(M2, rouse_task_ended(&task), "it never ends");
    CHECK(T7, polls == 2 && turns == 1, "%d polls in %d turns", polls, turns);
    rouse_close(&rt);
    rouse_task_unhold(&task);
}

CASES(timer_m2) = {&m2_a_deadline_of_exactly_now_is_due_in_the_same_turn,
                   &m2_a_turn_waits_for_the_soonest_timer_and_no_longer,
                   &m2_a_deadline_set_in_a_turn_bounds_its_wait,
                   &m2_all_that_are_due_ring_in_one_turn,
                   &m2_a_timer_armed_by_another_ones_wake_is_due_in_its_turn,
                   &m2_timers_are_not_held_up_by_reports,
                   &m2_a_sleep_keeps_the_thread_asleep};
