/*
 * s5_a_small_machine.c -- S5: descriptors, room, batches, and connects that take their time.
 */
#include <errno.h>
#include <string.h>

#include "../guest/environment.h"
#include "bench.h"

CASE(s5_a_descriptor_is_the_lowest_that_is_free, "S5", NEEDS_SIM,
     "eight sockets open where eight may; some close, and others open",
     "each has the lowest free number; the ninth is -EMFILE")
{
    const struct rouse_sim_options options = {.size = sizeof options, .descriptors = 8};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    const struct rouse_sockets *sockets = evq->sockets;
    rouse_fd fd, ends[2];

    for (int i = 0; i < 8; i++) {
        CHECK_EQUAL(S5, sockets->open(sockets, ROUSE_IPV4, &fd), 0, "what open() is told");
        CHECK_EQUAL(S5, fd, i, "a new descriptor");
    }
    CHECK_EQUAL(S5, sockets->open(sockets, ROUSE_IPV4, &fd), -EMFILE, "one too many");
    CHECK_EQUAL(S5, rouse_sim_open_count(evq), 8, "how many are open");
    sockets->close(sockets, 5);
    CHECK_EQUAL(S5, sockets->pair(sockets, ends), -EMFILE, "a pair where there is one left");
    sockets->close(sockets, 2);
    sockets->close(sockets, 6);
    CHECK_EQUAL(S5, sockets->pair(sockets, ends), 0, "a pair");
    CHECK_EQUAL(S5, ends[0], 2, "its first end");
    CHECK_EQUAL(S5, ends[1], 5, "its second end");
    CHECK_EQUAL(S5, sockets->open(sockets, ROUSE_UNIX, &fd), 0, "the last one");
    CHECK_EQUAL(S5, fd, 6, "the last descriptor");
    for (fd = 0; fd < 8; fd++)
        sockets->close(sockets, fd);
    CHECK_EQUAL(S5, rouse_sim_open_count(evq), 0, "how many are open in the end");
    sim_queue_close(evq);
}

CASE(s5_a_machine_is_as_large_as_sim_h_says, "S5", NEEDS_SIM,
     "a machine without options holds as much as it can; another one may have one descriptor",
     "65,536 descriptors, and 65,536 bytes in each direction of a stream; and one is one")
{
    struct rouse_sim_options options = {.size = sizeof options};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    static const char bytes[70000];
    rouse_fd ends[2], fd;
    int error = 0;

    sim_pair(evq, ends);
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(S5, evq->sockets->write(evq->sockets, ends[i], bytes, sizeof bytes), 65536,
                    "what a direction holds");
    while (error == 0)
        error = evq->sockets->open(evq->sockets, ROUSE_IPV4, &fd);
    CHECK_EQUAL(S5, error, -EMFILE, "one too many");
    CHECK_EQUAL(S5, rouse_sim_open_count(evq), 65536, "how many are open");
    sim_queue_close(evq);
    options.descriptors = 1;
    evq = sim_queue(world, &options, NULL);
    CHECK_EQUAL(S5, evq->sockets->open(evq->sockets, ROUSE_IPV4, &fd), 0, "the only one");
    CHECK_EQUAL(S5, evq->sockets->open(evq->sockets, ROUSE_IPV4, &fd), -EMFILE, "a second");
    sim_queue_close(evq);
}

CASE(s5_a_stream_holds_its_capacity, "S5", NEEDS_SIM,
     "streams of 1, 3 and 1,000 bytes are filled and emptied, some of it at a time",
     "each direction holds as much, takes what there is room for, and is ready when it has any")
{
    static const size_t sizes[] = {1, 3, 1000};

    for (int i = 0; i < 3; i++) {
        const struct rouse_sim_options options = {.size = sizeof options, .capacity = sizes[i]};
        const intptr_t size = (intptr_t) sizes[i], half = (size + 1) / 2;
        struct rouse_evq *evq = sim_queue(world, &options, NULL);
        const struct rouse_sockets *sockets = evq->sockets;
        char bytes[2000] = {0};
        rouse_fd ends[2];

        sim_pair(evq, ends);
        CHECK_EQUAL(S5, sockets->write(sockets, ends[0], bytes, 2000), size, "a first write");
        CHECK_EQUAL(S5, sockets->write(sockets, ends[0], bytes, 1), -EAGAIN, "a byte too many");
        CHECK_EQUAL(S5, sockets->write(sockets, ends[1], bytes, 2000), size, "the other way");
        CHECK_EQUAL(S5, rouse_sim_ready(evq, ends[0]), ROUSE_READABLE, "a full end is");
        CHECK_EQUAL(S5, sockets->read(sockets, ends[1], bytes, (size_t) half), half, "a read");
        CHECK_EQUAL(S5, rouse_sim_ready(evq, ends[0]), ROUSE_READABLE | ROUSE_WRITABLE,
                    "an end with room is");
        CHECK_EQUAL(S5, sockets->write(sockets, ends[0], bytes, 2000), half, "what has room");
        sockets->close(sockets, ends[0]);
        sockets->close(sockets, ends[1]);
        sim_queue_close(evq);
    }
}

CASE(s5_a_wait_brings_its_batch, "S5 E10", NEEDS_SIM,
     "seven sources are ready, a wait() brings three, and its array holds eight, or two; or it "
     "brings one",
     "three come at a time, or two, or one, and all of them in the end")
{
    struct rouse_sim_options options = {.size = sizeof options, .batch = 3};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    static const int counts[] = {3, 3, 1, 0};
    struct rouse_source sources[8] = {0};
    struct rouse_event events[8];
    rouse_fd ends[2];

    for (int i = 0; i < 8; i += 2) {
        sim_pair(evq, ends);
        sources[i].fd = ends[0];
        sources[i + 1].fd = ends[1];
    }
    for (int i = 0; i < 7; i++)
        sim_arm(evq, &sources[i], ROUSE_WRITABLE);
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(E10, evq->ops->wait(evq, events, 8, 0), counts[i], "what a wait() brings");
    for (int i = 0; i < 7; i++)
        sim_arm(evq, &sources[i], ROUSE_WRITABLE);
    CHECK_EQUAL(S5, evq->ops->wait(evq, events, 2, 0), 2, "what a smaller array brings");
    for (int i = 0; i < 8; i++) {
        evq->ops->forget(evq, &sources[i]);
        evq->sockets->close(evq->sockets, sources[i].fd);
    }
    sim_queue_close(evq);
    options.batch = 1;
    evq = sim_queue(world, &options, NULL);
    sim_pair(evq, ends);
    for (int i = 0; i < 2; i++) {
        sources[i].fd = ends[i];
        sim_arm(evq, &sources[i], ROUSE_WRITABLE);
    }
    for (int left = 2; left >= 0; left--)
        CHECK_EQUAL(S5, evq->ops->wait(evq, events, 8, 0), left > 0, "what a batch of one brings");
    for (int i = 0; i < 2; i++)
        evq->ops->forget(evq, &sources[i]);
    sim_queue_close(evq);
}

/* -- Connects ---------------------------------------------------------------- */

/* Begins to connect to `port` of this machine. */
static rouse_fd begin_connect(struct rouse_evq *evq, uint16_t port)
{
    const struct rouse_sockets *sockets = evq->sockets;
    struct rouse_address address = sim_loopback(port);
    rouse_fd fd;

    if (sockets->open(sockets, ROUSE_IPV4, &fd) != 0
        || sockets->connect(sockets, fd, &address) != -EINPROGRESS)
        suite_error("no connect");
    return fd;
}

static int connect_again(struct rouse_evq *evq, rouse_fd fd, uint16_t port)
{
    const struct rouse_address address = sim_loopback(port);

    return evq->sockets->connect(evq->sockets, fd, &address);
}

static rouse_fd listen_at(struct rouse_evq *evq, uint16_t port)
{
    const struct rouse_sockets *peer = rouse_sim_peer(evq);
    struct rouse_address address = sim_loopback(port);
    rouse_fd fd;

    if (peer->open(peer, ROUSE_IPV4, &fd) != 0 || peer->listen(peer, fd, &address, 8) != 0)
        suite_error("no listener");
    return fd;
}

/* Waits for a connect to end, as what it does, and when. */
static void await_connect(struct rouse_evq *evq, rouse_fd fd, int outcome, rouse_time soonest,
                          rouse_time latest)
{
    struct rouse_source source = {.fd = fd};
    unsigned ready;
    rouse_time now;

    CHECK_EQUAL(S5, evq->sockets->connected(evq->sockets, fd), -EINPROGRESS, "on its way it is");
    sim_arm(evq, &source, ROUSE_WRITABLE);
    CHECK_EQUAL(S5, sim_waits(evq, &source, 1000, 1, &ready), 1, "waits that it takes");
    CHECK_EQUAL(S5, ready, ROUSE_WRITABLE, "what is reported");
    now = evq->ops->now(evq);
    CHECK(S5, now >= soonest && now <= latest, "it ends at %lld", (long long) now);
    CHECK_EQUAL(S5, evq->sockets->connected(evq->sockets, fd), outcome, "how it ends");
    evq->ops->forget(evq, &source);
}

CASE(s5_a_slow_connect_arrives_in_its_time, "S5", NEEDS_SIM,
     "connects that take up to 50 ms: to a listener, to nobody, to one that opens or closes "
     "meanwhile",
     "each ends in its time by what is there then; who gives up leaves nothing behind")
{
    struct rouse_evq *evq = sim_queue(world, NULL, "slow-connect=1000000:50000000");
    const struct rouse_sockets *peer = rouse_sim_peer(evq);
    rouse_fd listeners[3], fds[5], accepted;

    listeners[0] = listen_at(evq, 1);
    listeners[1] = listen_at(evq, 2);
    for (uint16_t i = 0; i < 5; i++)
        fds[i] = begin_connect(evq, (uint16_t) (i % 4 + 1));
    CHECK_EQUAL(S5, peer->accept(peer, listeners[0], &accepted), -EAGAIN,
                "who is still on the way");
    peer->close(peer, listeners[1]);
    listeners[2] = listen_at(evq, 3);
    peer->close(peer, fds[4]);
    await_connect(evq, fds[0], 0, 1, ROUSE_MS(50));
    rouse_sim_advance(evq, ROUSE_MS(50));
    CHECK_EQUAL(S5, peer->accept(peer, listeners[0], &accepted), 0, "who has arrived");
    peer->close(peer, accepted);
    for (int i = 1; i < 4; i++) {
        static const int outcomes[] = {0, -ECONNREFUSED, 0, -ECONNREFUSED};
        struct rouse_source source = {.fd = fds[i]};
        unsigned ready;

        sim_arm(evq, &source, ROUSE_WRITABLE);
        CHECK_EQUAL(S5, sim_waits(evq, &source, 0, 1, &ready), 1, "waits for a late one");
        CHECK_EQUAL(S5, evq->sockets->connected(evq->sockets, fds[i]), outcomes[i], "how it ends");
        evq->ops->forget(evq, &source);
    }
    CHECK_EQUAL(S5, peer->accept(peer, listeners[2], &accepted), 0, "at the one that opened");
    peer->close(peer, accepted);
    CHECK_EQUAL(S5, peer->accept(peer, listeners[0], &accepted), -EAGAIN, "who gave up");
    for (int i = 0; i < 4; i++)
        peer->close(peer, fds[i]);
    peer->close(peer, listeners[0]);
    peer->close(peer, listeners[2]);
    CHECK_EQUAL(S5, rouse_sim_open_count(evq), 0, "what is left open");
    sim_queue_close(evq);
}

CASE(s5_a_slow_connect_ends_a_wait_without_limit, "S5", NEEDS_SIM,
     "a connect is on its way, and wait() has no deadline", "it ends when the connect does")
{
    struct rouse_evq *evq = sim_queue(world, NULL, "slow-connect=x:9000");
    const rouse_fd listener = listen_at(evq, 1), fd = begin_connect(evq, 1);
    struct rouse_source source = {.fd = fd};
    struct rouse_event event;

    sim_arm(evq, &source, ROUSE_WRITABLE);
    CHECK_EQUAL(S5, evq->ops->wait(evq, &event, 1, ROUSE_NEVER), 1, "what it brings");
    CHECK(S5, evq->ops->now(evq) > 0 && evq->ops->now(evq) <= 9000, "it ends at %lld",
          (long long) evq->ops->now(evq));
    evq->ops->forget(evq, &source);
    evq->sockets->close(evq->sockets, fd);
    evq->sockets->close(evq->sockets, listener);
    sim_queue_close(evq);
}

/* -- What is no connection --------------------------------------------------- */

/* Reads and writes, asks who is there, and tries to make something else of it. */
static void check_answers(struct rouse_evq *evq, rouse_fd fd, const int answers[7],
                          const char *what)
{
    const struct rouse_sockets *sockets = evq->sockets;
    struct rouse_address address = sim_loopback(1);
    char bytes[4] = {0};
    rouse_fd accepted;

    CHECK(S5, sockets->connected(sockets, fd) == answers[0], "%s: connected()", what);
    CHECK(S5, sockets->read(sockets, fd, bytes, 4) == answers[1], "%s: read()", what);
    CHECK(S5, sockets->write(sockets, fd, bytes, 4) == answers[2], "%s: write()", what);
    CHECK(S5, sockets->connect(sockets, fd, &address) == answers[3], "%s: connect()", what);
    CHECK(S5, sockets->listen(sockets, fd, &address, 4) == answers[4], "%s: listen()", what);
    CHECK(S5, sockets->accept(sockets, fd, &accepted) == answers[5], "%s: accept()", what);
    CHECK(S5, sockets->peer(sockets, fd, &address) == answers[6], "%s: peer()", what);
}

CASE(s5_calls_at_the_wrong_time_answer_as_linux_does, "S5", NEEDS_SIM,
     "a socket that is on its way, one that was refused, a listener, and what was never open",
     "each call has the error that Linux has for it; the first to meet a refusal is told it")
{
    static const int on_its_way[] = {-EINPROGRESS, -EAGAIN, -EAGAIN,  -EALREADY,
                                     -EINVAL,      -EINVAL, -ENOTCONN};
    static const int listening[] = {-ENOTCONN, -ENOTCONN, -ENOTCONN, -EISCONN,
                                    -EINVAL,   -EAGAIN,   -ENOTCONN};
    static const int closed[] = {-EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF};
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    const struct rouse_sockets *sockets = evq->sockets;
    const rouse_fd listener = listen_at(evq, 1);
    rouse_fd fds[10];
    char bytes[4] = {0};

    check_answers(evq, listener, listening, "a listener");
    for (int i = 0; i < 10; i++)
        fds[i] = begin_connect(evq, 1); /* the tenth finds the backlog of 8 full */
    check_answers(evq, fds[9], on_its_way, "on its way");
    check_answers(evq, 99, closed, "not open");
    CHECK_EQUAL(S5, sockets->connect(sockets, fds[0], NULL), -EISCONN, "connect() once more");
    sockets->close(sockets, listener);
    CHECK_EQUAL(S5, sockets->connected(sockets, fds[9]), -ECONNREFUSED, "nobody is there any more");
    CHECK_EQUAL(S5, sockets->connected(sockets, fds[0]), -ECONNRESET, "was never accepted");
    for (int i = 0; i < 10; i++)
        sockets->close(sockets, fds[i]);
    for (int first = 0; first < 2; first++) {
        const rouse_fd fd = begin_connect(evq, 2);

        if (first == 0)
            CHECK_EQUAL(S5, sockets->read(sockets, fd, bytes, 4), -ECONNREFUSED, "a first read");
        else
            CHECK_EQUAL(S5, sockets->write(sockets, fd, bytes, 4), -ECONNREFUSED, "a first write");
        CHECK_EQUAL(S5, sockets->read(sockets, fd, bytes, 4), 0, "a second read");
        CHECK_EQUAL(S5, sockets->write(sockets, fd, bytes, 4), -EPIPE, "a second write");
        CHECK_EQUAL(S5, sockets->shutdown(sockets, fd), -ENOTCONN, "shutdown()");
        sockets->close(sockets, fd);
    }
    fds[0] = begin_connect(evq, 2);
    CHECK_EQUAL(S5, sockets->connected(sockets, fds[0]), -ECONNREFUSED, "how it ended");
    CHECK_EQUAL(S5, sockets->read(sockets, fds[0], bytes, 4), 0, "a read, once that is told");
    CHECK_EQUAL(S5, sockets->write(sockets, fds[0], bytes, 4), -EPIPE, "a write");
    CHECK(S5, connect_again(evq, fds[0], 2) < 0, "connect(), once refused, says 0");
    sockets->close(sockets, fds[0]);
    CHECK_EQUAL(S5, rouse_sim_reset(evq, 99), -EBADF, "a reset of nothing");
    CHECK_EQUAL(S5, rouse_sim_urgent(evq, 99, '!'), -EBADF, "urgent data to nobody");
    CHECK_EQUAL(S5, rouse_sim_ready(evq, 99), -EBADF, "a look at nothing");
    CHECK_EQUAL(S5, rouse_sim_open_count(evq), 0, "what is left open");
    sim_queue_close(evq);
}

/* -- Options ----------------------------------------------------------------- */

CASE(s5_options_may_be_of_an_older_program, "S5", NEEDS_SIM,
     "options whose size ends before the batch, with something behind", "only what it names counts")
{
    struct rouse_sim_options options = {
        .size = offsetof(struct rouse_sim_options, batch), .descriptors = 2, .batch = 1};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    struct rouse_source sources[2] = {0};
    struct rouse_event events[4];
    rouse_fd ends[2], fd;

    sim_pair(evq, ends);
    CHECK_EQUAL(S5, evq->sockets->open(evq->sockets, ROUSE_IPV4, &fd), -EMFILE, "one too many");
    for (int i = 0; i < 2; i++) {
        sources[i].fd = ends[i];
        sim_arm(evq, &sources[i], ROUSE_WRITABLE);
    }
    CHECK_EQUAL(S5, evq->ops->wait(evq, events, 4, 0), 2, "what a wait() brings");
    for (int i = 0; i < 2; i++) {
        evq->ops->forget(evq, &sources[i]);
        evq->sockets->close(evq->sockets, ends[i]);
    }
    sim_queue_close(evq);
}

CASE(s5_the_environment_says_what_the_program_does_not, "S5 X3", NEEDS_SIM,
     "a queue opens with and without options, while ROUSE_SIM names some",
     "it counts only without; where it cannot be read nothing opens")
{
    static const char *const wrong[] = {"descriptors=",
                                        "capacity=",
                                        "batch=",
                                        "seed=",
                                        "descriptors=-1",
                                        "capacity=x",
                                        "batch=1;",
                                        "batch=99999999999",
                                        "seed=18446744073709551616",
                                        "speed=1",
                                        "batch"};
    static const int wrong_count = sizeof wrong / sizeof *wrong;
    const struct rouse_sim_options none = {.size = sizeof none};
    struct rouse_evq *evq;
    struct rouse_source sources[2] = {0};
    struct rouse_event events[2];
    rouse_fd ends[2], fd;
    char bytes[8] = {0};

    environment_set("ROUSE_SIM", "seed=18446744073709551615, capacity=5 descriptors=2 batch=1 "
                                 "no-descriptor=.x");
    if (rouse_sim_open(&evq, NULL, world->alloc) != 0)
        suite_error("no simulated queue");
    CHECK_EQUAL(S5, evq->sockets->pair(evq->sockets, ends), 0, "a pair");
    for (int i = 0; i < 2; i++) {
        sources[i].fd = ends[i];
        sim_arm(evq, &sources[i], ROUSE_READABLE | ROUSE_WRITABLE);
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL(S5, evq->ops->wait(evq, events, 2, 0), 1, "what a wait() brings");
    for (int i = 0; i < 2; i++)
        evq->ops->forget(evq, &sources[i]);
    CHECK_EQUAL(S5, evq->sockets->write(evq->sockets, ends[0], bytes, 8), 5, "what has room");
    evq->sockets->close(evq->sockets, ends[1]);
    CHECK_EQUAL(S5, evq->sockets->open(evq->sockets, ROUSE_IPV4, &fd), -EMFILE, "by a fault");
    CHECK_EQUAL(S5, evq->sockets->open(evq->sockets, ROUSE_IPV4, &fd), 0, "the second");
    CHECK_EQUAL(S5, evq->sockets->open(evq->sockets, ROUSE_IPV4, &fd), -EMFILE, "the third");
    sim_queue_close(evq);
    if (rouse_sim_open(&evq, &none, world->alloc) != 0)
        suite_error("no simulated queue");
    CHECK_EQUAL(S5, evq->sockets->pair(evq->sockets, ends), 0, "a pair");
    CHECK_EQUAL(S5, evq->sockets->write(evq->sockets, ends[0], bytes, 8), 8, "with options");
    sim_queue_close(evq);
    for (int i = 0; i < wrong_count; i++) {
        const struct rouse_evq_options options = {.size = sizeof options, .alloc = world->alloc};
        const int descriptors = world_open_descriptors(world);
        const size_t blocks = world->memory.live;

        environment_set("ROUSE_SIM", wrong[i]);
        CHECK(S5, rouse_backend("sim")->open(&evq, &options) == -EINVAL, "%s", wrong[i]);
        CHECK_EQUAL(X3, world->memory.live, blocks, "blocks of memory, when it did not open");
        CHECK_EQUAL(X3, world_open_descriptors(world), descriptors, "descriptors");
    }
    environment_set("ROUSE_SIM", NULL);
}

CASE(s5_datagrams_keep_their_bounds, "S5", NEEDS_SIM,
     "messages of many lengths through 100 bytes of room: read whole, in part, too long, too many",
     "each read is one message, what does not fit is lost, and an end alone is told once")
{
    const struct rouse_sim_options options = {.size = sizeof options, .capacity = 100};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    const struct rouse_sockets *sockets = evq->sockets;
    static const char text[101] = "0123456789";
    char bytes[200];
    rouse_fd ends[2];

    REQUIRE(S5, rouse_sim_datagrams(evq, ends) == 0, "no datagram sockets");
    CHECK_EQUAL(S5, rouse_sim_ready(evq, ends[0]), ROUSE_WRITABLE, "a new end is");
    CHECK_EQUAL(S5, sockets->write(sockets, ends[0], text, 10), 10, "a message");
    CHECK_EQUAL(S5, sockets->write(sockets, ends[0], text, 0), 0, "an empty one");
    CHECK_EQUAL(S5, sockets->write(sockets, ends[0], text, 97), -EMSGSIZE, "one too long");
    CHECK_EQUAL(S5, sockets->write(sockets, ends[0], text + 1, 79), 79, "one that has no room");
    CHECK_EQUAL(S5, sockets->write(sockets, ends[0], text + 2, 78), 78, "one that just has");
    CHECK_EQUAL(S5, rouse_sim_ready(evq, ends[0]), ROUSE_WRITABLE, "a full way is");
    CHECK_EQUAL(S5, sockets->read(sockets, ends[1], bytes, 4), 4, "the beginning of a message");
    CHECK(S5, memcmp(bytes, "0123", 4) == 0, "it is not its beginning");
    CHECK_EQUAL(S5, sockets->read(sockets, ends[1], bytes, 4), 0, "the empty one");
    CHECK_EQUAL(S5, rouse_sim_ready(evq, ends[1]), ROUSE_READABLE | ROUSE_WRITABLE,
                "with one left it is");
    CHECK_EQUAL(S5, sockets->read(sockets, ends[1], bytes, sizeof bytes), 78, "the last one");
    CHECK(S5, memcmp(bytes, text + 2, 78) == 0, "it has other bytes");
    CHECK_EQUAL(S5, sockets->read(sockets, ends[1], bytes, 1), -EAGAIN, "and then");
    CHECK_EQUAL(S5, sockets->connected(sockets, ends[1]), 0, "no error");
    CHECK_EQUAL(S5, sockets->shutdown(sockets, ends[1]), 0, "no more from here");
    CHECK_EQUAL(S5, sockets->write(sockets, ends[1], text, 1), -EPIPE, "a message all the same");
    CHECK_EQUAL(S5, sockets->write(sockets, ends[0], text, 96), 96, "as long as can be");
    sockets->close(sockets, ends[1]);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(S5, sockets->write(sockets, ends[0], text, 1), 1, "one to nobody");
        CHECK_EQUAL(S5, rouse_sim_ready(evq, ends[0]), ROUSE_READABLE | ROUSE_WRITABLE,
                    "what brings an error");
        CHECK_EQUAL(S5, sockets->write(sockets, ends[0], text, 1), -ECONNREFUSED, "told once");
        CHECK_EQUAL(S5, rouse_sim_ready(evq, ends[0]), ROUSE_WRITABLE, "and then");
    }
    sockets->close(sockets, ends[0]);
    sim_queue_close(evq);
}

CASE(s5_what_arrived_before_a_reset_is_read_first, "S5", NEEDS_SIM,
     "a peer sends three bytes, and then resets its connection, or closes it with bytes unread",
     "the other end reads the three, is told -ECONNRESET once, and then the end of the stream")
{
    for (int closes = 0; closes < 2; closes++) {
        struct rouse_evq *evq = sim_queue(world, NULL, "");
        const struct rouse_sockets *sockets = evq->sockets, *peer = rouse_sim_peer(evq);
        char bytes[8] = {0};
        rouse_fd ends[2];

        sim_pair(evq, ends);
        peer->write(peer, ends[1], "abc", 3);
        if (closes) {
            sockets->write(sockets, ends[0], "x", 1);
            peer->close(peer, ends[1]);
        } else {
            rouse_sim_reset(evq, ends[1]);
        }
        CHECK(S5, sockets->read(sockets, ends[0], bytes, 8) == 3 && bytes[2] == 'c',
              "what had arrived is gone");
        CHECK_EQUAL(S5, sockets->read(sockets, ends[0], bytes, 8), -ECONNRESET,
                    "the read after it");
        CHECK_EQUAL(S5, sockets->read(sockets, ends[0], bytes, 8), 0, "the last read");
        sockets->close(sockets, ends[0]);
        sim_queue_close(evq);
    }
}

CASES(sim_s5) = {&s5_a_descriptor_is_the_lowest_that_is_free,
                 &s5_a_machine_is_as_large_as_sim_h_says,
                 &s5_a_stream_holds_its_capacity,
                 &s5_a_wait_brings_its_batch,
                 &s5_a_slow_connect_arrives_in_its_time,
                 &s5_a_slow_connect_ends_a_wait_without_limit,
                 &s5_calls_at_the_wrong_time_answer_as_linux_does,
                 &s5_options_may_be_of_an_older_program,
                 &s5_the_environment_says_what_the_program_does_not,
                 &s5_datagrams_keep_their_bounds,
                 &s5_what_arrived_before_a_reset_is_read_first};
