/*
 * explore.h -- for those who write programs for the explorer to run.
 *
 * A program is two to four threads, which use the library's real code, and assert. The
 * explorer runs it again and again, until it has seen every order of its atomic steps that
 * has no more than so many preemptions. It fails on a broken assertion or rule, when all
 * sleep, when one goes on for ever, when memory is touched that was given back, and when
 * plain memory is touched by two threads and nothing orders that.
 *
 * All that threads share is got from explore_memory(), anew in each run. A program must do
 * the same whenever the same choices are made: no clock, no addresses in decisions.
 */
#ifndef ROUSE_EXPLORE_H
#define ROUSE_EXPLORE_H

#include <rouse/base.h>

#include "hooks.h"

enum { EXPLORE_THREADS = 4 };

struct explore_program {
    const char *name; /* a sentence about behaviour, as for cases */
    /* In order: as the first thread, before there are others; the threads; and after all of
     * them have ended. The first and the last may be NULL. */
    void (*begin)(void);
    void (*thread[EXPLORE_THREADS])(void);
    void (*end)(void);
};

/* Zeroes, with a name for messages. */
void *explore_memory(size_t size, const char *name);

/* Nobody may touch it from here on. */
void explore_give_back(void *memory, size_t size);

/* The same as a rouse_alloc. */
extern const struct rouse_alloc explore_alloc;

/* Ends this run, and the exploration, unless it holds; `broken` cites the clause. */
void explore_check(bool holds, const char *broken);

/* Sleeps until it is so. */
void explore_sleep_until(bool (*so)(const void *of), const void *of, const char *what);

/* The same, until a word that other threads set is not 0 any more; takes what they published. */
void explore_await(const uintptr_t *word, const char *what);

/* Whether anything is left of explore_alloc's memory, or open in the kernel. */
void explore_check_nothing_left(void);

/* Sleeps until a descriptor is readable, as a host's own loop would. */
void explore_sleep_on(int fd);

#endif /* ROUSE_EXPLORE_H */
