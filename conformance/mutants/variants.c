/*
 * variants.c -- legal variants: each does something that the guarantees allow and that most
 * backends do not do. legal.toml says which words allow it. A case that fails with one
 * asserts more than its guarantee says.
 */
#include "decorator.h"

static int wait_reversed(struct queue *queue, struct rouse_event *events, int capacity,
                         rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    for (int i = 0; i < count / 2; i++) {
        const struct rouse_event event = events[i];

        events[i] = events[count - 1 - i];
        events[count - 1 - i] = event;
    }
    return count;
}

const struct decorator variants[] = {
    {.name = "batches-reversed", .wait = wait_reversed},
    {.name = NULL},
};
