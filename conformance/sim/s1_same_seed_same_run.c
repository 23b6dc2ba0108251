/*
 * s1_same_seed_same_run.c -- S1: what a seed decides, it decides again.
 */
#include <string.h>

#include "../fault/play.h"
#include "bench.h"

#include <stdio.h>

static const char everything[] =
    "interrupt=200000 no-memory=10000 no-descriptor=10000 spurious=200000 delay=200000 "
    "reorder=300000 split=300000 short-read=300000 short-write=300000 would-block=300000 "
    "failed-wake=300000 late-clock=300000 jump=20000:1000000 slow-connect=500000 refused=50000 "
    "aborted=100000 reset=5000";

/* Programs of every kind, one after the other in one queue. */
static struct sim_trace play_all(struct world *world, uint64_t seed, const char *faults)
{
    struct rouse_sim_options options = {.size = sizeof options, .seed = seed, .capacity = 500};
    struct sim_trace trace;
    struct rouse_evq *evq;

    sim_traced(&options, &trace);
    evq = sim_queue(world, &options, faults);
    for (int i = 0; programs[i] != NULL; i++) {
        struct play play;

        play_open_on(&play, world, evq);
        programs[i]->run(&play);
        play_close(&play);
    }
    sim_queue_close(evq);
    return trace;
}

CASE(s1_the_same_seed_gives_the_same_trace, "S1", NEEDS_SIM,
     "programs of every kind run twice with each of ten seeds, under all faults at once",
     "both traces are the same, byte for byte; no two seeds have the same")
{
    uint64_t hashes[10];

    for (uint64_t seed = 0; seed < 10; seed++) {
        const struct sim_trace first = play_all(world, seed, everything);
        struct rouse_evq *other_queue = sim_queue(world, NULL, ""); /* where the first one was */
        const struct sim_trace second = play_all(world, seed, everything);

        CHECK(S1, first.lines > 200, "a trace of %d lines", first.lines);
        CHECK(S1, first.hash == second.hash && first.lines == second.lines,
              "seed %llu: %d lines, then %d, or others", (unsigned long long) seed, first.lines,
              second.lines);
        sim_queue_close(other_queue);
        for (uint64_t other = 0; other < seed; other++)
            CHECK(S1, hashes[other] != first.hash, "seeds %llu and %llu have one trace",
                  (unsigned long long) other, (unsigned long long) seed);
        hashes[seed] = first.hash;
    }
}

/* -- What a trace says ------------------------------------------------------- */

/* What a trace is to be, and how far it has come. */
struct script {
    const char *const *lines;
    int count, at;
};

static void compare_line(void *with, const char *line)
{
    struct script *script = with;

    CHECK(S1, script->at < script->count && strcmp(line, script->lines[script->at]) == 0,
          "line %d is \"%s\"", script->at + 1, line);
    script->at++;
}

static const char *const expected[] = {
    "0 peer pair: 0 1",
    "0 arm 0 r: 0",
    "5 wait until 5: 0",
    "5 write 1 3: 3",
    "5 short-read 1",
    "5 read 0 9: 1",
    "5 report 0 r",
    "5 wait until 0: 1",
    "5 arm 0 rw drained: 0",
    "5 report 0 rw",
    "5 wait: 1",
    "5 read 0 9: 2",
    "5 read 0 9: EAGAIN",
    "5 wait until 10, woken: 0",
    "1005 advance",
    "1005 forget 0",
    "1005 close 0",
    "1005 read 1 9: 0",
    "1005 peer close 1",
};

enum { EXPECTED = sizeof expected / sizeof *expected };

CASE(s1_the_trace_says_what_happens, "S1", NEEDS_SIM,
     "a pair is used in a few ways, with one fault by script", "the trace says just that")
{
    struct script script = {expected, EXPECTED, 0};
    struct rouse_sim_options options = {
        .size = sizeof options, .trace = compare_line, .trace_with = &script};
    struct rouse_evq *evq = sim_queue(world, &options, "short-read=x:1");
    const struct rouse_sockets *sockets = evq->sockets, *peer = rouse_sim_peer(evq);
    struct rouse_source source = {0};
    struct rouse_event events[4];
    rouse_fd ends[2];
    char bytes[9] = {0};

    sim_pair(evq, ends);
    source.fd = ends[0];
    sim_arm(evq, &source, ROUSE_READABLE);
    evq->ops->wait(evq, events, 4, 5);
    sockets->write(sockets, ends[1], bytes, 3);
    sockets->read(sockets, ends[0], bytes, 9);
    evq->ops->wait(evq, events, 4, 0);
    sim_arm(evq, &source, ROUSE_READABLE | ROUSE_WRITABLE | ROUSE_DRAINED);
    evq->ops->wait(evq, events, 4, ROUSE_NEVER);
    sockets->read(sockets, ends[0], bytes, 9);
    sockets->read(sockets, ends[0], bytes, 9);
    evq->ops->wake(evq);
    evq->ops->wait(evq, events, 4, 10);
    rouse_sim_advance(evq, 1000);
    evq->ops->forget(evq, &source);
    sockets->close(sockets, ends[0]);
    sockets->read(sockets, ends[1], bytes, 9);
    peer->close(peer, ends[1]);
    CHECK_EQUAL(S1, script.at, EXPECTED, "how many lines there are");
    sim_queue_close(evq);
}

static const char *const calls[] = {
    "0 datagrams: 0 1",
    "0 open 4: 2",
    "0 listen 2 8: 0",
    "0 peer open 4: 3",
    "0 peer connect 3: EINPROGRESS",
    "0 peer connected 3: 0",
    "0 accept 2: 4",
    "0 accept 2: EAGAIN",
    "0 urgent 4: 0",
    "0 urgent 99: EBADF",
    "0 arm 4 w: 0",
    "0 report 4 w",
    "0 wait until 0: 1",
    "0 forget 4",
    "0 shutdown 4: 0",
    "0 reset 3: 0",
    "0 reset 99: EBADF",
    "0 no-descriptor 1",
    "0 pair: EMFILE",
    "0 pair: 3 5",
    "0 datagrams: EMFILE",
};

enum { CALLS = sizeof calls / sizeof *calls };

CASE(s1_the_trace_tells_of_every_call, "S1", NEEDS_SIM,
     "calls of both tables, and those beside them, succeed and fail",
     "each has its line, with the descriptor that came of it, or the error")
{
    struct script script = {calls, CALLS, 0};
    struct rouse_sim_options options = {
        .size = sizeof options, .descriptors = 7, .trace = compare_line, .trace_with = &script};
    struct rouse_evq *evq = sim_queue(world, &options, "no-descriptor=..x");
    const struct rouse_sockets *sockets = evq->sockets, *peer = rouse_sim_peer(evq);
    struct rouse_address address = sim_loopback(9);
    struct rouse_source source = {.fd = 4};
    struct rouse_event event;
    rouse_fd fd, ends[2];

    rouse_sim_datagrams(evq, ends);
    sockets->open(sockets, ROUSE_IPV4, &fd);
    sockets->listen(sockets, 2, &address, 8);
    peer->open(peer, ROUSE_IPV4, &fd);
    peer->connect(peer, 3, &address);
    peer->connected(peer, 3);
    sockets->accept(sockets, 2, &fd);
    sockets->accept(sockets, 2, &fd);
    rouse_sim_urgent(evq, 4, '!');
    rouse_sim_urgent(evq, 99, '!');
    sim_arm(evq, &source, ROUSE_WRITABLE);
    evq->ops->wait(evq, &event, 1, 0);
    evq->ops->forget(evq, &source);
    sockets->shutdown(sockets, 4);
    rouse_sim_reset(evq, 3);
    rouse_sim_reset(evq, 99);
    sockets->pair(sockets, ends);
    sockets->pair(sockets, ends);
    rouse_sim_datagrams(evq, ends);
    CHECK_EQUAL(S1, script.at, CALLS, "how many lines there are");
    sim_queue_close(evq); /* and what is open with it, of which a trace says nothing */
}

/* -- The order of a batch ------------------------------------------------------ */

enum { TOGETHER = 3 };

/* Who of those that became ready one after the other comes at which place. */
static void order_batch(struct world *world, uint64_t seed, int order[TOGETHER])
{
    const struct rouse_sim_options options = {.size = sizeof options, .seed = seed};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    struct rouse_source sources[TOGETHER] = {0};
    struct rouse_event events[TOGETHER];
    rouse_fd ends[2];

    for (int i = 0; i < TOGETHER; i++) {
        sim_pair(evq, ends);
        sources[i].fd = ends[0];
        sim_arm(evq, &sources[i], ROUSE_WRITABLE);
    }
    REQUIRE(S1, evq->ops->wait(evq, events, TOGETHER, 0) == TOGETHER, "not all are reported");
    for (int i = 0; i < TOGETHER; i++) {
        order[i] = (int) (events[i].source - sources);
        evq->ops->forget(evq, &sources[i]);
    }
    sim_queue_close(evq);
}

CASE(s1_a_seed_orders_a_batch, "S1", NEEDS_SIM,
     "three sources are ready at once, with forty seeds, twice each, and with none",
     "a seed gives the same order twice; all together bring everybody to every place; without one "
     "they come as they became ready")
{
    bool seen[TOGETHER][TOGETHER] = {{false}};
    int order[TOGETHER], again[TOGETHER];

    for (uint64_t seed = 1; seed <= 40; seed++) {
        order_batch(world, seed, order);
        order_batch(world, seed, again);
        CHECK(S1, memcmp(order, again, sizeof order) == 0, "seed %d has two orders", (int) seed);
        for (int place = 0; place < TOGETHER; place++)
            seen[order[place]][place] = true;
    }
    order_batch(world, 0, order);
    for (int i = 0; i < TOGETHER; i++) {
        CHECK_EQUAL(S1, order[i], i, "who comes next, without a seed");
        for (int place = 0; place < TOGETHER; place++)
            CHECK(S1, seen[i][place], "source %d never comes at place %d", i, place);
    }
}

/* -- One fault and the others ------------------------------------------------ */

/* How many bytes each of `count` reads brings. */
static void read_shortly(struct world *world, const char *faults, intptr_t *counts, int count)
{
    const struct rouse_sim_options options = {.size = sizeof options, .seed = 5};
    struct rouse_evq *evq = sim_queue(world, &options, faults);
    const struct rouse_sockets *sockets = evq->sockets, *peer = rouse_sim_peer(evq);
    struct rouse_source source = {0};
    char bytes[50] = {0};
    rouse_fd ends[2];

    sim_pair(evq, ends);
    source.fd = ends[0];
    for (int i = 0; i < count; i++) {
        unsigned ready;

        peer->write(peer, ends[1], bytes, sizeof bytes);
        sim_arm(evq, &source, ROUSE_READABLE | ROUSE_WRITABLE);
        for (int n = 0; n < 2 && source.armed != 0; n++)
            sim_waits(evq, &source, 1, 9, &ready);
        counts[i] = sockets->read(sockets, ends[0], bytes, sizeof bytes);
    }
    evq->ops->forget(evq, &source);
    sockets->close(sockets, ends[0]);
    sockets->close(sockets, ends[1]);
    sim_queue_close(evq);
}

CASE(s1_one_fault_does_not_shift_another, "S1", NEEDS_SIM,
     "reads are short by chance, alone and beside other faults by chance",
     "the same reads are short, and by as much")
{
    intptr_t alone[100], beside[100];
    int shorter = 0;

    read_shortly(world, "short-read=300000", alone, 100);
    read_shortly(world, "delay=500000 short-read=300000 short-write=500000 late-clock=500000",
                 beside, 100);
    for (int i = 0; i < 100; i++) {
        CHECK_EQUAL(S1, beside[i], alone[i], "what a read brings");
        shorter += alone[i] < 50;
    }
    CHECK(S1, shorter > 10 && shorter < 60, "%d of 100 reads with a chance of 30 %% are short",
          shorter);
    /* Nor do those that have no opportunity of their own, one by one. */
    for (int fault = 0; fault < ROUSE_SIM_FAULTS; fault++) {
        char faults[100];

        if (fault == ROUSE_SIM_SHORT_READ || fault == ROUSE_SIM_RESET
            || fault == ROUSE_SIM_WOULD_BLOCK)
            continue; /* of these a read that does not happen is no read */
        snprintf(faults, sizeof faults, "short-read=300000 %s=500000",
                 rouse_sim_fault_name((enum rouse_sim_fault) fault));
        read_shortly(world, faults, beside, 100);
        for (int i = 0; i < 100; i++)
            if (!CHECK(S1, beside[i] == alone[i], "beside %s read %d brings %lld, not %lld", faults,
                       i, (long long) beside[i], (long long) alone[i]))
                break;
    }
}

CASE(s1_the_seed_decides_wherever_the_queue_is, "S1", NEEDS_SIM,
     "two queues are open at a time, of one seed, and then of two; reads are short by chance",
     "of one seed they are the same, and of two they are not")
{
    for (int seeds = 1; seeds <= 2; seeds++) {
        intptr_t counts[2][100];
        struct rouse_evq *evqs[2];
        int differ = 0;

        for (int q = 0; q < 2; q++) {
            const struct rouse_sim_options options = {.size = sizeof options,
                                                      .seed = (uint64_t) (7 + q * (seeds - 1))};

            evqs[q] = sim_queue(world, &options, "short-read=500000");
        }
        for (int q = 0; q < 2; q++) {
            const struct rouse_sockets *sockets = evqs[q]->sockets;
            char bytes[50] = {0};
            rouse_fd ends[2];

            sim_pair(evqs[q], ends);
            for (int i = 0; i < 100; i++) {
                sockets->write(sockets, ends[1], bytes, 5);
                counts[q][i] = sockets->read(sockets, ends[0], bytes, 5);
            }
            sockets->close(sockets, ends[0]);
            sockets->close(sockets, ends[1]);
        }
        for (int q = 0; q < 2; q++)
            sim_queue_close(evqs[q]);
        for (int i = 0; i < 100; i++)
            differ += counts[0][i] != counts[1][i];
        CHECK(S1, seeds == 1 ? differ == 0 : differ > 0, "of %d seeds %d of 100 reads differ",
              seeds, differ);
    }
}

CASES(sim_s1) = {
    &s1_the_same_seed_gives_the_same_trace, &s1_the_trace_says_what_happens,
    &s1_the_trace_tells_of_every_call,      &s1_a_seed_orders_a_batch,
    &s1_one_fault_does_not_shift_another,   &s1_the_seed_decides_wherever_the_queue_is};
