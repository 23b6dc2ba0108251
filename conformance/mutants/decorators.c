/*
 * decorators.c -- mutants: each breaks one guarantee, which decorators.toml names, and as
 * little else as can be.
 */
#include "decorator.h"

static void wake_nothing(struct queue *queue)
{
    (void) queue;
}

const struct decorator mutants[] = {
    {.name = "canary", .wake = wake_nothing},
    {.name = NULL},
};
