/*
 * n2_errors.c -- errors are the system's: reset, refused, broken pipe, told to those whom
 * they concern, by the same value on every backend.
 */
#include "stream.h"

#include <errno.h>

/* What a write is told when nobody is there any more: some systems tell of a reset to
 * everybody, and not only to the first who asks. */
static bool is_broken(intptr_t result)
{
    return result == -EPIPE || result == -ECONNRESET;
}

CASE(n2_a_reset_is_told_to_a_read_that_waits, "N2", NEEDS_NOTHING,
     "a read waits, and the peer resets the connection; then we write, read, and shut down",
     "-ECONNRESET; then that again, or -EPIPE and the end of the stream; and no harm")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 4; i++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, ROUSE_IPV4, &tcp);
        char buffer[64];
        struct rouse_read read = rouse_read(&tcp, buffer, sizeof buffer);
        struct rouse_read second = rouse_read(&tcp, buffer, sizeof buffer);
        struct rouse_write write;
        intptr_t result = 1;
        int error;

        if (i % 2 == 0)
            CHECK(N2, poll_once(&read.future, wakes) == NOT_READY, "READY with nothing there");
        world_reset(world, peer);
        if (i % 2 == 0) {
            CHECK(N2, await_wake(world, &rt, wakes), "a reset wakes nobody");
            result = poll_once(&read.future, wakes);
            rouse_future_drop(&read.future);
        } else {
            world_run(world, &rt, &read.future, WORLD_SOON, &result);
        }
        CHECK_EQUAL(N2, result, -ECONNRESET, "what a read is told of a reset");
        write = rouse_write(&tcp, "x", 1);
        CHECK(N2, world_run(world, &rt, &write.future, WORLD_SOON, &result), "a write waits");
        CHECK(N2, is_broken(result), "a write after a reset is told %lld", (long long) result);
        CHECK(N2, world_run(world, &rt, &second.future, WORLD_SOON, &result), "a read waits");
        CHECK(N2, result == 0 || result == -ECONNRESET, "a second read is told %lld",
              (long long) result);
        error = rouse_tcp_shutdown(&tcp);
        CHECK(N2, error == 0 || error == -ENOTCONN, "a shutdown is told %d", error);
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASE(n2_a_reset_is_told_to_a_write_that_waits, "N2", NEEDS_NOTHING,
     "a stream is full; a write waits, alone or beside a read, and the peer resets",
     "both end; one is told -ECONNRESET, and the other that or what comes after it")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 3; i++) {
        struct wakes *reader = world_wakes(world), *writer = world_wakes(world);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, ROUSE_IPV4, &tcp);
        char buffer[64];
        struct rouse_read read = rouse_read(&tcp, buffer, sizeof buffer);
        struct rouse_write write = rouse_write(&tcp, buffer, sizeof buffer);
        struct rouse_write second = rouse_write(&tcp, buffer, sizeof buffer);
        intptr_t read_result = 0, write_result = NOT_READY;

        world_fill_for_good(world, tcp.io.source.fd);
        CHECK(N2, poll_once(&write.future, writer) == NOT_READY, "READY with a full stream");
        if (i > 0)
            CHECK(N2, poll_once(&read.future, reader) == NOT_READY, "READY with nothing there");
        world_reset(world, peer);
        CHECK(N2, await_wake(world, &rt, writer), "a reset does not wake the writer");
        if (i > 0)
            CHECK(N2, reader->count != 0 || await_wake(world, &rt, reader), "nor the reader");
        if (i == 1)
            read_result = poll_once(&read.future, reader);
        write_result = poll_once(&write.future, writer);
        if (i == 2)
            read_result = poll_once(&read.future, reader);
        CHECK(N2, write_result == -ECONNRESET || (i == 1 && write_result == -EPIPE),
              "the write is told %lld", (long long) write_result);
        CHECK(N2, i != 1 || read_result == -ECONNRESET, "the read, first, is told %lld",
              (long long) read_result);
        CHECK(N2, i != 2 || read_result == 0 || read_result == -ECONNRESET,
              "the read, second, is told %lld", (long long) read_result);
        write_result = poll_once(&second.future, writer);
        CHECK(N2, is_broken(write_result), "a later write is told %lld", (long long) write_result);
        rouse_future_drop(&read.future);
        rouse_future_drop(&write.future);
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASE(n2_what_came_before_a_reset_is_not_an_end, "N2", NEEDS_NOTHING,
     "a peer sends 3 bytes and then resets",
     "the bytes may be read or lost; no read is told that "
     "the stream came to its end before -ECONNRESET")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 4; i++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, ROUSE_IPV4, &tcp);
        char buffer[64];
        struct rouse_read read = rouse_read(&tcp, buffer, sizeof buffer);
        intptr_t result = 0;

        if (i % 2 != 0)
            poll_once(&read.future, wakes);
        pattern_send(world, peer, 0, 3);
        world_await_ready(world, tcp.io.source.fd, ROUSE_READABLE);
        if (i == 3)
            CHECK(N2, await_wake(world, &rt, wakes), "bytes that came wake nobody");
        rouse_future_drop(&read.future);
        world_reset(world, peer);
        for (int n = 0; n < 3; n++) {
            read = rouse_read(&tcp, buffer, sizeof buffer);
            REQUIRE(N2, world_run(world, &rt, &read.future, WORLD_SOON, &result), "no end");
            if (result < 0)
                break;
            REQUIRE(N2, result == 3 && n == 0, "read %d is told %lld", n, (long long) result);
        }
        CHECK_EQUAL(N2, result, -ECONNRESET, "what a read is told of a reset");
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

static bool is_tcp(struct world *world, rouse_fd fd)
{
    struct rouse_address address = {0};

    return world->sockets->local(world->sockets, fd, &address) == 0 && address.family == ROUSE_IPV4;
}

CASE(n2_writing_to_a_peer_that_is_gone_is_a_broken_pipe, "N2", NEEDS_NOTHING,
     "the peer closes its end; we write, one byte and then many, over TCP and over a pair",
     "-EPIPE or -ECONNRESET: over a pair at once, over TCP (which a pair may be) as soon as its "
     "answer is there; `done` says what went out")
{
    static char bytes[100000];
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 4; i++) {
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, i % 2 ? ROUSE_IPV4 : ROUSE_NO_FAMILY, &tcp);
        const bool tcp_like = is_tcp(world, tcp.io.source.fd);
        struct rouse_write write = rouse_write(&tcp, bytes, 1);
        struct rouse_write_all all = rouse_write_all(&tcp, bytes, sizeof bytes);
        intptr_t result = 0;

        world_close(world, peer);
        if (tcp_like) {
            struct rouse_read read = rouse_read(&tcp, bytes, 1);

            CHECK(N2, world_run(world, &rt, &read.future, WORLD_SOON, &result) && result == 0,
                  "a read of what was closed in peace is told %lld", (long long) result);
            CHECK(N2, world_run(world, &rt, &write.future, WORLD_SOON, &result), "a write waits");
            CHECK(N2, result == 1 || is_broken(result), "a write is told %lld", (long long) result);
            world_await_ready(world, tcp.io.source.fd, ROUSE_WRITABLE);
            for (int ms = 0; result == 1 && ms < WORLD_SOON; ms++) { /* its answer takes a moment */
                struct rouse_sleep sleep = rouse_sleep(&rt.reactor, ROUSE_MS(1));

                world_run(world, &rt, &sleep.future, WORLD_SOON, NULL);
                write = rouse_write(&tcp, bytes, 1);
                world_run(world, &rt, &write.future, WORLD_SOON, &result);
            }
            CHECK(N2, is_broken(result), "a later write is told %lld", (long long) result);
        } else if (i == 0) {
            CHECK(N2, world_run(world, &rt, &write.future, WORLD_SOON, &result), "a write waits");
            CHECK_EQUAL(N2, result, -EPIPE, "what a write is told");
        }
        CHECK(N2, world_run(world, &rt, &all.future, WORLD_SOON, &result), "a write waits");
        CHECK(N2, is_broken(result), "a write of many bytes is told %lld", (long long) result);
        CHECK_EQUAL(N2, all.done, 0, "bytes of it that went out");
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASE(n2_what_is_wrong_with_a_descriptor_its_first_use_tells, "N2", NEEDS_NOTHING,
     "handles on a number that is no descriptor, on a listener, and a listener on a stream",
     "-EBADF, -ENOTCONN and -EINVAL from the first read, write or accept")
{
    struct rouse rt;
    struct rouse_address address;
    rouse_fd ends[2], listening;

    world_runtime(world, &rt);
    world_tcp_pair(world, ends);
    listening = world_listen(world, ROUSE_IPV4, 1, &address);
    for (int i = 0; i < 2; i++) {
        struct rouse_tcp tcp;
        struct rouse_listener listener;
        char byte = 0;
        struct rouse_read read = rouse_read(&tcp, &byte, 1);
        struct rouse_write write = rouse_write(&tcp, &byte, 1);
        struct rouse_accept accept = rouse_accept(&listener);
        intptr_t result = 0;

        rouse_tcp_open(&tcp, &rt.reactor, i == 0 ? world_bad_fd(world) : listening);
        CHECK(N2, world_run(world, &rt, &read.future, WORLD_SOON, &result), "a read waits");
        CHECK_EQUAL(N2, result, i == 0 ? -EBADF : -ENOTCONN, "what a read is told");
        CHECK(N2, world_run(world, &rt, &write.future, WORLD_SOON, &result), "a write waits");
        CHECK(N2, result == (i == 0 ? -EBADF : -ENOTCONN) || (i == 1 && is_broken(result)),
              "a write is told %lld", (long long) result);
        rouse_io_close(&tcp.io);
        rouse_listener_open(&listener, &rt.reactor, i == 0 ? world_bad_fd(world) : ends[0]);
        CHECK(N2, world_run(world, &rt, &accept.future, WORLD_SOON, &result), "an accept waits");
        CHECK_EQUAL(N2, result, i == 0 ? -EBADF : -EINVAL, "what an accept is told");
        rouse_io_close(&listener.io);
    }
    rouse_close(&rt);
}

CASE(n2_an_error_of_before_is_not_told_again, "N2", NEEDS_NOTHING,
     "every call of the table is made, and succeeds, while errno is what an earlier call left",
     "none of them tells that error")
{
    static const int errors[] = {EINTR, EAGAIN, EIO};

    for (int i = 0; i < 3; i++) {
        const struct rouse_sockets *sockets = world->sockets;
        struct rouse_address address;
        rouse_fd listener, fd, accepted, ends[2];
        char byte = 'x';
        int connected;

        world_address(world, ROUSE_IPV4, &address);
        errno = errors[i];
        REQUIRE(N2, sockets->open(sockets, ROUSE_IPV4, &listener) == 0, "open()");
        world_take(world, listener);
        errno = errors[i];
        CHECK_EQUAL(N2, sockets->listen(sockets, listener, &address, 1), 0, "listen()");
        errno = errors[i];
        CHECK_EQUAL(N2, sockets->local(sockets, listener, &address), 0, "local()");
        fd = world_connect(world, &address);
        world_await_ready(world, fd, ROUSE_WRITABLE);
        errno = errors[i];
        connected = sockets->connected(sockets, fd);
        CHECK_EQUAL(N2, connected, 0, "connected()");
        world_await_ready(world, listener, ROUSE_READABLE);
        errno = errors[i];
        REQUIRE(N2, sockets->accept(sockets, listener, &accepted) == 0, "accept()");
        world_take(world, accepted);
        errno = errors[i];
        CHECK_EQUAL(N2, sockets->peer(sockets, accepted, &address), 0, "peer()");
        errno = errors[i];
        CHECK_EQUAL(N2, sockets->write(sockets, fd, &byte, 1), 1, "write()");
        world_await_ready(world, accepted, ROUSE_READABLE);
        errno = errors[i];
        CHECK_EQUAL(N2, sockets->read(sockets, accepted, &byte, 1), 1, "read()");
        errno = errors[i];
        CHECK_EQUAL(N2, sockets->shutdown(sockets, fd), 0, "shutdown()");
        world_await_ready(world, accepted, ROUSE_READABLE);
        errno = errors[i];
        CHECK_EQUAL(N2, sockets->read(sockets, accepted, &byte, 1), 0, "read() at the end");
        errno = errors[i];
        REQUIRE(N2, sockets->pair(sockets, ends) == 0, "pair()");
        world_take(world, ends[0]);
        world_take(world, ends[1]);
    }
}

CASE(n2_who_has_no_address_is_told_so, "N2", NEEDS_NOTHING,
     "a listener, and a socket that is not connected, are asked for their peers; a number that is "
     "no descriptor for both addresses",
     "-ENOTCONN; -EBADF")
{
    const struct rouse_sockets *sockets = world->sockets;
    struct rouse_address address;
    rouse_fd fds[2];

    fds[0] = world_listen(world, ROUSE_IPV4, 1, &address);
    REQUIRE(N2, sockets->open(sockets, ROUSE_IPV4, &fds[1]) == 0, "no socket");
    world_take(world, fds[1]);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(N2, sockets->peer(sockets, fds[i], &address), -ENOTCONN, "peer()");
    CHECK_EQUAL(N2, sockets->peer(sockets, world_bad_fd(world), &address), -EBADF, "peer()");
    CHECK_EQUAL(N2, sockets->local(sockets, world_bad_fd(world), &address), -EBADF, "local()");
}

CASES(net_n2_errors) = {&n2_a_reset_is_told_to_a_read_that_waits,
                        &n2_a_reset_is_told_to_a_write_that_waits,
                        &n2_what_came_before_a_reset_is_not_an_end,
                        &n2_writing_to_a_peer_that_is_gone_is_a_broken_pipe,
                        &n2_what_is_wrong_with_a_descriptor_its_first_use_tells,
                        &n2_an_error_of_before_is_not_told_again,
                        &n2_who_has_no_address_is_told_so};
