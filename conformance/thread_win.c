/*
 * thread_win.c -- thread.h over Windows' own threads.
 */
#include "thread.h"

#include <windows.h>

#include <process.h>
#include <stdlib.h>

#include "process.h"
#include "suite.h"

struct thread {
    HANDLE handle;
    void (*run)(void *argument);
    void *argument;
};

struct barrier {
    SRWLOCK lock;
    CONDITION_VARIABLE full;
    int count, missing;
    unsigned round; /* how often it was full */
};

struct watchdog {
    struct thread *thread;
    SRWLOCK lock;
    CONDITION_VARIABLE stop;
    bool stopped;
    int64_t at_ns;
    void (*then)(void *argument);
    void *argument;
};

static SRWLOCK lock = SRWLOCK_INIT;

static void *must_have(void *memory)
{
    if (memory == NULL)
        suite_error("no memory for a thread");
    return memory;
}

static unsigned __stdcall thread_main(void *argument)
{
    struct thread *thread = argument;

    thread->run(thread->argument);
    return 0;
}

void thread_stay(int processor)
{
    const DWORD_PTR one = 1;
    DWORD_PTR mine, all;
    int at = -1;

    if (!GetProcessAffinityMask(GetCurrentProcess(), &mine, &all) || mine == 0)
        return;
    for (int left = processor; left >= 0; left--)
        do
            at = (at + 1) % (int) (8 * sizeof mine);
        while ((mine & one << at) == 0);
    SetThreadAffinityMask(GetCurrentThread(), at < 0 ? mine : one << at);
}

struct thread *thread_start(void (*run)(void *argument), void *argument)
{
    struct thread *thread = must_have(malloc(sizeof *thread));

    thread->run = run;
    thread->argument = argument;
    thread->handle = (HANDLE) _beginthreadex(NULL, 0, thread_main, thread, 0, NULL);
    if (thread->handle == NULL)
        suite_error("no thread: error %lu", GetLastError());
    return thread;
}

void thread_join(struct thread *thread)
{
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
    free(thread);
}

/* Now and then it sleeps: to yield and yield keeps the processor from those that are not
 * yet ready to have it. Not each time, for a sleep may last 16 ms. */
void thread_yield(void)
{
    enum { SLEEPS_EVERY = 8 };
    static LONG times;

    if (InterlockedIncrement(&times) % SLEEPS_EVERY == 0)
        Sleep(1);
    else
        SwitchToThread();
}

const void *thread_here(void)
{
    return (const void *) (uintptr_t) GetCurrentThreadId();
}

/* Sleeps until the condition is signalled, or it is `at_ns`: false. */
static bool sleep_until(CONDITION_VARIABLE *condition, SRWLOCK *held, int64_t at_ns)
{
    const int64_t left_ns = at_ns - process_clock_ns();

    if (left_ns <= 0)
        return false;
    SleepConditionVariableSRW(condition, held, (DWORD) (left_ns / 1000000 + 1), 0);
    return true;
}

/* One bell for all: whoever sleeps looks again. */
static SRWLOCK bell_lock = SRWLOCK_INIT;
static CONDITION_VARIABLE bell = CONDITION_VARIABLE_INIT;

bool thread_await(bool (*come)(void *with), void *with, int ms)
{
    const int64_t late_ns = process_clock_ns() + (int64_t) ms * 1000000;
    bool came;

    AcquireSRWLockExclusive(&bell_lock);
    while (!(came = come(with)) && sleep_until(&bell, &bell_lock, late_ns))
        continue;
    ReleaseSRWLockExclusive(&bell_lock);
    return came || come(with);
}

void thread_ring(void)
{
    AcquireSRWLockExclusive(&bell_lock);
    WakeAllConditionVariable(&bell);
    ReleaseSRWLockExclusive(&bell_lock);
}

struct barrier *barrier_make(int count)
{
    struct barrier *barrier = must_have(calloc(1, sizeof *barrier));

    InitializeSRWLock(&barrier->lock);
    InitializeConditionVariable(&barrier->full);
    barrier->count = barrier->missing = count;
    return barrier;
}

void barrier_wait(struct barrier *barrier)
{
    unsigned round;

    AcquireSRWLockExclusive(&barrier->lock);
    round = barrier->round;
    if (--barrier->missing == 0) {
        barrier->missing = barrier->count;
        barrier->round++;
        WakeAllConditionVariable(&barrier->full);
    }
    while (barrier->round == round)
        SleepConditionVariableSRW(&barrier->full, &barrier->lock, INFINITE, 0);
    ReleaseSRWLockExclusive(&barrier->lock);
}

void barrier_free(struct barrier *barrier)
{
    free(barrier);
}

static void watchdog_main(void *argument)
{
    struct watchdog *watchdog = argument;
    bool late;

    AcquireSRWLockExclusive(&watchdog->lock);
    while (!watchdog->stopped && sleep_until(&watchdog->stop, &watchdog->lock, watchdog->at_ns))
        continue;
    late = !watchdog->stopped;
    ReleaseSRWLockExclusive(&watchdog->lock);
    if (late)
        watchdog->then(watchdog->argument);
}

struct watchdog *watchdog_start(int ms, void (*then)(void *argument), void *argument)
{
    struct watchdog *watchdog = must_have(calloc(1, sizeof *watchdog));

    InitializeSRWLock(&watchdog->lock);
    InitializeConditionVariable(&watchdog->stop);
    watchdog->at_ns = process_clock_ns() + (int64_t) ms * 1000000;
    watchdog->then = then;
    watchdog->argument = argument;
    watchdog->thread = thread_start(watchdog_main, watchdog);
    return watchdog;
}

void watchdog_stop(struct watchdog *watchdog)
{
    AcquireSRWLockExclusive(&watchdog->lock);
    watchdog->stopped = true;
    WakeConditionVariable(&watchdog->stop);
    ReleaseSRWLockExclusive(&watchdog->lock);
    thread_join(watchdog->thread);
    free(watchdog);
}

void thread_lock(void)
{
    AcquireSRWLockExclusive(&lock);
}

void thread_unlock(void)
{
    ReleaseSRWLockExclusive(&lock);
}
