/*
 * e4_failure_wakes.c -- E4: who is told of an error or of a hang-up of both halves.
 *
 * Kernels call these things by many names, and libuv stops watching when it meets one.
 * So every way to fail is tried with every direction armed, before it and after it, on
 * sources that are new and on some with a past. The end of the stream, which is not a
 * failure, is e4_end_of_stream.c; pipes are e4_pipes.c.
 */
#include "queue.h"

#include <errno.h>

/* What a source may have been through before its connection breaks. */
enum past { NEW, USED, FULL, FULL_AND_UNREAD, PASTS };

static const char *const past_names[PASTS] = {"new", "used", "full", "full, with unread bytes"};

static struct rouse_source *source_with(struct world *world, enum past past, rouse_fd ends[2])
{
    struct rouse_source *source = world_source(world, ends[0]);

    if (past == USED || past == FULL_AND_UNREAD) {
        queue_send(world, ends[1], ends[0]);
        world_arm(world, source, QUEUE_BOTH);
        REQUIRE(E4, queue_reports(world, source, QUEUE_BOTH), "the connection does not work");
    }
    if (past == USED)
        world_drain(world, ends[0]);
    if (past >= FULL)
        world_fill(world, ends[0]);
    return source;
}

/* Breaks connections in one way, for each past and each set of directions. */
static void breaks(struct world *world, void (*open)(struct world *world, rouse_fd ends[2]),
                   void (*end)(struct world *world, rouse_fd ends[2]))
{
    rouse_fd ends[2];

    for (int past = 0; past < PASTS; past++) {
        for (unsigned interest = ROUSE_READABLE; interest <= QUEUE_BOTH; interest++) {
            struct rouse_source *source;

            open(world, ends);
            source = source_with(world, (enum past) past, ends);
            queue_arm_idle(world, source, interest);
            end(world, ends);
            REQUIRE(E4, queue_reports(world, source, interest),
                    "%s, armed for %s before the connection broke", past_names[past],
                    queue_name(interest));
            for (int again = 1; again <= 3; again++) {
                world_arm(world, source, interest);
                REQUIRE(E4, queue_reports(world, source, interest),
                        "%s, armed for %s %d times afterwards", past_names[past],
                        queue_name(interest), again);
            }
            queue_close(world, source);
        }
    }
}

static void reset(struct world *world, rouse_fd ends[2])
{
    world_reset(world, ends[1]);
}

CASE(e4_a_reset_reports_every_direction_armed, "E4", NEEDS_NOTHING,
     "the peer of a TCP connection, new or with a past, resets it",
     "each direction that was armed before it, or is afterwards, is reported")
{
    breaks(world, world_tcp_pair, reset);
}

static void close_peer(struct world *world, rouse_fd ends[2])
{
    world_close(world, ends[1]);
}

CASE(e4_a_peer_that_closes_a_pair_reports_every_direction_armed, "E4", NEEDS_NOTHING,
     "the other end of a pair, new or with a past, is closed, which hangs up both halves",
     "each direction that was armed before it, or is afterwards, is reported")
{
    breaks(world, world_pair, close_peer);
}

static void close_both_halves(struct world *world, rouse_fd ends[2])
{
    world_shutdown(world, ends[1]);
    world_shutdown(world, ends[0]);
    world_drain(world, ends[1]);
}

CASE(e4_both_halves_closed_in_peace_report_every_direction_armed, "E4", NEEDS_NOTHING,
     "both ends say that they will write no more", "each direction that is armed is reported")
{
    breaks(world, world_pair, close_both_halves);
    breaks(world, world_tcp_pair, close_both_halves);
}

CASE(e4_an_error_in_an_unarmed_direction_waits_for_it, "E4", NEEDS_NOTHING,
     "one direction is armed and told of a reset, and only then the other one is armed",
     "the other one is told too, and the first one again when it is armed again")
{
    rouse_fd ends[2];

    for (unsigned first = ROUSE_READABLE; first <= ROUSE_WRITABLE; first++) {
        for (int past = 0; past < PASTS; past++) {
            const unsigned second = QUEUE_BOTH & ~first;
            struct rouse_source *source;

            world_tcp_pair(world, ends);
            source = source_with(world, (enum past) past, ends);
            world_arm(world, source, first);
            world_reset(world, ends[1]);
            REQUIRE(E4, queue_reports(world, source, first), "%s: %s was armed", past_names[past],
                    queue_name(first));
            world_turn(world, 0);
            world_arm(world, source, second);
            REQUIRE(E4, queue_reports(world, source, second), "%s: %s was armed later",
                    past_names[past], queue_name(second));
            world_arm(world, source, first);
            REQUIRE(E4, queue_reports(world, source, first), "%s: %s was armed again",
                    past_names[past], queue_name(first));
            queue_close(world, source);
        }
    }
}

CASE(e4_a_refused_writer_with_the_hint_learns_of_a_reset, "E4", NEEDS_NOTHING,
     "reader and writer were refused and armed with the hint, and the peer resets",
     "both are reported, though the writer's half never had room")
{
    rouse_fd ends[2];

    for (int round = 0; round < 4; round++) {
        struct rouse_source *source;

        world_tcp_pair(world, ends);
        source = source_with(world, round % 2 != 0 ? USED : NEW, ends);
        world_drain(world, ends[0]);
        world_fill(world, ends[0]);
        if (round < 2) {
            queue_arm_idle(world, source, QUEUE_BOTH | ROUSE_DRAINED);
        } else {
            world_arm(world, source, ROUSE_WRITABLE | ROUSE_DRAINED);
            queue_arm_idle(world, source, ROUSE_READABLE | ROUSE_DRAINED);
        }
        world_reset(world, ends[1]);
        REQUIRE(E4, queue_reports(world, source, QUEUE_BOTH), "round %d", round);
        queue_close(world, source);
    }
}

CASE(e4_a_refused_connect_wakes_whoever_is_armed, "E4", NEEDS_NOTHING,
     "a connection to a port where nobody listens, which is told to be under way",
     "each direction armed is reported, and connected() then says why")
{
    for (unsigned interest = ROUSE_READABLE; interest <= QUEUE_BOTH; interest++) {
        struct rouse_address address;
        struct rouse_source *source;
        rouse_fd fd;
        int error;

        world_nowhere(world, ROUSE_IPV4, &address);
        error = world->sockets->open(world->sockets, ROUSE_IPV4, &fd);
        if (error != 0)
            suite_error("no socket: %s", rouse_strerror(error));
        world_take(world, fd);
        error = world->sockets->connect(world->sockets, fd, &address);
        if (error != -EINPROGRESS) {
            CHECK_EQUAL(E4, error, -ECONNREFUSED, "connect(), which is refused at once");
            continue;
        }
        source = world_source(world, fd);
        world_arm(world, source, interest);
        REQUIRE(E4, queue_reports(world, source, interest), "armed for %s", queue_name(interest));
        CHECK_EQUAL(E4, world->sockets->connected(world->sockets, fd), -ECONNREFUSED,
                    "how it ended");
    }
}

CASE(e4_a_connection_that_is_made_is_writability, "E4", NEEDS_NOTHING,
     "a TCP connection is under way, and its socket armed for writing, or for both",
     "the writer is told, and the reader when the first byte comes")
{
    for (unsigned interest = ROUSE_WRITABLE; interest <= QUEUE_BOTH; interest++) {
        struct rouse_address address;
        const rouse_fd listener = world_listen(world, ROUSE_IPV4, 4, &address);
        const rouse_fd fd = world_connect(world, &address);
        struct rouse_source *source = world_source(world, fd);
        rouse_fd accepted;

        world_arm(world, source, interest);
        REQUIRE(E4, queue_reports(world, source, ROUSE_WRITABLE), "armed for %s",
                queue_name(interest));
        CHECK_EQUAL(E4, world->sockets->connected(world->sockets, fd), 0, "how it ended");
        accepted = world_accept(world, listener);
        if (interest == ROUSE_WRITABLE)
            world_arm(world, source, ROUSE_READABLE);
        queue_send(world, accepted, fd);
        REQUIRE(E4, queue_reports(world, source, ROUSE_READABLE), "the first byte");
    }
}

CASE(e4_a_datagram_that_came_back_wakes_whoever_is_armed, "E4", NEEDS_ICMP,
     "a datagram socket has been told that nobody is there",
     "each direction armed is reported, and the error is there to be read")
{
    for (unsigned interest = ROUSE_READABLE; interest <= QUEUE_BOTH; interest++) {
        struct rouse_source *source = world_source(world, world_refused_datagram(world));
        char byte;

        world_arm(world, source, interest);
        REQUIRE(E4, queue_reports(world, source, interest), "armed for %s", queue_name(interest));
        CHECK_EQUAL(E4, world_read(world, source->fd, &byte, 1), -ECONNREFUSED, "a read");
    }
}

CASES(evq_e4) = {
    &e4_a_reset_reports_every_direction_armed,
    &e4_a_peer_that_closes_a_pair_reports_every_direction_armed,
    &e4_both_halves_closed_in_peace_report_every_direction_armed,
    &e4_an_error_in_an_unarmed_direction_waits_for_it,
    &e4_a_refused_writer_with_the_hint_learns_of_a_reset,
    &e4_a_refused_connect_wakes_whoever_is_armed,
    &e4_a_connection_that_is_made_is_writability,
    &e4_a_datagram_that_came_back_wakes_whoever_is_armed,
};
