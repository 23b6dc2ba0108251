/*
 * s2_within_the_contract.c -- S2: faults are what a kernel may do, and no more.
 *
 * Most queues here are in the wrapper, which stops at the first clause that is broken. What it
 * cannot know, whether a direction is ready, the simulation's own poll(2) tells. One walk has
 * no wrapper: what is broken under a fault is then told as S2, not as a clause of the queue's.
 */
#include "bench.h"

#include <string.h>

enum { ENDS = 8, STEPS = 400 };

struct walk {
    struct rouse_evq *evq;
    const struct rouse_sockets *peer;
    struct rouse_source sources[ENDS]; /* of pairs: 0 and 1, 2 and 3, ... */
    uint64_t random;
    int mistaken; /* reports of what was not ready */
};

static unsigned pick(struct walk *walk, unsigned among)
{
    walk->random = walk->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned) (walk->random >> 40) % among;
}

/* One wait(), and how many reports it brought. What is reported stays as it is meanwhile, so
 * it can be looked at afterwards. */
static int look(struct walk *walk, rouse_time duration)
{
    struct rouse_event events[3];
    const rouse_time deadline = walk->evq->ops->now(walk->evq) + duration;
    const int count = walk->evq->ops->wait(walk->evq, events, 3, deadline);

    for (int i = 0; i < count; i++) {
        const unsigned ready = (unsigned) rouse_sim_ready(walk->evq, events[i].source->fd);

        walk->mistaken += (events[i].ready & ~ready) != 0;
    }
    CHECK(E9, count > 0 || walk->evq->ops->now(walk->evq) >= deadline, "an early end");
    return count;
}

static void step(struct walk *walk)
{
    const unsigned at = pick(walk, ENDS);
    struct rouse_source *source = &walk->sources[at];
    char bytes[5] = {0};

    switch (pick(walk, 7)) {
    case 0:
    case 1: sim_arm(walk->evq, source, 1 + pick(walk, 3)); break;
    case 2: walk->peer->write(walk->peer, source->fd, bytes, 1 + pick(walk, 5)); break;
    case 3: walk->peer->read(walk->peer, source->fd, bytes, 1 + pick(walk, 5)); break;
    case 4: walk->evq->ops->forget(walk->evq, source); break;
    case 5: look(walk, 0); break;
    case 6: look(walk, ROUSE_US(pick(walk, 3000))); break;
    }
}

/* Everything that is armed and ready has been reported after so many waits, that a report may
 * be late by some of them. */
static void come_to_rest(struct walk *walk, const char *faults)
{
    for (int waits = 0; waits < 40; waits++)
        look(walk, 0);
    for (int i = 0; i < ENDS; i++) {
        const unsigned ready = (unsigned) rouse_sim_ready(walk->evq, walk->sources[i].fd);

        CHECK(E2, (walk->sources[i].armed & ready) == 0, "%s: armed and ready, and not reported",
              faults);
    }
}

#define EVERYTHING                                                                                 \
    "interrupt=300000 spurious=300000 delay=300000 reorder=300000 split=300000 "                   \
    "late-clock=300000 jump=100000:1000000"

static const char *const lawful[] = {
    "",
    "interrupt=500000",
    "spurious=1000000",
    "spurious=100000",
    "delay=1000000",
    "delay=300000:9",
    "reorder=1000000",
    "split=1000000",
    "failed-wake=1000000",
    "late-clock=1000000",
    "late-clock=300000:40000000",
    "jump=200000",
    EVERYTHING,
};

CASE(s2_a_walk_under_any_fault_keeps_the_contract, "S2 E2 E9", NEEDS_SIM,
     "eight streams are armed, written, read and forgotten at random, under each fault of a queue",
     "no clause is broken, and what is armed and ready is reported in a few waits")
{
    for (size_t i = 0; i < sizeof lawful / sizeof *lawful; i++) {
        for (uint64_t seed = 1; seed <= 10; seed++) {
            const struct rouse_sim_options options = {
                .size = sizeof options, .seed = seed, .capacity = 6, .batch = (int) seed % 3};
            struct walk walk = {.random = seed};
            uint64_t spurious;

            walk.evq = sim_queue(world, &options, lawful[i]);
            walk.peer = rouse_sim_peer(walk.evq);
            for (int end = 0; end < ENDS; end += 2) {
                rouse_fd ends[2];

                sim_pair(walk.evq, ends);
                walk.sources[end].fd = ends[0];
                walk.sources[end + 1].fd = ends[1];
            }
            for (int steps = 0; steps < STEPS; steps++) {
                step(&walk);
                if (steps % 100 == 99)
                    come_to_rest(&walk, lawful[i]);
            }
            spurious = rouse_sim_fault_count(walk.evq, ROUSE_SIM_SPURIOUS);
            CHECK(S2, (uint64_t) walk.mistaken <= spurious, "%s: %d reports by mistake", lawful[i],
                  walk.mistaken);
            for (int end = 0; end < ENDS; end++) {
                walk.evq->ops->forget(walk.evq, &walk.sources[end]);
                walk.peer->close(walk.peer, walk.sources[end].fd);
            }
            sim_queue_close(walk.evq);
        }
    }
}

CASE(s2_waits_end_however_often_a_fault_happens, "S2", NEEDS_SIM,
     "a reader that has nothing to read is armed again after each report, under each fault, always",
     "time goes by until a deadline a second away, in some thousand waits at most")
{
    for (size_t i = 0; i < sizeof lawful / sizeof *lawful; i++) {
        struct rouse_evq *evq = sim_queue(world, NULL, lawful[i]);
        const rouse_time end = ROUSE_SECONDS(1);
        struct rouse_source source = {0};
        struct rouse_event event;
        rouse_fd ends[2];
        int waits = 0;

        sim_pair(evq, ends);
        source.fd = ends[0];
        for (; evq->ops->now(evq) < end && waits < 3000; waits++) {
            sim_arm(evq, &source, ROUSE_READABLE);
            evq->ops->wait(evq, &event, 1, end);
        }
        CHECK(S2, waits < 3000, "%s: no end at %lld", lawful[i], (long long) evq->ops->now(evq));
        evq->ops->forget(evq, &source);
        evq->sockets->close(evq->sockets, ends[0]);
        evq->sockets->close(evq->sockets, ends[1]);
        sim_queue_close(evq);
    }
}

/* -- The same without a wrapper, whose rules are then this one's own ------------- */

struct account {
    struct rouse_evq *evq;
    const struct rouse_sockets *peer;
    struct rouse_source sources[ENDS];
    unsigned armed[ENDS]; /* and not reported */
    rouse_time now;       /* the latest time that was told */
    uint64_t random;
    const char *faults;
    bool leaps; /* time does, of its own */
};

static unsigned draw(struct account *account, unsigned among)
{
    struct walk walk = {.random = account->random};
    const unsigned drawn = pick(&walk, among);

    account->random = walk.random;
    return drawn;
}

static rouse_time ask_time(struct account *account)
{
    const rouse_time now = account->evq->ops->now(account->evq);

    CHECK(S2, now >= account->now, "%s: the time went from %lld to %lld", account->faults,
          (long long) account->now, (long long) now);
    account->now = now;
    return now;
}

/* One wait(), of `duration` or woken before. */
static void account_wait(struct account *account, rouse_time duration, int capacity, bool woken)
{
    struct rouse_event events[ENDS];
    const rouse_time start = ask_time(account), deadline = start + duration;
    const int count = account->evq->ops->wait(account->evq, events, capacity, deadline);
    rouse_time end;

    CHECK(S2, count >= 0 && count <= capacity, "%s: %d reports of %d", account->faults, count,
          capacity);
    for (int i = 0; i < count && i < capacity; i++) {
        const long at = (long) (events[i].source - account->sources);

        if (!CHECK(S2, at >= 0 && at < ENDS, "%s: a report of nobody", account->faults))
            continue;
        CHECK(S2, events[i].ready != 0 && (events[i].ready & ~account->armed[at]) == 0,
              "%s: %u of what is armed for %u is reported", account->faults, events[i].ready,
              account->armed[at]);
        account->armed[at] &= ~events[i].ready;
    }
    for (int i = 0; i < ENDS; i++)
        CHECK(S2, account->sources[i].armed == account->armed[i],
              "%s: armed for %u, and not for %u", account->faults, account->sources[i].armed,
              account->armed[i]);
    end = ask_time(account);
    CHECK(S2, count > 0 || woken || end >= deadline, "%s: a wait ends %lld ns early",
          account->faults, (long long) (deadline - end));
    if (woken && !account->leaps)
        CHECK(S2, end - start <= ROUSE_MS(2), "%s: a wait that was woken took %lld ns",
              account->faults, (long long) (end - start));
}

static void account_step(struct account *account)
{
    const unsigned at = draw(account, ENDS), interest = 1 + draw(account, 3);
    struct rouse_source *source = &account->sources[at];
    char bytes[5] = {0};

    switch (draw(account, 8)) {
    case 0:
    case 1:
        sim_arm(account->evq, source, interest);
        account->armed[at] |= interest;
        break;
    case 2: account->peer->write(account->peer, source->fd, bytes, 1 + interest); break;
    case 3: account->peer->read(account->peer, source->fd, bytes, 1 + interest); break;
    case 4:
        account->evq->ops->forget(account->evq, source);
        account->armed[at] = 0;
        break;
    case 5: account_wait(account, 0, 1 + (int) interest, false); break;
    case 6: account_wait(account, ROUSE_US(draw(account, 3000)), 3, false); break;
    case 7:
        account->evq->ops->wake(account->evq);
        account_wait(account, ROUSE_SECONDS(1), 3, true);
        break;
    }
}

/* Whatever is late has come after so many waits. */
static void account_rest(struct account *account)
{
    for (int waits = 0; waits < 40; waits++)
        account_wait(account, 0, 3, false);
    for (int i = 0; i < ENDS; i++)
        CHECK(S2,
              (account->armed[i] & (unsigned) rouse_sim_ready(account->evq, account->sources[i].fd))
                  == 0,
              "%s: armed and ready, and not reported", account->faults);
}

CASE(s2_no_fault_breaks_a_clause, "S2", NEEDS_SIM,
     "the same walk, with wakes, and without the wrapper",
     "reports are of what is armed, once, and as many as there is room; a wait ends at its "
     "deadline, or "
     "when it is woken; time does not go back; what is ready comes")
{
    for (size_t i = 0; i < sizeof lawful / sizeof *lawful; i++) {
        for (uint64_t seed = 1; seed <= 10; seed++) {
            const struct rouse_sim_options options = {
                .size = sizeof options, .seed = seed, .capacity = 6, .batch = (int) seed % 3};
            struct account account = {.random = seed,
                                      .faults = lawful[i],
                                      .leaps = strstr(lawful[i], "late-clock") != NULL
                                               || strstr(lawful[i], "jump") != NULL};

            if (rouse_sim_open(&account.evq, &options, world->alloc) != 0
                || rouse_sim_faults(account.evq, lawful[i]) != 0)
                suite_error("no simulated queue");
            account.peer = rouse_sim_peer(account.evq);
            for (int end = 0; end < ENDS; end += 2) {
                rouse_fd ends[2];

                sim_pair(account.evq, ends);
                account.sources[end].fd = ends[0];
                account.sources[end + 1].fd = ends[1];
            }
            for (int steps = 0; steps < STEPS; steps++) {
                account_step(&account);
                if (steps % 100 == 99)
                    account_rest(&account);
            }
            for (int end = 0; end < ENDS; end++) {
                account.evq->ops->forget(account.evq, &account.sources[end]);
                account.peer->close(account.peer, account.sources[end].fd);
            }
            sim_queue_close(account.evq);
        }
    }
}

CASES(sim_s2) = {&s2_a_walk_under_any_fault_keeps_the_contract,
                 &s2_waits_end_however_often_a_fault_happens, &s2_no_fault_breaks_a_clause};
