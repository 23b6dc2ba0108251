/*
 * s3_chances.c -- S3 and S1: how often a fault happens by chance, to what amount, and that
 * the seed decides it, for each fault by itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* -- How often, and how much ------------------------------------------------- */

enum { DRAWS = 20000 };

/* Whether `count` of DRAWS is what a chance of `share` brings: within five of its standard
 * deviations. */
static bool likely(int count, double share)
{
    const double off = count - (double) DRAWS * share;

    return off * off <= 25 * DRAWS * share * (1 - share);
}

CASE(s3_chances_are_as_large_as_they_say, "S3", NEEDS_SIM,
     "twenty thousand waits may have time leap, with chances from a hundredth to nearly all",
     "it does as often as the chance says, and no more often right after another")
{
    static const int chances[] = {10000, 100000, 500000, 900000};

    for (uint64_t seed = 0; seed < 3; seed++) {
        const struct rouse_sim_options options = {.size = sizeof options, .seed = seed};
        struct rouse_evq *evq = sim_queue(world, &options, NULL);
        struct rouse_event event;

        for (int i = 0; i < 4; i++) {
            const double share = chances[i] / 1e6;
            int count = 0, twice = 0;
            bool before = false;
            char rule[40];

            snprintf(rule, sizeof rule, "jump=%d:1", chances[i]);
            rouse_sim_faults(evq, rule);
            for (int n = 0; n < DRAWS; n++) {
                const rouse_time start = evq->ops->now(evq);
                bool leapt;

                evq->ops->wait(evq, &event, 1, 0);
                leapt = evq->ops->now(evq) > start;
                count += leapt;
                twice += leapt && before;
                before = leapt;
            }
            CHECK(S3, likely(count, share), "seed %d: %d of %d by \"%s\"", (int) seed, count, DRAWS,
                  rule);
            CHECK(S3, likely(twice, share * share), "seed %d: %d of %d twice running by \"%s\"",
                  (int) seed, twice, DRAWS, rule);
        }
        sim_queue_close(evq);
    }
}

CASE(s3_every_amount_comes_as_often_as_another, "S3", NEEDS_SIM,
     "time leaps by 1 to 2, 3, 8 or 10 ns in each of twenty thousand waits",
     "each of these comes about as often")
{
    static const int amounts[] = {2, 3, 8, 10};

    for (int i = 0; i < 4; i++) {
        struct rouse_evq *evq = sim_queue(world, NULL, NULL);
        struct rouse_event event;
        int counts[11] = {0};
        char rule[40];

        snprintf(rule, sizeof rule, "jump=1000000:%d", amounts[i]);
        rouse_sim_faults(evq, rule);
        for (int n = 0; n < DRAWS; n++) {
            const rouse_time start = evq->ops->now(evq);

            evq->ops->wait(evq, &event, 1, 0);
            counts[evq->ops->now(evq) - start]++;
        }
        CHECK_EQUAL(S3, counts[0], 0, "leaps of nothing");
        for (int amount = 1; amount <= amounts[i]; amount++)
            CHECK(S3, likely(counts[amount], 1.0 / amounts[i]), "%d of %d leaps are by %d of %d",
                  counts[amount], DRAWS, amount, amounts[i]);
        sim_queue_close(evq);
    }
}

CASE(s3_one_in_a_million_is_not_never, "S3", NEEDS_SIM,
     "a chance of one in a million, and one of all but one, in up to twenty million waits",
     "it happens, and it fails to happen")
{
    for (int all = 0; all < 2; all++) {
        /* With this seed soon; and with any, but for one in five hundred million. */
        const struct rouse_sim_options options = {.size = sizeof options, .seed = 1};
        struct rouse_evq *evq;
        struct rouse_event event;
        uint64_t waits = 0, leaps = 0;

        if (rouse_sim_open(&evq, &options, world->alloc) != 0
            || rouse_sim_faults(evq, all ? "jump=999999:1" : "jump=1:1") != 0)
            suite_error("no simulated queue");
        while (waits < 20000000 && leaps == (all ? waits : 0)) {
            evq->ops->wait(evq, &event, 1, 0);
            waits++;
            leaps = rouse_sim_fault_count(evq, ROUSE_SIM_JUMP);
        }
        CHECK(S3, leaps != (all ? waits : 0), "%llu of %llu", (unsigned long long) leaps,
              (unsigned long long) waits);
        CHECK_EQUAL(S3, rouse_sim_fault_opportunities(evq, ROUSE_SIM_JUMP), waits, "opportunities");
        sim_queue_close(evq);
    }
}

/* -- Each fault by itself ---------------------------------------------------- */

enum { STEPS = 24 };

/* An opportunity for each fault that there is, if the program's calls are by `sockets`. */
static void tempt(struct rouse_evq *evq, const struct rouse_sockets *sockets)
{
    const struct rouse_sockets *peer = rouse_sim_peer(evq);
    struct rouse_address address = sim_loopback(1);
    struct rouse_source sources[2] = {0};
    struct rouse_event events[4];
    rouse_fd ends[2], messages[2], listener, fd, accepted;
    char bytes[5] = {0};

    sim_pair(evq, ends);
    if (rouse_sim_datagrams(evq, messages) != 0)
        suite_error("no datagrams");
    peer->open(peer, ROUSE_IPV4, &listener);
    peer->listen(peer, listener, &address, 8);
    if (sockets->open(sockets, ROUSE_IPV4, &fd) != 0)
        peer->open(peer, ROUSE_IPV4, &fd);
    sockets->connect(sockets, fd, &address);
    peer->close(peer, fd);
    peer->open(peer, ROUSE_IPV4, &fd);
    peer->connect(peer, fd, &address);
    if (sockets->accept(sockets, listener, &accepted) == 0)
        peer->close(peer, accepted);
    peer->close(peer, fd);
    peer->close(peer, listener);
    sockets->write(sockets, messages[0], bytes, 5);

    for (int i = 0; i < 2; i++) {
        sources[i].fd = ends[i];
        while (evq->ops->arm(evq, &sources[i], ROUSE_READABLE) != 0)
            continue;
    }
    evq->ops->wait(evq, events, 4, evq->ops->now(evq) + ROUSE_MS(1));
    peer->write(peer, ends[0], bytes, 5);
    peer->write(peer, ends[1], bytes, 5);
    for (int i = 0; i < 2; i++)
        sim_arm(evq, &sources[i], ROUSE_READABLE | ROUSE_WRITABLE);
    evq->ops->wait(evq, events, 4, evq->ops->now(evq) + ROUSE_MS(9));
    sockets->read(sockets, ends[0], bytes, 5);
    sockets->write(sockets, ends[0], bytes, 5);
    evq->ops->wake(evq);
    evq->ops->wait(evq, events, 4, evq->ops->now(evq) + ROUSE_MS(9));
    evq->ops->wait(evq, events, 4, evq->ops->now(evq) + ROUSE_MS(9));
    for (int i = 0; i < 2; i++) {
        evq->ops->forget(evq, &sources[i]);
        peer->close(peer, ends[i]);
        peer->close(peer, messages[i]);
    }
}

/* How often the fault has happened by the end of each step, with a chance of a half. */
static void tempt_often(struct world *world, enum rouse_sim_fault fault, uint64_t seed,
                        uint64_t counts[STEPS])
{
    const struct rouse_sim_options options = {.size = sizeof options, .seed = seed};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    const char *name = rouse_sim_fault_name(fault);
    uint64_t opportunities = 0;
    char rule[40];

    snprintf(rule, sizeof rule, "%s=500000", name);
    rouse_sim_faults(evq, rule);
    for (int step = 0; step < STEPS; step++) {
        const uint64_t before = opportunities;

        tempt(evq, evq->sockets);
        opportunities = rouse_sim_fault_opportunities(evq, fault);
        CHECK(S3, opportunities > before, "%s has no opportunity", name);
        counts[step] = rouse_sim_fault_count(evq, fault);
    }
    CHECK(S3, counts[STEPS - 1] > 0 && counts[STEPS - 1] < opportunities, "%s: %d of %d", name,
          (int) counts[STEPS - 1], (int) opportunities);
    sim_queue_close(evq);
}

CASE(s1_the_seed_decides_each_fault, "S1 S3", NEEDS_SIM,
     "a program with an opportunity for every fault runs with each of them, and chances of a half, "
     "by two seeds",
     "each fault happens in some steps and not in others, the same with the same seed, and others "
     "with the other")
{
    for (int i = 0; i < ROUSE_SIM_FAULTS; i++) {
        const enum rouse_sim_fault fault = (enum rouse_sim_fault) i;
        uint64_t first[STEPS], again[STEPS], other[STEPS];

        tempt_often(world, fault, 7, first);
        tempt_often(world, fault, 7, again);
        tempt_often(world, fault, 8, other);
        CHECK(S1, memcmp(first, again, sizeof first) == 0, "%s: one seed, and two runs",
              rouse_sim_fault_name(fault));
        CHECK(S1, memcmp(first, other, sizeof first) != 0, "%s: two seeds, and one run",
              rouse_sim_fault_name(fault));
    }
}

CASE(s3_no_call_of_a_peer_is_an_opportunity, "S3", NEEDS_SIM,
     "the same calls are made by a peer, and each fault always happens",
     "those of the calls have no opportunity")
{
    static const enum rouse_sim_fault faults[] = {
        ROUSE_SIM_NO_DESCRIPTOR, ROUSE_SIM_SHORT_READ, ROUSE_SIM_SHORT_WRITE,
        ROUSE_SIM_WOULD_BLOCK,   ROUSE_SIM_REFUSED,    ROUSE_SIM_SLOW_CONNECT,
        ROUSE_SIM_ABORTED,       ROUSE_SIM_RESET,      ROUSE_SIM_LOST};

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const struct rouse_sim_rule always = {.per_million = 1000000};
        struct rouse_evq *evq = sim_queue(world, NULL, NULL);

        rouse_sim_fault(evq, faults[i], &always);
        tempt(evq, rouse_sim_peer(evq));
        CHECK(S3, rouse_sim_fault_opportunities(evq, faults[i]) == 0, "%s befalls a peer",
              rouse_sim_fault_name(faults[i]));
        sim_queue_close(evq);
    }
}

CASES(sim_s3_chances) = {
    &s3_chances_are_as_large_as_they_say,    &s3_every_amount_comes_as_often_as_another,
    &s3_one_in_a_million_is_not_never,       &s1_the_seed_decides_each_fault,
    &s3_no_call_of_a_peer_is_an_opportunity,
};
