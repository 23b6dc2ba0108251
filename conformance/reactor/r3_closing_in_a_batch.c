/*
 * r3_closing_in_a_batch.c -- a waker of a batch may close any other io of that batch, whose
 * report is then not delivered.
 *
 * Which source of a batch comes first is not promised, so each waker does the same: the
 * n-th that is woken acts on all the others. A report that is delivered all the same
 * reaches a stranger: the new connection in the old one's memory, or freed memory.
 */
#include "../net/meter.h"
#include "seat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct table {
    struct world *world;
    struct rouse *rt;
    struct seat *seats;
    int count;
    int woken; /* in this round */
    int actor; /* which of the woken acts */
    void (*act)(struct seat *seat);
};

static void on_wake(void *with)
{
    struct seat *self = with;
    struct table *table = self->table;

    if (table->woken++ != table->actor)
        return;
    for (int i = 0; i < table->count; i++)
        if (&table->seats[i] != self)
            table->act(&table->seats[i]);
}

static void table_open(struct table *table, struct world *world, struct rouse *rt, int count)
{
    *table = (struct table){.world = world, .rt = rt, .count = count};
    table->seats = calloc((size_t) count, sizeof *table->seats);
    if (table->seats == NULL)
        suite_error("no memory");
    for (int i = 0; i < count; i++) {
        seat_open(world, rt, &table->seats[i]);
        table->seats[i].number = i;
        table->seats[i].table = table;
        table->seats[i].wakes->then = on_wake;
        table->seats[i].wakes->with = &table->seats[i];
    }
}

static void table_close(struct table *table)
{
    for (int i = 0; i < table->count; i++)
        seat_close(table->world, &table->seats[i]);
    free(table->seats);
}

/* Everybody waits for bytes, and they come. */
static void table_feed(struct table *table)
{
    table->woken = 0;
    for (int i = 0; i < table->count; i++) {
        seat_wait(&table->seats[i], ROUSE_READABLE);
        seat_feed(table->world, &table->seats[i]);
    }
}

/* Turns until `count` were woken, or for too long. */
static void table_turn(struct table *table, int count)
{
    const rouse_time limit = world_after(table->world, WORLD_SOON);

    while (table->woken < count && world_now(table->world) < limit)
        rouse_reactor_turn(&table->rt->reactor, limit);
}

/* And then for a moment more. */
static void table_turn_and_rest(struct table *table, int count)
{
    rouse_time end;

    table_turn(table, count);
    end = world_after(table->world, 2);
    while (world_now(table->world) < end)
        rouse_reactor_turn(&table->rt->reactor, end);
}

/* Another connection in the same memory, and with luck of the same number. */
static void replace(struct seat *seat)
{
    struct table *table = seat->table;

    seat_close(table->world, seat);
    wakes_taken(seat->wakes);
    seat_open(table->world, table->rt, seat);
    seat_wait(seat, ROUSE_READABLE);
}

CASE(r3_a_new_connection_hears_nothing_of_the_old_ones_report, "R3", NEEDS_NOTHING,
     "2, 3, 64 and 100 sources are ready, in one direction or in two that are reported apart; the "
     "first that is woken closes all the others, and opens quiet ones in their place",
     "nobody else is woken; then bytes come to the new ones, and each is woken once")
{
    static const int counts[] = {2, 3, 64, 100};
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    for (int round = 0; round < 8; round++) {
        struct table table;

        meter.splits = round >= 4;
        table_open(&table, world, &rt, counts[round % 4]);
        for (int i = 0; meter.splits && i < table.count; i++)
            rouse_io_arm(&table.seats[i].io, ROUSE_WRITABLE); /* for which nobody waits */
        table.act = replace;
        table_feed(&table);
        table_turn(&table, 1); /* in this very turn: later they may be reported by mistake */
        CHECK_EQUAL(R3, table.woken, 1, "wakes when the first closes the others");
        table.actor = -1;
        table.woken = 0;
        for (int i = 0; i < table.count; i++) {
            const int before = wakes_taken(table.seats[i].wakes);

            if (before == 0)
                seat_feed(world, &table.seats[i]);
        }
        table_turn_and_rest(&table, table.count - 1);
        CHECK_EQUAL(R3, table.woken, table.count - 1, "wakes of the new connections");
        for (int i = 0; i < table.count; i++)
            CHECK(R3, wakes_taken(table.seats[i].wakes) <= 1, "number %d is woken twice", i);
        table_close(&table);
    }
    rouse_close(&rt);
}

static void close_and_spoil(struct seat *seat)
{
    rouse_future_drop(&seat->wait.future);
    rouse_io_close(&seat->io);
    memset(&seat->io, 0x5a, sizeof seat->io);
}

CASE(
    r3_the_memory_of_a_closed_io_is_the_callers, "R3", NEEDS_NOTHING,
    "of 5 ready sources the first, second ... fifth that is woken closes the others and overwrites "
    "their memory",
    "those before it were woken, nobody after it, and nobody looks at the rest")
{
    const struct rouse_io closed = {0};
    struct rouse rt;

    world_runtime(world, &rt);
    for (int actor = 0; actor < 5; actor++) {
        struct table table;

        table_open(&table, world, &rt, 5);
        table.act = close_and_spoil;
        table.actor = actor;
        table_feed(&table);
        table_turn_and_rest(&table, actor + 1);
        CHECK_EQUAL(R3, table.woken, actor + 1, "wakes");
        for (int i = 0; i < table.count; i++)
            if (table.seats[i].io.source.fd != table.seats[i].ends[0])
                table.seats[i].io = closed;
        table_close(&table);
    }
    rouse_close(&rt);
}

static void just_close(struct seat *seat)
{
    rouse_io_close(&seat->io);
}

CASE(
    r3_those_who_wait_are_told_once_of_report_or_closing, "R3 R5", NEEDS_NOTHING,
    "of 5 ready sources the first, second ... fifth that is woken closes the others, whose futures "
    "still wait",
    "each waker is woken exactly once, and each closed one told -ECANCELED")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int actor = 0; actor < 5; actor++) {
        struct table table;
        int canceled = 0;

        table_open(&table, world, &rt, 5);
        table.act = just_close;
        table.actor = actor;
        table_feed(&table);
        table_turn_and_rest(&table, 5);
        for (int i = 0; i < table.count; i++) {
            struct seat *seat = &table.seats[i];

            CHECK_EQUAL(R3, wakes_taken(seat->wakes), 1, "wakes of one of them");
            CHECK(R5, seat_poll(seat) == ROUSE_READY, "number %d still waits", i);
            canceled += seat->wait.future.result == -ECANCELED;
        }
        CHECK_EQUAL(R5, canceled, 4, "those who are told -ECANCELED");
        table_close(&table);
    }
    rouse_close(&rt);
}

/* One source, two waiters, and what its first waker does. */
struct pair {
    struct seat *seat;
    struct rouse_readiness other;
    bool closed;
};

static void close_myself(void *with)
{
    struct pair *pair = with;

    if (pair->closed)
        return; /* the other direction's waker, which was on its way */
    pair->closed = true;
    rouse_future_drop(&pair->seat->wait.future);
    rouse_future_drop(&pair->other.future);
    rouse_io_close(&pair->seat->io);
    memset(&pair->seat->io, 0x5a, sizeof pair->seat->io);
}

CASE(r3_the_first_directions_waker_may_close_its_own_source, "R3", NEEDS_NOTHING,
     "a source is ready for reading and for writing, reported together or apart in one batch; "
     "whichever waker comes first drops both futures, closes the io and overwrites its memory",
     "nobody looks at it again, and no waker is left over")
{
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    for (int round = 0; round < 20; round++) {
        struct seat seat = {.wakes = NULL};
        struct wakes *writer = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(writer);
        struct pair pair = {.seat = &seat};
        const rouse_time limit = world_after(world, WORLD_SOON);

        meter.splits = round >= 10;
        seat_open(world, &rt, &seat);
        seat.wakes->then = writer->then = close_myself;
        seat.wakes->with = writer->with = &pair;
        seat_feed(world, &seat);
        pair.other = rouse_readiness(&seat.io, ROUSE_WRITABLE);
        if (round % 2 == 0)
            world_poll(&pair.other.future, &waker);
        seat_wait(&seat, ROUSE_READABLE);
        if (round % 2 != 0)
            world_poll(&pair.other.future, &waker);
        while (seat.wakes->count + writer->count == 0 && world_now(world) < limit)
            rouse_reactor_turn(&rt.reactor, limit);
        CHECK(R3, seat.wakes->count + writer->count >= 1, "no report");
        rouse_reactor_turn(&rt.reactor, 0);
        CHECK(R3, seat.wakes->count <= 1 && writer->count <= 1, "a waker is woken twice");
        CHECK_EQUAL(R3, seat.wakes->references + writer->references, 0, "references to wakers");
        world_close(world, seat.ends[0]);
        world_close(world, seat.ends[1]);
    }
    rouse_close(&rt);
}

static void close_the_idle(struct seat *seat)
{
    struct table *table = seat->table;

    if (seat == &table->seats[0]) {
        rouse_future_drop(&seat->wait.future);
        rouse_io_close(&seat->io);
    }
}

CASE(r3_closing_an_io_that_is_not_in_the_batch_takes_nothing_away, "R3", NEEDS_NOTHING,
     "8 sources were delivered; 7 of them become ready again, and the first that is woken closes "
     "the idle one, whichever place it had in the batch before",
     "all 7 are woken")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int idle = 0; idle < 8; idle++) {
        struct table table;

        table_open(&table, world, &rt, 8);
        table.act = close_the_idle;
        table.actor = -1;
        /* Made ready in an order that changes, and with it its place. */
        table.woken = 0;
        for (int i = 0; i < 8; i++)
            seat_wait(&table.seats[i], ROUSE_READABLE);
        for (int i = 0; i < 8; i++)
            seat_feed(world, &table.seats[(i + idle) % 8]);
        table_turn(&table, 8);
        CHECK_EQUAL(R3, table.woken, 8, "wakes of the first round");
        table.actor = 0;
        table.woken = 0;
        for (int i = 0; i < 8; i++) {
            wakes_taken(table.seats[i].wakes);
            rouse_future_drop(&table.seats[i].wait.future);
            world_drain(world, table.seats[i].ends[0]);
            seat_wait(&table.seats[i], ROUSE_READABLE);
        }
        for (int i = 1; i < 8; i++)
            seat_feed(world, &table.seats[i]);
        for (int i = 1; i < 8; i++)
            CHECK(R3, world_run_until(world, &rt, seat_woken, &table.seats[i], WORLD_SOON),
                  "number %d is not woken", i);
        table_close(&table);
    }
    rouse_close(&rt);
}

CASES(reactor_r3) = {&r3_a_new_connection_hears_nothing_of_the_old_ones_report,
                     &r3_the_memory_of_a_closed_io_is_the_callers,
                     &r3_those_who_wait_are_told_once_of_report_or_closing,
                     &r3_the_first_directions_waker_may_close_its_own_source,
                     &r3_closing_an_io_that_is_not_in_the_batch_takes_nothing_away};
