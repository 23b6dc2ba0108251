/*
 * thread.h -- threads for cases: start, join, and a meeting point.
 *
 * Small on purpose, so that each system's file beside thread_posix.c stays short. What
 * fails here ends the case as an error.
 */
#ifndef ROUSE_CONFORMANCE_THREAD_H
#define ROUSE_CONFORMANCE_THREAD_H

#include <stdbool.h>
#include <stddef.h>

struct thread;

/* Starts a thread. Its stack may point into the caller's; join it before that ends. */
struct thread *thread_start(void (*run)(void *argument), void *argument);
void thread_join(struct thread *thread);

/* Lets others run. For loops that wait for an atomic word, and end. */
void thread_yield(void);

/* Sleeps until `come(with)`, which is asked again after each thread_ring() of another
 * thread; false when `ms` of real time pass before that. Who changes what `come` looks at
 * rings afterwards. */
bool thread_await(bool (*come)(void *with), void *with, int ms);
void thread_ring(void);

static inline bool thread__never(void *with)
{
    (void) with;
    return false;
}

/* Sleeps for `ms` of real time, whatever interrupts. */
static inline void thread_sleep(int ms)
{
    (void) thread_await(thread__never, NULL, ms);
}

/* From now on this thread runs on one processor alone, of those that it may use the n-th,
 * counted round and round; or with -1 on any of them. Two that are to collide might else share
 * one, on a busy machine for as long as they last. Does nothing where a system cannot. */
void thread_stay(int processor);

/* Something that differs between threads, and stays the same in one. */
const void *thread_here(void);

/* A place where `count` threads wait for each other, any number of times. */
struct barrier;
struct barrier *barrier_make(int count);
void barrier_wait(struct barrier *barrier);
void barrier_free(struct barrier *barrier);

/* Calls `then(argument)` on a thread of its own if `ms` of real time pass before it is
 * stopped. */
struct watchdog;
struct watchdog *watchdog_start(int ms, void (*then)(void *argument), void *argument);
void watchdog_stop(struct watchdog *watchdog);

/* One lock for the machinery of the suite. Not for cases. */
void thread_lock(void);
void thread_unlock(void);

#endif /* ROUSE_CONFORMANCE_THREAD_H */
