/*
 * trace.h -- what a runtime does, step by step, and where it stands when it rests.
 *
 * A scenario is a program over the public API: actors, which are tasks with a name, and
 * a script that plays the peers. It runs on a queue that writes down what passes
 * through it, in a runtime whose inspector writes down wakes and polls. The result is a
 * trace (schema rouse-trace/1, a JSON object a line), in symbolic names: no addresses,
 * no descriptor numbers, no times.
 *
 * Between two points of rest kernels may lawfully differ, in the order inside a batch,
 * in what they merge, in a report too many. At a point of rest they may not: its normal
 * form says which awaits completed with what since the last one, in which state every
 * actor is, which directions are armed, whether a timer runs. Two backends behave the
 * same when their normal forms are equal at every point (B5). Each scenario is a case;
 * it runs on `sim` first, and then on the backend under test.
 *
 * At each point poll(2), or the simulation, is asked as well: an armed direction that it
 * calls ready is a lost event (E2), whatever the other backends did. And polls that
 * ended in PENDING without any progress are counted against a budget (T7).
 *
 * A second case plays the same scenario once for each allocation that it asks for, which
 * then fails (X2), and a third for each kind of system call (X10). What follows may be
 * different only after somebody was told.
 */
#ifndef ROUSE_CONFORMANCE_TRACE_H
#define ROUSE_CONFORMANCE_TRACE_H

#include <stdio.h>

#include "../world.h"

struct trace;

/* A task with a name. Bodies embed a pointer to theirs, and say what they got. */
struct actor {
    struct rouse_task task;
    struct trace *trace;
    const char *name;
    bool progressed; /* since its last poll */
    int polls;
};

struct scenario {
    const char *name;
    int spurious; /* polls without progress that the kernel may cause on a bad day */
    void (*play)(struct trace *trace);
};

/* Defines a scenario, the case that compares it and the one that starves it: both are
 * SCENARIO_CASES(name) in the list. The body has `trace`. */
#define SCENARIO(name, needs, spurious, about)                                                     \
    static void name##_play(struct trace *trace);                                                  \
    static const struct scenario name##_scenario = {#name, (spurious), name##_play};               \
    CASE(b5_the_same_on_every_backend_##name, "B5 E2 T7 T8", needs, about,                         \
         "at every point of rest the normal form is that of sim, and poll(2) knows of nothing")    \
    {                                                                                              \
        scenario_compare(world, &name##_scenario);                                                 \
    }                                                                                              \
    CASE(x2_no_memory_in_the_scenario_##name, "X2 X9 E2 T8", needs,                                \
         about "; and allocation 1, 2, 3, ... fails, alone or with all that follow",               \
         "where it parts from what sim does, somebody was told -ENOMEM; it ends and leaves "       \
         "nothing, and then all is as if nothing had been")                                        \
    {                                                                                              \
        scenario_starve(world, &name##_scenario);                                                  \
    }                                                                                              \
    static void name##_play(struct trace *trace)

#define SCENARIO_CASES(name)                                                                       \
    &b5_the_same_on_every_backend_##name, &x2_no_memory_in_the_scenario_##name

/* And a case in which its system calls fail: REFUSED_CASE(name) in the list. Not where a
 * scenario stands on what a stream holds, which a kernel decides anew each time, takes a
 * report for a byte, begins what it begins only once what was before has ended, or is so long that
 * it would be played a thousand times. */
#define REFUSED(name)                                                                              \
    CASE(x10_refused_calls_in_the_scenario_##name, "X10 X9 E2 T8", NEEDS_KERNEL | NEEDS_FAILURES,  \
         "a scenario is played, and of each kind of system call number 1, 2, 3, ... fails, alone " \
         "or for ever",                                                                            \
         "where it parts from what sim does, somebody was told; it ends and leaves nothing, and "  \
         "then all is as if nothing had been")                                                     \
    {                                                                                              \
        scenario_refuse(world, &name##_scenario);                                                  \
    }
#define REFUSED_CASE(name) &x10_refused_calls_in_the_scenario_##name

void scenario_compare(struct world *world, const struct scenario *scenario);
void scenario_starve(struct world *world, const struct scenario *scenario);
void scenario_refuse(struct world *world, const struct scenario *scenario);

/* From now on the traces of the backend under test are printed. NULL ends it. */
void trace_print_to(FILE *to);

/* -- For bodies and scripts -------------------------------------------------- */

struct world *trace_world(struct trace *trace);
struct rouse *trace_runtime(struct trace *trace);
struct rouse_reactor *trace_reactor(struct trace *trace);

/* Gives a descriptor a name. From now on it is called so, until it is closed. */
rouse_fd trace_name(struct trace *trace, const char *name, rouse_fd fd);

/* Makes an actor; its future is started by trace_spawn(). */
struct actor *trace_actor(struct trace *trace, const char *name);
void trace_spawn(struct actor *actor, struct rouse_future *future);

/* Zeroes, for a body that outlives the script. Given back when the runtime has closed. */
void *trace_lend(struct trace *trace, size_t size);

/* An await completed: "reader: read 5". */
void actor_says(struct actor *actor, const char *await, intptr_t result);

/* The script does something, told in a few words. */
void trace_step(struct trace *trace, const char *what);

/* Runs until `expected` awaits have completed since the last point, or for too long, and
 * then until nothing more happens; notes the normal form under `label`. */
void trace_rest(struct trace *trace, const char *label, int expected);

#endif /* ROUSE_CONFORMANCE_TRACE_H */
