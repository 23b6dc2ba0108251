/*
 * e2_nothing_lost.c -- E2: readiness is reported, whether it was there before arm() or
 * comes after it.
 *
 * The hard part for a backend is that most kernels tell of changes, or of states, but not
 * of both; so each case stands for one order of things happening.
 */
#include <string.h>

#include "queue.h"

CASE(e2_what_is_ready_before_the_first_arm_is_reported, "E2", NEEDS_NOTHING,
     "sockets with bytes to read and room to write, which the queue has never heard of",
     "one direction or both, whatever is armed is reported")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (unsigned interest = ROUSE_READABLE; interest <= QUEUE_BOTH; interest++) {
            struct rouse_source *source;

            queue_pair(world, kind, ends);
            queue_send(world, ends[1], ends[0]);
            source = world_source(world, ends[0]);
            world_arm(world, source, interest);
            REQUIRE(E2, queue_reports(world, source, interest), "%s, ready and armed for %s",
                    queue_kind(kind), queue_name(interest));
            queue_close(world, source);
            world_close(world, ends[1]);
        }
    }
}

CASE(e2_what_becomes_ready_while_armed_is_reported, "E2", NEEDS_NOTHING,
     "an armed source that is neither readable nor writable, and has been looked at",
     "bytes that come are reported, and so is room, whichever is first")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (int room_first = 0; room_first < 2; room_first++) {
            struct rouse_source *source;

            queue_pair(world, kind, ends);
            source = world_source(world, ends[0]);
            world_fill(world, ends[0]);
            queue_arm_idle(world, source, QUEUE_BOTH);
            if (room_first)
                world_make_room(world, ends[0], ends[1]);
            else
                world_send(world, ends[1], 1);
            REQUIRE(E2, queue_reports(world, source, room_first ? ROUSE_WRITABLE : ROUSE_READABLE),
                    "%s: %s came first", queue_kind(kind), room_first ? "room" : "a byte");
            if (room_first)
                world_send(world, ends[1], 1);
            else
                world_make_room(world, ends[0], ends[1]);
            REQUIRE(E2, queue_reports(world, source, room_first ? ROUSE_READABLE : ROUSE_WRITABLE),
                    "%s: %s came second", queue_kind(kind), room_first ? "a byte" : "room");
            queue_close(world, source);
            world_close(world, ends[1]);
        }
    }
}

CASE(e2_what_stays_ready_is_reported_at_every_arm, "E2", NEEDS_NOTHING,
     "a byte that nobody reads and room that nobody uses, armed 300 times in turns",
     "every arm() is answered by a report")
{
    rouse_fd ends[2];
    struct rouse_source *source;

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        queue_pair(world, kind, ends);
        queue_send(world, ends[1], ends[0]);
        source = world_source(world, ends[0]);
        for (int i = 0; i < 300; i++) {
            const unsigned interest = 1 + (unsigned) i * 7 % 3;

            world_arm(world, source, interest);
            REQUIRE(E2, queue_reports(world, source, interest),
                    "%s: no report for arm() number %d, for %s", queue_kind(kind), i + 1,
                    queue_name(interest));
        }
    }
}

CASE(e2_a_partial_read_leaves_the_rest_to_be_reported, "E2", NEEDS_NOTHING,
     "100 bytes, of which each report reads one, two, or three",
     "each arm() without the hint is answered by a report, to the last byte")
{
    rouse_fd ends[2];
    char bytes[3];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;
        int left = 100;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        world_send(world, ends[1], 100);
        while (left > 0) {
            intptr_t count;

            world_arm(world, source, ROUSE_READABLE);
            REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE),
                    "%s: no report of the last %d bytes", queue_kind(kind), left);
            count = world_read(world, ends[0], bytes, 1 + (size_t) left % 3);
            REQUIRE(E2, count > 0, "%s: a read says %lld with %d bytes left", queue_kind(kind),
                    (long long) count, left);
            left -= (int) count;
        }
    }
}

CASE(e2_what_comes_while_nobody_is_armed_is_reported_later, "E2", NEEDS_NOTHING,
     "a source, known to the queue, gets a byte and then room while it is not armed",
     "a wait() in between may look at that, but the next arm() is answered by a report")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        for (int round = 0; round < 10; round++) {
            /* The queue has seen both directions ready, and both are used up. */
            queue_send(world, ends[1], ends[0]);
            world_arm(world, source, QUEUE_BOTH);
            REQUIRE(E2, queue_reports(world, source, QUEUE_BOTH), "round %d", round);
            world_drain(world, ends[0]);
            world_fill(world, ends[0]);

            queue_send(world, ends[1], ends[0]);
            world_turn(world, 0);
            world_arm(world, source, ROUSE_READABLE);
            REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE),
                    "%s, round %d: a byte that came unarmed", queue_kind(kind), round);

            world_make_room(world, ends[0], ends[1]);
            world_turn(world, 0);
            world_arm(world, source, ROUSE_WRITABLE);
            REQUIRE(E2, queue_reports(world, source, ROUSE_WRITABLE),
                    "%s, round %d: room that came unarmed", queue_kind(kind), round);
            world_drain(world, ends[0]);
        }
    }
}

CASE(e2_a_direction_that_is_added_is_reported_if_it_holds, "E2", NEEDS_NOTHING,
     "one direction is armed and idle, and the other, which is ready, is added, three times",
     "the added one is reported each time, and the first one when its time comes")
{
    rouse_fd ends[2];
    struct rouse_source *source;

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        queue_arm_idle(world, source, ROUSE_READABLE);
        for (int i = 0; i < 3; i++) {
            world_arm(world, source, ROUSE_WRITABLE);
            REQUIRE(E2, queue_reports(world, source, ROUSE_WRITABLE), "%s: room, added",
                    queue_kind(kind));
        }
        world_send(world, ends[1], 1);
        REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "%s: a byte, armed before",
                queue_kind(kind));

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        world_fill(world, ends[0]);
        queue_send(world, ends[1], ends[0]);
        queue_arm_idle(world, source, ROUSE_WRITABLE);
        for (int i = 0; i < 3; i++) {
            world_arm(world, source, ROUSE_READABLE);
            REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "%s: a byte, added",
                    queue_kind(kind));
        }
        world_make_room(world, ends[0], ends[1]);
        REQUIRE(E2, queue_reports(world, source, ROUSE_WRITABLE), "%s: room, armed before",
                queue_kind(kind));
    }
}

CASE(e2_every_connection_that_queued_up_is_found, "E2", NEEDS_NOTHING,
     "six connections wait at a listener, of which each report accepts one",
     "each arm() is answered by a report until the last one is accepted, and so is a seventh")
{
    enum { CONNECTIONS = 6 };
    struct rouse_address address;
    const rouse_fd listener = world_listen(world, ROUSE_IPV4, CONNECTIONS, &address);
    struct rouse_source *source = world_source(world, listener);

    for (int i = 0; i < CONNECTIONS; i++)
        world_await_ready(world, world_connect(world, &address), ROUSE_WRITABLE);
    for (int i = 0; i < CONNECTIONS; i++) {
        world_arm(world, source, ROUSE_READABLE);
        REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "connection %d", i + 1);
        world_accept(world, listener);
    }
    queue_arm_idle(world, source, ROUSE_READABLE);
    world_connect(world, &address);
    REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "the last connection");
    world_accept(world, listener);
}

CASE(e2_a_read_behind_the_queues_back_costs_nothing, "E2", NEEDS_NOTHING,
     "bytes come to an armed source and are read before anybody waits, again and again; then it is "
     "armed once more, or not",
     "the bytes that stay are reported")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        queue_arm_idle(world, source, ROUSE_READABLE);
        for (int i = 0; i < 20; i++) {
            queue_send(world, ends[1], ends[0]);
            world_drain(world, ends[0]);
            if (i % 2 == 0)
                world_arm(world, source, ROUSE_READABLE);
            world_turn(world, 0);
            queue_mend(world, source);
            queue_send(world, ends[1], ends[0]);
            REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "%s, round %d",
                    queue_kind(kind), i);
            world_drain(world, ends[0]);
            queue_arm_idle(world, source, ROUSE_READABLE);
        }
    }
}

CASE(e2_the_last_of_many_sources_is_reported_like_the_first, "E2", NEEDS_NOTHING,
     "200 idle sources are armed one after the other, and then become ready one by one",
     "each is reported, whatever its place")
{
    static struct queue_crowd crowd;

    queue_crowd_open(world, &crowd, QUEUE_CROWD);
    for (int i = 0; i < crowd.count; i++)
        world_arm(world, crowd.sources[i], ROUSE_READABLE);
    world_turn(world, 0);
    for (int i = 0; i < crowd.count; i++) {
        const int which = (i * 77 + 199) % crowd.count; /* each once: 77 and 200 have no divisor */
        struct rouse_source *source = crowd.sources[which];

        queue_mend(world, source);
        world_send(world, queue_crowd_peer(&crowd, which), 1);
        REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "source %d", which);
    }
}

CASE(e2_a_source_in_use_for_long_loses_nothing, "E2", NEEDS_NOTHING,
     "70,000 bytes come two by two and are read one by one, or for three seconds",
     "each arm() is answered by a report")
{
    enum { ROUNDS = 70000 };
    const rouse_time deadline = world_after(world, 3000);
    rouse_fd ends[2];
    struct rouse_source *source;
    char bytes[2] = {0};

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    for (int i = 0; i < ROUNDS && world_now(world) < deadline; i++) {
        if (i % 2 == 0) /* the second byte is no news, but there */
            world_write(world, ends[1], bytes, sizeof bytes);
        world_arm(world, source, ROUSE_READABLE);
        REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "byte %d", i + 1);
        world_read(world, ends[0], bytes, 1);
    }
}

CASE(e2_each_datagram_that_waits_is_reported, "E2", NEEDS_NOTHING,
     "three datagrams wait, one of them empty, and each report reads one; later a fourth comes",
     "every arm() is answered by a report, and each of them finds its datagram")
{
    static const struct {
        const char *bytes;
        size_t size;
    } sent[] = {{"one", 3}, {"", 0}, {"three", 5}, {"4", 1}};
    rouse_fd ends[2];
    struct rouse_source *source;
    char bytes[8];

    world_datagrams(world, ends);
    source = world_source(world, ends[0]);
    for (int i = 0; i < 3; i++)
        world_write(world, ends[1], sent[i].bytes, sent[i].size);
    for (int i = 0; i < 4; i++) {
        world_arm(world, source, ROUSE_READABLE);
        if (i == 3) {
            world_turn(world, 0);
            queue_mend(world, source);
            world_write(world, ends[1], sent[i].bytes, sent[i].size);
        }
        REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "no report of number %d", i + 1);
        CHECK_EQUAL(E2, world_read(world, ends[0], bytes, sizeof bytes), (intptr_t) sent[i].size,
                    "a datagram's length");
        CHECK(E2, memcmp(bytes, sent[i].bytes, sent[i].size) == 0, "number %d has come out of turn",
              i + 1);
    }
}

CASES(evq_e2) = {
    &e2_what_is_ready_before_the_first_arm_is_reported,
    &e2_what_becomes_ready_while_armed_is_reported,
    &e2_what_stays_ready_is_reported_at_every_arm,
    &e2_a_partial_read_leaves_the_rest_to_be_reported,
    &e2_what_comes_while_nobody_is_armed_is_reported_later,
    &e2_a_direction_that_is_added_is_reported_if_it_holds,
    &e2_every_connection_that_queued_up_is_found,
    &e2_a_read_behind_the_queues_back_costs_nothing,
    &e2_the_last_of_many_sources_is_reported_like_the_first,
    &e2_a_source_in_use_for_long_loses_nothing,
    &e2_each_datagram_that_waits_is_reported,
};
