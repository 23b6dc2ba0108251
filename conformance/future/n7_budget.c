/*
 * n7_budget.c -- N7 below the sockets: what a poll may spend, and what comes then.
 */
#include <rouse/rouse.h>

#include "../task/puppet.h"

enum { CAP = 1000000 }; /* steps; a budget that is larger is none */

/* Spends all there is in each poll. */
struct spender {
    struct puppet puppet;
    int polls;         /* that it wants */
    int least, most;   /* steps of one poll */
    int without_yield; /* polls that spent all and were not asked to yield */
};

static enum rouse_poll spend_all(struct puppet *self, struct rouse_context *cx)
{
    struct spender *spender = self->with;
    int steps = 0;

    while (steps < CAP && rouse_budget_spend(cx)) {
        spender->without_yield += cx->yield;
        steps++;
    }
    spender->without_yield += !cx->yield;
    if (self->polls == 1 || steps < spender->least)
        spender->least = steps;
    if (steps > spender->most)
        spender->most = steps;
    return self->polls == (uintptr_t) spender->polls ? puppet_finish(self, cx) : ROUSE_PENDING;
}

static void spender_make(struct spender *spender, int polls)
{
    *spender = (struct spender){.polls = polls};
    puppet_make(&spender->puppet, spend_all);
    spender->puppet.with = spender;
}

CASE(n7_a_poll_has_a_budget_and_the_next_one_a_new_one, "N7 T6", NEEDS_NOTHING,
     "two tasks spend all of their budget in each of their twenty polls",
     "each poll has the same number of steps, is followed by another, and they take turns")
{
    struct stage stage;
    struct spender spenders[2];

    stage_open(&stage, world);
    for (int i = 0; i < 2; i++) {
        spender_make(&spenders[i], 20);
        puppet_spawn(&stage.executor, &spenders[i].puppet);
    }
    for (uintptr_t turn = 0; turn < 40; turn++) {
        rouse_executor_run(&stage.executor, 1);
        CHECK_EQUAL(T6, spenders[0].puppet.polls, turn / 2 + 1, "polls of the first");
        CHECK_EQUAL(T6, spenders[1].puppet.polls, (turn + 1) / 2, "polls of the second");
    }
    for (int i = 0; i < 2; i++) {
        CHECK(N7, spenders[i].puppet.over, "it was not polled again when its budget was spent");
        CHECK(N7, spenders[i].most < CAP, "a poll went on for %d steps", spenders[i].most);
        CHECK(N7, spenders[i].least > 0, "a poll had no budget");
        CHECK_EQUAL(N7, spenders[i].least, spenders[i].most, "the steps of the shortest poll");
        CHECK_EQUAL(N7, spenders[i].without_yield, 0, "yields at the wrong time");
    }
    stage_close(&stage);
}

/* A future that is READY at once, for one step. */
static enum rouse_poll take_a_step(struct puppet *self, struct rouse_context *cx)
{
    return rouse_budget_spend(cx) ? puppet_finish(self, cx) : ROUSE_PENDING;
}

/* Awaits them for ever, two bodies deep. */
struct glutton {
    struct rouse_async async;
    struct rouse_task task;
    struct glutton *inner;
    struct puppet step;
    int steps, wanted;
};

ROUSE_ASYNC(glutton, struct glutton)
{
    ROUSE_BEGIN
    if (self->inner != NULL)
        ROUSE_AWAIT_ON(glutton_start(self->inner));
    while (self->inner == NULL && self->steps < self->wanted) {
        puppet_make(&self->step, take_a_step);
        ROUSE_AWAIT_ON(&self->step.future);
        self->steps++;
    }
    ROUSE_FINALLY
    ROUSE_END
}

CASE(n7_a_body_yields_when_what_it_awaits_has_spent_the_budget, "N7", NEEDS_NOTHING,
     "a body in a body awaits futures that are READY at once, each for one step, beside another "
     "task",
     "the steps of one turn are as many as a poll may spend; the other has its turns in between")
{
    struct stage stage;
    struct spender spender;
    struct glutton inner = {.wanted = 5000};
    struct glutton outer = {.inner = &inner};
    int turns = 0;

    stage_open(&stage, world);
    spender_make(&spender, CAP);
    puppet_spawn(&stage.executor, &spender.puppet);
    rouse_spawn_held(&stage.executor, &outer.task, glutton_start(&outer), NULL);
    while (!rouse_task_ended(&outer.task) && turns < 10000) {
        const int before = inner.steps;

        turns += (int) rouse_executor_run(&stage.executor, 1);
        CHECK(N7, inner.steps - before <= spender.most, "%d steps in one turn, not %d",
              inner.steps - before, spender.most);
    }
    CHECK_EQUAL(N7, inner.steps, inner.wanted, "steps");
    CHECK(N7, spender.puppet.polls >= 2, "the other task had %d turns", (int) spender.puppet.polls);
    rouse_task_unhold(&outer.task);
    stage_close(&stage);
}

CASE(n7_without_a_budget_there_is_no_end, "N7", NEEDS_NOTHING,
     "a context has no budget, one unit, and none left; and a plain thread waits",
     "steps go on without limit, once, and not at all; only the last is asked to yield")
{
    unsigned budget = 1;
    struct rouse_context cx = {&rouse_waker_none, NULL, false};
    struct glutton glutton = {.wanted = CAP / 10};
    bool all = true;

    for (int n = 0; n < 100000; n++)
        all = all && rouse_budget_spend(&cx);
    CHECK(N7, all && !cx.yield, "a context without a budget came to an end");
    cx.budget = &budget;
    CHECK(N7, rouse_budget_spend(&cx) && !cx.yield && budget == 0, "one unit was no step");
    CHECK(N7, !rouse_budget_spend(&cx) && cx.yield && budget == 0, "nothing left, and a step");
    CHECK_EQUAL(N7, rouse_wait(glutton_start(&glutton), NULL), 0, "the result of a wait");
    CHECK_EQUAL(N7, glutton.steps, glutton.wanted, "steps");
}

/* Awaits what is over already, for ever. */
struct latecomer {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse *rt;
    struct rouse_sleep sleep, child;
    struct rouse_interval interval;
    struct rouse_tick tick;
    struct rouse_deadline limit;
    int kind, steps, wanted;
};

ROUSE_ASYNC(latecomer, struct latecomer)
{
    struct rouse_reactor *reactor = &self->rt->reactor;

    ROUSE_BEGIN
    for (; self->steps < self->wanted; self->steps++) {
        if (self->kind == 0) {
            ROUSE_AWAIT(self->sleep, rouse_sleep(reactor, 0));
        } else if (self->kind == 1) {
            self->interval = rouse_interval(reactor, 1);
            self->interval.next = 0;
            ROUSE_AWAIT(self->tick, rouse_tick(&self->interval));
        } else {
            self->child = rouse_sleep_until(reactor, ROUSE_NEVER);
            ROUSE_AWAIT(self->limit, rouse_deadline(reactor, &self->child.future, -1));
        }
    }
    ROUSE_FINALLY
    ROUSE_END
}

CASE(n7_time_that_is_over_spends_the_budget, "N7", NEEDS_NOTHING,
     "a body awaits sleeps of no time, ticks that are late, and limits that have passed, five "
     "thousand times, beside another task",
     "the steps of one turn are no more than a poll may spend; the other has its turns in between")
{
    for (int kind = 0; kind < 3; kind++) {
        struct latecomer latecomer = {.kind = kind, .wanted = 5000};
        struct spender spender;
        struct rouse rt;
        int turns = 0;

        world_runtime(world, &rt);
        latecomer.rt = &rt;
        spender_make(&spender, CAP);
        puppet_spawn(&rt.executor, &spender.puppet);
        rouse_spawn_held(&rt.executor, &latecomer.task, latecomer_start(&latecomer), NULL);
        rouse_executor_run(&rt.executor, 1);
        while (!rouse_task_ended(&latecomer.task) && turns < 20000) {
            const int before = latecomer.steps;

            turns += (int) rouse_executor_run(&rt.executor, 1);
            CHECK(N7, latecomer.steps - before <= spender.most, "%d steps in one turn, not %d",
                  latecomer.steps - before, spender.most);
        }
        CHECK_EQUAL(N7, latecomer.steps, latecomer.wanted, "steps");
        rouse_task_unhold(&latecomer.task);
        rouse_close(&rt);
    }
}

CASES(future_n7) = {&n7_a_poll_has_a_budget_and_the_next_one_a_new_one,
                    &n7_a_body_yields_when_what_it_awaits_has_spent_the_budget,
                    &n7_without_a_budget_there_is_no_end, &n7_time_that_is_over_spends_the_budget};
