/*
 * n5_no_sigpipe.c -- nothing in net.h raises SIGPIPE.
 *
 * A handler of our own counts it. Where the system has no such signal there is nothing to
 * count, and what remains is that the operations are told -EPIPE.
 */
#include "stream.h"

#include <errno.h>
#include <signal.h>

#ifdef SIGPIPE
enum { BROKEN_PIPE = SIGPIPE };
#else
enum { BROKEN_PIPE = SIGTERM };
#endif

static volatile sig_atomic_t raised;

static void count(int number)
{
    raised++;
    signal(number, count);
}

/* Runs one write or shutdown after the other until one fails; returns the last result. */
static intptr_t write_until_it_fails(struct world *world, struct rouse *rt, struct rouse_tcp *tcp)
{
    static const char bytes[100000];
    intptr_t result = 0;

    for (int i = 0; i < 1000 && result >= 0; i++) {
        struct rouse_write write = rouse_write(tcp, bytes, 1);
        struct rouse_write_all all = rouse_write_all(tcp, bytes, sizeof bytes);

        if (!world_run(world, rt, i % 2 ? &all.future : &write.future, WORLD_SOON, &result))
            return NOT_READY;
    }
    return result;
}

CASE(n5_a_broken_pipe_is_an_error_and_not_a_signal, "N5", NEEDS_NOTHING,
     "peers close, close with bytes unread, or reset, over a pair and over TCP; we write, write "
     "many bytes, and shut down, several times",
     "-EPIPE or -ECONNRESET, and no SIGPIPE")
{
    void (*const before)(int) = signal(BROKEN_PIPE, count);
    struct rouse rt;

    raised = 0;
    world_runtime(world, &rt);
    for (int i = 0; i < 6; i++) {
        const enum rouse_family family = i % 2 ? ROUSE_IPV4 : ROUSE_NO_FAMILY;
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, family, &tcp);
        intptr_t result;

        if (i / 2 == 1) {
            world_send(world, tcp.io.source.fd, 10);
            world_await_ready(world, peer, ROUSE_READABLE);
        }
        if (i / 2 == 2 && family == ROUSE_IPV4)
            world_reset(world, peer);
        else
            world_close(world, peer);
        for (int again = 0; again < 3; again++) {
            result = write_until_it_fails(world, &rt, &tcp);
            CHECK(N5, result == -EPIPE || result == -ECONNRESET, "a write is told %lld",
                  (long long) result);
            rouse_tcp_shutdown(&tcp);
        }
        rouse_tcp_close(&tcp);
    }
    CHECK_EQUAL(N5, raised, 0, "times that SIGPIPE was raised");
    rouse_close(&rt);
    signal(BROKEN_PIPE, before);
}

CASE(n5_writing_after_our_own_end_is_an_error_and_not_a_signal, "N5", NEEDS_NOTHING,
     "we shut down, and write all the same, with a peer that still reads", "-EPIPE, and no SIGPIPE")
{
    void (*const before)(int) = signal(BROKEN_PIPE, count);
    struct rouse rt;

    raised = 0;
    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        struct rouse_tcp tcp;

        stream_end(world, &rt, i ? ROUSE_IPV4 : ROUSE_NO_FAMILY, &tcp);
        CHECK_EQUAL(N5, rouse_tcp_shutdown(&tcp), 0, "a shutdown");
        CHECK_EQUAL(N5, write_until_it_fails(world, &rt, &tcp), -EPIPE, "what a write is told");
        rouse_tcp_close(&tcp);
    }
    CHECK_EQUAL(N5, raised, 0, "times that SIGPIPE was raised");
    rouse_close(&rt);
    signal(BROKEN_PIPE, before);
}

CASES(net_n5) = {&n5_a_broken_pipe_is_an_error_and_not_a_signal,
                 &n5_writing_after_our_own_end_is_an_error_and_not_a_signal};
