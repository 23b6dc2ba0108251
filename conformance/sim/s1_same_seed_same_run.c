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

static void compare_line(void *with, const char *line)
{
    int *count = with;

    CHECK(S1, *count < EXPECTED && strcmp(line, expected[*count < EXPECTED ? *count : 0]) == 0,
          "line %d is \"%s\"", *count + 1, line);
    ++*count;
}

CASE(s1_the_trace_says_what_happens, "S1", NEEDS_SIM,
     "a pair is used in a few ways, with one fault by script", "the trace says just that")
{
    int lines = 0;
    struct rouse_sim_options options = {
        .size = sizeof options, .trace = compare_line, .trace_with = &lines};
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
    CHECK_EQUAL(S1, lines, EXPECTED, "how many lines there are");
    sim_queue_close(evq);
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

CASES(sim_s1) = {&s1_the_same_seed_gives_the_same_trace, &s1_the_trace_says_what_happens,
                 &s1_one_fault_does_not_shift_another, &s1_the_seed_decides_wherever_the_queue_is};
