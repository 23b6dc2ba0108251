/*
 * t1_one_at_a_time.c -- a task is polled by one thread at a time, and never re-entered.
 */
#include <stdlib.h>

#include "puppet.h"

enum { THREADS = 3, WAKES = 3000 };

/* Threads that wake without a pause a task whose polls take their time. */
struct crowd {
    struct puppet puppet;
    struct rouse_waker clones[THREADS];
    uintptr_t numbers, done; /* atomic: threads that began, and that ended */
};

static enum rouse_poll linger(struct puppet *self, struct rouse_context *cx)
{
    struct crowd *crowd = self->with;

    rouse_wake_by_ref(cx->waker);
    thread_yield();
    if (atomic_load_acquire(&crowd->done) == THREADS)
        return puppet_finish(self, cx);
    return puppet_wait(self, cx);
}

static void crowd_main(void *argument)
{
    struct crowd *crowd = argument;
    struct rouse_waker *waker = &crowd->clones[atomic_fetch_add(&crowd->numbers, 1)];

    for (int n = 0; n < WAKES; n++)
        rouse_wake_by_ref(waker);
    atomic_fetch_add(&crowd->done, 1);
    rouse_wake(waker);
}

CASE(t1_a_task_is_polled_by_one_thread_at_a_time, "T1 T3 T4 T5", NEEDS_NOTHING,
     "three threads wake a task all the time, which in its polls wakes itself and lets others run",
     "no poll begins inside another, nor on a foreign thread")
{
    struct stage stage;
    struct thread *threads[THREADS];
    struct crowd crowd = {.done = 0};

    stage_open(&stage, world);
    puppet_make(&crowd.puppet, linger);
    crowd.puppet.with = &crowd;
    puppet_spawn(&stage.executor, &crowd.puppet);
    rouse_executor_run(&stage.executor, 1);
    for (int i = 0; i < THREADS; i++)
        crowd.clones[i] = puppet_clone(&crowd.puppet);
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start(crowd_main, &crowd);
    CHECK(T1, stage_run_until(&stage, puppet_is_over, &crowd.puppet), "it does not end");
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    stage_close(&stage);
    puppets_check(&crowd.puppet, 1);
}

/* A task that does everything to itself that a task may do, in its poll or its drop. */
struct narcissus {
    struct puppet puppet, child;
    struct stage *stage;
    struct rouse_join join;
};

static void do_everything(struct puppet *self)
{
    struct narcissus *it = self->with;
    struct rouse_waker clone = puppet_clone(self);

    rouse_wake_by_ref(&clone);
    rouse_wake(&clone);
    rouse_task_hold(&self->task);
    rouse_task_unhold(&self->task);
    if (it->child.polls == 0 && it->child.drops == 0 && it->child.task.executor == NULL)
        puppet_spawn(&it->stage->executor, &it->child);
    it->join = rouse_join(&self->task);
    world_poll(&it->join.future, NULL);
    rouse_future_drop(&it->join.future);
    rouse_cancel(&self->task);
}

static enum rouse_poll everything_poll(struct puppet *self, struct rouse_context *cx)
{
    struct narcissus *it = self->with;

    puppet_wait(self, cx);
    do_everything(self);
    CHECK_EQUAL(T1, it->child.polls, 0, "polls of a child, inside its parent's");
    return ROUSE_PENDING;
}

CASE(
    t1_a_task_is_not_reentered, "T1 T3 T4 T5", NEEDS_NOTHING,
    "in its poll and in its drop a task wakes, holds, joins and cancels itself, and spawns a child",
    "nothing is polled or dropped before it returns; the cancel takes effect after that")
{
    for (int round = 0; round < 2; round++) {
        struct stage stage;
        struct narcissus it = {.stage = &stage};

        stage_open(&stage, world);
        puppet_make(&it.puppet, round == 0 ? everything_poll : puppet_wait);
        puppet_make(&it.child, puppet_finish);
        it.puppet.with = &it;
        it.puppet.at_drop = do_everything;
        puppet_spawn(&stage.executor, &it.puppet);
        stage_run(&stage);
        if (round == 0)
            CHECK_EQUAL(T1, it.puppet.drops, 1, "drops of a task that cancelled itself");
        stage_close(&stage);
        CHECK_EQUAL(T1, it.puppet.polls, 1, "polls");
        puppets_check(&it.puppet, 1);
        puppets_check(&it.child, 1);
    }
}

/* In its first polls it wakes itself: by reference, by a clone, by the only waker there is. */
static enum rouse_poll wake_in_turns(struct puppet *self, struct rouse_context *cx)
{
    struct rouse_waker clone = {NULL, NULL};

    CHECK(T1, !(self->faults & PUPPET_REENTERED), "a poll began inside another");
    if (self->polls >= 12)
        return puppet_wait(self, cx);
    rouse_waker_keep(&clone, cx->waker);
    if (self->polls % 3 == 0)
        rouse_wake_by_ref(cx->waker);
    else if (self->polls % 3 == 1)
        rouse_wake_by_ref(&clone);
    rouse_wake(&clone);
    return ROUSE_PENDING;
}

CASE(
    t1_a_wake_by_the_task_itself_polls_nobody, "T1 T3 T4 T5 W2", NEEDS_NOTHING,
    "a task that nobody holds, alone or beside others, wakes itself in eleven polls, by reference, "
    "by a clone, and by the only waker that there is",
    "no poll begins inside another, and each wake leads to one")
{
    for (int count = 1; count <= 3; count++) {
        struct stage stage;
        struct puppet *puppets = puppets_make(count, wake_in_turns);

        stage_open(&stage, world);
        for (int i = 0; i < count; i++)
            puppet_spawn(&stage.executor, &puppets[i]);
        stage_run(&stage);
        for (int i = 0; i < count; i++)
            CHECK_EQUAL(W2, puppets[i].polls, 12, "polls of a task that woke itself in eleven");
        stage_close(&stage);
        puppets_check(puppets, count);
        free(puppets);
    }
}

CASES(task_t1) = {&t1_a_task_is_polled_by_one_thread_at_a_time, &t1_a_task_is_not_reentered,
                  &t1_a_wake_by_the_task_itself_polls_nobody};
