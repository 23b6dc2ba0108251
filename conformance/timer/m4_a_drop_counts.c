/*
 * m4_a_drop_counts.c -- dropping or moving a timer takes effect before the next delivery.
 *
 * The next delivery may be the very next wake of the turn that is going on: a timer's
 * wake drops another one that is due in the same turn.
 */
#include "../world.h"

#include <stdlib.h>
#include <string.h>

static void arm(struct rouse *rt, struct rouse_timer *timer, rouse_time deadline,
                struct wakes *wakes)
{
    const struct rouse_waker waker = wakes_waker(wakes);

    rouse_timer_arm(&rt->reactor, timer, deadline, &waker);
}

CASE(m4_a_dropped_timer_is_silent_and_holds_up_nothing, "M4", NEEDS_NOTHING,
     "timers, sleeps and ticks for 1 ms from now are dropped, armed or not yet polled",
     "a turn of 4 ms lasts for 4 ms, nobody is woken, and no waker is kept")
{
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 8; i++) {
        const rouse_time soon = world_after(world, 1);
        const rouse_time end = world_after(world, 4);
        struct rouse_interval interval = rouse_interval(&rt.reactor, ROUSE_MS(1));
        struct rouse_tick tick = rouse_tick(&interval);
        struct rouse_sleep sleep = rouse_sleep_until(&rt.reactor, soon);
        struct rouse_timer timer = {0};

        arm(&rt, &timer, soon, wakes);
        if (i % 2 != 0) {
            world_poll(&sleep.future, &waker);
            world_poll(&tick.future, &waker);
        }
        rouse_timer_cancel(&rt.reactor, &timer);
        rouse_timer_cancel(&rt.reactor, &timer); /* idle, which is fine */
        rouse_future_drop(&sleep.future);
        rouse_future_drop(&tick.future);
        CHECK_EQUAL(M4, wakes->references, 0, "references to the waker");
        CHECK(M4, rouse_reactor_deadline(&rt.reactor) == ROUSE_NEVER, "a deadline is left over");
        rouse_reactor_turn(&rt.reactor, end);
        CHECK(M4, world_now(world) >= end, "the turn ended by a timer that was dropped");
        CHECK_EQUAL(M4, wakes_taken(wakes), 0, "wakes after the drop");
    }
    rouse_close(&rt);
}

CASE(m4_the_memory_of_a_dropped_timer_is_the_callers, "M4", NEEDS_NOTHING,
     "of 200 timers that are due every second one is cancelled, and its memory overwritten",
     "the others ring, once each, and nobody looks at the rest")
{
    enum { MANY = 200 };
    struct wakes *kept = world_wakes(world);
    struct wakes *dropped = world_wakes(world);
    struct rouse_timer *timers[MANY];
    struct rouse rt;

    world_runtime(world, &rt);
    for (int round = 0; round < 4; round++) {
        const rouse_time moment = world_now(world);

        for (int i = 0; i < MANY; i++) {
            timers[i] = calloc(1, sizeof *timers[i]);
            if (timers[i] == NULL)
                suite_error("no memory");
            arm(&rt, timers[i], moment - i * 31 % 11, i % 2 == round % 2 ? dropped : kept);
        }
        /* From the front, from the back, and from the middle. */
        for (int n = 0; n < MANY; n++) {
            const int i = round == 0 ? n : round == 1 ? MANY - 1 - n : n * 71 % MANY;

            if (i % 2 == round % 2) {
                rouse_timer_cancel(&rt.reactor, timers[i]);
                memset(timers[i], 0x5a, sizeof *timers[i]);
                free(timers[i]);
            }
        }
        rouse_reactor_turn(&rt.reactor, 0);
        CHECK_EQUAL(M4, wakes_taken(dropped), 0, "wakes of cancelled timers");
        CHECK_EQUAL(M4, wakes_taken(kept), MANY / 2, "wakes of the others");
        for (int i = 0; i < MANY; i++)
            if (i % 2 != round % 2)
                free(timers[i]);
    }
    rouse_close(&rt);
}

/* Timers that are due together. The wake of the n-th that rings does something to all of
 * them, whichever that is. */
enum { CREW = 9 };

struct crew {
    struct rouse *rt;
    struct rouse_timer timers[CREW];
    struct wakes *wakes;
    rouse_time moment;
    int rang;
    int actor;
    void (*act)(struct crew *crew, struct rouse_timer *timer);
};

static void ring(void *with)
{
    struct crew *crew = with;

    if (crew->rang++ == crew->actor)
        for (int i = 0; i < CREW; i++)
            crew->act(crew, &crew->timers[i]);
}

/* Arms all of them for a moment that has come, and turns. */
static void crew_turn(struct world *world, struct crew *crew, int actor,
                      void (*act)(struct crew *crew, struct rouse_timer *timer))
{
    const struct rouse_timer idle = {0};

    crew->wakes->then = ring;
    crew->wakes->with = crew;
    crew->moment = world_now(world);
    crew->rang = 0;
    crew->actor = actor;
    crew->act = act;
    for (int i = 0; i < CREW; i++) {
        crew->timers[i] = idle;
        arm(crew->rt, &crew->timers[i], crew->moment, crew->wakes);
    }
    rouse_reactor_turn(&crew->rt->reactor, 0);
    rouse_reactor_turn(&crew->rt->reactor, 0);
}

static void cancel(struct crew *crew, struct rouse_timer *timer)
{
    rouse_timer_cancel(&crew->rt->reactor, timer);
    memset(timer, 0x5a, sizeof *timer);
}

CASE(m4_the_wake_of_a_timer_may_drop_all_that_are_due, "M4", NEEDS_NOTHING,
     "nine timers are due in one turn; the first, second ... ninth that rings cancels all of them",
     "none rings after that")
{
    struct crew crew = {.wakes = world_wakes(world)};
    struct rouse rt;

    world_runtime(world, &rt);
    crew.rt = &rt;
    for (int actor = 0; actor < CREW; actor++) {
        crew_turn(world, &crew, actor, cancel);
        CHECK_EQUAL(M4, crew.rang, actor + 1, "the number of timers that rang");
        CHECK(M4, rouse_reactor_deadline(&rt.reactor) == ROUSE_NEVER, "a timer is left over");
    }
    rouse_close(&rt);
}

static void postpone(struct crew *crew, struct rouse_timer *timer)
{
    arm(crew->rt, timer, crew->moment + ROUSE_SECONDS(3600), crew->wakes);
}

CASE(m4_the_wake_of_a_timer_may_move_all_that_are_due, "M4", NEEDS_NOTHING,
     "nine timers are due in one turn; one that rings moves all of them by an hour",
     "none rings after that, and all wait for their new time")
{
    struct crew crew = {.wakes = world_wakes(world)};
    struct rouse rt;

    world_runtime(world, &rt);
    crew.rt = &rt;
    for (int actor = 0; actor < CREW; actor++) {
        crew_turn(world, &crew, actor, postpone);
        CHECK_EQUAL(M4, crew.rang, actor + 1, "the number of timers that rang");
        for (int i = 0; i < CREW; i++) {
            CHECK(M4, rouse_reactor_deadline(&rt.reactor) == crew.moment + ROUSE_SECONDS(3600),
                  "the next deadline is not the one that they were moved to");
            CHECK(M4, rouse_timer_armed(&crew.timers[i]), "timer %d is not armed", i);
            rouse_timer_cancel(&rt.reactor, &crew.timers[i]);
        }
    }
    rouse_close(&rt);
}

/* A source whose wake cancels a timer. */
struct canceller {
    struct rouse *rt;
    struct rouse_timer timer;
};

static void cancel_timer(void *with)
{
    struct canceller *canceller = with;

    rouse_timer_cancel(&canceller->rt->reactor, &canceller->timer);
}

CASE(m4_a_report_may_drop_a_timer_of_its_own_turn, "M4 R2", NEEDS_NOTHING,
     "a source is ready and a timer is due; the source's wake cancels the timer",
     "the timer does not ring in that turn, nor later")
{
    struct wakes *reported = world_wakes(world);
    struct wakes *rang = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(reported);
    struct canceller canceller = {NULL, {0}};
    struct rouse_readiness ready;
    struct rouse_io io;
    struct rouse rt;
    rouse_fd ends[2];
    rouse_time limit;

    world_runtime(world, &rt);
    world_pair(world, ends);
    rouse_io_open(&io, &rt.reactor, ends[0]);
    ready = rouse_readiness(&io, ROUSE_READABLE);
    world_poll(&ready.future, &waker);
    canceller.rt = &rt;
    reported->then = cancel_timer;
    reported->with = &canceller;
    world_send(world, ends[1], 1);
    limit = world_after(world, WORLD_SOON);
    /* The report may take its time. The timer is due in each turn. */
    while (reported->count == 0 && world_now(world) < limit) {
        wakes_taken(rang);
        arm(&rt, &canceller.timer, world_now(world), rang);
        rouse_reactor_turn(&rt.reactor, 0);
        if (world->simulated)
            rouse_sim_advance(world->evq, ROUSE_MS(1));
    }
    CHECK(M4, reported->count != 0, "the source was never reported");
    CHECK_EQUAL(R2, wakes_taken(rang), 0, "wakes of a timer in the turn of the report");
    rouse_reactor_turn(&rt.reactor, 0);
    CHECK_EQUAL(M4, wakes_taken(rang), 0, "wakes of a timer that was cancelled");
    rouse_timer_cancel(&rt.reactor, &canceller.timer);
    rouse_future_drop(&ready.future);
    rouse_io_close(&io);
    rouse_close(&rt);
}

CASE(m4_a_timer_moved_earlier_rings_in_time, "M4", NEEDS_NOTHING,
     "a timer for an hour ahead is moved to 2 ms ahead, among none, 3 and 200 others",
     "one turn of at most 2 s rings it")
{
    static const int crowds[] = {0, 3, 200};
    struct wakes *wakes = world_wakes(world);
    struct wakes *others = world_wakes(world);
    struct rouse_timer crowd[200] = {{0}};
    struct rouse rt;

    world_runtime(world, &rt);
    for (int round = 0; round < 3; round++) {
        const rouse_time start = world_now(world);
        struct rouse_timer timer = {0};

        for (int i = 0; i < crowds[round]; i++)
            arm(&rt, &crowd[i], start + ROUSE_SECONDS(60 + i * 7 % 19), others);
        arm(&rt, &timer, start + ROUSE_SECONDS(3600), wakes);
        arm(&rt, &timer, start + ROUSE_MS(2), wakes);
        rouse_reactor_turn(&rt.reactor, start + ROUSE_MS(WORLD_SOON));
        CHECK_EQUAL(M4, wakes_taken(wakes), 1, "wakes at the new time");
        CHECK(M4, world_now(world) < start + ROUSE_MS(WORLD_SOON), "the turn did not end by it");
        rouse_timer_cancel(&rt.reactor, &timer);
        for (int i = 0; i < crowds[round]; i++)
            rouse_timer_cancel(&rt.reactor, &crowd[i]);
        CHECK_EQUAL(M4, wakes_taken(others), 0, "wakes of the others");
    }
    rouse_close(&rt);
}

CASE(m4_a_timer_moved_later_is_silent_at_its_old_time, "M4", NEEDS_NOTHING,
     "a timer for 1 ms ahead is moved to 6 ms ahead, and its waker changed",
     "a turn of 3 ms lasts for 3 ms; then the new waker is woken, once, and the old one never")
{
    struct wakes *before = world_wakes(world);
    struct wakes *after = world_wakes(world);
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 3; i++) {
        const rouse_time start = world_now(world);
        struct rouse_timer timer = {0};

        arm(&rt, &timer, start + ROUSE_MS(1), before);
        arm(&rt, &timer, start + ROUSE_MS(6), after);
        CHECK_EQUAL(M4, before->references, 0, "references to the old waker");
        rouse_reactor_turn(&rt.reactor, start + ROUSE_MS(3));
        CHECK(M4, world_now(world) >= start + ROUSE_MS(3), "the turn ended at the old time");
        CHECK(M4, after->count == 0 || world_now(world) >= start + ROUSE_MS(6), "it rang early");
        while (world_now(world) < start + ROUSE_MS(6))
            rouse_reactor_turn(&rt.reactor, start + ROUSE_MS(6));
        rouse_reactor_turn(&rt.reactor, 0);
        CHECK_EQUAL(M4, wakes_taken(after), 1, "wakes at the new time");
        CHECK_EQUAL(M4, wakes_taken(before), 0, "wakes of the old waker");
        rouse_timer_cancel(&rt.reactor, &timer);
    }
    rouse_close(&rt);
}

CASE(m4_dropping_after_the_wake_is_harmless, "M4", NEEDS_NOTHING,
     "sleeps rang, and are dropped before anybody polls them; others are dropped when READY",
     "no second wake, no waker kept, and the timers beside them go on")
{
    struct wakes *wakes = world_wakes(world);
    struct wakes *beside = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct rouse_timer timer = {0};
    struct rouse rt;

    world_runtime(world, &rt);
    arm(&rt, &timer, world_now(world) + ROUSE_SECONDS(3600), beside);
    for (int i = 0; i < 6; i++) {
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, ROUSE_MS(2));

        if (world_poll(&sleep.future, &waker) == ROUSE_PENDING) {
            while (world_now(world) < sleep.deadline)
                rouse_reactor_turn(&rt.reactor, sleep.deadline);
            rouse_reactor_turn(&rt.reactor, 0);
            CHECK_EQUAL(M4, wakes_taken(wakes), 1, "wakes at the deadline");
        }
        if (i % 2 != 0)
            CHECK(M4, world_poll(&sleep.future, &waker) == ROUSE_READY, "PENDING when it is due");
        rouse_future_drop(&sleep.future);
        rouse_reactor_turn(&rt.reactor, 0);
        CHECK_EQUAL(M4, wakes_taken(wakes), 0, "wakes after the drop");
        CHECK_EQUAL(M4, wakes->references, 0, "references to the waker");
    }
    CHECK(M4, rouse_timer_armed(&timer) && beside->count == 0, "the timer beside them is gone");
    rouse_timer_cancel(&rt.reactor, &timer);
    rouse_close(&rt);
}

CASES(timer_m4) = {&m4_a_dropped_timer_is_silent_and_holds_up_nothing,
                   &m4_the_memory_of_a_dropped_timer_is_the_callers,
                   &m4_the_wake_of_a_timer_may_drop_all_that_are_due,
                   &m4_the_wake_of_a_timer_may_move_all_that_are_due,
                   &m4_a_report_may_drop_a_timer_of_its_own_turn,
                   &m4_a_timer_moved_earlier_rings_in_time,
                   &m4_a_timer_moved_later_is_silent_at_its_old_time,
                   &m4_dropping_after_the_wake_is_harmless};
