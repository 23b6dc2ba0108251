/*
 * e7_wake.c -- E7: a wake ends a wait(), this one or the next.
 *
 * The dangerous moments are the edges of a wait(): just before it blocks, just after it
 * has decided to return, and when it returns for another reason too. Threads that meet
 * there by chance are in e8_threads.c; here each moment is arranged.
 */
#include "queue.h"

#include "../../src/base/atomic.h"

CASE(e7_a_wake_before_the_first_wait_ends_it, "E7", NEEDS_NOTHING,
     "a queue that has just been opened is woken",
     "its first wait() ends at once, and so does one without limit after a second wake")
{
    struct rouse_event event;

    world_wake(world);
    CHECK(E7, queue_ends_early(world, WORLD_SOON), "the first wait() lasted until its deadline");
    world_wake(world);
    CHECK_EQUAL(E7, WAIT_UNLIMITED(E7, world, &event, 1), 0, "a wait() without limit");
}

CASE(e7_every_wake_ends_the_wait_after_it, "E7", NEEDS_NOTHING,
     "70,000 times, or for three seconds, a queue is woken and waits, with and without a source",
     "each wait() ends at once")
{
    enum { TIMES = 70000 };
    const rouse_time deadline = world_after(world, 3000);
    rouse_fd ends[2];
    bool woken = true;

    for (int i = 0; i < TIMES && woken && world_now(world) < deadline; i++) {
        if (i == 500) {
            world_pair(world, ends);
            queue_arm_idle(world, world_source(world, ends[0]), ROUSE_READABLE);
        }
        world_wake(world);
        woken = CHECK(E7, queue_ends_early(world, WORLD_SOON), "wait() number %d", i + 1);
    }
}

CASE(e7_many_wakes_end_one_wait, "E7", NEEDS_NOTHING,
     "a queue is woken two times, ten times, a thousand times, and then waits twice",
     "the first wait() ends at once and the second lasts, for it was not woken")
{
    static const int numbers[] = {2, 10, 1000, 1, 2};

    for (int i = 0; i < 5; i++) {
        rouse_time before;

        for (int wakes = 0; wakes < numbers[i]; wakes++)
            world_wake(world);
        CHECK(E7, queue_ends_early(world, WORLD_SOON), "%d wakes", numbers[i]);
        before = world_now(world);
        world_turn(world, 20);
        CHECK(E7, world_now(world) - before >= ROUSE_MS(10), "%d wakes ended a second wait()",
              numbers[i]);
    }
}

CASE(e7_a_wake_after_any_wait_ends_the_next, "E7", NEEDS_NOTHING,
     "a wait() ends by its deadline, which had passed or not, by a report, or by a wake",
     "the wake that comes afterwards ends the next wait(), 50 times over")
{
    rouse_fd ends[2];
    struct rouse_source *source;

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    for (int i = 0; i < 200; i++) {
        switch (i % 4) {
        case 0: world_turn(world, 0); break;
        case 1: world_turn(world, 1); break;
        case 2:
            world_arm(world, source, ROUSE_WRITABLE);
            world_turn(world, WORLD_SOON);
            break;
        default:
            world_wake(world);
            world_turn(world, WORLD_SOON);
            break;
        }
        world_wake(world);
        REQUIRE(E7, queue_ends_early(world, WORLD_SOON), "round %d", i);
    }
}

CASE(e7_a_wake_and_reports_do_not_hide_each_other, "E7 E2", NEEDS_NOTHING,
     "a queue with more ready sources than fit in the array is woken before and between waits",
     "every source is reported, and a wake after the last report ends the next wait()")
{
    enum { SOURCES = 8 };
    static struct queue_crowd crowd;

    queue_crowd_open(world, &crowd, SOURCES);
    for (int round = 0; round < 30; round++) {
        struct rouse_event events[2];
        int reported = 0;

        for (int i = 0; i < SOURCES; i++)
            world_arm(world, crowd.sources[i], ROUSE_WRITABLE);
        for (int waits = 0; waits < 3 * SOURCES && reported < SOURCES; waits++) {
            const rouse_time before = world_now(world);

            if (round % 3 != 0 || waits == 0)
                world_wake(world);
            reported += world_wait(world, events, 1 + round % 2, WORLD_SOON);
            if (world_now(world) - before >= ROUSE_MS(WORLD_SOON))
                break;
        }
        REQUIRE(E2, reported == SOURCES, "round %d: %d of %d sources", round, reported, SOURCES);
        world_wake(world);
        REQUIRE(E7, queue_ends_early(world, WORLD_SOON), "round %d: the wake after the last report",
                round);
    }
}

CASE(e7_a_wake_does_not_reach_another_queue, "E7 E9", NEEDS_NOTHING,
     "of two queues, one is woken and the other waits, then the first",
     "the other waits until its deadline, and the first not")
{
    struct rouse_evq *other;
    const int error = world_open_queue(world, NULL, &other);

    if (error != 0)
        suite_error("no other queue: %s", rouse_strerror(error));
    for (int i = 0; i < 10; i++) {
        const rouse_time deadline = other->ops->now(other) + ROUSE_MS(3);
        struct rouse_event event;

        world_wake(world);
        CHECK_EQUAL(E7, other->ops->wait(other, &event, 1, deadline), 0, "the other's wait()");
        CHECK(E9, other->ops->now(other) >= deadline, "the other's wait() ended early");
        CHECK(E7, queue_ends_early(world, WORLD_SOON), "the wake was lost");
        other->ops->wake(other);
        CHECK_EQUAL(E7, other->ops->wait(other, &event, 1, ROUSE_NEVER), 0, "the other's wait()");
    }
    other->ops->close(other);
}

/* A thread that wakes the queue once each time it is asked to. */
struct waker {
    struct world *world;
    uintptr_t asked; /* atomic; ROUNDS + 1 ends it */
    uintptr_t interrupted;
    bool patient; /* wait for two interruptions first */
};

enum { ROUNDS = 400, PATIENT_ROUNDS = 20, OVER = 1 << 20 };

static void wake_when_asked(void *argument)
{
    struct waker *waker = argument;
    uintptr_t done = 0, asked;

    while ((asked = atomic_load_acquire(&waker->asked)) != OVER) {
        if (asked == done) {
            thread_yield();
            continue;
        }
        if (waker->patient) {
            const uintptr_t before = atomic_load_acquire(&waker->interrupted);

            while (atomic_load_acquire(&waker->interrupted) < before + 2)
                thread_yield();
        }
        done = asked;
        world_wake(waker->world);
    }
}

CASE(e7_another_thread_ends_a_wait_without_limit, "E7", NEEDS_NOTHING,
     "400 times a wait() without limit begins while a thread is about to wake, with no source",
     "each of them ends, with nothing to report")
{
    struct waker waker = {.world = world};
    struct thread *thread = thread_start(wake_when_asked, &waker);
    struct rouse_event event;

    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&waker.asked, 1);
        CHECK_EQUAL(E7, WAIT_UNLIMITED(E7, world, &event, 1), 0, "the number of reports");
    }
    atomic_exchange(&waker.asked, OVER);
    thread_join(thread);
}

static void count_interruption(void *with)
{
    atomic_fetch_add(&((struct waker *) with)->interrupted, 1);
}

/* Every third interruption is a wake as well. */
static void wake_by_interruption(void *with)
{
    struct waker *waker = with;

    if (atomic_fetch_add(&waker->interrupted, 1) % 3 == 2)
        world_wake(waker->world);
}

CASE(e7_an_interrupted_wait_can_still_be_woken, "E7", NEEDS_KERNEL,
     "a wait() without limit is interrupted by signals, and then woken by a thread, or by the "
     "handler that interrupts it",
     "it ends, and not before")
{
    struct waker waker = {.world = world, .patient = true};
    struct thread *thread;
    struct rouse_event event;

    world_storm(world, count_interruption, &waker);
    thread = thread_start(wake_when_asked, &waker);
    for (int i = 0; i < PATIENT_ROUNDS; i++) {
        atomic_fetch_add(&waker.asked, 1);
        CHECK_EQUAL(E7, WAIT_UNLIMITED(E7, world, &event, 1), 0, "the number of reports");
    }
    atomic_exchange(&waker.asked, OVER);
    thread_join(thread);
    world_calm(world);

    world_storm(world, wake_by_interruption, &waker);
    for (int i = 0; i < PATIENT_ROUNDS; i++)
        CHECK_EQUAL(E7, WAIT_UNLIMITED(E7, world, &event, 1), 0, "the number of reports");
    world_calm(world);
}

CASE(e7_a_queue_that_was_woken_sleeps_again, "E7", NEEDS_KERNEL,
     "five times a thread ends a wait() without limit; then nobody wakes any more",
     "the next wait() does not keep the processor busy: what woke it has been taken")
{
    struct waker waker = {.world = world, .patient = true};
    struct thread *thread;
    struct rouse_event event;

    world_storm(world, count_interruption, &waker);
    thread = thread_start(wake_when_asked, &waker);
    for (int i = 0; i < 5; i++) {
        atomic_fetch_add(&waker.asked, 1);
        CHECK_EQUAL(E7, WAIT_UNLIMITED(E7, world, &event, 1), 0, "the number of reports");
    }
    atomic_exchange(&waker.asked, OVER);
    thread_join(thread);
    world_calm(world);
    CHECK(E7, queue_sleeps(world, 40), "wait() spins");
}

CASES(evq_e7) = {
    &e7_a_wake_before_the_first_wait_ends_it,
    &e7_every_wake_ends_the_wait_after_it,
    &e7_many_wakes_end_one_wait,
    &e7_a_wake_after_any_wait_ends_the_next,
    &e7_a_wake_and_reports_do_not_hide_each_other,
    &e7_a_wake_does_not_reach_another_queue,
    &e7_another_thread_ends_a_wait_without_limit,
    &e7_an_interrupted_wait_can_still_be_woken,
    &e7_a_queue_that_was_woken_sleeps_again,
};
