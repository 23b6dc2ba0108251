/*
 * n1_dropped_transfer.c -- a dropped read has consumed nothing, and a dropped write tells in
 * `done` how much went out.
 *
 * The bytes have a pattern, so that one that is missing, doubled or in another's place is
 * seen, wherever the drop fell.
 */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

static const enum rouse_family families[] = {ROUSE_NO_FAMILY, ROUSE_IPV4};

static bool is_pattern(const char *bytes, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((uint8_t) bytes[i] != pattern_at(from + i))
            return false;
    return true;
}

CASE(n1_a_read_dropped_at_any_point_leaves_every_byte, "N1", NEEDS_NOTHING,
     "reads are dropped before their first poll, while they wait, when bytes have come, and when "
     "they were woken for them",
     "their buffers are untouched, and the next read has all the bytes")
{
    struct wakes *wakes = world_wakes(world);
    struct rouse rt;

    world_runtime(world, &rt);
    for (int round = 0; round < 2 * 12; round++) {
        const size_t size = round % 3 == 0 ? 1 : round % 3 == 1 ? 7 : 3000;
        struct rouse_read read;
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[round % 2], &tcp);
        char buffer[4096], untouched[sizeof buffer];
        size_t got = 0;

        memset(buffer, 0x5a, sizeof buffer);
        memset(untouched, 0x5a, sizeof untouched);
        read = rouse_read(&tcp, buffer, sizeof buffer);
        if (round / 2 % 4 > 0)
            CHECK(N1, poll_once(&read.future, wakes) == NOT_READY, "READY with nothing there");
        if (round / 2 % 4 > 1) {
            pattern_send(world, peer, 0, size);
            world_await_ready(world, tcp.io.source.fd, ROUSE_READABLE);
        }
        if (round / 2 % 4 > 2)
            CHECK(N1, await_wake(world, &rt, wakes), "bytes that came wake nobody");
        rouse_future_drop(&read.future);
        CHECK(N1, memcmp(buffer, untouched, sizeof buffer) == 0, "the buffer was written to");
        CHECK_EQUAL(N1, wakes->references, 0, "references to the waker");
        if (round / 2 % 4 <= 1)
            pattern_send(world, peer, 0, size);
        while (got < size) {
            intptr_t result = 0;

            read = rouse_read(&tcp, buffer + got, sizeof buffer - got);
            REQUIRE(N1, world_run(world, &rt, &read.future, WORLD_SOON, &result) && result > 0,
                    "%zu of %zu bytes came", got, size);
            got += (size_t) result;
        }
        CHECK(N1, got == size && is_pattern(buffer, 0, size), "other bytes than were sent");
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

/* Sends a few bytes now and then, and ends the stream. */
struct dripper {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_reactor *reactor;
    struct rouse_tcp *tcp;
    struct rouse_sleep sleep;
    struct rouse_write_all write;
    const char *bytes;
    size_t at, size;
};

ROUSE_ASYNC(dripper, struct dripper)
{
    size_t n;

    ROUSE_BEGIN
    while (self->at < self->size) {
        ROUSE_AWAIT(self->sleep, rouse_sleep(self->reactor, ROUSE_US(130)));
        n = 1 + self->at % 5;
        n = n < self->size - self->at ? n : self->size - self->at;
        ROUSE_AWAIT(self->write, rouse_write_all(self->tcp, self->bytes + self->at, n));
        self->at += self->write.size;
    }
    rouse_tcp_shutdown(self->tcp);
    ROUSE_FINALLY
    ROUSE_END
}

/* Reads with a limit, again and again. */
struct limiter {
    struct rouse_async async;
    struct rouse_reactor *reactor;
    struct rouse_tcp *tcp;
    struct rouse_read read;
    struct rouse_deadline limit;
    size_t total, wrong, dropped;
    char buffer[64];
};

ROUSE_ASYNC(limiter, struct limiter)
{
    ROUSE_BEGIN
    do {
        self->read = rouse_read(self->tcp, self->buffer, sizeof self->buffer);
        ROUSE_AWAIT(self->limit, rouse_deadline(self->reactor, &self->read.future,
                                                rouse_after(self->reactor, ROUSE_US(100))));
        for (intptr_t i = 0; i < self->limit.future.result; i++)
            self->wrong += (uint8_t) self->buffer[i] != pattern_at(self->total++);
        self->dropped += self->limit.future.result < 0;
    } while (self->limit.future.result != 0);
    ROUSE_FINALLY
    ROUSE_END
}

CASE(n1_reads_under_limits_lose_no_byte, "N1", NEEDS_NOTHING,
     "a peer sends a few bytes every 130 us; reads have a limit of 100 us, most of which pass",
     "in the end every byte was read, once and in order")
{
    enum { SIZE = 600 };
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        struct rouse_tcp near, far;
        struct limiter limiter = {.reactor = &rt.reactor, .tcp = &near};
        struct dripper dripper = {.reactor = &rt.reactor, .tcp = &far};
        const rouse_fd peer = stream_end(world, &rt, families[i], &near);
        char *bytes = pattern_make(SIZE);

        stream_open(&far, &rt.reactor, families[i], world_give(world, peer));
        dripper.bytes = bytes;
        dripper.size = SIZE;
        rouse_spawn_held(&rt.executor, &dripper.task, dripper_start(&dripper), NULL);
        CHECK(N1, world_run(world, &rt, limiter_start(&limiter), 10 * WORLD_SOON, NULL),
              "the end never comes");
        CHECK(N1, limiter.total == SIZE && limiter.wrong == 0,
              "%zu of %d bytes came, %zu of them wrong, with %zu reads dropped", limiter.total,
              SIZE, limiter.wrong, limiter.dropped);
        if (limiter.dropped == 0)
            suite_note("no read was dropped");
        rouse_cancel(&dripper.task);
        rouse_turn(&rt, 0);
        rouse_task_unhold(&dripper.task);
        rouse_tcp_close(&near);
        rouse_tcp_close(&far);
        free(bytes);
    }
    rouse_close(&rt);
}

/* Reads what is there for now, and checks it. */
static void take(struct world *world, rouse_fd fd, size_t *total, size_t limit)
{
    char buffer[10000];
    intptr_t n = 1;

    while (n > 0 && *total < limit) {
        n = world_read(world, fd, buffer,
                       limit - *total < sizeof buffer ? limit - *total : sizeof buffer);
        if (n > 0) {
            CHECK(N1, is_pattern(buffer, *total, (size_t) n), "wrong bytes after %zu", *total);
            *total += (size_t) n;
        }
    }
}

/* Reads until the stream ends, or nothing more comes. */
static void take_all(struct world *world, rouse_fd fd, size_t *total)
{
    size_t before;

    do {
        world_await_ready(world, fd, ROUSE_READABLE); /* the end counts */
        before = *total;
        take(world, fd, total, SIZE_MAX);
    } while (*total != before);
}

CASE(n1_a_dropped_write_all_tells_how_much_went_out, "N1", NEEDS_NOTHING,
     "8 MB are written; the write is dropped when the stream is full, when it is woken because the "
     "peer took some, and when it has written more",
     "the peer receives as many bytes as `done` says, and the right ones")
{
    enum { SIZE = 8 << 20 };
    char *bytes = pattern_make(SIZE);
    struct rouse rt;

    world_runtime(world, &rt);
    for (int round = 0; round < 6; round++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[round % 2], &tcp);
        struct rouse_write_all write = rouse_write_all(&tcp, bytes, SIZE);
        const rouse_time limit = world_after(world, WORLD_SOON);
        size_t total = 0;

        CHECK_EQUAL(N1, write.done, 0, "bytes that went out before the first poll");
        CHECK(N1, poll_once(&write.future, wakes) == NOT_READY, "READY with nobody reading");
        /* A system finds room worth telling of when it likes. */
        while (round >= 2 && wakes->count == 0 && world_now(world) < limit) {
            take(world, peer, &total, total + 30000);
            rouse_turn(&rt, world_after(world, 1));
        }
        if (round >= 4)
            CHECK(N1, poll_once(&write.future, wakes) == NOT_READY, "READY with 8 MB to go");
        rouse_future_drop(&write.future);
        CHECK(N1, write.done >= total && write.done > 0 && write.done < SIZE, "%zu bytes went out",
              write.done);
        CHECK_EQUAL(N1, wakes->references, 0, "references to the waker");
        rouse_tcp_close(&tcp);
        take_all(world, peer, &total);
        CHECK_EQUAL(N1, total, write.done, "the number of bytes that the peer received");
    }
    rouse_close(&rt);
    free(bytes);
}

CASE(n1_a_write_that_was_dropped_can_be_taken_up_again, "N1", NEEDS_NOTHING,
     "300,000 bytes are written by futures that are dropped each time they have to wait",
     "begun again where `done` says, they arrive as one stream")
{
    enum { SIZE = 300000 };
    char *bytes = pattern_make(SIZE);
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[i], &tcp);
        const rouse_time limit = world_after(world, WORLD_SOON);
        size_t sent = 0, total = 0;

        while (total < SIZE && world_now(world) < limit) {
            struct rouse_write_all write = rouse_write_all(&tcp, bytes + sent, SIZE - sent);

            if (poll_once(&write.future, wakes) == NOT_READY && total % 2 != 0)
                rouse_turn(&rt, 0);
            rouse_future_drop(&write.future);
            sent += write.done;
            take(world, peer, &total, total + 7001);
            rouse_turn(&rt, world_after(world, 1));
        }
        CHECK(N1, total == SIZE && sent == SIZE, "%zu sent, %zu received of %d", sent, total, SIZE);
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
    free(bytes);
}

CASE(n1_a_write_dropped_while_it_waits_sent_nothing, "N1", NEEDS_NOTHING,
     "a stream is full; a write waits, is dropped, and its buffer overwritten; the peer drains",
     "what it receives is what was there before")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 4; i++) {
        struct wakes *wakes = world_wakes(world);
        char bytes[100];
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[i % 2], &tcp);
        const size_t before = world_fill_for_good(world, tcp.io.source.fd);
        struct rouse_write write = rouse_write(&tcp, bytes, sizeof bytes);
        struct rouse_write second = rouse_write(&tcp, bytes, sizeof bytes);
        size_t total = 0, more;

        memset(bytes, 'x', sizeof bytes);
        CHECK(N1, poll_once(&write.future, wakes) == NOT_READY, "READY with a full stream");
        if (i < 2) {
            rouse_future_drop(&write.future);
            CHECK(N1, poll_once(&second.future, wakes) == NOT_READY, "it is still in the way");
            rouse_future_drop(&second.future);
        }
        memset(bytes, 'y', sizeof bytes);
        /* The others are woken for the room that there is now, and dropped then. */
        total = world_drain(world, peer);
        if (i >= 2) {
            const rouse_time limit = world_after(world, WORLD_SOON);

            while (wakes->count == 0 && world_now(world) < limit) {
                total += world_drain(world, peer);
                rouse_turn(&rt, world_after(world, 1));
            }
            rouse_future_drop(&write.future);
        }
        rouse_tcp_close(&tcp);
        do {
            world_await_ready(world, peer, ROUSE_READABLE);
            more = world_drain(world, peer);
            total += more;
        } while (more > 0);
        CHECK_EQUAL(N1, total, before, "the number of bytes that the peer received");
    }
    rouse_close(&rt);
}

CASE(n1_a_write_all_that_fails_tells_how_much_went_out, "N1", NEEDS_NOTHING,
     "8 MB are written; the peer takes some, and then resets the connection, or the stream is "
     "closed here",
     "it fails, and `done` is no less than what the peer has received, and no less than it was")
{
    enum { SIZE = 8 << 20 };
    char *bytes = pattern_make(SIZE);
    struct rouse rt;

    world_runtime(world, &rt);
    for (int round = 0; round < 4; round++) {
        struct wakes *wakes = world_wakes(world);
        const rouse_time limit = world_after(world, WORLD_SOON);
        struct rouse_write_all write;
        struct rouse_tcp tcp;
        size_t total = 0, before;
        intptr_t result;
        rouse_fd ends[2];

        world_tcp_pair(world, ends);
        rouse_tcp_open(&tcp, &rt.reactor, world_give(world, ends[0]));
        write = rouse_write_all(&tcp, bytes, SIZE);
        CHECK(N1, poll_once(&write.future, wakes) == NOT_READY, "READY with nobody reading");
        while (round % 2 == 0 && wakes->count == 0 && world_now(world) < limit) {
            take(world, ends[1], &total, total + 30000);
            rouse_turn(&rt, world_after(world, 1));
        }
        if (round % 2 == 0)
            CHECK(N1, poll_once(&write.future, wakes) == NOT_READY, "READY with 8 MB to go");
        before = write.done;
        if (round < 2)
            world_reset(world, ends[1]);
        else
            rouse_tcp_close(&tcp);
        result = NOT_READY;
        while (result == NOT_READY && world_now(world) < limit) {
            rouse_turn(&rt, world_after(world, 1));
            result = poll_once(&write.future, wakes);
        }
        CHECK(N1, result < 0 && result != NOT_READY, "it ends with %lld", (long long) result);
        CHECK(N1, write.done >= before && write.done >= total && before > 0 && write.done < SIZE,
              "%zu bytes are done; %zu were before, and the peer has %zu", write.done, before,
              total);
        rouse_future_drop(&write.future);
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
    free(bytes);
}

CASES(net_n1) = {&n1_a_read_dropped_at_any_point_leaves_every_byte,
                 &n1_reads_under_limits_lose_no_byte,
                 &n1_a_dropped_write_all_tells_how_much_went_out,
                 &n1_a_write_that_was_dropped_can_be_taken_up_again,
                 &n1_a_write_dropped_while_it_waits_sent_nothing,
                 &n1_a_write_all_that_fails_tells_how_much_went_out};
