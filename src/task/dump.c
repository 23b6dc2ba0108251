/*
 * dump.c -- what every live task is waiting for, as text.
 */
#include "state.h"

#include <rouse/async.h>
#include <stdio.h>

static const char *doing(uintptr_t state)
{
    if ((state & TASK_CANCELED) != 0)
        return "canceled";
    if ((state & TASK_QUEUED) != 0)
        return "ready";
    return "waiting";
}

static const char *name_of(const struct rouse_future *future)
{
    return future->ops->name != NULL ? future->ops->name : "unnamed";
}

/* Appends to a line, as far as there is room, and always leaves an end. */
static size_t append(char *line, size_t size, size_t at, const char *text)
{
    while (*text != '\0' && at + 1 < size)
        line[at++] = *text++;
    line[at] = '\0';
    return at;
}

/* " at client:27 > fetch:9 > read": an async body's await, and what it awaits. */
static size_t append_chain(char *line, size_t size, size_t at, const struct rouse_future *future)
{
    const char *before = " at ";

    while (future != NULL) {
        const struct rouse_async *async = (const struct rouse_async *) (const void *) future;
        char number[16];

        at = append(line, size, at, before);
        at = append(line, size, at, name_of(future));
        if (future->ops->drop != rouse_async_drop)
            break;
        snprintf(number, sizeof number, ":%d", async->resume);
        at = append(line, size, at, number);
        future = async->child;
        before = " > ";
    }
    return at;
}

static void dump_task(struct rouse_task *task, void (*write)(void *to, const char *line), void *to)
{
    const struct rouse_future *future = task->future;
    char line[256];
    const size_t room = sizeof line - 1; /* for the end of the line */
    size_t at = append(line, room, 0, name_of(future));

    at = append(line, room, at, ": ");
    at = append(line, room, at, doing(atomic_load_relaxed(&task->state)));
    if (future->ops->drop == rouse_async_drop)
        at = append_chain(line, room, at, future);
    append(line, sizeof line, at, "\n");
    write(to, line);
}

void rouse_executor_dump(struct rouse_executor *executor, void (*write)(void *to, const char *line),
                         void *to)
{
    struct rouse_task *task = executor->live;

    /* The list is newest first: to its end, and back. */
    while (task != NULL && task->live_next != NULL)
        task = task->live_next;
    while (task != NULL) {
        dump_task(task, write, to);
        task = task->live_link == &executor->live
                   ? NULL
                   : rouse_container_of(task->live_link, struct rouse_task, live_next);
    }
}
