/*
 * inbox.c -- T2, T6 and T10: tasks that come from other threads, to an executor that sleeps,
 * works, or closes.
 */
#include "stage.h"

enum { ACTORS = 3 };

static struct actor *actors[ACTORS];
static struct account *accounts[ACTORS];
static unsigned *order; /* polls, as digits */

static enum rouse_poll note_and_finish(struct actor *self, struct rouse_context *cx)
{
    (void) cx;
    explore_check(self->letter != 0, "W5: what came before the spawn is not seen");
    *order = *order * 10 + (unsigned) self->letter;
    return rouse_ready(&self->future, 0);
}

static void begin(const struct rouse_evq_ops *ops, unsigned count, actor_act *act)
{
    stage_open(ops);
    order = (unsigned *) explore_memory(sizeof *order, "an order");
    for (unsigned i = 0; i < count; i++) {
        actors[i] = actor_make(act);
        accounts[i] = actors[i]->account;
    }
}

static void spawn(unsigned number)
{
    actors[number]->letter = (int) number + 1;
    actor_spawn(actors[number]);
}

static void end(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        actor_check_end(accounts[i]);
    explore_check_nothing_left();
}

/* ---- one, on each queue's way of sleeping */

static void spawn_first(void)
{
    spawn(0);
}

static void run_first(void)
{
    stage_run_until_over(accounts[0]);
    stage_close();
}

static void end_one(void)
{
    end(1);
}

static void begin_poll(void)
{
    begin(&rouse__poll, 1, note_and_finish);
}

static void begin_epoll(void)
{
    begin(&rouse__epoll, 1, note_and_finish);
}

static void begin_sim(void)
{
    begin(&rouse__sim, 1, note_and_finish);
}

const struct explore_program t2_a_spawn_from_elsewhere_wakes_an_executor_on_poll = {
    "t2_a_spawn_from_elsewhere_wakes_an_executor_on_poll",
    begin_poll,
    {run_first, spawn_first},
    end_one,
};

const struct explore_program t2_a_spawn_from_elsewhere_wakes_an_executor_on_epoll = {
    "t2_a_spawn_from_elsewhere_wakes_an_executor_on_epoll",
    begin_epoll,
    {run_first, spawn_first},
    end_one,
};

const struct explore_program t2_a_spawn_from_elsewhere_wakes_an_executor_on_sim = {
    "t2_a_spawn_from_elsewhere_wakes_an_executor_on_sim",
    begin_sim,
    {run_first, spawn_first},
    end_one,
};

/* ---- several, in order */

static void begin_three(void)
{
    begin(&rouse__poll, 3, note_and_finish);
}

static void spawn_first_and_second(void)
{
    spawn(0);
    spawn(1);
}

static void spawn_third(void)
{
    spawn(2);
}

static void run_three(void)
{
    for (unsigned i = 0; i < 3; i++)
        stage_run_until_over(accounts[i]);
    stage_close();
}

static void end_three(void)
{
    explore_check(*order == 123 || *order == 132 || *order == 312,
                  "T6: one thread's spawns changed places, or one was lost");
    end(3);
}

const struct explore_program t6_spawns_of_two_threads_keep_their_order = {
    "t6_spawns_of_two_threads_keep_their_order",
    begin_three,
    {run_three, spawn_first_and_second, spawn_third},
    end_three,
};

/* ---- one that is canceled while it arrives */

static void begin_held(void)
{
    begin(&rouse__poll, 1, note_and_finish);
}

static void spawn_held_and_cancel(void)
{
    struct actor *actor = actors[0];

    actor->letter = 1;
    rouse_spawn_held(&stage->rt.executor, &actor->task, &actor->future, actor_release);
    rouse_cancel(&actor->task);
    rouse_task_unhold(&actor->task);
}

const struct explore_program t9_a_cancel_meets_a_task_that_arrives = {
    "t9_a_cancel_meets_a_task_that_arrives",
    begin_held,
    {run_first, spawn_held_and_cancel},
    end_one,
};

/* ---- a runtime that runs, as rouse_run() does it */

static uintptr_t *spawned;

static enum rouse_poll wait_for_letter(struct actor *self, struct rouse_context *cx)
{
    actor_hand_over(self, cx, 1);
    if (atomic_load_relaxed(&self->said) == 0)
        return ROUSE_PENDING;
    return rouse_ready(&self->future, 5);
}

static void begin_run(void)
{
    begin(&rouse__epoll, 1, wait_for_letter);
}

static void run_it(void)
{
    const intptr_t result = rouse_run(&stage->rt, &actors[0]->future);

    explore_check(result == 5, "rouse_run() has another result");
    stage_close();
    accounts[0]->releases++; /* not a task of ours */
}

static void say_and_wake(void)
{
    explore_await(&actors[0]->handed, "waits for a waker");
    (void) atomic_fetch_add(&actors[0]->said, 1);
    rouse_wake(&actors[0]->waker);
}

const struct explore_program w1_a_wake_from_elsewhere_ends_a_run = {
    "w1_a_wake_from_elsewhere_ends_a_run",
    begin_run,
    {run_it, say_and_wake},
    end_one,
};

/* ---- closing */

static enum rouse_poll hand_over_and_wait(struct actor *self, struct rouse_context *cx)
{
    actor_hand_over(self, cx, 2);
    return ROUSE_PENDING;
}

static void begin_closing(void)
{
    begin(&rouse__poll, 1, hand_over_and_wait);
    spawn(0);
}

static void run_once_and_close(void)
{
    stage_run_until_polled(accounts[0], 1);
    stage_close();
}

static void wake(void)
{
    explore_await(&actors[0]->handed, "waits for a waker");
    rouse_wake(&actors[0]->waker);
}

static void wake_by_ref(void)
{
    explore_await(&actors[0]->handed, "waits for a waker");
    rouse_wake_by_ref(&actors[0]->second);
    rouse_waker_drop(&actors[0]->second);
}

static void end_closing(void)
{
    explore_check(accounts[0]->drops == 1, "T10: not dropped once");
    end_one();
}

const struct explore_program t10_two_threads_wake_while_an_executor_closes = {
    "t10_two_threads_wake_while_an_executor_closes",
    begin_closing,
    {run_once_and_close, wake, wake_by_ref},
    end_closing,
};

static void begin_spawning(void)
{
    begin(&rouse__poll, 2, hand_over_and_wait);
    spawned = (uintptr_t *) explore_memory(sizeof *spawned, "a word");
    actors[1]->act = note_and_finish;
    spawn(0);
}

static void run_and_close_once_spawned(void)
{
    stage_run_until_polled(accounts[0], 1);
    explore_await(spawned, "waits until all is spawned");
    stage_close();
}

/* A spawn is over before the executor may close; its task need not have arrived. */
static void spawn_second(void)
{
    spawn(1);
    (void) atomic_exchange(spawned, 1);
}

static void end_spawning(void)
{
    explore_check(accounts[1]->polls + accounts[1]->drops == 1, "T10: neither polled nor dropped");
    end(2);
}

static void wake_and_drop_second(void)
{
    wake_by_ref();
    rouse_waker_drop(&actors[0]->waker);
}

const struct explore_program t10_an_executor_closes_on_what_was_spawned_elsewhere = {
    "t10_an_executor_closes_on_what_was_spawned_elsewhere",
    begin_spawning,
    {run_and_close_once_spawned, spawn_second, wake_and_drop_second},
    end_spawning,
};

static void begin_canceling(void)
{
    begin_closing();
    rouse_task_hold(&actors[0]->task);
}

static void cancel(void)
{
    explore_await(&actors[0]->handed, "waits for a first poll");
    rouse_cancel(&actors[0]->task);
    rouse_task_unhold(&actors[0]->task);
}

static void wake_both(void)
{
    wake();
    rouse_waker_drop(&actors[0]->second);
}

const struct explore_program t10_a_cancel_and_a_wake_meet_a_close = {
    "t10_a_cancel_and_a_wake_meet_a_close",
    begin_canceling,
    {run_once_and_close, cancel, wake_both},
    end_closing,
};
