/*
 * signals.h -- what signals do in this process while a case plays with them.
 *
 * A signal that rouse does not take would end the process. So beneath rouse lies a handler
 * that counts: a signal is taken when it does not get there.
 */
#ifndef ROUSE_CONFORMANCE_SIGNAL_SIGNALS_H
#define ROUSE_CONFORMANCE_SIGNAL_SIGNALS_H

#include <signal.h>

#include "../world.h"

/* Standard C knows two that nobody raises by accident. */
enum { SIGNALS = 2 };
extern const int signals[SIGNALS];

typedef void (*signals_handler)(int number);

/* From here on each of them is counted, and has no other effect. */
void signals_begin(void);
void signals_end(void);

/* The handler that counts, and how often it was called since this was last asked. */
void signals_count(int number);
int signals_counted(void);

/* What `number` does at the moment. */
signals_handler signals_now(int number);

/* Makes a reactor watch `number`, and leaves nobody waiting. What was remembered is taken. */
void signals_watch(struct rouse_reactor *reactor, int number);

/* Whether a rouse_signal for `number` ends with 0 within WORLD_SOON. */
bool signals_comes(struct rouse *rt, int number);

/* Whether one, once begun, is left waiting. */
bool signals_silent(struct rouse *rt, int number);

#endif /* ROUSE_CONFORMANCE_SIGNAL_SIGNALS_H */
