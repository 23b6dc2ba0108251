/*
 * signals.c -- what came, as one word.
 */
#include "signals.h"

#include "atomic.h"

uint64_t rouse__signal_take(struct rouse__signal_watch *watch)
{
    const uint64_t low = atomic_exchange(&watch->came[0], 0);
    const uint64_t high = atomic_exchange(&watch->came[1], 0);

    return high << 32 | low;
}
