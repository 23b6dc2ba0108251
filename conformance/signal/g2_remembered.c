/*
 * g2_remembered.c -- G2: a signal that comes while nobody waits is remembered, and several
 * merge into one.
 *
 * Between the handler and the future lie two places where one may be lost: what the handler
 * left, until a turn takes it, and what the turn took, until somebody asks.
 */
#include "signals.h"

#include <errno.h>

enum { TURNS = 3 };

static void raise_and_turn(struct world *world, struct rouse *rt, int number, int turns)
{
    (void) world;
    raise(number);
    for (int i = 0; i < turns; i++)
        rouse_turn(rt, 0);
}

CASE(g2_a_signal_between_two_awaits_is_remembered, "G2", NEEDS_NOTHING,
     "a signal comes while nobody waits, and no turn, one, or several pass before somebody does",
     "the next await is READY, and the one after it pends")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int i = 0; i < SIGNALS; i++)
        signals_watch(&rt.reactor, signals[i]);
    for (int round = 0; round < 12; round++) {
        const int number = signals[round % SIGNALS];

        raise_and_turn(world, &rt, number, round % (TURNS + 1));
        CHECK(G2, signals_comes(&rt, number), "a signal is lost when %d turns pass",
              round % (TURNS + 1));
        CHECK(G2, signals_silent(&rt, number), "it is told twice when %d turns pass",
              round % (TURNS + 1));
    }
    rouse_close(&rt);
    signals_end();
}

CASE(g2_several_merge_into_one, "G2", NEEDS_NOTHING,
     "a signal comes 2 to 100 times while nobody waits, with turns in between or without",
     "one await is READY, and the next pends")
{
    static const int counts[] = {2, 3, 32, 100};
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    signals_watch(&rt.reactor, SIGTERM);
    for (int i = 0; i < 4; i++) {
        for (int turns = 0; turns < 2; turns++) {
            for (int n = 0; n < counts[i]; n++)
                raise_and_turn(world, &rt, SIGTERM, turns);
            CHECK(G2, signals_comes(&rt, SIGTERM), "all of %d are lost", counts[i]);
            CHECK(G2, signals_silent(&rt, SIGTERM), "%d have not merged", counts[i]);
        }
    }
    rouse_close(&rt);
    signals_end();
}

CASE(g2_two_signals_are_remembered_apart, "G2", NEEDS_NOTHING,
     "one of two signals comes, or both do, and they are asked for in both orders",
     "each await tells of its own signal alone")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int i = 0; i < SIGNALS; i++)
        signals_watch(&rt.reactor, signals[i]);
    for (int round = 0; round < 8; round++) {
        const int first = signals[round % 2], second = signals[1 - round % 2];
        const bool both = round / 2 % 2 == 0;

        raise_and_turn(world, &rt, first, round / 4);
        if (both)
            raise_and_turn(world, &rt, second, round / 4);
        if (both)
            CHECK(G2, signals_comes(&rt, second), "the second of two signals is lost");
        else
            CHECK(G2, signals_silent(&rt, second), "a signal that never came");
        CHECK(G2, signals_comes(&rt, first), "asking for one signal has lost the other");
    }
    rouse_close(&rt);
    signals_end();
}

CASE(g2_signals_that_were_told_are_not_remembered, "G2 G3", NEEDS_NOTHING,
     "a future waits for each of two signals, and both come before the turn that takes them",
     "both futures are READY, and whoever waits after them waits for the next")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int round = 0; round < 2; round++) {
        struct rouse_signal waits[SIGNALS];

        for (int i = 0; i < SIGNALS; i++) {
            waits[i] = rouse_signal(&rt.reactor, signals[i]);
            CHECK_EQUAL(G2, world_poll(&waits[i].future, NULL), ROUSE_PENDING, "a signal's future");
        }
        for (int i = 0; i < SIGNALS; i++)
            raise(signals[(i + round) % SIGNALS]);
        rouse_turn(&rt, 0);
        for (int i = 0; i < SIGNALS; i++)
            CHECK_EQUAL(G3, world_poll(&waits[i].future, NULL), ROUSE_READY, "it, when it came");
        for (int i = 0; i < SIGNALS; i++)
            CHECK(G2, signals_silent(&rt, signals[i]), "signal %d is told twice", signals[i]);
    }
    rouse_close(&rt);
    signals_end();
}

CASE(g2_an_await_that_is_dropped_gives_back_its_signal, "G2", NEEDS_NOTHING,
     "a future is woken by its signal and dropped before it is polled again, while another signal "
     "is remembered, or none",
     "the next await of each that came is READY, and the one after it pends")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int round = 0; round < 3; round++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct rouse_signal waits = rouse_signal(&rt.reactor, SIGTERM);

        signals_watch(&rt.reactor, SIGINT);
        if (round > 0)
            raise_and_turn(world, &rt, SIGINT, 1);
        world_poll(&waits.future, &waker);
        raise_and_turn(world, &rt, SIGTERM, 1);
        CHECK_EQUAL(G2, wakes_taken(wakes), 1, "the number of wakes by one signal");
        rouse_future_drop(&waits.future);
        CHECK(G2, signals_comes(&rt, SIGTERM), "it went with the future that was dropped");
        CHECK(G2, signals_silent(&rt, SIGTERM), "it is told twice");
        CHECK(G2, round > 0 ? signals_comes(&rt, SIGINT) : signals_silent(&rt, SIGINT),
              "the other signal is not what it was");
    }
    rouse_close(&rt);
    signals_end();
}

CASE(g2_the_last_of_a_burst_is_never_lost, "G2", NEEDS_NOTHING,
     "48 rounds of one to four signals, some before and some while somebody waits",
     "each round brings at least one, and no more than it had")
{
    struct rouse rt;
    int told;

    signals_begin();
    world_runtime(world, &rt);
    signals_watch(&rt.reactor, SIGINT);
    for (int round = 0; round < 48; round++) {
        const int count = 1 + round % 4;

        told = 0;
        for (int n = 0; n < count; n++) {
            struct rouse_signal waits = rouse_signal(&rt.reactor, SIGINT);

            if (n % 2 == round / 4 % 2)
                raise(SIGINT);
            told += world_poll(&waits.future, NULL) == ROUSE_READY;
            if (n % 2 != round / 4 % 2)
                raise(SIGINT);
            if (round % 3 == 0)
                rouse_turn(&rt, 0);
            rouse_future_drop(&waits.future);
        }
        while (told <= count && !signals_silent(&rt, SIGINT))
            told++;
        if (!CHECK(G2, told >= 1 && told <= count, "round %d: %d signals are told as %d", round,
                   count, told))
            break;
    }
    rouse_close(&rt);
    signals_end();
}

CASE(g2_a_stop_between_two_runs_is_remembered, "G2", NEEDS_NOTHING,
     "a signal of rouse_stop_on() comes between two runs, and a turn takes it, or none does",
     "the next run is stopped, and the one after it is not")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    CHECK_EQUAL(G2, rouse_stop_on(&rt, SIGTERM), 0, "rouse_stop_on()");
    for (int turns = 0; turns < TURNS; turns++) {
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, ROUSE_MS(WORLD_SOON));

        raise_and_turn(world, &rt, SIGTERM, turns);
        CHECK_EQUAL(G2, rouse_run(&rt, &sleep.future), -ECANCELED,
                    "the result of a run after the signal");
        CHECK(G2, world_now(world) < sleep.deadline, "it was stopped too late, after %d turns",
              turns);
        sleep = rouse_sleep(&rt.reactor, ROUSE_MS(1));
        CHECK_EQUAL(G2, rouse_run(&rt, &sleep.future), 0, "the result of the run after that");
    }
    rouse_close(&rt);
    signals_end();
}

CASE(g2_each_signal_that_is_to_stop_a_run_does, "G2", NEEDS_NOTHING,
     "rouse_stop_on() is told of two signals, and each of them comes",
     "the next run is stopped, whichever came, and the one after it is not")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int i = 0; i < SIGNALS; i++)
        CHECK_EQUAL(G2, rouse_stop_on(&rt, signals[i]), 0, "rouse_stop_on()");
    for (int i = 0; i < SIGNALS; i++) {
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, ROUSE_MS(WORLD_SOON));

        raise_and_turn(world, &rt, signals[i], 0);
        CHECK_EQUAL(G2, rouse_run(&rt, &sleep.future), -ECANCELED, "the result of a run");
        sleep = rouse_sleep(&rt.reactor, ROUSE_MS(1));
        CHECK_EQUAL(G2, rouse_run(&rt, &sleep.future), 0, "the result of the run after that");
    }
    rouse_close(&rt);
    signals_end();
}

/* Raises a signal once, in the middle of whatever the thread does. */
static void raise_once(void *with)
{
    volatile sig_atomic_t *number = with;

    if (*number != 0)
        raise((int) *number);
    *number = 0;
}

CASE(g2_a_signal_wakes_a_runtime_that_sleeps, "G2", NEEDS_KERNEL,
     "a signal comes while the thread sleeps without a limit, awaited or as a stop, 20 times",
     "the await is READY, and the run is stopped")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    CHECK_EQUAL(G2, rouse_stop_on(&rt, SIGINT), 0, "rouse_stop_on()");
    for (int round = 0; round < 20; round++) {
        struct rouse_signal waits = rouse_signal(&rt.reactor, SIGTERM);
        volatile sig_atomic_t number = SIGTERM;

        if (round == 0)
            signals_watch(&rt.reactor, SIGTERM); /* the storm may be quicker than the poll */
        world_storm(world, raise_once, (void *) &number);
        CHECK_EQUAL(G2, RUN_UNLIMITED(G2, world, &rt, &waits.future), 0, "the result of an await");
        world_calm(world);
    }
    for (int round = 0; round < 20; round++) {
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, ROUSE_MS(WORLD_SOON));
        volatile sig_atomic_t number = SIGINT;

        world_storm(world, raise_once, (void *) &number);
        CHECK_EQUAL(G2, rouse_run(&rt, &sleep.future), -ECANCELED, "the result of a run");
        world_calm(world);
    }
    rouse_close(&rt);
    signals_end();
}

CASE(g2_a_stop_that_comes_twice_stops_one_run, "G2", NEEDS_NOTHING,
     "a signal of rouse_stop_on() comes twice before there is a run, with a turn after each",
     "the next run is stopped, and the one after it is not")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    CHECK_EQUAL(G2, rouse_stop_on(&rt, signals[0]), 0, "rouse_stop_on()");
    for (int i = 0; i < 2; i++)
        raise_and_turn(world, &rt, signals[0], 1);
    for (int i = 0; i < 2; i++) {
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, ROUSE_MS(1));

        CHECK_EQUAL(G2, rouse_run(&rt, &sleep.future), i == 0 ? -ECANCELED : 0,
                    "what the run says");
    }
    rouse_close(&rt);
    signals_end();
}

CASES(signal_g2) = {&g2_a_signal_between_two_awaits_is_remembered,
                    &g2_several_merge_into_one,
                    &g2_two_signals_are_remembered_apart,
                    &g2_signals_that_were_told_are_not_remembered,
                    &g2_an_await_that_is_dropped_gives_back_its_signal,
                    &g2_the_last_of_a_burst_is_never_lost,
                    &g2_a_stop_between_two_runs_is_remembered,
                    &g2_a_signal_wakes_a_runtime_that_sleeps,
                    &g2_a_stop_that_comes_twice_stops_one_run,
                    &g2_each_signal_that_is_to_stop_a_run_does};
