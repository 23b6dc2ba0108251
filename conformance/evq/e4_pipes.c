/*
 * e4_pipes.c -- E4, E2 and E5 for pipes, whose ends tell of each other's end by a hang-up or
 * by an error alone, without a direction.
 */
#include "queue.h"

#include <errno.h>
#include <string.h>

static void fill_pipe(rouse_fd fd)
{
    static const char chunk[4096];

    while (kernel_write(fd, chunk, sizeof chunk) > 0)
        continue;
}

static void drain_pipe(rouse_fd fd)
{
    char chunk[4096];

    while (kernel_read(fd, chunk, sizeof chunk) > 0)
        continue;
}

CASE(e2_both_ends_of_a_pipe_are_reported, "E2 E3", NEEDS_NON_SOCKETS,
     "a pipe, empty and full by turns, armed with the hint and without",
     "its reader is told of bytes and its writer of room")
{
    rouse_fd ends[2];
    struct rouse_source *reader, *writer;

    world_pipe(world, ends);
    reader = world_source(world, ends[0]);
    writer = world_source(world, ends[1]);
    for (int round = 0; round < 10; round++) {
        const unsigned hint = round % 2 != 0 ? ROUSE_DRAINED : 0u;

        drain_pipe(ends[0]);
        queue_arm_idle(world, reader, ROUSE_READABLE | hint);
        fill_pipe(ends[1]);
        if (hint != 0)
            REQUIRE(E3, queue_reports(world, reader, ROUSE_READABLE), "round %d: bytes", round);
        else
            REQUIRE(E2, queue_reports(world, reader, ROUSE_READABLE), "round %d: bytes", round);
        fill_pipe(ends[1]);
        queue_arm_idle(world, writer, ROUSE_WRITABLE | hint);
        drain_pipe(ends[0]);
        if (hint != 0)
            REQUIRE(E3, queue_reports(world, writer, ROUSE_WRITABLE), "round %d: room", round);
        else
            REQUIRE(E2, queue_reports(world, writer, ROUSE_WRITABLE), "round %d: room", round);
    }
}

CASE(e4_the_last_writer_of_a_pipe_wakes_its_reader, "E4", NEEDS_NON_SOCKETS,
     "the writing end of a pipe is closed, before or after its reader is armed",
     "the reader is told every time, reads what was written, and then 0")
{
    rouse_fd ends[2];
    char byte;

    for (int way = 0; way < 4; way++) {
        struct rouse_source *reader;

        world_pipe(world, ends);
        reader = world_source(world, ends[0]);
        drain_pipe(ends[0]);
        if (way != 0)
            queue_arm_idle(world, reader, ROUSE_READABLE | (way == 2 ? ROUSE_DRAINED : 0u));
        if (way == 3)
            kernel_write(ends[1], "", 1);
        world_close(world, ends[1]);
        if (way == 0)
            world_arm(world, reader, ROUSE_READABLE);
        REQUIRE(E4, queue_reports(world, reader, ROUSE_READABLE), "way %d: the first time", way);
        if (way == 3) {
            CHECK_EQUAL(E4, kernel_read(ends[0], &byte, 1), 1, "the last byte");
            world_arm(world, reader, ROUSE_READABLE);
            REQUIRE(E4, queue_reports(world, reader, ROUSE_READABLE), "after the last byte");
        }
        CHECK_EQUAL(E4, kernel_read(ends[0], &byte, 1), 0, "a read at the end");
        world_arm(world, reader, ROUSE_READABLE);
        REQUIRE(E4, queue_reports(world, reader, ROUSE_READABLE), "way %d: armed again", way);
    }
}

/* Some kernels refuse to watch it, which is no error: it is ready, if only to be told. */
static void arm_without_reader(struct world *world, struct rouse_source *writer)
{
    const int error = world->evq->ops->arm(world->evq, writer, ROUSE_WRITABLE);

    REQUIRE(E4, error == 0, "arm() of a writer without a reader: %s", rouse_strerror(error));
}

CASE(e4_the_last_reader_of_a_pipe_wakes_its_writer, "E4", NEEDS_NON_SOCKETS,
     "the reading end of a pipe is closed, before or after its writer is armed, full or not",
     "arm() succeeds and the writer is told every time")
{
    rouse_fd ends[2];

    for (int way = 0; way < 4; way++) {
        struct rouse_source *writer;

        world_pipe(world, ends);
        writer = world_source(world, ends[1]);
        if (way >= 2)
            fill_pipe(ends[1]);
        if (way % 2 != 0)
            queue_arm_idle(world, writer, ROUSE_WRITABLE);
        world_close(world, ends[0]);
        for (int again = 0; again < 4; again++) {
            if (again > 0 || way % 2 == 0)
                arm_without_reader(world, writer);
            REQUIRE(E4, queue_reports(world, writer, ROUSE_WRITABLE), "way %d, time %d", way,
                    again);
        }
    }
}

CASE(e5_a_forgotten_writer_without_a_reader_is_silent, "E5", NEEDS_NON_SOCKETS,
     "a pipe's writer is armed whose reader is gone, and forgotten, its memory overwritten",
     "no wait() names it, or touches what was its memory")
{
    static struct rouse_source memory;
    struct rouse_event event;
    rouse_fd ends[2];

    for (int way = 0; way < 4; way++) {
        world_pipe(world, ends);
        if (way >= 2)
            fill_pipe(ends[1]);
        world_close(world, ends[0]);
        memory = (struct rouse_source){.fd = ends[1]};
        world_arm(world, &memory, ROUSE_WRITABLE);
        if (way % 2 != 0) { /* once more, when it has been told */
            CHECK_EQUAL(E5, world_wait(world, &event, 1, WORLD_SOON), 1, "the first report");
            world_arm(world, &memory, ROUSE_WRITABLE);
        }
        world->evq->ops->forget(world->evq, &memory);
        queue_spoil(&memory);
        CHECK_EQUAL(E5, world_wait(world, &event, 1, 5), 0, "the number of reports");
        CHECK(E5, queue_is_spoilt(&memory), "way %d: it was touched", way);
    }
}

CASES(evq_e4_pipes) = {
    &e2_both_ends_of_a_pipe_are_reported,
    &e4_the_last_writer_of_a_pipe_wakes_its_reader,
    &e4_the_last_reader_of_a_pipe_wakes_its_writer,
    &e5_a_forgotten_writer_without_a_reader_is_silent,
};
