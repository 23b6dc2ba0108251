/*
 * calls_none.c -- where system calls cannot be made to fail.
 */
#include "calls.h"

#include <stddef.h>

const struct call_failure call_failures[] = {{NULL, 0, NULL, CALL_FAILS, 0}};

void calls_fail(const struct world *world, const struct call_failure *failure, int n, bool for_ever)
{
    (void) world, (void) failure, (void) n, (void) for_ever;
}

void calls_spare(bool spares)
{
    (void) spares;
}

int calls_end(void)
{
    return 0;
}
