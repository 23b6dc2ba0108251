/*
 * e3_drained.c -- E3: the hint that a direction was just found exhausted costs no event.
 *
 * An edge-triggered backend believes the hint and makes no system call. It is right to,
 * as long as whatever comes afterwards is an edge; these cases look for what is not one.
 * What a TCP socket looks like after a short read is e3_short.c.
 */
#include "queue.h"

CASE(e3_what_comes_after_a_refusal_is_reported, "E3", NEEDS_NOTHING,
     "a socket is read until it refuses and armed with the hint, 200 times",
     "the byte that comes then is reported, whether the queue has looked in between or not")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        for (int i = 0; i < 200; i++) {
            world_drain(world, ends[0]);
            if (i % 2 == 0)
                world_arm(world, source, ROUSE_READABLE | ROUSE_DRAINED);
            else
                queue_arm_idle(world, source, ROUSE_READABLE | ROUSE_DRAINED);
            world_send(world, ends[1], 1);
            REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "%s, round %d",
                    queue_kind(kind), i);
        }
    }
}

CASE(e3_room_that_comes_after_a_refusal_is_reported, "E3", NEEDS_NOTHING,
     "a socket is written to until it refuses and armed with the hint, 10 times",
     "the room that comes then is reported, whether the queue has looked in between or not")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        for (int i = 0; i < 10; i++) {
            world_fill(world, ends[0]);
            if (i % 2 == 0)
                world_arm(world, source, ROUSE_WRITABLE | ROUSE_DRAINED);
            else
                queue_arm_idle(world, source, ROUSE_WRITABLE | ROUSE_DRAINED);
            world_make_room(world, ends[0], ends[1]);
            REQUIRE(E3, queue_reports(world, source, ROUSE_WRITABLE), "%s, round %d",
                    queue_kind(kind), i);
        }
    }
}

CASE(e3_what_comes_between_the_refusal_and_the_arm_is_reported, "E3", NEEDS_NOTHING,
     "bytes, or room, come after the refusal and before the arm() that carries the hint",
     "they are reported, to a source that the queue knows and to a new one")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        for (int round = 0; round < 4; round++) {
            world_drain(world, ends[0]);
            queue_send(world, ends[1], ends[0]);
            world_arm(world, source, ROUSE_READABLE | ROUSE_DRAINED);
            REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "%s, round %d: a byte",
                    queue_kind(kind), round);
            world_fill(world, ends[0]);
            world_make_room(world, ends[0], ends[1]);
            world_arm(world, source, ROUSE_WRITABLE | ROUSE_DRAINED);
            REQUIRE(E3, queue_reports(world, source, ROUSE_WRITABLE), "%s, round %d: room",
                    queue_kind(kind), round);
            if (round == 1)
                world_forget(world, source);
        }
    }
}

CASE(e3_the_hint_may_name_both_directions, "E3", NEEDS_NOTHING,
     "an empty and full socket is armed for both directions with the hint",
     "a byte that comes and room that comes are reported, in either order")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        for (int round = 0; round < 6; round++) {
            const unsigned first = round % 2 == 0 ? ROUSE_READABLE : ROUSE_WRITABLE;
            const unsigned second = QUEUE_BOTH & ~first;

            world_drain(world, ends[0]);
            world_fill(world, ends[0]);
            world_arm(world, source, QUEUE_BOTH | ROUSE_DRAINED);
            if (round % 2 == 0)
                world_send(world, ends[1], 1);
            else
                world_make_room(world, ends[0], ends[1]);
            REQUIRE(E3, queue_reports(world, source, first), "%s, round %d: what came first",
                    queue_kind(kind), round);
            /* TCP may have moved bytes on by itself, and told of the room. */
            if ((source->armed & second) == 0)
                world_arm(world, source, second);
            if (round % 2 == 0)
                world_make_room(world, ends[0], ends[1]);
            else
                world_send(world, ends[1], 1);
            REQUIRE(E3, queue_reports(world, source, second), "%s, round %d: what came second",
                    queue_kind(kind), round);
        }
    }
}

CASE(e3_the_hint_speaks_for_what_it_names_alone, "E3", NEEDS_NOTHING,
     "one direction is exhausted and armed with the hint, the other is ready and armed without",
     "the other is reported, in either order of arming, and later the first")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        for (int round = 0; round < 4; round++) {
            world_drain(world, ends[0]);
            if (round % 2 == 0)
                world_arm(world, source, ROUSE_WRITABLE);
            world_arm(world, source, ROUSE_READABLE | ROUSE_DRAINED);
            if (round % 2 != 0)
                world_arm(world, source, ROUSE_WRITABLE);
            REQUIRE(E3, queue_reports(world, source, ROUSE_WRITABLE), "%s, round %d: room",
                    queue_kind(kind), round);
            queue_send(world, ends[1], ends[0]);
            REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "%s, round %d: a byte",
                    queue_kind(kind), round);

            world_fill(world, ends[0]); /* and the byte is still there */
            if (round % 2 == 0)
                world_arm(world, source, ROUSE_READABLE);
            world_arm(world, source, ROUSE_WRITABLE | ROUSE_DRAINED);
            if (round % 2 != 0)
                world_arm(world, source, ROUSE_READABLE);
            REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "%s, round %d: the same byte",
                    queue_kind(kind), round);
            world_make_room(world, ends[0], ends[1]);
            REQUIRE(E3, queue_reports(world, source, ROUSE_WRITABLE), "%s, round %d: room again",
                    queue_kind(kind), round);
        }
    }
}

CASE(e3_an_event_fetched_while_nobody_was_armed_spoils_nothing, "E3", NEEDS_NOTHING,
     "a byte, or room, comes and is looked at unarmed; then it is used up, and the hint given",
     "what comes after that is reported, every time")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        world_arm(world, source, QUEUE_BOTH);
        world_send(world, ends[1], 1);
        REQUIRE(E3, queue_reports(world, source, QUEUE_BOTH), "the first reports");
        for (int round = 0; round < 10; round++) {
            world_send(world, ends[1], 1);
            world_turn(world, 0);
            world_drain(world, ends[0]);
            queue_arm_idle(world, source, ROUSE_READABLE | ROUSE_DRAINED);
            world_send(world, ends[1], 1);
            REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "%s, round %d: a byte",
                    queue_kind(kind), round);

            world_fill(world, ends[0]);
            world_make_room(world, ends[0], ends[1]);
            world_turn(world, 0);
            world_fill(world, ends[0]);
            queue_arm_idle(world, source, ROUSE_WRITABLE | ROUSE_DRAINED);
            world_make_room(world, ends[0], ends[1]);
            REQUIRE(E3, queue_reports(world, source, ROUSE_WRITABLE), "%s, round %d: room",
                    queue_kind(kind), round);
        }
    }
}

CASE(e3_a_forgotten_source_may_begin_with_the_hint, "E3", NEEDS_NOTHING,
     "a source is forgotten, armed or idle, and armed with the hint while it is exhausted",
     "the byte that comes then is reported, every time")
{
    rouse_fd ends[2];
    struct rouse_source *source;

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    for (int round = 0; round < 100; round++) {
        const unsigned also = round % 3 == 0 ? ROUSE_WRITABLE : 0u;

        queue_refused(world, ends[0], ROUSE_READABLE);
        world_arm(world, source, ROUSE_READABLE | ROUSE_DRAINED);
        if (round % 4 != 0)
            world_turn(world, 0);
        world_forget(world, source);
        if (also != 0)
            world_arm(world, source, also); /* so that the hint widens */
        queue_refused(world, ends[0], ROUSE_READABLE);
        world_arm(world, source, ROUSE_READABLE | ROUSE_DRAINED);
        world_send(world, ends[1], 1);
        REQUIRE(E3, queue_reports(world, source, ROUSE_READABLE), "round %d", round);
        world_drain(world, ends[0]);
    }
}

CASE(e3_a_long_exchange_with_the_hint_loses_nothing, "E3", NEEDS_NOTHING,
     "two ends in one queue answer each other 20,000 times, or for three seconds, with the hint",
     "every byte is reported")
{
    enum { EXCHANGES = 20000 };
    const rouse_time deadline = world_after(world, 3000);
    rouse_fd ends[2];
    struct rouse_source *sources[2];
    char byte = 0;

    world_pair(world, ends);
    for (int i = 0; i < 2; i++) {
        sources[i] = world_source(world, ends[i]);
        queue_refused(world, ends[i], ROUSE_READABLE);
        world_arm(world, sources[i], ROUSE_READABLE | ROUSE_DRAINED);
    }
    for (int i = 0; i < EXCHANGES && world_now(world) < deadline; i++) {
        struct rouse_source *reader = sources[i % 2];

        world_write(world, ends[(i + 1) % 2], &byte, 1);
        REQUIRE(E3, queue_reports(world, reader, ROUSE_READABLE), "byte %d", i + 1);
        while (world_read(world, reader->fd, &byte, 1) > 0)
            continue;
        world_arm(world, reader, ROUSE_READABLE | ROUSE_DRAINED);
    }
}

CASES(evq_e3) = {
    &e3_what_comes_after_a_refusal_is_reported,
    &e3_room_that_comes_after_a_refusal_is_reported,
    &e3_what_comes_between_the_refusal_and_the_arm_is_reported,
    &e3_the_hint_may_name_both_directions,
    &e3_the_hint_speaks_for_what_it_names_alone,
    &e3_an_event_fetched_while_nobody_was_armed_spoils_nothing,
    &e3_a_forgotten_source_may_begin_with_the_hint,
    &e3_a_long_exchange_with_the_hint_loses_nothing,
};
