/*
 * e3_short.c -- E3: a short transfer over TCP, which counts as exhausted, and what may
 * stop one short.
 *
 * A TCP socket that gave less than it was asked for has nothing more, with two exceptions
 * that a kernel tells of only once, together with the data: the end of the stream, and
 * urgent data. The end of the stream is the common one, and forgetting it is a hang. A
 * peer can send urgent data on purpose.
 */
#include "kernel.h"
#include "queue.h"

enum { LENGTH = 10 };

/* Reads more than there is. */
static intptr_t short_read(struct world *world, rouse_fd fd)
{
    char bytes[10 * LENGTH];

    return world_read(world, fd, bytes, sizeof bytes);
}

CASE(e3_the_end_of_stream_behind_data_is_reported, "E3", NEEDS_NOTHING,
     "ten bytes and the end of the stream come over TCP; a short read, and the hint",
     "the end is reported, whether it came before the arm, before the report or after it")
{
    rouse_fd ends[2];

    for (int round = 0; round < 5; round++) {
        struct rouse_source *source;

        world_tcp_pair(world, ends);
        source = world_source(world, ends[0]);
        queue_refused(world, ends[0], ROUSE_READABLE);
        if (round > 0)
            queue_arm_idle(world, source, ROUSE_READABLE | ROUSE_DRAINED);
        world_send(world, ends[1], LENGTH);
        if (round != 2)
            world_shutdown(world, ends[1]);
        if (round == 0)
            world_arm(world, source, ROUSE_READABLE);
        REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "way %d: the data", round);
        if (round == 2)
            world_shutdown(world, ends[1]);
        if (round == 3) { /* look again, by way of the other direction */
            world_arm(world, source, ROUSE_WRITABLE);
            REQUIRE(E3, queue_reports(world, source, ROUSE_WRITABLE), "way %d: room", round);
        }
        if (round == 4) { /* look again, by way of a read that was not short */
            char bytes[LENGTH / 2];

            world_read(world, ends[0], bytes, sizeof bytes);
            world_arm(world, source, ROUSE_READABLE);
            REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "way %d: the rest", round);
        }
        REQUIRE(E3, short_read(world, ends[0]) > 0, "way %d: a read", round);
        world_arm(world, source, ROUSE_READABLE | ROUSE_DRAINED);
        REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "way %d: the end", round);
        CHECK_EQUAL(E3, short_read(world, ends[0]), 0, "a read at the end");
    }
}

/* Reads as rouse_tcp does, until `total` bytes have come. */
static void read_all(struct world *world, struct rouse_source *source, intptr_t total, int way)
{
    while (total > 0) {
        const intptr_t count = short_read(world, source->fd);

        if (count > 0)
            total -= count;
        world_arm(world, source, ROUSE_READABLE | ROUSE_DRAINED);
        if (total > 0)
            REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE),
                    "way %d: %lld bytes are still there", way, (long long) total);
    }
}

CASE(e3_a_read_that_urgent_data_stops_short_is_no_refusal, "E3", NEEDS_NOTHING,
     "urgent data between other bytes stops a read over TCP short, and then the hint is given",
     "the bytes behind it are reported, whatever of all this came before the report")
{
    rouse_fd ends[2];

    for (int way = 0; way < 4; way++) {
        struct rouse_source *source;

        world_tcp_pair(world, ends);
        source = world_source(world, ends[0]);
        queue_refused(world, ends[0], ROUSE_READABLE);
        if (way > 0)
            queue_arm_idle(world, source, ROUSE_READABLE | ROUSE_DRAINED);
        world_send(world, ends[1], LENGTH);
        if (way < 2)
            world_urgent(world, ends[1], '!');
        if (way != 2)
            world_send(world, ends[1], LENGTH);
        if (way == 0)
            world_arm(world, source, ROUSE_READABLE);
        REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "way %d: the data", way);
        if (way >= 2)
            world_urgent(world, ends[1], '!');
        if (way == 2)
            world_send(world, ends[1], LENGTH);
        read_all(world, source, 2 * LENGTH, way);

        /* And again, on a socket that has seen it before. */
        world_send(world, ends[1], LENGTH);
        world_urgent(world, ends[1], '?');
        world_send(world, ends[1], LENGTH);
        REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "way %d: more data", way);
        read_all(world, source, 2 * LENGTH, way);
    }
}

CASE(e3_urgent_data_alone_leaves_an_armed_reader_armed, "E3 E2", NEEDS_NOTHING,
     "a reader is armed with the hint and gets an urgent byte, and a while later another one",
     "the ordinary byte is reported, and a writer is served meanwhile")
{
    rouse_fd ends[2];
    struct rouse_source *source;

    world_tcp_pair(world, ends);
    source = world_source(world, ends[0]);
    for (int round = 0; round < 4; round++) {
        world_drain(world, ends[0]);
        queue_arm_idle(world, source, ROUSE_READABLE | ROUSE_DRAINED);
        world_urgent(world, ends[1], '!');
        world_arm(world, source, ROUSE_WRITABLE);
        REQUIRE(E2, queue_reports(world, source, ROUSE_WRITABLE), "round %d: room", round);
        world_send(world, ends[1], 1);
        REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "round %d: a byte", round);
    }
}

CASE(e3_a_short_write_is_a_refusal, "E3", NEEDS_NOTHING,
     "a write over TCP takes less than it was given, and then the hint is given",
     "room that comes is reported")
{
    static const char much[1 << 20];
    rouse_fd ends[2];
    struct rouse_source *source;

    world_tcp_pair(world, ends);
    source = world_source(world, ends[0]);
    for (int round = 0; round < 4; round++) {
        while (world_write(world, ends[0], much, sizeof much) == sizeof much)
            continue;
        world_arm(world, source, ROUSE_WRITABLE | ROUSE_DRAINED);
        world_make_room(world, ends[0], ends[1]);
        REQUIRE(E3, queue_reports(world, source, ROUSE_WRITABLE), "round %d", round);
    }
}

CASE(e3_a_full_writer_beside_the_end_of_stream_is_served, "E3", NEEDS_NOTHING,
     "the peer has finished talking, which was reported, and our write is refused: the hint",
     "room that comes is reported, and the end of the stream at every arm()")
{
    rouse_fd ends[2];
    struct rouse_source *source;

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        queue_arm_idle(world, source, ROUSE_READABLE);
        world_shutdown(world, ends[1]);
        REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "the end of the stream");
        for (int round = 0; round < 4; round++) {
            world_fill(world, ends[0]);
            queue_arm_idle(world, source, ROUSE_WRITABLE | ROUSE_DRAINED);
            if (round % 2 != 0) {
                world_arm(world, source, ROUSE_READABLE);
                REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "%s, round %d: the end",
                        queue_kind(kind), round);
            }
            world_make_room(world, ends[0], ends[1]);
            REQUIRE(E3, queue_reports(world, source, ROUSE_WRITABLE), "%s, round %d: room",
                    queue_kind(kind), round);
        }
    }
}

CASE(e3_a_peek_and_passed_descriptors_are_no_refusal, "E3 E2", NEEDS_KERNEL | NEEDS_UNIX,
     "a Unix socket gives less than there is, for a peek, and for descriptors sent along",
     "an arm() without the hint is answered by a report until all is read")
{
    rouse_fd ends[2];
    struct rouse_source *source;
    intptr_t total = 0;
    char bytes[100];

    world_connected_pair(world, ROUSE_UNIX, ends);
    source = world_source(world, ends[0]);
    world_arm(world, source, ROUSE_READABLE);
    for (int i = 0; i < 3; i++) {
        world_send(world, ends[1], LENGTH);
        REQUIRE(E2, kernel_send_rights(ends[1], '!', ends[1]) == 1, "sending a descriptor");
    }
    while (total < 3 * (LENGTH + 1)) {
        REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "after %lld bytes",
                (long long) total);
        REQUIRE(E2, kernel_peek(ends[0], bytes, sizeof bytes) > 0, "a peek");
        world_arm(world, source, ROUSE_READABLE);
        REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "a peek at %lld",
                (long long) total);
        total += world_read(world, ends[0], bytes, sizeof bytes);
        world_arm(world, source, ROUSE_READABLE);
    }
}

CASES(evq_e3_short) = {
    &e3_the_end_of_stream_behind_data_is_reported,
    &e3_a_read_that_urgent_data_stops_short_is_no_refusal,
    &e3_urgent_data_alone_leaves_an_armed_reader_armed,
    &e3_a_short_write_is_a_refusal,
    &e3_a_full_writer_beside_the_end_of_stream_is_served,
    &e3_a_peek_and_passed_descriptors_are_no_refusal,
};
