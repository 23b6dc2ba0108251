/*
 * r2_reports_then_timers.c -- in one turn reports come first, in the queue's order, then
 * timers that are due.
 *
 * Which turn brings a report is the queue's affair. What is checked is the order inside
 * each turn, with a timer due in every one of them until all reports have come.
 */
#include "../net/meter.h"
#include "seat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEATS_MAX = 100, TIMERS = 3 };

/* Who was woken in this turn. */
struct record {
    int order[SEATS_MAX + TIMERS]; /* numbers of seats; -1 for a timer */
    int count;
    int reports;
};

static void note_report(void *with)
{
    struct seat *seat = with;
    struct record *record = seat->table;

    record->order[record->count++] = seat->number;
    record->reports++;
}

static void note_timer(void *with)
{
    struct record *record = with;

    record->order[record->count++] = -1;
}

/* One turn in which TIMERS timers are due. */
static void turn(struct world *world, struct rouse *rt, struct record *record, struct wakes *rang)
{
    const struct rouse_waker waker = wakes_waker(rang);
    struct rouse_timer timers[TIMERS] = {0};

    rang->then = note_timer;
    rang->with = record;
    record->count = 0;
    for (int i = 0; i < TIMERS; i++)
        rouse_timer_arm(&rt->reactor, &timers[i], world_now(world), &waker);
    rouse_reactor_turn(&rt->reactor, 0);
    for (int i = 0; i < TIMERS; i++)
        rouse_timer_cancel(&rt->reactor, &timers[i]);
    if (world->simulated)
        rouse_sim_advance(world->evq, ROUSE_MS(1));
}

static struct seat *seats_make(struct world *world, struct rouse *rt, struct record *record,
                               int count)
{
    struct seat *seats = calloc((size_t) count, sizeof *seats);

    if (seats == NULL)
        suite_error("no memory");
    for (int i = 0; i < count; i++) {
        seat_open(world, rt, &seats[i]);
        seats[i].number = i;
        seats[i].table = record;
        seats[i].wakes->then = note_report;
        seats[i].wakes->with = &seats[i];
    }
    return seats;
}

CASE(r2_reports_are_delivered_before_timers, "R2", NEEDS_NOTHING,
     "1, 2, 64, 65 and 100 sources are ready, and three timers are due in every turn",
     "in each turn no timer rings before a report is delivered, and all three ring")
{
    static const int counts[] = {1, 2, 64, 65, SEATS_MAX};
    struct wakes *rang = world_wakes(world);
    struct rouse rt;

    world_runtime(world, &rt);
    for (size_t round = 0; round < sizeof counts / sizeof *counts; round++) {
        const int count = counts[round];
        const rouse_time limit = world_after(world, WORLD_SOON);
        struct record record = {{0}, 0, 0};
        struct seat *seats = seats_make(world, &rt, &record, count);

        for (int i = 0; i < count; i++) {
            seat_wait(&seats[i], ROUSE_READABLE);
            seat_feed(world, &seats[i]);
        }
        while (record.reports < count && world_now(world) < limit) {
            bool timer = false;

            turn(world, &rt, &record, rang);
            for (int i = 0; i < record.count; i++) {
                CHECK(R2, !timer || record.order[i] == -1, "a report after a timer");
                timer = timer || record.order[i] == -1;
            }
            CHECK_EQUAL(R2, wakes_taken(rang), TIMERS, "timers that rang in a turn with reports");
        }
        CHECK_EQUAL(R2, record.reports, count, "reports");
        for (int i = 0; i < count; i++)
            seat_close(world, &seats[i]);
        free(seats);
    }
    rouse_close(&rt);
}

CASE(r2_reports_are_delivered_in_the_queues_order, "R2", NEEDS_NOTHING,
     "40 sources become ready, half of them in both directions, three times over",
     "their wakers are woken in the order in which the queue named the sources")
{
    enum { COUNT = 40 };
    struct record record = {{0}, 0, 0};
    struct meter meter;
    struct seat *seats;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    seats = seats_make(world, &rt, &record, COUNT);
    for (int round = 0; round < 3; round++) {
        const rouse_time limit = world_after(world, WORLD_SOON);
        int seen = 0;

        record.reports = 0;
        for (int i = 0; i < COUNT; i++) {
            struct seat *seat = &seats[i * 7 % COUNT];

            if (i % 2 != 0) /* reported too, and nobody waits for it */
                rouse_io_arm(&seat->io, ROUSE_WRITABLE);
            seat_wait(seat, ROUSE_READABLE);
            seat_feed(world, &seats[i * 11 % COUNT]);
        }
        while (record.reports < COUNT && world_now(world) < limit) {
            int at = 0;

            record.count = 0;
            rouse_reactor_turn(&rt.reactor, world_after(world, 1));
            for (int i = 0; i < meter.batch_count; i++) {
                const struct rouse_io *io =
                    rouse_container_of(meter.batch[i], struct rouse_io, source);
                const struct seat *seat = rouse_container_of(io, struct seat, io);

                if (at < record.count && record.order[at] == seat->number)
                    at++;
            }
            CHECK_EQUAL(R2, at, record.count, "wakes that came in the order of the queue");
            seen += record.count;
        }
        CHECK_EQUAL(R2, seen, COUNT, "reports");
        for (int i = 0; i < COUNT; i++) {
            rouse_future_drop(&seats[i].wait.future);
            world_drain(world, seats[i].ends[0]);
        }
    }
    for (int i = 0; i < COUNT; i++)
        seat_close(world, &seats[i]);
    free(seats);
    rouse_close(&rt);
}

CASE(r2_both_directions_reach_their_waiters, "R2", NEEDS_NOTHING,
     "a reader and a writer wait at 1, 2 and 30 sources, which become ready in both directions; "
     "reported together, or apart in one batch",
     "all are woken, once each")
{
    enum { COUNT = 30 };
    static const int counts[] = {1, 2, COUNT};
    static struct seat seats[COUNT], writers[COUNT];
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    for (int round = 0; round < 6; round++) {
        const int count = counts[round / 2];
        rouse_time limit;

        meter.splits = round % 2 != 0;
        for (int i = 0; i < count; i++) {
            const struct rouse_waker waker = wakes_waker(writers[i].wakes = world_wakes(world));

            seats[i] = (struct seat){.number = i};
            seat_open(world, &rt, &seats[i]);
            world_fill(world, seats[i].ends[0]);
            seat_wait(&seats[i], ROUSE_READABLE);
            writers[i].wait = rouse_readiness(&seats[i].io, ROUSE_WRITABLE);
            CHECK(R2, world_poll(&writers[i].wait.future, &waker) == ROUSE_PENDING, "READY");
        }
        for (int i = 0; i < count; i++) {
            world_drain(world, seats[i].ends[1]);
            seat_feed(world, &seats[i]);
        }
        limit = world_after(world, WORLD_SOON);
        for (int i = 0; i < count; i++)
            while (seats[i].wakes->count + writers[i].wakes->count < 2 && world_now(world) < limit)
                rouse_reactor_turn(&rt.reactor, limit);
        for (int i = 0; i < count; i++) {
            CHECK_EQUAL(R2, wakes_taken(seats[i].wakes), 1, "wakes of a reader");
            CHECK_EQUAL(R2, wakes_taken(writers[i].wakes), 1, "wakes of a writer");
            rouse_future_drop(&writers[i].wait.future);
            seat_close(world, &seats[i]);
        }
    }
    rouse_close(&rt);
}

/* Lets time pass, busily. */
static void pass_until(struct world *world, rouse_time end)
{
    if (world->simulated && world_now(world) < end)
        rouse_sim_advance(world->evq, end - world_now(world));
    while (world_now(world) < end)
        thread_yield();
}

CASE(r2_an_answer_in_time_is_not_beaten_by_its_time_out, "R2", NEEDS_NOTHING,
     "a read waits with a limit; when the turn comes, bytes are there and the limit is over",
     "if the turn brings the report, the read has its bytes")
{
    struct meter meter;
    struct rouse rt;
    int told = 0;

    meter_runtime(world, &meter, &rt);
    for (int round = 0; round < 20; round++) {
        struct rouse_task task = {0};
        struct rouse_deadline limit;
        struct rouse_read read;
        struct rouse_tcp stream;
        rouse_fd ends[2];
        char buffer[8];

        world_pair(world, ends);
        rouse_stream_open(&stream, &rt.reactor, world_give(world, ends[0]));
        read = rouse_read(&stream, buffer, sizeof buffer);
        meter_stop_clock(&meter);
        limit = rouse_deadline(&rt.reactor, &read.future, world_after(world, 4));
        rouse_spawn_held(&rt.executor, &task, &limit.future, NULL);
        rouse_executor_run(&rt.executor, 10);
        REQUIRE(R2, !rouse_task_ended(&task), "it is over before its limit");
        meter.stopped_at = 0;
        meter.readable = 0;
        world_send(world, ends[1], 5);
        world_await_ready(world, stream.io.source.fd, ROUSE_READABLE);
        pass_until(world, limit.deadline);
        rouse_turn(&rt, 0);
        if (meter.readable != 0) {
            CHECK(R2, rouse_task_ended(&task), "neither the report nor the limit was delivered");
            CHECK_EQUAL(R2, limit.future.result, 5, "the result of a read that came in time");
            told++;
        }
        rouse_cancel(&task);
        rouse_turn(&rt, 0);
        rouse_task_unhold(&task);
        rouse_tcp_close(&stream);
    }
    if (told == 0)
        suite_note("no report came in the turn that was due; nothing was found out");
    rouse_close(&rt);
}

CASE(r2_a_reactor_begins_with_nothing_to_deliver, "R2 M2", NEEDS_NOTHING,
     "a reactor of one's own is opened in memory that is full of something, and turned",
     "nothing is due, nobody is called; then a timer that is armed rings, and nothing is left")
{
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct rouse_timer timer = {0};
    struct rouse_reactor reactor;

    memset(&reactor, 0xa5, sizeof reactor);
    rouse_reactor_init(&reactor, world->evq, world->alloc);
    CHECK(M2, rouse_reactor_deadline(&reactor) == ROUSE_NEVER, "something is due");
    CHECK_EQUAL(R2, rouse_reactor_turn(&reactor, 0), 0, "a turn");
    rouse_timer_arm(&reactor, &timer, rouse_now(&reactor), &waker);
    CHECK_EQUAL(R2, rouse_reactor_turn(&reactor, 0), 0, "a turn with a timer");
    CHECK_EQUAL(M2, wakes_taken(wakes), 1, "wakes by a timer that is due");
    CHECK(M2, rouse_reactor_deadline(&reactor) == ROUSE_NEVER, "something is still due");
    rouse_reactor_close(&reactor);
}

CASES(reactor_r2) = {
    &r2_reports_are_delivered_before_timers, &r2_reports_are_delivered_in_the_queues_order,
    &r2_both_directions_reach_their_waiters, &r2_an_answer_in_time_is_not_beaten_by_its_time_out,
    &r2_a_reactor_begins_with_nothing_to_deliver};
