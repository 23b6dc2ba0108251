/*
 * r1_armed_early.c -- a direction is armed as soon as it is known to be drained, even when
 * nobody waits, and its report is remembered.
 *
 * That is a promise about calls that are not made. A queue may report too much, and each
 * such report costs a call that finds nothing; so calls are held against reports. Every
 * call is either the first one on a cold socket, or follows one that left more to be had,
 * or was bought by a report.
 */
#include "../net/meter.h"

#include <errno.h>

/* Plays a number of rounds with its peer: writes one byte, reads one. */
struct player {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write write;
    char buffer[64];
    bool serves;
    int rounds;
};

ROUSE_ASYNC(player, struct player)
{
    ROUSE_BEGIN
    while (self->rounds > 0) {
        if (self->serves)
            ROUSE_AWAIT(self->write, rouse_write(&self->tcp, self->buffer, 1));
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, sizeof self->buffer));
        if (self->read.future.result != 1)
            ROUSE_RETURN(self->read.future.result);
        if (!self->serves)
            ROUSE_AWAIT(self->write, rouse_write(&self->tcp, self->buffer, 1));
        self->rounds--;
    }
    ROUSE_RETURN(1);
    ROUSE_FINALLY
    ROUSE_END
}

CASE(r1_a_ping_pong_makes_no_call_that_finds_nothing, "R1", NEEDS_NOTHING,
     "two ends of a TCP connection pass a byte to and fro, 200 times, after one round to warm up",
     "each read is bought by a report, and each write goes out whole")
{
    struct player players[2] = {{.serves = false}, {.serves = true}};
    struct meter meter;
    struct rouse rt;
    rouse_fd ends[2];

    meter_runtime(world, &meter, &rt);
    meter.short_is_drained = true;
    world_tcp_pair(world, ends);
    for (int i = 0; i < 2; i++)
        rouse_tcp_open(&players[i].tcp, &rt.reactor, world_give(world, ends[i]));
    for (int round = 0; round < 2; round++) {
        intptr_t result = -1;

        meter.reads = meter.readable = meter.writes = meter.writes_whole = 0;
        players[0].rounds = players[1].rounds = round == 0 ? 1 : 200;
        rouse_spawn(&rt.executor, &players[0].task, player_start(&players[0]), NULL);
        REQUIRE(R1,
                world_run(world, &rt, player_start(&players[1]), 5 * WORLD_SOON, &result)
                    && result == 1,
                "the game stopped, %d rounds before its end", players[1].rounds);
        CHECK(R1, meter.reads <= meter.readable + (round == 0 ? 2 : 0), "%d reads for %d reports",
              meter.reads, meter.readable);
        CHECK(R1, meter.writes == meter.writes_whole, "%d writes, of which %d went out",
              meter.writes, meter.writes_whole);
    }
    CHECK_EQUAL(R1, meter.unfounded, 0, "arms that call drained what nobody found so");
    rouse_tcp_close(&players[0].tcp);
    rouse_tcp_close(&players[1].tcp);
    rouse_close(&rt);
}

static bool is_unarmed(void *with)
{
    return (((struct rouse_io *) with)->source.armed & ROUSE_READABLE) == 0;
}

CASE(r1_a_short_read_arms_although_nobody_waits, "R1", NEEDS_NOTHING,
     "a read is given less than it asked for, and the next one comes before more bytes do",
     "the direction is armed when the first returns; the second waits without a call")
{
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct meter meter;
    struct rouse rt;
    struct rouse_tcp tcp;
    struct rouse_read read;
    rouse_fd ends[2];
    char buffer[64];

    meter_runtime(world, &meter, &rt);
    meter.short_is_drained = true;
    world_tcp_pair(world, ends);
    rouse_tcp_open(&tcp, &rt.reactor, world_give(world, ends[0]));
    for (int round = 0; round < 5; round++) {
        const int calls = meter.reads;

        world_send(world, ends[1], 5);
        world_await_ready(world, ends[0], ROUSE_READABLE);
        if (round > 0) /* armed by the round before; the report is remembered */
            world_run_until(world, &rt, is_unarmed, &tcp.io, WORLD_SOON);
        read = rouse_read(&tcp, buffer, sizeof buffer);
        REQUIRE(R1, world_poll(&read.future, &waker) == ROUSE_READY && read.future.result == 5,
                "bytes that were reported are not read, in round %d", round);
        CHECK(R1, !is_unarmed(&tcp.io), "a direction that was found drained is not armed");
        CHECK_EQUAL(R1, meter.reads, calls + 1, "calls of read");
        read = rouse_read(&tcp, buffer, sizeof buffer);
        CHECK(R1, world_poll(&read.future, &waker) == ROUSE_PENDING, "READY with nothing there");
        rouse_future_drop(&read.future);
        CHECK_EQUAL(R1, meter.reads, calls + 1, "calls of read, with a report on its way");
    }
    CHECK_EQUAL(R1, wakes_taken(wakes), 0, "wakes of those who no longer wait");
    CHECK_EQUAL(R1, meter.unfounded, 0, "arms that call drained what nobody found so");
    rouse_tcp_close(&tcp);
    rouse_close(&rt);
}

CASE(r1_a_short_write_arms_although_nobody_waits, "R1", NEEDS_NOTHING,
     "a stream of TCP takes less than it is offered, three times, and is written to again before "
     "its peer has read",
     "the direction is armed when the first returns; the second waits without a call, and is woken "
     "when there is room")
{
    enum { SIZE = 16 << 20 };
    static const char bytes[SIZE];
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct meter meter;
    struct rouse rt;
    struct rouse_tcp tcp;
    rouse_fd ends[2];

    meter_runtime(world, &meter, &rt);
    meter.short_is_drained = true;
    world_tcp_pair(world, ends);
    rouse_tcp_open(&tcp, &rt.reactor, world_give(world, ends[0]));
    for (int round = 0; round < 3; round++) {
        struct rouse_write write = rouse_write(&tcp, bytes, SIZE);
        int calls = meter.writes;

        REQUIRE(R1, world_poll(&write.future, &waker) == ROUSE_READY && write.future.result > 0,
                "a stream with room takes nothing, in round %d", round);
        if (write.future.result == SIZE) { /* as Windows does */
            suite_note("this system takes %d bytes at once, or none", SIZE);
            break;
        }
        CHECK(R1, (tcp.io.source.armed & ROUSE_WRITABLE) != 0,
              "a direction that was found full is not armed");
        CHECK_EQUAL(R1, meter.writes, calls + 1, "calls of write");
        write = rouse_write(&tcp, bytes, SIZE);
        CHECK(R1, world_poll(&write.future, &waker) == ROUSE_PENDING, "READY with no room");
        CHECK_EQUAL(R1, meter.writes, calls + 1, "calls of write, with a report on its way");
        CHECK_EQUAL(R1, wakes_taken(wakes), 0, "wakes with no room");
        world_make_room(world, ends[0], ends[1]);
        for (int turns = 0; wakes->count == 0 && turns < WORLD_SOON; turns++)
            rouse_turn(&rt, world_after(world, 1));
        CHECK_EQUAL(R1, wakes_taken(wakes), 1, "wakes by room");
        rouse_future_drop(&write.future);
    }
    CHECK_EQUAL(R1, meter.unfounded, 0, "arms that call drained what nobody found so");
    rouse_tcp_close(&tcp);
    rouse_close(&rt);
}

CASE(r1_what_could_not_be_armed_is_tried_again, "R1 X4", NEEDS_NOTHING,
     "after a short read, and within a write that goes out in two parts, arm() says -ENOMEM",
     "both have done all that they could; what the second part of the write left room for is not "
     "called full, and the next transfer finds out for itself")
{
    struct meter meter;
    struct rouse rt;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    rouse_fd ends[2];
    char buffer[100] = "";

    meter_runtime(world, &meter, &rt);
    meter.short_is_drained = true;
    world_tcp_pair(world, ends);
    rouse_tcp_open(&tcp, &rt.reactor, world_give(world, ends[0]));
    world_send(world, ends[1], 5);
    world_await_ready(world, ends[0], ROUSE_READABLE);
    for (int i = 0; i < 2; i++) {
        meter.arm_error = -ENOMEM;
        read = rouse_read(&tcp, buffer, sizeof buffer);
        CHECK(X4, world_poll(&read.future, NULL) == ROUSE_READY, "a read waits");
        CHECK_EQUAL(X4, read.future.result, i == 0 ? 5 : -ENOMEM, "what a read is told");
        CHECK_EQUAL(X4, meter.arm_error, 0, "the error that is still to come");
    }
    meter.arm_error = -ENOMEM;
    meter.write_limit = 60;
    for (int i = 0; i < 2; i++) {
        write = rouse_write_all(&tcp, buffer, i == 0 ? 100 : 60);
        CHECK(R1, world_poll(&write.future, NULL) == ROUSE_READY, "a write waits");
        CHECK_EQUAL(R1, write.future.result, i == 0 ? 100 : 60, "what a write is told");
        CHECK_EQUAL(R1, meter.writes, 2 + i, "calls of write");
        CHECK_EQUAL(R1, tcp.io.source.armed, 0, "what is armed");
    }
    CHECK_EQUAL(R1, meter.unfounded, 0, "arms that call drained what nobody found so");
    rouse_tcp_close(&tcp);
    rouse_close(&rt);
}

CASE(r1_a_report_that_nobody_waited_for_is_remembered, "R1", NEEDS_NOTHING,
     "a read finds nothing and is dropped; bytes come, and a turn, and then another read",
     "before the turn it makes no call; after it, it is READY at its first poll, by one call")
{
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    for (int tcp = 0; tcp < 2; tcp++) {
        struct rouse_tcp stream;
        struct rouse_read read;
        rouse_fd ends[2];
        char buffer[64];
        int calls;

        if (tcp)
            world_tcp_pair(world, ends);
        else
            world_pair(world, ends);
        (tcp ? rouse_tcp_open : rouse_stream_open)(&stream, &rt.reactor,
                                                   world_give(world, ends[0]));
        meter.short_is_drained = tcp != 0;
        read = rouse_read(&stream, buffer, sizeof buffer);
        CHECK(R1, world_poll(&read.future, NULL) == ROUSE_PENDING, "READY with nothing there");
        rouse_future_drop(&read.future);
        CHECK(R1, !is_unarmed(&stream.io), "what refused a read is not armed");
        world_send(world, ends[1], 5);
        world_await_ready(world, ends[0], ROUSE_READABLE);
        calls = meter.reads;
        read = rouse_read(&stream, buffer, sizeof buffer);
        CHECK(R1, world_poll(&read.future, NULL) == ROUSE_PENDING, "READY before its report");
        rouse_future_drop(&read.future);
        CHECK_EQUAL(R1, meter.reads, calls, "calls of read while the report is on its way");
        CHECK(R1, world_run_until(world, &rt, is_unarmed, &stream.io, WORLD_SOON),
              "no report without a waiter");
        read = rouse_read(&stream, buffer, sizeof buffer);
        CHECK(R1, world_poll(&read.future, NULL) == ROUSE_READY && read.future.result == 5,
              "the report is forgotten");
        CHECK_EQUAL(R1, meter.reads, calls + 1, "calls of read after the report");
        rouse_tcp_close(&stream);
    }
    CHECK(R1, meter.reads_refused == 2 && meter.unfounded == 0, "%d refused, %d arms unfounded",
          meter.reads_refused, meter.unfounded);
    rouse_close(&rt);
}

CASE(r1_what_is_not_known_to_be_drained_is_tried_again, "R1", NEEDS_NOTHING,
     "95 bytes are there; reads of 10, of TCP and of a pair; then the end of the stream",
     "each is READY at its first poll without a turn between, and nothing is called drained that "
     "was not found so")
{
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    for (int tcp = 0; tcp < 2; tcp++) {
        struct rouse_tcp stream;
        struct rouse_read read;
        rouse_fd ends[2];
        char buffer[64];

        if (tcp)
            world_tcp_pair(world, ends);
        else
            world_pair(world, ends);
        (tcp ? rouse_tcp_open : rouse_stream_open)(&stream, &rt.reactor,
                                                   world_give(world, ends[0]));
        meter.short_is_drained = tcp != 0;
        world_send(world, ends[1], 95);
        world_await_ready(world, ends[0], ROUSE_READABLE);
        for (int i = 0; i < 10; i++) {
            read = rouse_read(&stream, buffer, 10);
            REQUIRE(R1, world_poll(&read.future, NULL) == ROUSE_READY, "read %d waits", i);
            CHECK_EQUAL(R1, read.future.result, i < 9 ? 10 : 5, "bytes read");
        }
        /* A pair that gave less may have more. */
        read = rouse_read(&stream, buffer, 10);
        CHECK(R1, world_poll(&read.future, NULL) == ROUSE_PENDING, "READY with nothing there");
        rouse_future_drop(&read.future);
        CHECK_EQUAL(R1, meter.reads, tcp ? 10 : 11, "calls of read");
        /* Nor is the end of a stream anything drained. */
        world_shutdown(world, ends[1]);
        world_await_ready(world, stream.io.source.fd, ROUSE_READABLE);
        world_run_until(world, &rt, is_unarmed, &stream.io, WORLD_SOON);
        for (int i = 0; i < 3; i++) {
            read = rouse_read(&stream, buffer, 10);
            CHECK(R1, world_poll(&read.future, NULL) == ROUSE_READY, "read %d of the end waits", i);
            rouse_future_drop(&read.future);
        }
        CHECK_EQUAL(R1, meter.unfounded, 0, "arms that call drained what nobody found so");
        meter.reads = 0;
        rouse_tcp_close(&stream);
    }
    rouse_close(&rt);
}

CASE(r1_a_writer_tries_only_what_was_reported, "R1", NEEDS_NOTHING,
     "4 MB are written to a peer that reads a little now and then, over TCP and over a pair",
     "each write is the first, or follows one that went out whole, or was bought by a report")
{
    enum { SIZE = 4 << 20 };
    static const char bytes[SIZE];
    static char buffer[100000];
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    for (int tcp = 0; tcp < 2; tcp++) {
        const rouse_time limit = world_after(world, 5 * WORLD_SOON);
        struct rouse_task task = {0};
        struct rouse_write_all write;
        struct rouse_tcp stream;
        rouse_fd ends[2];

        if (tcp)
            world_tcp_pair(world, ends);
        else
            world_pair(world, ends);
        (tcp ? rouse_tcp_open : rouse_stream_open)(&stream, &rt.reactor,
                                                   world_give(world, ends[0]));
        meter.short_is_drained = tcp != 0;
        meter.writes = meter.writes_whole = meter.writes_refused = meter.writable = 0;
        write = rouse_write_all(&stream, bytes, SIZE);
        rouse_spawn_held(&rt.executor, &task, &write.future, NULL);
        while (!rouse_task_ended(&task) && world_now(world) < limit) {
            rouse_turn(&rt, world_after(world, 1));
            world_read(world, ends[1], buffer, sizeof buffer);
        }
        CHECK(R1, rouse_task_ended(&task), "after %zu bytes nothing goes on", write.done);
        /* A pair that took less than all is asked again before it is known to be full, and
         * may take some more. */
        CHECK(R1,
              tcp ? meter.writes <= 1 + meter.writes_whole + meter.writable
                  : meter.writes_refused <= 1 + meter.writable,
              "%d writes, %d of them whole and %d refused, for %d reports", meter.writes,
              meter.writes_whole, meter.writes_refused, meter.writable);
        CHECK_EQUAL(R1, meter.unfounded, 0, "arms that call drained what nobody found so");
        rouse_cancel(&task);
        rouse_turn(&rt, 0);
        rouse_task_unhold(&task);
        rouse_tcp_close(&stream);
    }
    rouse_close(&rt);
}

CASE(r1_an_accept_tries_only_what_was_reported, "R1", NEEDS_NOTHING,
     "connections come in bursts of 0, 1, 3 and 20 between accepts",
     "each call of accept brings one, or is the only one that finds nothing before a report")
{
    static const int bursts[] = {0, 1, 3, 20, 1, 1, 0, 2};
    struct meter meter;
    struct rouse rt;
    struct rouse_listener listener;
    struct rouse_address address;
    struct rouse_accept accept;
    rouse_fd fd;
    intptr_t result;
    int accepted = 0;

    meter_runtime(world, &meter, &rt);
    fd = world_listen(world, ROUSE_IPV4, 64, &address);
    rouse_listener_open(&listener, &rt.reactor, world_give(world, fd));
    for (size_t burst = 0; burst < sizeof bursts / sizeof *bursts; burst++) {
        accept = rouse_accept(&listener);
        CHECK(R1, world_poll(&accept.future, NULL) == ROUSE_PENDING, "READY with nobody there");
        rouse_future_drop(&accept.future);
        for (int i = 0; i < bursts[burst]; i++)
            world_await_ready(world, world_connect(world, &address), ROUSE_WRITABLE);
        for (int i = 0; i < bursts[burst]; i++) {
            accept = rouse_accept(&listener);
            REQUIRE(R1, world_run(world, &rt, &accept.future, WORLD_SOON, &result) && result == 0,
                    "a connection is not accepted");
            world_take(world, accept.fd);
            accepted++;
        }
    }
    CHECK(R1, meter.accepts - meter.accepts_refused == accepted,
          "calls that are not accounted for");
    CHECK(R1, meter.accepts_refused <= 1 + meter.readable, "%d calls find nothing for %d reports",
          meter.accepts_refused, meter.readable);
    CHECK_EQUAL(R1, meter.unfounded, 0, "arms that call drained what nobody found so");
    rouse_listener_close(&listener);
    rouse_close(&rt);
}

CASES(reactor_r1) = {&r1_a_ping_pong_makes_no_call_that_finds_nothing,
                     &r1_a_short_read_arms_although_nobody_waits,
                     &r1_a_short_write_arms_although_nobody_waits,
                     &r1_what_could_not_be_armed_is_tried_again,
                     &r1_a_report_that_nobody_waited_for_is_remembered,
                     &r1_what_is_not_known_to_be_drained_is_tried_again,
                     &r1_a_writer_tries_only_what_was_reported,
                     &r1_an_accept_tries_only_what_was_reported};
