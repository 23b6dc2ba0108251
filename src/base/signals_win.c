/*
 * signals_win.c -- what Windows has of signals, and a list of those whom it tells.
 *
 *   SIGINT    Ctrl+C, or raise()
 *   SIGBREAK  Ctrl+Break, or raise()
 *   SIGTERM   the console is being closed or the machine is going down, or raise()
 *
 * The others are a thread's own failures, which it cannot wait for.
 *
 * The hard part is that there are two sources: the console calls a handler on a thread of
 * its own, and raise() calls the C library's on its caller's. The library listens to the
 * console too, but takes a handler out whenever it calls it, and the second of two quick
 * Ctrl+C would end the program; so the console tells us first.
 *
 * Some systems hold the console's lock while they call its handlers, and signal() may want
 * that lock. So there are two locks of ours: whoever holds `telling` calls neither.
 */
#include "atomic.h"
#include "signals.h"

#include "error_win.h"

#include <errno.h>
#include <signal.h>
#include <windows.h>

enum { NUMBERS = 32 };

/* Whoever takes both takes `installing` first. */
static SRWLOCK installing = SRWLOCK_INIT; /* guards `signals` */
static SRWLOCK telling = SRWLOCK_INIT;    /* guards `watches` and who is in it */
static struct rouse__signal_watch *watches;
static struct {
    unsigned users;
    void (*before)(int);
} signals[NUMBERS];

static bool catchable(int number)
{
    return number == SIGINT || number == SIGBREAK || number == SIGTERM;
}

/* Whether anybody wanted to know. */
static bool tell(int number)
{
    const uint64_t bit = (uint64_t) 1 << number;
    struct rouse__signal_watch *watch;
    bool told = false;

    AcquireSRWLockExclusive(&telling);
    for (watch = watches; watch != NULL; watch = watch->next)
        if ((watch->watched & bit) != 0) {
            atomic_fetch_or(&watch->came[number / 32], (uintptr_t) 1 << number % 32);
            watch->notify(watch->to);
            told = true;
        }
    ReleaseSRWLockExclusive(&telling);
    return told;
}

static void handler(int number)
{
    const int saved = errno;

    AcquireSRWLockExclusive(&installing);
    if (signals[number].users > 0) /* still: else what was there before is back already */
        signal(number, handler);
    ReleaseSRWLockExclusive(&installing);
    (void) tell(number);
    errno = saved;
}

static BOOL WINAPI console_handler(DWORD event)
{
    switch (event) {
    case CTRL_C_EVENT: return tell(SIGINT);
    case CTRL_BREAK_EVENT: return tell(SIGBREAK);
    case CTRL_CLOSE_EVENT:
    case CTRL_SHUTDOWN_EVENT:
        if (!tell(SIGTERM))
            return FALSE;
        /* The process ends as soon as we return, or by itself, or after some seconds. */
        Sleep(INFINITE);
        return TRUE;
    default: return FALSE; /* some user logs off, whom a service need not know */
    }
}

/* Stays for good: taking it out might have to wait for the sleep in it. */
static BOOL WINAPI listen_to_console(INIT_ONCE *once, void *unused, void **context)
{
    (void) once;
    (void) unused;
    (void) context;
    return SetConsoleCtrlHandler(console_handler, TRUE);
}

static int install(int number)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    void (*before)(int);

    if (signals[number].users > 0)
        return 0;
    before = signal(number, handler);
    if (before == SIG_ERR)
        return -errno;
    /* After signal(), whose own handler would otherwise be asked before ours. */
    if (!InitOnceExecuteOnce(&once, listen_to_console, NULL, NULL)) {
        const int error = rouse__error_last();

        signal(number, before);
        return error;
    }
    signals[number].before = before;
    return 0;
}

static void watches_insert(struct rouse__signal_watch *watch, int number)
{
    AcquireSRWLockExclusive(&telling);
    if (watch->watched == 0) {
        watch->next = watches;
        watches = watch;
    }
    watch->watched |= (uint64_t) 1 << number;
    ReleaseSRWLockExclusive(&telling);
}

/* What it watched. */
static uint64_t watches_remove(struct rouse__signal_watch *watch)
{
    const uint64_t watched = watch->watched;
    struct rouse__signal_watch **link;

    AcquireSRWLockExclusive(&telling);
    for (link = &watches; *link != NULL; link = &(*link)->next)
        if (*link == watch) {
            *link = watch->next;
            break;
        }
    watch->watched = 0;
    ReleaseSRWLockExclusive(&telling);
    return watched;
}

int rouse__signal_watch(struct rouse__signal_watch *watch, int number)
{
    int error = 0;

    if (!catchable(number))
        return -EINVAL;
    AcquireSRWLockExclusive(&installing);
    if ((watch->watched >> number & 1) == 0) {
        error = install(number);
        if (error == 0) {
            signals[number].users++;
            watches_insert(watch, number);
        }
    }
    ReleaseSRWLockExclusive(&installing);
    return error;
}

void rouse__signal_unwatch(struct rouse__signal_watch *watch)
{
    uint64_t watched;
    int number;

    AcquireSRWLockExclusive(&installing);
    watched = watches_remove(watch);
    for (number = 1; number < NUMBERS; number++)
        if ((watched >> number & 1) != 0 && --signals[number].users == 0)
            signal(number, signals[number].before);
    ReleaseSRWLockExclusive(&installing);
}
