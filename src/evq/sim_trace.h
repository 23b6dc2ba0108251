/*
 * sim_trace.h -- one line for each thing that happens in a simulation.
 *
 * A line begins with the time and has nothing in it that could differ from run to run or
 * from system to system: descriptors are the simulation's own, and errors have names.
 */
#ifndef ROUSE_EVQ_SIM_TRACE_H
#define ROUSE_EVQ_SIM_TRACE_H

#include <rouse/base.h>

#if defined(__GNUC__)
#define SIM_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define SIM_PRINTF(text, first)
#endif

struct rouse__sim_trace {
    void (*line)(void *with, const char *line); /* NULL: nobody listens */
    void *with;
    const rouse_time *now;
};

/* A line. */
void rouse__sim_tell(const struct rouse__sim_trace *trace, const char *format, ...)
    SIM_PRINTF(2, 3);

/* The same with ": " and a result behind it. */
void rouse__sim_tell_result(const struct rouse__sim_trace *trace, intptr_t result,
                            const char *format, ...) SIM_PRINTF(3, 4);

#endif /* ROUSE_EVQ_SIM_TRACE_H */
