/*
 * signals.h -- the process's signals, for as many watchers as there are.
 */
#ifndef ROUSE_BASE_SIGNALS_H
#define ROUSE_BASE_SIGNALS_H

#include <rouse/base.h>

/* Somebody who wants to know. The caller owns the storage. */
struct rouse__signal_watch {
    struct rouse__signal_watch *next;
    uint64_t watched;         /* one bit for each number */
    uintptr_t came[2];        /* atomic: those that came, 32 bits to a word */
    void (*notify)(void *to); /* called in the signal handler, on any thread */
    void *to;
};

/* Watches one more signal; the first call enters the watch. 0, or -EINVAL for a number
 * that cannot be caught. What the signal did before is kept and restored by the last
 * rouse__signal_unwatch(). */
int rouse__signal_watch(struct rouse__signal_watch *watch, int number);

/* Ends the watch; after it returns nobody is notified. */
void rouse__signal_unwatch(struct rouse__signal_watch *watch);

/* Takes the signals that came since the last call, one bit for each number. */
uint64_t rouse__signal_take(struct rouse__signal_watch *watch);

#endif /* ROUSE_BASE_SIGNALS_H */
