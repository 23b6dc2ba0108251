/*
 * n10_addresses.c -- text that is no address is -EINVAL, a port in use -EADDRINUSE, and
 * what is an address survives the way from text and back.
 */
#include "family.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Each is written the way that rouse_address_format() writes it. */
static const char *const good[] = {"127.0.0.1:7007",
                                   "0.0.0.0:0",
                                   "255.255.255.255:65535",
                                   "10.20.30.40:1",
                                   "[::1]:7007",
                                   "[::]:0",
                                   "[fe80::1%2]:7007",
                                   "[ff02::fb]:80",
                                   "[2001:db8::1:0:0:1]:65535",
                                   "[fe80::1%4294967295]:1",
                                   "unix:/run/a.sock",
                                   "unix:relative",
                                   "unix:/with space:and:colons]%",
                                   "unix:x",
                                   "[1:2:3:4:5:6:7:8]:9"};

static const char *const bad[] = {"",
                                  ":",
                                  ":80",
                                  "127.0.0.1",
                                  "127.0.0.1:",
                                  "127.0.0.1:65536",
                                  "127.0.0.1:-1",
                                  "127.0.0.1:+1",
                                  "127.0.0.1: 1",
                                  "127.0.0.1:1 ",
                                  " 127.0.0.1:1",
                                  "127.0.0.1:0x10",
                                  "127.0.0.1:1a",
                                  "127.0.0.1::1",
                                  "127.0.0.1:4294967297",
                                  "127.0.0.1:18446744073709551617",
                                  "127.0.0:1",
                                  "127.0.0.256:1",
                                  "127.0.0.1.1:1",
                                  "127.0.0.:1",
                                  "localhost:80",
                                  "example.org:80",
                                  "::1:80",
                                  "::1",
                                  "[::1]",
                                  "[::1]80",
                                  "[::1]:",
                                  "[::1:80",
                                  "::1]:80",
                                  "[]:80",
                                  "[[::1]]:80",
                                  "[::1]]:80",
                                  "[127.0.0.1]:80",
                                  "[::1%]:80",
                                  "[::1%eth0]:80",
                                  "[::1%1%2]:80",
                                  "[::1%4294967296]:80",
                                  "[::1%-1]:80",
                                  "[:::1]:80",
                                  "[1:2:3:4:5:6:7]:80",
                                  "[1:2:3:4:5:6:7:8:9]:80",
                                  "[12345::]:80",
                                  "[g::]:80",
                                  "unix:",
                                  "unix",
                                  "Unix:/x",
                                  "unix/x",
                                  "http://127.0.0.1:80",
                                  "127.0.0.1:80/"};

CASE(n10_an_address_survives_the_way_to_text_and_back, "N10", NEEDS_NOTHING,
     "addresses of three families, with scopes, ports and odd paths, from text to bytes to text",
     "the text is the same again, and the bytes as well")
{
    (void) world;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct rouse_address address, again;
        char text[ROUSE_ADDRESS_TEXT] = "";

        memset(&address, 0x5a, sizeof address);
        if (!CHECK(N10, rouse_address_parse(&address, good[i]) == 0, "\"%s\" is refused", good[i]))
            continue;
        CHECK_EQUAL(N10, rouse_address_format(&address, text, sizeof text), strlen(good[i]),
                    "the length of its text");
        CHECK(N10, strcmp(text, good[i]) == 0, "\"%s\" becomes \"%s\"", good[i], text);
        CHECK(N10,
              rouse_address_parse(&again, text) == 0 && memcmp(&again, &address, sizeof again) == 0,
              "\"%s\" is another address the second time", text);
    }
}

CASE(n10_an_address_is_what_its_text_says, "N10", NEEDS_NOTHING, "one text of each family",
     "its family, length, port, scope, and bytes in network order")
{
    static const uint8_t local[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2};
    struct rouse_address address;

    (void) world;
    CHECK_EQUAL(N10, rouse_address_parse(&address, "192.168.7.1:258"), 0, "parsing");
    CHECK(N10,
          address.family == ROUSE_IPV4 && address.length == 4 && address.port == 258
              && address.scope == 0 && memcmp(address.bytes, "\xc0\xa8\x07\x01", 4) == 0,
          "an IPv4 address is another");
    CHECK_EQUAL(N10, rouse_address_parse(&address, "[fe80::102%7]:65535"), 0, "parsing");
    CHECK(N10,
          address.family == ROUSE_IPV6 && address.length == 16 && address.port == 65535
              && address.scope == 7 && memcmp(address.bytes, local, 16) == 0,
          "an IPv6 address is another");
    CHECK_EQUAL(N10, rouse_address_parse(&address, "unix:/a/b"), 0, "parsing");
    CHECK(N10,
          address.family == ROUSE_UNIX && address.length == 4 && address.port == 0
              && memcmp(address.bytes, "/a/b", 4) == 0,
          "a path is another");
}

enum { BAD = (int) (sizeof bad / sizeof *bad) };

/* Around every limit that there might be. */
static const size_t lengths[] = {108, 109, 126, 127, 128, 129, 200, 280, 5000};
enum { LONG = (int) (sizeof lengths / sizeof *lengths) };

/* A path, a host, or a host in brackets that is too long. */
static void write_long(char *text, size_t size, size_t which, size_t length)
{
    static const char *const starts[] = {"unix:", "", "["};
    static const char *const ends[] = {"", ":80", "]:80"};

    snprintf(text, size, "%s%0*d%s", starts[which], (int) length, 0, ends[which]);
}

CASE(n10_text_that_is_no_address_is_told_so, "N10", NEEDS_NOTHING,
     "fifty texts that are almost addresses, and some that are too long, parsed, listened on, and "
     "connected to, each after one that is an address",
     "-EINVAL each time, without a wait, and nothing is left open")
{
    struct wakes *wakes = world_wakes(world);
    char text[5010];
    struct rouse rt;
    int before;

    world_runtime(world, &rt);
    before = world_open_descriptors(world);
    for (size_t i = 0; i < (size_t) BAD + 3 * LONG; i++) {
        struct rouse_address address;
        struct rouse_listener listener;
        struct rouse_connect connect;

        if (i < (size_t) BAD)
            snprintf(text, sizeof text, "%s", bad[i]);
        else
            write_long(text, sizeof text, (i - BAD) % 3, lengths[(i - BAD) / 3]);
        CHECK(N10, rouse_address_parse(&address, text) == -EINVAL, "\"%s\" is taken", text);
        CHECK(N10, rouse_listen(&listener, &rt.reactor, text) == -EINVAL, "\"%s\" is listened on",
              text);
        connect = rouse_connect(&rt.reactor, good[0]);
        rouse_future_drop(&connect.future);
        connect = rouse_connect(&rt.reactor, text);
        CHECK(N10, poll_once(&connect.future, wakes) == -EINVAL, "\"%s\" is connected to", text);
        rouse_future_drop(&connect.future);
    }
    CHECK_EQUAL(N10, world_open_descriptors(world), before, "open descriptors");
    rouse_close(&rt);
}

CASE(n10_a_path_may_be_as_long_as_the_system_takes_it, "N10", NEEDS_NOTHING,
     "paths of 1 to 110 bytes", "up to 107 they survive; from 108 on they are -EINVAL")
{
    (void) world;
    for (size_t length = 1; length <= 110; length++) {
        struct rouse_address address;
        char text[ROUSE_ADDRESS_TEXT] = "unix:", back[ROUSE_ADDRESS_TEXT];

        memset(text + 5, 'p', length);
        text[5 + length] = '\0';
        CHECK_EQUAL(N10, rouse_address_parse(&address, text), length < 108 ? 0 : -EINVAL, text);
        if (length >= 108)
            continue;
        CHECK_EQUAL(N10, rouse_address_format(&address, back, sizeof back), length + 5, text);
        CHECK(N10, strcmp(text, back) == 0, "\"%s\" becomes \"%s\"", text, back);
    }
}

CASE(
    n10_text_is_not_written_beyond_its_room, "N10", NEEDS_NOTHING,
    "addresses are written into rooms of every size up to what they need, and one without a family",
    "-ENOSPC where it does not fit, the length where it does, and no byte beyond; -EINVAL")
{
    struct rouse_address address = {0};
    char text[ROUSE_ADDRESS_TEXT];

    (void) world;
    CHECK_EQUAL(N10, rouse_address_format(&address, text, sizeof text), -EINVAL, "no family");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const size_t length = strlen(good[i]);

        rouse_address_parse(&address, good[i]);
        for (size_t room = 0; room <= length + 2; room++) {
            memset(text, '#', sizeof text);
            CHECK(N10,
                  rouse_address_format(&address, text, room)
                      == (room > length ? (int) length : -ENOSPC),
                  "\"%s\" in %zu bytes", good[i], room);
            for (size_t at = room; at < sizeof text; at++)
                CHECK(N10, text[at] == '#', "byte %zu of %zu was written to", at, room);
        }
    }
}

CASE(n10_random_addresses_survive, "N10", NEEDS_NOTHING,
     "2000 addresses drawn by a seed, many of their bytes zero, to text and back",
     "the same family, port, scope and bytes")
{
    uint64_t random = 88172645463325252u;

    (void) world;
    for (int i = 0; i < 2000; i++) {
        struct rouse_address address = {0}, back;
        char text[ROUSE_ADDRESS_TEXT];

        address.family = i % 2 ? ROUSE_IPV4 : ROUSE_IPV6;
        address.length = i % 2 ? 4 : 16;
        for (int at = 0; at < address.length + 6; at++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if (at < address.length)
                address.bytes[at] = (random >> 40) % 3 ? (uint8_t) (random >> 32) : 0;
            else if (at < address.length + 2)
                address.port = (uint16_t) ((uint64_t) address.port << 8 | (random >> 32 & 0xff));
            else if (address.family == ROUSE_IPV6 && i % 4 == 0)
                address.scope = address.scope << 8 | (uint32_t) (random >> 32 & 0xff);
        }
        CHECK(N10, rouse_address_format(&address, text, sizeof text) > 0, "it has no text");
        CHECK(N10, rouse_address_parse(&back, text) == 0, "\"%s\" is refused", text);
        CHECK(N10, memcmp(&address, &back, sizeof back) == 0, "\"%s\" is another address", text);
    }
}

CASE(n10_a_port_in_use_is_told_and_nothing_is_left, "N10", NEEDS_NOTHING,
     "a listener has a port; others want the same one, three times; then it is closed",
     "-EADDRINUSE and nothing left open; the first one goes on; then the port can be had")
{
    struct rouse_listener first, second;
    struct rouse_accept accept = rouse_accept(&first);
    struct rouse_address address;
    struct rouse rt;
    char text[ROUSE_ADDRESS_TEXT];
    intptr_t result = -1;
    int before;

    world_runtime(world, &rt);
    REQUIRE(N10, rouse_listen(&first, &rt.reactor, "127.0.0.1:0") == 0, "no listener");
    CHECK_EQUAL(N10, rouse_listener_address(&first, &address), 0, "asking for its address");
    CHECK(N10, address.family == ROUSE_IPV4 && address.port != 0, "it does not tell its port");
    rouse_address_format(&address, text, sizeof text);
    before = world_open_descriptors(world);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(N10, rouse_listen(&second, &rt.reactor, text), -EADDRINUSE, "a port in use");
    CHECK_EQUAL(N10, world_open_descriptors(world), before, "open descriptors");
    world_connect(world, &address);
    CHECK(N10, world_run(world, &rt, &accept.future, WORLD_SOON, &result) && result == 0,
          "the first listener gets no connection any more");
    /* A connection of a server that stopped lingers, and is in nobody's way. */
    if (result == 0)
        rouse_fd_close(&rt.reactor, accept.fd);
    rouse_listener_close(&first);
    CHECK_EQUAL(N10, rouse_listen(&second, &rt.reactor, text), 0, "listening there again");
    CHECK_EQUAL(N10, rouse_listener_address(&second, &address), 0, "asking for its address");
    rouse_listener_close(&second);
    rouse_close(&rt);
}

CASE(n10_an_address_that_is_not_ours_is_refused, "N10", NEEDS_KERNEL,
     "a listener on an address of documentation, which no machine has",
     "-EADDRNOTAVAIL, and nothing is left open")
{
    struct rouse_listener listener;
    struct rouse rt;
    int before, error;

    world_runtime(world, &rt);
    before = world_open_descriptors(world);
    error = rouse_listen(&listener, &rt.reactor, "192.0.2.1:0");
    if (error == 0) { /* systems can be told to allow it */
        suite_note("this machine listens on addresses that it does not have");
        rouse_listener_close(&listener);
    } else {
        CHECK_EQUAL(N10, error, -EADDRNOTAVAIL, "what is told of an address of somewhere else");
    }
    CHECK_EQUAL(N10, world_open_descriptors(world), before, "open descriptors");
    rouse_close(&rt);
}

CASE(n10_a_listener_tells_where_it_can_be_reached, "N10 N8", NEEDS_IPV6,
     "listeners over IPv4 and IPv6 get a port of the system's choice, and tell their address as "
     "text",
     "a connect to that text reaches them")
{
    static const char *const texts[] = {"127.0.0.1:0", "[::1]:0"};
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        char text[ROUSE_ADDRESS_TEXT];
        struct rouse_listener listener;
        struct rouse_address address;
        struct rouse_connect connect;
        struct rouse_accept accept;
        intptr_t result = -1;

        REQUIRE(N10, rouse_listen(&listener, &rt.reactor, texts[i]) == 0, "no listener");
        CHECK_EQUAL(N10, rouse_listener_address(&listener, &address), 0, "asking for its address");
        CHECK(N10, rouse_address_format(&address, text, sizeof text) > 0, "it has no text");
        connect = rouse_connect(&rt.reactor, text);
        CHECK(N10, world_run(world, &rt, &connect.future, WORLD_SOON, &result) && result == 0,
              "nobody is at %s: %s", text, rouse_strerror(result));
        accept = rouse_accept(&listener);
        if (result == 0) {
            CHECK(N10, world_run(world, &rt, &accept.future, WORLD_SOON, &result) && result == 0,
                  "somebody else is at %s", text);
            rouse_fd_close(&rt.reactor, connect.fd);
            if (result == 0)
                rouse_fd_close(&rt.reactor, accept.fd);
        }
        rouse_listener_close(&listener);
    }
    rouse_close(&rt);
}

CASE(n10_each_end_knows_where_both_are, "N10", NEEDS_NOTHING,
     "a listener on 127.0.0.1:0; connections by text and by address",
     "the listener, who connected and who was accepted tell that address, each its own port and "
     "the other's")
{
    const char *wrong = family_serves(world, ROUSE_IPV4);

    CHECK(N10, wrong == NULL, "%s", wrong);
}

CASE(n10_an_address_that_no_system_has_is_refused, "N10", NEEDS_NOTHING,
     "listen and connect are given no family, a strange one, a path that is too long to end, and "
     "one that is longer than there is room for",
     "they are -EINVAL or -EAFNOSUPPORT; and so is a socket of such a family")
{
    const struct rouse_sockets *sockets = world->sockets;
    struct rouse_address addresses[4] = {
        {.family = 0}, {.family = 99}, {.family = ROUSE_UNIX}, {.family = ROUSE_UNIX}};
    char text[ROUSE_ADDRESS_TEXT];
    rouse_fd fd;

    memset(addresses[2].bytes, 'p', sizeof addresses[2].bytes);
    addresses[2].length = sizeof addresses[2].bytes;
    addresses[3].length = UINT8_MAX;
    for (int i = 0; i < 4; i++) {
        int error;

        /* Of the family of the address, where there is one. */
        if ((i < 2 || sockets->open(sockets, ROUSE_UNIX, &fd) != 0)
            && sockets->open(sockets, ROUSE_IPV4, &fd) != 0)
            suite_error("no socket");
        error = sockets->listen(sockets, fd, &addresses[i], 1);
        CHECK(N10, error == -EINVAL || error == -EAFNOSUPPORT, "listen() says: %s",
              rouse_strerror(error));
        error = sockets->connect(sockets, fd, &addresses[i]);
        CHECK(N10, error == -EINVAL || error == -EAFNOSUPPORT, "connect() says: %s",
              rouse_strerror(error));
        sockets->close(sockets, fd);
        if (i < 2) {
            CHECK_EQUAL(N10, sockets->open(sockets, (enum rouse_family) addresses[i].family, &fd),
                        -EAFNOSUPPORT, "open()");
            CHECK_EQUAL(N10, rouse_address_format(&addresses[i], text, sizeof text), -EINVAL,
                        "its text");
        }
    }
}

/* Fills what the address of its family does not have. */
static void add_junk(struct rouse_address *address)
{
    memset(address->bytes + address->length, 0x5a, sizeof address->bytes - address->length);
    if (address->family != ROUSE_IPV6)
        address->scope = 0x5a5a;
    if (address->family == ROUSE_UNIX)
        address->port = 0x5a5a;
}

/* Listens and connects by addresses that hold more than they say. */
static void check_junk(struct world *world, enum rouse_family family)
{
    const struct rouse_sockets *sockets = world->sockets;
    struct rouse_address address, seen;
    rouse_fd listener, fd = ROUSE_NO_FD;

    world_address(world, family, &address);
    if (sockets->open(sockets, family, &listener) != 0 || sockets->open(sockets, family, &fd) != 0)
        suite_error("no sockets");
    world_take(world, listener);
    world_take(world, fd);
    add_junk(&address);
    REQUIRE(N10, sockets->listen(sockets, listener, &address, 8) == 0, "listen() is refused");
    CHECK_EQUAL(N10, sockets->local(sockets, listener, &seen), 0, "local()");
    CHECK(N10, seen.scope == 0 && (seen.port == 0) == (family == ROUSE_UNIX),
          "a listener is at port %u of scope %u", (unsigned) seen.port, (unsigned) seen.scope);
    for (size_t at = seen.length; at < sizeof seen.bytes; at++)
        CHECK(N10, seen.bytes[at] == 0, "byte %d is told, of %d", (int) at, seen.length);
    address = seen;
    add_junk(&address);
    address.port = family == ROUSE_UNIX ? 1 : seen.port;
    CHECK(N10, sockets->connect(sockets, fd, &address) != -ENOENT, "connect() finds nobody");
    world_accept(world, listener);
    CHECK_EQUAL(N10, sockets->peer(sockets, fd, &address), 0, "peer()");
    CHECK(N10, memcmp(&address, &seen, sizeof seen) == 0, "it is connected to somewhere else");
}

CASE(n10_what_its_family_does_not_have_is_no_part_of_an_address, "N10", NEEDS_NOTHING,
     "listen and connect are given IPv4 addresses with a scope, and bytes beyond their length",
     "they work as without, and nothing of it is told back")
{
    check_junk(world, ROUSE_IPV4);
}

CASE(n10_nor_of_a_path, "N10", NEEDS_UNIX,
     "listen and connect are given paths with a port, a scope, and bytes beyond their length",
     "they work as without, and nothing of it is told back")
{
    check_junk(world, ROUSE_UNIX);
}

CASE(
    n10_one_port_of_two_addresses_is_two, "N10", NEEDS_NOTHING,
    "two listen at one port, of 127.0.0.1 and 127.0.0.2, if this machine has both; one connects to "
    "each",
    "each listener has the one that asked for its address")
{
    const struct rouse_sockets *sockets = world->sockets;
    struct rouse_address addresses[2], seen;
    rouse_fd listeners[2], fd;
    int error;

    listeners[0] = world_listen(world, ROUSE_IPV4, 8, &addresses[0]);
    addresses[1] = addresses[0];
    addresses[1].bytes[3] = 2;
    if (sockets->open(sockets, ROUSE_IPV4, &listeners[1]) != 0)
        suite_error("no socket");
    world_take(world, listeners[1]);
    error = sockets->listen(sockets, listeners[1], &addresses[1], 8);
    if (error == -EADDRNOTAVAIL) {
        suite_note("this machine has no 127.0.0.2");
        return;
    }
    REQUIRE(N10, error == 0, "listening at the other address: %s", rouse_strerror(error));
    for (int i = 1; i >= 0; i--)
        world_connect(world, &addresses[i]);
    for (int i = 0; i < 2; i++) {
        fd = world_accept(world, listeners[i]);
        CHECK_EQUAL(N10, sockets->local(sockets, fd, &seen), 0, "local()");
        CHECK(N10, memcmp(&seen, &addresses[i], sizeof seen) == 0, "who was accepted is elsewhere");
    }
}

CASE(n10_an_address_of_a_strange_family_is_told_so, "N10", NEEDS_NON_SOCKETS | NEEDS_KERNEL,
     "a listener is opened on a socket of a family that rouse does not know, and asked where it is",
     "an error")
{
    struct rouse_listener listener;
    struct rouse_address address;
    struct rouse rt;

    world_runtime(world, &rt);
    rouse_listener_open(&listener, &rt.reactor, world_strange(world));
    CHECK(N10, rouse_listener_address(&listener, &address) < 0, "it has an address, of family %d",
          address.family);
    rouse_io_close(&listener.io);
    rouse_close(&rt);
}

CASES(net_n10) = {&n10_an_address_survives_the_way_to_text_and_back,
                  &n10_an_address_is_what_its_text_says,
                  &n10_text_that_is_no_address_is_told_so,
                  &n10_a_path_may_be_as_long_as_the_system_takes_it,
                  &n10_text_is_not_written_beyond_its_room,
                  &n10_random_addresses_survive,
                  &n10_a_port_in_use_is_told_and_nothing_is_left,
                  &n10_an_address_that_is_not_ours_is_refused,
                  &n10_a_listener_tells_where_it_can_be_reached,
                  &n10_each_end_knows_where_both_are,
                  &n10_an_address_of_a_strange_family_is_told_so,
                  &n10_an_address_that_no_system_has_is_refused,
                  &n10_what_its_family_does_not_have_is_no_part_of_an_address,
                  &n10_nor_of_a_path,
                  &n10_one_port_of_two_addresses_is_two};
