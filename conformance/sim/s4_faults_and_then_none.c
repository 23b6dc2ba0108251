/*
 * s4_faults_and_then_none.c -- S4: programs under every fault, and then without.
 */
#include <errno.h>

#include "../fault/play.h"
#include "bench.h"

/* Each fault as hard as a program can bear it, and the one error that it may bring. */
static const struct {
    const char *rules;
    int error;
} hard[] = {
    {"interrupt=1000000", 0},
    {"spurious=1000000", 0},
    {"spurious=200000", 0},
    {"delay=1000000", 0},
    {"delay=300000:9", 0},
    {"reorder=1000000", 0},
    {"split=1000000", 0},
    {"short-read=1000000:1", 0},
    {"short-write=1000000:7", 0},
    {"short-read=500000 short-write=500000", 0},
    {"would-block=1000000", 0},
    {"failed-wake=1000000", 0},
    {"late-clock=1000000", 0},
    {"late-clock=300000:50000000", 0},
    {"jump=1000000:100000", 0},
    {"slow-connect=1000000", 0},
    {"would-block=300000 spurious=300000 delay=300000 split=300000 reorder=300000 "
     "short-read=300000 short-write=300000 interrupt=300000 late-clock=300000 "
     "slow-connect=300000 failed-wake=300000",
     0},
    {"no-memory=x", -ENOMEM},
    {"no-memory=.x", -ENOMEM},
    {"no-memory=..x", -ENOMEM},
    {"no-memory=300000", -ENOMEM},
    {"no-memory=1000000", -ENOMEM},
    {"no-descriptor=x", -EMFILE},
    {"no-descriptor=.x", -EMFILE},
    {"no-descriptor=400000", -EMFILE},
    {"no-descriptor=1000000", -EMFILE},
    {"refused=1000000", -ECONNREFUSED},
    {"reset=x", -ECONNRESET},
    {"reset=..x", -ECONNRESET},
    {"reset=.....x", -ECONNRESET},
    {"reset=200000", -ECONNRESET},
};

enum { HARD = sizeof hard / sizeof *hard, SEEDS = 3 };

/* How many of each there were. These programs give no opportunity for three of them: two are
 * s4_a_server_and_its_clients.c's, and they send no datagrams. */
static uint64_t happened[ROUSE_SIM_FAULTS];

static void count_faults(struct rouse_evq *evq)
{
    for (int fault = 0; fault < ROUSE_SIM_FAULTS; fault++)
        happened[fault] += rouse_sim_fault_count(evq, (enum rouse_sim_fault) fault);
}

/* A program under a fault, and once more without. What the first run left waiting ends in the
 * second. */
static void run_twice(struct world *world, const struct program *program, int fault, uint64_t seed,
                      const struct rouse_sim_options *options)
{
    struct rouse_sim_options seeded = *options;
    struct rouse_evq *evq;
    struct play play;
    intptr_t result;

    seeded.seed = seed;
    evq = sim_queue(world, &seeded, hard[fault].rules);
    play_open_on(&play, world, evq);
    result = program->run(&play);
    CHECK(S4, result == 0 || result == hard[fault].error, "%s with %s, seed %llu, is told: %s",
          program->name, hard[fault].rules, (unsigned long long) seed, rouse_strerror(result));
    count_faults(evq);
    rouse_sim_faults(evq, NULL);
    result = program->run(&play);
    CHECK(S4, result == 0, "%s after %s, seed %llu, is told: %s", program->name, hard[fault].rules,
          (unsigned long long) seed, rouse_strerror(result));
    play_close(&play);
    CHECK_EQUAL(S4, rouse_sim_open_count(evq), 0, "descriptors left open");
    sim_queue_close(evq);
}

CASE(s4_programs_end_under_every_fault_and_after_it, "S4", NEEDS_SIM,
     "programs of every kind run under each fault, with three seeds, and then without",
     "each ends as without it or tells the one error that it brings; then all is served")
{
    const struct rouse_sim_options options = {.size = sizeof options};

    for (int fault = 0; fault < HARD; fault++)
        for (int i = 0; programs[i] != NULL; i++)
            for (uint64_t seed = 1; seed <= SEEDS; seed++)
                run_twice(world, programs[i], fault, seed, &options);
    for (int fault = 0; fault < ROUSE_SIM_FAULTS; fault++)
        CHECK(S4,
              happened[fault] > 0 || fault == ROUSE_SIM_SPLIT || fault == ROUSE_SIM_ABORTED
                  || fault == ROUSE_SIM_LOST,
              "%s has happened %llu times", rouse_sim_fault_name((enum rouse_sim_fault) fault),
              (unsigned long long) happened[fault]);
}

CASE(s4_programs_end_on_the_smallest_machine, "S4", NEEDS_SIM,
     "the same where a stream holds three bytes and a wait() brings one report", "the same")
{
    const struct rouse_sim_options options = {.size = sizeof options, .capacity = 3, .batch = 1};

    for (int fault = 0; fault < HARD; fault++)
        for (int i = 0; programs[i] != NULL; i++)
            if (programs[i] != &program_bulk) /* 300,000 bytes by three */
                run_twice(world, programs[i], fault, 1, &options);
}

/* -- Each opportunity of each fault ------------------------------------------- */

/* Says yes the n-th time it is asked, and with `for_ever` ever after. */
struct nth {
    int left; /* before it says yes */
    bool for_ever;
    bool said;
};

static unsigned ask_nth(void *with, enum rouse_sim_fault fault)
{
    struct nth *nth = with;
    const bool yes = nth->left == 0 || (nth->left < 0 && nth->for_ever);

    (void) fault;
    nth->left--;
    nth->said |= yes;
    return yes;
}

/* What a fault may bring a program, besides 0. */
static int error_of(enum rouse_sim_fault fault)
{
    switch (fault) {
    case ROUSE_SIM_NO_MEMORY: return -ENOMEM;
    case ROUSE_SIM_NO_DESCRIPTOR: return -EMFILE;
    case ROUSE_SIM_REFUSED: return -ECONNREFUSED;
    case ROUSE_SIM_RESET: return -ECONNRESET;
    default: return 0;
    }
}

/* A program with a fault at its n-th opportunity, and once more without. False when there was
 * no such opportunity. */
static bool run_nth(struct world *world, const struct program *program, enum rouse_sim_fault fault,
                    int n, bool for_ever)
{
    const struct rouse_sim_options options = {.size = sizeof options};
    struct nth nth = {.left = n, .for_ever = for_ever};
    const struct rouse_sim_rule rule = {.ask = ask_nth, .with = &nth};
    const char *name = rouse_sim_fault_name(fault);
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    struct play play;
    intptr_t result;

    play_open_on(&play, world, evq);
    rouse_sim_fault(evq, fault, &rule);
    result = program->run(&play);
    /* A reset is told once to each end: whoever comes after sees the end of the stream. */
    CHECK(S4,
          result == 0 || result == error_of(fault)
              || (result == -EPROTO && fault == ROUSE_SIM_RESET),
          "%s with %s %d%s is told: %s", program->name, name, n,
          for_ever ? " and all after it" : "", rouse_strerror(result));
    rouse_sim_fault(evq, fault, NULL);
    result = program->run(&play);
    CHECK(S4, result == 0, "%s after %s %d%s is told: %s", program->name, name, n,
          for_ever ? " and all after it" : "", rouse_strerror(result));
    play_close(&play);
    CHECK_EQUAL(S4, rouse_sim_open_count(evq), 0, "descriptors left open");
    sim_queue_close(evq);
    return nth.said;
}

CASE(s4_programs_bear_a_fault_wherever_it_comes, "S4", NEEDS_SIM,
     "each program runs with one fault at its opportunity 1, 2, 3, ..., once or ever after",
     "it ends as without it or tells the one error that it brings; then all is served")
{
    int runs = 0;

    for (int i = 0; i < ROUSE_SIM_FAULTS; i++) {
        const enum rouse_sim_fault fault = (enum rouse_sim_fault) i;

        /* Whoever waits for one connection waits for ever if that is aborted. */
        for (int j = 0; programs[j] != NULL && fault != ROUSE_SIM_ABORTED; j++) {
            for (int n = 0; n < 300 && run_nth(world, programs[j], fault, n, false); n++)
                runs++;
            /* 300,000 bytes one by one are enough when they are so from the first on. */
            for (int n = 0; n < (programs[j] == &program_bulk ? 1 : 300)
                            && run_nth(world, programs[j], fault, n, true);
                 n++)
                runs++;
        }
    }
    CHECK(S4, runs > 1000, "only %d opportunities", runs);
}

CASE(s4_what_a_fault_ends_makes_room_for_the_next, "S4", NEEDS_SIM,
     "three connect to a listener that holds one; accept() finds the first one aborted, or closed "
     "by its own end",
     "the others move up, are connected, and are accepted")
{
    for (int closes = 0; closes < 2; closes++) {
        struct rouse_evq *evq = sim_queue(world, NULL, closes ? "" : "aborted=x");
        const struct rouse_sockets *sockets = evq->sockets, *peer = rouse_sim_peer(evq);
        struct rouse_address address = sim_loopback(9);
        rouse_fd listener, clients[3], fd;
        int accepted = 0;

        CHECK_EQUAL(S4, sockets->open(sockets, ROUSE_IPV4, &listener), 0, "a socket");
        CHECK_EQUAL(S4, sockets->listen(sockets, listener, &address, 0), 0, "listening");
        for (int i = 0; i < 3; i++) {
            CHECK_EQUAL(S4, peer->open(peer, ROUSE_IPV4, &clients[i]), 0, "a socket");
            CHECK_EQUAL(S4, peer->connect(peer, clients[i], &address), -EINPROGRESS, "connecting");
        }
        if (closes)
            peer->close(peer, clients[0]);
        else
            CHECK_EQUAL(S4, sockets->accept(sockets, listener, &fd), -ECONNABORTED,
                        "the first one");
        for (int n = 0; n < 3 && sockets->accept(sockets, listener, &fd) == 0; n++) {
            accepted++;
            sockets->close(sockets, fd);
        }
        CHECK_EQUAL(S4, accepted, closes ? 3 : 2, "connections accepted after that");
        CHECK_EQUAL(S4, peer->connected(peer, clients[2]), 0, "how the last connect ended");
        for (int i = closes; i < 3; i++)
            peer->close(peer, clients[i]);
        sockets->close(sockets, listener);
        sim_queue_close(evq);
    }
}

CASES(sim_s4) = {
    &s4_programs_end_under_every_fault_and_after_it, &s4_programs_end_on_the_smallest_machine,
    &s4_programs_bear_a_fault_wherever_it_comes, &s4_what_a_fault_ends_makes_room_for_the_next};
