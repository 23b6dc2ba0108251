/*
 * n3_closing_wakes.c -- closing a socket wakes whoever waits on it with -ECANCELED, and a
 * second reader, writer or accepter is told -EBUSY.
 */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>

static const enum rouse_family families[] = {ROUSE_NO_FAMILY, ROUSE_IPV4};

CASE(
    n3_closing_a_stream_wakes_who_waits_there, "N3", NEEDS_NOTHING,
    "a read, a write, a write of 8 MB or two of them wait, and the stream is closed",
    "each is woken once and told -ECANCELED, `done` says what went out, the peer sees the end, and "
    "the descriptor is closed")
{
    enum { SIZE = 8 << 20 };
    char *bytes = pattern_make(SIZE);
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2 * 5; i++) {
        const int who = i / 2; /* 0: read, 1: write, 2: write all, 3: read and write, 4: both */
        struct wakes *reader = world_wakes(world), *writer = world_wakes(world);
        const int before = world_open_descriptors(world);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[i % 2], &tcp);
        char buffer[64];
        struct rouse_read read = rouse_read(&tcp, buffer, sizeof buffer);
        struct rouse_write write = rouse_write(&tcp, buffer, sizeof buffer);
        struct rouse_write_all all = rouse_write_all(&tcp, bytes, SIZE);
        const bool reads = who == 0 || who >= 3;
        size_t filled = 0, drained = 0, more;

        if (who == 1 || who == 3)
            filled = world_fill_for_good(world, tcp.io.source.fd);
        if (reads)
            CHECK(N3, poll_once(&read.future, reader) == NOT_READY, "a read is READY");
        if (who == 1 || who == 3)
            CHECK(N3, poll_once(&write.future, writer) == NOT_READY, "a write is READY");
        if (who == 2 || who == 4)
            CHECK(N3, poll_once(&all.future, writer) == NOT_READY, "8 MB fit");
        rouse_tcp_close(&tcp);
        rouse_tcp_close(&tcp); /* it stays closed */
        CHECK_EQUAL(N3, wakes_taken(reader), reads, "wakes of a read");
        CHECK_EQUAL(N3, wakes_taken(writer), who != 0, "wakes of a write");
        if (reads)
            CHECK_EQUAL(N3, poll_once(&read.future, reader), -ECANCELED, "what a read is told");
        if (who == 1 || who == 3)
            CHECK_EQUAL(N3, poll_once(&write.future, writer), -ECANCELED, "what a write is told");
        if (who == 2 || who == 4) {
            CHECK_EQUAL(N3, poll_once(&all.future, writer), -ECANCELED, "what a write is told");
            filled = all.done;
        }
        REQUIRE(N3, world_open_descriptors(world) == before + 1, "the descriptor is still open");
        do {
            world_await_ready(world, peer, ROUSE_READABLE);
            more = world_drain(world, peer);
            drained += more;
        } while (more > 0);
        CHECK_EQUAL(N3, drained, filled, "bytes that the peer received before the end");
        world_close(world, peer);
        CHECK_EQUAL(N3, reader->references + writer->references, 0, "references to wakers");
    }
    rouse_close(&rt);
    free(bytes);
}

CASE(n3_closing_a_listener_wakes_its_accept, "N3", NEEDS_NOTHING,
     "an accept waits, or was woken for a connection, and the listener is closed",
     "it is told -ECANCELED, is woken if it was not, and the port is free at once")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 6; i++) {
        struct wakes *wakes = world_wakes(world);
        const int before = world_open_descriptors(world);
        struct rouse_listener listener, again;
        struct rouse_accept accept = rouse_accept(&listener);
        struct rouse_address address;
        char text[ROUSE_ADDRESS_TEXT];

        REQUIRE(N3, rouse_listen(&listener, &rt.reactor, "127.0.0.1:0") == 0, "no listener");
        rouse_listener_address(&listener, &address);
        rouse_address_format(&address, text, sizeof text);
        CHECK(N3, poll_once(&accept.future, wakes) == NOT_READY, "READY with nobody there");
        if (i % 2 != 0) {
            world_close(world, world_connect(world, &address));
            CHECK(N3, await_wake(world, &rt, wakes), "a connection wakes nobody");
        }
        rouse_listener_close(&listener);
        rouse_listener_close(&listener); /* it stays closed */
        CHECK_EQUAL(N3, wakes_taken(wakes), i % 2 == 0, "wakes by the closing");
        CHECK_EQUAL(N3, poll_once(&accept.future, wakes), -ECANCELED, "what an accept is told");
        CHECK_EQUAL(N3, wakes->references, 0, "references to its waker");
        CHECK_EQUAL(N3, world_open_descriptors(world), before, "open descriptors");
        CHECK_EQUAL(N3, rouse_listen(&again, &rt.reactor, text), 0, "listening there again");
        rouse_listener_close(&again);
    }
    rouse_close(&rt);
}

CASE(n3_after_the_closing_everything_is_canceled, "N3", NEEDS_NOTHING,
     "read, write, write all, shutdown, accept and the address of handles that were closed, or are "
     "full of zeroes",
     "-ECANCELED at the first poll, whether the future was made before the closing or after it")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 6; i++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_tcp tcp = {0};
        struct rouse_listener listener = {0};
        struct rouse_address address;
        char bytes[100];
        struct rouse_read read = rouse_read(&tcp, bytes, sizeof bytes);
        struct rouse_write write = rouse_write(&tcp, bytes, sizeof bytes);
        struct rouse_write_all all = rouse_write_all(&tcp, bytes, sizeof bytes);
        struct rouse_accept accept = rouse_accept(&listener);

        if (i < 4) {
            rouse_fd peer = stream_end(world, &rt, families[i % 2], &tcp);

            if (i >= 2) /* bytes that nobody will read */
                world_send(world, peer, 10);
            CHECK_EQUAL(N3, rouse_listen(&listener, &rt.reactor, "127.0.0.1:0"), 0, "listening");
            rouse_tcp_close(&tcp);
            rouse_listener_close(&listener);
        }
        if (i % 2 != 0) {
            read = rouse_read(&tcp, bytes, sizeof bytes);
            write = rouse_write(&tcp, bytes, sizeof bytes);
            all = rouse_write_all(&tcp, bytes, sizeof bytes);
            accept = rouse_accept(&listener);
        }
        CHECK_EQUAL(N3, poll_once(&read.future, wakes), -ECANCELED, "what a read is told");
        CHECK_EQUAL(N3, poll_once(&write.future, wakes), -ECANCELED, "what a write is told");
        CHECK_EQUAL(N3, poll_once(&all.future, wakes), -ECANCELED, "what a write of all is told");
        CHECK_EQUAL(N3, all.done, 0, "bytes of it that went out");
        CHECK_EQUAL(N3, poll_once(&accept.future, wakes), -ECANCELED, "what an accept is told");
        CHECK_EQUAL(N3, rouse_tcp_shutdown(&tcp), -ECANCELED, "what a shutdown is told");
        CHECK_EQUAL(N3, rouse_listener_address(&listener, &address), -ECANCELED,
                    "what is told of its address");
        CHECK_EQUAL(N3, wakes->references, 0, "references to the waker");
    }
    rouse_close(&rt);
}

CASE(n3_busy_is_told_of_one_direction_alone, "N3 N6", NEEDS_NOTHING,
     "a read waits, or a write, and transfers of all kinds come in both directions, and some of "
     "nothing",
     "-EBUSY for those of the same direction; the others do what there is to do")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 4; i++) {
        struct wakes *wakes = world_wakes(world), *late = world_wakes(world);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[i % 2], &tcp);
        const bool reads = i / 2 == 0;
        char bytes[64] = "";
        struct rouse_read first_read = rouse_read(&tcp, bytes, 64), read, read_nothing;
        struct rouse_write first_write = rouse_write(&tcp, bytes, 64), write, write_nothing;
        struct rouse_write_all all, all_nothing;

        if (!reads) {
            world_fill_for_good(world, tcp.io.source.fd);
            world_send(world, peer, 1);
            world_await_ready(world, tcp.io.source.fd, ROUSE_READABLE);
        }
        CHECK_EQUAL(N3, poll_once(reads ? &first_read.future : &first_write.future, wakes),
                    NOT_READY, "the first");
        read = rouse_read(&tcp, bytes, 1);
        write = rouse_write(&tcp, bytes, 1);
        all = rouse_write_all(&tcp, bytes, 1);
        CHECK_EQUAL(N3, poll_once(&read.future, late), reads ? -EBUSY : 1, "a read");
        CHECK_EQUAL(N3, poll_once(&write.future, late), reads ? 1 : -EBUSY, "a write");
        CHECK_EQUAL(N3, poll_once(&all.future, late), reads ? 1 : -EBUSY, "a write of all");
        read_nothing = rouse_read(&tcp, bytes, 0);
        write_nothing = rouse_write(&tcp, bytes, 0);
        all_nothing = rouse_write_all(&tcp, bytes, 0);
        if (reads) {
            CHECK_EQUAL(N6, poll_once(&write_nothing.future, late), 0, "a write of nothing");
            CHECK_EQUAL(N6, poll_once(&all_nothing.future, late), 0, "a write of all of nothing");
        } else {
            CHECK_EQUAL(N6, poll_once(&read_nothing.future, late), 0, "a read of nothing");
        }
        CHECK_EQUAL(N3, late->references, 0, "references to wakers of those who do not wait");
        rouse_future_drop(&first_read.future);
        rouse_future_drop(&first_write.future);
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASE(n3_a_second_reader_or_writer_is_told_busy, "N3", NEEDS_NOTHING,
     "a read and a write wait; second ones come, by other futures of all kinds",
     "-EBUSY at their first poll; the first ones go on and end well")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        struct wakes *reader = world_wakes(world), *writer = world_wakes(world);
        struct wakes *late = world_wakes(world);
        const rouse_time limit = world_after(world, WORLD_SOON);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, families[i], &tcp);
        char bytes[64];
        struct rouse_read read = rouse_read(&tcp, bytes, sizeof bytes);
        struct rouse_write write = rouse_write(&tcp, bytes, sizeof bytes);
        struct rouse_read next_read;
        struct rouse_write next_write;
        intptr_t result = NOT_READY;

        world_fill_for_good(world, tcp.io.source.fd);
        CHECK(N3, poll_once(&read.future, reader) == NOT_READY, "a read is READY");
        CHECK(N3, poll_once(&write.future, writer) == NOT_READY, "a write is READY");
        for (int n = 0; n < 3; n++) {
            struct rouse_read second = rouse_read(&tcp, bytes, 1);
            struct rouse_write other = rouse_write(&tcp, bytes, 1);
            struct rouse_write_all all = rouse_write_all(&tcp, bytes, 1);
            struct rouse_readiness ready = rouse_readiness(&tcp.io, ROUSE_READABLE);

            CHECK_EQUAL(N3, poll_once(&second.future, late), -EBUSY, "what a second read is told");
            CHECK_EQUAL(N3, poll_once(&other.future, late), -EBUSY, "what a second write is told");
            CHECK_EQUAL(N3, poll_once(&all.future, late), -EBUSY, "what a third write is told");
            CHECK_EQUAL(N3, poll_once(&ready.future, late), -EBUSY, "what a watcher is told");
            CHECK_EQUAL(N3, poll_once(&read.future, reader), NOT_READY, "the first read");
        }
        CHECK_EQUAL(N3, late->references, 0, "references to wakers of those who do not wait");
        world_send(world, peer, 5);
        CHECK(N3, await_wake(world, &rt, reader), "the first read is not woken");
        CHECK_EQUAL(N3, poll_once(&read.future, reader), 5, "the first read");
        while (result == NOT_READY && world_now(world) < limit) {
            world_drain(world, peer);
            rouse_turn(&rt, world_after(world, 1));
            if (wakes_taken(writer) != 0)
                result = poll_once(&write.future, writer);
        }
        CHECK_EQUAL(N3, result, sizeof bytes, "the first write");
        /* Now it is the next one's turn. */
        next_read = rouse_read(&tcp, bytes, 1);
        CHECK_EQUAL(N3, poll_once(&next_read.future, late), NOT_READY, "a read after it");
        rouse_future_drop(&next_read.future);
        next_write = rouse_write(&tcp, bytes, 1);
        CHECK(N3, world_run(world, &rt, &next_write.future, WORLD_SOON, &result), "a write waits");
        CHECK_EQUAL(N3, result, 1, "a write after it");
        rouse_future_drop(&read.future);
        rouse_future_drop(&write.future);
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASE(n3_a_second_accept_is_told_busy, "N3", NEEDS_NOTHING,
     "an accept waits and others come, before and after a connection does",
     "-EBUSY; the first one gets the connection, and then the listener is free")
{
    struct wakes *first = world_wakes(world), *late = world_wakes(world);
    struct rouse_listener listener;
    struct rouse_accept accept = rouse_accept(&listener), second;
    struct rouse_address address;
    struct rouse rt;

    world_runtime(world, &rt);
    REQUIRE(N3, rouse_listen(&listener, &rt.reactor, "127.0.0.1:0") == 0, "no listener");
    rouse_listener_address(&listener, &address);
    CHECK_EQUAL(N3, poll_once(&accept.future, first), NOT_READY, "the first accept");
    for (int i = 0; i < 3; i++) {
        second = rouse_accept(&listener);
        CHECK_EQUAL(N3, poll_once(&second.future, late), -EBUSY, "what a second accept is told");
        if (i == 1) {
            world_connect(world, &address);
            CHECK(N3, await_wake(world, &rt, first), "a connection wakes nobody");
        }
    }
    CHECK_EQUAL(N3, poll_once(&accept.future, first), 0, "the first accept");
    world_take(world, accept.fd);
    second = rouse_accept(&listener);
    CHECK_EQUAL(N3, poll_once(&second.future, late), NOT_READY, "an accept after it");
    rouse_future_drop(&second.future);
    CHECK_EQUAL(N3, first->references + late->references, 0, "references to wakers");
    rouse_listener_close(&listener);
    rouse_close(&rt);
}

CASES(net_n3) = {
    &n3_closing_a_stream_wakes_who_waits_there,   &n3_closing_a_listener_wakes_its_accept,
    &n3_after_the_closing_everything_is_canceled, &n3_busy_is_told_of_one_direction_alone,
    &n3_a_second_reader_or_writer_is_told_busy,   &n3_a_second_accept_is_told_busy};
