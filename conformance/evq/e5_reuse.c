/*
 * e5_reuse.c -- E5: after forget() the descriptor's number, and whatever it stood for,
 * are free.
 *
 * A kernel may know a file by its number, or by what the number stands for, and a
 * duplicate keeps the latter alive. A backend that takes back its registration late, or
 * in the wrong way, is found out by who gets the number next.
 */
#include "queue.h"

/* Opens pairs until one has the number `fd`, and returns its other end. */
static rouse_fd pair_at(struct world *world, int kind, rouse_fd fd)
{
    rouse_fd ends[2];

    for (int i = 0; i < 8; i++) {
        queue_pair(world, kind, ends);
        for (int end = 0; end < 2; end++)
            if (ends[end] == fd)
                return ends[1 - end];
    }
    suite_error("the number %lld does not come back", (long long) fd);
    return fd;
}

CASE(e5_a_number_used_again_has_its_own_events, "E5 E2", NEEDS_NOTHING,
     "a source with a queued event is forgotten and closed, and another gets its number",
     "the old one is silent, and the new one is reported when it is ready, not before")
{
    rouse_fd ends[2], peer;
    bool errs;

    world_pair(world, ends);
    errs = queue_errs(world, world_source(world, ends[0]), 0, ROUSE_READABLE);
    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (int round = 0; round < 6; round++) {
            const unsigned was = 1 + (unsigned) round % 3;
            struct rouse_source *old, *fresh;

            queue_pair(world, kind, ends);
            old = world_source(world, ends[0]);
            if (round >= 3)
                queue_arm_idle(world, old, QUEUE_BOTH);
            world_arm(world, old, was);
            queue_send(world, ends[1], ends[0]);
            queue_close(world, old);
            peer = pair_at(world, kind, ends[0]);
            fresh = world_source(world, ends[0]);
            world_fill(world, ends[0]);
            CHECK(E5, errs || !queue_insists(world, fresh, 0, ROUSE_READABLE), "%s, round %d: %s",
                  queue_kind(kind), round, "not ready, but reported again and again");
            world_arm(world, fresh, QUEUE_BOTH);
            queue_send(world, peer, ends[0]);
            REQUIRE(E2, queue_reports(world, fresh, ROUSE_READABLE), "%s, round %d: a byte",
                    queue_kind(kind), round);
            world_make_room(world, ends[0], peer);
            REQUIRE(E2, queue_reports(world, fresh, ROUSE_WRITABLE), "%s, round %d: room",
                    queue_kind(kind), round);
            CHECK(E5, world_reports(world, old, ROUSE_READABLE) == 0, "the old source");
            CHECK(E5, world_reports(world, old, ROUSE_WRITABLE) == 0, "the old source");
            queue_close(world, fresh);
        }
    }
}

CASE(
    e5_a_number_used_again_is_not_held_open, "E5", NEEDS_NOTHING,
    "a source is armed, forgotten and closed before anybody waits; another socket gets its number, "
    "is armed by nobody, and is closed after a wait()",
    "its peer sees the end of the stream: what was asked for the old one is not asked of it")
{
    rouse_fd ends[2], peer;

    for (unsigned interest = ROUSE_READABLE; interest <= QUEUE_BOTH; interest++) {
        struct rouse_source *old;

        world_pair(world, ends);
        world_fill(world, ends[0]);
        old = world_source(world, ends[0]);
        world_arm(world, old, interest);
        queue_close(world, old);
        peer = pair_at(world, 0, ends[0]);
        world_fill(world, ends[0]);
        world_turn(world, 0);
        world_close(world, ends[0]);
        world_drain(world, peer);
        CHECK(E5, (world_ready(world, peer) & ROUSE_READABLE) != 0, "armed for %s",
              queue_name(interest));
        CHECK(E5, world_quiet(world, old, 2) == 0, "armed for %s: a report", queue_name(interest));
    }
}

CASE(e5_a_port_can_be_bound_again_at_once, "E5", NEEDS_NOTHING,
     "an armed listener, with a connection queued up or none, is forgotten and closed",
     "another one can listen there without a wait() in between, and is reported")
{
    for (int round = 0; round < 4; round++) {
        struct rouse_address address;
        rouse_fd fd = world_listen(world, ROUSE_IPV4, 4, &address);
        struct rouse_source *source = world_source(world, fd);
        int error;

        queue_arm_idle(world, source, ROUSE_READABLE);
        if (round % 2 != 0)
            world_connect(world, &address);
        if (round >= 2)
            world_turn(world, 0);
        queue_close(world, source);
        error = world->sockets->open(world->sockets, ROUSE_IPV4, &fd);
        if (error != 0)
            suite_error("no socket: %s", rouse_strerror(error));
        world_take(world, fd);
        CHECK_EQUAL(E5, world->sockets->listen(world->sockets, fd, &address, 4), 0, "listen()");
        source = world_source(world, fd);
        queue_arm_idle(world, source, ROUSE_READABLE);
        world_connect(world, &address);
        REQUIRE(E5, queue_reports(world, source, ROUSE_READABLE), "round %d: the new listener",
                round);
        queue_close(world, source);
    }
}

CASE(e5_the_peer_of_a_closed_socket_sees_its_end, "E5", NEEDS_NOTHING,
     "an armed socket is forgotten and closed, and the queue is not asked to wait in between",
     "its peer reads the end of the stream, because nothing refers to the socket any more")
{
    rouse_fd ends[2];
    char byte;

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (unsigned interest = ROUSE_READABLE; interest <= QUEUE_BOTH; interest++) {
            struct rouse_source *source, *peer;

            queue_pair(world, kind, ends);
            source = world_source(world, ends[0]);
            peer = world_source(world, ends[1]);
            queue_arm_idle(world, peer, ROUSE_READABLE);
            queue_arm_idle(world, source, interest);
            queue_close(world, source);
            REQUIRE(E5, queue_reports(world, peer, ROUSE_READABLE), "%s, armed for %s",
                    queue_kind(kind), queue_name(interest));
            CHECK_EQUAL(E5, world_read(world, ends[1], &byte, 1), 0, "a read of the peer");
        }
    }
}

CASE(e5_a_duplicate_that_lives_on_is_not_heard, "E5", NEEDS_KERNEL,
     "an armed socket, ready or not, has a duplicate; it is forgotten and closed, which is not",
     "what comes then brings no report, and a wait() does not keep the processor busy")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (int ready = 0; ready < 2; ready++) {
            struct rouse_source *source, *peer;

            queue_pair(world, kind, ends);
            source = world_source(world, ends[0]);
            peer = world_source(world, ends[1]);
            world_duplicate(world, ends[0]);
            queue_arm_idle(world, source, QUEUE_BOTH);
            world_arm(world, source, ROUSE_READABLE);
            if (ready)
                queue_send(world, ends[1], ends[0]);
            queue_close(world, source);
            world_send(world, ends[1], 1);
            CHECK(E5, queue_sleeps(world, 40), "%s: wait() spins", queue_kind(kind));
            world_shutdown(world, ends[1]);
            CHECK(E5, queue_sleeps(world, 40), "%s: wait() spins at the end", queue_kind(kind));
            CHECK(E5, world_quiet(world, source, 0) == 0, "%s: a report", queue_kind(kind));
            world_arm(world, peer, ROUSE_WRITABLE);
            queue_close(world, peer);
        }
    }
}

CASE(e5_a_duplicate_may_take_the_number, "E5", NEEDS_KERNEL,
     "a socket is forgotten and closed, and a duplicate of it is put at its number, 20 times",
     "the number can be armed again, and its events come")
{
    rouse_fd ends[2], spare;
    struct rouse_source *source;

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        queue_pair(world, kind, ends);
        spare = world_duplicate(world, ends[0]);
        for (int round = 0; round < 20; round++) {
            source = world_source(world, ends[0]);
            queue_arm_idle(world, source, ROUSE_READABLE);
            queue_send(world, ends[1], ends[0]);
            REQUIRE(E5, queue_reports(world, source, ROUSE_READABLE), "%s, round %d",
                    queue_kind(kind), round);
            world_drain(world, ends[0]);
            if (round % 2 != 0)
                world_arm(world, source, QUEUE_BOTH);
            queue_close(world, source);
            world_duplicate_at(world, spare, ends[0]);
        }
    }
}

CASE(e5_a_forgotten_source_may_go_to_another_queue, "E5", NEEDS_KERNEL,
     "a source is forgotten in one queue, armed in another one, and comes back, 10 times",
     "its events come in the queue where it is armed, and not in the other")
{
    struct rouse_evq *other;
    rouse_fd ends[2];
    struct rouse_source *source;
    int error = world_open_queue(world, NULL, &other);

    if (error != 0)
        suite_error("no other queue: %s", rouse_strerror(error));
    world_pair(world, ends);
    source = world_source(world, ends[0]);
    for (int round = 0; round < 10; round++) {
        struct rouse_event event = {0};
        int count;

        queue_arm_idle(world, source, ROUSE_READABLE);
        world_forget(world, source);
        error = other->ops->arm(other, source, ROUSE_READABLE);
        CHECK(E5, error == 0, "round %d: arming in another queue: %s", round,
              rouse_strerror(error));
        queue_send(world, ends[1], ends[0]);
        CHECK(E5, world_quiet(world, source, 2) == 0, "round %d: reported by both", round);
        count = other->ops->wait(other, &event, 1, other->ops->now(other) + ROUSE_MS(WORLD_SOON));
        CHECK(E5, count == 1 && event.source == source, "round %d: the other queue says %d", round,
              count);
        other->ops->forget(other, source);
        world_drain(world, ends[0]);
    }
    other->ops->close(other);
}

CASES(evq_e5_reuse) = {
    &e5_a_number_used_again_is_not_held_open,       &e5_a_number_used_again_has_its_own_events,
    &e5_a_port_can_be_bound_again_at_once,          &e5_the_peer_of_a_closed_socket_sees_its_end,
    &e5_a_duplicate_that_lives_on_is_not_heard,     &e5_a_duplicate_may_take_the_number,
    &e5_a_forgotten_source_may_go_to_another_queue,
};
