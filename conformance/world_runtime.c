/*
 * world_runtime.c -- futures, polled by hand and run by a runtime, within limits.
 */
#include <stdlib.h>
#include <string.h>

#include "runner.h"
#include "world.h"

enum { REST_TURNS = 2, RESTLESS_TURNS = 10000 };

enum rouse_poll world_poll(struct rouse_future *future, const struct rouse_waker *waker)
{
    struct rouse_context cx = {.waker = waker != NULL ? waker : &rouse_waker_none};

    return rouse_future_poll(future, &cx);
}

void world_runtime(struct world *world, struct rouse *rt)
{
    const struct rouse_options options = {
        .size = sizeof options, .evq = world->evq, .alloc = world->alloc};
    int error;

    memset(rt, 0xa5, sizeof *rt); /* as memory is that comes from malloc() */
    error = rouse_open(rt, &options);
    if (error != 0)
        suite_error("no runtime: %s", rouse_strerror(error));
}

rouse_fd world_listener(struct world *world, struct rouse *rt, struct rouse_listener *listener)
{
    struct rouse_address address;
    const rouse_fd fd = world_listen(world, ROUSE_IPV4, 16, &address);
    rouse_fd guest;

    rouse_listener_open(listener, &rt->reactor, world_give(world, fd));
    guest = world_connect(world, &address);
    world_await_ready(world, fd, ROUSE_READABLE);
    return guest;
}

/* What is ready runs without waiting, so that whoever looks for its end sees it. */
static intptr_t turn(struct rouse *rt, rouse_time deadline)
{
    const intptr_t polls = rouse_turn(rt, rouse_executor_idle(&rt->executor) ? deadline : 0);

    if (polls < 0)
        suite_error("a turn failed: %s", rouse_strerror(polls));
    return polls;
}

/* Tasks may be referred to after we have returned, by wakers on other threads. */
ROUSE_TASK_FREE(task_free, struct rouse_task, state)

static struct rouse_task *spawn(struct rouse *rt, struct rouse_future *future)
{
    struct rouse_task *task = calloc(1, sizeof *task);

    if (task == NULL)
        suite_error("no memory for a task");
    rouse_spawn_held(&rt->executor, task, future, task_free);
    return task;
}

/* Drops what is still not READY. True with the result if it was. */
static bool finish(struct rouse *rt, struct rouse_task *task, intptr_t *result)
{
    const bool ended = rouse_task_ended(task);

    if (!ended) {
        rouse_cancel(task);
        turn(rt, 0);
    } else if (result != NULL) {
        *result = task->result;
    }
    rouse_task_unhold(task);
    return ended;
}

bool world_run(struct world *world, struct rouse *rt, struct rouse_future *future, int ms,
               intptr_t *result)
{
    const rouse_time deadline = world_after(world, ms);
    struct rouse_task *task = spawn(rt, future);

    do
        turn(rt, deadline);
    while (!rouse_task_ended(task) && world_now(world) < deadline);
    return finish(rt, task, result);
}

struct late {
    enum guarantee id;
    const char *file;
    int line;
};

static void too_late(void *argument)
{
    const struct late *late = argument;

    suite_fail_and_exit(late->id, "a future was not ended by another thread", late->file,
                        late->line);
}

intptr_t world_run_unlimited(struct world *world, enum guarantee id, struct rouse *rt,
                             struct rouse_future *future, const char *file, int line)
{
    struct late late = {id, file, line};
    struct watchdog *watchdog = watchdog_start(WORLD_SOON, too_late, &late);
    struct rouse_task *task = spawn(rt, future);
    intptr_t result = 0;

    (void) world;
    while (!rouse_task_ended(task))
        turn(rt, ROUSE_NEVER);
    watchdog_stop(watchdog);
    finish(rt, task, &result);
    return result;
}

bool world_run_until(struct world *world, struct rouse *rt, bool (*done)(void *with), void *with,
                     int ms)
{
    const rouse_time deadline = world_after(world, ms);

    while (!done(with)) {
        if (world_now(world) >= deadline)
            return false;
        turn(rt, deadline);
    }
    return true;
}

int world_settle(struct world *world, struct rouse *rt)
{
    int polls = 0, turns = 0;

    (void) world;
    for (int rest = 0; rest < REST_TURNS; turns++) {
        const intptr_t now = turn(rt, 0);

        rest = now == 0 ? rest + 1 : 0;
        polls += (int) now;
        if (!WORLD_CHECK(T8, turns < RESTLESS_TURNS, "a runtime that never comes to rest"))
            break;
    }
    return polls;
}
