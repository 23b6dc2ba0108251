/*
 * b2_pollable.c -- B2 at the queue: the descriptor that another loop sleeps on.
 *
 * That loop sees the descriptor and nothing else. So it must be readable for what the
 * kernel knows, and also for what only the queue knows: reports that did not fit, sources
 * that were ready when they were armed, wakes. And when nothing is left it must come to
 * rest, or that loop would spin.
 *
 * A queue that has no such descriptor says so, and has kept its promise.
 */
#include "queue.h"

#include <stddef.h>
#include <string.h>

enum { SOURCES = 6 };

CASE(b2_there_is_a_descriptor_where_the_system_has_one, "B2", NEEDS_KERNEL,
     "new queues are asked for their descriptor: at first, after a wake, and after a source that "
     "is ready has been reported and armed again",
     "those of epoll, uring and kqueue have one; and whoever asks again is given the same")
{
    static const char *const have[] = {"epoll", "uring", "kqueue"};
    bool has = false;

    for (int i = 0; i < 3; i++)
        has = has || strcmp(world->backend->name, have[i]) == 0;
    for (int when = 0; when < 3; when++) {
        struct rouse_source source = {0};
        struct rouse_event event;
        struct rouse_evq *evq;
        rouse_fd ends[2], fd;

        world_pair(world, ends);
        source.fd = ends[0];
        evq = queue_open(world);
        for (int i = 0; i < when; i++) {
            REQUIRE(B2, evq->ops->arm(evq, &source, ROUSE_WRITABLE) == 0, "arm()");
            if (i == 0)
                CHECK_EQUAL(B2, evq->ops->wait(evq, &event, 1, world_after(world, WORLD_SOON)), 1,
                            "the first report");
        }
        if (when == 1)
            evq->ops->wake(evq);
        fd = queue_pollable(evq);
        CHECK(B2, !has || fd != ROUSE_NO_FD, "it has no descriptor");
        CHECK(B2, fd == queue_pollable(evq), "it has another one");
        evq->ops->forget(evq, &source);
        evq->ops->close(evq);
    }
}

CASE(b2_the_descriptor_tells_of_reports, "B2", NEEDS_NOTHING,
     "sources that are ready before they are armed, after it, and before anybody listened",
     "the descriptor is readable until they are reported, and then comes to rest")
{
    rouse_fd ends[2], fd = ROUSE_NO_FD;

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (int way = 0; way < 6; way++) {
            struct rouse_source *source;

            queue_pair(world, kind, ends);
            source = world_source(world, ends[0]);
            if (way % 3 == 0)
                queue_send(world, ends[1], ends[0]);
            world_arm(world, source, ROUSE_READABLE);
            if (way == 2)
                fd = queue_pollable(world->evq);
            if (way % 3 == 1)
                queue_send(world, ends[1], ends[0]);
            if (way == 3)
                fd = queue_pollable(world->evq);
            if (way % 3 == 2) {
                queue_comes_to_rest(world, fd);
                queue_mend(world, source);
                queue_send(world, ends[1], ends[0]);
            }
            fd = queue_pollable(world->evq);
            CHECK(B2, queue_tells(fd), "%s, way %d: a byte", queue_kind(kind), way);
            CHECK(B2, queue_comes_to_rest(world, fd), "%s, way %d: no rest", queue_kind(kind), way);
            CHECK(B2,
                  (world_wait_for(world, source, ROUSE_READABLE, 0) & ROUSE_READABLE) != 0
                      || fd == ROUSE_NO_FD,
                  "%s, way %d: at rest without the report", queue_kind(kind), way);
            queue_close(world, source);
        }
    }
}

CASE(b2_the_descriptor_tells_of_what_did_not_fit, "B2", NEEDS_NOTHING,
     "six sources are ready and the array has room for one",
     "the descriptor is readable until the last one is reported, 20 times")
{
    static struct queue_crowd crowd;
    const rouse_fd fd = queue_pollable(world->evq);

    queue_crowd_open(world, &crowd, SOURCES);
    for (int round = 0; round < 20; round++) {
        int reported = 0;

        for (int i = 0; i < SOURCES; i++)
            world_arm(world, crowd.sources[i], ROUSE_WRITABLE);
        for (int turns = 0; turns < QUEUE_TURNS * SOURCES && reported < SOURCES; turns++) {
            struct rouse_event event;

            REQUIRE(B2, queue_tells(fd), "round %d: %d of %d are reported", round, reported,
                    SOURCES);
            reported += world_wait(world, &event, 1, 0);
        }
        CHECK_EQUAL(B2, reported, SOURCES, "the number of reports");
        CHECK(B2, queue_comes_to_rest(world, fd), "round %d: no rest", round);
    }
}

CASE(b2_the_descriptor_tells_of_both_directions_again, "B2", NEEDS_NOTHING,
     "somebody listens, and a source that is ready in both directions is armed for both, 20 times",
     "each time the descriptor is readable until both are reported, and then comes to rest")
{
    const rouse_fd fd = queue_pollable(world->evq);
    struct rouse_source *source;
    rouse_fd ends[2];

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    queue_send(world, ends[1], ends[0]);
    for (int round = 0; round < 20; round++) {
        world_arm(world, source, QUEUE_BOTH);
        for (int turns = 0; turns < QUEUE_TURNS && source->armed != 0; turns++) {
            REQUIRE(B2, queue_tells(fd), "round %d: it does not tell of %s", round,
                    queue_name(source->armed));
            world_turn(world, 0);
        }
        CHECK_EQUAL(B2, source->armed, 0, "what is not reported");
        CHECK(B2, queue_comes_to_rest(world, fd), "round %d: no rest", round);
    }
}

CASE(b2_the_descriptor_tells_of_resets_that_did_not_fit, "B2", NEEDS_NOTHING,
     "six sources are armed in both directions, before their peers reset them or after; the array "
     "has room for one",
     "the descriptor is readable until the last one is reported, and then comes to rest")
{
    const rouse_fd fd = queue_pollable(world->evq);

    for (int way = 0; way < 2; way++) {
        struct rouse_source *sources[SOURCES];
        rouse_fd ends[SOURCES][2];
        int left = SOURCES;

        for (int i = 0; i < SOURCES; i++) {
            world_tcp_pair(world, ends[i]);
            sources[i] = world_source(world, ends[i][0]);
            if (way != 0)
                world_arm(world, sources[i], QUEUE_BOTH);
        }
        for (int i = 0; i < SOURCES; i++) {
            world_reset(world, ends[i][1]);
            world_await_ready(world, ends[i][0], QUEUE_BOTH);
        }
        for (int i = 0; i < SOURCES && way == 0; i++)
            world_arm(world, sources[i], QUEUE_BOTH);
        for (int turns = 0; turns < QUEUE_TURNS * SOURCES && left > 0; turns++) {
            struct rouse_event event;

            REQUIRE(B2, queue_tells(fd), "way %d: %d of %d are left", way, left, SOURCES);
            world_wait(world, &event, 1, 0);
            left = 0;
            for (int i = 0; i < SOURCES; i++)
                left += sources[i]->armed != 0;
        }
        CHECK_EQUAL(B2, left, 0, "sources of which something is not reported");
        CHECK(B2, queue_comes_to_rest(world, fd), "way %d: no rest", way);
        for (int i = 0; i < SOURCES; i++)
            queue_close(world, sources[i]);
    }
}

CASE(b2_the_descriptor_tells_of_room_beside_what_nobody_wants, "B2", NEEDS_NOTHING,
     "a full writer gets bytes, or the end of its stream, for which nobody is armed, in the wait "
     "that reports another source; the queue is turned as its descriptor says, and then there is "
     "room",
     "the descriptor is readable, and the room reported")
{
    const rouse_fd fd = queue_pollable(world->evq);

    for (int way = 0; way < 2 * QUEUE_KINDS; way++) {
        const int kind = way % QUEUE_KINDS;
        struct rouse_source *writer, *other;
        rouse_fd ends[2], others[2];

        queue_pair(world, kind, ends);
        queue_pair(world, kind, others);
        writer = world_source(world, ends[0]);
        other = world_source(world, others[0]);
        world_fill_for_good(world, ends[0]);
        queue_arm_idle(world, writer, QUEUE_BOTH);
        queue_send(world, ends[1], ends[0]);
        CHECK(B2, queue_reports(world, writer, ROUSE_READABLE), "%s: a byte", queue_kind(kind));
        world_drain(world, ends[0]);
        queue_arm_idle(world, other, ROUSE_READABLE);
        if (way < QUEUE_KINDS)
            world_send(world, ends[1], 1);
        else
            world_shutdown(world, ends[1]);
        world_await_ready(world, ends[0], ROUSE_READABLE);
        queue_send(world, others[1], others[0]);
        CHECK(B2, queue_reports(world, other, ROUSE_READABLE), "%s: another's", queue_kind(kind));
        world_drain(world, others[0]);
        CHECK(B2, queue_comes_to_rest(world, fd), "%s: no rest", queue_kind(kind));
        queue_mend(world, writer);
        CHECK(B2, queue_comes_to_rest(world, fd), "%s: no rest later", queue_kind(kind));
        world_make_room(world, ends[0], ends[1]);
        CHECK(B2, queue_tells(fd), "%s: room is not told", queue_kind(kind));
        CHECK(B2, queue_reports(world, writer, ROUSE_WRITABLE), "%s: room", queue_kind(kind));
        queue_close(world, writer);
        queue_close(world, other);
    }
}

CASE(b2_the_descriptor_tells_of_wakes, "B2", NEEDS_NOTHING,
     "somebody listens, and the queue is woken 50 times, once or several times each",
     "the descriptor is readable each time, until the queue was turned")
{
    const rouse_fd fd = queue_pollable(world->evq);

    CHECK(B2, queue_comes_to_rest(world, fd), "no rest at the beginning");
    for (int round = 0; round < 50; round++) {
        for (int wakes = 0; wakes <= round % 3; wakes++)
            world_wake(world);
        REQUIRE(B2, queue_tells(fd), "round %d: a wake", round);
        world_turn(world, round % 2 != 0 ? 0 : WORLD_SOON);
        CHECK(B2, queue_comes_to_rest(world, fd), "round %d: no rest", round);
    }
}

CASE(b2_the_descriptor_never_tires_of_wakes, "B2 E7", NEEDS_NOTHING,
     "somebody listens, and the queue is woken and turned 70,000 times, or for three seconds",
     "the last wake makes the descriptor readable, and ends the wait, like the first")
{
    enum { MORE_THAN_A_PIPE_HOLDS = 70000 };
    const rouse_time deadline = world_after(world, 3000);
    const rouse_fd fd = queue_pollable(world->evq);
    struct rouse_event event;

    for (int i = 0; i < MORE_THAN_A_PIPE_HOLDS && world_now(world) < deadline; i++) {
        world_wake(world);
        world_turn(world, 0);
    }
    CHECK(B2, queue_comes_to_rest(world, fd), "no rest");
    world_wake(world);
    CHECK(B2, queue_tells(fd), "a wake");
    CHECK_EQUAL(E7, WAIT_UNLIMITED(E7, world, &event, 1), 0, "a wait after all those wakes");
}

CASE(b2_a_wake_from_before_anybody_listened_is_told, "B2", NEEDS_NOTHING,
     "the queue is woken, and only then asked for its descriptor",
     "the descriptor is readable, for a wait() would end at once")
{
    rouse_fd fd;

    world_wake(world);
    fd = queue_pollable(world->evq);
    CHECK(B2, queue_tells(fd), "a wake");
    world_turn(world, 0);
    CHECK(B2, queue_comes_to_rest(world, fd), "no rest");
}

static void wake_once(void *argument)
{
    world_wake(argument);
}

CASE(b2_what_is_ready_before_anybody_listens_is_told, "B2", NEEDS_KERNEL,
     "a source has had a report in either direction, is ready still and armed again; only then its "
     "queue is asked for its descriptor, the first time",
     "the descriptor is readable, and what is armed is reported")
{
    for (int way = 0; way < 2 * QUEUE_KINDS; way++) {
        const unsigned direction = way % 2 != 0 ? ROUSE_READABLE : ROUSE_WRITABLE;
        const struct rouse_evq_ops *ops = world->evq->ops;
        struct rouse_source source = {0};
        struct rouse_event event;
        struct rouse_evq *evq;
        rouse_fd ends[2];

        queue_pair(world, way / 2, ends);
        source.fd = ends[0];
        evq = queue_open(world);
        queue_send(world, ends[1], ends[0]);
        for (int i = 0; i < 2; i++) {
            CHECK_EQUAL(B2, ops->arm(evq, &source, direction), 0, "arming");
            if (i != 0)
                CHECK(B2, queue_tells(queue_pollable(evq)), "way %d: nothing is told", way);
            CHECK_EQUAL(B2, ops->wait(evq, &event, 1, world_after(world, WORLD_SOON)), 1,
                        "the number of reports");
        }
        ops->forget(evq, &source);
        ops->close(evq);
    }
}

CASE(b2_the_descriptor_tells_of_a_wake_on_another_thread, "B2", NEEDS_NOTHING,
     "a thread wakes while the other loop sleeps on the descriptor, 20 times", "that loop is woken")
{
    const rouse_fd fd = queue_pollable(world->evq);

    for (int round = 0; round < 20; round++) {
        struct thread *thread = thread_start(wake_once, world);

        CHECK(B2, queue_tells(fd), "round %d", round);
        thread_join(thread);
        world_turn(world, 0);
        CHECK(B2, queue_comes_to_rest(world, fd), "round %d: no rest", round);
    }
}

CASE(b2_a_guest_gets_everything_by_its_descriptor_alone, "B2", NEEDS_NOTHING,
     "six readers arm again after each report; bytes and wakes come in turns, 300 times",
     "a queue that is turned only when its descriptor is readable reports every byte")
{
    static struct queue_crowd crowd;
    const rouse_fd fd = queue_pollable(world->evq);

    queue_crowd_open(world, &crowd, SOURCES);
    for (int i = 0; i < SOURCES; i++)
        world_arm(world, crowd.sources[i], ROUSE_READABLE);
    for (int round = 0; round < 300; round++) {
        const int reader = round * 5 % SOURCES;
        int turns = 0;

        world_send(world, queue_crowd_peer(&crowd, reader), 1);
        if (round % 4 == 0)
            world_wake(world);
        while (world_reports(world, crowd.sources[reader], ROUSE_READABLE) == 0) {
            REQUIRE(B2, queue_tells(fd) && ++turns < QUEUE_TURNS, "round %d: not told", round);
            world_turn(world, 0);
        }
        for (int i = 0; i < SOURCES; i++) {
            if (crowd.sources[i]->armed != 0)
                continue;
            world_drain(world, crowd.fds[i]);
            world_arm(world, crowd.sources[i],
                      ROUSE_READABLE | (round % 3 == 0 ? 0u : ROUSE_DRAINED));
        }
    }
    for (int i = 0; i < SOURCES; i++)
        world_forget(world, crowd.sources[i]);
    CHECK(B2, queue_comes_to_rest(world, fd), "no rest");
}

CASES(evq_b2) = {
    &b2_there_is_a_descriptor_where_the_system_has_one,
    &b2_the_descriptor_tells_of_reports,
    &b2_the_descriptor_tells_of_what_did_not_fit,
    &b2_the_descriptor_tells_of_both_directions_again,
    &b2_the_descriptor_tells_of_resets_that_did_not_fit,
    &b2_the_descriptor_tells_of_room_beside_what_nobody_wants,
    &b2_the_descriptor_tells_of_wakes,
    &b2_the_descriptor_never_tires_of_wakes,
    &b2_a_wake_from_before_anybody_listened_is_told,
    &b2_what_is_ready_before_anybody_listens_is_told,
    &b2_the_descriptor_tells_of_a_wake_on_another_thread,
    &b2_a_guest_gets_everything_by_its_descriptor_alone,
};
