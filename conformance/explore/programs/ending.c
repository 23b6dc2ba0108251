/*
 * ending.c -- T5 and T9: tasks that are canceled, joined and let go of by other threads.
 */
#include <errno.h>

#include "stage.h"

static struct actor *actor;
static struct account *account;
static intptr_t *seen; /* by whoever joined */

static enum rouse_poll yield_and_finish(struct actor *self, struct rouse_context *cx)
{
    cx->yield = self->account->polls == 1;
    return cx->yield ? ROUSE_PENDING : rouse_ready(&self->future, 7);
}

static enum rouse_poll wait_for_ever(struct actor *self, struct rouse_context *cx)
{
    (void) self;
    (void) cx;
    return ROUSE_PENDING; /* breaks F3, so that only a cancel can end it */
}

static void begin(actor_act *act, unsigned holds)
{
    stage_open(&rouse__poll);
    seen = (intptr_t *) explore_memory(2 * sizeof *seen, "results");
    actor = actor_make(act);
    account = actor->account;
    actor_spawn(actor);
    while (holds-- > 0)
        rouse_task_hold(&actor->task);
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

/* ---- canceled at any moment */

static void begin_cancel(void)
{
    begin(yield_and_finish, 1);
}

static void cancel(void)
{
    rouse_cancel(&actor->task);
    rouse_task_unhold(&actor->task);
}

const struct explore_program t9_a_cancel_meets_a_poll = {
    "t9_a_cancel_meets_a_poll",
    begin_cancel,
    {run_and_close, cancel},
    end,
};

static void begin_only_cancel(void)
{
    begin(wait_for_ever, 1);
}

static void end_only_cancel(void)
{
    explore_check(account->drops == 1 && account->polls <= 1, "T9: dropped at its next turn");
    end();
}

const struct explore_program t9_a_cancel_wakes_a_sleeping_executor = {
    "t9_a_cancel_wakes_a_sleeping_executor",
    begin_only_cancel,
    {run_and_close, cancel},
    end_only_cancel,
};

/* ---- what comes before a cancel */

/* A future that reads, when it is dropped, what the canceling thread wrote. */
static void read_the_letter(struct rouse_future *self)
{
    struct actor *its = rouse_container_of(self, struct actor, future);

    explore_check(its->letter == 1, "T9: what came before the cancel is not seen");
    its->account->over = true;
    its->account->drops++;
}

static enum rouse_poll go_on_for_ever(struct rouse_future *self, struct rouse_context *cx)
{
    struct actor *its = rouse_container_of(self, struct actor, future);

    cx->yield = its->account->polls++ == 0; /* so that a cancel may find it queued */
    return ROUSE_PENDING;
}

static const struct rouse_future_ops reads = {go_on_for_ever, read_the_letter, "reads"};

static void begin_letter(void)
{
    begin(wait_for_ever, 1);
    actor->future.ops = &reads;
}

static void write_and_cancel(void)
{
    actor->letter = 1;
    rouse_cancel(&actor->task);
    rouse_task_unhold(&actor->task);
}

const struct explore_program t9_a_drop_sees_what_came_before_the_cancel = {
    "t9_a_drop_sees_what_came_before_the_cancel",
    begin_letter,
    {run_and_close, write_and_cancel},
    end,
};

/* ---- looked at, without a join */

static void look_and_let_go(void)
{
    while (!rouse_task_ended(&actor->task)) {
        rouse__thread_yield();
    }
    explore_check(actor->task.result == 7, "T9: ended, but the result is not seen");
    rouse_task_unhold(&actor->task);
}

static void begin_look(void)
{
    begin(yield_and_finish, 1);
}

const struct explore_program t9_whoever_sees_the_end_sees_the_result = {
    "t9_whoever_sees_the_end_sees_the_result",
    begin_look,
    {run_and_close, look_and_let_go},
    end,
};

/* ---- joined by a plain thread, which sleeps */

static void join_and_let_go(void)
{
    struct rouse_join join = rouse_join(&actor->task);

    seen[0] = rouse_wait(&join.future, &explore_alloc);
    explore_check(rouse_task_ended(&actor->task), "T9: joined before its end");
    explore_check(seen[0] == actor->task.result, "T9: another result than the task's");
    rouse_task_unhold(&actor->task);
}

static void end_join(void)
{
    explore_check(seen[0] == (account->drops > 0 ? -ECANCELED : 7), "T9: not the task's own end");
    end();
}

static void begin_join(void)
{
    begin(yield_and_finish, 1);
}

const struct explore_program t9_a_join_on_another_thread_sees_the_end = {
    "t9_a_join_on_another_thread_sees_the_end",
    begin_join,
    {run_and_close, join_and_let_go},
    end_join,
};

static void begin_both(void)
{
    begin(yield_and_finish, 2);
}

const struct explore_program t9_a_cancel_a_poll_and_a_join_meet = {
    "t9_a_cancel_a_poll_and_a_join_meet",
    begin_both,
    {run_and_close, join_and_let_go, cancel},
    end_join,
};

/* ---- a join that is polled with other wakers, and then dropped */

/* A waker that counts. Its words are its own. */
struct tally {
    uintptr_t references, wakes; /* atomic */
};

static struct tally *first, *second;

static void tally_retain(void *data)
{
    (void) atomic_fetch_add(&((struct tally *) data)->references, 1);
}

static void tally_wake_by_ref(void *data)
{
    (void) atomic_fetch_add(&((struct tally *) data)->wakes, 1);
}

static void tally_release(void *data)
{
    (void) atomic_fetch_sub(&((struct tally *) data)->references, 1);
}

static void tally_wake(void *data)
{
    tally_wake_by_ref(data);
    tally_release(data);
}

static const struct rouse_waker_ops tally_ops = {tally_retain, tally_wake, tally_wake_by_ref,
                                                 tally_release};

static void begin_change(void)
{
    begin_join();
    first = (struct tally *) explore_memory(sizeof *first, "a tally");
    second = (struct tally *) explore_memory(sizeof *second, "a tally");
}

static enum rouse_poll poll_with(struct rouse_join *join, struct tally *tally)
{
    const struct rouse_waker waker = {&tally_ops, tally};
    struct rouse_context cx = {&waker, NULL, false};

    return rouse_future_poll(&join->future, &cx);
}

static void join_with_another_waker(void)
{
    struct rouse_join join = rouse_join(&actor->task);

    if (poll_with(&join, first) == ROUSE_PENDING && poll_with(&join, second) == ROUSE_PENDING) {
        explore_await(&second->wakes, "waits for the last waker's wake (F4)");
        explore_check(poll_with(&join, second) == ROUSE_READY, "T9: woken before the end");
    }
    seen[0] = join.future.result;
    rouse_task_unhold(&actor->task);
}

static void end_change(void)
{
    explore_check(first->references == 0 && second->references == 0,
                  "F5: a join keeps a waker, or gave one back twice");
    end_join();
}

const struct explore_program t9_a_join_is_polled_with_another_waker = {
    "t9_a_join_is_polled_with_another_waker",
    begin_change,
    {run_and_close, join_with_another_waker},
    end_change,
};

static void join_and_drop(void)
{
    struct rouse_join join = rouse_join(&actor->task);

    (void) poll_with(&join, first);
    rouse_future_drop(&join.future);
    /* Unless the end has come, and is just about to wake it. */
    explore_check(rouse_task_ended(&actor->task) || atomic_load_acquire(&first->references) == 0,
                  "F6: a dropped join keeps its waker until the end");
    rouse_task_unhold(&actor->task);
}

static void end_drop(void)
{
    explore_check(first->references == 0, "F6: a dropped join keeps a waker for ever");
    end();
}

const struct explore_program t9_a_join_is_dropped_while_its_task_ends = {
    "t9_a_join_is_dropped_while_its_task_ends",
    begin_change,
    {run_and_close, join_and_drop},
    end_drop,
};
