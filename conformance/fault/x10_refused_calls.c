/*
 * x10_refused_calls.c -- X10: when any system call fails, whoever asked is told or progress
 * is made; nothing leaks, nothing hangs, and then everything goes on.
 *
 * The sweep of x2_no_memory.c, over the kinds of calls in calls.def: of each kind the first
 * call fails, then the second, and so on until a run in which no more are made. A call that
 * fails for ever does so until the runtime is closed; after one that fails once the same
 * runtime runs the program again.
 */
#include "calls.h"
#include "play.h"

#include <errno.h>
#include <string.h>

/* Whether a result may come of a failure: what calls.def says, or what the program says
 * when all went well. */
static bool may_tell(const struct call_failure *failure, intptr_t result)
{
    return result == 0 || (failure->told != 0 && result == -failure->told);
}

/* One run, in which the n-th call of a kind fails. How many did; -1 when something is
 * broken. */
static int run_refused(struct world *world, const struct program *program,
                       const struct call_failure *failure, int n, bool for_ever)
{
    const int descriptors = world_open_descriptors(world);
    const char *how = for_ever ? "and those that follow" : "alone";
    struct memory memory;
    struct play play;
    intptr_t result;
    bool opened, holds;
    int failed = 0;

    memory_init(&memory);
    calls_fail(world, failure, n, for_ever);
    result = play_open(&play, world, &memory.alloc);
    opened = result == 0;
    if (opened)
        result = program->run(&play);
    if (!for_ever)
        failed = calls_end();
    if (for_ever && opened)
        play_close(&play);
    if (for_ever)
        failed = calls_end();
    holds = CHECK(X10, failed > 0 ? may_tell(failure, result) : result == 0,
                  "%s() number %d, %s, is %s, and %s says: %s", failure->call, n, how,
                  failure->error_name, program->name, rouse_strerror(result));
    if (opened && !for_ever) {
        result = program->run(&play);
        holds &=
            CHECK(X9, result == 0, "%s() number %d was %s, and a second run of %s says: %s",
                  failure->call, n, failure->error_name, program->name, rouse_strerror(result));
        play_close(&play);
    }
    holds &= CHECK(X10, memory.live == 0,
                   "%s() number %d, %s, is %s: %zu blocks of memory are left over", failure->call,
                   n, how, failure->error_name, memory.live);
    holds &=
        CHECK(X10, world_open_descriptors(world) == descriptors,
              "%s() number %d, %s, is %s: %d descriptors are open, %d were before", failure->call,
              n, how, failure->error_name, world_open_descriptors(world), descriptors);
    return holds ? failed : -1;
}

/* Runs it well, to learn which calls it makes. */
static void note_calls(struct world *world, const struct program *program)
{
    struct play play;

    calls_note(world);
    if (play_open(&play, world, NULL) != 0)
        suite_error("nothing opens");
    CHECK_EQUAL(X10, program->run(&play), 0, "what the program says when nothing fails");
    play_close(&play);
    calls_end();
}

static void sweep(struct world *world, const struct program *program)
{
    int points = 0;

    note_calls(world, program);
    for (const struct call_failure *failure = call_failures; failure->call != NULL; failure++)
        for (int for_ever = 0; for_ever < 2 && calls_noted(failure); for_ever++) {
            if (program == &program_crowd && calls_alike(failure))
                continue; /* it makes hundreds of each, to no other end */
            int n = 1;

            while (run_refused(world, program, failure, n, for_ever) > 0)
                n++;
            points += n - 1;
        }
    CHECK(X10, points > 0, "%s makes no system call", program->name);
    suite_note("%d points", points);
}

#define PROGRAM(name, program, about)                                                              \
    CASE(x10_refused_calls_of_##name, "X10 X9", NEEDS_KERNEL | NEEDS_FAILURES,                     \
         about ", and of each kind of system call number 1, 2, 3, ... fails, alone or for ever",   \
         "it says that error or succeeds, leaves nothing, and then runs as if nothing had been")   \
    {                                                                                              \
        sweep(world, &(program));                                                                  \
    }

#include "programs.def"
#undef PROGRAM

#define PROGRAM(name, program, about) &x10_refused_calls_of_##name,
CASES(fault_x10) = {
#include "programs.def"
#undef PROGRAM
};
