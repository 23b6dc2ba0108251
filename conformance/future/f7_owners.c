/*
 * f7_owners.c -- whoever owns a future polls it to READY or drops it, once; and FINALLY runs
 * once, whichever way a body ends.
 */
#include <errno.h>
#include <rouse/rouse.h>
#include <string.h>

#include "../task/puppet.h"

/* The ways out of a body, besides being dropped. */
enum way { BOTTOM, RETURN_AT_ONCE, BREAK_AT_ONCE, RETURN_LATER, BREAK_LATER, RETURN_IN_LOOP, WAYS };

/* Awaits, yields, and awaits three times in a loop, unless it leaves before. */
struct walker {
    struct rouse_async async;
    struct rouse_task task;
    enum way way;
    struct puppet first, second[3];
    int i;
    int began, finallies;
    int alive; /* children that FINALLY found begun and not over */
    int left;  /* what the caller left in a field */
};

static enum rouse_poll finish_the_second_time(struct puppet *self, struct rouse_context *cx)
{
    if (self->polls == 2)
        return puppet_finish(self, cx);
    cx->yield = true;
    return puppet_wait(self, cx);
}

static int count_alive(const struct walker *walker)
{
    int alive = walker->first.polls != 0 && !walker->first.over;

    for (int i = 0; i < 3; i++)
        alive += walker->second[i].polls != 0 && !walker->second[i].over;
    return alive;
}

ROUSE_ASYNC(walker, struct walker)
{
    ROUSE_BEGIN
    self->began++;
    if (self->way == RETURN_AT_ONCE)
        ROUSE_RETURN(3);
    if (self->way == BREAK_AT_ONCE)
        break;
    ROUSE_AWAIT_ON(&self->first.future);
    if (self->way == RETURN_LATER)
        ROUSE_RETURN(self->first.future.result);
    if (self->way == BREAK_LATER)
        break;
    ROUSE_YIELD;
    for (self->i = 0; self->i < 3; self->i++) {
        ROUSE_AWAIT_ON(&self->second[self->i].future);
        if (self->way == RETURN_IN_LOOP && self->i == 1)
            ROUSE_RETURN(-EPROTO);
    }
    ROUSE_FINALLY
    self->finallies++;
    self->alive += count_alive(self);
    ROUSE_END
}

static const intptr_t results[WAYS] = {0, 3, 0, 8, 0, -EPROTO};

static void walker_make(struct walker *walker, enum way way)
{
    memset(walker, 0, sizeof *walker);
    walker->way = way;
    walker->left = 17;
    puppet_make(&walker->first, finish_the_second_time);
    walker->first.value = 8;
    for (int i = 0; i < 3; i++)
        puppet_make(&walker->second[i], finish_the_second_time);
    walker_start(walker);
}

/* A child was polled to READY, or dropped, or never begun. */
static void check_child(const struct puppet *child, const char *which)
{
    CHECK(F7, child->faults == 0, "%s: faults %#x", which, (unsigned) child->faults);
    CHECK(F7, child->polls == 0 || child->over, "%s was polled, and neither READY nor dropped",
          which);
    CHECK(F7, child->drops == (child->over && child->polls < 2), "%s: %d polls, %d drops", which,
          (int) child->polls, (int) child->drops);
}

static void walker_check(const struct walker *walker, int polls, const char *how)
{
    CHECK(F7, walker->finallies == 1, "way %d, %s after %d polls: FINALLY ran %d times",
          (int) walker->way, how, polls, walker->finallies);
    CHECK(F7, walker->alive == 0, "way %d, %s after %d polls: FINALLY ran before the child's drop",
          (int) walker->way, how, polls);
    CHECK(F7, walker->began == (polls > 0), "way %d, %s after %d polls: began %d times",
          (int) walker->way, how, polls, walker->began);
    CHECK(F7, walker->left == 17, "a field has changed");
    check_child(&walker->first, "the first child");
    for (int i = 0; i < 3; i++)
        check_child(&walker->second[i], "a later child");
}

enum { POLLS = 12 }; /* more than any way takes */

CASE(
    f7_finally_runs_once_whichever_way_a_body_ends, "F7", NEEDS_NOTHING,
    "a body ends at its bottom, by ROUSE_RETURN, by a stray break, at once or later, or is dropped "
    "after any number of polls, before the first too",
    "FINALLY runs once, after the child was dropped; the result is that of the way")
{
    for (enum way way = BOTTOM; way < WAYS; way++) {
        for (int most = 0; most <= POLLS; most++) {
            struct walker walker;
            enum rouse_poll poll = ROUSE_PENDING;
            int polls = 0;

            walker_make(&walker, way);
            while (polls < most && poll == ROUSE_PENDING) {
                poll = world_poll(&walker.async.future, NULL);
                polls++;
            }
            CHECK(F7, walker.finallies == (poll == ROUSE_READY), "way %d: FINALLY ran %d times",
                  (int) way, walker.finallies);
            if (poll == ROUSE_READY)
                CHECK_EQUAL(F7, walker.async.future.result, results[way], "the result");
            else
                CHECK(F7, most < POLLS, "way %d does not end", (int) way);
            rouse_future_drop(&walker.async.future);
            rouse_future_drop(&walker.async.future);
            walker_check(&walker, polls, "dropped");
        }
    }
}

CASE(f7_finally_runs_once_in_a_task_that_is_canceled_or_closed, "F7", NEEDS_NOTHING,
     "the same bodies run as tasks, and are canceled, or their executor closed, after any number "
     "of turns",
     "FINALLY runs once, after the child was dropped")
{
    for (enum way way = BOTTOM; way < WAYS; way++) {
        for (int most = 0; most <= 2 * POLLS + 1; most++) {
            struct stage stage;
            struct walker walker;
            int polls = 0;

            stage_open(&stage, world);
            walker_make(&walker, way);
            rouse_spawn_held(&stage.executor, &walker.task, &walker.async.future, NULL);
            while (polls < most / 2 && !rouse_task_ended(&walker.task))
                polls += (int) rouse_executor_run(&stage.executor, 1);
            if (most % 2 == 0) {
                rouse_cancel(&walker.task);
                stage_run(&stage);
            }
            stage_close(&stage);
            walker_check(&walker, polls, most % 2 == 0 ? "canceled" : "closed");
            rouse_task_unhold(&walker.task);
        }
    }
}

/* Bodies in bodies, which note the order of their FINALLYs. */
struct shell {
    struct rouse_async async;
    struct shell *inner;
    struct puppet *core;
    int *count; /* of FINALLYs so far */
    int at;     /* which of them this one's was */
};

ROUSE_ASYNC(shell, struct shell)
{
    ROUSE_BEGIN
    if (self->inner != NULL)
        ROUSE_AWAIT_ON(shell_start(self->inner));
    else
        ROUSE_AWAIT_ON(&self->core->future);
    ROUSE_FINALLY
    self->at = ++*self->count;
    ROUSE_END
}

CASE(f7_the_innermost_ends_first, "F7", NEEDS_NOTHING,
     "bodies await each other ten deep, and end by their core's end, or by a drop",
     "each FINALLY runs once, the innermost first")
{
    for (int dropped = 0; dropped < 2; dropped++) {
        struct shell shells[10];
        struct puppet core;
        int count = 0;

        puppet_make(&core, puppet_wait);
        for (int i = 0; i < 10; i++)
            shells[i] = (struct shell){
                .inner = i < 9 ? &shells[i + 1] : NULL, .core = &core, .count = &count};
        world_poll(shell_start(&shells[0]), NULL);
        CHECK_EQUAL(F7, core.polls, 1, "polls of the core");
        core.act = puppet_finish;
        if (dropped)
            rouse_future_drop(&shells[0].async.future);
        else
            CHECK_EQUAL(F7, world_poll(&shells[0].async.future, NULL), ROUSE_READY, "the poll");
        CHECK_EQUAL(F7, core.drops, dropped, "drops of the core");
        CHECK_EQUAL(F7, count, 10, "FINALLYs");
        for (int i = 0; i < 10; i++)
            CHECK_EQUAL(F7, shells[i].at, 10 - i, "the place of a FINALLY");
    }
}

/* Awaits a thousand futures in one slot. */
struct looper {
    struct rouse_async async;
    struct puppet child;
    int n, over;
};

ROUSE_ASYNC(looper, struct looper)
{
    ROUSE_BEGIN
    for (self->n = 0; self->n < 1000; self->n++) {
        puppet_make(&self->child, self->n % 3 == 0 ? puppet_finish : finish_the_second_time);
        self->child.value = self->n;
        ROUSE_AWAIT_ON(&self->child.future);
        self->over +=
            self->child.over && self->child.drops == 0 && self->child.future.result == self->n;
    }
    ROUSE_RETURN(self->over);
    ROUSE_FINALLY
    ROUSE_END
}

CASE(f7_what_is_awaited_is_polled_to_ready_and_not_dropped, "F7", NEEDS_NOTHING,
     "a body awaits a thousand futures in the same place, of which some are READY at once",
     "each is READY once, with its result, and none is dropped")
{
    struct stage stage;
    struct looper looper = {.over = 0};
    struct rouse_task task;

    stage_open(&stage, world);
    rouse_spawn(&stage.executor, &task, looper_start(&looper), NULL);
    stage_run(&stage);
    CHECK_EQUAL(F7, looper.async.future.result, 1000, "futures that were READY");
    stage_close(&stage);
}

/* Awaits something, forgets it, and yields, and yields. */
struct forgetful {
    struct rouse_async async;
    struct puppet child;
};

ROUSE_ASYNC(forgetful, struct forgetful)
{
    ROUSE_BEGIN
    puppet_make(&self->child, puppet_finish);
    ROUSE_AWAIT_ON(&self->child.future);
    puppet_make(&self->child, puppet_finish); /* its memory is for somebody else */
    ROUSE_YIELD;
    ROUSE_YIELD;
    ROUSE_FINALLY
    ROUSE_END
}

CASE(f7_what_was_awaited_is_not_owned_any_more, "F7", NEEDS_NOTHING,
     "a body awaits a future to its end, makes another one in its place, yields, and is dropped",
     "the other one is neither polled nor dropped")
{
    for (int polls = 1; polls <= 2; polls++) {
        struct forgetful forgetful;
        struct rouse_future *future = forgetful_start(&forgetful);

        for (int n = 0; n < polls; n++)
            CHECK_EQUAL(F7, world_poll(future, NULL), ROUSE_PENDING, "a yield");
        rouse_future_drop(future);
        CHECK_EQUAL(F7, forgetful.child.polls, 0, "polls of what was not awaited");
        CHECK_EQUAL(F7, forgetful.child.drops, 0, "drops of what was not awaited");
    }
}

/* -- The other owners ------------------------------------------------------------------ */

static enum rouse_poll never(struct puppet *self, struct rouse_context *cx)
{
    (void) self;
    (void) cx;
    return ROUSE_PENDING;
}

/* What a runtime, a plain wait, a deadline do with what they were handed. */
CASE(f7_every_owner_drops_what_is_not_ready, "F7", NEEDS_NOTHING,
     "rouse_run(), rouse_wait() and rouse_deadline() are given futures that finish, and others "
     "that they have to give up",
     "each future is polled to READY and not dropped, or dropped once")
{
    struct rouse rt;
    struct memory memory;
    struct puppet puppet;
    struct rouse_deadline limit;

    world_runtime(world, &rt);
    for (int finishes = 0; finishes < 2; finishes++) {
        puppet_act *const act = finishes ? finish_the_second_time : never;

        puppet_make(&puppet, act);
        if (!finishes)
            memory_fail(&world->memory, 1, false);
        CHECK_EQUAL(F7, RUN(F7, &rt, &puppet.future), finishes ? 0 : -ENOMEM, "a run's result");
        CHECK_EQUAL(F7, puppet.drops, !finishes, "drops by a run");
        memory_fail(&world->memory, 0, false);

        memory_init(&memory);
        memory_fail(&memory, !finishes, false);
        puppet_make(&puppet, act);
        CHECK_EQUAL(F7, rouse_wait(&puppet.future, &memory.alloc), finishes ? 0 : -ENOMEM,
                    "a wait's result");
        CHECK_EQUAL(F7, puppet.drops, !finishes, "drops by a wait");

        puppet_make(&puppet, act);
        limit = rouse_deadline(&rt.reactor, &puppet.future,
                               finishes ? ROUSE_NEVER : world_after(world, 1));
        CHECK_EQUAL(F7, RUN(F7, &rt, &limit.future), finishes ? 0 : -ETIMEDOUT,
                    "a deadline's result");
        CHECK_EQUAL(F7, puppet.drops, !finishes, "drops by a deadline");

        puppet_make(&puppet, act);
        limit = rouse_deadline(&rt.reactor, &puppet.future, ROUSE_NEVER);
        if (finishes)
            world_poll(&limit.future, NULL);
        rouse_future_drop(&limit.future);
        CHECK_EQUAL(F7, puppet.drops, 1, "drops by the drop of a deadline");
        CHECK(F7, puppet.faults == 0, "faults %#x", (unsigned) puppet.faults);
    }
    rouse_close(&rt);
}

CASES(future_f7) = {&f7_finally_runs_once_whichever_way_a_body_ends,
                    &f7_finally_runs_once_in_a_task_that_is_canceled_or_closed,
                    &f7_the_innermost_ends_first,
                    &f7_what_is_awaited_is_polled_to_ready_and_not_dropped,
                    &f7_what_was_awaited_is_not_owned_any_more,
                    &f7_every_owner_drops_what_is_not_ready};
