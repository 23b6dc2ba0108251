/*
 * wake.c -- W1 to W5: wakes against polls, ends, and each other.
 */
#include "stage.h"

static struct actor *actor;
static struct account *account;

static void begin(actor_act *act)
{
    stage_open(&rouse__poll);
    actor = actor_make(act);
    account = actor->account;
    actor_spawn(actor);
}

static void run_and_close(void)
{
    stage_run_until_over(account);
    stage_close();
}

static void end(void)
{
    actor_check_end(account);
    explore_check_nothing_left();
}

/* ---- one waker */

static enum rouse_poll read_the_letter(struct actor *self, struct rouse_context *cx)
{
    actor_hand_over(self, cx, 1);
    if (self->account->polls == 1)
        return ROUSE_PENDING;
    explore_check(self->letter == 1, "W5: what came before the wake is not seen");
    return rouse_ready(&self->future, 0);
}

static void begin_letter(void)
{
    begin(read_the_letter);
}

static void wake_once(void)
{
    explore_await(&actor->handed, "waits for a waker");
    actor->letter = 1;
    rouse_wake(&actor->waker);
}

static void end_letter(void)
{
    explore_check(account->polls == 2, "T7: polled without a wake");
    end();
}

const struct explore_program w1_a_wake_after_a_poll_leads_to_one_more = {
    "w1_a_wake_after_a_poll_leads_to_one_more",
    begin_letter,
    {run_and_close, wake_once},
    end_letter,
};

/* ---- two wakers, whose wakes may merge */

static enum rouse_poll hear_two(struct actor *self, struct rouse_context *cx)
{
    actor_hand_over(self, cx, 2);
    /* Relaxed: what they said has to come with their wakes. */
    if (atomic_load_relaxed(&self->said) < 2)
        return ROUSE_PENDING;
    return rouse_ready(&self->future, 0);
}

static void begin_two(void)
{
    begin(hear_two);
}

static void say_and_wake(void)
{
    explore_await(&actor->handed, "waits for a waker");
    (void) atomic_fetch_add(&actor->said, 1);
    rouse_wake(&actor->waker);
}

static void say_and_wake_by_ref(void)
{
    explore_await(&actor->handed, "waits for a waker");
    (void) atomic_fetch_add(&actor->said, 1);
    rouse_wake_by_ref(&actor->second);
    rouse_waker_drop(&actor->second);
}

static void end_two(void)
{
    explore_check(account->polls <= 3, "W1: more polls than wakes");
    end();
}

const struct explore_program w1_wakes_of_two_threads_merge_and_none_is_lost = {
    "w1_wakes_of_two_threads_merge_and_none_is_lost",
    begin_two,
    {run_and_close, say_and_wake, say_and_wake_by_ref},
    end_two,
};

/* ---- a wake inside the poll, against one from outside */

static enum rouse_poll wake_itself(struct actor *self, struct rouse_context *cx)
{
    actor_hand_over(self, cx, 1);
    if (self->account->polls == 1)
        rouse_wake_by_ref(cx->waker);
    if (atomic_load_relaxed(&self->said) < 1)
        return ROUSE_PENDING;
    return rouse_ready(&self->future, 0);
}

static void begin_itself(void)
{
    begin(wake_itself);
}

const struct explore_program w2_a_wake_inside_the_poll_meets_one_from_outside = {
    "w2_a_wake_inside_the_poll_meets_one_from_outside",
    begin_itself,
    {run_and_close, say_and_wake},
    end_two,
};

/* ---- a waker that is spent on the executor's own thread, where a store may do */

static enum rouse_poll spend_one(struct actor *self, struct rouse_context *cx)
{
    actor_hand_over(self, cx, 2);
    if (self->account->polls == 1)
        rouse_wake(&self->second);
    if (atomic_load_relaxed(&self->said) < 1)
        return ROUSE_PENDING;
    return rouse_ready(&self->future, 0);
}

static void begin_spend(void)
{
    begin(spend_one);
}

const struct explore_program w2_a_waker_spent_here_meets_one_from_outside = {
    "w2_a_waker_spent_here_meets_one_from_outside",
    begin_spend,
    {run_and_close, say_and_wake},
    end_two,
};

static void drop_the_waker(void)
{
    explore_await(&actor->handed, "waits for a waker");
    (void) atomic_fetch_add(&actor->said, 1);
    rouse_waker_drop(&actor->waker);
}

/* It polls itself until the other has said it, with wakers of its own. */
static enum rouse_poll spend_until_said(struct actor *self, struct rouse_context *cx)
{
    actor_hand_over(self, cx, 1);
    if (atomic_load_relaxed(&self->said) >= 1)
        return rouse_ready(&self->future, 0);
    rouse_waker_keep(&self->second, cx->waker);
    rouse_wake(&self->second);
    rouse__thread_yield();
    return ROUSE_PENDING;
}

static void begin_spend_until(void)
{
    begin(spend_until_said);
}

const struct explore_program w4_the_last_other_reference_goes_while_one_is_spent_here = {
    "w4_the_last_other_reference_goes_while_one_is_spent_here",
    begin_spend_until,
    {run_and_close, drop_the_waker},
    end,
};

/* ---- a yield, which wakes without a reference */

static enum rouse_poll yield_once(struct actor *self, struct rouse_context *cx)
{
    actor_hand_over(self, cx, 1);
    cx->yield = self->account->polls == 1;
    if (atomic_load_relaxed(&self->said) < 1)
        return ROUSE_PENDING;
    return rouse_ready(&self->future, 0);
}

static void begin_yield(void)
{
    begin(yield_once);
}

const struct explore_program w2_a_yield_meets_a_wake = {
    "w2_a_yield_meets_a_wake",
    begin_yield,
    {run_and_close, say_and_wake},
    end_two,
};

/* ---- wakes of a task that ends meanwhile */

static enum rouse_poll finish(struct actor *self, struct rouse_context *cx)
{
    actor_hand_over(self, cx, 2);
    return rouse_ready(&self->future, 7);
}

static void begin_finish(void)
{
    begin(finish);
}

static void wake_late(void)
{
    explore_await(&actor->handed, "waits for a waker");
    rouse_wake(&actor->waker);
}

static void clone_late(void)
{
    struct rouse_waker clone = {NULL, NULL};

    explore_await(&actor->handed, "waits for a waker");
    rouse_waker_keep(&clone, &actor->second);
    rouse_wake_by_ref(&clone);
    rouse_waker_drop(&actor->second);
    rouse_wake(&clone);
}

static void end_finish(void)
{
    explore_check(account->polls == 1, "T3: polled after its end");
    end();
}

const struct explore_program w3_wakes_of_a_task_that_ends_do_nothing = {
    "w3_wakes_of_a_task_that_ends_do_nothing",
    begin_finish,
    {run_and_close, wake_late, clone_late},
    end_finish,
};

/* ---- references given back on three threads */

static void drop_late(void)
{
    explore_await(&actor->handed, "waits for a waker");
    rouse_waker_drop(&actor->waker);
}

static void clone_and_drop(void)
{
    struct rouse_waker clone = {NULL, NULL};

    explore_await(&actor->handed, "waits for a waker");
    rouse_waker_keep(&clone, &actor->second);
    rouse_waker_drop(&actor->second);
    rouse_waker_drop(&clone);
}

const struct explore_program w4_the_last_of_three_threads_releases_the_task = {
    "w4_the_last_of_three_threads_releases_the_task",
    begin_finish,
    {run_and_close, drop_late, clone_and_drop},
    end_finish,
};
