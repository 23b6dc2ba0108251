/*
 * family.c -- one script for every family of addresses.
 */
#include "family.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char why[300];

/* Both ends of one more connection, as handles. */
static const char *meet(struct world *world, struct rouse *rt, enum rouse_family family,
                        struct rouse_listener *listener, struct rouse_connect connect,
                        struct rouse_tcp ends[2])
{
    struct rouse_accept accept = rouse_accept(listener);
    struct rouse_task task = {0};
    struct rouse_join join;
    intptr_t accepted = -1;

    rouse_spawn_held(&rt->executor, &task, &connect.future, NULL);
    if (!world_run(world, rt, &accept.future, WORLD_SOON, &accepted) || accepted != 0) {
        snprintf(why, sizeof why, "accept: %s", rouse_strerror(accepted));
        rouse_cancel(&task);
        rouse_turn(rt, 0);
        rouse_task_unhold(&task);
        return why;
    }
    join = rouse_join(&task);
    if (!world_run(world, rt, &join.future, WORLD_SOON, NULL) || task.result != 0) {
        snprintf(why, sizeof why, "connect: %s", rouse_strerror(task.result));
        rouse_cancel(&task);
        rouse_turn(rt, 0);
        rouse_task_unhold(&task);
        rouse_fd_close(&rt->reactor, accept.fd);
        return why;
    }
    rouse_task_unhold(&task);
    stream_open(&ends[0], &rt->reactor, family, connect.fd);
    stream_open(&ends[1], &rt->reactor, family, accept.fd);
    return NULL;
}

/* Whether a socket is where it was asked to be: all but the port, which may have been left to
 * the system. */
static bool is_there(const struct rouse_address *address, const struct rouse_address *asked)
{
    return address->family == asked->family && address->length == asked->length
           && address->scope == asked->scope
           && memcmp(address->bytes, asked->bytes, asked->length) == 0;
}

static bool are_equal(const struct rouse_address *a, const struct rouse_address *b)
{
    return is_there(a, b) && a->port == b->port;
}

/* Whether the ends of a connection agree about where they are, and the listener's end with
 * him. Whoever connected over a Unix socket has no name. */
static const char *look_around(struct world *world, const struct rouse_tcp ends[2],
                               const struct rouse_address *address)
{
    const struct rouse_sockets *sockets = world->sockets;
    struct rouse_address seen[2][2]; /* by each end: itself, and the other */

    memset(seen, 0x5a, sizeof seen);
    for (int i = 0; i < 2; i++)
        if (sockets->peer(sockets, ends[i].io.source.fd, &seen[i][1]) != 0
            || sockets->local(sockets, ends[i].io.source.fd, &seen[i][0]) != 0)
            return "an end of a connection does not know where it is, or the other";
    if (!are_equal(&seen[0][1], address))
        return "a connection has another peer than it was made to";
    if (!are_equal(&seen[0][0], &seen[1][1]))
        return "the peer of who was accepted is not where whoever connected is";
    if (address->family == ROUSE_UNIX ? seen[0][0].family != ROUSE_UNIX || seen[0][0].length != 0
                                      : !is_there(&seen[0][0], address) || seen[0][0].port == 0
                                            || !are_equal(&seen[1][0], address))
        return "an end of a connection is somewhere else";
    if (address->family != ROUSE_UNIX && seen[0][0].port == address->port)
        return "whoever connected has the listener's port";
    return NULL;
}

static const char *serve(struct world *world, struct rouse *rt, const struct rouse_address *asked,
                         struct rouse_listener *listener)
{
    const enum rouse_family family = (enum rouse_family) asked->family;
    struct rouse_address address;
    char text[ROUSE_ADDRESS_TEXT];
    const char *wrong = NULL;

    memset(&address, 0x5a, sizeof address);
    if (rouse_listener_address(listener, &address) != 0 || !is_there(&address, asked)
        || (address.port == 0) != (family == ROUSE_UNIX)
        || rouse_address_format(&address, text, sizeof text) < 0)
        return "a listener does not know where it is";
    for (int i = 0; i < 3 && wrong == NULL; i++) {
        struct rouse_tcp ends[2];

        wrong = meet(world, rt, family, listener,
                     i % 2 ? rouse_connect(&rt->reactor, text)
                           : rouse_connect_to(&rt->reactor, &address),
                     ends);
        if (wrong != NULL)
            return wrong;
        wrong = look_around(world, ends, &address);
        if (wrong == NULL)
            wrong = stream_carry(world, rt, &ends[0], &ends[1], 300000, 7000);
        if (wrong == NULL)
            wrong = stream_carry(world, rt, &ends[1], &ends[0], 100, 7);
        rouse_tcp_close(&ends[0]);
        rouse_tcp_close(&ends[1]);
    }
    return wrong;
}

const char *family_serves_at(struct world *world, const struct rouse_address *asked)
{
    char text[ROUSE_ADDRESS_TEXT];
    struct rouse_listener listener;
    struct rouse rt;
    const char *wrong;
    int error;

    world_runtime(world, &rt);
    rouse_address_format(asked, text, sizeof text);
    error = rouse_listen(&listener, &rt.reactor, text);
    if (error < 0) {
        snprintf(why, sizeof why, "listening on %s: %s", text, rouse_strerror(error));
        rouse_close(&rt);
        return why;
    }
    wrong = serve(world, &rt, asked, &listener);
    rouse_listener_close(&listener);
    rouse_close(&rt);
    return wrong;
}

const char *family_serves(struct world *world, enum rouse_family family)
{
    struct rouse_address address;

    world_address(world, family, &address);
    return family_serves_at(world, &address);
}

/* The first step that does not do as it should. */
static const char *wait_and_close(struct world *world, struct rouse *rt, struct rouse_tcp *tcp,
                                  rouse_fd peer)
{
    struct wakes *wakes = world_wakes(world);
    char bytes[64];
    struct rouse_read read = rouse_read(tcp, bytes, sizeof bytes);
    struct rouse_write write = rouse_write(tcp, bytes, sizeof bytes);
    const char *wrong = NULL;

    if (poll_once(&read.future, wakes) != NOT_READY)
        return "a read is READY with nothing there";
    world_send(world, peer, 5);
    if (!await_wake(world, rt, wakes))
        wrong = "bytes wake nobody";
    rouse_future_drop(&read.future);
    read = rouse_read(tcp, bytes, sizeof bytes);
    if (wrong == NULL && poll_once(&read.future, wakes) != 5)
        wrong = "a dropped read has taken bytes";
    rouse_future_drop(&read.future);
    read = rouse_read(tcp, bytes, sizeof bytes);
    world_fill_for_good(world, tcp->io.source.fd);
    if (wrong == NULL && poll_once(&write.future, wakes) != NOT_READY)
        wrong = "a write is READY with a full stream";
    if (wrong == NULL && poll_once(&read.future, wakes) != NOT_READY)
        wrong = "a second read is READY with nothing there";
    rouse_tcp_close(tcp);
    if (wrong == NULL && wakes_taken(wakes) != 2)
        wrong = "closing does not wake the reader and the writer";
    if (wrong == NULL
        && (poll_once(&read.future, wakes) != -ECANCELED
            || poll_once(&write.future, wakes) != -ECANCELED))
        wrong = "closing is not told as -ECANCELED";
    rouse_future_drop(&read.future);
    rouse_future_drop(&write.future);
    return wrong;
}

const char *family_waits(struct world *world, enum rouse_family family)
{
    struct rouse_tcp tcp;
    struct rouse rt;
    const char *wrong;
    rouse_fd peer;

    world_runtime(world, &rt);
    peer = stream_end(world, &rt, family, &tcp);
    wrong = wait_and_close(world, &rt, &tcp, peer);
    rouse_tcp_close(&tcp);
    rouse_close(&rt);
    return wrong;
}
