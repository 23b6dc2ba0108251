/*
 * l4_a_drop_leaves_nothing.c -- L4: a future that is dropped wherever it stands leaves no
 * registration, timer, waker or descriptor behind.
 *
 * Each kind is dropped before its first poll, after it, and after what it waited for has
 * come; then everything that it could have left is looked at, at once. A waker that counts
 * its references tells of the rest.
 */
#include <errno.h>

#include "bench.h"

/* -- Time -------------------------------------------------------------------- */

CASE(l4_a_dropped_future_of_time_leaves_no_timer, "L4", NEEDS_NOTHING,
     "sleeps, ticks and deadlines are dropped before their poll, after it, and when due",
     "no timer and no waker is left, and nothing wakes")
{
    struct bench bench;
    struct rouse_reactor *reactor = &bench.rt.reactor;

    bench_open(&bench, world);
    for (int kind = 0; kind < 5; kind++) {
        for (enum stage stage = UNPOLLED; stage < STAGES; stage++) {
            const rouse_time time = stage == WOKEN ? ROUSE_US(10) : ROUSE_SECONDS(1);
            struct rouse_interval interval = rouse_interval(reactor, time);
            struct rouse_sleep sleep = rouse_sleep(reactor, kind == 1 ? ROUSE_NEVER : time);
            struct rouse_sleep longer = rouse_sleep(reactor, ROUSE_NEVER);
            struct rouse_tick tick = rouse_tick(&interval);
            struct rouse_deadline limit = rouse_deadline(
                reactor, kind == 3 ? &longer.future : &sleep.future, rouse_after(reactor, time));
            struct rouse_future *const futures[] = {&sleep.future, &sleep.future, &tick.future,
                                                    &limit.future, &limit.future};
            const size_t sizes[] = {sizeof sleep, sizeof sleep, sizeof tick, sizeof limit,
                                    sizeof limit};
            static const char *const names[] = {"a sleep", "a sleep for ever", "a tick",
                                                "a deadline", "a deadline of a sleep"};

            if (stage != UNPOLLED)
                poll_it(&bench, futures[kind]);
            if (stage == WOKEN && kind != 1) {
                const rouse_time late = world_after(world, WORLD_SOON);

                while (bench.wakes->count == 0 && world_now(world) < late)
                    rouse_turn(&bench.rt, late);
            }
            drop_it(&bench, futures[kind], sizes[kind], names[kind], stage);
            check_silent(&bench, names[kind]);
        }
    }
    rouse_close(&bench.rt);
}

/* -- Streams ----------------------------------------------------------------- */

struct transfers {
    struct rouse_read read;
    struct rouse_write write;
    struct rouse_write_all write_all;
    struct rouse_readiness readable, writable;
    char byte;
};

static struct rouse_future *transfer_make(struct transfers *all, struct rouse_tcp *tcp, int kind)
{
    all->byte = 'x';
    all->read = rouse_read(tcp, &all->byte, 1);
    all->write = rouse_write(tcp, &all->byte, 1);
    all->write_all = rouse_write_all(tcp, &all->byte, 1);
    all->readable = rouse_readiness(&tcp->io, ROUSE_READABLE);
    all->writable = rouse_readiness(&tcp->io, ROUSE_WRITABLE);
    switch (kind) {
    case 0: return &all->read.future;
    case 1: return &all->write.future;
    case 2: return &all->write_all.future;
    case 3: return &all->readable.future;
    default: return &all->writable.future;
    }
}

CASE(l4_a_dropped_transfer_leaves_its_stream_free, "L4", NEEDS_NOTHING,
     "reads, writes and waits for readiness are dropped before their poll, after it, and when "
     "the socket has become ready",
     "no waker is left, nothing wakes, and another one of its kind waits and completes")
{
    static const char *const names[] = {"a read", "a write", "a write of all", "readability",
                                        "writability"};
    struct bench bench;

    bench_open(&bench, world);
    for (int kind = 0; kind < 5; kind++) {
        const bool reads = kind == 0 || kind == 3;

        for (enum stage stage = UNPOLLED; stage < STAGES; stage++) {
            struct transfers first, second;
            struct rouse_future *future;
            struct rouse_tcp tcp;
            rouse_fd ends[2];
            intptr_t result = -1;

            world_pair(world, ends);
            world_fill_for_good(world, ends[0]);
            bench.descriptors = world_open_descriptors(world);
            rouse_stream_open(&tcp, &bench.rt.reactor, world_give(world, ends[0]));
            future = transfer_make(&first, &tcp, kind);
            if (stage != UNPOLLED)
                CHECK(L4, poll_it(&bench, future) == ROUSE_PENDING, "%s does not wait",
                      names[kind]);
            if (stage == WOKEN && reads)
                world_send(world, ends[1], 1);
            else if (stage == WOKEN)
                world_drain(world, ends[1]);
            if (stage == WOKEN)
                rouse_turn(&bench.rt, world_after(world, WORLD_SOON));
            drop_it(&bench, future, sizeof *future, names[kind], stage);
            bench_remember(&bench, &first, sizeof first);
            future = transfer_make(&second, &tcp, kind);
            if (stage == POLLED)
                poll_it(&bench, future); /* it waits where the first one did */
            if (reads && stage != WOKEN)
                world_send(world, ends[1], 1);
            else if (stage != WOKEN)
                world_drain(world, ends[1]);
            CHECK(L4, world_run(world, &bench.rt, future, WORLD_SOON, &result) && result >= 0,
                  "after %s that was dropped %s another one is: %s", names[kind], stage_name(stage),
                  rouse_strerror(result));
            check_silent(&bench, names[kind]);
            rouse_tcp_close(&tcp);
            CHECK_EQUAL(L4, bench.wakes->references, 0, "wakers kept after the closing");
            world_close(world, ends[1]);
        }
    }
    rouse_close(&bench.rt);
}

/* -- Connections ------------------------------------------------------------- */

CASE(l4_a_dropped_connect_closes_its_socket, "L4", NEEDS_NOTHING,
     "100 connects are dropped before their poll, after it, and once they are connected",
     "each leaves no descriptor and no waker, and the next one works")
{
    struct rouse_address address;
    struct rouse_connect connect;
    struct bench bench;
    intptr_t result = -1;

    world_listen(world, ROUSE_IPV4, 200, &address);
    bench_open(&bench, world);
    for (int i = 0; i < 100; i++) {
        const enum stage stage = (enum stage)(i % STAGES);

        connect = rouse_connect_to(&bench.rt.reactor, &address);
        if (stage != UNPOLLED && poll_it(&bench, &connect.future) == ROUSE_READY)
            world_close(world, world_take(world, connect.fd)); /* some are that quick */
        if (stage == WOKEN)
            rouse_turn(&bench.rt, world_after(world, WORLD_SOON));
        drop_it(&bench, &connect.future, sizeof connect, "a connect", stage);
    }
    check_silent(&bench, "a connect");
    connect = rouse_connect_to(&bench.rt.reactor, &address);
    CHECK(L4, world_run(world, &bench.rt, &connect.future, WORLD_SOON, &result) && result == 0,
          "after all of them a connect is: %s", rouse_strerror(result));
    if (result == 0)
        world_take(world, connect.fd);
    rouse_close(&bench.rt);
}

CASE(l4_a_dropped_accept_leaves_its_listener_free, "L4", NEEDS_NOTHING,
     "accepts are dropped before their poll, after it, and when a connection has come",
     "no waker and no connection is lost: the next accept has it")
{
    struct rouse_listener listener;
    struct rouse_address address;
    struct bench bench;

    rouse_fd fd = world_listen(world, ROUSE_IPV4, 8, &address);

    bench_open(&bench, world);
    rouse_listener_open(&listener, &bench.rt.reactor, world_give(world, fd));
    for (enum stage stage = UNPOLLED; stage < STAGES; stage++) {
        struct rouse_accept accept = rouse_accept(&listener), next = rouse_accept(&listener);
        rouse_fd client;
        intptr_t result = -1;

        bench.descriptors = world_open_descriptors(world);
        if (stage != UNPOLLED)
            CHECK(L4, poll_it(&bench, &accept.future) == ROUSE_PENDING, "an accept of nothing");
        if (stage == WOKEN) {
            client = world_connect(world, &address);
            bench.descriptors++;
            rouse_turn(&bench.rt, world_after(world, WORLD_SOON));
        }
        drop_it(&bench, &accept.future, sizeof accept, "an accept", stage);
        if (stage != WOKEN)
            client = world_connect(world, &address);
        CHECK(L4, world_run(world, &bench.rt, &next.future, WORLD_SOON, &result) && result == 0,
              "after one that was dropped %s an accept is: %s", stage_name(stage),
              rouse_strerror(result));
        if (result == 0)
            world_close(world, world_take(world, next.fd));
        world_close(world, client);
        check_silent(&bench, "an accept");
    }
    rouse_listener_close(&listener);
    CHECK_EQUAL(L4, bench.wakes->references, 0, "wakers kept after the closing");
    rouse_close(&bench.rt);
}

CASE(l4_a_dropped_accept_that_starves_leaves_nothing, "L4", NEEDS_NOTHING,
     "an accept that waits for a free descriptor is dropped before one is closed",
     "no timer and no waker is left, the closing wakes nobody, and the next accept works")
{
    struct rouse_listener listener;
    struct rouse_address address;
    struct rouse_accept accept;
    struct bench bench;
    rouse_fd fd = world_listen(world, ROUSE_IPV4, 8, &address);
    rouse_fd spare[2];
    intptr_t result = -1;

    bench_open(&bench, world);
    rouse_listener_open(&listener, &bench.rt.reactor, world_give(world, fd));
    world_pair(world, spare);
    world_connect(world, &address);
    world_await_ready(world, fd, ROUSE_READABLE);
    world_starve(world);
    bench.descriptors = world_open_descriptors(world);
    accept = rouse_accept(&listener);
    CHECK(L4, poll_it(&bench, &accept.future) == ROUSE_READY, "an accept without descriptors");
    CHECK_EQUAL(L4, accept.future.result, -EMFILE, "its result");
    accept = rouse_accept(&listener);
    CHECK(L4, poll_it(&bench, &accept.future) == ROUSE_PENDING, "the next accept does not wait");
    drop_it(&bench, &accept.future, sizeof accept, "a starving accept", POLLED);
    rouse_fd_close(&bench.rt.reactor, world_give(world, spare[0]));
    check_silent(&bench, "a starving accept");
    accept = rouse_accept(&listener);
    CHECK(L4, world_run(world, &bench.rt, &accept.future, WORLD_SOON, &result) && result == 0,
          "afterwards an accept is: %s", rouse_strerror(result));
    if (result == 0)
        world_take(world, accept.fd);
    rouse_listener_close(&listener);
    rouse_close(&bench.rt);
}

CASES(life_l4) = {
    &l4_a_dropped_future_of_time_leaves_no_timer, &l4_a_dropped_transfer_leaves_its_stream_free,
    &l4_a_dropped_connect_closes_its_socket, &l4_a_dropped_accept_leaves_its_listener_free,
    &l4_a_dropped_accept_that_starves_leaves_nothing};
