/*
 * t2_spawned.c -- a spawned task runs by itself, but not inside the spawn.
 */
#include <stdlib.h>
#include <string.h>

#include "puppet.h"

CASE(t2_spawned_tasks_are_polled_without_a_wake, "T2 T1 T3 T4 T5", NEEDS_NOTHING,
     "1, 2, 64, 65 and 1000 tasks are spawned, and nobody wakes them",
     "none is polled before the executor runs, and each is polled once when it does")
{
    static const int counts[] = {1, 2, 64, 65, 1000};

    for (int i = 0; i < 5; i++) {
        const int count = counts[i];
        struct puppet *puppets = puppets_make(count, puppet_finish);
        struct stage stage;

        stage_open(&stage, world);
        for (int k = 0; k < count; k++) {
            puppet_spawn(&stage.executor, &puppets[k]);
            CHECK_EQUAL(T2, puppets[k].polls, 0, "polls inside rouse_spawn()");
        }
        CHECK(T2, !rouse_executor_idle(&stage.executor), "spawned, and not ready");
        stage_run(&stage);
        for (int k = 0; k < count; k++)
            CHECK_EQUAL(T2, puppets[k].polls, 1, "polls of a spawned task");
        CHECK(T2, rouse_executor_idle(&stage.executor), "all are done, and something is ready");
        stage_close(&stage);
        puppets_check(puppets, count);
        free(puppets);
    }
}

/* Tasks that spawn the next one: in a poll, in a drop, in release(), by turns. */
struct chain {
    struct stage *stage;
    struct puppet *puppets;
    int count;
    int early; /* tasks that were polled before their spawn had returned */
};

static void spawn_next(struct puppet *self)
{
    struct chain *chain = self->with;
    struct puppet *next = self + 1;

    if (self->number + 1 == chain->count)
        return;
    if (next->number / 3 % 2 == 0) {
        puppet_spawn(&chain->stage->executor, next);
    } else {
        puppet_spawn_held(&chain->stage->executor, next);
        rouse_task_unhold(&next->task);
    }
    chain->early += next->polls != 0;
    if (next->number % 3 == 1)
        rouse_cancel(&next->task);
}

static enum rouse_poll spawn_in_poll(struct puppet *self, struct rouse_context *cx)
{
    if (self->number % 3 == 0)
        spawn_next(self);
    return puppet_finish(self, cx);
}

static void spawn_in_drop(struct puppet *self)
{
    if (self->number % 3 == 1)
        spawn_next(self);
}

static void spawn_in_release(struct puppet *self)
{
    if (self->number % 3 == 2)
        spawn_next(self);
}

CASE(t2_tasks_may_be_spawned_in_polls_drops_and_releases, "T2 T1 T3 T4 T5", NEEDS_NOTHING,
     "a task spawns the next in its poll, that one the next in its drop, and that one in its "
     "release(), three hundred times, half of them held for an instant",
     "each is polled, or dropped, in a turn of its own")
{
    struct stage stage;
    struct chain chain = {&stage, puppets_make(300, spawn_in_poll), 300, 0};

    stage_open(&stage, world);
    for (int i = 0; i < chain.count; i++) {
        chain.puppets[i].with = &chain;
        chain.puppets[i].at_drop = spawn_in_drop;
        chain.puppets[i].at_release = spawn_in_release;
    }
    puppet_spawn(&stage.executor, &chain.puppets[0]);
    stage_run(&stage);
    CHECK_EQUAL(T2, chain.early, 0, "tasks that were polled inside rouse_spawn()");
    for (int i = 0; i < chain.count; i++)
        CHECK_EQUAL(T2, chain.puppets[i].polls, i % 3 != 1, "polls of a task that was spawned");
    stage_close(&stage);
    puppets_check(chain.puppets, chain.count);
    free(chain.puppets);
}

enum { THREADS = 3, EACH = 100 };

struct spawners {
    struct rouse_executor *executor;
    struct puppet *puppets;
    uintptr_t numbers; /* atomic: given to threads */
    uintptr_t ended;   /* atomic: tasks */
    struct rouse_waker root;
};

static enum rouse_poll count_and_finish(struct puppet *self, struct rouse_context *cx)
{
    struct spawners *spawners = self->with;

    word_add(&spawners->ended);
    if (atomic_load_acquire(&spawners->ended) == THREADS * EACH)
        rouse_wake(&spawners->root);
    return puppet_finish(self, cx);
}

static enum rouse_poll finish_when_all_did(struct puppet *self, struct rouse_context *cx)
{
    struct spawners *spawners = self->with;

    rouse_waker_keep(&spawners->root, cx->waker);
    if (atomic_load_acquire(&spawners->ended) < THREADS * EACH)
        return ROUSE_PENDING;
    rouse_waker_drop(&spawners->root);
    return puppet_finish(self, cx);
}

static void spawn_main(void *argument)
{
    struct spawners *spawners = argument;
    const uintptr_t number = atomic_fetch_add(&spawners->numbers, 1);

    for (uintptr_t i = 0; i < EACH; i++) {
        /* Wait now and then, so that some find the other side asleep. */
        if (i % 10 == 9)
            await_word(&spawners->ended, number * i / THREADS / 2);
        puppet_spawn(spawners->executor, &spawners->puppets[number * EACH + i]);
    }
}

CASE(t2_a_task_spawned_by_another_thread_is_polled, "T2 T1 T3 T4 T5", NEEDS_NOTHING,
     "three threads spawn a hundred tasks each on a runtime that has nothing else to do",
     "it wakes up, polls each once, on its own thread, and releases it")
{
    struct rouse rt;
    struct thread *threads[THREADS];
    struct puppet root;
    struct spawners spawners = {.executor = &rt.executor};

    spawners.puppets = puppets_make(THREADS * EACH, count_and_finish);
    for (int i = 0; i < THREADS * EACH; i++)
        spawners.puppets[i].with = &spawners;
    world_runtime(world, &rt);
    puppet_make(&root, finish_when_all_did);
    root.with = &spawners;
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start(spawn_main, &spawners);
    RUN(T2, &rt, &root.future);
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    for (int i = 0; i < THREADS * EACH; i++)
        CHECK_EQUAL(T2, spawners.puppets[i].polls, 1, "polls of a task spawned elsewhere");
    rouse_close(&rt);
    puppets_check(spawners.puppets, THREADS * EACH);
    free(spawners.puppets);
}

enum { ROUNDS = 20, ARRIVALS = 1000, HOLDS = 100 };

struct arrivals {
    struct stage stage;
    struct puppet *puppets;
    struct barrier *start;
    uintptr_t done; /* atomic: rounds in which all have been spawned */
    bool broken;    /* there is nothing more to be done */
};

static void arrive_main(void *argument)
{
    struct arrivals *arrivals = argument;

    thread_stay(1);
    for (int round = 0; round < ROUNDS; round++) {
        barrier_wait(arrivals->start);
        if (arrivals->broken)
            continue;
        for (int i = 0; i < ARRIVALS; i++) {
            puppet_spawn_held(&arrivals->stage.executor, &arrivals->puppets[i]);
            for (int n = 0; n < HOLDS; n++)
                rouse_task_hold(&arrivals->puppets[i].task);
        }
        word_add(&arrivals->done);
    }
}

/* Takes them in while they are held, lets go of them, and looks. */
static bool take_in(struct arrivals *arrivals, uintptr_t round)
{
    bool right = true;

    for (int i = 0; i < ARRIVALS; i++)
        puppet_make(&arrivals->puppets[i], puppet_finish);
    barrier_wait(arrivals->start);
    while (atomic_load_acquire(&arrivals->done) <= round)
        stage_run(&arrivals->stage);
    stage_run(&arrivals->stage);
    for (int i = 0; i < ARRIVALS && right; i++) {
        struct puppet *puppet = &arrivals->puppets[i];

        for (int n = 0; n < HOLDS; n++)
            rouse_task_unhold(&puppet->task);
        right = CHECK_EQUAL(T2, puppet->polls, 1, "polls")
                && CHECK_EQUAL(T5, puppet->releases, 0, "releases while it is held");
        if (right)
            rouse_task_unhold(&puppet->task);
    }
    if (right)
        puppets_check(arrivals->puppets, ARRIVALS);
    return right;
}

CASE(t2_a_task_may_be_held_while_it_arrives, "T2 T1 T3 T4 T5", NEEDS_NOTHING,
     "another thread spawns a thousand tasks, and holds each a hundred times more, while the "
     "executor takes them in; twenty times",
     "each is polled once, and released when it is let go of for the last time")
{
    struct arrivals arrivals = {.puppets = puppets_make(ARRIVALS, puppet_finish),
                                .start = barrier_make(2)};
    struct thread *thread = thread_start(arrive_main, &arrivals);
    uintptr_t round;

    stage_open(&arrivals.stage, world);
    thread_stay(0);
    for (round = 0; round < ROUNDS && take_in(&arrivals, round); round++) {
    }
    arrivals.broken = true;
    for (; round + 1 < ROUNDS; round++)
        barrier_wait(arrivals.start);
    thread_join(thread);
    thread_stay(-1);
    stage_close(&arrivals.stage);
    barrier_free(arrivals.start);
    free(arrivals.puppets);
}

static void spawn_five(void *argument)
{
    struct puppet *puppets = argument;
    struct stage *stage = puppets[0].with;

    for (int i = 0; i < 5; i++)
        puppet_spawn(&stage->executor, &puppets[i]);
}

static void wake_five(void *argument)
{
    const struct puppet *puppets = argument;

    for (int i = 0; i < 5; i++)
        rouse_wake_by_ref(&puppets[i].waker);
}

static void count_line(void *to, const char *line)
{
    int *lines = to;

    (void) line;
    ++*lines;
}

CASE(t2_a_task_spawned_by_another_thread_is_entered_once, "T2 T10 T1 T3 T4 T5", NEEDS_NOTHING,
     "another thread spawns five tasks, and wakes each of them three times, with polls in between",
     "they are listed once each, and dropped once each when their executor is closed")
{
    struct stage stage;
    struct puppet *puppets = puppets_make(5, puppet_wait);
    struct limit *limit;
    int lines = 0;

    stage_open(&stage, world);
    puppets[0].with = &stage;
    thread_join(thread_start(spawn_five, puppets));
    stage_run(&stage);
    for (int n = 0; n < 3; n++) {
        thread_join(thread_start(wake_five, puppets));
        stage_run(&stage);
    }
    limit = LIMIT(T2, "the list of live tasks has no end");
    rouse_executor_dump(&stage.executor, count_line, &lines);
    limit_stop(limit);
    CHECK_EQUAL(T2, lines, 5, "tasks that are listed");
    stage_close(&stage);
    for (int i = 0; i < 5; i++)
        CHECK_EQUAL(T2, puppets[i].polls, 4, "polls");
    puppets_check(puppets, 5);
    free(puppets);
}

CASE(t2_the_storage_needs_no_preparation, "T2 T1 T3 T4 T5", NEEDS_NOTHING,
     "tasks are spawned in memory full of ones, of noise, and of an earlier task",
     "each is polled once, can be waited for, and is released once")
{
    static const int fillings[] = {0xff, 0x5a, 0x01, 0x80};
    struct stage stage;
    struct puppet puppet;

    stage_open(&stage, world);
    for (int round = 0; round < 40; round++) {
        const bool fresh = round % 5 != 4;
        struct rouse_join join;

        puppet_make(&puppet, puppet_finish);
        if (fresh)
            memset(&puppet.task, fillings[round % 5], sizeof puppet.task);
        puppet.value = round;
        puppet_spawn_held(&stage.executor, &puppet);
        CHECK(T2, !rouse_task_ended(&puppet.task), "a task that has ended before it began");
        join = rouse_join(&puppet.task);
        CHECK_EQUAL(T2, world_poll(&join.future, NULL), ROUSE_PENDING, "a join of a fresh task");
        stage_run(&stage);
        CHECK_EQUAL(T2, puppet.polls, 1, "polls");
        CHECK_EQUAL(T2, world_poll(&join.future, NULL), ROUSE_READY, "a join of an ended task");
        CHECK_EQUAL(T2, join.future.result, round, "its result");
        rouse_task_unhold(&puppet.task);
        puppets_check(&puppet, 1);
    }
    stage_close(&stage);
}

CASES(task_t2) = {&t2_spawned_tasks_are_polled_without_a_wake,
                  &t2_tasks_may_be_spawned_in_polls_drops_and_releases,
                  &t2_a_task_spawned_by_another_thread_is_polled,
                  &t2_a_task_spawned_by_another_thread_is_entered_once,
                  &t2_a_task_may_be_held_while_it_arrives,
                  &t2_the_storage_needs_no_preparation};
