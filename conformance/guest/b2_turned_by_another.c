/*
 * b2_turned_by_another.c -- B2: a runtime inside somebody else's loop. A turn without time
 * does not block, the next deadline is never later than what there is to do, and where there
 * is a descriptor to watch it is readable when a turn would find something.
 *
 * The loop of the cases is the strictest that there can be: it sleeps until the descriptor
 * is readable or the deadline has come, and turns only then. Where a backend has no such
 * descriptor the loop turns every millisecond, and the deadline is all that is checked.
 */
#include <stdlib.h>

#include "../../src/base/atomic.h"
#include "../fault/play.h"
#include "../process.h"
#include "../runner.h"
#include "../world_host.h"

enum { IDLE_MS = 60, A_FEW = 8 };

/* -- The loop of a host ------------------------------------------------------ */

struct host {
    struct world *world;
    struct rouse *rt;
    rouse_fd fd; /* ROUSE_NO_FD where there is none */
    int turns;
};

static struct host host_make(struct world *world, struct rouse *rt)
{
    return (struct host){world, rt, rouse_pollable(rt), 0};
}

static int milliseconds_until(rouse_time next, rouse_time now, int limit)
{
    if (next <= now)
        return 0;
    if (next - now >= ROUSE_MS(limit))
        return limit;
    return (int) ((next - now + ROUSE_MS(1) - 1) / ROUSE_MS(1));
}

/* Sleeps until something asks for a turn, and turns. False if nothing did for `ms`. */
static bool host_step(struct host *host, int ms)
{
    const rouse_time next = rouse_next_deadline(host->rt);
    const rouse_time now = rouse_now(&host->rt->reactor);

    if (host->fd == ROUSE_NO_FD) {
        rouse_turn(host->rt, next < now + ROUSE_MS(1) ? next : now + ROUSE_MS(1));
        return true;
    }
    if (host_ready(host->fd, ROUSE_READABLE, milliseconds_until(next, now, ms)) == 0
        && rouse_now(&host->rt->reactor) < next)
        return false;
    host->turns++;
    rouse_turn(host->rt, 0);
    return true;
}

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
    }
    CHECK(B2, rouse_task_ended(&reader), "the byte's task was not run");
    CHECK(B2, rouse_executor_idle(&rt.executor), "a turn leaves what it made ready");
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

/* -- In the host's loop ------------------------------------------------------ */

static intptr_t drive_by_host(struct play *play, struct rouse_future *future)
{
    struct host host = host_make(play->world, &play->rt);
    struct rouse_task *task = play_lend(play, sizeof *task);
    intptr_t result;

    rouse_spawn_held(&play->rt.executor, task, future, NULL);
    while (!rouse_task_ended(task))
        if (!CHECK(B2, host_step(&host, WORLD_SOON),
                   "neither the descriptor nor the deadline asks for a turn, and a task waits"))
            rouse_turn(&play->rt, 0);
    result = task->result;
    rouse_task_unhold(task);
    return result;
}

CASE(b2_programs_run_inside_another_loop, "B2", NEEDS_NOTHING,
     "programs of every kind run in a loop that sleeps on the descriptor, until the deadline",
     "each succeeds, and no turn finds what the loop was not told of")
{
    for (int round = 0; round < 3; round++) {
        struct play play;

        play_open_on(&play, world, world->evq);
        play.drive = drive_by_host;
        for (int i = 0; programs[i] != NULL; i++)
            if (programs[i] != &program_stop) /* it is rouse_run() that is stopped */
                CHECK_EQUAL(B2, programs[i]->run(&play), 0, programs[i]->name);
        play_close(&play);
    }
}

/* A task that another thread wakes, again and again. */
enum { WAKES = 300 };

struct remote {
    struct rouse_future future;
    struct rouse_task task;
    struct rouse_waker waker;
    uintptr_t waiting; /* atomic: polled, since the last wake */
    int polls;
};

static enum rouse_poll remote_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct remote *remote = rouse_container_of(self, struct remote, future);

    rouse_waker_keep(&remote->waker, cx->waker);
    if (++remote->polls > WAKES) {
        rouse_waker_drop(&remote->waker);
        return rouse_ready(self, 0);
    }
    atomic_exchange(&remote->waiting, 1);
    return ROUSE_PENDING;
}

static void wake_remote(void *argument)
{
    struct remote *remote = argument;

    for (int i = 0; i < WAKES; i++) {
        while (atomic_exchange(&remote->waiting, 0) == 0)
            thread_yield();
        rouse_wake_by_ref(&remote->waker);
    }
}

CASE(b2_a_wake_from_another_thread_ends_the_hosts_sleep, "B2", NEEDS_NOTHING,
     "a thread wakes a task 300 times, while the host sleeps on the descriptor or turns",
     "each wake reaches it in time")
{
    static const struct rouse_future_ops ops = {remote_poll, NULL, "remote"};
    const int64_t late = process_clock_ns() + (int64_t) 4 * WORLD_SOON * 1000000;
    struct remote remote = {.future = {&ops, 0}};
    struct thread *thread;
    struct rouse rt;
    struct host host;

    world_runtime(world, &rt);
    host = host_make(world, &rt);
    rouse_spawn_held(&rt.executor, &remote.task, &remote.future, NULL);
    rouse_turn(&rt, 0);
    thread = thread_start(wake_remote, &remote);
    while (!rouse_task_ended(&remote.task) && process_clock_ns() < late)
        CHECK(B2, host_step(&host, WORLD_SOON), "the descriptor does not tell of a wake");
    REQUIRE(B2, rouse_task_ended(&remote.task), "a wake has not reached the host's loop");
    thread_join(thread);
    rouse_task_unhold(&remote.task);
    rouse_close(&rt);
}

CASE(b2_an_idle_runtime_leaves_its_host_alone, "B2 X7", NEEDS_NOTHING,
     "after programs, wakes, and bytes that nobody reads, nothing happens",
     "the host turns a few times, and then sleeps")
{
    struct play play;
    struct host host;
    struct rouse_read read;
    struct rouse_tcp tcp;
    rouse_fd ends[2];
    rouse_time end;
    char byte;

    world_pair(world, ends);
    play_open_on(&play, world, world->evq);
    host = host_make(world, &play.rt);
    if (host.fd == ROUSE_NO_FD)
        suite_note("no descriptor to watch");
    play.drive = drive_by_host;
    CHECK_EQUAL(B2, program_echo.run(&play), 0, "an echo");
    rouse_stream_open(&tcp, &play.rt.reactor, world_give(world, ends[0]));
    read = rouse_read(&tcp, &byte, 1);
    world_poll(&read.future, NULL);
    rouse_future_drop(&read.future);
    world_send(world, ends[1], 100);
    for (int i = 0; i < 50; i++)
        rouse_wake_by_ref(&play.rt.reactor.nudge);
    host.turns = 0;
    end = world_after(world, IDLE_MS);
    while (world_now(world) < end && host.turns < 10000)
        host_step(&host, IDLE_MS);
    CHECK(X7, host.turns <= A_FEW || host.fd == ROUSE_NO_FD, "the host turned %d times in %d ms",
          host.turns, IDLE_MS);
    rouse_tcp_close(&tcp);
    play_close(&play);
}

CASES(guest_b2) = {&b2_a_turn_without_time_does_not_block,
                   &b2_a_turn_runs_what_is_ready_and_counts_it,
                   &b2_the_next_deadline_is_that_of_the_first_timer,
                   &b2_programs_run_inside_another_loop,
                   &b2_a_wake_from_another_thread_ends_the_hosts_sleep,
                   &b2_an_idle_runtime_leaves_its_host_alone};
