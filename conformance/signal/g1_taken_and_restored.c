/*
 * g1_taken_and_restored.c -- G1: a signal that is waited for has no other effect on the
 * process, from the first poll until the reactor closes; then what was there is restored.
 */
#include "signals.h"

#include <errno.h>
#include <limits.h>

#if defined(SIGKILL) && defined(SIGSTOP)
static const int refused[] = {SIGKILL, SIGSTOP, 0, -1, 1000, INT_MAX, INT_MIN};
#else
static const int refused[] = {0, -1, 1000, INT_MAX, INT_MIN};
#endif
enum { REFUSED = sizeof refused / sizeof *refused, RUNTIMES = 3 };

CASE(g1_the_first_poll_takes_the_signal, "G1", NEEDS_NOTHING,
     "a future is made for a signal, the signal is raised, the future is polled, and again",
     "before the poll the signal does what it always did, and afterwards nothing")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int i = 0; i < SIGNALS; i++) {
        struct rouse_signal waits = rouse_signal(&rt.reactor, signals[i]);

        raise(signals[i]);
        CHECK_EQUAL(G1, signals_counted(), 1, "what a signal does that nobody waits for yet");
        CHECK(G1, world_poll(&waits.future, NULL) == ROUSE_PENDING, "it is READY before it came");
        for (int n = 0; n < 3; n++) {
            raise(signals[i]);
            CHECK_EQUAL(G1, signals_counted(), 0, "what it does besides while somebody waits");
        }
        rouse_future_drop(&waits.future);
    }
    rouse_close(&rt);
    signals_end();
}

CASE(g1_the_signal_stays_taken_while_nobody_waits, "G1", NEEDS_NOTHING,
     "a signal is raised after its future was READY, and after another was dropped",
     "it has no other effect until the reactor closes")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SIGNALS; i++) {
            signals_watch(&rt.reactor, signals[i]);
            raise(signals[i]);
            CHECK_EQUAL(G1, signals_counted(), 0, "effects after a future was dropped");
            signals_comes(&rt, signals[i]);
            raise(signals[i]);
            CHECK_EQUAL(G1, signals_counted(), 0, "effects after a future was READY");
            world_settle(world, &rt);
            raise(signals[i]);
            CHECK_EQUAL(G1, signals_counted(), 0, "effects after some turns");
        }
    }
    rouse_close(&rt);
    for (int i = 0; i < SIGNALS; i++)
        raise(signals[i]);
    CHECK_EQUAL(G1, signals_counted(), SIGNALS, "signals with their old effect after the closing");
    signals_end();
}

CASE(g1_closing_restores_what_was_there, "G1", NEEDS_NOTHING,
     "a signal has its default, is ignored, or has a handler, and is watched in several ways",
     "after the closing it is as it was, each time")
{
    static const signals_handler dispositions[] = {SIG_DFL, SIG_IGN, signals_count};
    struct rouse rt;

    signals_begin();
    for (int round = 0; round < 9; round++) {
        const signals_handler before = dispositions[round % 3];
        const int number = signals[round % SIGNALS];

        signal(number, before);
        world_runtime(world, &rt);
        if (round / 3 != 1)
            signals_watch(&rt.reactor, number);
        if (round / 3 != 0)
            CHECK_EQUAL(G1, rouse_stop_on(&rt, number), 0, "rouse_stop_on()");
        CHECK(G1, signals_now(number) != before, "a watched signal is not taken");
        rouse_close(&rt);
        CHECK(G1, signals_now(number) == before, "round %d: what was there is not restored", round);
        signal(number, signals_count);
    }
    signals_end();
}

CASE(g1_the_last_of_several_runtimes_restores, "G1", NEEDS_NOTHING,
     "three runtimes watch a signal and close in each order that there is",
     "it stays taken until the last of them has closed")
{
    static const int orders[][RUNTIMES] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                           {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    signals_begin();
    for (int order = 0; order < 6; order++) {
        struct rouse_evq *evqs[RUNTIMES];
        struct rouse rts[RUNTIMES];

        for (int i = 0; i < RUNTIMES; i++) {
            struct rouse_options options = {.size = sizeof options, .alloc = world->alloc};

            if (world_open_queue(world, world->alloc, &evqs[i]) != 0)
                suite_error("no queue");
            options.evq = evqs[i];
            if (rouse_open(&rts[i], &options) != 0)
                suite_error("no runtime");
            signals_watch(&rts[i].reactor, SIGTERM);
            signals_watch(&rts[i].reactor, SIGTERM); /* twice is once */
        }
        for (int i = 0; i < RUNTIMES; i++) {
            const int last = orders[order][RUNTIMES - 1];

            rouse_close(&rts[orders[order][i]]);
            raise(SIGTERM);
            if (i + 1 < RUNTIMES) {
                CHECK_EQUAL(G1, signals_counted(), 0, "effects before the last one has closed");
                CHECK(G1, signals_comes(&rts[last], SIGTERM),
                      "the last one hears no more of it once %d have closed", i + 1);
            } else {
                CHECK_EQUAL(G1, signals_counted(), 1, "effects after the last one has closed");
            }
        }
        for (int i = 0; i < RUNTIMES; i++)
            evqs[i]->ops->close(evqs[i]);
    }
    signals_end();
}

/* Waits for SIGTERM in a task, for ever. */
struct sitting {
    struct rouse_async async;
    struct rouse_reactor *reactor;
    struct rouse_signal signal;
    struct rouse_task task;
    int *ends;
};

ROUSE_ASYNC(sit, struct sitting)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->signal, rouse_signal(self->reactor, SIGTERM));
    ROUSE_FINALLY
    ++*self->ends;
    ROUSE_END
}

CASE(g1_closing_with_a_signal_pending_is_safe, "G1", NEEDS_NOTHING,
     "a signal comes and the runtime closes at once: with a task that waits, with nobody, or "
     "with rouse_stop_on()",
     "what was there is restored, and the next runtime knows nothing of it")
{
    signals_begin();
    for (int how = 0; how < 3; how++) {
        struct sitting sitting = {.ends = &(int){0}};
        struct rouse rt;

        world_runtime(world, &rt);
        sitting.reactor = &rt.reactor;
        if (how == 0) {
            rouse_spawn(&rt.executor, &sitting.task, sit_start(&sitting), NULL);
            rouse_turn(&rt, 0);
        } else if (how == 1) {
            signals_watch(&rt.reactor, SIGTERM);
        } else {
            rouse_stop_on(&rt, SIGTERM);
        }
        raise(SIGTERM);
        rouse_close(&rt);
        CHECK_EQUAL(G1, *sitting.ends, how == 0, "tasks that were ended");
        CHECK_EQUAL(G1, signals_counted(), 0, "effects of a signal that came before the closing");
        raise(SIGTERM);
        CHECK_EQUAL(G1, signals_counted(), 1, "effects of one that came after it");

        world_runtime(world, &rt);
        CHECK(G1, signals_silent(&rt, SIGTERM), "a signal from before it was opened");
        rouse_close(&rt);
    }
    signals_end();
}

CASE(g1_what_cannot_be_caught_is_refused, "G1", NEEDS_NOTHING,
     "futures and stops are made for numbers that are no signals, or cannot be caught",
     "each is -EINVAL, and the others are as before")
{
    struct rouse rt;

    signals_begin();
    world_runtime(world, &rt);
    for (int i = 0; i < REFUSED; i++) {
        struct rouse_signal future = rouse_signal(&rt.reactor, refused[i]);
        struct rouse_signal unpolled = rouse_signal(&rt.reactor, refused[i]);
        intptr_t result = 0;

        CHECK(G1, world_run(world, &rt, &future.future, WORLD_SOON, &result),
              "a future for signal %d pends", refused[i]);
        CHECK_EQUAL(G1, result, -EINVAL, "the result of a future for it");
        CHECK_EQUAL(G1, rouse_stop_on(&rt, refused[i]), -EINVAL, "rouse_stop_on() for it");
        rouse_future_drop(&unpolled.future);
        signals_watch(&rt.reactor, SIGTERM);
        raise(SIGTERM);
        CHECK(G1, signals_comes(&rt, SIGTERM), "a good one does not come any more");
    }
    CHECK_EQUAL(G1, signals_counted(), 0, "effects of a signal that is watched");
    rouse_close(&rt);
    CHECK(G1, signals_now(SIGTERM) == signals_count, "what was there is not restored");
    CHECK(G1, signals_now(SIGINT) == signals_count, "what nobody watched has changed");
    signals_end();
}

/* As far as numbers go on any system, and the first for which a word of 64 bits has no place. */
enum { NUMBERS = 130, PLACES = 64 };

CASE(g1_every_signal_that_can_be_caught_can_be_watched, "G1 G3", NEEDS_KERNEL | NEEDS_NON_SOCKETS,
     "futures wait for each number that standard C's signal() takes, all at once, and each is "
     "raised",
     "its future alone is woken; what cannot be caught, and perhaps what is above 63, is -EINVAL")
{
    static signals_handler before[NUMBERS];
    struct wakes *wakes[NUMBERS] = {NULL};
    struct rouse_signal waits[NUMBERS];
    struct rouse rt;
    int watched = 0;

    world_runtime(world, &rt);
    for (int number = 1; number < NUMBERS; number++) {
        struct rouse_waker waker;

        waits[number] = rouse_signal(&rt.reactor, number);
        before[number] = signal(number, signals_count);
        wakes[number] = world_wakes(world);
        waker = wakes_waker(wakes[number]);
        if (world_poll(&waits[number].future, &waker) == ROUSE_PENDING) {
            watched++;
            continue;
        }
        CHECK_EQUAL(G1, waits[number].future.result, -EINVAL, "what is told of a number");
        CHECK(G1, before[number] == SIG_ERR || number >= PLACES, "signal %d is refused", number);
        wakes[number] = NULL;
    }
    CHECK(G1, watched >= 20, "%d signals can be watched", watched);
    signals_counted();
    for (int number = 1; number < NUMBERS; number++) {
        if (wakes[number] == NULL)
            continue;
        raise(number);
        rouse_turn(&rt, 0);
        rouse_turn(&rt, 0);
        CHECK_EQUAL(G1, wakes_taken(wakes[number]), 1, "wakes of who waits for it");
        CHECK_EQUAL(G1, signals_counted(), 0, "its other effects");
        for (int other = 1; other < NUMBERS; other++)
            CHECK(G3, wakes[other] == NULL || wakes_taken(wakes[other]) == 0,
                  "signal %d wakes who waits for %d", number, other);
        CHECK(G3,
              world_poll(&waits[number].future, NULL) == ROUSE_READY
                  && waits[number].future.result == 0,
              "signal %d is told as %lld", number, (long long) waits[number].future.result);
    }
    for (int number = 1; number < NUMBERS; number++)
        rouse_future_drop(&waits[number].future);
    rouse_close(&rt);
    for (int number = 1; number < NUMBERS; number++)
        if (before[number] != SIG_ERR) {
            CHECK(G1, signals_now(number) == signals_count, "signal %d is not restored", number);
            signal(number, before[number]);
        }
}

#if defined(SIGUSR1)
enum { STORM = SIGUSR1 }; /* world_storm()'s */
#else
enum { STORM = 0 };
#endif

struct sender {
    struct world *world;
    rouse_fd fd;
};

/* When there has been time for a good many signals. */
static void send_late(void *argument)
{
    const struct sender *sender = argument;

    thread_sleep(30);
    world_send(sender->world, sender->fd, 1);
}

CASE(
    g1_a_signal_that_is_watched_interrupts_no_call, "G1", NEEDS_KERNEL | NEEDS_NON_SOCKETS,
    "a signal that is watched comes once a millisecond, while a read that the system itself blocks "
    "waits for a byte of another thread",
    "the read brings that byte, and no -EINTR")
{
    struct sender sender = {.world = world};
    struct thread *thread;
    rouse_fd ends[2];
    struct rouse rt;

    world_pair(world, ends);
    sender.fd = ends[1];
    world_runtime(world, &rt);
    world_storm(world, NULL, NULL);
    signals_watch(&rt.reactor, STORM);
    thread = thread_start(send_late, &sender);
    CHECK_EQUAL(G1, world_read_blocked(world, ends[0]), 1, "what the read brings");
    thread_join(thread);
    CHECK(G1, signals_comes(&rt, STORM), "no signal came");
    rouse_close(&rt);
    world_calm(world);
}

CASES(signal_g1) = {&g1_the_first_poll_takes_the_signal,
                    &g1_the_signal_stays_taken_while_nobody_waits,
                    &g1_closing_restores_what_was_there,
                    &g1_the_last_of_several_runtimes_restores,
                    &g1_closing_with_a_signal_pending_is_safe,
                    &g1_what_cannot_be_caught_is_refused,
                    &g1_every_signal_that_can_be_caught_can_be_watched,
                    &g1_a_signal_that_is_watched_interrupts_no_call};
