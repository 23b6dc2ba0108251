/*
 * r5_closing_wakes.c -- closing an io wakes who waits there, and tells them -ECANCELED, as it
 * does whoever comes later.
 */
#include "seat.h"

#include <errno.h>

CASE(r5_closing_wakes_reader_and_writer, "R5", NEEDS_NOTHING,
     "a reader, a writer, or both wait, and the io is closed",
     "each is woken once, at once, and "
     "told -ECANCELED; nothing is kept")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int who = 0; who < 4; who++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct seat seat = {.wakes = NULL};
        struct rouse_readiness writer;

        seat_open(world, &rt, &seat);
        world_fill(world, seat.ends[0]);
        writer = rouse_readiness(&seat.io, ROUSE_WRITABLE);
        if (who & 1)
            CHECK(R5, seat_wait(&seat, ROUSE_READABLE) == ROUSE_PENDING, "the reader is READY");
        if (who & 2)
            CHECK(R5, world_poll(&writer.future, &waker) == ROUSE_PENDING, "the writer is READY");
        rouse_io_close(&seat.io);
        CHECK_EQUAL(R5, wakes_taken(seat.wakes), who & 1, "wakes of the reader");
        CHECK_EQUAL(R5, wakes_taken(wakes), who >> 1, "wakes of the writer");
        rouse_io_close(&seat.io); /* it stays closed */
        CHECK_EQUAL(R5, seat.wakes->references + wakes->references, 0, "references to wakers");
        if (who & 1) {
            REQUIRE(R5, seat_poll(&seat) == ROUSE_READY, "the reader still waits");
            CHECK_EQUAL(R5, seat.wait.future.result, -ECANCELED, "what the reader is told");
        }
        if (who & 2) {
            REQUIRE(R5, world_poll(&writer.future, &waker) == ROUSE_READY, "the writer waits");
            CHECK_EQUAL(R5, writer.future.result, -ECANCELED, "what the writer is told");
        }
        rouse_reactor_turn(&rt.reactor, 0);
        CHECK_EQUAL(R5, wakes_taken(seat.wakes) + wakes_taken(wakes), 0, "wakes afterwards");
        rouse_future_drop(&writer.future);
        seat_close(world, &seat);
    }
    rouse_close(&rt);
}

CASE(r5_who_comes_after_the_closing_is_told_too, "R5", NEEDS_NOTHING,
     "futures made before the closing or after it are first polled after it; ready bytes are there",
     "-ECANCELED at the first poll, in both directions, and on an io full of zeroes")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 8; i++) {
        const unsigned direction = i % 2 ? ROUSE_READABLE : ROUSE_WRITABLE;
        struct seat seat = {.wakes = NULL};
        struct rouse_readiness before, after;
        struct rouse_io never = {0};

        seat_open(world, &rt, &seat);
        if (i & 2)
            seat_feed(world, &seat);
        before = rouse_readiness(&seat.io, direction);
        if (i & 4) { /* a report is remembered in it */
            seat_wait(&seat, direction);
            if (direction == ROUSE_WRITABLE || (i & 2))
                world_run_until(world, &rt, seat_woken, &seat, WORLD_SOON);
            wakes_taken(seat.wakes);
            rouse_future_drop(&seat.wait.future);
        }
        rouse_io_close(&seat.io);
        after = rouse_readiness(&seat.io, direction);
        REQUIRE(R5, world_poll(&before.future, NULL) == ROUSE_READY, "it waits for what is closed");
        CHECK_EQUAL(R5, before.future.result, -ECANCELED, "what an earlier future is told");
        REQUIRE(R5, world_poll(&after.future, NULL) == ROUSE_READY, "it waits for what is closed");
        CHECK_EQUAL(R5, after.future.result, -ECANCELED, "what a later future is told");
        after = rouse_readiness(&never, direction);
        REQUIRE(R5, world_poll(&after.future, NULL) == ROUSE_READY, "it waits for nothing");
        CHECK_EQUAL(R5, after.future.result, -ECANCELED, "what is told of zeroes");
        rouse_io_close(&never);
        seat_close(world, &seat);
    }
    rouse_close(&rt);
}

CASE(r5_a_report_does_not_undo_the_closing, "R5", NEEDS_NOTHING,
     "a waiter was woken by a report; before it is polled the io is closed",
     "it is told -ECANCELED, and not woken again")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 3; i++) {
        struct seat seat = {.wakes = NULL};

        seat_open(world, &rt, &seat);
        seat_wait(&seat, ROUSE_READABLE);
        seat_feed(world, &seat);
        CHECK(R5, world_run_until(world, &rt, seat_woken, &seat, WORLD_SOON), "it is not woken");
        wakes_taken(seat.wakes);
        rouse_io_close(&seat.io);
        CHECK_EQUAL(R5, wakes_taken(seat.wakes), 0, "wakes of who was woken already");
        REQUIRE(R5, seat_poll(&seat) == ROUSE_READY, "it still waits");
        CHECK_EQUAL(R5, seat.wait.future.result, -ECANCELED, "what it is told");
        seat_close(world, &seat);
    }
    rouse_close(&rt);
}

/* A task that waits, and what it was told. */
struct guest {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_io *io;
    unsigned direction;
    struct rouse_readiness wait;
    intptr_t told;
};

ROUSE_ASYNC(guest, struct guest)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->wait, rouse_readiness(self->io, self->direction));
    ROUSE_FINALLY
    self->told = self->wait.future.result;
    ROUSE_END
}

CASE(r5_a_server_that_stops_gets_its_tasks_back, "R5", NEEDS_NOTHING,
     "40 tasks wait for reading and 40 for writing, on 40 sources, which are closed one by one",
     "all of them end, with -ECANCELED")
{
    enum { SEATS = 40 };
    static struct guest guests[2 * SEATS];
    static struct seat seats[SEATS];
    struct rouse rt;
    int canceled = 0, early = 0;

    world_runtime(world, &rt);
    for (int i = 0; i < SEATS; i++) {
        seats[i] = (struct seat){.wakes = NULL};
        seat_open(world, &rt, &seats[i]);
        world_fill(world, seats[i].ends[0]);
    }
    for (int i = 0; i < 2 * SEATS; i++) {
        guests[i] = (struct guest){.io = &seats[i / 2].io, .told = 1};
        guests[i].direction = i % 2 ? ROUSE_READABLE : ROUSE_WRITABLE;
        rouse_spawn(&rt.executor, &guests[i].task, guest_start(&guests[i]), NULL);
    }
    for (int i = 0; i < 10; i++)
        rouse_turn(&rt, 0);
    for (int i = 0; i < 2 * SEATS; i++)
        early += guests[i].told == 0; /* reported by mistake, which is legal */
    for (int i = 0; i < SEATS; i++)
        rouse_io_close(&seats[i].io);
    rouse_turn(&rt, 0);
    for (int i = 0; i < 2 * SEATS; i++)
        canceled += guests[i].told == -ECANCELED;
    CHECK_EQUAL(R5, canceled, 2 * SEATS - early, "tasks that were told -ECANCELED");
    rouse_close(&rt);
    for (int i = 0; i < SEATS; i++)
        seat_close(world, &seats[i]);
}

CASES(reactor_r5) = {
    &r5_closing_wakes_reader_and_writer, &r5_who_comes_after_the_closing_is_told_too,
    &r5_a_report_does_not_undo_the_closing, &r5_a_server_that_stops_gets_its_tasks_back};
