/*
 * e9_time.c -- E9: when wait() returns, if nothing is reported.
 *
 * Never before the deadline: the world checks that after every wait(), so here it is
 * enough to wait in all the ways that invite it. Not long after it either: how long is
 * long a busy machine decides, so only what comes of a wrong unit or a restarted timer
 * counts.
 */
#include "queue.h"

#include "../../src/base/atomic.h"
#include "../runner.h"

enum { LATE_MS = 1000, LIMIT_MS = 4000 };

static void hangs(void *what)
{
    suite_fail_and_exit(GUARANTEE_E9, what, __FILE__, __LINE__);
}

/* Waits until exactly `deadline`, and tells how late wait() returned, or how early. */
static rouse_time overdue(struct world *world, rouse_time deadline)
{
    struct rouse_event event;
    const int count = world->evq->ops->wait(world->evq, &event, 1, deadline);

    CHECK_EQUAL(E9, count, 0, "the number of reports");
    return world_now(world) - deadline;
}

CASE(
    e9_a_wait_lasts_until_its_deadline, "E9", NEEDS_NOTHING,
    "waits of 1 ns to 20 ms, most of them no whole number of milliseconds, and one of a second and "
    "a little; nothing armed",
    "each returns 0, not before its deadline and not a second after it")
{
    static const rouse_time lengths[] = {1001000000, 1,        999,     1001,    50000,
                                         333333,     999999,   1000000, 1000001, 1499999,
                                         2500001,    12345678, 20000000};

    for (int round = 0; round < 3; round++) {
        for (int i = round == 0 ? 0 : 1; i < 13; i++) {
            const rouse_time late = overdue(world, world_now(world) + lengths[i]);

            CHECK(E9, late >= 0, "a wait of %lld ns ended %lld ns early", (long long) lengths[i],
                  (long long) -late);
            CHECK(E9, late < ROUSE_MS(LATE_MS), "a wait of %lld ns ended %lld ms late",
                  (long long) lengths[i], (long long) (late / ROUSE_MS(1)));
        }
    }
}

CASE(e9_a_deadline_in_the_past_returns_at_once, "E9", NEEDS_NOTHING,
     "deadlines that are now, just over, 0, negative, and as far back as there is",
     "wait() returns 0 each time without waiting, and does not sleep")
{
    struct watchdog *watchdog = watchdog_start(LIMIT_MS, hangs, "a deadline in the past hangs");
    rouse_time quickest = ROUSE_NEVER;
    int64_t fewest = INT64_MAX;

    for (int i = 0; i < 6; i++) {
        const rouse_time before = world_now(world);
        const rouse_time deadlines[] = {before, before - 1, 0, -ROUSE_MS(1), -INT64_MAX, INT64_MIN};
        const int64_t pauses = kernel_pauses();
        struct rouse_event event;

        CHECK_EQUAL(E9, world->evq->ops->wait(world->evq, &event, 1, deadlines[i]), 0,
                    "the number of reports");
        if (kernel_pauses() - pauses < fewest)
            fewest = kernel_pauses() - pauses;
        CHECK(E9, world_now(world) - before < ROUSE_MS(LATE_MS), "deadline %d was waited for", i);
        if (world_now(world) - before < quickest)
            quickest = world_now(world) - before;
    }
    CHECK(E9, quickest < ROUSE_MS(3), "even the quickest wait() took %lld us",
          (long long) quickest / 1000);
    CHECK_EQUAL(E9, fewest, 0, "how often even the most wakeful wait() slept");
    watchdog_stop(watchdog);
}

CASE(e9_a_deadline_in_the_past_still_looks, "E9 E2", NEEDS_NOTHING,
     "a ready source is armed, and wait() is called with deadlines in the past",
     "it is reported all the same")
{
    struct watchdog *watchdog = watchdog_start(LIMIT_MS, hangs, "a deadline in the past hangs");
    struct rouse_source *source;
    rouse_fd ends[2];

    for (int kind = 0; kind < QUEUE_KINDS; kind++) {
        queue_pair(world, kind, ends);
        source = world_source(world, ends[0]);
        queue_send(world, ends[1], ends[0]);
        for (int i = 0; i < 30; i++) {
            const rouse_time deadlines[] = {world_now(world), 0, INT64_MIN};
            const unsigned direction = i % 2 != 0 ? ROUSE_READABLE : ROUSE_WRITABLE;
            struct rouse_event event = {0};
            int count = 0;

            world_arm(world, source, direction);
            for (int waits = 0; waits < 3 && count == 0; waits++)
                count = world->evq->ops->wait(world->evq, &event, 1, deadlines[i % 3]);
            if (count == 0)
                REQUIRE(E2, queue_reports(world, source, direction), "%s, round %d: not reported",
                        queue_kind(kind), i);
            CHECK(E9, count == 1 && event.source == source && event.ready == direction,
                  "%s, round %d: %d reports", queue_kind(kind), i, count);
        }
    }
    watchdog_stop(watchdog);
}

/* A handler that sends a byte in the middle of a wait(), once it has been interrupted a few
 * times. */
struct helper {
    struct world *world;
    rouse_fd fd;
    uintptr_t calls; /* atomic */
    uintptr_t after; /* of how many calls the byte is sent */
};

static void help(void *argument)
{
    struct helper *helper = argument;

    if (atomic_fetch_add(&helper->calls, 1) + 1 == helper->after)
        world_write(helper->world, helper->fd, "", 1);
}

CASE(e9_no_deadline_is_too_far_away, "E9", NEEDS_KERNEL,
     "deadlines in 25 days, 285 years, and never, and a byte that comes after a while",
     "wait() sleeps until the byte comes, and then reports it")
{
    static const rouse_time distances[] = {ROUSE_MS(INT32_MAX),       ROUSE_MS(INT32_MAX) + 1,
                                           ROUSE_MS(2) * INT32_MAX,   ROUSE_MS(4) << 30,
                                           ROUSE_SECONDS(9000000000), ROUSE_NEVER};
    struct watchdog *watchdog =
        watchdog_start(2 * LIMIT_MS, hangs, "a far deadline hides a report");
    struct helper helper = {.world = world, .after = 40};
    struct rouse_source *source;
    rouse_fd ends[2];

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    helper.fd = ends[1];
    for (int i = 0; i < 8; i++) {
        const rouse_time now = world_now(world);
        const rouse_time deadline = i == 7                              ? ROUSE_NEVER - 1
                                    : i == 6                            ? ROUSE_NEVER - now
                                    : distances[i] >= ROUSE_NEVER - now ? ROUSE_NEVER
                                                                        : now + distances[i];
        struct rouse_event event = {0};
        bool mistaken = false, slept;
        int64_t used, pauses;
        int count;

        queue_arm_idle(world, source, ROUSE_READABLE);
        atomic_exchange(&helper.calls, 0);
        used = kernel_cpu_ns();
        pauses = kernel_pauses();
        world_storm(world, help, &helper);
        while ((count = world->evq->ops->wait(world->evq, &event, 1, deadline)) == 1
               && (world_ready(world, ends[0]) & ROUSE_READABLE) == 0) {
            world_arm(world, source, ROUSE_READABLE);
            mistaken = true;
        }
        used = kernel_cpu_ns() - used;
        slept = pauses < 0 || kernel_pauses() != pauses;
        world_calm(world);
        CHECK(E9, mistaken || (slept && used < (world_now(world) - now) / 2),
              "deadline %d: wait() spins", i);
        CHECK(E9, count == 1 && event.source == source, "deadline %d: wait() returned %d", i,
              count);
        world_drain(world, ends[0]);
    }
    watchdog_stop(watchdog);
}

static void end_it(void *argument)
{
    struct helper *helper = argument;

    if (atomic_fetch_add(&helper->calls, 1) + 1 == helper->after)
        world_wake(helper->world);
}

CASE(e9_a_signal_neither_lengthens_nor_shortens_a_wait, "E9", NEEDS_KERNEL,
     "waits of 20 to 40 ms, interrupted by a signal every millisecond, nothing to report",
     "each lasts until its deadline, and not until the signals end")
{
    struct helper helper = {.world = world, .after = 1500};
    struct rouse_source *source;
    rouse_fd ends[2];
    int signals;

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    queue_arm_idle(world, source, ROUSE_READABLE);
    world_storm(world, end_it, &helper);
    for (int i = 0; i < 4; i++) {
        const rouse_time length = ROUSE_MS(20) + i * 6666667;
        const rouse_time deadline = world_now(world) + length;
        struct rouse_event event;
        rouse_time late;

        if (world->evq->ops->wait(world->evq, &event, 1, deadline) != 0)
            continue; /* mistaken, once at most */
        late = world_now(world) - deadline;
        CHECK(E9, late >= 0, "%lld us early", (long long) (-late / 1000));
        CHECK(E9, late < ROUSE_MS(LATE_MS), "%lld ms late", (long long) (late / ROUSE_MS(1)));
    }
    signals = world_calm(world);
    if (signals < 10)
        suite_error("only %d signals came", signals);
}

CASE(e9_short_waits_do_not_spin, "E9", NEEDS_KERNEL,
     "60 waits of 0.9 ms each, and one of 60 ms, with an idle source",
     "the processor is used for less than a quarter of the time")
{
    struct rouse_source *source;
    rouse_fd ends[2];
    const int64_t before = kernel_cpu_ns();
    int64_t used;

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    queue_arm_idle(world, source, ROUSE_READABLE);
    for (int i = 0; i < 60; i++) {
        struct rouse_event event;

        world->evq->ops->wait(world->evq, &event, 1, world_now(world) + 900000);
    }
    /* Of the time that was asked for: on a busy machine it takes longer, and who spins is
     * kept from it too. */
    used = kernel_cpu_ns() - before;
    CHECK(E9, used < 60 * 900000 / 4 + kernel_cpu_step_ns, "%lld of %d us", (long long) used / 1000,
          60 * 900);
    CHECK(E9, queue_sleeps(world, 60), "a longer wait() spins");
}

CASE(e9_what_is_nobodys_does_not_end_a_wait, "E9", NEEDS_NOTHING,
     "bytes, ends and resets reach sources that are idle, forgotten, or armed the other way",
     "a wait() lasts until its deadline and returns 0")
{
    for (int way = 0; way < 4; way++) {
        struct rouse_source *source;
        rouse_fd ends[2];

        world_tcp_pair(world, ends);
        source = world_source(world, ends[0]);
        world_fill(world, ends[0]);
        queue_arm_idle(world, source, QUEUE_BOTH);
        queue_send(world, ends[1], ends[0]);
        REQUIRE(E9, queue_reports(world, source, ROUSE_READABLE), "the report of a byte");
        if (way == 1)
            world_forget(world, source); /* with its event in the kernel */
        for (int i = 0; i < 5; i++) {
            queue_send(world, ends[1], ends[0]);
            if (way == 3 && i == 3)
                world_forget(world, source);
            if (way == 2 && i == 4)
                world_shutdown(world, ends[1]);
            if (world_wait(world, (struct rouse_event[1]){{0}}, 1, 6) == 0)
                continue; /* the world has looked at the time */
            CHECK(E9, world_reports(world, source, ROUSE_READABLE) == 0, "way %d: a report", way);
        }
        queue_close(world, source);
        world_close(world, ends[1]);
    }
}

CASE(e9_one_wait_does_not_set_the_time_of_another, "E9", NEEDS_NOTHING,
     "a wait() with a near or a far deadline ends by a report, and another one follows",
     "the second lasts until its own deadline, neither shorter nor longer")
{
    struct rouse_source *source;
    rouse_fd ends[2];

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    for (int i = 0; i < 6; i++) {
        struct rouse_event event;
        rouse_time late;

        world_arm(world, source, ROUSE_WRITABLE);
        world_wait(world, &event, 1, i % 2 != 0 ? 3 : 60000);
        late = overdue(world, world_after(world, i % 2 != 0 ? 12 : 3));
        CHECK(E9, late >= 0, "round %d: %lld us early", i, (long long) (-late / 1000));
        CHECK(E9, late < ROUSE_MS(LATE_MS), "round %d: %lld ms late", i,
              (long long) (late / ROUSE_MS(1)));
    }
}

CASE(e9_the_clock_does_not_go_back, "E9", NEEDS_NOTHING,
     "now() is asked 10,000 times, between waits, wakes, and at once", "it is never less")
{
    rouse_time last = world_now(world);
    bool forward = true;

    for (int i = 0; i < 10000 && forward; i++) {
        rouse_time now;

        if (i % 500 == 0)
            world_turn(world, 1);
        if (i % 700 == 0)
            world_wake(world);
        now = world->evq->ops->now(world->evq);
        forward = CHECK(E9, now >= last, "%lld, and then %lld", (long long) last, (long long) now);
        last = now;
    }
}

CASES(evq_e9) = {
    &e9_a_wait_lasts_until_its_deadline,
    &e9_a_deadline_in_the_past_returns_at_once,
    &e9_a_deadline_in_the_past_still_looks,
    &e9_no_deadline_is_too_far_away,
    &e9_a_signal_neither_lengthens_nor_shortens_a_wait,
    &e9_short_waits_do_not_spin,
    &e9_what_is_nobodys_does_not_end_a_wait,
    &e9_one_wait_does_not_set_the_time_of_another,
    &e9_the_clock_does_not_go_back,
};
