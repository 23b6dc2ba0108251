/*
 * t9_cancel_and_join.c -- a task is canceled, and whoever joins it hears how it ended.
 */
#include <errno.h>
#include <stdlib.h>

#include "puppet.h"

CASE(t9_a_join_yields_the_tasks_own_result, "T9", NEEDS_NOTHING,
     "tasks finish with all kinds of results, and are joined before that, or after, or were joined "
     "before they ran",
     "each join is READY with that result, and is woken if it waited")
{
    static const intptr_t values[] = {0,       1,          -1,         -ENOMEM, -ECANCELED,
                                      1 << 20, INTPTR_MAX, INTPTR_MIN, 42};
    struct stage stage;

    stage_open(&stage, world);
    for (int i = 0; i < 9; i++) {
        for (int when = 0; when < 3; when++) {
            struct wakes *wakes = world_wakes(world);
            const struct rouse_waker waker = wakes_waker(wakes);
            struct puppet puppet;
            struct rouse_join join;

            puppet_make(&puppet, puppet_wait);
            puppet.value = values[i];
            puppet_spawn_held(&stage.executor, &puppet);
            if (when > 0)
                stage_run(&stage);
            join = rouse_join(&puppet.task);
            if (when < 2)
                CHECK_EQUAL(T9, world_poll(&join.future, &waker), ROUSE_PENDING, "an early join");
            puppet.act = puppet_finish;
            if (when > 0)
                rouse_wake_by_ref(&puppet.waker);
            stage_run(&stage);
            CHECK_EQUAL(T9, wakes_taken(wakes), when < 2, "wakes of a join");
            CHECK_EQUAL(T9, world_poll(&join.future, &waker), ROUSE_READY, "a join after the end");
            CHECK_EQUAL(T9, join.future.result, values[i], "its result");
            CHECK(T9, rouse_task_ended(&puppet.task), "a task that ended has not");
            rouse_task_unhold(&puppet.task);
        }
    }
    stage_close(&stage);
}

CASE(t9_canceling_drops_at_the_next_turn, "T9 T1 T3 T4 T5", NEEDS_NOTHING,
     "tasks that wait, are ready, or were never polled are canceled, once or twice, by this thread",
     "they are dropped when the executor runs, not before, and joins yield -ECANCELED")
{
    for (int kind = 0; kind < 3; kind++) {
        for (int times = 1; times <= 3; times++) {
            struct wakes *wakes = world_wakes(world);
            const struct rouse_waker waker = wakes_waker(wakes);
            struct stage stage;
            struct puppet puppet;
            struct rouse_join join;

            stage_open(&stage, world);
            puppet_make(&puppet, puppet_wait);
            puppet_spawn_held(&stage.executor, &puppet);
            join = rouse_join(&puppet.task);
            if (kind < 2)
                stage_run(&stage);
            if (kind < 1)
                rouse_wake_by_ref(&puppet.waker);
            world_poll(&join.future, &waker);
            for (int n = 0; n < times; n++)
                rouse_cancel(&puppet.task);
            CHECK_EQUAL(T9, puppet.drops, 0, "drops inside rouse_cancel()");
            CHECK(T9, !rouse_task_ended(&puppet.task), "canceled, and ended before its turn");
            stage_run(&stage);
            CHECK_EQUAL(T9, puppet.drops, 1, "drops");
            CHECK_EQUAL(T9, puppet.polls, kind < 2, "polls");
            CHECK_EQUAL(T9, wakes_taken(wakes), 1, "wakes of a join");
            CHECK_EQUAL(T9, world_poll(&join.future, &waker), ROUSE_READY, "the join");
            CHECK_EQUAL(T9, join.future.result, -ECANCELED, "its result");
            rouse_cancel(&puppet.task);
            CHECK_EQUAL(T9, stage_run(&stage), 0, "turns by canceling what has ended");
            rouse_task_unhold(&puppet.task);
            stage_close(&stage);
            puppets_check(&puppet, 1);
        }
    }
}

static enum rouse_poll cancel_itself(struct puppet *self, struct rouse_context *cx)
{
    rouse_cancel(&self->task);
    cx->yield = self->number == 1;
    return self->number == 2 ? puppet_finish(self, cx) : puppet_wait(self, cx);
}

CASE(t9_a_task_may_cancel_itself, "T9 T1 T3 T4 T5", NEEDS_NOTHING,
     "a task cancels itself in its poll, which ends in PENDING, in a yield, or in READY",
     "it is dropped after that poll, or has finished; the join tells which")
{
    for (int number = 0; number < 3; number++) {
        struct stage stage;
        struct puppet puppet;
        struct rouse_join join;

        stage_open(&stage, world);
        puppet_make(&puppet, cancel_itself);
        puppet.number = number;
        puppet.value = 11;
        puppet_spawn_held(&stage.executor, &puppet);
        rouse_executor_run(&stage.executor, 1);
        CHECK_EQUAL(T9, puppet.drops, 0, "drops inside the poll that canceled");
        stage_run(&stage);
        CHECK_EQUAL(T9, puppet.polls, 1, "polls");
        CHECK_EQUAL(T9, puppet.drops, number < 2, "drops");
        join = rouse_join(&puppet.task);
        CHECK_EQUAL(T9, world_poll(&join.future, NULL), ROUSE_READY, "the join");
        CHECK_EQUAL(T9, join.future.result, number < 2 ? -ECANCELED : 11, "its result");
        rouse_task_unhold(&puppet.task);
        stage_close(&stage);
        puppets_check(&puppet, 1);
    }
}

CASE(t9_a_join_wakes_whoever_polled_it_last, "T9 F4", NEEDS_NOTHING,
     "a join is polled with a first waker, a second, the first again, and then the task ends",
     "the last one is woken, once, and nobody else; all are let go of")
{
    for (int polls = 1; polls <= 7; polls++) {
        struct wakes *wakes[2] = {world_wakes(world), world_wakes(world)};
        struct stage stage;
        struct puppet puppet;
        struct rouse_join join;

        stage_open(&stage, world);
        puppet_make(&puppet, puppet_wait);
        puppet_spawn_held(&stage.executor, &puppet);
        stage_run(&stage);
        join = rouse_join(&puppet.task);
        for (int i = 0; i < polls; i++) {
            const struct rouse_waker waker = wakes_waker(wakes[i / 2 % 2]);

            CHECK_EQUAL(T9, world_poll(&join.future, &waker), ROUSE_PENDING, "a join");
        }
        rouse_cancel(&puppet.task);
        stage_run(&stage);
        CHECK_EQUAL(F4, wakes_taken(wakes[(polls - 1) / 2 % 2]), 1, "wakes of the last one");
        CHECK_EQUAL(F4, wakes_taken(wakes[1 - (polls - 1) / 2 % 2]), 0, "wakes of the other");
        CHECK_EQUAL(T9, wakes[0]->references + wakes[1]->references, 0, "references");
        rouse_future_drop(&join.future);
        rouse_task_unhold(&puppet.task);
        stage_close(&stage);
    }
}

CASE(t9_a_join_may_be_dropped_at_any_moment, "T9 F6", NEEDS_NOTHING,
     "a join is dropped before its first poll, after it, and after the task's end; then another "
     "joins",
     "the first one's waker is not woken by that and let go of, and the other yields the result")
{
    for (int moment = 0; moment < 3; moment++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct stage stage;
        struct puppet puppet;
        struct rouse_join join, other;

        stage_open(&stage, world);
        puppet_make(&puppet, puppet_wait);
        puppet.value = 5;
        puppet_spawn_held(&stage.executor, &puppet);
        stage_run(&stage);
        join = rouse_join(&puppet.task);
        if (moment > 0)
            world_poll(&join.future, &waker);
        if (moment < 2)
            rouse_future_drop(&join.future);
        CHECK_EQUAL(F6, wakes_taken(wakes), 0, "wakes by a drop");
        CHECK_EQUAL(F6, wakes->references, moment == 2, "references");
        other = rouse_join(&puppet.task);
        if (moment < 2)
            CHECK_EQUAL(T9, world_poll(&other.future, NULL), ROUSE_PENDING, "a join that follows");
        puppet.act = puppet_finish;
        rouse_wake_by_ref(&puppet.waker);
        stage_run(&stage);
        CHECK_EQUAL(T9, wakes_taken(wakes), moment == 2, "wakes of a join");
        rouse_future_drop(&join.future);
        CHECK_EQUAL(F6, wakes->references, 0, "references");
        CHECK_EQUAL(T9, world_poll(&other.future, NULL), ROUSE_READY, "the other join");
        CHECK_EQUAL(T9, other.future.result, 5, "its result");
        rouse_task_unhold(&puppet.task);
        stage_close(&stage);
    }
}

CASE(t9_a_join_that_never_waited_takes_nothing_from_one_that_does, "T9 F6", NEEDS_NOTHING,
     "two joins of a task are made, the one is polled and the other dropped; then the task ends",
     "the one is woken, and has the result")
{
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct stage stage;
    struct puppet puppet;
    struct rouse_join join, other;

    stage_open(&stage, world);
    puppet_make(&puppet, puppet_wait);
    puppet.value = 5;
    puppet_spawn_held(&stage.executor, &puppet);
    stage_run(&stage);
    join = rouse_join(&puppet.task);
    other = rouse_join(&puppet.task);
    CHECK_EQUAL(T9, world_poll(&join.future, &waker), ROUSE_PENDING, "a join");
    rouse_future_drop(&other.future);
    CHECK_EQUAL(F6, wakes->references, 1, "references to the waker of the one that waits");
    puppet.act = puppet_finish;
    rouse_wake_by_ref(&puppet.waker);
    stage_run(&stage);
    CHECK_EQUAL(T9, wakes_taken(wakes), 1, "wakes of the one that waits");
    CHECK_EQUAL(T9, world_poll(&join.future, &waker), ROUSE_READY, "it");
    CHECK_EQUAL(T9, join.future.result, 5, "its result");
    rouse_task_unhold(&puppet.task);
    stage_close(&stage);
}

/* A task whose FINALLY says what it has seen. */
struct patient {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse *rt;
    struct rouse_sleep sleep;
    int finallies;
};

ROUSE_ASYNC(patient, struct patient)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->sleep, rouse_sleep(&self->rt->reactor, ROUSE_SECONDS(3600)));
    ROUSE_FINALLY
    self->finallies++;
    ROUSE_END
}

/* Cancels a task, and joins it. */
struct doctor {
    struct rouse_async async;
    struct patient *patient;
    struct rouse_yield yield;
    struct rouse_join join;
};

ROUSE_ASYNC(doctor, struct doctor)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->yield, rouse_yield());
    rouse_cancel(&self->patient->task);
    ROUSE_AWAIT(self->join, rouse_join(&self->patient->task));
    ROUSE_RETURN(self->join.future.result);
    ROUSE_FINALLY
    ROUSE_END
}

CASE(t9_a_task_may_cancel_another_and_join_it, "T9", NEEDS_NOTHING,
     "in a runtime a task cancels one that sleeps for an hour, and joins it",
     "the join yields -ECANCELED at once, and the other's FINALLY has run")
{
    struct rouse rt;
    struct patient patient = {.rt = &rt};
    struct doctor doctor = {.patient = &patient};
    rouse_time began;

    world_runtime(world, &rt);
    began = world_now(world);
    rouse_spawn_held(&rt.executor, &patient.task, patient_start(&patient), NULL);
    CHECK_EQUAL(T9, RUN(T9, &rt, doctor_start(&doctor)), -ECANCELED, "the result");
    CHECK_EQUAL(T9, patient.finallies, 1, "FINALLYs");
    CHECK(T9, world_now(world) - began < ROUSE_SECONDS(60), "it waited for what was canceled");
    CHECK_EQUAL(T9, rouse_next_deadline(&rt), ROUSE_NEVER, "the next deadline");
    rouse_task_unhold(&patient.task);
    rouse_close(&rt);
}

CASES(task_t9) = {&t9_a_join_yields_the_tasks_own_result,
                  &t9_canceling_drops_at_the_next_turn,
                  &t9_a_task_may_cancel_itself,
                  &t9_a_join_wakes_whoever_polled_it_last,
                  &t9_a_join_may_be_dropped_at_any_moment,
                  &t9_a_join_that_never_waited_takes_nothing_from_one_that_does,
                  &t9_a_task_may_cancel_another_and_join_it};
