/*
 * thread_posix.c -- thread.h over POSIX threads.
 *
 * Threads of cases block every signal: signals are for the case's own thread, which may
 * be in the middle of a wait().
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "suite.h"

struct thread {
    pthread_t id;
    void (*run)(void *argument);
    void *argument;
};

struct barrier {
    pthread_mutex_t lock;
    pthread_cond_t full;
    int count, missing;
    unsigned round; /* how often it was full */
};

struct watchdog {
    struct thread *thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopped;
    struct timespec at;
    void (*then)(void *argument);
    void *argument;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local char here;

static void *must_have(void *memory)
{
    if (memory == NULL)
        suite_error("no memory for a thread");
    return memory;
}

static void *thread_main(void *argument)
{
    struct thread *thread = argument;

    thread->run(thread->argument);
    return NULL;
}

#if defined(__linux__)
static cpu_set_t processors; /* that the process may use */
static pthread_once_t counted = PTHREAD_ONCE_INIT;

static void count_processors(void)
{
    if (pthread_getaffinity_np(pthread_self(), sizeof processors, &processors) != 0)
        CPU_ZERO(&processors);
}

void thread_stay(int processor)
{
    cpu_set_t one;
    size_t at = 0;

    pthread_once(&counted, count_processors);
    if (CPU_COUNT(&processors) == 0)
        return;
    CPU_ZERO(&one);
    for (int left = processor % CPU_COUNT(&processors); left >= 0; at++)
        if (CPU_ISSET(at, &processors) && left-- == 0)
            CPU_SET(at, &one);
    (void) pthread_setaffinity_np(pthread_self(), sizeof one, processor < 0 ? &processors : &one);
}
#else
void thread_stay(int processor)
{
    (void) processor;
}
#endif

struct thread *thread_start(void (*run)(void *argument), void *argument)
{
    struct thread *thread = must_have(malloc(sizeof *thread));
    sigset_t all, before;
    int error;

    thread->run = run;
    thread->argument = argument;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread->id, NULL, thread_main, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        suite_error("no thread: %s", strerror(error));
    return thread;
}

void thread_join(struct thread *thread)
{
    pthread_join(thread->id, NULL);
    free(thread);
}

void thread_yield(void)
{
    /* Not sched_yield(): where cores are fewer than threads that spin, it hands over only
     * once in a time slice (Linux from 6.6 on), and a thousand throws take seconds. */
    const struct timespec moment = {0, 20000};

    nanosleep(&moment, NULL);
}

const void *thread_here(void)
{
    return &here;
}

static struct timespec moment_after(int ms)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    return at;
}

/* One bell for all: whoever sleeps looks again. */
static pthread_mutex_t bell_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t bell = PTHREAD_COND_INITIALIZER;

bool thread_await(bool (*come)(void *with), void *with, int ms)
{
    const struct timespec late = moment_after(ms);
    bool came;

    pthread_mutex_lock(&bell_lock);
    while (!(came = come(with)) && pthread_cond_timedwait(&bell, &bell_lock, &late) == 0)
        continue;
    pthread_mutex_unlock(&bell_lock);
    return came || come(with);
}

void thread_ring(void)
{
    pthread_mutex_lock(&bell_lock);
    pthread_cond_broadcast(&bell);
    pthread_mutex_unlock(&bell_lock);
}

/* Not pthread_barrier_t, which macOS does not have. */
struct barrier *barrier_make(int count)
{
    struct barrier *barrier = must_have(calloc(1, sizeof *barrier));

    pthread_mutex_init(&barrier->lock, NULL);
    pthread_cond_init(&barrier->full, NULL);
    barrier->count = barrier->missing = count;
    return barrier;
}

void barrier_wait(struct barrier *barrier)
{
    unsigned round;

    pthread_mutex_lock(&barrier->lock);
    round = barrier->round;
    if (--barrier->missing == 0) {
        barrier->missing = barrier->count;
        barrier->round++;
        pthread_cond_broadcast(&barrier->full);
    }
    while (barrier->round == round)
        pthread_cond_wait(&barrier->full, &barrier->lock);
    pthread_mutex_unlock(&barrier->lock);
}

void barrier_free(struct barrier *barrier)
{
    pthread_cond_destroy(&barrier->full);
    pthread_mutex_destroy(&barrier->lock);
    free(barrier);
}

static void watchdog_main(void *argument)
{
    struct watchdog *watchdog = argument;
    bool late = false;

    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stopped && !late)
        late = pthread_cond_timedwait(&watchdog->stop, &watchdog->lock, &watchdog->at) == ETIMEDOUT;
    late = late && !watchdog->stopped;
    pthread_mutex_unlock(&watchdog->lock);
    if (late)
        watchdog->then(watchdog->argument);
}

struct watchdog *watchdog_start(int ms, void (*then)(void *argument), void *argument)
{
    struct watchdog *watchdog = must_have(calloc(1, sizeof *watchdog));

    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_cond_init(&watchdog->stop, NULL);
    watchdog->at = moment_after(ms);
    watchdog->then = then;
    watchdog->argument = argument;
    watchdog->thread = thread_start(watchdog_main, watchdog);
    return watchdog;
}

void watchdog_stop(struct watchdog *watchdog)
{
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stopped = true;
    pthread_cond_signal(&watchdog->stop);
    pthread_mutex_unlock(&watchdog->lock);
    thread_join(watchdog->thread);
    pthread_cond_destroy(&watchdog->stop);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog);
}

void thread_lock(void)
{
    pthread_mutex_lock(&lock);
}

void thread_unlock(void)
{
    pthread_mutex_unlock(&lock);
}
