/*
 * e11_errors.c -- E11: what can never work is said by the first arm(), and changes nothing.
 *
 * Kernels differ most of all in what they take for a descriptor worth watching, so the
 * values here are those that every backend must agree on.
 */
#include "queue.h"

#include <errno.h>

/* Arms what cannot work, in every way, and looks at what is left. */
static void refused(struct world *world, rouse_fd fd, int expected, const char *what)
{
    struct rouse_source source = {.fd = fd};

    for (unsigned interest = ROUSE_READABLE; interest <= (QUEUE_BOTH | ROUSE_DRAINED); interest++) {
        const size_t blocks = world->memory.live;
        int error;

        if ((interest & QUEUE_BOTH) == 0)
            continue;
        error = world->evq->ops->arm(world->evq, &source, interest);
        CHECK(E11, error == expected, "%s, armed for %s: %s (%d)", what, queue_name(interest),
              rouse_strerror(error), error);
        if (error == 0)
            world_forget(world, &source);
        CHECK(E11, world->memory.live <= blocks, "%s left memory behind", what);
        CHECK(E11, source.armed == 0 && source.record == NULL && source.link == NULL,
              "%s left something in its source", what);
    }
    world_forget(world, &source); /* unknown as it is */
}

CASE(e11_a_bad_descriptor_is_told_at_once, "E11", NEEDS_NOTHING,
     "numbers that were never open, no number at all, and one that was closed just now",
     "the first arm() says -EBADF and leaves the source and the queue as they were")
{
    rouse_fd ends[2];
    struct rouse_source *source;

    refused(world, world_bad_fd(world), -EBADF, "a number that is not open");
    refused(world, ROUSE_NO_FD, -EBADF, "no number");
    world_pair(world, ends);
    world_close(world, ends[0]);
    refused(world, ends[0], -EBADF, "a number that was closed");
    world_pair(world, ends);
    source = world_source(world, ends[0]);
    world_arm(world, source, ROUSE_READABLE);
    queue_close(world, source);
    refused(world, ends[0], -EBADF, "a number that was armed and closed");
    CHECK(E11, world_turn(world, 3) == 0, "a report for nobody");
}

CASE(e11_a_regular_file_is_refused, "E11", NEEDS_NON_SOCKETS,
     "a regular file, which is always ready and so never becomes it",
     "the first arm() says -EPERM and leaves the source and the queue as they were")
{
    refused(world, world_file(world), -EPERM, "a file");
    CHECK(E11, world_turn(world, 3) == 0, "a report for nobody");
}

CASE(e11_a_refusal_leaves_the_source_usable, "E11 E2", NEEDS_NOTHING,
     "a source was refused for its descriptor, and then gets a good one, among others",
     "it is reported, and so are the sources that were armed before")
{
    struct rouse_source source = {.fd = world_bad_fd(world)};
    static struct queue_crowd crowd;

    queue_crowd_open(world, &crowd, 20);
    for (int i = 2; i < crowd.count; i++) {
        world_arm(world, crowd.sources[i], ROUSE_READABLE);
        source.fd = world_bad_fd(world);
        world->evq->ops->arm(world->evq, &source, QUEUE_BOTH);
    }
    source.fd = crowd.fds[0];
    world_arm(world, &source, QUEUE_BOTH);
    REQUIRE(E11, queue_reports(world, &source, ROUSE_WRITABLE), "room");
    world_send(world, crowd.fds[1], 1);
    REQUIRE(E11, queue_reports(world, &source, ROUSE_READABLE), "a byte");
    for (int i = 2; i < crowd.count; i++) {
        world_arm(world, crowd.sources[i], ROUSE_READABLE);
        world_send(world, queue_crowd_peer(&crowd, i), 1);
        REQUIRE(E2, queue_reports(world, crowd.sources[i], ROUSE_READABLE), "source %d", i);
    }
    world_forget(world, &source);
}

CASE(e11_no_memory_for_a_source_is_told, "E11 E2", NEEDS_NOTHING,
     "each allocation that the first arm() of 60 sources makes fails, once and twice",
     "arm() says -ENOMEM and leaves nothing, or succeeds; later it works, and all are reported")
{
    static struct queue_crowd crowd;

    for (int fails = 1; fails <= 3; fails++) {
        queue_crowd_open(world, &crowd, 60);
        for (int i = 0; i < crowd.count; i++) {
            struct rouse_source *source = crowd.sources[i];
            const size_t live = world->memory.live;
            int error;

            memory_fail(&world->memory, fails == 3 ? 2 : 1, fails == 2);
            error = world->evq->ops->arm(world->evq, source, ROUSE_READABLE);
            memory_fail(&world->memory, 0, false);
            if (error != 0) {
                CHECK_EQUAL(E11, error, -ENOMEM, "what arm() says");
                CHECK(E11, source->armed == 0 && source->record == NULL && source->link == NULL,
                      "something was left in source %d", i);
                CHECK(E11, world->memory.live == live, "source %d left memory behind", i);
                CHECK(E11, world_turn(world, 0) == 0, "a report for nobody");
                world_arm(world, source, ROUSE_READABLE);
            }
        }
        for (int i = 0; i < crowd.count; i++) {
            queue_mend(world, crowd.sources[i]);
            world_send(world, queue_crowd_peer(&crowd, i), 1);
            REQUIRE(E2, queue_reports(world, crowd.sources[i], ROUSE_READABLE), "source %d", i);
        }
        queue_crowd_close(world, &crowd);
    }
}

CASE(e11_an_armed_source_needs_no_memory, "E11", NEEDS_NOTHING,
     "no more memory is to be had; sources that the queue knows are armed, and wait",
     "every arm() succeeds and every direction is reported")
{
    static struct queue_crowd crowd;

    queue_crowd_open(world, &crowd, 40);
    for (int i = 0; i < crowd.count; i++)
        world_arm(world, crowd.sources[i], ROUSE_READABLE);
    memory_fail(&world->memory, 1, true);
    for (int i = 0; i < crowd.count; i++) {
        struct rouse_source *source = crowd.sources[i];
        int error = world->evq->ops->arm(world->evq, source, ROUSE_WRITABLE);

        CHECK(E11, error == 0, "widening source %d: %s", i, rouse_strerror(error));
        REQUIRE(E11, queue_reports(world, source, ROUSE_WRITABLE), "source %d", i);
        error = world->evq->ops->arm(world->evq, source, QUEUE_BOTH);
        CHECK(E11, error == 0, "arming source %d again: %s", i, rouse_strerror(error));
    }
    memory_fail(&world->memory, 0, false);
}

CASE(e11_whatever_can_be_waited_for_is_accepted, "E11", NEEDS_NOTHING,
     "pairs, both ends of a connection, a listener, over every family there is",
     "the first arm() succeeds, for one direction or both")
{
    for (int kind = 0; kind < 3; kind++) {
        struct rouse_address address;
        rouse_fd fds[3] = {ROUSE_NO_FD, ROUSE_NO_FD, ROUSE_NO_FD};

        if (kind < 2)
            queue_pair(world, kind, fds);
        else
            fds[2] = world_listen(world, ROUSE_IPV4, 1, &address);
        for (unsigned interest = ROUSE_READABLE; interest <= QUEUE_BOTH; interest++)
            for (int i = 0; i < 3; i++) {
                struct rouse_source source = {.fd = fds[i]};
                int error;

                if (fds[i] == ROUSE_NO_FD)
                    continue;
                error = world->evq->ops->arm(world->evq, &source, interest);
                CHECK(E11, error == 0, "kind %d, %s: %s", kind, queue_name(interest),
                      rouse_strerror(error));
                CHECK(E11, source.armed == interest && source.fd == fds[i],
                      "arm() did not leave the source as it should");
                world_forget(world, &source);
            }
    }
}

CASE(e11_pipes_are_accepted, "E11", NEEDS_NON_SOCKETS,
     "both ends of a pipe, empty, with a byte in it, and left by the other end",
     "the first arm() of each, for its direction, succeeds")
{
    for (int way = 0; way < 4; way++) {
        rouse_fd ends[2];

        world_pipe(world, ends);
        if (way == 1)
            kernel_write(ends[1], "", 1);
        if (way >= 2)
            world_close(world, ends[way - 2]);
        for (int i = 0; i < 2; i++) {
            struct rouse_source source = {.fd = ends[i]};
            int error;

            if (way >= 2 && i == way - 2)
                continue;
            error =
                world->evq->ops->arm(world->evq, &source, i == 0 ? ROUSE_READABLE : ROUSE_WRITABLE);
            CHECK(E11, error == 0, "way %d, end %d: %s", way, i, rouse_strerror(error));
            world_forget(world, &source);
        }
    }
}

CASE(e11_the_number_0_is_as_good_as_any, "E11 E2", NEEDS_KERNEL | NEEDS_NON_SOCKETS,
     "the program closes its standard input, and the number goes to an end of a pair, of a "
     "connection, of one that was accepted",
     "it is armed and reported, and then silent; and no wake-up reads from it")
{
    struct rouse_address address;
    rouse_fd ends[2], listener = world_listen(world, ROUSE_IPV4, 4, &address);

    queue_pollable(world->evq); /* so that a wake-up goes by the kernel */
    world_zero_free(world);
    for (int way = 0; way < 3; way++) {
        struct rouse_source *source;

        if (way == 0) {
            world_pair(world, ends);
        } else if (way == 1) {
            ends[0] = world_connect(world, &address);
            ends[1] = world_accept(world, listener);
        } else {
            const rouse_fd meanwhile = world_duplicate(world, listener);

            ends[1] = world_connect(world, &address);
            world_close(world, meanwhile);
            errno = EINTR; /* which means nothing to a call that succeeds */
            ends[0] = world_accept(world, listener);
        }
        if (ends[0] != 0)
            suite_error("way %d: it has the number %lld", way, (long long) ends[0]);
        source = world_source(world, ends[0]);
        queue_arm_idle(world, source, ROUSE_READABLE);
        queue_send(world, ends[1], ends[0]);
        CHECK(E2, queue_reports(world, source, ROUSE_READABLE), "way %d: a byte", way);
        world_wake(world);
        world_turn(world, 0);
        CHECK_EQUAL(E11, world_drain(world, ends[0]), 1, "bytes that are left after a wake-up");
        CHECK_EQUAL(E11, world_quiet(world, source, 2), 0, "reports that nobody asked for");
        queue_close(world, source);
        world_close(world, ends[1]);
    }
    world_zero_end(world);
}

CASES(evq_e11) = {
    &e11_a_bad_descriptor_is_told_at_once,
    &e11_a_regular_file_is_refused,
    &e11_a_refusal_leaves_the_source_usable,
    &e11_no_memory_for_a_source_is_told,
    &e11_an_armed_source_needs_no_memory,
    &e11_whatever_can_be_waited_for_is_accepted,
    &e11_pipes_are_accepted,
    &e11_the_number_0_is_as_good_as_any,
};
