/*
 * x1_interruptions.c -- X1: a signal that interrupts what the library does is invisible. No
 * wait ends early or late by it, nothing fails with -EINTR, no wake and no event is lost.
 *
 * A storm of signals goes over the thread, whose handler may itself write a byte or wake
 * the queue: so those come in the very middle of a wait that has just been interrupted.
 */
#include <errno.h>
#include <signal.h>

#include "../../src/base/atomic.h"
#include "../runner.h"
#include "play.h"
#include "raw.h"

/* What the handler does. */
struct storm {
    struct raw *raw;
    rouse_fd peer;          /* where it writes a byte, or ROUSE_NO_FD */
    volatile int countdown; /* signals until it writes, or wakes; 0: it does neither */
    uintptr_t handled;      /* atomic */
};

static void on_signal(void *with)
{
    struct storm *storm = with;

    atomic_fetch_add(&storm->handled, 1);
    if (storm->countdown == 0 || --storm->countdown > 0)
        return;
    if (storm->peer != ROUSE_NO_FD)
        storm->raw->sockets->write(storm->raw->sockets, storm->peer, "x", 1);
    else
        storm->raw->evq->ops->wake(storm->raw->evq);
}

struct late {
    const char *text;
    int line;
};

static void too_late(void *argument)
{
    const struct late *late = argument;

    suite_fail_and_exit(GUARANTEE_X1, late->text, __FILE__, late->line);
}

CASE(x1_a_wait_ends_at_its_deadline, "X1", NEEDS_KERNEL,
     "waits of 1 to 60 ms, with nothing armed and with an idle source, are interrupted all along",
     "each returns 0 at its deadline: not before, and not a deadline later")
{
    static const int lengths[] = {1, 3, 17, 60};
    struct rouse_source source = {0};
    struct rouse_event event;
    struct raw raw;
    struct storm storm = {.raw = &raw, .peer = ROUSE_NO_FD};
    rouse_fd ends[2];

    raw_open(&raw, world);
    raw_pair(&raw, ends);
    source.fd = ends[0];
    world_storm(world, on_signal, &storm);
    for (int i = 0; i < 8; i++) {
        const rouse_time deadline = raw_now(&raw) + ROUSE_MS(lengths[i % 4]);
        int count;

        if (i == 4 && raw_arm(&raw, &source, ROUSE_READABLE) != 0)
            suite_error("an arm() was refused");
        storm.countdown = 700; /* far beyond the deadline: a wait that began anew ends here */
        do                     /* a report of what is not ready is allowed once (E6) */
            count = raw.evq->ops->wait(raw.evq, &event, 1, deadline);
        while (count == 1 && storm.countdown > 0);
        CHECK_EQUAL(X1, count, 0, "what an interrupted wait returns");
        CHECK(X1, raw_now(&raw) >= deadline, "a wait of %d ms ends %lld ns early", lengths[i % 4],
              (long long) (deadline - raw_now(&raw)));
        CHECK(X1, storm.countdown > 0, "a wait of %d ms does not end", lengths[i % 4]);
    }
    CHECK(X1, world_calm(world) > 0, "the storm is none");
    raw_forget_and_close(&raw, &source);
    raw.sockets->close(raw.sockets, ends[1]);
    raw_close(&raw);
}

/* A storm that is over with its first signal, whose handler stays until `until`. */
struct squall {
    struct world *world;
    struct raw *raw;
    rouse_time until;
    uintptr_t ready; /* atomic: what comes before is none of it */
    uintptr_t begun; /* atomic */
};

static void linger(void *with)
{
    struct squall *squall = with;

    if (!atomic_load_acquire(&squall->ready))
        return;
    atomic_exchange(&squall->begun, 1);
    while (raw_now(squall->raw) < squall->until)
        continue;
}

static void calm_down(void *argument)
{
    struct squall *squall = argument;

    while (!atomic_load_acquire(&squall->begun))
        thread_yield();
    world_calm(squall->world);
}

/* What signals of the storm do that are still on their way when it is over: nothing. */
#if defined(SIGUSR1)
enum { STORM_SIGNAL = SIGUSR1 };
#else
enum { STORM_SIGNAL = SIGTERM };
#endif

CASE(x1_one_interruption_does_not_lengthen_a_wait, "X1", NEEDS_KERNEL,
     "a wait of 300 ms is interrupted when most of it is over, and not again",
     "it ends at its deadline, and does not begin anew")
{
    void (*const before)(int) = signal(STORM_SIGNAL, SIG_IGN);
    struct rouse_event event;
    struct raw raw;
    rouse_time late = 0;

    raw_open(&raw, world);
    /* On a busy machine any wait may end late, but not three times. */
    for (int i = 0; i < 3 && (i == 0 || late > ROUSE_MS(100)); i++) {
        const rouse_time deadline = raw_now(&raw) + ROUSE_MS(300);
        struct squall squall = {.world = world, .raw = &raw, .until = deadline - ROUSE_MS(80)};
        struct thread *thread = thread_start(calm_down, &squall);

        world_storm(world, linger, &squall);
        atomic_exchange(&squall.ready, 1);
        CHECK_EQUAL(X1, raw.evq->ops->wait(raw.evq, &event, 1, deadline), 0,
                    "what an interrupted wait returns");
        late = raw_now(&raw) - deadline;
        thread_join(thread);
        CHECK(X1, late >= 0, "it ends %lld ns early", (long long) -late);
    }
    CHECK(X1, late <= ROUSE_MS(100), "it ends %lld ms late, three times",
          (long long) (late / ROUSE_MS(1)));
    raw_close(&raw);
    signal(STORM_SIGNAL, before);
}

CASE(x1_no_event_is_lost, "X1", NEEDS_KERNEL,
     "a byte comes in the middle of a wait, on the 1st to 5th signal that interrupts it, 60 times",
     "each is reported, once, and no wait fails")
{
    struct rouse_source source = {0};
    struct raw raw;
    struct storm storm = {.raw = &raw};
    rouse_fd ends[2];
    char byte;

    raw_open(&raw, world);
    raw_pair(&raw, ends);
    source.fd = ends[0];
    storm.peer = ends[1];
    world_storm(world, on_signal, &storm);
    for (int round = 0; round < 60; round++) {
        struct rouse_event event;
        const rouse_time late = raw_now(&raw) + ROUSE_MS(WORLD_SOON);
        int count = 0;

        if (raw_arm(&raw, &source, ROUSE_READABLE) != 0)
            suite_error("an arm() was refused");
        storm.countdown = 1 + round % 5;
        /* A report of what is not ready is allowed once (E6). */
        while (raw.sockets->read(raw.sockets, ends[0], &byte, 1) != 1 && raw_now(&raw) < late) {
            if (source.armed == 0)
                (void) raw_arm(&raw, &source, ROUSE_READABLE);
            count = raw.evq->ops->wait(raw.evq, &event, 1, late);
            if (!CHECK(X1, count >= 0, "a wait fails: %s", rouse_strerror(count)))
                break;
            CHECK(X1, count == 1, "an interrupted wait returns %d, with a byte on its way", count);
        }
        if (!CHECK(X1, raw_now(&raw) < late, "a byte is not reported"))
            break;
    }
    world_calm(world);
    raw_forget_and_close(&raw, &source);
    raw.sockets->close(raw.sockets, ends[1]);
    raw_close(&raw);
}

CASE(x1_no_wake_is_lost, "X1", NEEDS_NOTHING,
     "the queue is woken by the 1st to 5th signal that interrupts a wait without limit, 60 times",
     "each time the wait ends, and nothing is reported")
{
    struct late late = {"an interrupted wait has lost its wake", __LINE__};
    struct watchdog *watchdog = watchdog_start(5 * WORLD_SOON / 2, too_late, &late);
    struct rouse_event event;
    struct raw raw;
    struct storm storm = {.raw = &raw, .peer = ROUSE_NO_FD};

    raw_open(&raw, world);
    world_storm(world, on_signal, &storm);
    for (int round = 0; round < 60; round++) {
        storm.countdown = 1 + round % 5;
        CHECK_EQUAL(X1, raw.evq->ops->wait(raw.evq, &event, 1, ROUSE_NEVER), 0,
                    "what a wait returns that was woken by a signal handler");
        CHECK_EQUAL(X1, storm.countdown, 0, "signals missing until the wake, when it ended");
    }
    world_calm(world);
    watchdog_stop(watchdog);
    raw_close(&raw);
}

CASE(x1_every_program_runs_as_ever, "X1", NEEDS_KERNEL,
     "programs of every kind, from sleeping to accepting, run while the thread is interrupted "
     "200 times",
     "each succeeds, every time")
{
    struct storm storm = {.peer = ROUSE_NO_FD};
    struct play play;

    play_open_on(&play, world, world->evq);
    world_storm(world, on_signal, &storm);
    for (int round = 0; atomic_load_acquire(&storm.handled) < 200 && round < 500; round++)
        for (int i = 0; programs[i] != NULL; i++)
            CHECK_EQUAL(X1, programs[i]->run(&play), 0, programs[i]->name);
    CHECK(X1, world_calm(world) > 0, "the storm is none");
    play_close(&play);
}

CASE(x1_sleeps_keep_their_time, "X1", NEEDS_KERNEL,
     "a task sleeps again and again, for 0.3 to 8 ms, while the thread is interrupted",
     "it never wakes early, and always wakes")
{
    struct storm storm = {.peer = ROUSE_NO_FD};
    struct rouse rt;

    world_runtime(world, &rt);
    world_storm(world, on_signal, &storm);
    for (int i = 0; i < 40; i++) {
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, ROUSE_US(300 + i * 1931 % 7700));
        const rouse_time deadline = sleep.deadline;

        CHECK(X1, world_run(world, &rt, &sleep.future, WORLD_SOON, NULL), "it never wakes");
        CHECK(X1, world_now(world) >= deadline, "it wakes %lld ns early",
              (long long) (deadline - world_now(world)));
    }
    world_calm(world);
    rouse_close(&rt);
}

/* A future that another thread ends. */
struct handed {
    struct rouse_future future;
    struct storm *storm;
    struct rouse_waker waker;
    uintptr_t waits; /* atomic: its waker is there */
    uintptr_t done;  /* atomic */
    int polls;
};

static enum rouse_poll handed_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct handed *handed = rouse_container_of(self, struct handed, future);

    handed->polls++;
    if (atomic_load_acquire(&handed->done))
        return rouse_ready(self, 7);
    if (handed->waker.ops == NULL) {
        rouse_waker_keep(&handed->waker, cx->waker);
        atomic_exchange(&handed->waits, 1);
    }
    return ROUSE_PENDING;
}

static void end_it(void *argument)
{
    struct handed *handed = argument;
    uintptr_t handled;

    while (!atomic_load_acquire(&handed->waits))
        thread_yield();
    /* Not before the sleep was interrupted a few times. */
    handled = atomic_load_acquire(&handed->storm->handled);
    while (atomic_load_acquire(&handed->storm->handled) < handled + 4)
        thread_yield();
    atomic_exchange(&handed->done, 1);
    rouse_wake(&handed->waker);
}

CASE(x1_a_plain_thread_waits_on, "X1", NEEDS_NOTHING,
     "rouse_wait() sleeps for a future that another thread ends, and is interrupted, 20 times",
     "it returns the future's result, each time, and no interruption leads to a poll")
{
    static const struct rouse_future_ops ops = {handed_poll, NULL, "handed"};
    struct late late = {"rouse_wait() does not end", __LINE__};
    struct watchdog *watchdog = watchdog_start(5 * WORLD_SOON / 2, too_late, &late);
    struct storm storm = {.peer = ROUSE_NO_FD};

    world_storm(world, on_signal, &storm);
    for (int i = 0; i < 20; i++) {
        struct handed handed = {.future = {&ops, 0}, .storm = &storm};
        struct thread *thread = thread_start(end_it, &handed);

        CHECK_EQUAL(X1, rouse_wait(&handed.future, NULL), 7, "the result of rouse_wait()");
        CHECK(X1, handed.polls <= 2, "%d polls, for one wake", handed.polls);
        thread_join(thread);
    }
    world_calm(world);
    watchdog_stop(watchdog);
}

CASES(fault_x1) = {&x1_a_wait_ends_at_its_deadline,
                   &x1_one_interruption_does_not_lengthen_a_wait,
                   &x1_no_event_is_lost,
                   &x1_no_wake_is_lost,
                   &x1_every_program_runs_as_ever,
                   &x1_sleeps_keep_their_time,
                   &x1_a_plain_thread_waits_on};
