/*
 * trace.h -- what a runtime does, step by step, and where it stands when it rests.
 *
 * A scenario is a program over the public API: actors, which are tasks with a name, and
 * a script that plays the peers. Most are programs in the language of conformance/ops,
 * which lie in programs/; what that cannot say is C. It runs on a queue that writes down what
 * passes through it, in a runtime whose inspector writes down wakes and polls. The result is a
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

enum actor_state { ACTOR_UNBORN, ACTOR_LIVES, ACTOR_ENDED };

/* A task with a name. Bodies embed a pointer to theirs, and say what they got. */
struct actor {
    struct rouse_task task; /* of a scenario in C */
    struct trace *trace;
    const char *name;
    enum actor_state state;
    intptr_t result; /* once ended */
    char where[40];  /* it waits, if it is known */
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

/* The same of a program: programs/NAME.txt. */
#define PROGRAM(name, spurious, about)                                                             \
    extern const char program_##name[];                                                            \
    SCENARIO(name, NEEDS_NOTHING, spurious, about)                                                 \
    {                                                                                              \
        trace_program(trace, program_##name);                                                      \
    }                                                                                              \
    extern const char program_##name[]

void trace_program(struct trace *trace, const char *text);

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
 * then until nothing more happens; notes the normal form under `label`. AS_SIM: until the
 * tasks of a program have done as many statements as they did in sim. */
enum { AS_SIM = -1 };
void trace_rest(struct trace *trace, const char *label, int expected);

/* -- For programs, whose tasks are somebody else's ----------------------------- */

/* Whoever looked on has something to complain of. */
void trace_complain(struct trace *trace, const char *guarantee, const char *complaint);

void actor_woken(struct actor *actor);
void actor_polled(struct actor *actor, enum rouse_poll poll);
/* Before it is told how a poll ended: so many statements it did in it, and waits in which. */
void actor_moved(struct actor *actor, int statements, int at, const char *statement);
void actor_ended(struct actor *actor, intptr_t result);

#endif /* ROUSE_CONFORMANCE_TRACE_H */
