/*
 * planted.c -- cases that go wrong, each in its way. test_conform.py links them into a
 * rouse-conform of their own, and sees to it that each is reported as what it is.
 *
 * The file that includes this one may define PLANTED_BREACH, and then there are cases
 * that cannot be traced, too.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fault/calls.h"
#include "../process.h"
#include "../world.h"

CASE(e1_passes, "E1", NEEDS_NOTHING, "nothing", "nothing")
{
    CHECK(E1, world->evq != NULL, "there is a queue");
}

CASE(e1_passes_after_noise, "E1", NEEDS_NOTHING, "prints without ending its line", "nothing")
{
    CHECK(E1, printf("noise, and no end") > 0, "it prints");
}

CASE(e1_fails, "E1 E2", NEEDS_NOTHING, "an assertion about E1 fails", "E1 alone is red")
{
    CHECK(E1, world == NULL, "seen: %d", 42);
    CHECK(E2, world != NULL, "it goes on");
}

CASE(e1_is_left, "E1 E2", NEEDS_NOTHING, "an assertion about E1 that the rest stands on fails",
     "E2 is not run")
{
    REQUIRE(E1, world == NULL, "cannot go on");
    CHECK(E2, world != NULL, "never reached");
}

CASE(e1_crashes, "E1", NEEDS_NOTHING, "a bad address", "an error")
{
    CHECK(E1, world->evq != NULL, "there is a queue");
    raise(SIGSEGV);
}

#ifdef PLANTED_WINDOWS
CASE(e1_uses_a_bad_address, "E1", NEEDS_NOTHING, "a write to no address", "an error")
{
    int *volatile nowhere = NULL;

    CHECK(E1, world->evq != NULL, "there is a queue");
    *nowhere = 1;
}
#define OF_WINDOWS &e1_uses_a_bad_address,
#else
#define OF_WINDOWS
#endif

CASE(e1_hangs, "E1", NEEDS_NOTHING, "no end", "an error when the time is over")
{
    while (world->evq != NULL)
        thread_yield();
}

CASE(e1_exits_early, "E1", NEEDS_NOTHING, "ends the process with status 0", "an error")
{
    CHECK(E1, world->evq != NULL, "there is a queue");
    exit(0);
}

CASE(e1_aborts, "E1 E5", NEEDS_NOTHING, "a rule of E5 is broken, and stops the program",
     "E5 is red, E1 is not run")
{
    CHECK(E1, world->evq != NULL, "there is a queue");
    rouse_misuse("E5: it was planted", "planted");
}

CASE(e1_exits_badly, "E1", NEEDS_NOTHING, "all is well until the process ends with status 3",
     "an error")
{
    CHECK(E1, world->evq != NULL, "there is a queue");
    atexit(abort);
}

CASE(e1_leaks_memory, "E1", NEEDS_NOTHING, "memory of the queue's is kept", "L1 is red")
{
    CHECK(E1, world->alloc->resize(world->alloc->self, NULL, 0, 10) != NULL, "there is memory");
}

CASE(e1_leaks_a_descriptor, "E1", NEEDS_KERNEL, "a socket stays open", "L1 is red")
{
    rouse_fd fd = ROUSE_NO_FD;

    CHECK(E1, world->sockets->open(world->sockets, ROUSE_IPV4, &fd) == 0, "there is a socket");
}

CASE(e1_keeps_a_waker, "E1", NEEDS_NOTHING, "a waker is retained", "L1 is red")
{
    struct rouse_waker waker = wakes_waker(world_wakes(world));

    waker.ops->retain(waker.data);
    CHECK(E1, waker.data != NULL, "it is retained");
}

CASE(e1_asserts_nothing, "E1", NEEDS_NOTHING, "nothing", "an error")
{
    world_turn(world, 0);
}

CASE(e1_asserts_what_it_is_not_about, "E1", NEEDS_NOTHING, "an assertion about E7", "an error")
{
    CHECK(E7, world != NULL, "it holds");
}

CASE(e1_is_left_without_descriptors, "E1", NEEDS_NOTHING,
     "descriptors have run out, and an assertion that the rest stands on fails",
     "E1 is red, and whoever comes next has descriptors again")
{
    world_starve(world);
    REQUIRE(E1, world == NULL, "cannot go on");
}

CASE(e1_is_left_while_calls_fail, "E1", NEEDS_FAILURES,
     "there are no pipes, and an assertion that the rest stands on fails",
     "E1 is red, and whoever comes next has pipes again")
{
    const struct call_failure *failure = call_failures;

    while (strcmp(failure->call, "pipe2") != 0)
        failure++;
    calls_fail(world, failure, 1, true);
    REQUIRE(E1, world == NULL, "cannot go on");
}

CASE(e1_runs_out_of_descriptors_twice, "E1", NEEDS_NOTHING,
     "descriptors run out, are there again, and run out again",
     "it passes, and whoever comes next has descriptors again")
{
    world_starve(world);
    world_feed(world, INT_MAX);
    world_starve(world);
    CHECK(E1, world != NULL, "nobody minds");
}

CASE(e1_needs_many_descriptors, "E1", NEEDS_NOTHING, "a hundred pairs are opened", "it passes")
{
    rouse_fd ends[2];

    for (int i = 0; i < 100; i++)
        world_pair(world, ends);
    CHECK(E1, world != NULL, "all are open");
}

static void fail_elsewhere(void *argument)
{
    CHECK(E1, argument == NULL, "on another thread");
}

CASE(e1_fails_on_a_thread, "E1", NEEDS_NOTHING, "an assertion fails on another thread", "E1 is red")
{
    thread_join(thread_start(fail_elsewhere, world));
}

static void misuse(void *argument)
{
    rouse_misuse(argument, "planted");
}

static void no_misuse(void *argument)
{
    (void) argument;
}

CASE(x8_misuse_is_seen, "X8", NEEDS_NOTHING, "a rule is broken in a copy of the process",
     "it passes")
{
    static char what[] = "F2: moved";

    (void) world;
    CHECK_MISUSE(X8, misuse, what, "F2: moved");
}

CASE(x8_no_misuse_is_seen, "X8", NEEDS_NOTHING, "no rule is broken in a copy of the process",
     "X8 is red")
{
    (void) world;
    CHECK_MISUSE(X8, no_misuse, NULL, "F2: moved");
}

CASE(e1_needs_what_is_never_there, "E1", 1 << 20, "a capability that nobody has", "unsupported")
{
    CHECK(E1, world == NULL, "never reached");
}

CASE(e7_is_never_woken, "E7", NEEDS_NOTHING, "a wait without limit, and nobody to end it",
     "E7 is red when the patience is over")
{
    struct rouse_event event;

    WAIT_UNLIMITED(E7, world, &event, 1);
}

#ifdef PLANTED_BREACH
CASE(e1_knows_no_guarantee, "E1 Q9", NEEDS_NOTHING, "a tag that is no guarantee", "nothing is run")
{
    (void) world;
}

CASE(e1_names_none, "", NEEDS_NOTHING, "no tag", "nothing is run")
{
    (void) world;
}

CASE(e2_is_misnamed, "E1", NEEDS_NOTHING, "a name that begins with another tag", "nothing is run")
{
    (void) world;
}
#define BREACHES &e1_knows_no_guarantee, &e1_names_none, &e2_is_misnamed, &e1_passes,
#else
#define BREACHES
#endif

CASES(planted) = {&e1_passes,
                  &e1_passes_after_noise,
                  &e1_fails,
                  &e1_is_left,
                  &e1_crashes,
                  &e1_hangs,
                  &e1_exits_early,
                  &e1_aborts,
                  &e1_exits_badly,
                  &e1_leaks_memory,
                  &e1_leaks_a_descriptor,
                  &e1_keeps_a_waker,
                  &e1_asserts_nothing,
                  &e1_asserts_what_it_is_not_about,
                  &e1_is_left_without_descriptors,
                  &e1_is_left_while_calls_fail,
                  &e1_runs_out_of_descriptors_twice,
                  &e1_needs_many_descriptors,
                  &e1_fails_on_a_thread,
                  &x8_misuse_is_seen,
                  &x8_no_misuse_is_seen,
                  &e1_needs_what_is_never_there,
                  &e7_is_never_woken,
                  OF_WINDOWS BREACHES};
