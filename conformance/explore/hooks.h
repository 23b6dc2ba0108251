/*
 * hooks.h -- what the explored sources get instead of src/base/atomic.h and thread.h.
 *
 * CMake puts it in front of each of them, and it takes the place of both headers by their
 * guards: so the library's sources are compiled as they are. Every atomic operation becomes
 * a call of the explorer, which may let other threads run first, and tells where it stands.
 * What threads call their own is the current virtual thread's; schedule.c changes it.
 */
#ifndef ROUSE_EXPLORE_HOOKS_H
#define ROUSE_EXPLORE_HOOKS_H

#define ROUSE_BASE_ATOMIC_H
#define ROUSE_BASE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* Where an operation stands: its file and function, which it is, and on what, in words. */
struct explore_site {
    const char *file, *function, *operation, *word;
};

/* What an operation orders, as in C11. */
enum explore_order { EXPLORE_RELAXED = 0, EXPLORE_ACQUIRE = 1 << 0, EXPLORE_RELEASE = 1 << 1 };

/* What a read-modify-write does. */
enum explore_change { EXPLORE_SET, EXPLORE_OR, EXPLORE_AND, EXPLORE_ADD, EXPLORE_SUBTRACT };

uintptr_t explore_load(struct explore_site site, const uintptr_t *word, unsigned order);
uintptr_t explore_modify(struct explore_site site, uintptr_t *word, enum explore_change change,
                         uintptr_t operand);
bool explore_compare_exchange(struct explore_site site, uintptr_t *word, uintptr_t *expected,
                              uintptr_t value);

/* The library has no plain atomic store; programs that show what one would do use this. */
void explore_store(struct explore_site site, uintptr_t *word, uintptr_t value, unsigned order);

#define EXPLORE_HERE(operation, word) ((struct explore_site){__FILE__, __func__, operation, word})

#define atomic_load_acquire(word)                                                                  \
    explore_load(EXPLORE_HERE("load_acquire", #word), (word), EXPLORE_ACQUIRE)
#define atomic_load_relaxed(word)                                                                  \
    explore_load(EXPLORE_HERE("load_relaxed", #word), (word), EXPLORE_RELAXED)
#define atomic_exchange(word, value)                                                               \
    explore_modify(EXPLORE_HERE("exchange", #word), (word), EXPLORE_SET, (value))
#define atomic_fetch_or(word, bits)                                                                \
    explore_modify(EXPLORE_HERE("fetch_or", #word), (word), EXPLORE_OR, (bits))
#define atomic_fetch_and(word, bits)                                                               \
    explore_modify(EXPLORE_HERE("fetch_and", #word), (word), EXPLORE_AND, (bits))
#define atomic_fetch_add(word, n)                                                                  \
    explore_modify(EXPLORE_HERE("fetch_add", #word), (word), EXPLORE_ADD, (n))
#define atomic_fetch_sub(word, n)                                                                  \
    explore_modify(EXPLORE_HERE("fetch_sub", #word), (word), EXPLORE_SUBTRACT, (n))
#define atomic_compare_exchange(word, expected, value)                                             \
    explore_compare_exchange(EXPLORE_HERE("compare_exchange", #word), (word), (expected), (value))

/* ---- thread.h */

#define ROUSE__THREAD_LOCAL
#define ROUSE__NEAR

const void *rouse__thread(void);
void rouse__thread_yield(void);

#endif /* ROUSE_EXPLORE_HOOKS_H */
