/*
 * n9_unix.c -- over Unix sockets everything works as over IPv4; and a connect that nothing
 * would ever end is an error.
 */
#include "family.h"

#include <errno.h>
#include <string.h>

CASE(n9_listen_connect_and_carry_bytes_over_unix_sockets, "N9", NEEDS_UNIX,
     "a listener on a path; connections by text and by address; 300,000 bytes one way, 100 back",
     "all arrive, whoever connected knows the path, and has no name himself")
{
    const char *wrong = family_serves(world, ROUSE_UNIX);

    CHECK(N9, wrong == NULL, "%s", wrong);
}

CASE(n9_the_longest_path_serves_as_well, "N9", NEEDS_UNIX,
     "the same on a path as long as this system takes it", "all as on a short one")
{
    struct rouse_address address;
    const char *wrong;

    world_long_path(world, &address);
    wrong = family_serves_at(world, &address);
    CHECK(N9, wrong == NULL, "%s", wrong);
}

CASE(n9_a_peer_may_have_a_name_as_well, "N9", NEEDS_UNIX | NEEDS_KERNEL,
     "whoever connects has bound his socket to a path that leaves no room for a final zero",
     "he is told as the peer of who was accepted, by all of that path")
{
    const struct rouse_sockets *sockets = world->sockets;
    struct rouse_address address, name, seen[2];
    rouse_fd listener, fd, accepted;

    if (sockets->open(sockets, ROUSE_UNIX, &fd) != 0)
        suite_error("no socket");
    world_take(world, fd);
    world_name(world, fd, &name);
    listener = world_listen(world, ROUSE_UNIX, 1, &address); /* one path at a time */
    CHECK_EQUAL(N9, sockets->connect(sockets, fd, &address), 0, "connecting");
    accepted = world_accept(world, listener);
    memset(seen, 0x5a, sizeof seen);
    CHECK_EQUAL(N9, sockets->peer(sockets, accepted, &seen[0]), 0, "asking for the peer");
    CHECK(N9,
          seen[0].family == ROUSE_UNIX && seen[0].length == name.length
              && memcmp(seen[0].bytes, name.bytes, name.length) == 0,
          "the peer is another, with %d bytes to its name", seen[0].length);
    CHECK(N9, seen[1].family == 0x5a, "it was told beyond its room");
}

CASE(n9_waiting_dropping_and_closing_over_unix_sockets, "N9", NEEDS_UNIX,
     "a read waits, is woken and dropped; a read and a write wait, and the stream is closed",
     "no byte is lost, and both are told -ECANCELED")
{
    const char *wrong = family_waits(world, ROUSE_UNIX);

    CHECK(N9, wrong == NULL, "%s", wrong);
}

CASE(
    n9_connecting_to_a_full_backlog_fails_at_once, "N9", NEEDS_UNIX,
    "a listener that accepts nothing is connected to until it takes no more; then it accepts one",
    "the first that finds it full is READY with -EAGAIN at its first poll and leaves nothing open; "
    "after the accept the next one connects")
{
    enum { MANY = 100 };
    struct wakes *wakes = world_wakes(world);
    struct rouse_address address;
    struct rouse rt;
    rouse_fd listener;
    intptr_t result = 0;
    int before = 0, connected = 0;

    world_runtime(world, &rt);
    listener = world_listen(world, ROUSE_UNIX, 2, &address);
    while (result == 0 && connected < MANY) {
        struct rouse_connect connect = rouse_connect_to(&rt.reactor, &address);

        before = world_open_descriptors(world);
        result = poll_once(&connect.future, wakes);
        if (result == 0) {
            world_take(world, connect.fd);
            connected++;
        }
        rouse_future_drop(&connect.future);
    }
    if (connected == MANY)
        suite_error("%d connections fit in a backlog for two", MANY);
    CHECK_EQUAL(N9, result, -EAGAIN, "what is told of a full backlog");
    CHECK(N9, connected >= 2, "%d fit", connected);
    CHECK_EQUAL(N9, world_open_descriptors(world), before, "open descriptors");
    world_accept(world, listener);
    for (int i = 0; i < 2; i++) {
        struct rouse_connect connect = rouse_connect_to(&rt.reactor, &address);

        CHECK(N9, world_run(world, &rt, &connect.future, WORLD_SOON, &result), "a connect waits");
        CHECK_EQUAL(N9, result, i == 0 ? 0 : -EAGAIN, "what is told when there was room for one");
        if (result == 0)
            world_take(world, connect.fd);
    }
    rouse_close(&rt);
}

CASE(n9_a_path_without_a_listener_is_refused, "N9", NEEDS_UNIX,
     "connects to a path that does not exist, and to one whose listener was closed",
     "-ENOENT, and that or -ECONNREFUSED; nothing is left open")
{
    struct wakes *wakes = world_wakes(world);
    struct rouse_address address;
    struct rouse rt;
    int before;

    world_runtime(world, &rt);
    world_address(world, ROUSE_UNIX, &address);
    before = world_open_descriptors(world);
    for (int i = 0; i < 2; i++) {
        struct rouse_connect connect = rouse_connect_to(&rt.reactor, &address);
        const intptr_t result = poll_once(&connect.future, wakes);

        CHECK(N9, result == -ENOENT || (i == 1 && result == -ECONNREFUSED), "it is told %lld",
              (long long) result);
        rouse_future_drop(&connect.future);
        CHECK_EQUAL(N9, world_open_descriptors(world), before, "open descriptors");
        if (i == 0)
            world_close(world, world_listen(world, ROUSE_UNIX, 1, &address));
    }
    rouse_close(&rt);
}

CASE(n9_a_path_in_use_cannot_be_had_twice, "N9 N10", NEEDS_UNIX,
     "a listener has a path, and another one wants it",
     "-EADDRINUSE, nothing is left open, and the first one goes on")
{
    struct rouse_address address;
    struct rouse_listener first, second;
    struct rouse_accept accept = rouse_accept(&first);
    struct rouse rt;
    char text[ROUSE_ADDRESS_TEXT];
    intptr_t result = -1;
    int before;

    world_runtime(world, &rt);
    world_address(world, ROUSE_UNIX, &address);
    rouse_address_format(&address, text, sizeof text);
    REQUIRE(N9, rouse_listen(&first, &rt.reactor, text) == 0, "no listener on %s", text);
    before = world_open_descriptors(world);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(N10, rouse_listen(&second, &rt.reactor, text), -EADDRINUSE, "a path in use");
    CHECK_EQUAL(N10, world_open_descriptors(world), before, "open descriptors");
    world_connect(world, &address);
    CHECK(N9, world_run(world, &rt, &accept.future, WORLD_SOON, &result) && result == 0,
          "the first listener gets no connection any more");
    if (result == 0)
        rouse_fd_close(&rt.reactor, accept.fd);
    rouse_listener_close(&first);
    rouse_close(&rt);
}

CASES(net_n9) = {&n9_listen_connect_and_carry_bytes_over_unix_sockets,
                 &n9_the_longest_path_serves_as_well,
                 &n9_a_peer_may_have_a_name_as_well,
                 &n9_waiting_dropping_and_closing_over_unix_sockets,
                 &n9_connecting_to_a_full_backlog_fails_at_once,
                 &n9_a_path_without_a_listener_is_refused,
                 &n9_a_path_in_use_cannot_be_had_twice};
