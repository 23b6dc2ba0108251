/*
 * b2_turned_by_another.c -- B2: rouse_turn() and rouse_next_deadline(), for a loop that is
 * not ours. A turn without time does not block, and the next deadline is never later than
 * what there is to do.
 */
#include "../runner.h"
#include "../world.h"

/* -- Turns ------------------------------------------------------------------- */

static void too_late(void *argument)
{
    (void) argument;
    suite_fail_and_exit(GUARANTEE_B2, "a turn without time blocks", __FILE__, __LINE__);
}

CASE(b2_a_turn_without_time_does_not_block, "B2", NEEDS_NOTHING,
     "turns until 0, now, and long ago: with nothing to do, a sleep, and a read that waits",
     "each returns at once, and no simulated time passes")
{
    static const rouse_time past[] = {0, -1, INT64_MIN, INT64_MIN + 1};
    struct watchdog *watchdog = watchdog_start(WORLD_SOON, too_late, NULL);
    struct rouse_task tasks[2];
    struct rouse_sleep sleep;
    struct rouse_read read;
    struct rouse_tcp tcp;
    struct rouse rt;
    rouse_fd ends[2];
    char byte;

    world_pair(world, ends);
    world_runtime(world, &rt);
    rouse_stream_open(&tcp, &rt.reactor, world_give(world, ends[0]));
    sleep = rouse_sleep(&rt.reactor, ROUSE_SECONDS(3600));
    read = rouse_read(&tcp, &byte, 1);
    for (int step = 0; step < 3; step++) {
        rouse_time before;

        if (step == 1)
            rouse_spawn(&rt.executor, &tasks[0], &sleep.future, NULL);
        if (step == 2)
            rouse_spawn(&rt.executor, &tasks[1], &read.future, NULL);
        CHECK(B2, rouse_turn(&rt, 0) >= (step > 0), "a turn without time does not poll");
        before = world_now(world);
        for (int i = 0; i < 4; i++)
            CHECK(B2, rouse_turn(&rt, past[i]) >= 0, "a turn until %lld fails",
                  (long long) past[i]);
        CHECK(B2, rouse_turn(&rt, world_now(world)) >= 0, "a turn until now fails");
        CHECK(B2, !world->simulated || world_now(world) == before, "time has passed: %lld ns",
              (long long) (world_now(world) - before));
    }
    watchdog_stop(watchdog);
    rouse_cancel(&tasks[1]);
    rouse_turn(&rt, 0);
    rouse_tcp_close(&tcp);
    rouse_close(&rt);
}

static enum rouse_poll yield_on(struct rouse_future *self, struct rouse_context *cx)
{
    (void) self;
    cx->yield = true;
    return ROUSE_PENDING;
}

CASE(b2_a_turn_does_not_block_while_a_task_is_ready, "B2", NEEDS_NOTHING,
     "turns until now, in an hour, and never, beside a task that always yields",
     "each polls and returns at once, and no simulated time passes")
{
    static const struct rouse_future_ops ops = {yield_on, NULL, "yields"};
    struct watchdog *watchdog = watchdog_start(WORLD_SOON, too_late, NULL);
    struct rouse_future future = {&ops, 0};
    struct rouse_task task;
    struct rouse rt;
    rouse_time start;

    world_runtime(world, &rt);
    start = world_now(world);
    rouse_spawn(&rt.executor, &task, &future, NULL);
    for (int i = 0; i < 30; i++) {
        const rouse_time deadlines[] = {start, world_after(world, 3600000), ROUSE_NEVER};

        CHECK(B2, rouse_turn(&rt, deadlines[i % 3]) > 0, "a turn does not poll");
    }
    CHECK(B2, !world->simulated || world_now(world) == start, "time has passed");
    watchdog_stop(watchdog);
    rouse_close(&rt);
}

struct countdown {
    struct rouse_future future;
    struct rouse_task task;
    int left;
};

static enum rouse_poll count_down(struct rouse_future *self, struct rouse_context *cx)
{
    if (--rouse_container_of(self, struct countdown, future)->left == 0)
        return rouse_ready(self, 0);
    cx->yield = true;
    return ROUSE_PENDING;
}

static int polled; /* by the runtime that is inspected */

static void count_poll(struct rouse_inspector *self, struct rouse_task *task, enum rouse_poll poll)
{
    (void) self;
    (void) task;
    (void) poll;
    polled++;
}

CASE(b2_a_turn_runs_what_is_ready_and_counts_it, "B2", NEEDS_NOTHING,
     "ten tasks are polled 1, 2, ... 10 times, and one waits for a byte, which comes",
     "each turn returns how many polls it made, and the byte's task is run in the turn it came")
{
    static const struct rouse_future_ops ops = {count_down, NULL, "countdown"};
    struct rouse_inspector inspector = {.size = sizeof inspector, .polled = count_poll};
    struct countdown tasks[10];
    struct rouse_task reader;
    struct rouse_read read;
    struct rouse_tcp tcp;
    struct rouse rt;
    rouse_fd ends[2];
    rouse_time late;
    char byte;

    polled = 0;
    world_pair(world, ends);
    world_runtime(world, &rt);
    rt.executor.inspector = &inspector;
    for (int i = 0; i < 10; i++) {
        tasks[i].future = (struct rouse_future){&ops, 0};
        tasks[i].left = i + 1;
        rouse_spawn(&rt.executor, &tasks[i].task, &tasks[i].future, NULL);
    }
    for (int i = 0, polls = 0; i < 100; i++) {
        polls += (int) rouse_turn(&rt, 0);
        CHECK_EQUAL(B2, polls, polled, "the polls of some turns, as they say");
    }
    CHECK_EQUAL(B2, polled, 55, "the polls of tasks that yield");
    rouse_stream_open(&tcp, &rt.reactor, world_give(world, ends[0]));
    read = rouse_read(&tcp, &byte, 1);
    rouse_spawn_held(&rt.executor, &reader, &read.future, NULL);
    rouse_turn(&rt, 0);
    world_send(world, ends[1], 1);
    late = world_after(world, WORLD_SOON);
    while (!rouse_task_ended(&reader) && world_now(world) < late) {
        const int before = polled;
        const intptr_t polls = rouse_turn(&rt, late);

        CHECK_EQUAL(B2, polls, polled - before, "the polls of a turn, as it says");
        CHECK(B2, rouse_executor_idle(&rt.executor), "a turn leaves what it has made ready");
    }
    CHECK(B2, rouse_task_ended(&reader), "the byte's task was not run");
    rouse_cancel(&reader);
    rouse_turn(&rt, 0);
    rouse_task_unhold(&reader);
    rouse_tcp_close(&tcp);
    rouse_close(&rt);
}

/* -- Deadlines --------------------------------------------------------------- */

struct distant {
    struct rouse *rt;
    struct rouse_task *task;
    struct rouse_future *future; /* spawned if not NULL, or else: */
    struct rouse_waker waker;    /* woken */
};

static void act_from_afar(void *argument)
{
    struct distant *distant = argument;

    if (distant->future != NULL)
        rouse_spawn_held(&distant->rt->executor, distant->task, distant->future, NULL);
    else
        rouse_wake(&distant->waker);
}

CASE(b2_the_next_deadline_is_that_of_the_first_timer, "B2", NEEDS_NOTHING,
     "sleeps begin and are dropped, out of order; tasks are spawned and woken, here and elsewhere",
     "the next deadline is the earliest one, never without any, and 0 while a task is ready")
{
    static const int order[] = {50, 20, 90, 10, 70, 5};
    struct rouse_sleep sleeps[6];
    struct rouse_task task, remote;
    struct rouse_sleep nap;
    struct distant distant;
    struct rouse rt;
    rouse_time start;

    world_runtime(world, &rt);
    CHECK_EQUAL(B2, rouse_next_deadline(&rt), ROUSE_NEVER, "the deadline of nothing");
    start = world_now(world) + ROUSE_SECONDS(3600);
    for (int i = 0; i < 6; i++) {
        rouse_time first = ROUSE_NEVER;

        sleeps[i] = rouse_sleep_until(&rt.reactor, start + ROUSE_MS(order[i]));
        world_poll(&sleeps[i].future, NULL);
        for (int n = 0; n <= i; n++)
            if (start + ROUSE_MS(order[n]) < first)
                first = start + ROUSE_MS(order[n]);
        CHECK_EQUAL(B2, rouse_next_deadline(&rt), first, "the earliest of some deadlines");
    }
    rouse_future_drop(&sleeps[5].future); /* 5 ms */
    CHECK_EQUAL(B2, rouse_next_deadline(&rt), start + ROUSE_MS(10), "it, after the first is gone");
    rouse_future_drop(&sleeps[2].future); /* 90 ms */
    CHECK_EQUAL(B2, rouse_next_deadline(&rt), start + ROUSE_MS(10), "it, after the last is gone");

    nap = rouse_sleep_until(&rt.reactor, start - ROUSE_MS(1));
    rouse_spawn_held(&rt.executor, &task, &nap.future, NULL);
    CHECK_EQUAL(B2, rouse_next_deadline(&rt), 0, "the deadline with a task that is ready");
    rouse_turn(&rt, 0);
    CHECK_EQUAL(B2, rouse_next_deadline(&rt), start - ROUSE_MS(1), "the deadline of a task");
    distant = (struct distant){.rt = &rt};
    rouse_waker_keep(&distant.waker, &nap.timer.waker);
    thread_join(thread_start(act_from_afar, &distant));
    CHECK_EQUAL(B2, rouse_next_deadline(&rt), 0, "the deadline with a task woken elsewhere");
    rouse_turn(&rt, 0);
    distant = (struct distant){.rt = &rt, .task = &remote, .future = &sleeps[0].future};
    thread_join(thread_start(act_from_afar, &distant));
    CHECK_EQUAL(B2, rouse_next_deadline(&rt), 0, "the deadline with a task spawned elsewhere");
    rouse_cancel(&task);
    rouse_turn(&rt, 0);
    CHECK_EQUAL(B2, rouse_next_deadline(&rt), start + ROUSE_MS(10), "it, after a task is gone");
    rouse_cancel(&remote);
    rouse_turn(&rt, 0);
    for (int i = 0; i < 5; i++)
        rouse_future_drop(&sleeps[i].future);
    CHECK_EQUAL(B2, rouse_next_deadline(&rt), ROUSE_NEVER, "the deadline after all are gone");
    rouse_task_unhold(&task);
    rouse_task_unhold(&remote);
    rouse_close(&rt);
}

static rouse_fd seventy_seven(struct rouse_evq *evq)
{
    (void) evq;
    return 77;
}

CASE(
    b2_a_table_from_before_has_no_descriptor, "B2", NEEDS_NOTHING,
    "a queue whose table ends before pollable(), as one would that was compiled long ago; one that "
    "ends behind it, and one that has none",
    "rouse_pollable() tells what the second says, and else no descriptor; what lies behind the "
    "first table is not called")
{
    const struct rouse_evq_ops *today = world->evq->ops;
    struct rouse_evq_ops table = *today;
    struct rouse rt;

    world_runtime(world, &rt);
    world->evq->ops = &table;
    table.pollable = seventy_seven;
    CHECK_EQUAL(B2, rouse_pollable(&rt), 77, "the descriptor of a table of today");
    table.size = offsetof(struct rouse_evq_ops, pollable);
    CHECK_EQUAL(B2, rouse_pollable(&rt), ROUSE_NO_FD, "that of one from before");
    table.size = sizeof table;
    table.pollable = NULL;
    CHECK_EQUAL(B2, rouse_pollable(&rt), ROUSE_NO_FD, "that of one that has none");
    world->evq->ops = today;
    rouse_close(&rt);
}

CASES(guest_b2) = {
    &b2_a_turn_without_time_does_not_block, &b2_a_turn_does_not_block_while_a_task_is_ready,
    &b2_a_turn_runs_what_is_ready_and_counts_it, &b2_the_next_deadline_is_that_of_the_first_timer,
    &b2_a_table_from_before_has_no_descriptor};
