/*
 * w2_wake_inside.c -- a wake inside the task's own poll, and the yield, which is one.
 */
#include <rouse/async.h>

#include "puppet.h"

/* Wakes itself in one of several ways until it was polled `number` times. */
enum way { BY_REF, CONSUMED, MANY, YIELD, WAKE_THEN_YIELD, YIELD_THEN_WAKE, YIELD_TWICE, WAYS };

static enum rouse_poll wake_inside(struct puppet *self, struct rouse_context *cx)
{
    const enum way *way = self->with;
    struct rouse_waker clone = waker_clone(cx->waker);

    if (self->polls == (uintptr_t) self->number) {
        rouse_waker_drop(&clone);
        return puppet_finish(self, cx);
    }
    cx->yield = *way >= YIELD && *way != WAKE_THEN_YIELD;
    for (int n = 0; n < (*way == MANY ? 100 : 1) && *way != YIELD && *way != YIELD_TWICE; n++)
        rouse_wake_by_ref(*way == CONSUMED ? &rouse_waker_none : cx->waker);
    if (*way == CONSUMED)
        rouse_wake(&clone);
    cx->yield = cx->yield || *way == WAKE_THEN_YIELD;
    rouse_waker_drop(&clone);
    return ROUSE_PENDING;
}

CASE(w2_a_wake_inside_the_poll_leads_to_one_more, "W2 W1 T1 T3 T4 T5", NEEDS_NOTHING,
     "a task wakes itself in its poll: once, often, by a clone, by a yield, by both; a hundred "
     "times",
     "each poll is followed by exactly one more, after it has returned")
{
    for (enum way way = BY_REF; way < WAYS; way++) {
        struct stage stage;
        struct puppet puppet;

        stage_open(&stage, world);
        puppet_make(&puppet, wake_inside);
        puppet.with = &way;
        puppet.number = 100;
        puppet_spawn(&stage.executor, &puppet);
        for (uintptr_t polls = 1; polls < 100; polls++) {
            CHECK_EQUAL(W2, rouse_executor_run(&stage.executor, 1), 1, "turns that were taken");
            CHECK_EQUAL(W1, puppet.polls, polls, "polls in one turn each");
            CHECK(W2, !rouse_executor_idle(&stage.executor), "woken in way %d and forgotten",
                  (int) way);
        }
        stage_run(&stage);
        CHECK(W2, puppet.over, "woken in way %d and forgotten", (int) way);
        CHECK_EQUAL(W1, puppet.polls, 100, "polls, one for each wake");
        stage_close(&stage);
        puppets_check(&puppet, 1);
    }
}

/* A poll in the middle of which another thread wakes. */
struct meeting {
    struct puppet puppet;
    struct barrier *begun, *woken;
    int rounds;
};

static enum rouse_poll meet(struct puppet *self, struct rouse_context *cx)
{
    struct meeting *meeting = self->with;

    puppet_wait(self, cx);
    if (self->polls % 2 == 1) {
        barrier_wait(meeting->begun);
        barrier_wait(meeting->woken);
    }
    return ROUSE_PENDING;
}

static void meeting_main(void *argument)
{
    struct meeting *meeting = argument;

    for (int round = 0; round < meeting->rounds; round++) {
        barrier_wait(meeting->begun);
        rouse_wake_by_ref(&meeting->puppet.waker);
        barrier_wait(meeting->woken);
    }
}

CASE(w2_a_wake_by_another_thread_inside_the_poll_counts, "W2", NEEDS_NOTHING,
     "another thread wakes the task between the beginning of its poll and the end",
     "one more poll follows, five hundred times")
{
    struct stage stage;
    struct meeting meeting = {.rounds = 500};
    struct thread *thread;

    stage_open(&stage, world);
    meeting.begun = barrier_make(2);
    meeting.woken = barrier_make(2);
    puppet_make(&meeting.puppet, meet);
    meeting.puppet.with = &meeting;
    puppet_spawn(&stage.executor, &meeting.puppet);
    thread = thread_start(meeting_main, &meeting);
    for (int round = 1; round <= meeting.rounds; round++) {
        stage_run(&stage);
        if (!CHECK_EQUAL(W2, meeting.puppet.polls, 2 * round, "polls, two in each round"))
            atomic_exchange(&meeting.puppet.polls, (uintptr_t) (2 * round));
        rouse_wake_by_ref(&meeting.puppet.waker);
    }
    thread_join(thread);
    stage_close(&stage);
    barrier_free(meeting.begun);
    barrier_free(meeting.woken);
}

/* Yields in a body, in a future, and in a body inside a body. */
struct yielder {
    struct rouse_async async;
    struct yielder *inner;
    struct rouse_yield yield;
    int rounds, bodies;
};

ROUSE_ASYNC(yielder, struct yielder)
{
    ROUSE_BEGIN
    for (; self->rounds > 0; self->rounds--) {
        self->bodies++;
        ROUSE_YIELD;
        ROUSE_AWAIT(self->yield, rouse_yield());
        self->bodies++;
    }
    if (self->inner != NULL)
        ROUSE_AWAIT_ON(yielder_start(self->inner));
    ROUSE_FINALLY
    ROUSE_END
}

CASE(w2_a_yield_is_honoured_before_the_thread_blocks, "W2", NEEDS_NOTHING,
     "in a runtime where nothing else happens a body yields 200 times, and then one that it awaits",
     "the runtime does not go to sleep before both are at their end")
{
    struct rouse rt;
    struct yielder inner = {.rounds = 100};
    struct yielder outer = {.rounds = 100, .inner = &inner};

    world_runtime(world, &rt);
    CHECK_EQUAL(W2, RUN(W2, &rt, yielder_start(&outer)), 0, "the result");
    CHECK_EQUAL(W2, outer.bodies + inner.bodies, 400, "steps of both");
    rouse_close(&rt);
}

/* Bodies that yield in both ways, and note whose turn it is. */
struct polite {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_yield yield;
    int number, i;
    int *turns; /* the numbers of those who had a turn */
    int *taken;
};

ROUSE_ASYNC(polite, struct polite)
{
    ROUSE_BEGIN
    for (self->i = 0; self->i < 10; self->i++) {
        self->turns[(*self->taken)++] = self->number;
        if (self->i % 2 == 0)
            ROUSE_AWAIT(self->yield, rouse_yield());
        else
            ROUSE_YIELD;
    }
    ROUSE_FINALLY
    ROUSE_END
}

CASE(w2_a_yield_lets_the_others_run_first, "W2 T6", NEEDS_NOTHING,
     "three bodies yield in each of their ten steps, by ROUSE_YIELD and by rouse_yield()",
     "they take turns")
{
    struct stage stage;
    struct polite bodies[3];
    int turns[30], taken = 0;

    stage_open(&stage, world);
    for (int i = 0; i < 3; i++) {
        bodies[i] = (struct polite){.number = i, .turns = turns, .taken = &taken};
        rouse_spawn(&stage.executor, &bodies[i].task, polite_start(&bodies[i]), NULL);
    }
    stage_run(&stage);
    CHECK_EQUAL(W2, taken, 30, "turns");
    for (int i = 0; i < taken; i++)
        CHECK(T6, turns[i] == i % 3, "turn %d was body %d's", i, turns[i]);
    stage_close(&stage);
}

static enum rouse_poll spend_at_once(struct puppet *self, struct rouse_context *cx)
{
    if (self->polls == 3)
        return puppet_finish(self, cx);
    rouse_waker_keep(&self->waker, cx->waker);
    rouse_wake(&self->waker); /* the reference that was just taken */
    return ROUSE_PENDING;
}

CASE(w2_a_wake_inside_the_poll_may_spend_the_waker_just_kept, "W2 T1 T3 T4 T5", NEEDS_NOTHING,
     "a runtime's task keeps its waker and at once wakes by it, three times",
     "it is polled again each time before the thread blocks, and released once")
{
    struct rouse rt;
    struct puppet puppet;
    struct rouse_join join;

    world_runtime(world, &rt);
    puppet_make(&puppet, spend_at_once);
    puppet_spawn_held(&rt.executor, &puppet);
    join = rouse_join(&puppet.task);
    RUN(W2, &rt, &join.future);
    CHECK_EQUAL(W2, puppet.polls, 3, "polls");
    rouse_close(&rt);
    rouse_task_unhold(&puppet.task);
    puppets_check(&puppet, 1);
}

CASES(task_w2) = {&w2_a_wake_inside_the_poll_leads_to_one_more,
                  &w2_a_wake_by_another_thread_inside_the_poll_counts,
                  &w2_a_yield_lets_the_others_run_first,
                  &w2_a_yield_is_honoured_before_the_thread_blocks,
                  &w2_a_wake_inside_the_poll_may_spend_the_waker_just_kept};
