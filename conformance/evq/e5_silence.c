/*
 * e5_silence.c -- E5: nothing more is heard of a source that was forgotten.
 *
 * The event is in the kernel by then, or in the backend's own hands because the array was
 * full. Both are places where an old event survives. What becomes of the descriptor's
 * number is e5_reuse.c.
 */
#include "queue.h"

#include <string.h>

CASE(e5_forget_silences_a_queued_event, "E5", NEEDS_NOTHING,
     "a source is armed, becomes ready, and is forgotten before anybody waits",
     "no wait() names it, whether the queue had looked at it before or not")
{
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (unsigned interest = ROUSE_READABLE; interest <= QUEUE_BOTH; interest++) {
            for (int known = 0; known < 2; known++) {
                struct rouse_source *source;

                queue_pair(world, kind, ends);
                source = world_source(world, ends[0]);
                if (known)
                    queue_arm_idle(world, source, QUEUE_BOTH);
                world_arm(world, source, interest);
                queue_send(world, ends[1], ends[0]);
                world_forget(world, source);
                CHECK(E5, world_quiet(world, source, 5) == 0, "%s, %s, armed for %s",
                      queue_kind(kind), known ? "known" : "new", queue_name(interest));
                world_close(world, ends[0]);
                world_close(world, ends[1]);
            }
        }
    }
}

CASE(e5_forget_silences_what_did_not_fit, "E5 E2", NEEDS_NOTHING,
     "six sources are ready in both directions, and the array has room for one report",
     "those forgotten after that wait() are not reported any more, and all others are")
{
    enum { SOURCES = 6 };

    for (int parity = 0; parity < 2; parity++) {
        static struct queue_crowd crowd;
        struct rouse_event event;

        queue_crowd_open(world, &crowd, SOURCES);
        for (int i = 0; i < SOURCES; i++)
            world_send(world, crowd.fds[i], 1);
        for (int i = 0; i < SOURCES; i++)
            world_arm(world, crowd.sources[i], QUEUE_BOTH);
        for (int waits = 0; waits < 1 + parity; waits++)
            world_wait(world, &event, 1, WORLD_SOON);
        for (int i = parity; i < SOURCES; i += 2) {
            world_forget(world, crowd.sources[i]);
            world_reports(world, crowd.sources[i], ROUSE_READABLE);
            world_reports(world, crowd.sources[i], ROUSE_WRITABLE);
        }
        for (int i = 1 - parity; i < SOURCES; i += 2)
            CHECK(E2, world_wait_for(world, crowd.sources[i], QUEUE_BOTH, WORLD_SOON) == QUEUE_BOTH,
                  "source %d, which was not forgotten", i);
        for (int i = parity; i < SOURCES; i += 2)
            CHECK(E5, world_quiet(world, crowd.sources[i], 5) == 0, "source %d, forgotten", i);
        queue_crowd_close(world, &crowd);
    }
}

CASE(e5_whatever_happens_to_a_forgotten_source_is_silent, "E5", NEEDS_NOTHING,
     "a forgotten source's socket stays open; bytes, the end of the stream, a reset come",
     "no wait() names it")
{
    rouse_fd ends[2];

    for (int way = 0; way < 4; way++) {
        struct rouse_source *source;

        world_tcp_pair(world, ends);
        source = world_source(world, ends[0]);
        queue_arm_idle(world, source, way % 2 != 0 ? QUEUE_BOTH : ROUSE_READABLE);
        world_forget(world, source);
        queue_send(world, ends[1], ends[0]);
        CHECK(E5, world_quiet(world, source, 5) == 0, "way %d: a byte", way);
        if (way < 2)
            world_shutdown(world, ends[1]);
        else
            world_reset(world, ends[1]);
        CHECK(E5, world_quiet(world, source, WORLD_QUIET) == 0, "way %d: the end", way);
    }
}

CASE(
    e5_forget_leaves_a_source_as_it_was_before, "E5", NEEDS_NOTHING,
    "sources that are new, armed in one direction or both, reported, or forgotten already, between "
    "others that were armed before them and after",
    "after forget() each is as unknown as it was, and can be armed again and is reported")
{
    rouse_fd ends[2], neighbours[2];

    world_pair(world, neighbours);
    queue_arm_idle(world, world_source(world, neighbours[0]), ROUSE_READABLE);
    for (unsigned interest = 0; interest <= QUEUE_BOTH; interest++) {
        for (int way = 0; way < 3; way++) {
            struct rouse_source *source, *after = world_source(world, neighbours[1]);

            world_pair(world, ends);
            source = world_source(world, ends[0]);
            if (interest != 0)
                world_arm(world, source, interest);
            queue_arm_idle(world, after, ROUSE_READABLE);
            if (way == 1) {
                queue_send(world, ends[1], ends[0]);
                world_turn(world, interest != 0 ? WORLD_SOON : 0);
            }
            world_forget(world, source);
            if (way == 2)
                world_forget(world, source);
            CHECK(E5, source->armed == 0 && source->record == NULL && source->link == NULL,
                  "something was left in a source that was armed for %s", queue_name(interest));
            world_drain(world, ends[0]);
            queue_arm_idle(world, source, ROUSE_READABLE);
            queue_send(world, ends[1], ends[0]);
            REQUIRE(E5, queue_reports(world, source, ROUSE_READABLE), "%s, way %d, armed again",
                    queue_name(interest), way);
            world_forget(world, after);
            queue_close(world, source);
            world_close(world, ends[1]);
        }
    }
}

CASE(e5_arm_and_forget_and_arm_need_no_wait, "E5 E1", NEEDS_NOTHING,
     "a ready source is armed, forgotten, and armed, up to 50 times before anybody waits",
     "it is reported once if it was armed last, and not at all if it was forgotten last")
{
    rouse_fd ends[2];
    struct rouse_source *source;

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    queue_send(world, ends[1], ends[0]);
    for (int times = 1; times <= 50; times += 7) {
        for (int i = 0; i < times; i++) {
            world_forget(world, source);
            world_arm(world, source, i % 3 == 0 ? QUEUE_BOTH : ROUSE_READABLE);
        }
        REQUIRE(E5, queue_reports(world, source, ROUSE_READABLE), "armed last, of %d times", times);
        world_forget(world, source);
        world_arm(world, source, ROUSE_READABLE);
        world_turn(world, WORLD_SOON);
        world_turn(world, 5);
        CHECK(E1, world_reports(world, source, ROUSE_READABLE) <= 1, "reported twice");
        world_arm(world, source, QUEUE_BOTH);
        world_forget(world, source);
        world_reports(world, source, ROUSE_WRITABLE);
        CHECK(E5, world_quiet(world, source, 5) == 0, "forgotten last, of %d times", times);
    }
}

CASE(
    e5_forgetting_some_leaves_the_rest, "E5 E2", NEEDS_NOTHING,
    "of 100 armed sources every third, or the first, or the last half is forgotten, once or twice, "
    "and with each a stranger that was never armed",
    "when all are ready, the rest are reported and the forgotten ones are not")
{
    static struct queue_crowd crowd;
    rouse_fd stranger_fd[2];

    world_pair(world, stranger_fd);
    for (int way = 0; way < 3; way++) {
        queue_crowd_open(world, &crowd, 100);
        for (int i = 0; i < crowd.count; i++)
            world_arm(world, crowd.sources[i], i % 5 == 0 ? QUEUE_BOTH : ROUSE_READABLE);
        world_turn(world, 0);
        for (int i = 0; i < crowd.count; i++) {
            struct rouse_source stranger = {.fd = stranger_fd[0]};

            if (way == 0 ? i % 3 != 0 : (way == 1) != (i < crowd.count / 2)) {
                queue_mend(world, crowd.sources[i]);
                continue;
            }
            world_forget(world, crowd.sources[i]);
            world_reports(world, crowd.sources[i], ROUSE_READABLE);
            world_reports(world, crowd.sources[i], ROUSE_WRITABLE);
            world->evq->ops->forget(world->evq, &stranger);
            if (i % 2 != 0)
                world_forget(world, crowd.sources[i]);
        }
        for (int i = 0; i < crowd.count; i++)
            world_send(world, crowd.fds[i], 1);
        for (int i = 0; i < crowd.count; i++)
            if (crowd.sources[i]->armed != 0)
                REQUIRE(E2, queue_reports(world, crowd.sources[i], ROUSE_READABLE), "way %d, %d",
                        way, i);
        world_turn(world, 5);
        for (int i = 0; i < crowd.count; i++)
            if (way == 0 ? i % 3 == 0 : (way == 1) == (i < crowd.count / 2))
                CHECK(E5, world_reports(world, crowd.sources[i], ROUSE_READABLE) == 0, "way %d, %d",
                      way, i);
        queue_crowd_close(world, &crowd);
    }
}

CASE(e5_the_memory_of_a_source_may_be_used_again, "E5", NEEDS_NOTHING,
     "a ready source is forgotten, its memory overwritten, and then given to another socket",
     "nothing is reported of it or written to it, and then only what is armed for the other socket "
     "is")
{
    static struct rouse_source memory;
    const struct rouse_evq_ops *ops = world->evq->ops;
    struct rouse_event events[4];
    rouse_fd ends[2], others[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        for (int known = 0; known < 2; known++) {
            queue_pair(world, kind, ends);
            queue_pair(world, kind, others);
            world_fill(world, others[0]);
            queue_send(world, ends[1], ends[0]);
            memory = (struct rouse_source){.fd = ends[0]};
            world_arm(world, &memory, QUEUE_BOTH);
            if (known) {
                world_wait(world, events, 4, WORLD_SOON);
                world_arm(world, &memory, QUEUE_BOTH);
            }
            ops->forget(world->evq, &memory);
            queue_spoil(&memory);
            CHECK_EQUAL(E5, world_wait(world, events, 4, 5), 0, "the number of reports");
            CHECK(E5, queue_is_spoilt(&memory), "it was written to");
            memory = (struct rouse_source){.fd = others[0]};
            world_arm(world, &memory, ROUSE_WRITABLE);
            world_reports(world, &memory, ROUSE_READABLE);
            CHECK(E5, (world_quiet(world, &memory, 5) & ROUSE_READABLE) == 0,
                  "what was armed for the socket before");
            ops->forget(world->evq, &memory);
        }
    }
}

CASE(e5_a_source_at_its_end_is_forgotten_like_any_other, "E5", NEEDS_NOTHING,
     "a source has been told of urgent data or the end of its stream, and is forgotten; its memory "
     "is overwritten, the socket stays open, and bytes, the end and a reset come",
     "nothing is reported of it or written to it")
{
    static struct rouse_source memory;
    struct rouse_event events[4];

    for (int way = 0; way < 6; way++) {
        rouse_fd ends[2];

        world_tcp_pair(world, ends);
        memory = (struct rouse_source){.fd = ends[0]};
        queue_arm_idle(world, &memory, way / 3 == 0 ? ROUSE_READABLE : QUEUE_BOTH);
        world_arm(world, &memory, ROUSE_READABLE);
        world_send(world, ends[1], 1);
        if (way % 3 == 0)
            world_shutdown(world, ends[1]);
        else
            world_urgent(world, ends[1], '!');
        world_wait_for(world, &memory, ROUSE_READABLE, WORLD_SOON);
        if (way % 3 == 2)
            world_drain(world, ends[0]);
        world->evq->ops->forget(world->evq, &memory);
        queue_spoil(&memory);
        if (way % 3 != 0)
            world_send(world, ends[1], 1);
        CHECK_EQUAL(E5, world_wait(world, events, 4, 3), 0, "the number of reports");
        world_reset(world, ends[1]);
        CHECK_EQUAL(E5, world_wait(world, events, 4, 3), 0, "the number of reports of a reset");
        CHECK(E5, queue_is_spoilt(&memory), "way %d: it was written to", way);
        world_close(world, ends[0]);
    }
}

CASE(e5_a_writer_without_a_reader_may_be_forgotten_at_once, "E5 E4", NEEDS_NON_SOCKETS,
     "the reader of a pipe has gone; its writer, known to the queue or not, is armed, forgotten "
     "before anybody waits, and its memory overwritten",
     "nothing is reported of it or written to it; and armed again it is reported")
{
    static struct rouse_source memory;
    struct rouse_event events[4];

    for (int way = 0; way < 4; way++) {
        rouse_fd ends[2];

        world_pipe(world, ends);
        memory = (struct rouse_source){.fd = ends[1]};
        if (way % 2 != 0) {
            world_arm(world, &memory, ROUSE_WRITABLE);
            world_wait(world, events, 4, WORLD_SOON);
        }
        world_close(world, ends[0]);
        if (way / 2 != 0) {
            world_arm(world, &memory, ROUSE_WRITABLE);
            world_wait(world, events, 4, WORLD_SOON);
        }
        world_arm(world, &memory, ROUSE_WRITABLE);
        world->evq->ops->forget(world->evq, &memory);
        queue_spoil(&memory);
        CHECK_EQUAL(E5, world_wait(world, events, 4, 10), 0, "the number of reports");
        CHECK(E5, queue_is_spoilt(&memory), "it was written to");
        memory = (struct rouse_source){.fd = ends[1]};
        world_arm(world, &memory, ROUSE_WRITABLE);
        CHECK_EQUAL(E4, world_wait(world, events, 4, WORLD_SOON), 1, "what is reported later");
        world->evq->ops->forget(world->evq, &memory);
        world_close(world, ends[1]);
    }
}

CASE(e5_many_arms_and_forgets_take_bounded_time, "E5", NEEDS_NOTHING,
     "50,000 times, or for five seconds, among 100 other sources, a source is armed and forgotten",
     "all take less than two seconds of processor time, or the last not longer than the first; the "
     "others are still reported")
{
    enum { FEW = 2000, MANY = 50000 };
    static struct queue_crowd crowd;
    const rouse_time late = world_after(world, 5000);
    rouse_fd ends[2];
    struct rouse_source *source;
    int64_t before, first = 0, last = 0, used, stamp;
    int done = 0;

    queue_crowd_open(world, &crowd, 100);
    for (int i = 0; i < crowd.count; i++)
        world_arm(world, crowd.sources[i], ROUSE_READABLE);
    world_pair(world, ends);
    source = world_source(world, ends[0]);
    before = stamp = kernel_cpu_ns();
    for (; done < MANY && (done <= FEW || world_now(world) < late); done++) {
        if (done > 0 && done % FEW == 0) {
            last = kernel_cpu_ns() - stamp;
            first = done == FEW ? last : first;
            stamp = kernel_cpu_ns();
        }
        world->evq->ops->arm(world->evq, source, ROUSE_WRITABLE);
        world->evq->ops->forget(world->evq, source);
    }
    used = kernel_cpu_ns() - before;
    CHECK(E5,
          (done == MANY && used < ROUSE_SECONDS(2)) || last < 3 * first + 2 * kernel_cpu_step_ns,
          "%d took %lld ms; of %d, the first %lld ms and the last %lld ms", done,
          (long long) used / 1000000, FEW, (long long) first / 1000000, (long long) last / 1000000);
    for (int i = 0; i < crowd.count; i++)
        world_arm(world, crowd.sources[i], ROUSE_READABLE);
    world_send(world, crowd.fds[1], 1);
    REQUIRE(E5, queue_reports(world, crowd.sources[0], ROUSE_READABLE), "another source");
}

CASE(e5_many_arms_and_forgets_take_bounded_memory, "E5", NEEDS_NOTHING,
     "3,000 times two sources are armed and forgotten, and now and then it waits",
     "no more memory is in use afterwards than after the first few hundred")
{
    struct rouse_source *sources[2];
    size_t first = 0;
    rouse_fd ends[2];

    world_pair(world, ends);
    for (int i = 0; i < 2; i++)
        sources[i] = world_source(world, ends[i]);
    for (int round = 0; round < 3000; round++) {
        for (int i = 0; i < 2; i++)
            world_arm(world, sources[i], ROUSE_WRITABLE);
        for (int i = 0; i < 2; i++)
            world_forget(world, sources[i]);
        if (round % 50 == 0)
            world_turn(world, 0);
        if (round == 300)
            first = world->memory.bytes;
    }
    world_turn(world, 0);
    CHECK(E5, world->memory.bytes <= first, "%zu bytes, and then %zu", first, world->memory.bytes);
}

CASES(evq_e5) = {
    &e5_forget_silences_a_queued_event,
    &e5_forget_silences_what_did_not_fit,
    &e5_whatever_happens_to_a_forgotten_source_is_silent,
    &e5_forget_leaves_a_source_as_it_was_before,
    &e5_arm_and_forget_and_arm_need_no_wait,
    &e5_forgetting_some_leaves_the_rest,
    &e5_the_memory_of_a_source_may_be_used_again,
    &e5_a_source_at_its_end_is_forgotten_like_any_other,
    &e5_a_writer_without_a_reader_may_be_forgotten_at_once,
    &e5_many_arms_and_forgets_take_bounded_time,
    &e5_many_arms_and_forgets_take_bounded_memory,
};
