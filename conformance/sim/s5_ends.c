/*
 * s5_ends.c -- S5: how a connection in memory ends, and what of it each end is told.
 *
 * What Linux says of these was found out by asking it. An answer is written here as it is
 * read: "wR" is a write that is told -ECONNRESET.
 */
#include <errno.h>
#include <string.h>

#include "bench.h"

/* -- Ends -------------------------------------------------------------------- */

enum end { CLOSES, CLOSES_UNREAD, SHUTS_DOWN_AND_CLOSES_UNREAD, RESETS, BOTH_SHUT_DOWN };

static void end_connection(struct rouse_evq *evq, enum end end, const rouse_fd ends[2])
{
    const struct rouse_sockets *peer = rouse_sim_peer(evq);

    if (end == SHUTS_DOWN_AND_CLOSES_UNREAD || end == BOTH_SHUT_DOWN)
        peer->shutdown(peer, ends[1]);
    if (end == BOTH_SHUT_DOWN)
        peer->shutdown(peer, ends[0]);
    if (end == CLOSES_UNREAD || end == SHUTS_DOWN_AND_CLOSES_UNREAD)
        peer->write(peer, ends[0], "unread", 6);
    if (end == RESETS)
        rouse_sim_reset(evq, ends[1]);
    else if (end != BOTH_SHUT_DOWN)
        peer->close(peer, ends[1]);
}

/* A read, a write, a shutdown, or a question after the connection. */
static intptr_t call(const struct rouse_sockets *sockets, char what, rouse_fd fd)
{
    char byte = 'x';

    switch (what) {
    case 'r': return sockets->read(sockets, fd, &byte, 1);
    case 'w': return sockets->write(sockets, fd, &byte, 1);
    case 's': return sockets->shutdown(sockets, fd);
    default: return sockets->connected(sockets, fd);
    }
}

static intptr_t meaning(char answer)
{
    switch (answer) {
    case 'R': return -ECONNRESET;
    case 'P': return -EPIPE;
    case 'N': return -ENOTCONN;
    default: return answer - '0';
    }
}

CASE(s5_each_end_is_told_what_linux_tells_it, "S5", NEEDS_SIM,
     "connections over TCP and pairs end in every way, and the other end is read, written, shut "
     "down and asked after, in several orders",
     "each call is told what Linux tells; a reader is told of an end at once")
{
    static const struct {
        bool tcp;
        enum end end;
        const char *answers[6];
    } told[] = {
        {true, CLOSES, {"r0 r0 w1", "w1 wP r0", "w1 r0 r0", "s0 r0 wP", "w1 sN wP"}},
        {true, CLOSES_UNREAD, {"rR r0 wP", "wR wP r0", "cR r0 wP", "sN rR wP", "wR c0 wP"}},
        {true, SHUTS_DOWN_AND_CLOSES_UNREAD, {"r0 r0 wP", "wP wP r0", "sN r0 wP"}},
        {true, RESETS, {"rR r0 wP", "wR wP r0", "cR r0 wP", "sN rR wP", "wR c0 wP"}},
        {true, BOTH_SHUT_DOWN, {"r0 r0 wP", "wP wP r0", "c0 r0 wP", "sN r0 wP", "wP sN wP"}},
        {false, CLOSES, {"r0 r0 wP", "wP wP r0", "c0 r0 wP", "s0 r0 wP", "wP s0 wP"}},
        {false, CLOSES_UNREAD, {"rR r0 wP", "wP wP rR", "wP rR r0", "cR r0 wP", "s0 rR wP"}},
        {false, SHUTS_DOWN_AND_CLOSES_UNREAD, {"rR r0 wP", "wP wP rR", "cR r0 wP", "s0 rR wP"}},
        {false, RESETS, {"rR r0 wP", "wR wP r0", "cR r0 wP"}}, /* which no kernel can do */
        {false, BOTH_SHUT_DOWN, {"r0 r0 wP", "wP wP r0", "c0 r0 wP", "s0 r0 wP", "wP s0 wP"}},
    };
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    const struct rouse_sockets *sockets = evq->sockets;

    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        for (int n = 0; n < 6 && told[i].answers[n] != NULL; n++) {
            const char *answers = told[i].answers[n];
            struct rouse_source source = {0};
            rouse_fd ends[2];
            unsigned ready;

            if (told[i].tcp)
                sim_tcp_pair(evq, ends);
            else
                sim_pair(evq, ends);
            source.fd = ends[0];
            sim_arm(evq, &source, ROUSE_READABLE);
            end_connection(evq, told[i].end, ends);
            CHECK_EQUAL(S5, sim_waits(evq, &source, 0, 1, &ready), 1, "waits until it is known");
            evq->ops->forget(evq, &source);
            for (const char *at = answers; *at != '\0'; at += at[2] == ' ' ? 3 : 2) {
                const intptr_t answer = call(sockets, at[0], ends[0]);

                CHECK(S5, answer == meaning(at[1]), "%s, end %d, \"%s\": '%c' is told %lld",
                      told[i].tcp ? "TCP" : "a pair", (int) told[i].end, answers, at[0],
                      (long long) answer);
            }
            sockets->close(sockets, ends[0]);
            if (told[i].end == BOTH_SHUT_DOWN)
                sockets->close(sockets, ends[1]);
        }
    }
    CHECK_EQUAL(S5, rouse_sim_open_count(evq), 0, "descriptors left open");
    sim_queue_close(evq);
}

CASE(s5_who_is_nowhere_has_an_address_of_its_family, "S5", NEEDS_SIM,
     "local() of fresh sockets of each family, and peer() of both ends of a pair",
     "it is the empty address of the family, all of its length")
{
    static const struct {
        enum rouse_family family;
        uint8_t length;
    } fresh[] = {{ROUSE_IPV4, 4}, {ROUSE_IPV6, 16}, {ROUSE_UNIX, 0}};
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    const struct rouse_sockets *sockets = evq->sockets;
    rouse_fd fd, ends[2];

    sim_pair(evq, ends);
    for (int i = 0; i < 5; i++) {
        struct rouse_address expected = {.family = ROUSE_UNIX}, address;
        int error;

        memset(&address, 0xA5, sizeof address);
        if (i < 3) {
            expected.family = (uint8_t) fresh[i].family;
            expected.length = fresh[i].length;
            sockets->open(sockets, fresh[i].family, &fd);
            error = sockets->local(sockets, fd, &address);
            sockets->close(sockets, fd);
        } else {
            error = sockets->peer(sockets, ends[i - 3], &address);
        }
        CHECK_EQUAL(S5, error, 0, "local(), or peer()");
        CHECK(S5, memcmp(&address, &expected, sizeof address) == 0,
              "address %d is of family %d, and %d bytes", i, address.family, address.length);
    }
    sockets->close(sockets, ends[0]);
    sockets->close(sockets, ends[1]);
    sim_queue_close(evq);
}

/* -- Urgent data ------------------------------------------------------------- */

static intptr_t read_text(const struct rouse_sockets *sockets, rouse_fd fd, char text[100])
{
    const intptr_t count = sockets->read(sockets, fd, text, 99);

    text[count > 0 ? count : 0] = '\0';
    return count;
}

CASE(s5_a_read_stops_at_an_urgent_byte_and_goes_on_behind_it, "S5", NEEDS_SIM,
     "urgent bytes first, between others, last and alone, through streams of several sizes",
     "reads stop at the place of one, and nobody reads it; one that has a later one behind it is a "
     "byte as any other, unless it is the next to be read")
{
    static const struct {
        const char *sent; /* '!' is urgent */
        const char *reads[4];
    } runs[] = {
        {"ab!cd", {"ab", "cd"}}, {"!abc", {"abc"}},
        {"abc!", {"abc"}},       {"!", {NULL}},
        {"a!b!c", {"a!b", "c"}}, {"!!a", {"a"}},
        {"a!!b", {"a!", "b"}},   {"abcdefghijklmnop!qrs", {"abcdefghijklmnop", "qrs"}},
    };
    static const size_t sizes[] = {20, 21, 29, 64};

    for (size_t size = 0; size < 4; size++) {
        const struct rouse_sim_options options = {.size = sizeof options, .capacity = sizes[size]};
        struct rouse_evq *evq = sim_queue(world, &options, NULL);
        const struct rouse_sockets *sockets = evq->sockets;
        rouse_fd ends[2];
        char text[100];

        sim_tcp_pair(evq, ends);
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
            for (const char *at = runs[i].sent; *at != '\0'; at++)
                if (*at == '!')
                    CHECK_EQUAL(S5, rouse_sim_urgent(evq, ends[1], '!'), 0, "an urgent byte");
                else
                    CHECK_EQUAL(S5, sockets->write(sockets, ends[1], at, 1), 1, "another byte");
            for (int n = 0; n < 4 && runs[i].reads[n] != NULL; n++) {
                CHECK(S5, rouse_sim_ready(evq, ends[0]) & ROUSE_READABLE, "\"%s\": not readable",
                      runs[i].sent);
                read_text(sockets, ends[0], text);
                CHECK(S5, strcmp(text, runs[i].reads[n]) == 0, "\"%s\": read %d brings \"%s\"",
                      runs[i].sent, n, text);
            }
            CHECK_EQUAL(S5, rouse_sim_ready(evq, ends[0]), ROUSE_WRITABLE, "what it is ready for");
            CHECK_EQUAL(S5, read_text(sockets, ends[0], text), -EAGAIN, "and then");
        }
        sockets->close(sockets, ends[0]);
        sockets->close(sockets, ends[1]);
        sim_queue_close(evq);
    }
}

CASE(s5_an_urgent_byte_alone_does_not_fill_a_stream_for_ever, "S5 E2", NEEDS_SIM,
     "a reader waits when an urgent byte fills a stream of one; its writer waits for room, and "
     "somebody reads",
     "nothing is reported; the read is -EAGAIN, and the writer is told of room; bytes go on")
{
    const struct rouse_sim_options options = {.size = sizeof options, .capacity = 1};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    const struct rouse_sockets *sockets = evq->sockets;
    struct rouse_source source = {0}, reader = {0};
    unsigned ready;
    rouse_fd ends[2];
    char byte = 'x';

    sim_tcp_pair(evq, ends);
    source.fd = ends[1];
    reader.fd = ends[0];
    sim_arm(evq, &reader, ROUSE_READABLE);
    CHECK_EQUAL(S5, rouse_sim_urgent(evq, ends[1], '!'), 0, "an urgent byte");
    CHECK_EQUAL(S5, rouse_sim_urgent(evq, ends[1], '!'), -EAGAIN, "one without room");
    CHECK_EQUAL(S5, sim_waits(evq, &reader, 0, 1, &ready), 0, "waits for a byte, in vain");
    evq->ops->forget(evq, &reader);
    sim_arm(evq, &source, ROUSE_WRITABLE);
    CHECK_EQUAL(S5, sim_waits(evq, &source, 0, 1, &ready), 0, "waits for room, in vain");
    CHECK_EQUAL(S5, sockets->read(sockets, ends[0], &byte, 1), -EAGAIN, "a read");
    CHECK_EQUAL(E2, sim_waits(evq, &source, 0, 1, &ready), 1, "waits for room");
    CHECK_EQUAL(S5, sockets->write(sockets, ends[1], "y", 1), 1, "a write");
    CHECK(S5, sockets->read(sockets, ends[0], &byte, 1) == 1 && byte == 'y', "it does not arrive");
    evq->ops->forget(evq, &source);
    sockets->close(sockets, ends[0]);
    sockets->close(sockets, ends[1]);
    sim_queue_close(evq);
}

CASE(s5_urgent_data_that_nobody_can_get, "S5", NEEDS_SIM,
     "urgent data to a TCP peer that has closed, to one of a pair, and as a datagram",
     "over TCP it is sent, and what comes back ends the connection; a pair's end knows; a datagram "
     "has none")
{
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    const struct rouse_sockets *sockets = evq->sockets;
    rouse_fd ends[2];
    char byte;

    for (int pair = 0; pair < 2; pair++) {
        if (pair)
            sim_pair(evq, ends);
        else
            sim_tcp_pair(evq, ends);
        sockets->close(sockets, ends[1]);
        CHECK_EQUAL(S5, rouse_sim_urgent(evq, ends[0], '!'), pair ? -EPIPE : 0, "the first byte");
        CHECK_EQUAL(S5, rouse_sim_urgent(evq, ends[0], '!'), -EPIPE, "the second");
        sockets->close(sockets, ends[0]);
    }
    if (rouse_sim_datagrams(evq, ends) != 0)
        suite_error("no datagrams");
    CHECK_EQUAL(S5, rouse_sim_urgent(evq, ends[0], '!'), -EINVAL, "an urgent datagram");
    CHECK_EQUAL(S5, sockets->read(sockets, ends[1], &byte, 1), -EAGAIN, "a read of it");
    sockets->close(sockets, ends[0]);
    sockets->close(sockets, ends[1]);
    sim_queue_close(evq);
}

/* -- Datagrams --------------------------------------------------------------- */

CASE(s5_a_datagram_is_as_long_as_the_stream_holds_or_udp_carries, "S5", NEEDS_SIM,
     "the longest message that there can be, and one byte more, where a stream holds a few bytes, "
     "just enough, or more than enough",
     "with 4 bytes more it fills the stream, or has 65,507; it arrives whole, and a longer one is "
     "-EMSGSIZE")
{
    static const size_t sizes[][2] = {{4, 0},         {5, 1},         {1000, 996},
                                      {65510, 65506}, {65511, 65507}, {200000, 65507}};
    static char sent[65508], got[65508];

    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char) (i % 251);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const struct rouse_sim_options options = {.size = sizeof options, .capacity = sizes[i][0]};
        const size_t most = sizes[i][1];
        struct rouse_evq *evq = sim_queue(world, &options, NULL);
        const struct rouse_sockets *sockets = evq->sockets;
        rouse_fd ends[2];

        if (rouse_sim_datagrams(evq, ends) != 0)
            suite_error("no datagrams");
        CHECK_EQUAL(S5, sockets->write(sockets, ends[0], sent, most + 1), -EMSGSIZE,
                    "one byte too many");
        CHECK_EQUAL(S5, sockets->read(sockets, ends[1], got, sizeof got), -EAGAIN,
                    "what has arrived of it");
        for (int n = 0; n < 3; n++) {
            CHECK_EQUAL(S5, sockets->write(sockets, ends[0], sent, most), most, "the longest");
            memset(got, 0, sizeof got);
            CHECK_EQUAL(S5, sockets->read(sockets, ends[1], got, sizeof got), most, "it arrives");
            CHECK(S5, memcmp(got, sent, most) == 0, "%zu bytes arrive as others", most);
        }
        sockets->close(sockets, ends[0]);
        sockets->close(sockets, ends[1]);
        sim_queue_close(evq);
    }
}

CASES(sim_s5_ends) = {
    &s5_each_end_is_told_what_linux_tells_it,
    &s5_who_is_nowhere_has_an_address_of_its_family,
    &s5_a_read_stops_at_an_urgent_byte_and_goes_on_behind_it,
    &s5_an_urgent_byte_alone_does_not_fill_a_stream_for_ever,
    &s5_urgent_data_that_nobody_can_get,
    &s5_a_datagram_is_as_long_as_the_stream_holds_or_udp_carries,
};
