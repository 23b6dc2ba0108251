/*
 * signals_posix.c -- one handler for the process, and a list of those it tells.
 *
 * The hard part is that a handler may run at any moment, on any thread. The list has a
 * spin lock, and nobody holds it with signals unblocked: so a handler never waits for
 * the thread that it interrupted.
 */
#include "atomic.h"
#include "signals.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

enum { NUMBERS = 64 };

static uintptr_t lock;
static struct rouse__signal_watch *watches;
static struct {
    unsigned users;
    struct sigaction before;
} signals[NUMBERS];

static void acquire(void)
{
    while (atomic_exchange(&lock, 1) != 0)
        rouse__thread_yield();
}

static void release(void)
{
    atomic_exchange(&lock, 0);
}

static void acquire_blocking(sigset_t *before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
    acquire();
}

static void release_blocking(const sigset_t *before)
{
    release();
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void handler(int number)
{
    const uint64_t bit = (uint64_t) 1 << number;
    const int saved = errno;
    struct rouse__signal_watch *watch;

    acquire(); /* the handler's mask blocks every signal */
    for (watch = watches; watch != NULL; watch = watch->next)
        if ((watch->watched & bit) != 0) {
            atomic_fetch_or(&watch->came[number / 32], (uintptr_t) 1 << number % 32);
            watch->notify(watch->to);
        }
    release();
    errno = saved;
}

static int install(int number)
{
    struct sigaction action = {0};

    if (signals[number].users > 0)
        return 0;
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    return sigaction(number, &action, &signals[number].before) < 0 ? -errno : 0;
}

int rouse__signal_watch(struct rouse__signal_watch *watch, int number)
{
    sigset_t before;
    uint64_t bit;
    int error = 0;

    if (number <= 0 || number >= NUMBERS)
        return -EINVAL;
    bit = (uint64_t) 1 << number;
    acquire_blocking(&before);
    if ((watch->watched & bit) == 0)
        error = install(number);
    if (error == 0 && (watch->watched & bit) == 0) {
        if (watch->watched == 0) {
            watch->next = watches;
            watches = watch;
        }
        watch->watched |= bit;
        signals[number].users++;
    }
    release_blocking(&before);
    return error;
}

void rouse__signal_unwatch(struct rouse__signal_watch *watch)
{
    struct rouse__signal_watch **link;
    sigset_t before;
    int number;

    acquire_blocking(&before);
    for (link = &watches; *link != NULL; link = &(*link)->next)
        if (*link == watch) {
            *link = watch->next;
            break;
        }
    for (number = 1; number < NUMBERS; number++)
        if ((watch->watched >> number & 1) != 0 && --signals[number].users == 0)
            sigaction(number, &signals[number].before, NULL);
    watch->watched = 0;
    release_blocking(&before);
}
