/*
 * s5_calls.c -- S5: what the calls of a simulated machine answer to sockets in every state,
 * and by which names a trace tells it.
 */
#include <errno.h>
#include <string.h>

#include "../fault/calls.h"
#include "../guest/environment.h"
#include "bench.h"

enum { PORT = 7000, NOBODY = 7001 };

static struct rouse_address path(uint8_t length)
{
    struct rouse_address address = {.family = ROUSE_UNIX, .length = length};

    memset(address.bytes, 'p', sizeof address.bytes);
    return address;
}

static rouse_fd open_socket(struct rouse_evq *evq, enum rouse_family family)
{
    rouse_fd fd;

    if (evq->sockets->open(evq->sockets, family, &fd) != 0)
        suite_error("no socket");
    return fd;
}

static int listen_on(struct rouse_evq *evq, rouse_fd fd, struct rouse_address address, int backlog)
{
    return evq->sockets->listen(evq->sockets, fd, &address, backlog);
}

static int connect_to(struct rouse_evq *evq, rouse_fd fd, struct rouse_address address)
{
    return evq->sockets->connect(evq->sockets, fd, &address);
}

static rouse_fd listener_at(struct rouse_evq *evq, struct rouse_address address, int backlog)
{
    const rouse_fd fd = open_socket(evq, (enum rouse_family) address.family);

    if (listen_on(evq, fd, address, backlog) != 0)
        suite_error("no listener");
    return fd;
}

static void close_all(struct rouse_evq *evq)
{
    for (rouse_fd fd = 0; rouse_sim_open_count(evq) > 0 && fd < 65536; fd++)
        evq->sockets->close(evq->sockets, fd);
}

/* Keeps the names of errors that a trace tells. */
struct names {
    char text[4096];
};

static void note_line(void *with, const char *line)
{
    struct names *names = with;
    const char *name = strstr(line, " E");

    if (name != NULL && strlen(names->text) + strlen(name) + 2 < sizeof names->text)
        strcat(strcat(names->text, name), "\n");
}

/* Memory with something behind each block. */
static void *resize_and_fill(void *with, void *block, size_t old_size, size_t size)
{
    const struct rouse_alloc *alloc = with;
    const size_t more = 64;
    uint8_t *bytes = alloc->resize(alloc->self, block, old_size > 0 ? old_size + more : 0,
                                   size > 0 ? size + more : 0);

    if (bytes != NULL && size > 0)
        memset(bytes + size, 0xA5, more);
    return bytes;
}

CASE(s5_what_is_not_open_is_ebadf_everywhere, "S5", NEEDS_SIM,
     "each call is made of numbers that are not open, high and low ones, with and without faults; "
     "there is something behind each block of memory",
     "it is -EBADF")
{
    static const rouse_fd numbers[] = {1, 5, 15, 16, 17, 99, 65535, 65536, INT32_MAX};
    const struct rouse_alloc filled = {.resize = resize_and_fill, .self = (void *) world->alloc};
    struct rouse_address address = sim_loopback(PORT);
    struct rouse_evq *evq;
    char byte = 'x';
    rouse_fd fd;

    if (rouse_sim_open(&evq, NULL, &filled) != 0)
        suite_error("no simulated queue");
    open_socket(evq, ROUSE_IPV4);
    for (int i = 0; i < 18; i++) {
        const struct rouse_sockets *sockets = evq->sockets;
        const rouse_fd number = numbers[i / 2];

        if (rouse_sim_faults(evq, i % 2 == 0 ? ""
                                             : "would-block=1000000 reset=1000000 lost=1000000 "
                                               "aborted=1000000 slow-connect=1000000 "
                                               "refused=1000000 short-read=1000000 "
                                               "short-write=1000000")
            != 0)
            suite_error("no faults");
        CHECK_EQUAL(S5, sockets->listen(sockets, number, &address, 1), -EBADF, "listen()");
        CHECK_EQUAL(S5, sockets->accept(sockets, number, &fd), -EBADF, "accept()");
        CHECK_EQUAL(S5, sockets->connect(sockets, number, &address), -EBADF, "connect()");
        CHECK_EQUAL(S5, sockets->connected(sockets, number), -EBADF, "connected()");
        CHECK_EQUAL(S5, sockets->read(sockets, number, &byte, 1), -EBADF, "read()");
        CHECK_EQUAL(S5, sockets->write(sockets, number, &byte, 1), -EBADF, "write()");
        CHECK_EQUAL(S5, sockets->shutdown(sockets, number), -EBADF, "shutdown()");
        CHECK_EQUAL(S5, sockets->local(sockets, number, &address), -EBADF, "local()");
        CHECK_EQUAL(S5, sockets->peer(sockets, number, &address), -EBADF, "peer()");
        CHECK_EQUAL(S5, rouse_sim_reset(evq, number), -EBADF, "rouse_sim_reset()");
        CHECK_EQUAL(S5, rouse_sim_urgent(evq, number, byte), -EBADF, "rouse_sim_urgent()");
        CHECK_EQUAL(S5, rouse_sim_ready(evq, number), -EBADF, "rouse_sim_ready()");
        sockets->close(sockets, number);
    }
    evq->ops->close(evq);
}

CASE(s5_a_socket_that_is_nowhere_or_listens_moves_no_bytes, "S5", NEEDS_SIM,
     "calls about a stream are made of a fresh socket, and of a listener",
     "each is -ENOTCONN; it is ready for nothing; and a reset closes it")
{
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    const struct rouse_sockets *sockets = evq->sockets;
    struct rouse_address address;
    char byte = 'x';

    for (int i = 0; i < 2; i++) {
        const rouse_fd fd =
            i == 0 ? open_socket(evq, ROUSE_IPV4) : listener_at(evq, sim_loopback(PORT), 1);

        CHECK_EQUAL(S5, sockets->read(sockets, fd, &byte, 1), -ENOTCONN, "read()");
        CHECK_EQUAL(S5, sockets->write(sockets, fd, &byte, 1), -ENOTCONN, "write()");
        CHECK_EQUAL(S5, sockets->shutdown(sockets, fd), -ENOTCONN, "shutdown()");
        CHECK_EQUAL(S5, sockets->connected(sockets, fd), -ENOTCONN, "connected()");
        CHECK_EQUAL(S5, sockets->peer(sockets, fd, &address), -ENOTCONN, "peer()");
        CHECK_EQUAL(S5, rouse_sim_ready(evq, fd), 0, "what it is ready for");
        CHECK_EQUAL(S5, rouse_sim_reset(evq, fd), 0, "rouse_sim_reset()");
        CHECK_EQUAL(S5, rouse_sim_open_count(evq), 0, "what is open after that");
    }
    sim_queue_close(evq);
}

CASE(s5_an_address_is_of_its_sockets_family_or_none, "S5", NEEDS_SIM,
     "addresses of another family, of no length, and of more than there are bytes",
     "listen and connect are -EAFNOSUPPORT or -EINVAL; there is no socket of a strange family")
{
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    const rouse_fd four = open_socket(evq, ROUSE_IPV4), local = open_socket(evq, ROUSE_UNIX);
    rouse_fd fd;

    CHECK_EQUAL(S5, listen_on(evq, four, path(3), 1), -EAFNOSUPPORT, "listen at a path");
    CHECK_EQUAL(S5, connect_to(evq, four, path(3)), -EAFNOSUPPORT, "connect to a path");
    CHECK_EQUAL(S5, listen_on(evq, local, path(0), 1), -EINVAL, "listen at no path");
    CHECK_EQUAL(S5, connect_to(evq, local, path(200)), -EINVAL, "connect to too long a path");
    CHECK_EQUAL(S5, connect_to(evq, local, path(3)), -ENOENT, "connect to a path where nobody is");
    CHECK_EQUAL(S5, evq->sockets->open(evq->sockets, (enum rouse_family) 99, &fd), -EAFNOSUPPORT,
                "a socket of a strange family");
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_any_address_is_every_address, "S5", NEEDS_SIM,
     "somebody listens at 0.0.0.0 or [::], at an address, at paths; and others would too, or "
     "connect to any",
     "-EADDRINUSE where the two overlap; who connects to any comes to the loopback")
{
    static const enum rouse_family families[] = {ROUSE_IPV4, ROUSE_IPV6};
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);

    for (int i = 0; i < 2; i++) {
        const enum rouse_family family = families[i];
        struct rouse_address any = {.family = (uint8_t) family, .port = PORT};
        struct rouse_address one = any, seen;
        rouse_fd first, second;

        any.length = one.length = family == ROUSE_IPV4 ? 4 : 16;
        one.bytes[0] = 127;
        one.bytes[one.length - 1] = 1;
        if (family == ROUSE_IPV6)
            one.bytes[0] = 0;
        first = listener_at(evq, any, 1);
        second = open_socket(evq, family);
        CHECK_EQUAL(S5, listen_on(evq, second, one, 1), -EADDRINUSE, "one beside any");
        CHECK_EQUAL(S5, connect_to(evq, second, any), -EINPROGRESS, "connect to any");
        CHECK_EQUAL(S5, evq->sockets->peer(evq->sockets, second, &seen), 0, "peer()");
        CHECK(S5, memcmp(&seen, &one, sizeof one) == 0, "it is not the loopback");
        evq->sockets->close(evq->sockets, first);
        evq->sockets->close(evq->sockets, second);
        first = listener_at(evq, one, 1);
        second = open_socket(evq, family);
        CHECK_EQUAL(S5, listen_on(evq, second, any, 1), -EADDRINUSE, "any beside one");
        close_all(evq);
    }
    listener_at(evq, path(3), 1);
    listener_at(evq, path(4), 1);
    CHECK_EQUAL(S5, listen_on(evq, open_socket(evq, ROUSE_UNIX), path(4), 1), -EADDRINUSE,
                "a path twice");
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_a_backlog_is_kept_and_the_next_moves_up, "S5", NEEDS_SIM,
     "backlogs of 1, of none, and less than none; more connect than they hold; some are accepted",
     "each that is accepted lets one more in, until all have been")
{
    static const int backlogs[] = {1, 0, -1, 1000000};

    for (int i = 0; i < 4; i++) {
        struct rouse_evq *evq = sim_queue(world, NULL, NULL);
        const struct rouse_sockets *sockets = evq->sockets;
        const rouse_fd listener = listener_at(evq, sim_loopback(PORT), backlogs[i]);
        rouse_fd fds[6], accepted;

        for (int k = 0; k < 6; k++) {
            const int error = (fds[k] = open_socket(evq, ROUSE_IPV4),
                               connect_to(evq, fds[k], sim_loopback(PORT)));

            CHECK(S5, error == 0 || error == -EINPROGRESS, "connect: %s", rouse_strerror(error));
        }
        for (int k = 0; k < 6; k++)
            CHECK_EQUAL(S5, sockets->accept(sockets, listener, &accepted), 0, "accept()");
        CHECK_EQUAL(S5, sockets->accept(sockets, listener, &accepted), -EAGAIN, "one more");
        for (int k = 0; k < 6; k++)
            CHECK_EQUAL(S5, sockets->connected(sockets, fds[k]), 0, "connected()");
        close_all(evq);
        sim_queue_close(evq);
    }
}

/* The port that a new listener gets who names none, or 0. */
static int next_port(struct rouse_evq *evq, rouse_fd *fd)
{
    struct rouse_address address;

    *fd = open_socket(evq, ROUSE_IPV4);
    if (listen_on(evq, *fd, sim_loopback(0), 1) != 0)
        return 0;
    evq->sockets->local(evq->sockets, *fd, &address);
    return address.port;
}

enum { FIRST = 49152, PORTS = 65536 - FIRST };

CASE(s5_ports_run_out, "S5", NEEDS_SIM,
     "every port that is given out is taken by a listener; then somebody listens or connects, "
     "and one closes",
     "-EADDRINUSE and -EADDRNOTAVAIL, which a trace calls so; and then it is his")
{
    struct names names = {""};
    const struct rouse_sim_options options = {
        .size = sizeof options, .trace = note_line, .trace_with = &names};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    const rouse_fd known = listener_at(evq, sim_loopback(PORT), 1);
    const rouse_fd client = open_socket(evq, ROUSE_IPV4);
    struct rouse_address address;
    rouse_fd fd = ROUSE_NO_FD, last = ROUSE_NO_FD;
    int error = 0, count = 0;

    /* A port of somebody who connects is nobody else's either. */
    CHECK_EQUAL(S5, connect_to(evq, client, sim_loopback(PORT)), -EINPROGRESS, "connect()");
    CHECK_EQUAL(S5, evq->sockets->local(evq->sockets, client, &address), 0, "local()");
    fd = open_socket(evq, ROUSE_IPV4);
    CHECK_EQUAL(S5, listen_on(evq, fd, address, 1), -EADDRINUSE, "listen at a client's port");
    evq->sockets->close(evq->sockets, client);
    evq->sockets->close(evq->sockets, fd);
    for (; error == 0 && count < 70000; count++) {
        last = fd;
        fd = open_socket(evq, ROUSE_IPV4);
        error = listen_on(evq, fd, sim_loopback(0), 1);
    }
    CHECK_EQUAL(S5, error, -EADDRINUSE, "listen() without a port left");
    CHECK_EQUAL(S5, count - 1, PORTS, "how many ports there are");
    CHECK_EQUAL(S5, connect_to(evq, fd, sim_loopback(PORT)), -EADDRNOTAVAIL,
                "connect() without a port left");
    CHECK(S5, strstr(names.text, "EADDRNOTAVAIL") != NULL, "no line tells of EADDRNOTAVAIL");
    evq->sockets->close(evq->sockets, last);
    CHECK_EQUAL(S5, listen_on(evq, fd, sim_loopback(0), 1), 0, "listen() with one");
    for (rouse_fd in_between = 100; in_between < PORTS; in_between += 64) {
        evq->sockets->local(evq->sockets, in_between, &address);
        evq->sockets->close(evq->sockets, in_between);
        CHECK_EQUAL(S5, next_port(evq, &fd), address.port, "the only port that is free");
    }
    (void) known;
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_a_port_is_the_lowest_that_is_free, "S5", NEEDS_SIM,
     "200 listeners have the port that they get, beside one at a port that is not given out; some "
     "close, and others open; somebody connects",
     "each has the lowest free port from 49,152 on, and who connects too")
{
    static const int freed[] = {1, 64, 130, 0, 63, 199};
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    struct rouse_address address;
    rouse_fd fds[201], client;

    listener_at(evq, sim_loopback(FIRST - 1), 1);
    listener_at(evq, sim_loopback(PORT), 1);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL(S5, next_port(evq, &fds[i]), FIRST + i, "a port");
    evq->sockets->close(evq->sockets, fds[1]);
    CHECK_EQUAL(S5, next_port(evq, &fds[1]), FIRST + 1, "a port that was free again");
    for (int i = 3; i < 200; i++)
        CHECK_EQUAL(S5, next_port(evq, &fds[i]), FIRST + i, "a port");
    for (int i = 0; i < 6; i++) {
        evq->sockets->close(evq->sockets, fds[freed[i]]);
        CHECK_EQUAL(S5, next_port(evq, &fds[freed[i]]), FIRST + freed[i],
                    "a port that was free again");
    }
    client = open_socket(evq, ROUSE_IPV4);
    CHECK_EQUAL(S5, connect_to(evq, client, sim_loopback(PORT)), -EINPROGRESS, "connect()");
    evq->sockets->local(evq->sockets, client, &address);
    CHECK_EQUAL(S5, address.port, FIRST + 200, "the port of who connects");
    CHECK_EQUAL(S5, next_port(evq, &fds[200]), FIRST + 201, "the next port");
    evq->sockets->close(evq->sockets, client);
    CHECK_EQUAL(S5, next_port(evq, &client), FIRST + 200, "the port of who connected");
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_a_port_is_free_when_its_last_listener_closes, "S5", NEEDS_SIM,
     "two listen at two addresses and one port that was given out; one closes, then both; and "
     "somebody closes who was accepted there",
     "the port is given out again when both have, and no port by who never had one")
{
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    struct rouse_address other = sim_loopback(FIRST);
    rouse_fd first, second, fd, client, accepted;

    CHECK_EQUAL(S5, next_port(evq, &first), FIRST, "a port");
    other.bytes[3] = 2;
    second = listener_at(evq, other, 1);
    evq->sockets->close(evq->sockets, first);
    CHECK_EQUAL(S5, next_port(evq, &first), FIRST + 1, "while one of two still listens");
    client = open_socket(evq, ROUSE_IPV4);
    CHECK_EQUAL(S5, connect_to(evq, client, other), -EINPROGRESS, "connect()");
    CHECK_EQUAL(S5, evq->sockets->accept(evq->sockets, second, &accepted), 0, "accept()");
    evq->sockets->close(evq->sockets, second);
    CHECK_EQUAL(S5, next_port(evq, &second), FIRST, "when none of them does");
    evq->sockets->close(evq->sockets, accepted); /* which was at that port too */
    CHECK_EQUAL(S5, next_port(evq, &fd), FIRST + 3, "behind a listener and who connected");
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_each_address_has_listeners_of_its_own, "S5", NEEDS_SIM,
     "some listen at one port of several addresses, over IPv4 and IPv6, and somebody connects",
     "they are in nobody's way; who connects reaches the one that he asked for, or is refused")
{
    static const char *const texts[] = {"127.0.0.1:7000", "127.0.0.2:7000", "[::1]:7000",
                                        "[::2]:7000"};
    static const char *const nowhere[] = {"127.0.0.3:7000", "[::3]:7000"};
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    struct rouse_address address, seen;
    rouse_fd listeners[4], fd, accepted;

    for (int i = 0; i < 4; i++) {
        rouse_address_parse(&address, texts[i]);
        listeners[i] = open_socket(evq, (enum rouse_family) address.family);
        CHECK_EQUAL(S5, listen_on(evq, listeners[i], address, 1), 0, texts[i]);
    }
    for (int i = 0; i < 4; i++) {
        rouse_address_parse(&address, texts[i]);
        fd = open_socket(evq, (enum rouse_family) address.family);
        CHECK_EQUAL(S5, connect_to(evq, fd, address), -EINPROGRESS, texts[i]);
        CHECK_EQUAL(S5, evq->sockets->accept(evq->sockets, listeners[i], &accepted), 0, texts[i]);
        evq->sockets->local(evq->sockets, accepted, &seen);
        CHECK(S5, memcmp(&seen, &address, sizeof seen) == 0, "who was accepted is elsewhere");
    }
    for (int i = 0; i < 2; i++) {
        rouse_address_parse(&address, nowhere[i]);
        fd = open_socket(evq, (enum rouse_family) address.family);
        connect_to(evq, fd, address);
        CHECK_EQUAL(S5, evq->sockets->connected(evq->sockets, fd), -ECONNREFUSED, nowhere[i]);
    }
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_who_was_accepted_meanwhile_is_not_reported, "S5", NEEDS_SIM,
     "a listener is armed, somebody connects, and is accepted before anybody waits",
     "nothing is reported, until somebody else connects")
{
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    struct rouse_source source = {.fd = listener_at(evq, sim_loopback(PORT), 8)};
    rouse_fd accepted;
    unsigned ready;

    sim_arm(evq, &source, ROUSE_READABLE);
    connect_to(evq, open_socket(evq, ROUSE_IPV4), sim_loopback(PORT));
    CHECK_EQUAL(S5, evq->sockets->accept(evq->sockets, source.fd, &accepted), 0, "accept()");
    CHECK_EQUAL(S5, sim_waits(evq, &source, 5, 1, &ready), 0, "a wait() with nobody there");
    CHECK_EQUAL(S5, evq->ops->now(evq), ROUSE_MS(5), "when it ends");
    connect_to(evq, open_socket(evq, ROUSE_IPV4), sim_loopback(PORT));
    CHECK_EQUAL(S5, sim_waits(evq, &source, 5, 1, &ready), 1, "a wait() with somebody");
    evq->ops->forget(evq, &source);
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_a_stream_without_memory_is_enomem, "S5", NEEDS_SIM,
     "streams that would hold more than there is; and connects while memory fails",
     "each is -ENOMEM, nothing is left open, and who did not connect is where he was")
{
    /* Both directions of the last two would fit, if sizes were counted round. */
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1};
    struct rouse_evq *evq;
    struct rouse_address before, after;
    rouse_fd ends[2], fd;

    for (int i = 0; i < 3; i++) {
        const struct rouse_sim_options options = {.size = sizeof options, .capacity = sizes[i]};

        evq = sim_queue(world, &options, NULL);
        CHECK_EQUAL(S5, evq->sockets->pair(evq->sockets, ends), -ENOMEM,
                    "a pair of endless streams");
        CHECK_EQUAL(S5, rouse_sim_open_count(evq), 0, "what is open");
        sim_queue_close(evq);
    }

    evq = sim_queue(world, NULL, NULL);
    listener_at(evq, path(3), 1);
    fd = open_socket(evq, ROUSE_UNIX);
    for (size_t n = 1;; n++) {
        int error;

        memory_fail(&world->memory, n, false);
        error = connect_to(evq, fd, path(3));
        memory_fail(&world->memory, 0, false);
        if (error == 0)
            break;
        CHECK_EQUAL(S5, error, -ENOMEM, "connect() without memory");
    }
    CHECK_EQUAL(S5, evq->sockets->connected(evq->sockets, fd), 0, "connected() with it");
    listener_at(evq, sim_loopback(PORT), 1);
    fd = open_socket(evq, ROUSE_IPV4);
    evq->sockets->local(evq->sockets, fd, &before);
    memory_fail(&world->memory, 1, true);
    CHECK_EQUAL(S5, connect_to(evq, fd, sim_loopback(PORT)), -ENOMEM, "connect() over TCP");
    memory_fail(&world->memory, 0, false);
    evq->sockets->local(evq->sockets, fd, &after);
    CHECK(S5, memcmp(&before, &after, sizeof before) == 0, "a connect that failed is somewhere");
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_whoever_is_late_for_ever_never_comes, "S5", NEEDS_SIM,
     "connects that take as long as there is time, when half of it has passed",
     "no deadline overflows: none has arrived")
{
    struct rouse_evq *evq = sim_queue(world, NULL, "slow-connect=1000000:9223372036854775807");

    listener_at(evq, sim_loopback(PORT), 100);
    rouse_sim_advance(evq, INT64_MAX / 2);
    for (int i = 0; i < 20; i++) {
        const rouse_fd fd = open_socket(evq, ROUSE_IPV4);

        CHECK_EQUAL(S5, connect_to(evq, fd, sim_loopback(PORT)), -EINPROGRESS, "connect()");
        CHECK_EQUAL(S5, connect_to(evq, fd, sim_loopback(PORT)), -EALREADY, "connect() again");
    }
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_whoever_comes_at_the_end_of_time_comes, "S5", NEEDS_SIM,
     "1,000 ns before the end of time connects begin that take 999 ns, 1,000 or 1,001",
     "each arrives at the last moment that there is, and not before")
{
    for (unsigned late = 999; late <= 1001; late++) {
        const struct rouse_sim_rule rule = {.ask = sim_say, .with = &late};
        struct rouse_evq *evq = sim_queue(world, NULL, NULL);
        struct rouse_source source = {0};
        struct rouse_event event;
        int reports = 0;

        rouse_sim_fault(evq, ROUSE_SIM_SLOW_CONNECT, &rule);
        listener_at(evq, sim_loopback(PORT), 1);
        rouse_sim_advance(evq, ROUSE_NEVER - 1000);
        source.fd = open_socket(evq, ROUSE_IPV4);
        CHECK_EQUAL(S5, connect_to(evq, source.fd, sim_loopback(PORT)), -EINPROGRESS, "connect()");
        sim_arm(evq, &source, ROUSE_WRITABLE);
        for (int i = 0; i < 2; i++)
            CHECK_EQUAL(S5, evq->ops->wait(evq, &event, 1, ROUSE_NEVER - 2), 0,
                        "who comes before the last moment");
        for (int i = 0; i < 2; i++)
            reports += evq->ops->wait(evq, &event, 1, ROUSE_NEVER - 1);
        CHECK_EQUAL(S5, reports, 1, "who comes at the last moment");
        CHECK_EQUAL(S5, evq->sockets->connected(evq->sockets, source.fd), 0, "how it ends");
        evq->ops->forget(evq, &source);
        close_all(evq);
        sim_queue_close(evq);
    }
}

CASE(s5_a_trace_tells_each_error_by_its_name, "S5", NEEDS_SIM,
     "calls fail in every way that there is, and the queue is traced",
     "each error stands in a line, by its name")
{
    static const char *const expected[] = {
        "EADDRINUSE",   "EAFNOSUPPORT", "EAGAIN",   "EALREADY", "EBADF",     "ECONNABORTED",
        "ECONNREFUSED", "EINPROGRESS",  "EINVAL",   "EISCONN",  "EMFILE",    "EMSGSIZE",
        "ENOENT",       "ENOMEM",       "ENOTCONN", "EPIPE",    "ECONNRESET"};
    static const char much[70000];
    struct names names = {""};
    const struct rouse_sim_options options = {
        .size = 0, .trace = note_line, .trace_with = &names, .descriptors = 40};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    const struct rouse_sockets *sockets = evq->sockets;
    rouse_fd ends[2], listener, fd, accepted;
    struct rouse_event event;
    char byte = 'x';

    listener = listener_at(evq, sim_loopback(PORT), 8);
    sockets->accept(sockets, listener, &accepted);     /* would block */
    sockets->accept(sockets, 99, &accepted);           /* not open */
    listen_on(evq, listener, sim_loopback(NOBODY), 1); /* listens already */
    fd = open_socket(evq, ROUSE_IPV4);
    listen_on(evq, fd, sim_loopback(PORT), 1);
    listen_on(evq, fd, path(3), 1);
    connect_to(evq, fd, sim_loopback(NOBODY));
    sockets->connected(sockets, fd);
    sockets->read(sockets, fd, &byte, 1);
    connect_to(evq, fd, sim_loopback(PORT)); /* was refused */
    fd = open_socket(evq, ROUSE_IPV4);
    sockets->read(sockets, fd, &byte, 1); /* not connected */
    connect_to(evq, fd, sim_loopback(PORT));
    connect_to(evq, fd, sim_loopback(PORT)); /* is connected */
    sockets->accept(sockets, listener, &accepted);
    rouse_sim_reset(evq, accepted);
    sockets->read(sockets, fd, &byte, 1); /* was reset */
    sockets->pair(sockets, ends);
    sockets->close(sockets, ends[1]);
    sockets->write(sockets, ends[0], &byte, 1);
    connect_to(evq, open_socket(evq, ROUSE_UNIX), path(3));
    if (rouse_sim_datagrams(evq, ends) != 0)
        suite_error("no datagrams");
    sockets->write(sockets, ends[0], much, sizeof much);
    if (rouse_sim_faults(evq, "slow-connect=1000000 aborted=1000000") != 0)
        suite_error("no faults");
    fd = open_socket(evq, ROUSE_IPV4);
    connect_to(evq, fd, sim_loopback(PORT));
    connect_to(evq, fd, sim_loopback(PORT)); /* on its way already */
    rouse_sim_advance(evq, ROUSE_SECONDS(10));
    evq->ops->wait(evq, &event, 1, 0);             /* it arrives */
    sockets->accept(sockets, listener, &accepted); /* aborted */
    rouse_sim_faults(evq, "");
    memory_fail(&world->memory, 1, false);
    sockets->open(sockets, ROUSE_IPV4, &fd);
    memory_fail(&world->memory, 0, false);
    while (sockets->open(sockets, ROUSE_IPV4, &fd) == 0) {
    }
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        CHECK(S5, strstr(names.text, expected[i]) != NULL, "no line tells of %s", expected[i]);
    CHECK(S5, strchr(names.text, '?') == NULL, "an error has no name");
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_a_simulation_that_cannot_open_says_why, "S5", NEEDS_SIM | NEEDS_FAILURES,
     "the one thing that a simulated queue has of the system, what it sleeps on, is refused",
     "it is -EMFILE, and nothing is left")
{
    const struct call_failure *failure = call_failures;
    struct rouse_evq *evq;
    int error;

    while (failure->call != NULL && strcmp(failure->call, "pipe2") != 0)
        failure++;
    calls_fail(world, failure, 1, false);
    error = rouse_sim_open(&evq, NULL, world->alloc);
    CHECK_EQUAL(S5, calls_end(), 1, "calls that failed");
    CHECK_EQUAL(S5, error, -failure->error, "open()");
    if (error == 0)
        sim_queue_close(evq);
}

CASE(s5_rules_that_nobody_checks_are_survived, "S5", NEEDS_SIM,
     "where no rule is checked, a descriptor has two sources, and is closed before it is forgotten",
     "the second is -EEXIST; closing forgets the first, and reports nothing")
{
    struct names names = {""};
    const struct rouse_sim_options options = {
        .size = sizeof options, .trace = note_line, .trace_with = &names};
    struct rouse_source first = {0}, second = {0};
    struct rouse_event event;
    struct rouse_evq *evq;
    rouse_fd ends[2];

    if (rouse_sim_open(&evq, &options, world->alloc) != 0)
        suite_error("no simulated queue");
    sim_pair(evq, ends);
    first.fd = second.fd = ends[0];
    CHECK_EQUAL(S5, evq->ops->arm(evq, &first, ROUSE_READABLE), 0, "arm()");
    if (!SUITE_RULES)
        CHECK_EQUAL(S5, evq->ops->arm(evq, &second, ROUSE_READABLE), -EEXIST, "arm() of a second");
    CHECK(S5, SUITE_RULES || strstr(names.text, "EEXIST") != NULL, "no line tells of EEXIST");
    if (SUITE_RULES)
        evq->ops->forget(evq, &first);
    evq->sockets->close(evq->sockets, ends[0]);
    CHECK_EQUAL(S5, evq->ops->wait(evq, &event, 1, 0), 0, "reports of what was closed");
    CHECK_EQUAL(S5, first.armed, 0, "what is armed of it");
    evq->ops->forget(evq, &first);
    close_all(evq);
    sim_queue_close(evq);
}

CASE(s5_datagram_sockets_are_connected_already, "S5", NEEDS_SIM,
     "two datagram sockets are made, while there is memory and while there is none; one connects",
     "-ENOMEM leaves nothing; and whoever connects is -EISCONN")
{
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    rouse_fd ends[2];

    memory_fail(&world->memory, 1, true);
    CHECK_EQUAL(S5, rouse_sim_datagrams(evq, ends), -ENOMEM, "datagrams without memory");
    memory_fail(&world->memory, 0, false);
    CHECK_EQUAL(S5, rouse_sim_open_count(evq), 0, "what is open");
    CHECK_EQUAL(S5, rouse_sim_datagrams(evq, ends), 0, "datagrams");
    CHECK_EQUAL(S5, connect_to(evq, ends[0], sim_loopback(PORT)), -EISCONN, "connect()");
    close_all(evq);
    sim_queue_close(evq);
}

CASE(
    s5_the_end_of_time_is_not_passed, "S5", NEEDS_SIM,
    "the clock stands a moment before the end of time, a wake fails and comes late, and wait() "
    "has a deadline there, or none that still comes; then somebody moves it to the end, and beyond",
    "no time overflows, each wait() ends, and there is always time left")
{
    struct rouse_evq *evq = sim_queue(world, NULL, "failed-wake=1000000 late-clock=1000000");
    struct rouse_event event;

    for (int i = 0; i < 4; i++) {
        evq->ops->wake(evq);
        CHECK_EQUAL(S5, evq->ops->wait(evq, &event, 1, 0), 0, "a wait() that may not wait");
    }
    rouse_sim_advance(evq, ROUSE_NEVER - 2);
    for (int i = 0; i < 4; i++) {
        const rouse_time before = evq->ops->now(evq);

        evq->ops->wake(evq);
        CHECK_EQUAL(S5, evq->ops->wait(evq, &event, 1, ROUSE_NEVER - 1), 0, "a wait() at the end");
        CHECK(S5, evq->ops->now(evq) >= before && evq->ops->now(evq) < ROUSE_NEVER, "it is %lld",
              (long long) evq->ops->now(evq));
    }
    sim_queue_close(evq);
    evq = sim_queue(world, NULL, NULL);
    rouse_sim_advance(evq, 1);
    CHECK_EQUAL(S5, evq->ops->now(evq), 1, "the time, a nanosecond later");
    for (int i = 0; i < 2; i++) {
        rouse_sim_advance(evq, i == 0 ? ROUSE_NEVER - 1 : ROUSE_NEVER);
        CHECK(S5, evq->ops->now(evq) == ROUSE_NEVER - 1, "the last moment is %lld",
              (long long) evq->ops->now(evq));
    }
    sim_queue_close(evq);
}

static void advance_another(void *evq)
{
    rouse_sim_advance(evq, 1);
}

CASE(s5_what_is_asked_of_another_queue_is_caught, "S5", NEEDS_SIM | NEEDS_RULES,
     "a function of sim.h is given a queue without sockets of its own",
     "it stops with a line that says so")
{
    const struct rouse_evq_ops *poll = rouse_backend("poll");
    struct rouse_evq *evq = NULL;

    if (poll == NULL || poll->open(&evq, NULL) != 0)
        suite_error("no other queue");
    CHECK_MISUSE(S5, advance_another, evq, "not a simulated queue");
    evq->sockets = rouse_host_sockets();
    CHECK_MISUSE(S5, advance_another, evq, "not a simulated queue");
    evq->sockets = NULL;
    evq->ops->close(evq);
}

CASES(sim_s5_calls) = {&s5_what_is_not_open_is_ebadf_everywhere,
                       &s5_a_socket_that_is_nowhere_or_listens_moves_no_bytes,
                       &s5_an_address_is_of_its_sockets_family_or_none,
                       &s5_any_address_is_every_address,
                       &s5_a_backlog_is_kept_and_the_next_moves_up,
                       &s5_ports_run_out,
                       &s5_a_port_is_the_lowest_that_is_free,
                       &s5_a_port_is_free_when_its_last_listener_closes,
                       &s5_each_address_has_listeners_of_its_own,
                       &s5_who_was_accepted_meanwhile_is_not_reported,
                       &s5_a_stream_without_memory_is_enomem,
                       &s5_whoever_is_late_for_ever_never_comes,
                       &s5_whoever_comes_at_the_end_of_time_comes,
                       &s5_a_trace_tells_each_error_by_its_name,
                       &s5_a_simulation_that_cannot_open_says_why,
                       &s5_rules_that_nobody_checks_are_survived,
                       &s5_datagram_sockets_are_connected_already,
                       &s5_the_end_of_time_is_not_passed,
                       &s5_what_is_asked_of_another_queue_is_caught};
