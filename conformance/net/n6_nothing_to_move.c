/*
 * n6_nothing_to_move.c -- a transfer of size 0 is READY at once with 0, without a system call.
 */
#include "meter.h"
#include "stream.h"

static const enum rouse_family families[] = {ROUSE_NO_FAMILY, ROUSE_IPV4};

/* What a stream can be like. */
enum state { QUIET, WITH_BYTES, FULL, ENDED, GONE, STATES };

static void become(struct world *world, enum state state, rouse_fd fd, rouse_fd peer)
{
    switch (state) {
    case WITH_BYTES:
        world_send(world, peer, 10);
        world_await_ready(world, fd, ROUSE_READABLE);
        break;
    case FULL: world_fill(world, fd); break;
    case ENDED:
        world_shutdown(world, peer);
        world_await_ready(world, fd, ROUSE_READABLE);
        break;
    case GONE:
        world_close(world, peer);
        world_await_ready(world, fd, ROUSE_READABLE);
        break;
    case QUIET:
    case STATES: break;
    }
}

CASE(n6_nothing_is_moved_without_a_call, "N6", NEEDS_NOTHING,
     "read, write and write all of 0 bytes, with a buffer and without, of streams that are quiet, "
     "have bytes, are full, have ended, have no peer; after each other and armed",
     "READY at the first poll with 0, no call, no waker kept")
{
    struct meter meter;
    struct rouse rt;

    meter_runtime(world, &meter, &rt);
    for (int i = 0; i < 2 * STATES; i++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[i % 2], &tcp);
        char byte = 'x';

        become(world, (enum state)(i / 2), tcp.io.source.fd, peer);
        for (int round = 0; round < 4; round++) {
            char *buffer = round % 2 ? &byte : NULL;
            struct rouse_read read = rouse_read(&tcp, buffer, 0);
            struct rouse_write write = rouse_write(&tcp, buffer, 0);
            struct rouse_write_all all = rouse_write_all(&tcp, buffer, 0);
            const int calls = meter_calls(&meter);

            CHECK_EQUAL(N6, poll_once(&read.future, wakes), 0, "a read of nothing");
            CHECK_EQUAL(N6, poll_once(&write.future, wakes), 0, "a write of nothing");
            CHECK_EQUAL(N6, poll_once(&all.future, wakes), 0, "a write of all of nothing");
            CHECK_EQUAL(N6, all.done, 0, "bytes that went out");
            CHECK_EQUAL(N6, meter_calls(&meter), calls, "calls");
            CHECK_EQUAL(N6, wakes->references, 0, "references to the waker");
            if (round == 1) { /* from now on both directions are armed */
                rouse_io_arm(&tcp.io, ROUSE_READABLE);
                rouse_io_arm(&tcp.io, ROUSE_WRITABLE);
            }
        }
        CHECK(N6, byte == 'x', "a byte was read");
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASE(n6_a_transfer_of_nothing_takes_nothing_away, "N6", NEEDS_NOTHING,
     "10 bytes are there; nothing is read, then one byte, nothing, and all the others; then the "
     "peer ends its stream, and nothing is read before the end is",
     "every byte comes, and then the end")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        static const size_t sizes[] = {0, 1, 0, 0, 9, 0, 5};
        static const intptr_t results[] = {0, 1, 0, 0, 9, 0, 0};
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[i], &tcp);
        char bytes[10];
        size_t got = 0;

        pattern_send(world, peer, 0, 10);
        world_shutdown(world, peer);
        world_await_ready(world, tcp.io.source.fd, ROUSE_READABLE);
        for (int n = 0; n < 7; n++) {
            struct rouse_read read = rouse_read(&tcp, bytes + (got % 10), sizes[n]);
            intptr_t result = -1;

            CHECK(N6, world_run(world, &rt, &read.future, WORLD_SOON, &result), "it waits");
            CHECK_EQUAL(N6, result, results[n], "what a read is told");
            got += sizes[n] != 0 && result > 0 ? (size_t) result : 0;
        }
        for (size_t at = 0; at < sizeof bytes; at++)
            CHECK(N6, (uint8_t) bytes[at] == pattern_at(at), "byte %zu is another", at);
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASES(net_n6) = {&n6_nothing_is_moved_without_a_call, &n6_a_transfer_of_nothing_takes_nothing_away};
