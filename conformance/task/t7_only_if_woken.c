/*
 * t7_only_if_woken.c -- nobody is polled for nothing, and an idle thread sleeps.
 */
#include <stdlib.h>

#include "puppet.h"

CASE(t7_only_the_woken_are_polled, "T7", NEEDS_NOTHING,
     "of a thousand waiting tasks every seventh is woken, then every eleventh, and so on",
     "those are polled, and no other")
{
    static const int steps[] = {7, 11, 2, 1000, 999, 1};
    struct stage stage;
    struct puppet *puppets = puppets_make(1000, puppet_wait);

    stage_open(&stage, world);
    for (int i = 0; i < 1000; i++)
        puppet_spawn(&stage.executor, &puppets[i]);
    stage_run(&stage);
    for (int k = 0; k < 6; k++) {
        for (int i = 0; i < 1000; i++)
            puppets[i].value = (intptr_t) puppets[i].polls + (i % steps[k] == 0);
        for (int i = 0; i < 1000; i += steps[k])
            rouse_wake_by_ref(&puppets[i].waker);
        stage_run(&stage);
        for (int i = 0; i < 1000; i++)
            CHECK_EQUAL(T7, puppets[i].polls, puppets[i].value, "polls");
    }
    CHECK_EQUAL(T7, stage_run(&stage), 0, "turns with nothing to do");
    stage_close(&stage);
    free(puppets);
}

static void ignore_line(void *to, const char *line)
{
    (void) to;
    (void) line;
}

CASE(t7_what_is_no_wake_leads_to_no_poll, "T7", NEEDS_NOTHING,
     "a waiting task's waker is cloned, kept and released, the task held, joined, looked at and "
     "dumped",
     "it is not polled, and nothing is ready")
{
    struct stage stage;
    struct puppet puppet;
    struct rouse_waker clones[10] = {{NULL, NULL}};
    struct rouse_join join;

    stage_open(&stage, world);
    puppet_make(&puppet, puppet_wait);
    puppet_spawn_held(&stage.executor, &puppet);
    stage_run(&stage);
    for (int i = 0; i < 10; i++) {
        clones[i] = puppet_clone(&puppet);
        rouse_waker_keep(&clones[(i + 5) % 10], &clones[i]);
        rouse_task_hold(&puppet.task);
    }
    for (int i = 0; i < 10; i++) {
        rouse_waker_drop(&clones[i]);
        rouse_task_unhold(&puppet.task);
    }
    join = rouse_join(&puppet.task);
    world_poll(&join.future, NULL);
    world_poll(&join.future, NULL);
    rouse_future_drop(&join.future);
    CHECK(T7, !rouse_task_ended(&puppet.task), "a task that waits has ended");
    rouse_executor_dump(&stage.executor, ignore_line, NULL);
    CHECK(T7, rouse_executor_idle(&stage.executor), "something is ready");
    CHECK_EQUAL(T7, stage_run(&stage), 0, "turns with nothing to do");
    CHECK_EQUAL(T7, puppet.polls, 1, "polls");
    CHECK_EQUAL(T7, wakes_taken(stage.nudge), 0, "nudges");
    stage_close(&stage);
    rouse_task_unhold(&puppet.task);
}

/* A queue that counts what is asked of the one behind it, in vain. Whatever is reported, were
 * it by mistake (E6), is something to do. */
struct counted {
    struct rouse_evq evq;
    struct rouse_evq *inner;
    int waits;
};

static struct rouse_evq *behind(struct rouse_evq *evq)
{
    return rouse_container_of(evq, struct counted, evq)->inner;
}

static int counted_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    return behind(evq)->ops->arm(behind(evq), source, interest);
}

static void counted_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    behind(evq)->ops->forget(behind(evq), source);
}

static int counted_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                        rouse_time deadline)
{
    const int count = behind(evq)->ops->wait(behind(evq), events, capacity, deadline);

    rouse_container_of(evq, struct counted, evq)->waits += count == 0;
    return count;
}

static void counted_wake(struct rouse_evq *evq)
{
    behind(evq)->ops->wake(behind(evq));
}

static rouse_time counted_now(struct rouse_evq *evq)
{
    return behind(evq)->ops->now(behind(evq));
}

static const struct rouse_evq_ops counted_ops = {.size = sizeof counted_ops,
                                                 .name = "counted",
                                                 .arm = counted_arm,
                                                 .forget = counted_forget,
                                                 .wait = counted_wait,
                                                 .wake = counted_wake,
                                                 .now = counted_now};

static void counted_runtime(struct world *world, struct counted *counted, struct rouse *rt)
{
    const struct rouse_options options = {
        .size = sizeof options, .evq = &counted->evq, .alloc = world->alloc};

    *counted = (struct counted){.evq = {&counted_ops, world->evq->sockets}, .inner = world->evq};
    if (rouse_open(rt, &options) != 0)
        suite_error("no runtime on a queue that counts");
}

CASE(t7_an_idle_runtime_blocks, "T7", NEEDS_NOTHING,
     "a runtime has tasks that wait for nobody, one for a socket where nothing comes, and one for "
     "30 ms",
     "until then it waits a few times at most, and polls nobody")
{
    struct rouse rt;
    struct counted counted;
    struct puppet *puppets = puppets_make(10, puppet_wait);
    struct rouse_sleep sleep;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_task reader;
    char byte;
    rouse_fd ends[2];

    counted_runtime(world, &counted, &rt);
    world_pair(world, ends);
    rouse_stream_open(&tcp, &rt.reactor, world_give(world, ends[0]));
    read = rouse_read(&tcp, &byte, 1);
    rouse_spawn(&rt.executor, &reader, &read.future, NULL);
    for (int i = 0; i < 10; i++)
        puppet_spawn(&rt.executor, &puppets[i]);
    sleep = rouse_sleep(&rt.reactor, ROUSE_MS(30));
    RUN(T7, &rt, &sleep.future);
    CHECK(T7, counted.waits <= 8, "it waited %d times for one deadline", counted.waits);
    for (int i = 0; i < 10; i++)
        CHECK_EQUAL(T7, puppets[i].polls, 1, "polls of a task that nobody woke");
    rouse_tcp_close(&tcp);
    rouse_close(&rt);
    free(puppets);
}

CASE(t7_a_tasks_own_events_are_nobody_elses, "T7", NEEDS_NOTHING,
     "a task reads a hundred bytes, one at a time, and sleeps in between, beside fifty others that "
     "wait",
     "the others are not polled")
{
    struct rouse rt;
    struct puppet *puppets = puppets_make(50, puppet_wait);
    struct rouse_tcp tcp;
    rouse_fd ends[2];
    char byte;

    world_runtime(world, &rt);
    world_pair(world, ends);
    rouse_stream_open(&tcp, &rt.reactor, world_give(world, ends[0]));
    for (int i = 0; i < 50; i++)
        puppet_spawn(&rt.executor, &puppets[i]);
    for (int round = 0; round < 100; round++) {
        struct rouse_read read = rouse_read(&tcp, &byte, 1);
        struct rouse_sleep sleep = rouse_sleep(&rt.reactor, round % 10 == 0 ? ROUSE_MS(1) : 0);

        if (round % 2 == 0)
            world_send(world, ends[1], 1);
        world_run(world, &rt, &sleep.future, WORLD_SOON, NULL);
        if (round % 2 == 1)
            world_send(world, ends[1], 1);
        world_run(world, &rt, &read.future, WORLD_SOON, NULL);
    }
    for (int i = 0; i < 50; i++)
        CHECK_EQUAL(T7, puppets[i].polls, 1, "polls of a task that nobody woke");
    rouse_tcp_close(&tcp);
    rouse_close(&rt);
    free(puppets);
}

/* Is PENDING, and leaves its waker with nobody. */
static enum rouse_poll wait_for_nobody(struct puppet *self, struct rouse_context *cx)
{
    (void) self;
    (void) cx;
    return ROUSE_PENDING;
}

CASE(
    t7_what_becomes_of_a_task_is_nobody_elses, "T7 T1 T3 T4 T5", NEEDS_NOTHING,
    "among tasks that nobody can wake, some held and some not, others finish, yield, are canceled, "
    "wake themselves, and are joined",
    "those that nobody can wake are polled once")
{
    enum { TASKS = 120 };
    static puppet_act *const acts[] = {puppet_finish, puppet_wait, puppet_yield, puppet_wake_itself,
                                       puppet_wait};
    struct stage stage;
    struct puppet *puppets = puppets_make(TASKS, wait_for_nobody);

    stage_open(&stage, world);
    for (int i = 0; i < TASKS; i++) {
        if (i % 2 == 1)
            puppets[i].act = acts[i / 2 % 5];
        if (i % 4 < 2)
            puppet_spawn_held(&stage.executor, &puppets[i]);
        else
            puppet_spawn(&stage.executor, &puppets[i]);
    }
    for (int n = 0; n < 5; n++)
        rouse_executor_run(&stage.executor, TASKS);
    for (int i = 1; i < TASKS; i += 2) {
        struct rouse_join join = rouse_join(&puppets[i].task);

        if (i % 4 == 1) {
            world_poll(&join.future, NULL);
            rouse_future_drop(&join.future);
        }
        if (puppets[i].over)
            continue;
        puppets[i].act = puppet_finish;
        if (i % 3 == 0)
            rouse_cancel(&puppets[i].task);
        else if (puppets[i].waker.ops != NULL)
            rouse_wake_by_ref(&puppets[i].waker);
    }
    stage_run(&stage);
    for (int i = 0; i < TASKS; i += 2)
        CHECK_EQUAL(T7, puppets[i].polls, 1, "polls of a task that nobody can wake");
    stage_close(&stage);
    for (int i = 0; i < TASKS; i++)
        if (i % 4 < 2)
            rouse_task_unhold(&puppets[i].task);
    puppets_check(puppets, TASKS);
    free(puppets);
}

/* Polls a future of its own whenever it is woken. */
struct turner {
    struct puppet puppet;
    struct rouse_future *future;
};

static enum rouse_poll turn_future(struct puppet *self, struct rouse_context *cx)
{
    struct turner *turner = self->with;

    return rouse_future_poll(turner->future, cx) == ROUSE_READY ? puppet_finish(self, cx)
                                                                : ROUSE_PENDING;
}

CASE(t7_what_is_reported_to_one_direction_is_not_the_others, "T7", NEEDS_NOTHING,
     "one task waits to write to a full socket, and another reads fifty bytes from it, each of "
     "which it has to wait for",
     "the one that writes is polled once, and once more if the queue was wrong (E6)")
{
    struct rouse rt;
    struct turner writer;
    struct rouse_write write;
    struct rouse_tcp tcp;
    rouse_fd ends[2];
    char byte = 0;

    world_runtime(world, &rt);
    world_pair(world, ends);
    world_fill_for_good(world, ends[0]);
    rouse_stream_open(&tcp, &rt.reactor, world_give(world, ends[0]));
    write = rouse_write(&tcp, &byte, 1);
    puppet_make(&writer.puppet, turn_future);
    writer.puppet.with = &writer;
    writer.future = &write.future;
    puppet_spawn(&rt.executor, &writer.puppet);
    world_settle(world, &rt);
    for (int round = 0; round < 50; round++) {
        struct rouse_read read = rouse_read(&tcp, &byte, 1);

        world_settle(world, &rt);
        world_send(world, ends[1], 1);
        CHECK(T7, world_run(world, &rt, &read.future, WORLD_SOON, NULL), "a byte is not read");
    }
    CHECK(T7, writer.puppet.polls <= 3, "the task that writes was polled %d times",
          (int) writer.puppet.polls);
    rouse_tcp_close(&tcp);
    world_settle(world, &rt);
    rouse_close(&rt);
}

CASES(task_t7) = {&t7_only_the_woken_are_polled,
                  &t7_what_is_no_wake_leads_to_no_poll,
                  &t7_an_idle_runtime_blocks,
                  &t7_a_tasks_own_events_are_nobody_elses,
                  &t7_what_becomes_of_a_task_is_nobody_elses,
                  &t7_what_is_reported_to_one_direction_is_not_the_others};
