/*
 * suite.h -- how a conformance case is written.
 *
 *     CASE(e5_forget_silences_a_queued_event, "E5", NEEDS_NOTHING,
 *          "a source is armed, becomes ready, and is forgotten before anybody waits",
 *          "no wait() names it")
 *     {
 *         rouse_fd ends[2];
 *         ...
 *         CHECK(E5, world_quiet(world, source, WORLD_QUIET) == 0, "a forgotten source was
 * reported");
 *     }
 *
 *     CASES(evq_e5) = {&e5_forget_silences_a_queued_event};
 *
 * Each file has its cases, ends in one such list, and is named in cases.def.
 *
 * Every assertion names the guarantee that is broken when it fails, by an id of
 * guarantees.def: without one, or with one that is not there, it does not compile. A
 * case may assert only what it is tagged with ("E5 E1" for two); what the world around
 * it finds (world.h says what) is the exception. So a red cell of the matrix always
 * says which promise was not kept, and not merely which test was running.
 *
 * Rules for cases. A case runs alone in its process, and also after others in one
 * process (--in-process), so it leaves nothing behind. It runs on every backend,
 * unless it NEEDS what that one lacks. It never sleeps to make a race likely, and
 * never waits without a limit: the helpers of world.h have one. Its name is a sentence
 * about behaviour that begins with its first guarantee.
 */
#ifndef ROUSE_CONFORMANCE_SUITE_H
#define ROUSE_CONFORMANCE_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#include "guarantees.h"

struct world;

/* What a case may need that a backend, or this machine, may lack. There it is
 * reported as unsupported, by the name of what was missing. */
enum suite_needs {
    NEEDS_NOTHING = 0,
    NEEDS_IPV6 = 1 << 0,        /* the loopback interface speaks IPv6 */
    NEEDS_UNIX = 1 << 1,        /* AF_UNIX sockets */
    NEEDS_ICMP = 1 << 2,        /* a datagram socket is told that its peer's port is closed */
    NEEDS_NON_SOCKETS = 1 << 3, /* descriptors that are no sockets: pipes, files */
    NEEDS_KERNEL = 1 << 4,      /* real time, signals, descriptors of the host */
    NEEDS_LIMIT = 1 << 5,       /* the system's limit on descriptors can be lowered */
    NEEDS_SIM = 1 << 6,         /* the backend is sim, and the case is about sim.h */
    NEEDS_FAILURES = 1 << 7,    /* system calls can be made to fail, see fault/calls.h */
    NEEDS_RULES = 1 << 8        /* ROUSE_RULE is compiled in; else the case is not run */
};

/* Whether ROUSE_RULE is compiled in. */
#ifdef NDEBUG
enum { SUITE_RULES = 0 };
#else
enum { SUITE_RULES = 1 };
#endif

struct suite_case {
    const char *name;
    const char *guarantees; /* ids, separated by single spaces, its first one first */
    unsigned needs;         /* of enum suite_needs */
    const char *arranges;   /* a clause each, for reports */
    const char *expects;
    const char *file;
    int line;
    void (*body)(struct world *world);
};

#if defined(__MINGW_PRINTF_FORMAT) /* of a standard printf(), not of Windows' own */
#define SUITE_UNUSED __attribute__((unused))
#define SUITE_PRINTF(text, first) __attribute__((format(__MINGW_PRINTF_FORMAT, text, first)))
#elif defined(__GNUC__)
#define SUITE_UNUSED __attribute__((unused))
#define SUITE_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define SUITE_UNUSED
#define SUITE_PRINTF(text, first)
#endif

/* Defines a case. The body that follows has `world`, its queue and its sockets. */
#define CASE(name, guarantees, needs, arranges, expects)                                           \
    static void name##_body(struct world *world);                                                  \
    static const struct suite_case name = {#name,   guarantees, (needs),  arranges,                \
                                           expects, __FILE__,   __LINE__, name##_body};            \
    static void name##_body(SUITE_UNUSED struct world *world)

/* The list at the end of a file. It ends at the first NULL, which the initialiser
 * leaves after the last name. */
enum { SUITE_CASES_MAX = 48 };
#define CASES(list) const struct suite_case *const cases_##list[SUITE_CASES_MAX]

/* Checks that guarantee `id` holds, and goes on either way; the value is whether it
 * did. The message says, printf-like, what was seen. Any thread. */
#define CHECK(id, holds, ...)                                                                      \
    suite_check(GUARANTEE_##id, (holds), #holds, __FILE__, __LINE__, __VA_ARGS__)

/* The same for two numbers that must be equal, both of which the message tells. */
#define CHECK_EQUAL(id, value, expected, what)                                                     \
    suite_check_equal(GUARANTEE_##id, (intptr_t) (value), (intptr_t) (expected), what, __FILE__,   \
                      __LINE__)

/* The same as CHECK, but leaves the case when it fails, for what the rest stands on. On
 * the case's own thread; elsewhere it ends the process. */
#define REQUIRE(id, holds, ...)                                                                    \
    suite_require(GUARANTEE_##id, (holds), #holds, __FILE__, __LINE__, __VA_ARGS__)

/* Checks that `run(argument)` ends its process by rouse_misuse(), with a line that
 * contains `says`. It runs in a process of its own, a copy of this one; or in one that runs
 * this case again up to here. */
#define CHECK_MISUSE(id, run, argument, says)                                                      \
    suite_check_misuse(GUARANTEE_##id, (run), (argument), says, __FILE__, __LINE__)

/* What the macros above call. */
bool suite_check(enum guarantee id, bool holds, const char *condition, const char *file, int line,
                 const char *message, ...) SUITE_PRINTF(6, 7);
bool suite_check_equal(enum guarantee id, intptr_t value, intptr_t expected, const char *what,
                       const char *file, int line);
void suite_require(enum guarantee id, bool holds, const char *condition, const char *file, int line,
                   const char *message, ...) SUITE_PRINTF(6, 7);
bool suite_check_misuse(enum guarantee id, void (*run)(void *argument), void *argument,
                        const char *says, const char *file, int line);

/* Leaves the case as an error: this machine did not do its part (no socket, no thread),
 * and nothing is known about the backend. */
void suite_error(const char *message, ...) SUITE_PRINTF(1, 2);

/* A line for whoever reads a failure later. */
void suite_note(const char *message, ...) SUITE_PRINTF(1, 2);

#endif /* ROUSE_CONFORMANCE_SUITE_H */
