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

static const char *serve(struct world *world, struct rouse *rt, enum rouse_family family,
                         struct rouse_listener *listener)
{
    struct rouse_address address, seen;
    char text[ROUSE_ADDRESS_TEXT];
    const char *wrong = NULL;

    if (rouse_listener_address(listener, &address) != 0 || address.family != family
        || (family != ROUSE_UNIX && address.port == 0)
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
        if (world->sockets->peer(world->sockets, ends[0].io.source.fd, &seen) != 0
            || memcmp(&seen, &address, sizeof seen) != 0)
            wrong = "a connection has another peer than it was made to";
        if (wrong == NULL)
            wrong = stream_carry(world, rt, &ends[0], &ends[1], 300000, 7000);
        if (wrong == NULL)
            wrong = stream_carry(world, rt, &ends[1], &ends[0], 100, 7);
        rouse_tcp_close(&ends[0]);
        rouse_tcp_close(&ends[1]);
    }
    return wrong;
}

const char *family_serves(struct world *world, enum rouse_family family)
{
    struct rouse_address address;
    char text[ROUSE_ADDRESS_TEXT];
    struct rouse_listener listener;
    struct rouse rt;
    const char *wrong;
    int error;

    world_runtime(world, &rt);
    world_address(world, family, &address);
    rouse_address_format(&address, text, sizeof text);
    error = rouse_listen(&listener, &rt.reactor, text);
    if (error < 0) {
        snprintf(why, sizeof why, "listening on %s: %s", text, rouse_strerror(error));
        rouse_close(&rt);
        return why;
    }
    wrong = serve(world, &rt, family, &listener);
    rouse_listener_close(&listener);
    rouse_close(&rt);
    return wrong;
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
    world_fill(world, tcp->io.source.fd);
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
