/*
 * r4_one_to_a_direction.c -- a second future that waits for the direction of an io is told
 * -EBUSY.
 */
#include "../net/meter.h"
#include "seat.h"

#include <errno.h>

static const unsigned directions[] = {ROUSE_READABLE, ROUSE_WRITABLE};

static unsigned other_than(unsigned direction)
{
    return direction == ROUSE_READABLE ? ROUSE_WRITABLE : ROUSE_READABLE;
}

/* Makes the direction ready, or unready before anybody waits. */
static void block(struct world *world, struct seat *seat, unsigned direction)
{
    if (direction == ROUSE_WRITABLE)
        world_fill(world, seat->ends[0]);
}

static void unblock(struct world *world, struct seat *seat, unsigned direction)
{
    if (direction == ROUSE_READABLE)
        seat_feed(world, seat);
    else
        world_drain(world, seat->ends[1]);
}

CASE(r4_a_second_waiter_is_told_busy, "R4", NEEDS_NOTHING,
     "a future waits for a direction, and five more come, one after the other",
     "each is READY with -EBUSY and keeps no waker; the first is woken as if they had not come")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        const unsigned direction = directions[i];
        struct wakes *late = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(late);
        struct seat seat = {.wakes = NULL};

        seat_open(world, &rt, &seat);
        block(world, &seat, direction);
        REQUIRE(R4, seat_wait(&seat, direction) == ROUSE_PENDING, "READY with nothing there");
        for (int n = 0; n < 5; n++) {
            struct rouse_readiness second = rouse_readiness(&seat.io, direction);

            REQUIRE(R4, world_poll(&second.future, &waker) == ROUSE_READY, "a second one waits");
            CHECK_EQUAL(R4, second.future.result, -EBUSY, "what the second one is told");
            rouse_future_drop(&second.future);
            CHECK(R4, seat_poll(&seat) == ROUSE_PENDING, "the first one is disturbed");
        }
        CHECK_EQUAL(R4, late->references, 0, "references to wakers of those who do not wait");
        unblock(world, &seat, direction);
        CHECK(R4, world_run_until(world, &rt, seat_woken, &seat, WORLD_SOON), "it is not woken");
        CHECK(R4, seat_poll(&seat) == ROUSE_READY && seat.wait.future.result == 0,
              "it is told %lld", (long long) seat.wait.future.result);
        CHECK_EQUAL(R4, wakes_taken(late), 0, "wakes of those who do not wait");
        seat_close(world, &seat);
    }
    rouse_close(&rt);
}

CASE(r4_the_other_direction_is_free, "R4", NEEDS_NOTHING,
     "one future waits for reading and one for writing, in both orders",
     "both wait; one is woken, and the other not disturbed")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct seat seat = {.wakes = NULL};
        struct rouse_readiness other;

        seat_open(world, &rt, &seat);
        block(world, &seat, ROUSE_WRITABLE);
        CHECK(R4, seat_wait(&seat, directions[i]) == ROUSE_PENDING, "the first is READY");
        other = rouse_readiness(&seat.io, other_than(directions[i]));
        REQUIRE(R4, world_poll(&other.future, &waker) == ROUSE_PENDING,
                "the second is READY with %lld", (long long) other.future.result);
        unblock(world, &seat, directions[i]);
        CHECK(R4, world_run_until(world, &rt, seat_woken, &seat, WORLD_SOON), "it is not woken");
        CHECK(R4, seat_poll(&seat) == ROUSE_READY, "PENDING after its report");
        if (world_poll(&other.future, &waker)
            == ROUSE_READY) /* reported by mistake, which is legal */
            CHECK_EQUAL(R4, other.future.result, 0, "what the other one is told");
        rouse_future_drop(&other.future);
        seat_close(world, &seat);
    }
    rouse_close(&rt);
}

CASE(t7_a_report_of_one_direction_wakes_nobody_in_the_other, "T7 R4", NEEDS_NOTHING,
     "one future waits for reading and one for writing, and the queue reports one direction alone",
     "who waits for that is woken, and the other one not")
{
    for (int i = 0; i < 2; i++) {
        struct rouse rt;
        struct meter meter;
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct seat seat = {.wakes = NULL};
        struct rouse_readiness other;
        const int *mistakes = i == 0 ? &meter.writable : &meter.readable;

        meter_runtime(world, &meter, &rt);
        seat_open(world, &rt, &seat);
        block(world, &seat, ROUSE_WRITABLE);
        CHECK(R4, seat_wait(&seat, directions[i]) == ROUSE_PENDING, "the first is READY");
        other = rouse_readiness(&seat.io, other_than(directions[i]));
        REQUIRE(R4, world_poll(&other.future, &waker) == ROUSE_PENDING, "the second is READY");
        unblock(world, &seat, directions[i]);
        CHECK(R4, world_run_until(world, &rt, seat_woken, &seat, WORLD_SOON), "it is not woken");
        CHECK(T7, wakes_taken(wakes) <= *mistakes, "woken for the other one's direction");
        rouse_future_drop(&other.future);
        seat_close(world, &seat);
        rouse_close(&rt);
    }
}

CASE(r4_when_one_is_done_the_next_may_wait, "R4", NEEDS_NOTHING,
     "waiters end by a report, by a drop before their poll, while waiting, and after a wake",
     "after each the direction is free for another future")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        const unsigned direction = directions[i];
        struct seat seat = {.wakes = NULL};
        struct rouse_readiness waits[4], never;

        seat_open(world, &rt, &seat);
        block(world, &seat, direction);
        for (int round = 0; round < 4; round++) {
            const struct rouse_waker waker = wakes_waker(seat.wakes);
            struct rouse_future *future = &waits[round].future;

            never = rouse_readiness(&seat.io, direction);
            rouse_future_drop(&never.future);
            waits[round] = rouse_readiness(&seat.io, direction);
            REQUIRE(R4, world_poll(future, &waker) == ROUSE_PENDING, "told %lld in round %d",
                    (long long) future->result, round);
            rouse_future_drop(&never.future); /* of somebody who does not wait */
            CHECK(R4, world_poll(future, &waker) == ROUSE_PENDING, "another one's drop ended it");
            if (round == 1) /* woken, and dropped before it is polled */
                unblock(world, &seat, direction);
            if (round >= 1)
                CHECK(R4, world_run_until(world, &rt, seat_woken, &seat, WORLD_SOON), "no wake");
            if (round >= 2)
                CHECK(R4, world_poll(future, &waker) == ROUSE_READY, "PENDING after its report");
            wakes_taken(seat.wakes);
            rouse_future_drop(future);
            CHECK_EQUAL(R4, seat.wakes->references, 0, "references to the waker");
        }
        seat_close(world, &seat);
    }
    rouse_close(&rt);
}

CASES(reactor_r4) = {&r4_a_second_waiter_is_told_busy, &r4_the_other_direction_is_free,
                     &t7_a_report_of_one_direction_wakes_nobody_in_the_other,
                     &r4_when_one_is_done_the_next_may_wait};
