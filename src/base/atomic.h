/*
 * atomic.h -- the atomic operations that rouse uses, on a plain uintptr_t.
 *
 * Public structs hold their atomic words as uintptr_t, so that the headers stay
 * valid C++ and independent of <stdatomic.h>. Nobody but these functions may touch
 * such a word while another thread could. Read-modify-writes acquire and release:
 * each publishes what its thread wrote before, and takes what the others published.
 */
#ifndef ROUSE_BASE_ATOMIC_H
#define ROUSE_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__GNUC__)

static inline uintptr_t atomic_load_acquire(const uintptr_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline uintptr_t atomic_load_relaxed(const uintptr_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline uintptr_t atomic_exchange(uintptr_t *word, uintptr_t value)
{
    return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
}

static inline uintptr_t atomic_fetch_or(uintptr_t *word, uintptr_t bits)
{
    return __atomic_fetch_or(word, bits, __ATOMIC_ACQ_REL);
}

static inline uintptr_t atomic_fetch_and(uintptr_t *word, uintptr_t bits)
{
    return __atomic_fetch_and(word, bits, __ATOMIC_ACQ_REL);
}

static inline uintptr_t atomic_fetch_add(uintptr_t *word, uintptr_t n)
{
    return __atomic_fetch_add(word, n, __ATOMIC_ACQ_REL);
}

static inline uintptr_t atomic_fetch_sub(uintptr_t *word, uintptr_t n)
{
    return __atomic_fetch_sub(word, n, __ATOMIC_ACQ_REL);
}

/* Puts `value` in the word if it holds `*expected`, else puts what it holds in
 * `*expected`. May fail for no reason. */
static inline bool atomic_compare_exchange(uintptr_t *word, uintptr_t *expected, uintptr_t value)
{
    return __atomic_compare_exchange_n(word, expected, value, true, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

#elif defined(_MSC_VER)

#include <intrin.h>

#if defined(_WIN64)
#define ATOMIC_OF_(name) name##64
#define ATOMIC_INT_ __int64
#else
#define ATOMIC_OF_(name) name
#define ATOMIC_INT_ long
#endif

/* Every Interlocked operation is a full barrier. */

static inline uintptr_t atomic_fetch_add(uintptr_t *word, uintptr_t n)
{
    return (uintptr_t) ATOMIC_OF_(_InterlockedExchangeAdd)((volatile ATOMIC_INT_ *) word,
                                                           (ATOMIC_INT_) n);
}

static inline uintptr_t atomic_fetch_sub(uintptr_t *word, uintptr_t n)
{
    return atomic_fetch_add(word, (uintptr_t) 0 - n);
}

static inline uintptr_t atomic_load_acquire(const uintptr_t *word)
{
    return atomic_fetch_add((uintptr_t *) word, 0);
}

static inline uintptr_t atomic_load_relaxed(const uintptr_t *word)
{
    return *(const volatile uintptr_t *) word;
}

static inline uintptr_t atomic_exchange(uintptr_t *word, uintptr_t value)
{
    return (uintptr_t) ATOMIC_OF_(_InterlockedExchange)((volatile ATOMIC_INT_ *) word,
                                                        (ATOMIC_INT_) value);
}

static inline uintptr_t atomic_fetch_or(uintptr_t *word, uintptr_t bits)
{
    return (uintptr_t) ATOMIC_OF_(_InterlockedOr)((volatile ATOMIC_INT_ *) word,
                                                  (ATOMIC_INT_) bits);
}

static inline uintptr_t atomic_fetch_and(uintptr_t *word, uintptr_t bits)
{
    return (uintptr_t) ATOMIC_OF_(_InterlockedAnd)((volatile ATOMIC_INT_ *) word,
                                                   (ATOMIC_INT_) bits);
}

static inline bool atomic_compare_exchange(uintptr_t *word, uintptr_t *expected, uintptr_t value)
{
    const uintptr_t found = (uintptr_t) ATOMIC_OF_(_InterlockedCompareExchange)(
        (volatile ATOMIC_INT_ *) word, (ATOMIC_INT_) value, (ATOMIC_INT_) *expected);
    const bool done = found == *expected;

    *expected = found;
    return done;
}

#endif

#endif /* ROUSE_BASE_ATOMIC_H */
