/*
 * l2_wakers_after_the_end.c -- L2: wakers are woken, cloned and released after the runtime
 * is gone, or while it goes, on any thread.
 *
 * What holds a task's memory together is then its references alone, so each case counts
 * how often release() was called, and when.
 */
#include <stdlib.h>

#include "../../src/base/atomic.h"
#include "../fault/play.h"
#include "../task/puppet.h"

/* A task that leaves wakers behind. */
struct leaver {
    struct rouse_future future;
    struct rouse_task task;
    struct rouse_waker *slots; /* where it leaves clones of its waker */
    int slot_count;
    bool finishes; /* READY at once, else it waits for ever */
    int polls, drops;
    uintptr_t releases; /* atomic: it may be on any thread */
};

static enum rouse_poll leaver_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct leaver *leaver = rouse_container_of(self, struct leaver, future);

    leaver->polls++;
    for (int i = 0; i < leaver->slot_count; i++)
        rouse_waker_keep(&leaver->slots[i], cx->waker);
    return leaver->finishes ? rouse_ready(self, 0) : ROUSE_PENDING;
}

static void leaver_drop(struct rouse_future *self)
{
    rouse_container_of(self, struct leaver, future)->drops++;
}

static void leaver_release(struct rouse_task *task)
{
    atomic_fetch_add(&rouse_container_of(task, struct leaver, task)->releases, 1);
}

static void leaver_spawn(struct rouse *rt, struct leaver *leaver, struct rouse_waker *slots,
                         int slot_count)
{
    static const struct rouse_future_ops ops = {leaver_poll, leaver_drop, "leaver"};

    leaver->future = (struct rouse_future){&ops, 0};
    leaver->slots = slots;
    leaver->slot_count = slot_count;
    rouse_spawn(&rt->executor, &leaver->task, &leaver->future, leaver_release);
}

/* Everything that can be done with a waker; its slot is empty afterwards. */
static void use_up(struct rouse_waker *waker, int how)
{
    struct rouse_waker clone = {NULL, NULL};

    rouse_wake_by_ref(waker);
    rouse_waker_keep(&clone, waker);
    rouse_wake(&clone);
    rouse_waker_keep(&clone, waker);
    rouse_wake_by_ref(&clone);
    rouse_waker_drop(&clone);
    if (how % 2 == 0)
        rouse_wake(waker);
    else
        rouse_waker_drop(waker);
}

CASE(l2_wakers_do_nothing_after_the_end, "L2", NEEDS_NOTHING,
     "tasks that ended or were ended leave wakers, which are used after runtime and queue are gone",
     "nothing is polled, and release() is called once, when the last one goes")
{
    enum { SLOTS = 3 };

    for (int how = 0; how < 4; how++) {
        struct rouse_waker slots[SLOTS] = {0};
        struct leaver leaver = {.finishes = how / 2 == 0};
        struct play play;

        if (play_open(&play, world, NULL) != 0)
            suite_error("nothing opens");
        leaver_spawn(&play.rt, &leaver, slots, SLOTS);
        rouse_turn(&play.rt, 0);
        play_close(&play);
        CHECK_EQUAL(L2, leaver.drops, !leaver.finishes, "the number of drops");
        for (int i = 0; i < SLOTS; i++) {
            CHECK_EQUAL(L2, leaver.releases, 0, "releases before the last waker has gone");
            use_up(&slots[i], how);
        }
        CHECK_EQUAL(L2, leaver.releases, 1, "releases after the last waker has gone");
        CHECK_EQUAL(L2, leaver.polls, 1, "the number of polls");
    }
}

enum { THREADS = 3, LEAVERS = 8, ROUNDS = 150 };

struct holder {
    struct barrier *barrier;
    struct rouse_waker slots[LEAVERS];
    int rounds;
    bool after; /* the wakers are used once the runtime has closed, else while it does */
};

static void hold(void *argument)
{
    struct holder *holder = argument;

    for (int round = 0; round < holder->rounds; round++) {
        barrier_wait(holder->barrier); /* the wakers are there */
        if (holder->after)
            barrier_wait(holder->barrier); /* the runtime is gone */
        for (int i = 0; i < LEAVERS; i++)
            use_up(&holder->slots[i], i + round);
        barrier_wait(holder->barrier); /* the wakers are gone */
    }
}

static void close_beside(struct world *world, bool after)
{
    struct holder holders[THREADS] = {0};
    struct thread *threads[THREADS];
    struct barrier *barrier = barrier_make(THREADS + 1);

    for (int i = 0; i < THREADS; i++) {
        holders[i] = (struct holder){.barrier = barrier, .rounds = ROUNDS, .after = after};
        threads[i] = thread_start(hold, &holders[i]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        /* Every thread has a waker of every task. */
        struct rouse_waker slots[LEAVERS][THREADS] = {0};
        struct leaver leavers[LEAVERS] = {0};
        struct limit *limit = LIMIT(L2, "closing does not end while others use wakers");
        struct play play;
        int polls = 0;

        if (play_open(&play, world, NULL) != 0)
            suite_error("nothing opens");
        for (int i = 0; i < LEAVERS; i++) {
            leavers[i].finishes = (i + round) % 3 == 0;
            leaver_spawn(&play.rt, &leavers[i], slots[i], THREADS);
        }
        rouse_turn(&play.rt, 0);
        for (int i = 0; i < LEAVERS; i++)
            for (int n = 0; n < THREADS; n++)
                holders[n].slots[i] = slots[i][n]; /* with its reference */
        barrier_wait(barrier);
        play_close(&play);
        for (int i = 0; i < LEAVERS; i++)
            polls += leavers[i].polls;
        if (after)
            barrier_wait(barrier);
        barrier_wait(barrier);
        limit_stop(limit);
        CHECK_EQUAL(L2, polls, LEAVERS, "polls, which a closing runtime has not");
        for (int i = 0; i < LEAVERS; i++) {
            CHECK_EQUAL(L2, leavers[i].releases, 1, "releases of a task");
            CHECK_EQUAL(L2, leavers[i].drops, !leavers[i].finishes, "drops of a future");
        }
    }
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    barrier_free(barrier);
}

CASE(l2_other_threads_use_wakers_after_the_end, "L2", NEEDS_NOTHING,
     "three threads use and release wakers of eight tasks after runtime and queue are gone",
     "150 times each task is released once, and none is polled")
{
    close_beside(world, true);
}

CASE(l2_other_threads_use_wakers_during_the_end, "L2", NEEDS_NOTHING,
     "three threads use and release wakers of eight tasks while runtime and queue are closed",
     "150 times each task is ended and released once, and none is polled")
{
    close_beside(world, false);
}

/* A thread that takes its time to end the executor's wait. */
struct dawdler {
    struct rouse_waker waker;
    uintptr_t inside;  /* atomic: it has begun */
    uintptr_t closing; /* atomic: the executor is about to be closed */
    uintptr_t done;    /* atomic */
};

static void dawdle(void *with)
{
    struct dawdler *dawdler = with;

    atomic_exchange(&dawdler->inside, 1);
    while (!atomic_load_acquire(&dawdler->closing))
        thread_yield();
    for (int i = 0; i < 500; i++)
        thread_yield();
    atomic_exchange(&dawdler->done, 1);
}

static void wake_it(void *argument)
{
    rouse_wake(&((struct dawdler *) argument)->waker);
}

CASE(l2_closing_waits_for_who_is_inside_a_wake, "L2", NEEDS_NOTHING,
     "another thread is in the middle of ending the executor's wait when the executor closes",
     "closing returns when that thread touches the executor no more")
{
    for (int round = 0; round < 10; round++) {
        struct wakes *nudges = world_wakes(world);
        const struct rouse_waker nudge = wakes_waker(nudges);
        struct dawdler dawdler = {.inside = 0};
        struct leaver leaver = {.finishes = false};
        struct rouse rt = {0};
        struct thread *thread;
        struct limit *limit = LIMIT(L2, "closing does not end while another thread wakes");

        rouse_executor_init(&rt.executor, &nudge);
        leaver_spawn(&rt, &leaver, &dawdler.waker, 1);
        rouse_executor_run(&rt.executor, 100);
        nudges->then = dawdle;
        nudges->with = &dawdler;
        thread = thread_start(wake_it, &dawdler);
        while (!atomic_load_acquire(&dawdler.inside))
            thread_yield();
        atomic_exchange(&dawdler.closing, 1);
        rouse_executor_close(&rt.executor);
        CHECK(L2, atomic_load_acquire(&dawdler.done), "it is closed under a thread's feet");
        thread_join(thread);
        limit_stop(limit);
        CHECK_EQUAL(L2, leaver.releases, 1, "releases of the task");
    }
}

struct waker_user {
    struct rouse_waker waker;
};

static void use_it_up(void *argument)
{
    use_up(&((struct waker_user *) argument)->waker, 0);
}

CASE(l2_the_waker_of_a_run_outlives_the_run, "L2", NEEDS_NOTHING,
     "a future of rouse_run() leaves its waker, which another thread uses after all is closed",
     "memory is kept for it that long, and no longer")
{
    static const struct rouse_future_ops ops = {leaver_poll, leaver_drop, "leaver"};
    struct rouse_waker slot = {NULL, NULL};
    struct leaver leaver = {.future = {&ops, 0}, .slots = &slot, .slot_count = 1, .finishes = true};
    struct waker_user user;
    struct memory memory;
    struct play play;

    memory_init(&memory);
    if (play_open(&play, world, &memory.alloc) != 0)
        suite_error("nothing opens");
    CHECK_EQUAL(L2, rouse_run(&play.rt, &leaver.future), 0, "the result of the run");
    play_close(&play);
    CHECK_EQUAL(L2, memory.live, 1, "blocks of memory while the waker is there");
    user.waker = slot;
    thread_join(thread_start(use_it_up, &user));
    CHECK_EQUAL(L2, memory.live, 0, "blocks of memory when it has gone");
    CHECK_EQUAL(L2, leaver.polls, 1, "the number of polls");
}

CASES(life_l2) = {&l2_wakers_do_nothing_after_the_end, &l2_other_threads_use_wakers_after_the_end,
                  &l2_other_threads_use_wakers_during_the_end,
                  &l2_closing_waits_for_who_is_inside_a_wake,
                  &l2_the_waker_of_a_run_outlives_the_run};
