/*
 * t9_threads.c -- T9 on several threads: ending, canceling and joining at the same moment.
 */
#include <errno.h>
#include <stdlib.h>

#include "puppet.h"

enum { ROUNDS = 1000, WAITS = 300 };

/* A task that ends on one thread while another does something to it. */
struct duel {
    struct world *world;
    struct puppet puppet;
    struct barrier *start, *stop;
    struct wakes *wakes[2]; /* of the joins */
    int rounds;
    /* What became of the join, or of the cancel: */
    enum rouse_poll polled;
    intptr_t result;
    int last; /* which waker it was polled with */
};

/* Both sides begin at the same moment: the task is ended by the poll that follows. */
static enum rouse_poll finish_at_the_start(struct puppet *self, struct rouse_context *cx)
{
    struct duel *duel = self->with;

    if (self->polls == 1)
        return puppet_wait(self, cx);
    barrier_wait(duel->start);
    return puppet_finish(self, cx);
}

static void duel_round(struct duel *duel, struct stage *stage, int round)
{
    puppet_make(&duel->puppet, finish_at_the_start);
    duel->puppet.with = duel;
    duel->puppet.value = round;
    puppet_spawn_held(&stage->executor, &duel->puppet);
    stage_run(stage);
    rouse_wake_by_ref(&duel->puppet.waker);
    stage_run(stage);
    barrier_wait(duel->stop);
    stage_run(stage);
}

/* Polls a join with one waker and the other, until it is READY or this was long enough. */
static void join_main(void *argument)
{
    struct duel *duel = argument;
    const struct rouse_waker wakers[2] = {wakes_waker(duel->wakes[0]), wakes_waker(duel->wakes[1])};

    for (int round = 0; round < duel->rounds; round++) {
        struct rouse_join join;

        barrier_wait(duel->start);
        join = rouse_join(&duel->puppet.task);
        duel->polled = ROUSE_PENDING;
        for (int n = 0; n <= round % 8 && duel->polled == ROUSE_PENDING; n++) {
            duel->last = n % 2;
            duel->polled = world_poll(&join.future, &wakers[n % 2]);
        }
        if (duel->polled == ROUSE_PENDING && !await_word(&duel->wakes[duel->last]->count, 1))
            CHECK(T9, false, "in round %d a join that was PENDING was not woken", round);
        if (duel->polled == ROUSE_PENDING)
            duel->polled = world_poll(&join.future, &wakers[duel->last]);
        CHECK_EQUAL(T9, duel->polled, ROUSE_READY, "a join of a task that ended");
        duel->result = join.future.result;
        rouse_future_drop(&join.future);
        wakes_taken(duel->wakes[0]);
        wakes_taken(duel->wakes[1]);
        barrier_wait(duel->stop);
    }
}

CASE(t9_ending_and_joining_at_the_same_moment_loses_no_wake, "T9 T1 T3 T4 T5", NEEDS_NOTHING,
     "a task ends while another thread polls a join of it, with one waker and another, a thousand "
     "times",
     "the join is READY, or the waker of its last poll is woken; then it yields the task's result")
{
    struct duel duel = {.world = world,
                        .start = barrier_make(2),
                        .stop = barrier_make(2),
                        .wakes = {world_wakes(world), world_wakes(world)},
                        .rounds = ROUNDS};
    struct thread *thread;
    struct stage stage;

    duel.wakes[0]->then = duel.wakes[1]->then = wakes_ring;
    thread = thread_start(join_main, &duel);
    stage_open(&stage, world);
    for (int round = 0; round < ROUNDS; round++) {
        duel_round(&duel, &stage, round);
        CHECK_EQUAL(T9, duel.result, round, "the result of a join");
        rouse_task_unhold(&duel.puppet.task);
        puppets_check(&duel.puppet, 1);
    }
    thread_join(thread);
    stage_close(&stage);
    CHECK_EQUAL(T9, duel.wakes[0]->references + duel.wakes[1]->references, 0, "references");
    barrier_free(duel.start);
    barrier_free(duel.stop);
}

/* Polls without a pause: what a poll finds out by itself no wake has told it. */
static void join_at_once_main(void *argument)
{
    struct duel *duel = argument;
    const struct rouse_waker waker = wakes_waker(duel->wakes[0]);

    for (int round = 0; round < duel->rounds; round++) {
        struct rouse_join join;

        barrier_wait(duel->start);
        join = rouse_join(&duel->puppet.task);
        duel->polled = ROUSE_PENDING;
        for (int n = 0; n < 10000000 && duel->polled == ROUSE_PENDING; n++) {
            duel->polled = world_poll(&join.future, &waker);
            if (n % 1000 == 999)
                thread_yield();
        }
        CHECK_EQUAL(T9, duel->polled, ROUSE_READY, "a join of a task that ended");
        CHECK_EQUAL(T9, join.future.result, round, "its result");
        rouse_future_drop(&join.future);
        barrier_wait(duel->stop);
    }
}

CASE(t9_a_join_that_is_polled_without_a_pause_sees_the_end, "T9 T1 T3 T4 T5", NEEDS_NOTHING,
     "another thread polls a join all the time while its task ends, three hundred times",
     "it is READY with the task's result")
{
    struct duel duel = {.world = world,
                        .start = barrier_make(2),
                        .stop = barrier_make(2),
                        .wakes = {world_wakes(world), NULL},
                        .rounds = WAITS};
    struct thread *thread = thread_start(join_at_once_main, &duel);
    struct stage stage;

    stage_open(&stage, world);
    for (int round = 0; round < duel.rounds; round++) {
        duel_round(&duel, &stage, round);
        rouse_task_unhold(&duel.puppet.task);
        puppets_check(&duel.puppet, 1);
    }
    thread_join(thread);
    stage_close(&stage);
    barrier_free(duel.start);
    barrier_free(duel.stop);
}

static void join_and_drop_main(void *argument)
{
    struct duel *duel = argument;
    const struct rouse_waker waker = wakes_waker(duel->wakes[0]);

    for (int round = 0; round < duel->rounds; round++) {
        struct rouse_join join;

        if (round % 2 == 0) {
            barrier_wait(duel->start);
            join = rouse_join(&duel->puppet.task);
            world_poll(&join.future, &waker);
        } else { /* it was polled long before the end: see below */
            barrier_wait(duel->stop);
            join = rouse_join(&duel->puppet.task);
            world_poll(&join.future, &waker);
            barrier_wait(duel->stop);
            barrier_wait(duel->start);
        }
        rouse_future_drop(&join.future);
        barrier_wait(duel->stop);
    }
}

CASE(t9_ending_and_dropping_a_join_at_the_same_moment_is_safe, "T9 T1 T3 T4 T5", NEEDS_NOTHING,
     "a task ends while another thread drops a join of it, polled just now or earlier, a thousand "
     "times",
     "the join's waker is woken once or not at all, and let go of; the task is released once")
{
    struct duel duel = {.world = world,
                        .start = barrier_make(2),
                        .stop = barrier_make(2),
                        .wakes = {world_wakes(world), NULL},
                        .rounds = ROUNDS};
    struct thread *thread = thread_start(join_and_drop_main, &duel);
    struct stage stage;

    stage_open(&stage, world);
    for (int round = 0; round < ROUNDS; round++) {
        puppet_make(&duel.puppet, finish_at_the_start);
        duel.puppet.with = &duel;
        puppet_spawn_held(&stage.executor, &duel.puppet);
        stage_run(&stage);
        if (round % 2 == 1) {
            barrier_wait(duel.stop);
            barrier_wait(duel.stop);
        }
        rouse_wake_by_ref(&duel.puppet.waker);
        stage_run(&stage);
        barrier_wait(duel.stop);
        CHECK(T9, wakes_taken(duel.wakes[0]) <= 1, "a join was woken twice");
        CHECK_EQUAL(T9, duel.wakes[0]->references, 0, "references of a dropped join");
        rouse_task_unhold(&duel.puppet.task);
        puppets_check(&duel.puppet, 1);
    }
    thread_join(thread);
    stage_close(&stage);
    barrier_free(duel.start);
    barrier_free(duel.stop);
}

static void cancel_main(void *argument)
{
    struct duel *duel = argument;

    for (int round = 0; round < duel->rounds; round++) {
        barrier_wait(duel->start);
        rouse_cancel(&duel->puppet.task);
        barrier_wait(duel->stop);
    }
}

static enum rouse_poll finish_or_wait(struct puppet *self, struct rouse_context *cx)
{
    struct duel *duel = self->with;

    if (self->polls == 2)
        barrier_wait(duel->start);
    if (self->polls < 3)
        return puppet_wait(self, cx);
    return puppet_finish(self, cx);
}

CASE(
    t9_ending_and_canceling_at_the_same_moment_has_one_outcome, "T9 T1 T3 T4 T5", NEEDS_NOTHING,
    "another thread cancels a task while it is polled, woken, and polled again to its end, a "
    "thousand times",
    "it has finished with its own result, or was dropped with -ECANCELED, and the join tells which")
{
    struct duel duel = {
        .world = world, .start = barrier_make(2), .stop = barrier_make(2), .rounds = ROUNDS};
    struct thread *thread = thread_start(cancel_main, &duel);
    struct stage stage;
    int finished = 0;

    stage_open(&stage, world);
    for (int round = 0; round < ROUNDS; round++) {
        struct rouse_join join;

        puppet_make(&duel.puppet, finish_or_wait);
        duel.puppet.with = &duel;
        duel.puppet.value = round;
        puppet_spawn_held(&stage.executor, &duel.puppet);
        stage_run(&stage);
        rouse_wake_by_ref(&duel.puppet.waker);
        rouse_executor_run(&stage.executor, 1); /* meets the other thread */
        if (!duel.puppet.over)
            rouse_wake_by_ref(&duel.puppet.waker);
        stage_run(&stage);
        barrier_wait(duel.stop);
        stage_run(&stage);
        join = rouse_join(&duel.puppet.task);
        REQUIRE(T9, world_poll(&join.future, NULL) == ROUSE_READY, "in round %d nothing came of it",
                round);
        CHECK_EQUAL(T9, join.future.result, duel.puppet.drops == 0 ? round : -ECANCELED,
                    "the result of a join");
        finished += duel.puppet.drops == 0;
        rouse_task_unhold(&duel.puppet.task);
        puppets_check(&duel.puppet, 1);
    }
    suite_note("%d of %d finished", finished, ROUNDS);
    thread_join(thread);
    stage_close(&stage);
    barrier_free(duel.start);
    barrier_free(duel.stop);
}

/* -- Joins of a runtime's tasks on plain threads ------------------------------------ */

struct waiting {
    struct puppet *puppets;
    intptr_t results[WAITS];
    uintptr_t done; /* atomic: how many waits */
};

static void wait_main(void *argument)
{
    struct waiting *waiting = argument;

    for (int i = 0; i < WAITS; i++) {
        struct rouse_join join = rouse_join(&waiting->puppets[i].task);

        waiting->results[i] = rouse_wait(&join.future, NULL);
        rouse_task_unhold(&waiting->puppets[i].task);
        word_add(&waiting->done);
    }
}

/* Ten of them end one after the other, each woken by the one before. */
static enum rouse_poll wake_the_next(struct puppet *self, struct rouse_context *cx)
{
    struct puppet *next = self + 1;

    if (self->polls == 1)
        return puppet_wait(self, cx);
    if (self->number % 10 < 9)
        rouse_wake_by_ref(&next->waker);
    return puppet_finish(self, cx);
}

CASE(t9_a_plain_thread_may_join_a_runtimes_tasks, "T9 T1 T3 T4 T5", NEEDS_NOTHING,
     "a plain thread waits for three hundred tasks of a runtime, which finish meanwhile, or are "
     "canceled",
     "each wait ends, with that task's result or -ECANCELED")
{
    struct waiting waiting = {.puppets = puppets_make(WAITS, wake_the_next)};
    struct rouse rt;
    struct thread *thread;
    struct limit *limit = LIMIT(T9, "a join on another thread does not end");

    world_runtime(world, &rt);
    for (int i = 0; i < WAITS; i++) {
        waiting.puppets[i].value = i;
        puppet_spawn_held(&rt.executor, &waiting.puppets[i]);
        rouse_task_hold(&waiting.puppets[i].task);
    }
    world_settle(world, &rt);
    thread = thread_start(wait_main, &waiting);
    for (int i = 0; i < WAITS; i += 10) {
        rouse_cancel(&waiting.puppets[i].task);
        rouse_wake_by_ref(&waiting.puppets[i + 1].waker);
        while (!rouse_task_ended(&waiting.puppets[i + 9].task))
            rouse_turn(&rt, 0);
        await_word(&waiting.done, (uintptr_t) i); /* not too far ahead, that both may meet */
    }
    thread_join(thread);
    limit_stop(limit);
    for (int i = 0; i < WAITS; i++) {
        CHECK_EQUAL(T9, waiting.results[i], i % 10 == 0 ? -ECANCELED : i, "the result of a join");
        rouse_task_unhold(&waiting.puppets[i].task);
    }
    rouse_close(&rt);
    puppets_check(waiting.puppets, WAITS);
    free(waiting.puppets);
}

CASES(task_t9_threads) = {&t9_ending_and_joining_at_the_same_moment_loses_no_wake,
                          &t9_a_join_that_is_polled_without_a_pause_sees_the_end,
                          &t9_ending_and_dropping_a_join_at_the_same_moment_is_safe,
                          &t9_ending_and_canceling_at_the_same_moment_has_one_outcome,
                          &t9_a_plain_thread_may_join_a_runtimes_tasks};
