/*
 * w1_wake.c -- a wake leads to a poll, and many wakes before it lead to one.
 */
#include <stdlib.h>

#include "puppet.h"

CASE(w1_a_wake_leads_to_one_more_poll, "W1 T7", NEEDS_NOTHING,
     "a task waits, and is woken two hundred times, each time in another way",
     "each wake leads to one poll, and nothing else does")
{
    struct stage stage;
    struct puppet puppet;
    struct rouse_waker clone, second;
    uintptr_t polls = 1;

    stage_open(&stage, world);
    puppet_make(&puppet, puppet_wait);
    puppet_spawn(&stage.executor, &puppet);
    stage_run(&stage);
    for (int round = 0; round < 200; round++) {
        clone = puppet_clone(&puppet);
        second = waker_clone(&clone);
        switch (round % 4) {
        case 0: rouse_wake(&clone); break;
        case 1: rouse_wake_by_ref(&clone); break;
        case 2: rouse_wake(&second); break;
        default: break;
        }
        rouse_waker_drop(&clone);
        rouse_waker_drop(&second);
        if (round % 8 == 3)
            rouse_wake_by_ref(&puppet.waker);
        else if (round % 8 == 7)
            rouse_wake(&puppet.waker); /* the only one */
        CHECK(W1, !rouse_executor_idle(&stage.executor), "a woken task is not ready");
        stage_run(&stage);
        CHECK_EQUAL(W1, puppet.polls, ++polls, "polls after a wake");
        stage_run(&stage);
        CHECK_EQUAL(T7, puppet.polls, polls, "polls without another wake");
    }
    stage_close(&stage);
}

CASE(w1_wakes_before_a_poll_merge, "W1", NEEDS_NOTHING,
     "a waiting task is woken 1, 2, 3, 64, 65 and 1000 times before it runs",
     "it is polled once, and again only after another wake")
{
    static const int counts[] = {1, 2, 3, 64, 65, 1000};
    struct stage stage;
    struct puppet puppet;
    uintptr_t polls = 1;

    stage_open(&stage, world);
    puppet_make(&puppet, puppet_wait);
    puppet_spawn(&stage.executor, &puppet);
    stage_run(&stage);
    for (int i = 0; i < 6; i++) {
        for (int n = 0; n < counts[i]; n++) {
            struct rouse_waker clone = puppet_clone(&puppet);

            if (n % 2 == 0)
                rouse_wake(&clone);
            else
                rouse_wake_by_ref(&clone);
            rouse_waker_drop(&clone);
        }
        stage_run(&stage);
        CHECK_EQUAL(W1, puppet.polls, ++polls, "polls after merged wakes");
    }
    stage_close(&stage);
}

enum { THREADS = 3 };

/* Threads that wake one task, all at once, round after round. */
struct crowd {
    struct puppet puppet;
    struct barrier *start, *stop; /* of a round; `stop` may be NULL */
    struct rouse_waker clones[THREADS];
    uintptr_t numbers; /* atomic: given to threads */
    uintptr_t wakes;   /* atomic: begun */
    uintptr_t seen;    /* of those, by the last poll */
    uintptr_t wanted;
    int rounds, each; /* how many wakes of one thread there are in a round */
};

static enum rouse_poll crowd_poll(struct puppet *self, struct rouse_context *cx)
{
    struct crowd *crowd = self->with;

    crowd->seen = atomic_load_acquire(&crowd->wakes);
    return puppet_wait(self, cx);
}

static void crowd_main(void *argument)
{
    struct crowd *crowd = argument;
    struct rouse_waker *waker = &crowd->clones[atomic_fetch_add(&crowd->numbers, 1)];

    for (int round = 0; round < crowd->rounds; round++) {
        barrier_wait(crowd->start);
        for (int n = 0; n < crowd->each; n++) {
            struct rouse_waker clone = waker_clone(waker);

            atomic_fetch_add(&crowd->wakes, 1);
            if (n % 2 == round % 2)
                rouse_wake(&clone);
            else
                rouse_wake_by_ref(waker);
            rouse_waker_drop(&clone);
        }
        if (crowd->stop != NULL)
            barrier_wait(crowd->stop);
    }
    rouse_waker_drop(waker);
}

static void crowd_begin(struct crowd *crowd, struct stage *stage, struct thread **threads)
{
    puppet_make(&crowd->puppet, crowd_poll);
    crowd->puppet.with = crowd;
    crowd->start = barrier_make(THREADS + 1);
    puppet_spawn(&stage->executor, &crowd->puppet);
    stage_run(stage);
    wakes_taken(stage->nudge);
    for (int i = 0; i < THREADS; i++)
        crowd->clones[i] = puppet_clone(&crowd->puppet);
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start(crowd_main, crowd);
}

static void crowd_end(struct crowd *crowd, struct thread **threads)
{
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    barrier_free(crowd->start);
}

CASE(w1_wakes_of_many_threads_merge, "W1", NEEDS_NOTHING,
     "three threads wake one task two hundred times each, while its executor does not run",
     "the executor is nudged, and polls the task once")
{
    struct stage stage;
    struct thread *threads[THREADS];
    struct crowd crowd = {.rounds = 20, .each = 200};

    stage_open(&stage, world);
    crowd.stop = barrier_make(THREADS + 1);
    crowd_begin(&crowd, &stage, threads);
    for (int round = 0; round < crowd.rounds; round++) {
        const uintptr_t polls = crowd.puppet.polls;

        barrier_wait(crowd.start);
        barrier_wait(crowd.stop);
        CHECK(W1, wakes_taken(stage.nudge) >= 1, "nobody told the executor's thread");
        CHECK(W1, !rouse_executor_idle(&stage.executor), "a task woken elsewhere is not ready");
        stage_run(&stage);
        CHECK_EQUAL(W1, crowd.puppet.polls, polls + 1, "polls after merged wakes");
    }
    crowd_end(&crowd, threads);
    barrier_free(crowd.stop);
    stage_close(&stage);
}

static bool crowd_is_seen(void *with)
{
    const struct crowd *crowd = with;

    return crowd->seen == crowd->wanted;
}

CASE(w1_the_last_of_many_wakes_is_not_lost, "W1 T1 T3 T4 T5", NEEDS_NOTHING,
     "three threads wake one task at the same moment, while it is polled, a thousand times",
     "a poll begins after each wake has begun, on the executor's thread")
{
    struct stage stage;
    struct thread *threads[THREADS];
    struct crowd crowd = {.rounds = 1000, .each = 1};

    stage_open(&stage, world);
    crowd_begin(&crowd, &stage, threads);
    for (int round = 0; round < crowd.rounds; round++) {
        crowd.wanted += THREADS;
        barrier_wait(crowd.start);
        REQUIRE(W1, stage_run_until(&stage, crowd_is_seen, &crowd),
                "in round %d a wake led to no poll", round);
    }
    crowd_end(&crowd, threads);
    stage_close(&stage);
    puppets_check(&crowd.puppet, 1);
}

/* A thread that answers each poll with a wake. */
struct rally {
    struct puppet puppet;
    struct rouse_waker clone;
    uintptr_t ready;  /* atomic: there is a clone */
    uintptr_t sent;   /* atomic: the number of the last wake */
    uintptr_t polled; /* atomic: the number that the last poll found */
    uintptr_t rounds;
    bool by_ref;
};

static enum rouse_poll rally_poll(struct puppet *self, struct rouse_context *cx)
{
    struct rally *rally = self->with;
    const uintptr_t sent = atomic_load_acquire(&rally->sent);

    if (sent == rally->rounds)
        return puppet_finish(self, cx);
    if (atomic_load_acquire(&rally->ready) == 0) {
        rouse_waker_keep(&rally->clone, cx->waker);
        word_set(&rally->ready, 1);
    }
    word_set(&rally->polled, sent);
    return ROUSE_PENDING;
}

static void rally_main(void *argument)
{
    struct rally *rally = argument;

    await_word(&rally->ready, 1);
    for (uintptr_t i = 1; i <= rally->rounds && await_word(&rally->polled, i - 1); i++) {
        struct rouse_waker clone = waker_clone(&rally->clone);

        atomic_exchange(&rally->sent, i);
        if (rally->by_ref)
            rouse_wake_by_ref(&clone);
        else
            rouse_wake(&clone);
        rouse_waker_drop(&clone);
    }
    rouse_waker_drop(&rally->clone);
}

CASE(w1_a_wake_reaches_a_runtime_that_sleeps, "W1", NEEDS_NOTHING,
     "another thread wakes a task as soon as it was polled, five hundred times, by reference and "
     "not",
     "each wake ends the runtime's sleep, and the task is polled")
{
    struct rouse rt;

    world_runtime(world, &rt);
    for (int by_ref = 0; by_ref < 2; by_ref++) {
        struct rally rally = {.rounds = 500, .by_ref = by_ref != 0};
        struct thread *thread;

        puppet_make(&rally.puppet, rally_poll);
        rally.puppet.with = &rally;
        thread = thread_start(rally_main, &rally);
        CHECK_EQUAL(W1, RUN(W1, &rt, &rally.puppet.future), 0, "the result");
        thread_join(thread);
    }
    rouse_close(&rt);
}

CASES(task_w1) = {&w1_a_wake_leads_to_one_more_poll, &w1_wakes_before_a_poll_merge,
                  &w1_wakes_of_many_threads_merge, &w1_the_last_of_many_wakes_is_not_lost,
                  &w1_a_wake_reaches_a_runtime_that_sleeps};
