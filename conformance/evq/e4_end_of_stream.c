/*
 * e4_end_of_stream.c -- E4: the peer's end of stream is readability, and no more.
 *
 * That a writer is not told is hard to say, for a queue may tell it anything once (E6).
 * So a writer without room is armed again and again: told each time, it would spin. A
 * queue that does this also when there are only bytes to read reports too much in
 * general, and not for the end of the stream.
 */
#include "queue.h"

#include <errno.h>

CASE(e4_the_end_of_stream_wakes_the_reader, "E4", NEEDS_NOTHING,
     "the peer says that it will write no more, before or after arm(), with or without the hint",
     "the reader is told, and a read says 0, however often it is armed again")
{
    rouse_fd ends[2];
    char byte;

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (int way = 0; way < 4; way++) {
            const unsigned hint = way == 2 ? ROUSE_DRAINED : 0u;
            const unsigned interest = (way == 3 ? QUEUE_BOTH : ROUSE_READABLE) | hint;
            struct rouse_source *source;

            queue_pair(world, kind, ends);
            source = world_source(world, ends[0]);
            if (way > 0) {
                world_drain(world, ends[0]);
                queue_arm_idle(world, source, interest);
            }
            world_shutdown(world, ends[1]);
            if (way == 0)
                world_arm(world, source, interest);
            for (int again = 0; again < 4; again++) {
                REQUIRE(E4, queue_reports(world, source, ROUSE_READABLE), "%s, way %d, time %d",
                        queue_kind(kind), way, again);
                CHECK_EQUAL(E4, world_read(world, ends[0], &byte, 1), 0, "a read at the end");
                world_arm(world, source, ROUSE_READABLE);
            }
        }
    }
}

CASE(e4_the_end_of_stream_does_not_wake_a_full_writer, "E4", NEEDS_NOTHING,
     "the peer says that it will write no more, and reads nothing of what fills our half",
     "a writer that is armed again and again, with a reader or alone, is not told each time")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;
        bool before, alone, with_reader, with_hint;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        world_fill(world, ends[0]);
        queue_send(world, ends[1], ends[0]);
        before = queue_errs(world, source, ROUSE_READABLE, ROUSE_WRITABLE);
        world_drain(world, ends[0]);
        world_shutdown(world, ends[1]);
        world_await_ready(world, ends[0], ROUSE_READABLE);
        with_reader = queue_insists(world, source, ROUSE_READABLE, ROUSE_WRITABLE);
        alone = queue_insists(world, source, 0, ROUSE_WRITABLE);
        with_hint = queue_insists(world, source, ROUSE_DRAINED, ROUSE_WRITABLE);
        if ((world_ready(world, ends[0]) & ROUSE_WRITABLE) != 0)
            suite_error("%s: the kernel found room where there was none", queue_kind(kind));
        CHECK(E4, before || !with_reader, "%s: a full writer, armed with a reader, spins",
              queue_kind(kind));
        CHECK(E4, before || !alone, "%s: a full writer, armed alone, spins", queue_kind(kind));
        CHECK(E4, before || !with_hint, "%s: a full writer, armed with the hint, spins",
              queue_kind(kind));
    }
}

CASE(e4_a_full_writer_sleeps_beside_the_end_of_stream, "E4", NEEDS_KERNEL,
     "the peer says that it will write no more; the reader was told, a full writer is armed",
     "a wait() for the writer does not keep the processor busy")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        world_fill(world, ends[0]);
        world_shutdown(world, ends[1]);
        world_arm(world, source, QUEUE_BOTH);
        REQUIRE(E4, queue_reports(world, source, ROUSE_READABLE), "%s: the end of the stream",
                queue_kind(kind));
        world_arm(world, source, ROUSE_WRITABLE);
        CHECK(E4, queue_sleeps(world, 60), "%s: wait() spins", queue_kind(kind));
        queue_refused(world, ends[0], ROUSE_WRITABLE);
        world_arm(world, source, ROUSE_WRITABLE | ROUSE_DRAINED);
        CHECK(E4, queue_sleeps(world, 60), "%s: wait() spins, with the hint", queue_kind(kind));
    }
}

CASE(e4_bytes_before_the_end_of_stream_come_first, "E4", NEEDS_NOTHING,
     "a thousand bytes, and then the peer closes",
     "every byte is read before a read says 0, with a report for each arm()")
{
    enum { TOTAL = 1000 };
    rouse_fd ends[2];
    char bytes[7];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;
        intptr_t total = 0, count;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        world_send(world, ends[1], TOTAL);
        world_close(world, ends[1]);
        do {
            world_arm(world, source, ROUSE_READABLE);
            REQUIRE(E4, queue_reports(world, source, ROUSE_READABLE), "%s, after %lld bytes",
                    queue_kind(kind), (long long) total);
            count = world_read(world, ends[0], bytes, sizeof bytes);
            if (count > 0)
                total += count;
        } while (count > 0 || count == -EAGAIN);
        CHECK_EQUAL(E4, count, 0, "a read at the end");
        CHECK_EQUAL(E4, total, TOTAL, "the number of bytes");
    }
}

CASE(e4_our_own_end_of_stream_is_not_the_peers, "E4", NEEDS_NOTHING,
     "we say that we will write no more, and the peer says nothing",
     "a reader that is armed again and again is not told each time; then a byte is reported")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        struct rouse_source *source;
        bool before, after;

        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        before = queue_errs(world, source, 0, ROUSE_READABLE);
        world_shutdown(world, ends[0]);
        world_await_ready(world, ends[1], ROUSE_READABLE);
        after = queue_insists(world, source, 0, ROUSE_READABLE);
        CHECK(E4, before || !after, "%s: a reader with nothing to read spins", queue_kind(kind));
        world_arm(world, source, ROUSE_READABLE);
        queue_send(world, ends[1], ends[0]);
        REQUIRE(E4, queue_reports(world, source, ROUSE_READABLE), "%s: a byte", queue_kind(kind));
        CHECK_EQUAL(E4, world_drain(world, ends[0]), 1, "what was read");
    }
}

CASE(e4_urgent_data_alone_does_not_wake_a_reader_for_ever, "E4", NEEDS_NOTHING,
     "over TCP an urgent byte comes, and nothing that can be read",
     "a reader that is armed again and again is not told each time; then a byte is reported")
{
    rouse_fd ends[2];
    struct rouse_source *source;
    bool before, after, with_hint;

    world_tcp_pair(world, ends);
    source = world_source(world, ends[0]);
    before = queue_errs(world, source, 0, ROUSE_READABLE);
    world_urgent(world, ends[1], '!');
    after = queue_insists(world, source, 0, ROUSE_READABLE);
    with_hint = queue_insists(world, source, ROUSE_DRAINED, ROUSE_READABLE);
    CHECK(E4, before || !after, "a reader with nothing to read spins");
    CHECK(E4, before || !with_hint, "a reader with nothing to read spins, with the hint");
    world_arm(world, source, ROUSE_READABLE);
    queue_send(world, ends[1], ends[0]);
    REQUIRE(E4, queue_reports(world, source, ROUSE_READABLE), "a byte");
}

CASES(evq_e4_end_of_stream) = {
    &e4_the_end_of_stream_wakes_the_reader,
    &e4_the_end_of_stream_does_not_wake_a_full_writer,
    &e4_a_full_writer_sleeps_beside_the_end_of_stream,
    &e4_bytes_before_the_end_of_stream_come_first,
    &e4_our_own_end_of_stream_is_not_the_peers,
    &e4_urgent_data_alone_does_not_wake_a_reader_for_ever,
};
