/*
 * t4_own_thread.c -- futures are polled and dropped on the thread of their executor.
 */
#include <errno.h>
#include <stdlib.h>

#include "puppet.h"

enum { TASKS = 50 };

static void cancel_all(void *argument)
{
    struct puppet *puppets = argument;

    for (int i = 0; i < TASKS; i++)
        rouse_cancel(&puppets[i].task);
}

static void let_all_go(void *argument)
{
    struct puppet *puppets = argument;

    for (int i = 0; i < TASKS; i++) {
        struct rouse_waker *waker = puppets[i].with;

        rouse_waker_drop(waker);
        rouse_task_unhold(&puppets[i].task);
    }
}

/* Gives its waker to `with`, and keeps none. */
static enum rouse_poll give_waker(struct puppet *self, struct rouse_context *cx)
{
    rouse_waker_keep(self->with, cx->waker);
    return ROUSE_PENDING;
}

CASE(t4_a_future_is_dropped_on_its_own_thread, "T4 T1 T3 T5", NEEDS_NOTHING,
     "another thread cancels tasks that wait, or that were never polled, or takes their last waker "
     "and hold",
     "what was canceled is dropped when the executor runs, and not before; what was let go of "
     "lives on")
{
    for (int deed = 0; deed < 3; deed++) {
        struct stage stage;
        struct puppet *puppets = puppets_make(TASKS, deed == 2 ? give_waker : puppet_wait);
        struct rouse_waker wakers[TASKS] = {{NULL, NULL}};

        stage_open(&stage, world);
        for (int i = 0; i < TASKS; i++) {
            puppets[i].with = &wakers[i];
            puppet_spawn_held(&stage.executor, &puppets[i]);
        }
        if (deed != 1)
            stage_run(&stage);
        thread_join(thread_start(deed == 2 ? let_all_go : cancel_all, puppets));
        for (int i = 0; i < TASKS; i++)
            CHECK_EQUAL(T4, puppets[i].drops, 0, "drops before the executor runs");
        stage_run(&stage);
        for (int i = 0; i < TASKS; i++) {
            CHECK_EQUAL(T4, puppets[i].drops, deed != 2, "drops once it ran");
            if (deed != 2)
                rouse_task_unhold(&puppets[i].task);
        }
        stage_close(&stage);
        puppets_check(puppets, TASKS);
        free(puppets);
    }
}

/* Two threads with an executor each, and a task on each that wakes the other's. */
struct side {
    struct puppet puppet;
    struct side *other;
    struct rouse_waker own; /* a clone of its waker, for the other side */
    uintptr_t ready;        /* atomic: there is one */
    uintptr_t ball;         /* atomic: the number of the throw that came here */
    uintptr_t caught;
    uintptr_t throws;
    struct world *world;
    struct barrier *open;
};

static enum rouse_poll catch_and_throw(struct puppet *self, struct rouse_context *cx)
{
    struct side *side = self->with;
    const uintptr_t ball = atomic_load_acquire(&side->ball);

    if (atomic_load_acquire(&side->ready) == 0) {
        rouse_waker_keep(&side->own, cx->waker);
        word_set(&side->ready, 1);
        await_word(&side->other->ready, 1);
    }
    if (ball == side->caught)
        return ROUSE_PENDING;
    side->caught = ball;
    atomic_exchange(&side->other->ball, ball + 1);
    rouse_wake_by_ref(&side->other->own);
    return ball >= side->throws ? puppet_finish(self, cx) : ROUSE_PENDING;
}

static void play(struct side *side)
{
    struct stage stage;
    bool over;

    stage_open(&stage, side->world);
    puppet_make(&side->puppet, catch_and_throw);
    side->puppet.with = side;
    puppet_spawn(&stage.executor, &side->puppet);
    over = stage_run_until(&stage, puppet_is_over, &side->puppet);
    CHECK(T4, over, "a wake from the other executor was lost after %d throws", (int) side->caught);
    barrier_wait(side->open); /* the other side may still wake us */
    rouse_waker_drop(&side->other->own);
    stage_close(&stage);
    barrier_wait(side->open);
}

static void play_main(void *argument)
{
    play(argument);
}

CASE(t4_executors_on_two_threads_wake_each_others_tasks, "T4 T1 T3 T5", NEEDS_NOTHING,
     "two threads have an executor each; a task on one wakes a task on the other, and back, a "
     "thousand times",
     "each task is polled on its own thread only")
{
    struct side sides[2] = {{.throws = 1000}, {.throws = 1000}};
    struct thread *thread;

    for (int i = 0; i < 2; i++) {
        sides[i].other = &sides[1 - i];
        sides[i].world = world;
    }
    sides[0].open = sides[1].open = barrier_make(2);
    sides[0].ball = 1;
    thread = thread_start(play_main, &sides[1]);
    play(&sides[0]);
    thread_join(thread);
    CHECK(T4, sides[0].caught + sides[1].caught >= 2000, "the last throws were %d and %d",
          (int) sides[0].caught, (int) sides[1].caught);
    puppets_check(&sides[0].puppet, 1);
    puppets_check(&sides[1].puppet, 1);
    barrier_free(sides[0].open);
}

CASES(task_t4) = {&t4_a_future_is_dropped_on_its_own_thread,
                  &t4_executors_on_two_threads_wake_each_others_tasks};
