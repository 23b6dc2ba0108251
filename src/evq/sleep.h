/*
 * sleep.h -- the word by which wake() and wait() meet (E7).
 *
 * The hard part of a wake-up is not to make a system call unless the other side
 * really sleeps, and still to lose nothing. Both sides read-modify-write one word, so
 * one of them always sees the other (a store and then a load would not do: neither
 * need see the other's store).
 *
 *   ASLEEP    set by wait() before it blocks, cleared when it is back
 *   WOKEN     set by wake(), taken by wait() when it is back
 *   LISTENED  set for good by pollable(): somebody sleeps in our stead, unseen
 *
 * The first waker after each wait() finds WOKEN clear and, if anybody sleeps, has to
 * make the system call; it may be late with that, even after the sleeper has gone.
 * So a wake-up that finds WOKEN clear is an old one and means nothing.
 */
#ifndef ROUSE_EVQ_SLEEP_H
#define ROUSE_EVQ_SLEEP_H

#include "../base/atomic.h"

enum { SLEEP_ASLEEP = 1 << 0, SLEEP_WOKEN = 1 << 1, SLEEP_LISTENED = 1 << 2 };

/* For wait(): false when a wake() came already, so that it must not block. */
static inline bool sleep_begin(uintptr_t *word)
{
    return (atomic_fetch_add(word, SLEEP_ASLEEP) & SLEEP_WOKEN) == 0;
}

/* For wait(), when it is back: whether it was woken. */
static inline bool sleep_end(uintptr_t *word)
{
    if ((atomic_fetch_sub(word, SLEEP_ASLEEP) & SLEEP_WOKEN) == 0)
        return false;
    /* Whoever wakes between these two steps ends the wait() that ends now. */
    atomic_fetch_and(word, ~(uintptr_t) SLEEP_WOKEN);
    return true;
}

/* For wake(): whether it must make the system call. */
static inline bool sleep_wake(uintptr_t *word)
{
    const uintptr_t old = atomic_fetch_or(word, SLEEP_WOKEN);

    return (old & SLEEP_WOKEN) == 0 && (old & (SLEEP_ASLEEP | SLEEP_LISTENED)) != 0;
}

/* For pollable(): whether a wake() came that nobody may have been told of. */
static inline bool sleep_listened(uintptr_t *word)
{
    return (atomic_fetch_or(word, SLEEP_LISTENED) & SLEEP_WOKEN) != 0;
}

#endif /* ROUSE_EVQ_SLEEP_H */
