/*
 * e6_no_invention.c -- E6: what a report may not say.
 *
 * It may be mistaken, once for each arm(). It may not speak of a direction that nobody
 * armed, however much happens in it, nor be mistaken twice.
 */
#include "queue.h"

/* One thing after the other that may happen to a connection. 0 when there is no more. */
static const char *happen(struct world *world, int step, const rouse_fd ends[2])
{
    switch (step) {
    case 0: queue_send(world, ends[1], ends[0]); return "a byte";
    case 1: world_drain(world, ends[0]); return "no bytes";
    case 2: world_fill(world, ends[0]); return "no room";
    case 3: world_make_room(world, ends[0], ends[1]); return "room";
    case 4: world_urgent(world, ends[1], '!'); return "urgent data";
    case 5: world_shutdown(world, ends[1]); return "the end of the stream";
    case 6: world_reset(world, ends[1]); return "a reset";
    default: return NULL;
    }
}

CASE(e6_only_what_is_armed_is_reported, "E6", NEEDS_NOTHING,
     "a source is armed for one direction, or was and is not; then everything happens to it",
     "the direction that is not armed is never reported")
{
    for (unsigned interest = 0; interest <= ROUSE_WRITABLE; interest++) {
        for (int widened = 0; widened < 2; widened++) {
            struct rouse_source *source;
            const char *what;
            rouse_fd ends[2];

            world_tcp_pair(world, ends);
            source = world_source(world, ends[0]);
            if (widened) { /* the kernel has heard of both directions */
                queue_send(world, ends[1], ends[0]);
                world_arm(world, source, QUEUE_BOTH);
                REQUIRE(E6, queue_reports(world, source, QUEUE_BOTH), "the first reports");
            }
            for (int step = 0; (what = happen(world, step, ends)) != NULL; step++) {
                unsigned reported;

                if (interest != 0)
                    world_arm(world, source, interest);
                reported = world_quiet(world, source, 3);
                CHECK(E6, (reported & ~interest) == 0, "armed for %s, %s reported after %s",
                      queue_name(interest), queue_name(reported & ~interest), what);
            }
            queue_close(world, source);
        }
    }
}

CASE(e6_a_report_is_mistaken_once_at_most, "E6", NEEDS_NOTHING,
     "a full writer, and a reader without bytes, wait while the other direction has its reports",
     "what is not ready is reported no more than once, for it was armed once")
{
    rouse_fd ends[2], others[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (unsigned idle = ROUSE_READABLE; idle <= ROUSE_WRITABLE; idle++) {
            const unsigned busy = QUEUE_BOTH & ~idle;
            struct rouse_source *source, *other;

            queue_pair(world, kind, ends);
            world_pair(world, others);
            source = world_source(world, ends[0]);
            other = world_source(world, others[0]);
            if (idle == ROUSE_WRITABLE) {
                world_fill(world, ends[0]);
                queue_send(world, ends[1], ends[0]);
            }
            world_arm(world, source, idle);
            for (int i = 0; i < 30; i++) {
                world_arm(world, source, busy);
                world_arm(world, other, ROUSE_WRITABLE);
                world_wait_for(world, other, ROUSE_WRITABLE, WORLD_SOON);
            }
            if ((world_ready(world, ends[0]) & idle) != 0)
                suite_error("%s: it became ready", queue_kind(kind));
            CHECK(E6, world_reports(world, source, idle) <= 1, "%s: %s, not ready",
                  queue_kind(kind), queue_name(idle));
            queue_close(world, source);
            queue_close(world, other);
        }
    }
}

CASE(e6_the_queue_does_not_report_itself, "E6", NEEDS_NOTHING,
     "a queue is woken again and again, with nothing armed, and with an idle source",
     "wait() returns 0 each time")
{
    rouse_fd ends[2];
    struct rouse_source *source;

    for (int i = 0; i < 50; i++) {
        world_wake(world);
        CHECK_EQUAL(E6, world_turn(world, 20), 0, "the number of reports");
    }
    world_pair(world, ends);
    source = world_source(world, ends[0]);
    queue_send(world, ends[1], ends[0]);
    world_arm(world, source, ROUSE_READABLE);
    REQUIRE(E6, queue_reports(world, source, ROUSE_READABLE), "the report of a byte");
    for (int i = 0; i < 50; i++) {
        world_wake(world);
        CHECK_EQUAL(E6, world_turn(world, i % 2 != 0 ? 20 : 0), 0,
                    "the number of reports, with a source that is not armed");
    }
}

/* Of what was taken there may be one report, in one of two looks, to the reader. */
static void check_one_at_most(struct world *world, const struct rouse_source *source,
                              const char *what, int number)
{
    const unsigned first = world_quiet(world, source, 3), second = world_quiet(world, source, 3);

    CHECK(E6, ((first | second) & ROUSE_WRITABLE) == 0, "%s %d: writable", what, number);
    CHECK(E6, first == 0 || second == 0, "%s %d: another report", what, number);
}

CASE(e6_what_was_taken_before_the_wait_is_reported_once_at_most, "E6 E2", NEEDS_NOTHING,
     "a reader of a stream or of datagrams is armed, and what comes is taken before anybody waits",
     "of it there is one report at most, which names the reader's direction; and one of the next")
{
    for (int kind = 0; kind <= QUEUE_KINDS; kind++) {
        struct rouse_source *source;
        rouse_fd ends[2];
        char byte;

        if (kind < QUEUE_KINDS)
            queue_pair(world, kind, ends);
        else
            world_datagrams(world, ends);
        source = world_source(world, ends[0]);
        world_arm(world, source, ROUSE_READABLE);
        queue_send(world, ends[1], ends[0]);
        CHECK_EQUAL(E6, world_read(world, ends[0], &byte, 1), 1, "what is read before the wait");
        check_one_at_most(world, source, "kind", kind);
        world_arm(world, source, ROUSE_READABLE);
        queue_send(world, ends[1], ends[0]);
        REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "kind %d: the next byte", kind);
    }
}

CASE(e6_an_error_that_was_taken_is_no_report, "E6 E2", NEEDS_ICMP,
     "a reader of datagrams is armed when an error comes; a read, a write, or who asks how it is "
     "connected takes it before anybody waits",
     "of it there is one report at most, and each names a direction; the next error is reported")
{
    for (int way = 0; way < 3; way++) {
        struct rouse_source *source;
        intptr_t told;
        rouse_fd ends[2];
        char byte = 'x';

        world_datagrams(world, ends);
        source = world_source(world, ends[0]);
        world_arm(world, source, ROUSE_READABLE);
        world_close(world, ends[1]);
        queue_send(world, ends[0], ends[0]);
        told = way == 0   ? world_read(world, ends[0], &byte, 1)
               : way == 1 ? world_write(world, ends[0], &byte, 1)
                          : world->sockets->connected(world->sockets, ends[0]);
        CHECK_EQUAL(E6, told, -ECONNREFUSED, "what is told before the wait");
        check_one_at_most(world, source, "way", way);
        world_arm(world, source, ROUSE_READABLE);
        world_turn(world, 0);
        queue_mend(world, source);
        queue_send(world, ends[0], ends[0]);
        REQUIRE(E2, queue_reports(world, source, ROUSE_READABLE), "way %d: the next error", way);
    }
}

CASES(evq_e6) = {
    &e6_only_what_is_armed_is_reported,
    &e6_a_report_is_mistaken_once_at_most,
    &e6_the_queue_does_not_report_itself,
    &e6_what_was_taken_before_the_wait_is_reported_once_at_most,
    &e6_an_error_that_was_taken_is_no_report,
};
