/*
 * calls.h -- system calls that fail when told to.
 *
 * On Linux the suite has functions of its own by the names of those that the library and
 * the backend under test call (calls.def lists them). Each goes on to the system's, unless
 * it was told to fail. What the kit calls itself is never counted, and neither is what a
 * call does inside: an emulation, or a library below, is not told.
 */
#ifndef ROUSE_CONFORMANCE_FAULT_CALLS_H
#define ROUSE_CONFORMANCE_FAULT_CALLS_H

#include <stdbool.h>

struct world;

enum call_fails { CALL_FAILS, CALL_PASSES, CALL_DONE };

/* A line of calls.def. */
struct call_failure {
    const char *call;
    int error;
    const char *error_name;
    enum call_fails how;
    int told; /* what whoever asked is told, or 0 */
};

/* All there are, with one without a name at the end; or that alone where calls cannot be
 * made to fail. */
extern const struct call_failure call_failures[];

/* From now on it is noted which calls are made; until calls_end(). */
void calls_note(const struct world *world);

/* Whether such a call was, when that was last noted. */
bool calls_noted(const struct call_failure *failure);

/* Whether it differs from the line above it by the error alone. */
bool calls_alike(const struct call_failure *failure);

/* From now on the n-th call (1 is the next) fails so, when the library or the backend
 * makes it; and with `for_ever` all that follow, or, of what passes, every second. */
void calls_fail(const struct world *world, const struct call_failure *failure, int n,
                bool for_ever);

/* From now on the moments of this thread are counted, until calls_end(): one before each
 * call that it makes, and one after it, whoever's call it is. At the n-th (1 is the next)
 * another thread does `meet(with)`, and this one goes on when that is done. */
void calls_meet(int n, void (*meet)(void *with), void *with);

/* Whether that moment came. */
bool calls_met(void);

/* For the moment nothing fails, nor is counted. */
void calls_spare(bool spares);

/* How many calls have failed, so far or when it ends. */
int calls_failed(void);
int calls_end(void);

#endif /* ROUSE_CONFORMANCE_FAULT_CALLS_H */
