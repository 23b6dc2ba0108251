/*
 * t5_released_once.c -- release() is called once, when the future, the wakers and the holds
 * are all gone, whichever is the last.
 */
#include <stdlib.h>

#include "puppet.h"

enum party { END, WAKER, HOLD, PARTIES };

enum ending { FINISH, CANCEL, CLOSE, ENDINGS };

struct farewell {
    struct stage stage;
    struct puppet puppet;
    struct rouse_waker waker;
    enum ending ending;
    bool open;
};

static enum rouse_poll give_waker(struct puppet *self, struct rouse_context *cx)
{
    struct farewell *farewell = self->with;

    if (self->polls > 1)
        return puppet_finish(self, cx);
    rouse_waker_keep(&farewell->waker, cx->waker);
    return ROUSE_PENDING;
}

/* A task cannot be woken once its wakers are gone: then only cancel and close end it. */
static void end(struct farewell *farewell)
{
    if (farewell->ending == FINISH && farewell->waker.ops != NULL)
        rouse_wake_by_ref(&farewell->waker);
    else if (farewell->ending == CLOSE)
        stage_close(&farewell->stage);
    else
        rouse_cancel(&farewell->puppet.task);
    farewell->open = farewell->ending != CLOSE;
    if (farewell->open)
        stage_run(&farewell->stage);
}

static void let_go(struct farewell *farewell, enum party party)
{
    switch (party) {
    case END: end(farewell); break;
    case WAKER: rouse_waker_drop(&farewell->waker); break;
    default: rouse_task_unhold(&farewell->puppet.task); break;
    }
}

CASE(t5_release_follows_the_last_to_let_go, "T5 T1 T3 T4", NEEDS_NOTHING,
     "a task's end, its last waker and its hold go, in each of the six orders, and it finishes, is "
     "canceled, or closed",
     "release() is called with the last of the three, and not before")
{
    static const enum party orders[6][PARTIES] = {{END, WAKER, HOLD}, {END, HOLD, WAKER},
                                                  {WAKER, END, HOLD}, {WAKER, HOLD, END},
                                                  {HOLD, END, WAKER}, {HOLD, WAKER, END}};

    for (int order = 0; order < 6; order++) {
        for (enum ending ending = FINISH; ending < ENDINGS; ending++) {
            struct farewell farewell = {.ending = ending, .open = true};

            stage_open(&farewell.stage, world);
            puppet_make(&farewell.puppet, give_waker);
            farewell.puppet.with = &farewell;
            puppet_spawn_held(&farewell.stage.executor, &farewell.puppet);
            stage_run(&farewell.stage);
            for (int i = 0; i < PARTIES; i++) {
                let_go(&farewell, orders[order][i]);
                CHECK(T5, farewell.puppet.releases == (i == PARTIES - 1),
                      "order %d, ending %d: %d releases after step %d", order, (int) ending,
                      (int) farewell.puppet.releases, i);
            }
            if (farewell.open)
                stage_close(&farewell.stage);
            puppets_check(&farewell.puppet, 1);
        }
    }
}

enum { ROUNDS = 2000 };

/* Two threads that let go of a task at the moment when its executor does. */
struct parting {
    struct puppet puppet;
    struct barrier *start, *stop;
    struct rouse_waker waker;
};

static void drop_wakers_main(void *argument)
{
    struct parting *parting = argument;

    for (int round = 0; round < ROUNDS; round++) {
        barrier_wait(parting->start);
        if (round % 2 == 0)
            rouse_waker_drop(&parting->waker);
        else
            rouse_wake(&parting->waker);
        barrier_wait(parting->stop);
    }
}

static void unhold_main(void *argument)
{
    struct parting *parting = argument;

    for (int round = 0; round < ROUNDS; round++) {
        barrier_wait(parting->start);
        rouse_task_unhold(&parting->puppet.task);
        barrier_wait(parting->stop);
    }
}

static enum rouse_poll part(struct puppet *self, struct rouse_context *cx)
{
    struct parting *parting = self->with;

    if (self->polls == 1)
        return puppet_wait(self, cx);
    barrier_wait(parting->start);
    return puppet_finish(self, cx);
}

CASE(t5_the_last_to_let_go_may_be_on_any_thread, "T5 T1 T3 T4", NEEDS_NOTHING,
     "the end of a task, its last waker and its hold go at the same moment, on three threads, two "
     "thousand times",
     "release() is called once each time, by whoever was last")
{
    struct parting parting = {.start = barrier_make(3), .stop = barrier_make(3)};
    struct thread *first = thread_start(drop_wakers_main, &parting);
    struct thread *second = thread_start(unhold_main, &parting);
    struct stage stage;
    int elsewhere = 0;

    stage_open(&stage, world);
    for (int round = 0; round < ROUNDS; round++) {
        puppet_make(&parting.puppet, part);
        parting.puppet.with = &parting;
        puppet_spawn_held(&stage.executor, &parting.puppet);
        stage_run(&stage);
        parting.waker = puppet_clone(&parting.puppet);
        rouse_wake_by_ref(&parting.puppet.waker);
        stage_run(&stage);
        barrier_wait(parting.stop);
        stage_run(&stage);
        REQUIRE(T5, parting.puppet.releases == 1, "in round %d it was released %d times", round,
                (int) parting.puppet.releases);
        elsewhere += parting.puppet.released_on != thread_here();
        puppets_check(&parting.puppet, 1);
    }
    suite_note("%d of %d were released on another thread", elsewhere, ROUNDS);
    thread_join(first);
    thread_join(second);
    stage_close(&stage);
    barrier_free(parting.start);
    barrier_free(parting.stop);
}

CASE(t5_many_holds_and_wakers_are_counted, "T5 T1 T3 T4", NEEDS_NOTHING,
     "a task has a thousand holds and a thousand wakers, and loses them after its end, one by one",
     "release() is called with the last")
{
    static struct rouse_waker wakers[1000];
    struct stage stage;
    struct puppet puppet;

    stage_open(&stage, world);
    puppet_make(&puppet, puppet_wait);
    puppet_spawn_held(&stage.executor, &puppet);
    stage_run(&stage);
    for (int i = 0; i < 1000; i++) {
        rouse_task_hold(&puppet.task);
        wakers[i] = puppet_clone(&puppet);
    }
    rouse_cancel(&puppet.task);
    stage_run(&stage);
    for (int i = 0; i < 1000; i++) {
        rouse_task_unhold(&puppet.task);
        if (i % 2 == 0)
            rouse_waker_drop(&wakers[i]);
        else
            rouse_wake(&wakers[i]);
        CHECK_EQUAL(T5, puppet.releases, 0, "releases before the last hold");
    }
    rouse_task_unhold(&puppet.task);
    CHECK_EQUAL(T5, puppet.releases, 1, "releases with the last hold");
    stage_close(&stage);
    puppets_check(&puppet, 1);
}

CASE(t5_a_task_that_nobody_can_wake_lives_on, "T5 T1 T3 T4", NEEDS_NOTHING,
     "a task is PENDING, and all its wakers and holds have gone",
     "it is released when its executor is closed, and not before")
{
    struct stage stage;
    struct farewell farewell = {.open = true};

    stage_open(&stage, world);
    puppet_make(&farewell.puppet, give_waker);
    farewell.puppet.with = &farewell;
    puppet_spawn_held(&stage.executor, &farewell.puppet);
    stage_run(&stage);
    rouse_waker_drop(&farewell.waker);
    rouse_task_unhold(&farewell.puppet.task);
    stage_run(&stage);
    CHECK_EQUAL(T5, farewell.puppet.releases, 0, "releases before its end");
    stage_close(&stage);
    puppets_check(&farewell.puppet, 1);
}

static enum rouse_poll end_quietly(struct rouse_future *self, struct rouse_context *cx)
{
    (void) cx;
    return rouse_ready(self, 0);
}

CASE(t5_release_may_be_null, "T5", NEEDS_NOTHING,
     "tasks without a release() finish, are canceled, or closed, and let go of wakers and holds",
     "they end, and their storage can be used again")
{
    static const struct rouse_future_ops ops = {end_quietly, NULL, "quiet"};
    struct stage stage;
    struct rouse_task task;

    stage_open(&stage, world);
    for (int round = 0; round < 30; round++) {
        struct rouse_future future = {&ops, 0};

        rouse_spawn_held(&stage.executor, &task, &future, NULL);
        if (round % 2 == 1)
            rouse_cancel(&task);
        stage_run(&stage);
        CHECK(T5, rouse_task_ended(&task), "a task without a release() does not end");
        rouse_task_unhold(&task);
        future = (struct rouse_future){&ops, 0};
        rouse_spawn(&stage.executor, &task, &future, NULL);
        if (round % 3 != 0)
            stage_run(&stage);
        stage_close(&stage);
        stage_open(&stage, world);
    }
    stage_close(&stage);
}

/* A task that joins another one. */
struct lover {
    struct puppet puppet;
    struct rouse_join join;
};

static enum rouse_poll love(struct puppet *self, struct rouse_context *cx)
{
    struct lover *lover = self->with;

    if (rouse_future_poll(&lover->join.future, cx) == ROUSE_PENDING)
        return ROUSE_PENDING;
    self->value = lover->join.future.result;
    return puppet_finish(self, cx);
}

static void love_no_more(struct puppet *self)
{
    struct lover *lover = self->with;

    rouse_future_drop(&lover->join.future);
}

CASE(t5_tasks_that_join_each_other_leave_nothing, "T5 T1 T3 T4", NEEDS_NOTHING,
     "two tasks join each other; one of them is canceled, or their executor is closed",
     "both end, and each is released once")
{
    for (int closed = 0; closed < 2; closed++) {
        struct stage stage;
        struct lover lovers[2];

        stage_open(&stage, world);
        for (int i = 0; i < 2; i++) {
            puppet_make(&lovers[i].puppet, love);
            lovers[i].puppet.with = &lovers[i];
            lovers[i].puppet.at_drop = love_no_more;
            lovers[i].join = rouse_join(&lovers[1 - i].puppet.task);
            puppet_spawn_held(&stage.executor, &lovers[i].puppet);
        }
        stage_run(&stage);
        if (!closed) {
            rouse_cancel(&lovers[0].puppet.task);
            stage_run(&stage);
            CHECK(T5, lovers[1].puppet.over, "whoever joined a canceled task is not woken");
        }
        stage_close(&stage);
        rouse_task_unhold(&lovers[0].puppet.task);
        rouse_task_unhold(&lovers[1].puppet.task);
        puppets_check(&lovers[0].puppet, 1);
        puppets_check(&lovers[1].puppet, 1);
    }
}

CASE(t5_the_waker_of_a_join_goes_with_the_task, "T5", NEEDS_NOTHING,
     "tasks that are joined finish, are canceled, or closed; the joins are not polled again",
     "the joins' wakers have been let go of, though tasks and joins are still there")
{
    for (enum ending ending = FINISH; ending < ENDINGS; ending++) {
        struct wakes *joiner = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(joiner);
        struct farewell farewell = {.ending = ending, .open = true};
        struct rouse_join join;

        stage_open(&farewell.stage, world);
        puppet_make(&farewell.puppet, give_waker);
        farewell.puppet.with = &farewell;
        puppet_spawn_held(&farewell.stage.executor, &farewell.puppet);
        stage_run(&farewell.stage);
        join = rouse_join(&farewell.puppet.task);
        world_poll(&join.future, &waker);
        CHECK(T5, joiner->references >= 1, "a join that is PENDING keeps no waker");
        end(&farewell);
        CHECK_EQUAL(T5, joiner->references, 0, "references to the waker of a join that is over");
        CHECK_EQUAL(T5, wakes_taken(joiner), 1, "wakes");
        rouse_future_drop(&join.future);
        rouse_waker_drop(&farewell.waker);
        rouse_task_unhold(&farewell.puppet.task);
        if (farewell.open)
            stage_close(&farewell.stage);
    }
}

CASES(task_t5) = {&t5_release_follows_the_last_to_let_go,
                  &t5_the_last_to_let_go_may_be_on_any_thread,
                  &t5_many_holds_and_wakers_are_counted,
                  &t5_a_task_that_nobody_can_wake_lives_on,
                  &t5_release_may_be_null,
                  &t5_tasks_that_join_each_other_leave_nothing,
                  &t5_the_waker_of_a_join_goes_with_the_task};
