/*
 * n2_connects.c -- a connect ends as the system says, once, and is not taken for done by
 * what a fresh socket looks like.
 */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

CASE(n2_a_refused_connect_is_told_once, "N2", NEEDS_NOTHING,
     "20 connects to a port that nobody listens on, polled by hand or run, by text and by address",
     "each is READY with -ECONNREFUSED, after at most one wake, and leaves no descriptor")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 20; i++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_address address;
        struct rouse_connect connect;
        char text[ROUSE_ADDRESS_TEXT];
        intptr_t result = 0;
        int before;

        world_nowhere(world, ROUSE_IPV4, &address);
        rouse_address_format(&address, text, sizeof text);
        before = world_open_descriptors(world);
        connect =
            i & 1 ? rouse_connect(&rt.reactor, text) : rouse_connect_to(&rt.reactor, &address);
        if (i & 2) {
            CHECK(N2, world_run(world, &rt, &connect.future, WORLD_SOON, &result), "it waits");
        } else {
            const rouse_time limit = world_after(world, WORLD_SOON);

            result = poll_once(&connect.future, wakes);
            while (result == NOT_READY && world_now(world) < limit) {
                rouse_turn(&rt, limit);
                if (wakes_taken(wakes) != 0)
                    result = poll_once(&connect.future, wakes);
            }
        }
        CHECK_EQUAL(N2, result, -ECONNREFUSED, "what a connect is told");
        rouse_future_drop(&connect.future);
        few_turns(&rt);
        CHECK_EQUAL(N2, wakes_taken(wakes), 0, "wakes after its end");
        CHECK_EQUAL(N2, wakes->references, 0, "references to its waker");
        CHECK_EQUAL(N2, world_open_descriptors(world), before, "open descriptors");
    }
    rouse_close(&rt);
}

CASE(n2_a_connect_that_is_ready_is_connected, "N2", NEEDS_NOTHING,
     "20 connects to a listener that accepts them later, polled as often as they please",
     "READY with 0 and a descriptor that has a peer, takes bytes at once, and is the caller's")
{
    struct rouse rt;
    struct rouse_address address;
    rouse_fd listener;

    world_runtime(world, &rt);
    listener = world_listen(world, ROUSE_IPV4, 64, &address);
    for (int i = 0; i < 20; i++) {
        struct wakes *wakes = world_wakes(world);
        const rouse_time limit = world_after(world, WORLD_SOON);
        struct rouse_connect connect = rouse_connect_to(&rt.reactor, &address);
        struct rouse_address peer;
        intptr_t result;
        rouse_fd accepted;
        char buffer[8];

        do {
            result = poll_once(&connect.future, wakes);
            if (result == NOT_READY)
                rouse_turn(&rt, i % 2 ? 0 : limit);
        } while (result == NOT_READY && world_now(world) < limit);
        REQUIRE(N2, result == 0, "a connect is told %lld", (long long) result);
        world_take(world, connect.fd);
        CHECK_EQUAL(N2, world->sockets->peer(world->sockets, connect.fd, &peer), 0,
                    "whether it has a peer");
        CHECK(N2, memcmp(&peer, &address, sizeof peer) == 0, "its peer is another");
        CHECK_EQUAL(N2, world_write(world, connect.fd, "hello", 5), 5, "bytes written at once");
        accepted = world_accept(world, listener);
        world_await_ready(world, accepted, ROUSE_READABLE);
        CHECK_EQUAL(N2, world_read(world, accepted, buffer, sizeof buffer), 5, "bytes that came");
        CHECK_EQUAL(N2, wakes->references, 0, "references to its waker");
        world_close(world, accepted);
        world_close(world, connect.fd);
    }
    rouse_close(&rt);
}

CASE(n2_a_connect_waits_for_its_connection, "N2", NEEDS_NOTHING,
     "the backlog of a listener is full, and connects are polled again and again for 30 ms",
     "none says that it is connected unless it has a peer")
{
    struct rouse rt;
    struct rouse_address address;

    world_runtime(world, &rt);
    world_listen(world, ROUSE_IPV4, 0, &address);
    world_await_ready(world, world_connect(world, &address), ROUSE_WRITABLE);
    for (int i = 0; i < 3; i++) {
        struct wakes *wakes = world_wakes(world);
        const rouse_time limit = world_after(world, 30);
        struct rouse_connect connect = rouse_connect_to(&rt.reactor, &address);
        intptr_t result;
        int polls = 0;

        do {
            result = poll_once(&connect.future, wakes);
            if (result == NOT_READY)
                rouse_turn(&rt, world_after(world, 1));
        } while (result == NOT_READY && world_now(world) < limit && ++polls < 1000);
        if (result == 0) { /* a system with a longer backlog */
            struct rouse_address peer;

            world_take(world, connect.fd);
            CHECK_EQUAL(N2, world->sockets->peer(world->sockets, connect.fd, &peer), 0,
                        "whether it has a peer");
        } else {
            CHECK_EQUAL(N2, result, NOT_READY, "what a connect is told");
        }
        rouse_future_drop(&connect.future);
    }
    rouse_close(&rt);
}

/* A client that connects, sends, and takes its bytes back. */
struct client {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_reactor *reactor;
    const struct rouse_address *address;
    struct rouse_connect connect;
    struct rouse_tcp tcp;
    struct rouse_write_all write;
    struct rouse_read read;
    char bytes[1000], back[1000];
    size_t got;
    int number;
    bool good;
};

ROUSE_ASYNC(client, struct client)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->connect, rouse_connect_to(self->reactor, self->address));
    if (self->connect.future.result < 0)
        ROUSE_RETURN(self->connect.future.result);
    rouse_tcp_open(&self->tcp, self->reactor, self->connect.fd);
    memset(self->bytes, self->number, sizeof self->bytes);
    ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, self->bytes, sizeof self->bytes));
    rouse_tcp_shutdown(&self->tcp);
    do {
        ROUSE_AWAIT(self->read,
                    rouse_read(&self->tcp, self->back + self->got, sizeof self->back - self->got));
        self->got += self->read.future.result > 0 ? (size_t) self->read.future.result : 0;
    } while (self->read.future.result > 0 && self->got < sizeof self->back);
    self->good =
        self->got == sizeof self->back && memcmp(self->bytes, self->back, sizeof self->back) == 0;
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

/* Sends everything back to one of them. */
struct echo {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    char buffer[300];
};

ROUSE_ASYNC(echo, struct echo)
{
    ROUSE_BEGIN
    for (;;) {
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, sizeof self->buffer));
        if (self->read.future.result <= 0)
            ROUSE_RETURN(self->read.future.result);
        ROUSE_AWAIT(self->write,
                    rouse_write_all(&self->tcp, self->buffer, (size_t) self->read.future.result));
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

enum { CLIENTS = 65 };

/* Accepts as many as there are. */
struct server {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse *rt;
    struct rouse_listener listener;
    struct rouse_accept accept;
    struct echo echoes[CLIENTS];
    int count;
};

ROUSE_ASYNC(server, struct server)
{
    ROUSE_BEGIN
    while (self->count < CLIENTS) {
        ROUSE_AWAIT(self->accept, rouse_accept(&self->listener));
        if (self->accept.future.result < 0)
            ROUSE_RETURN(self->accept.future.result);
        rouse_tcp_open(&self->echoes[self->count].tcp, &self->rt->reactor, self->accept.fd);
        rouse_spawn(&self->rt->executor, &self->echoes[self->count].task,
                    echo_start(&self->echoes[self->count]), NULL);
        self->count++;
    }
    ROUSE_FINALLY
    rouse_listener_close(&self->listener);
    ROUSE_END
}

CASE(n2_every_client_gets_its_own_bytes, "N2", NEEDS_NOTHING,
     "65 clients connect at once, send 1000 bytes each, and are sent them back",
     "all are served, and each gets what it sent")
{
    struct server *server = calloc(1, sizeof *server);
    struct client *clients = calloc(CLIENTS, sizeof *clients);
    const rouse_time limit = world_after(world, 5 * WORLD_SOON);
    struct rouse_address address;
    struct rouse rt;
    int good = 0;

    if (server == NULL || clients == NULL)
        suite_error("no memory");
    world_runtime(world, &rt);
    server->rt = &rt;
    REQUIRE(N2, rouse_listen(&server->listener, &rt.reactor, "127.0.0.1:0") == 0, "no listener");
    rouse_listener_address(&server->listener, &address);
    rouse_spawn(&rt.executor, &server->task, server_start(server), NULL);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].reactor = &rt.reactor;
        clients[i].address = &address;
        clients[i].number = i + 1;
        rouse_spawn(&rt.executor, &clients[i].task, client_start(&clients[i]), NULL);
    }
    while (good < CLIENTS && world_now(world) < limit) {
        rouse_turn(&rt, world_after(world, 10));
        good = 0;
        for (int i = 0; i < CLIENTS; i++)
            good += clients[i].good;
    }
    CHECK_EQUAL(N2, good, CLIENTS, "clients that got their own bytes");
    rouse_close(&rt);
    free(server);
    free(clients);
}

CASE(
    n2_number_0_is_a_descriptor_like_any_other, "N2", NEEDS_NON_SOCKETS | NEEDS_KERNEL,
    "a program has closed its standard input; a listener, whoever connects, or whoever is accepted "
    "gets that number",
    "they connect, and bytes go both ways")
{
    for (int which = 0; which < 3; which++) {
        struct wakes *wakes = world_wakes(world);
        struct rouse_listener listener;
        struct rouse_connect connect;
        struct rouse_accept accept;
        struct rouse_address address;
        struct rouse_tcp ends[2];
        const char *wrong = NULL;
        struct rouse rt;
        rouse_fd fds[3];
        intptr_t result;

        world_runtime(world, &rt);
        if (which == 0)
            world_zero_free(world);
        REQUIRE(N2, rouse_listen(&listener, &rt.reactor, "127.0.0.1:0") == 0, "no listener");
        rouse_listener_address(&listener, &address);
        if (which == 1)
            world_zero_free(world);
        connect = rouse_connect_to(&rt.reactor, &address);
        REQUIRE(N2, world_run(world, &rt, &connect.future, WORLD_SOON, &result) && result == 0,
                "it does not connect");
        if (which == 2)
            world_zero_free(world);
        world_await_ready(world, listener.io.source.fd, ROUSE_READABLE);
        accept = rouse_accept(&listener);
        errno = EINTR; /* as an earlier call may have left it */
        REQUIRE(N2, poll_once(&accept.future, wakes) == 0, "it is not accepted");
        fds[0] = listener.io.source.fd;
        fds[1] = connect.fd;
        fds[2] = accept.fd;
        if (fds[which] != 0)
            suite_error("number 0 was free, and %lld was given away", (long long) fds[which]);
        for (int i = 0; i < 2; i++)
            rouse_tcp_open(&ends[i], &rt.reactor, fds[i + 1]);
        for (int i = 0; i < 2 && wrong == NULL; i++)
            wrong = stream_carry(world, &rt, &ends[i], &ends[1 - i], 1000, 7);
        CHECK(N2, wrong == NULL, "%s", wrong);
        for (int i = 0; i < 2; i++)
            rouse_tcp_close(&ends[i]);
        rouse_listener_close(&listener);
        world_zero_end(world);
        rouse_close(&rt);
    }
}

CASES(net_n2_connects) = {
    &n2_a_refused_connect_is_told_once, &n2_a_connect_that_is_ready_is_connected,
    &n2_a_connect_waits_for_its_connection, &n2_number_0_is_a_descriptor_like_any_other,
    &n2_every_client_gets_its_own_bytes};
