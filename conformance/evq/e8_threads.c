/*
 * e8_threads.c -- E8: wake() belongs to everybody: any thread, any number of them, and
 * signal handlers.
 *
 * What goes wrong here goes wrong seldom. Under ThreadSanitizer it is seen at once; without
 * it, a lost wake leaves a wait() without limit standing, which a watchdog finds.
 */
#include "queue.h"

#include <errno.h>

#include "../../src/base/atomic.h"
#include "../runner.h"

enum {
    THREADS = 4,
    WAKES = 16,
    ROUNDS = 150,
    HANDING = 2,
    HANDOVERS = 500,
    STORM = 60,
    VISITS = 200,
    LIMIT_MS = 5000
};

static void hangs(void *what)
{
    suite_fail_and_exit(GUARANTEE_E8, what, __FILE__, __LINE__);
}

struct crowd {
    struct world *world;
    uintptr_t over; /* atomic: time for a last wake */
};

static void wake_often(void *argument)
{
    struct crowd *crowd = argument;

    while (atomic_load_acquire(&crowd->over) == 0) {
        for (int i = 0; i < WAKES; i++)
            world_wake(crowd->world);
        thread_yield();
    }
    world_wake(crowd->world);
}

CASE(e8_many_threads_wake_while_the_queue_is_busy, "E8", NEEDS_NOTHING,
     "four threads wake without a pause while the queue's own arms, waits and forgets",
     "every source is reported, every wait() without limit ends, and so does one after the last")
{
    struct crowd crowd = {.world = world};
    struct thread *threads[THREADS];
    struct rouse_source *source;
    struct rouse_event event;
    rouse_fd ends[2];

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start(wake_often, &crowd);
    for (int i = 0; i < ROUNDS; i++) {
        world_arm(world, source, ROUSE_WRITABLE);
        CHECK(E8, queue_reports(world, source, ROUSE_WRITABLE), "round %d", i);
        if (i % 2 == 0)
            world_forget(world, source);
        CHECK_EQUAL(E8, WAIT_UNLIMITED(E8, world, &event, 1), 0, "the number of reports");
    }
    atomic_exchange(&crowd.over, 1);
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    CHECK_EQUAL(E8, WAIT_UNLIMITED(E8, world, &event, 1), 0, "the number of reports");
}

/* What goes from a thread to the queue's, with nothing but the wake between them. */
struct handover {
    struct rouse_evq *evq;
    uintptr_t threads; /* atomic: so many were started */
    uintptr_t asked;   /* atomic, and one way only: from the queue's thread */
    int value;         /* plain */
};

/* Takes its turn with the others. One may not be back from its wake() yet when the next one
 * is asked. */
static void hand_over(void *argument)
{
    struct handover *handover = argument;
    const int first = (int) atomic_fetch_add(&handover->threads, 1) + 1;

    for (int i = first; i <= HANDOVERS; i += HANDING) {
        while (atomic_load_acquire(&handover->asked) != (uintptr_t) i)
            thread_yield();
        handover->value = i;
        handover->evq->ops->wake(handover->evq);
    }
}

CASE(
    e8_what_was_written_before_a_wake_is_seen, "E8", NEEDS_NOTHING,
    "two threads take turns in writing a plain variable and waking, 500 times; nothing else orders "
    "them and the queue's",
    "every wake ends a wait(), after which the variable has its new value")
{
    struct handover handover = {.evq = world->evq};
    struct watchdog *watchdog = watchdog_start(LIMIT_MS, hangs, "a wake was lost");
    struct thread *threads[HANDING];

    for (int i = 0; i < HANDING; i++)
        threads[i] = thread_start(hand_over, &handover);
    for (int i = 1; i <= HANDOVERS; i++) {
        struct rouse_event event;

        atomic_exchange(&handover.asked, (uintptr_t) i);
        world->evq->ops->wait(world->evq, &event, 1, ROUSE_NEVER);
        CHECK_EQUAL(E8, handover.value, i, "the variable");
    }
    for (int i = 0; i < HANDING; i++)
        thread_join(threads[i]);
    watchdog_stop(watchdog);
}

/* A thread that wakes once each time it is asked. */
struct visitor {
    struct world *world;
    uintptr_t asked, done; /* atomic: rounds */
};

static void visit(void *argument)
{
    struct visitor *visitor = argument;

    for (uintptr_t i = 1; i <= VISITS; i++) {
        while (atomic_load_acquire(&visitor->asked) != i)
            thread_yield();
        world_wake(visitor->world);
        atomic_fetch_add(&visitor->done, 1);
    }
}

CASE(e8_a_wake_while_the_queue_arms_or_forgets_is_kept, "E8", NEEDS_NOTHING,
     "200 times a thread wakes once while the queue's own arms and forgets without a pause",
     "the next wait() ends, though it has no limit")
{
    struct visitor visitor = {.world = world};
    struct thread *thread = thread_start(visit, &visitor);
    struct rouse_source *source;
    struct rouse_event event;
    rouse_fd ends[2];

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    for (uintptr_t i = 1; i <= VISITS; i++) {
        atomic_exchange(&visitor.asked, i);
        while (atomic_load_acquire(&visitor.done) != i)
            for (int times = 0; times < 10; times++) {
                world_arm(world, source, ROUSE_READABLE);
                world_forget(world, source);
            }
        CHECK_EQUAL(E8, WAIT_UNLIMITED(E8, world, &event, 1), 0, "the number of reports");
    }
    thread_join(thread);
}

struct handler {
    struct world *world;
    uintptr_t calls;   /* atomic */
    uintptr_t changed; /* atomic: calls after which errno was not what it was before */
};

static void wake_in_handler(void *argument)
{
    struct handler *handler = argument;

    errno = 4321;
    world_wake(handler->world);
    atomic_fetch_add(&handler->changed, errno != 4321);
    atomic_fetch_add(&handler->calls, 1);
}

CASE(e8_a_signal_handler_ends_a_wait, "E8", NEEDS_KERNEL,
     "60 waits without limit, which only the handler of a signal wakes",
     "each ends, and errno is what it was before the handler woke")
{
    struct handler handler = {.world = world};
    struct rouse_event event;

    world_storm(world, wake_in_handler, &handler);
    for (int i = 0; i < STORM; i++)
        CHECK_EQUAL(E8, WAIT_UNLIMITED(E8, world, &event, 1), 0, "the number of reports");
    world_calm(world);
    CHECK_EQUAL(E8, handler.changed, 0, "how often a wake changed errno");
}

CASE(e8_a_signal_handler_may_interrupt_any_call, "E8", NEEDS_KERNEL,
     "a handler wakes while its own thread is inside arm, forget, wait and wake themselves",
     "nothing hangs, and sources are reported")
{
    struct handler handler = {.world = world};
    struct watchdog *watchdog = watchdog_start(LIMIT_MS, hangs, "a wake in a handler hangs");
    struct rouse_source *source;
    rouse_fd ends[2];

    world_pair(world, ends);
    source = world_source(world, ends[0]);
    world_storm(world, wake_in_handler, &handler);
    for (int i = 0; atomic_load_acquire(&handler.calls) < STORM; i++) {
        for (int wakes = 0; wakes < 20; wakes++)
            world_wake(world);
        world_arm(world, source, ROUSE_WRITABLE);
        CHECK(E8, queue_reports(world, source, ROUSE_WRITABLE), "round %d", i);
        world_forget(world, source);
    }
    world_calm(world);
    watchdog_stop(watchdog);
}

CASES(evq_e8) = {
    &e8_many_threads_wake_while_the_queue_is_busy,      &e8_what_was_written_before_a_wake_is_seen,
    &e8_a_wake_while_the_queue_arms_or_forgets_is_kept, &e8_a_signal_handler_ends_a_wait,
    &e8_a_signal_handler_may_interrupt_any_call,
};
