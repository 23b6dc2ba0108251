/*
 * n8_ipv6.c -- over IPv6 everything works as over IPv4.
 */
#include "family.h"

#include <errno.h>

CASE(n8_listen_connect_and_carry_bytes_over_ipv6, "N8", NEEDS_IPV6,
     "a listener on [::1]:0; connections by text and by address; 300,000 bytes one way, 100 back",
     "all arrive, and each end knows where the other is")
{
    const char *wrong = family_serves(world, ROUSE_IPV6);

    CHECK(N8, wrong == NULL, "%s", wrong);
}

CASE(
    n8_a_scope_survives, "N8 N10", NEEDS_IPV6,
    "a listener on a link-local address of this machine, with its scope, if it has one; and on one "
    "that no machine has",
    "the first works like any other, and both ends know the scope; the second is told as "
    "-EADDRNOTAVAIL")
{
    struct rouse_address address;
    struct rouse_listener listener;
    struct rouse rt;
    int error;

    if (world_link_local(world, &address)) {
        const char *wrong = family_serves_at(world, &address);

        CHECK(N8, wrong == NULL, "%s", wrong);
    } else {
        suite_note("this machine has no link-local address");
    }
    world_runtime(world, &rt);
    error = rouse_listen(&listener, &rt.reactor, "[fe80::bad:cafe:bad:cafe%1]:0");
    if (error == 0) { /* systems can be told to allow it */
        suite_note("this machine listens on addresses that it does not have");
        rouse_listener_close(&listener);
    } else {
        CHECK_EQUAL(N10, error, -EADDRNOTAVAIL, "what is told of an address of somewhere else");
    }
    rouse_close(&rt);
}

CASE(n8_waiting_dropping_and_closing_over_ipv6, "N8", NEEDS_IPV6,
     "a read waits, is woken and dropped; a read and a write wait, and the stream is closed",
     "no byte is lost, and both are told -ECANCELED")
{
    const char *wrong = family_waits(world, ROUSE_IPV6);

    CHECK(N8, wrong == NULL, "%s", wrong);
}

CASE(n8_refused_reset_and_busy_ports_over_ipv6, "N8", NEEDS_IPV6,
     "a connect to a port without a listener, a reset while a read waits, a port that is in use",
     "-ECONNREFUSED, -ECONNRESET, -EADDRINUSE, as over IPv4")
{
    struct wakes *wakes = world_wakes(world);
    struct rouse_address address;
    struct rouse_connect connect;
    struct rouse_listener listener, second;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse rt;
    char text[ROUSE_ADDRESS_TEXT], byte;
    intptr_t result = 0;
    rouse_fd peer;

    world_runtime(world, &rt);
    world_nowhere(world, ROUSE_IPV6, &address);
    connect = rouse_connect_to(&rt.reactor, &address);
    CHECK(N8, world_run(world, &rt, &connect.future, WORLD_SOON, &result), "a connect waits");
    CHECK_EQUAL(N8, result, -ECONNREFUSED, "what a connect is told");
    peer = stream_end(world, &rt, ROUSE_IPV6, &tcp);
    read = rouse_read(&tcp, &byte, 1);
    CHECK_EQUAL(N8, poll_once(&read.future, wakes), NOT_READY, "a read");
    world_reset(world, peer);
    CHECK(N8, await_wake(world, &rt, wakes), "a reset wakes nobody");
    CHECK_EQUAL(N8, poll_once(&read.future, wakes), -ECONNRESET, "what a read is told");
    rouse_future_drop(&read.future);
    rouse_tcp_close(&tcp);
    REQUIRE(N8, rouse_listen(&listener, &rt.reactor, "[::1]:0") == 0, "no listener");
    rouse_listener_address(&listener, &address);
    rouse_address_format(&address, text, sizeof text);
    CHECK_EQUAL(N8, rouse_listen(&second, &rt.reactor, text), -EADDRINUSE, "a port in use");
    rouse_listener_close(&listener);
    rouse_close(&rt);
}

CASE(n8_one_port_has_room_for_both_families, "N8", NEEDS_IPV6,
     "a listener on [::]:0, and one on 0.0.0.0 with the same port",
     "both can be had, and each gets the connections of its own family")
{
    struct rouse_listener listeners[2];
    struct rouse_address address;
    struct rouse rt;
    char text[ROUSE_ADDRESS_TEXT];
    uint16_t port = 0;
    int error = -EADDRINUSE;

    world_runtime(world, &rt);
    /* Somebody else may have the other port. */
    for (int i = 0; i < 10 && error == -EADDRINUSE; i++) {
        REQUIRE(N8, rouse_listen(&listeners[0], &rt.reactor, "[::]:0") == 0, "no listener");
        rouse_listener_address(&listeners[0], &address);
        port = address.port;
        rouse_address_parse(&address, "0.0.0.0:0");
        address.port = port;
        rouse_address_format(&address, text, sizeof text);
        error = rouse_listen(&listeners[1], &rt.reactor, text);
        if (error == -EADDRINUSE && i < 9)
            rouse_listener_close(&listeners[0]);
    }
    REQUIRE(N8, error == 0, "the same port over IPv4: %s", rouse_strerror(error));
    for (int i = 0; i < 2; i++) {
        struct rouse_accept accept = rouse_accept(&listeners[i]);
        struct rouse_address to;
        intptr_t result = -1;

        rouse_address_parse(&to, i == 0 ? "[::1]:0" : "127.0.0.1:0");
        to.port = port;
        world_connect(world, &to);
        CHECK(N8, world_run(world, &rt, &accept.future, WORLD_SOON, &result) && result == 0,
              "the listener of its family does not get a connection");
        if (result == 0)
            rouse_fd_close(&rt.reactor, accept.fd);
        rouse_listener_close(&listeners[i]);
    }
    rouse_close(&rt);
}

CASES(net_n8) = {&n8_listen_connect_and_carry_bytes_over_ipv6, &n8_a_scope_survives,
                 &n8_waiting_dropping_and_closing_over_ipv6,
                 &n8_refused_reset_and_busy_ports_over_ipv6,
                 &n8_one_port_has_room_for_both_families};
