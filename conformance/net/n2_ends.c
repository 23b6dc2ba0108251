/*
 * n2_ends.c -- the end of a stream comes from a read of 0, after the last byte, and from
 * nothing else.
 */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>

static const enum rouse_family families[] = {ROUSE_NO_FAMILY, ROUSE_IPV4};

CASE(n2_the_end_comes_after_the_last_byte, "N2", NEEDS_NOTHING,
     "a peer sends 0, 1, 1000 or 20,000 bytes and ends its stream, before the first read or while "
     "it waits; they are read by 7, by 4096, or all at once",
     "every byte in order, then 0, and 0 again for whoever asks again")
{
    static const size_t counts[] = {0, 1, 1000, 20000};
    static const size_t chunks[] = {7, 4096, 65536};
    static struct receiver receiver;
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2 * 4 * 3 * 2; i++) {
        const size_t count = counts[i / 2 % 4];
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[i % 2], &tcp);
        struct rouse_future *future = receiver_make(&receiver, &tcp, chunks[i / 8 % 3]);
        intptr_t result = -1;

        if (i / 24 == 0) {
            rouse_spawn_held(&rt.executor, &receiver.task, future, NULL);
            few_turns(&rt);
        }
        pattern_send(world, peer, 0, count);
        world_shutdown(world, peer);
        if (i / 24 == 0) {
            struct rouse_join join = rouse_join(&receiver.task);

            CHECK(N2, world_run(world, &rt, &join.future, WORLD_SOON, &result), "no end");
            if (!rouse_task_ended(&receiver.task))
                rouse_cancel(&receiver.task);
            rouse_turn(&rt, 0);
            rouse_task_unhold(&receiver.task);
        } else {
            CHECK(N2, world_run(world, &rt, future, WORLD_SOON, &result), "no end");
        }
        CHECK(N2, receiver.total == count && receiver.wrong == 0,
              "%zu of %zu bytes came before the end, %zu of them wrong", receiver.total, count,
              receiver.wrong);
        CHECK_EQUAL(N2, result, 0, "how the stream ended");
        for (int again = 0; again < 3; again++) {
            struct rouse_read read = rouse_read(&tcp, receiver.buffer, 100);

            result = -1;
            CHECK(N2, world_run(world, &rt, &read.future, WORLD_SOON, &result) && result == 0,
                  "a read after the end is told %lld", (long long) result);
        }
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASE(n2_the_end_that_came_together_with_bytes_is_found, "N2", NEEDS_NOTHING,
     "a read waits; 5 bytes and the end of the stream, or the peer's close, come before the turn",
     "it is told 5, and the next one 0, whether or not the buffer was full")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 16; i++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[i % 2], &tcp);
        char buffer[64];
        struct rouse_read read = rouse_read(&tcp, buffer, i & 2 ? 5 : sizeof buffer);
        intptr_t result = -1;

        CHECK(N2, poll_once(&read.future, wakes) == NOT_READY, "READY with nothing there");
        pattern_send(world, peer, 0, 5);
        if (i & 4)
            world_close(world, peer);
        else
            world_shutdown(world, peer);
        world_await_ready(world, tcp.io.source.fd, ROUSE_READABLE);
        CHECK(N2, await_wake(world, &rt, wakes), "bytes and an end wake nobody");
        CHECK_EQUAL(N2, poll_once(&read.future, wakes), 5, "the first read");
        rouse_future_drop(&read.future);
        if (i & 8) /* time for whatever is still to be reported */
            few_turns(&rt);
        read = rouse_read(&tcp, buffer, sizeof buffer);
        CHECK(N2, world_run(world, &rt, &read.future, WORLD_SOON, &result), "the end is lost");
        CHECK_EQUAL(N2, result, 0, "the second read");
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASE(n2_a_stream_that_has_ended_one_way_goes_on_the_other_way, "N2", NEEDS_NOTHING,
     "the peer ends its stream, or we end ours; then 200,000 bytes go the other way",
     "they all arrive, and after them that stream's own end")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 4; i++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_tcp near, far;
        const rouse_fd peer = stream_end(world, &rt, families[i % 2], &near);
        struct rouse_tcp *first = i < 2 ? &far : &near, *second = i < 2 ? &near : &far;
        struct rouse_read own;
        const char *wrong;
        char byte;
        intptr_t result = -1;

        stream_open(&far, &rt.reactor, families[i % 2], world_give(world, peer));
        CHECK_EQUAL(N2, rouse_tcp_shutdown(first), 0, "a shutdown");
        /* Our own end is not the peer's. */
        own = rouse_read(first, &byte, 1);
        CHECK(N2, poll_once(&own.future, wakes) == NOT_READY, "we are told our own end");
        few_turns(&rt);
        CHECK(N2, poll_once(&own.future, wakes) == NOT_READY, "we are told our own end, later");
        rouse_future_drop(&own.future);
        own = rouse_read(second, &byte, 1);
        CHECK(N2, world_run(world, &rt, &own.future, WORLD_SOON, &result) && result == 0,
              "the other end is told %lld", (long long) result);
        wrong = stream_carry(world, &rt, second, first, 200000, 5000);
        CHECK(N2, wrong == NULL, "%s", wrong);
        rouse_tcp_close(&near);
        rouse_tcp_close(&far);
    }
    rouse_close(&rt);
}

/* How often a write that has no room is woken in 20 turns. */
static int wakings(struct world *world, struct rouse *rt, struct rouse_write *write,
                   struct wakes *wakes)
{
    int count = 0;

    for (int turn = 0; turn < 20; turn++) {
        rouse_turn(rt, world_after(world, 1));
        if (wakes_taken(wakes) == 0)
            continue;
        count++;
        REQUIRE(N2, poll_once(&write->future, wakes) == NOT_READY, "READY, though full");
    }
    return count;
}

CASE(n2_the_peers_end_does_not_make_room_for_a_writer, "N2 X7", NEEDS_NOTHING,
     "our stream is full and a write waits; the peer ends its own stream",
     "the write waits on and is hardly woken more often, until the peer reads; then it goes out")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[i], &tcp);
        const rouse_time limit = world_after(world, WORLD_SOON);
        struct rouse_write write;
        intptr_t result = NOT_READY;
        int before, after;

        world_fill_for_good(world, tcp.io.source.fd);
        write = rouse_write(&tcp, "12345", 5);
        CHECK(N2, poll_once(&write.future, wakes) == NOT_READY, "READY with a full stream");
        before = wakings(world, &rt, &write, wakes); /* by mistake, which is legal */
        world_shutdown(world, peer);
        after = wakings(world, &rt, &write, wakes);
        CHECK(X7, after <= before + 2, "%d wakes of a writer that has no room, %d before", after,
              before);
        while (result == NOT_READY && world_now(world) < limit) {
            world_drain(world, peer);
            rouse_turn(&rt, world_after(world, 1));
            if (wakes_taken(wakes) != 0)
                result = poll_once(&write.future, wakes);
        }
        CHECK_EQUAL(N2, result, 5, "a write to a peer that reads again");
        rouse_future_drop(&write.future);
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASES(net_n2_ends) = {&n2_the_end_comes_after_the_last_byte,
                      &n2_the_end_that_came_together_with_bytes_is_found,
                      &n2_a_stream_that_has_ended_one_way_goes_on_the_other_way,
                      &n2_the_peers_end_does_not_make_room_for_a_writer};
