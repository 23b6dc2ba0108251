/*
 * e1_one_shot.c -- E1: a report is bought by an arm(), each direction on its own.
 *
 * The trap is what kernels add on their own account: level-triggered ones repeat
 * themselves, edge-triggered ones speak up at every change, and most report hang-up and
 * error to whoever asked for nothing.
 */
#include "queue.h"

enum { TIMES = 50 };

CASE(e1_a_report_is_not_repeated, "E1", NEEDS_NOTHING,
     "a byte is there, its source armed and reported; the byte stays, and others come",
     "nothing more is reported until the source is armed again, and then once")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        queue_send(world, ends[1], ends[0]);
        world_arm(world, source, ROUSE_READABLE);
        REQUIRE(E1, queue_reports(world, source, ROUSE_READABLE), "%s: the first arm()",
                queue_kind(kind));
        CHECK(E1, world_quiet(world, source, WORLD_QUIET) == 0, "%s: the same byte, again",
              queue_kind(kind));
        queue_send(world, ends[1], ends[0]);
        CHECK(E1, world_quiet(world, source, WORLD_QUIET) == 0, "%s: more bytes, unasked",
              queue_kind(kind));
        world_arm(world, source, ROUSE_READABLE);
        REQUIRE(E1, queue_reports(world, source, ROUSE_READABLE), "%s: the second arm()",
                queue_kind(kind));
        CHECK(E1, world_quiet(world, source, WORLD_QUIET) == 0, "%s: the second arm(), again",
              queue_kind(kind));
        queue_close(world, source);
        world_close(world, ends[1]);
    }
}

CASE(e1_each_direction_is_reported_once, "E1", NEEDS_NOTHING,
     "a socket that is ready in both directions is armed for both, once",
     "each direction is reported, and neither a second time")
{
    struct rouse_source *source;
    rouse_fd ends[2];

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    queue_send(world, ends[1], ends[0]);
    world_arm(world, source, QUEUE_BOTH);
    world_turn(world, WORLD_SOON);
    world_turn(world, WORLD_QUIET);
    world_turn(world, WORLD_QUIET);
    CHECK_EQUAL(E1, world_reports(world, source, ROUSE_READABLE), 1, "the reports of readability");
    CHECK_EQUAL(E1, world_reports(world, source, ROUSE_WRITABLE), 1, "the reports of writability");
}

CASE(e1_arming_twice_buys_one_report, "E1", NEEDS_NOTHING,
     "a direction is armed again, ready and not, before its report", "one report comes for both")
{
    struct rouse_source *source;
    rouse_fd ends[2];

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    queue_arm_idle(world, source, ROUSE_READABLE);
    world_arm(world, source, ROUSE_READABLE);
    queue_send(world, ends[1], ends[0]);
    world_arm(world, source, ROUSE_READABLE);
    world_turn(world, WORLD_SOON);
    world_turn(world, WORLD_QUIET);
    CHECK_EQUAL(E1, world_reports(world, source, ROUSE_READABLE), 1, "the reports");
}

CASE(e1_every_arm_buys_a_report, "E1", NEEDS_NOTHING,
     "a byte that is never read, its source armed after every report",
     "as many reports as times it was armed")
{
    struct rouse_source *source;
    rouse_fd ends[2];
    int reports = 0;

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    queue_send(world, ends[1], ends[0]);
    for (int i = 0; i < TIMES; i++) {
        world_arm(world, source, ROUSE_READABLE);
        REQUIRE(E1, world_wait_for(world, source, ROUSE_READABLE, WORLD_SOON) != 0,
                "no report for arm() %d", i + 1);
        world_turn(world, 0);
        reports += 1 + world_reports(world, source, ROUSE_READABLE);
    }
    CHECK_EQUAL(E1, reports, TIMES, "the number of reports");
}

CASE(e1_one_direction_leaves_the_other_armed, "E1", NEEDS_NOTHING,
     "a full socket without bytes to read is armed for both directions, and one comes",
     "the other is still armed, and comes without being asked for again")
{
    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (int read_first = 0; read_first < 2; read_first++) {
            const unsigned first = read_first ? ROUSE_READABLE : ROUSE_WRITABLE;
            const unsigned other = QUEUE_BOTH & ~first;
            struct rouse_source *source;
            rouse_fd ends[2];

            queue_pair(world, kind, ends);
            source = world_source(world, ends[0]);
            world_fill(world, ends[0]);
            queue_arm_idle(world, source, QUEUE_BOTH);
            if (read_first)
                world_send(world, ends[1], 1);
            else
                world_make_room(world, ends[0], ends[1]);
            REQUIRE(E1, queue_reports(world, source, first), "%s: %s, the first", queue_kind(kind),
                    queue_name(first));
            CHECK(E1, source->armed == other, "%s: after the first, %s is armed", queue_kind(kind),
                  queue_name(source->armed));
            if (read_first)
                world_make_room(world, ends[0], ends[1]);
            else
                world_send(world, ends[1], 1);
            REQUIRE(E1, queue_reports(world, source, other), "%s: %s, the other", queue_kind(kind),
                    queue_name(other));
            queue_close(world, source);
            world_close(world, ends[1]);
        }
    }
}

CASE(e1_arming_adds_to_what_is_armed, "E1", NEEDS_NOTHING,
     "one direction is armed, looked for, and then the other one is armed too",
     "both are armed, and both come")
{
    for (unsigned first = ROUSE_READABLE; first <= ROUSE_WRITABLE; first++) {
        const unsigned other = QUEUE_BOTH & ~first;
        struct rouse_source *source;
        rouse_fd ends[2];

        world_pair(world, ends);
        source = world_source(world, ends[0]);
        world_fill(world, ends[0]);
        queue_arm_idle(world, source, first);
        world_arm(world, source, other);
        CHECK(E1, source->armed == QUEUE_BOTH, "%s, then %s: armed for %s", queue_name(first),
              queue_name(other), queue_name(source->armed));
        world_send(world, ends[1], 1);
        world_drain(world, ends[1]);
        REQUIRE(E1, queue_reports(world, source, QUEUE_BOTH), "%s, then %s", queue_name(first),
                queue_name(other));
        queue_close(world, source);
        world_close(world, ends[1]);
    }
}

CASE(e1_a_direction_that_was_not_armed_is_silent, "E1 E6", NEEDS_NOTHING,
     "a socket that is ready in both directions is armed for one of them",
     "that one is reported, and the other never")
{
    for (unsigned armed = ROUSE_READABLE; armed <= ROUSE_WRITABLE; armed++) {
        struct rouse_source *source;
        rouse_fd ends[2];
        unsigned reported;

        world_pair(world, ends);
        source = world_source(world, ends[0]);
        queue_send(world, ends[1], ends[0]);
        world_arm(world, source, armed);
        reported = world_wait_for(world, source, armed, WORLD_SOON);
        CHECK(E1, (reported & armed) != 0, "armed for %s, which was not reported",
              queue_name(armed));
        reported |= world_quiet(world, source, WORLD_QUIET);
        CHECK(E6, (reported & ~armed) == 0, "armed for %s, reported %s", queue_name(armed),
              queue_name(reported));
        queue_close(world, source);
        world_close(world, ends[1]);
    }
}

/* What may happen to a source that nobody armed. */
static void upset(struct world *world, int how, rouse_fd peer)
{
    switch (how) {
    case 0: world_send(world, peer, 1); break;
    case 1: world_shutdown(world, peer); break;
    case 2: world_close(world, peer); break;
    case 3: world_reset(world, peer); break;
    default: break;
    }
}

static const char *const upsets[] = {"a byte", "the peer's end of stream", "the peer's close",
                                     "a reset"};
enum { UPSETS = sizeof upsets / sizeof upsets[0], CLOSES = 2 };

CASE(e1_an_idle_source_hears_of_no_end, "E1", NEEDS_NOTHING,
     "a source has had its report; then a byte comes, or the end, or a hang-up, or an error",
     "it is silent, and the queue waits until its deadline")
{
    for (int how = 0; how < UPSETS; how++) {
        for (unsigned was = ROUSE_READABLE; was <= ROUSE_WRITABLE; was++) {
            struct rouse_source *source;
            rouse_fd ends[2];

            world_tcp_pair(world, ends);
            source = world_source(world, ends[0]);
            queue_send(world, ends[1], ends[0]);
            world_arm(world, source, was);
            world_wait_for(world, source, was, WORLD_SOON);
            upset(world, how, ends[1]);
            CHECK(E1, world_quiet(world, source, WORLD_QUIET) == 0, "%s, after a report of %s",
                  upsets[how], queue_name(was));
            queue_close(world, source);
            if (how < CLOSES)
                world_close(world, ends[1]);
        }
    }
}

CASE(e1_the_end_is_reported_once_for_each_arm, "E1 E4", NEEDS_NOTHING,
     "the peer has closed or reset the connection, and a source is armed again and again",
     "each arm() buys one report of each direction armed, and no more")
{
    for (int how = CLOSES; how < UPSETS; how++) {
        struct rouse_source *source;
        rouse_fd ends[2];

        world_tcp_pair(world, ends);
        source = world_source(world, ends[0]);
        upset(world, how, ends[1]);
        for (int i = 0; i < 3; i++) {
            world_arm(world, source, ROUSE_READABLE);
            CHECK(E4, world_wait_for(world, source, ROUSE_READABLE, WORLD_SOON) != 0,
                  "%s: round %d was not reported", upsets[how], i);
            CHECK(E1, world_quiet(world, source, WORLD_QUIET) == 0,
                  "%s: round %d was reported twice", upsets[how], i);
        }
        queue_close(world, source);
    }
}

CASES(evq_e1) = {
    &e1_a_report_is_not_repeated,
    &e1_each_direction_is_reported_once,
    &e1_arming_twice_buys_one_report,
    &e1_every_arm_buys_a_report,
    &e1_one_direction_leaves_the_other_armed,
    &e1_arming_adds_to_what_is_armed,
    &e1_a_direction_that_was_not_armed_is_silent,
    &e1_an_idle_source_hears_of_no_end,
    &e1_the_end_is_reported_once_for_each_arm,
};
