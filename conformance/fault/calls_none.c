/*
 * calls_none.c -- where system calls cannot be made to fail.
 */
#include "calls.h"

#include <stddef.h>

const struct call_failure call_failures[] = {{NULL, 0, NULL, CALL_FAILS, 0}};

void calls_note(const struct world *world)
{
    (void) world;
}

bool calls_noted(const struct call_failure *failure)
{
    (void) failure;
    return false;
}

bool calls_alike(const struct call_failure *failure)
{
    (void) failure;
    return false;
}

void calls_fail(const struct world *world, const struct call_failure *failure, int n, bool for_ever)
{
    (void) world, (void) failure, (void) n, (void) for_ever;
}

void calls_meet(int n, void (*meet)(void *with), void *with)
{
    (void) n, (void) meet, (void) with;
}

bool calls_met(void)
{
    return false;
}

void calls_spare(bool spares)
{
    (void) spares;
}

int calls_failed(void)
{
    return 0;
}

int calls_end(void)
{
    return 0;
}
