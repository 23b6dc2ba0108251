/*
 * suite.c -- runs cases under CUnit, and takes their assertions.
 *
 * CUnit counts and summarises. What it does not have is added here: which guarantee an
 * assertion was about, whether the case may assert that one, messages, assertions on
 * other threads, and a verdict besides pass and fail.
 *
 * The hard problem is a case that cannot go on. It is left by longjmp() to run_case(),
 * and its world is then abandoned as it stands: closing it would run library code in a
 * state that nobody has thought about. In a process of its own that costs nothing, and
 * in one that goes on with other cases only what those would miss is given back.
 */
#include "runner.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"
#include "report.h"
#include "world.h"

enum { MESSAGES_MAX = 8 }; /* failures of one case that are told; a loop may have thousands */

/* Where the lists of cases are named. The suite's own tests name others. */
#ifndef SUITE_CASES
#define SUITE_CASES "cases.def"
#endif

#define SUITE(list) extern const struct suite_case *const cases_##list[SUITE_CASES_MAX];
#include SUITE_CASES
#undef SUITE

const struct suite_case *const *const suite_lists[] = {
#define SUITE(list) cases_##list,
#include SUITE_CASES
#undef SUITE
    NULL};

static struct {
    const struct suite_run *run;
    const struct suite_case *current;
    const void *thread; /* the case's own */
    int checks;         /* assertions of the case itself */
    int failures;
    int copies; /* processes for misuse that it asked for */
    jmp_buf leave;
} suite;

static void tell(enum suite_news news, enum guarantee id, const char *text, const char *file,
                 int line)
{
    suite.run->listener->hear(suite.run->listener, suite.current, news, id, text, file, line);
}

static void leave(void)
{
    if (thread_here() != suite.thread) {
        tell(SUITE_LEFT, GUARANTEE_COUNT, "left on another thread", NULL, 0);
        process_exit(1);
    }
    longjmp(suite.leave, 1);
}

bool suite_tagged(const struct suite_case *which, enum guarantee id)
{
    const char *at = which->guarantees;

    while (at != NULL) {
        if (guarantee_find(at, " ") == id)
            return true;
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return false;
}

const char *suite_need_name(unsigned need)
{
    switch (need) {
    case NEEDS_IPV6: return "IPv6";
    case NEEDS_UNIX: return "AF_UNIX";
    case NEEDS_ICMP: return "ICMP errors";
    case NEEDS_NON_SOCKETS: return "descriptors that are no sockets";
    case NEEDS_KERNEL: return "real kernel time";
    case NEEDS_LIMIT: return "limit on descriptors";
    case NEEDS_SIM: return "the simulation";
    case NEEDS_FAILURES: return "system calls that can be made to fail";
    case NEEDS_RULES: return "rules of debug builds";
    default: return "nothing";
    }
}

/* -- Assertions -------------------------------------------------------------- */

static void judge(enum guarantee id, bool holds, const char *condition, const char *file, int line,
                  const char *text)
{
    CU_assertImplementation(holds ? CU_TRUE : CU_FALSE, (unsigned) line, condition, file, "",
                            CU_FALSE);
    if (!holds && ++suite.failures <= MESSAGES_MAX)
        tell(SUITE_FAILED, id, text, file, line);
}

/* An assertion about something else than what the case is for would colour a cell that
 * nobody looks at it for. */
static void count_and_demand_tag(enum guarantee id, const char *file, int line)
{
    char text[120];

    suite.checks++;
    if (suite_tagged(suite.current, id))
        return;
    snprintf(text, sizeof text, "asserts %s, but is tagged with %s", guarantees[id].id,
             suite.current->guarantees);
    tell(SUITE_ERROR, GUARANTEE_COUNT, text, file, line);
}

static void judge_text(enum guarantee id, bool holds, const char *condition, const char *file,
                       int line, const char *message, va_list arguments)
{
    char text[400];

    vsnprintf(text, sizeof text, message, arguments);
    judge(id, holds, condition, file, line, text);
}

bool suite_check(enum guarantee id, bool holds, const char *condition, const char *file, int line,
                 const char *message, ...)
{
    va_list arguments;

    thread_lock();
    count_and_demand_tag(id, file, line);
    va_start(arguments, message);
    judge_text(id, holds, condition, file, line, message, arguments);
    va_end(arguments);
    thread_unlock();
    return holds;
}

bool suite_check_equal(enum guarantee id, intptr_t value, intptr_t expected, const char *what,
                       const char *file, int line)
{
    return suite_check(id, value == expected, what, file, line, "%s is %lld, not %lld", what,
                       (long long) value, (long long) expected);
}

void suite_require(enum guarantee id, bool holds, const char *condition, const char *file, int line,
                   const char *message, ...)
{
    va_list arguments;

    thread_lock();
    count_and_demand_tag(id, file, line);
    va_start(arguments, message);
    judge_text(id, holds, condition, file, line, message, arguments);
    va_end(arguments);
    thread_unlock();
    if (!holds)
        leave();
}

bool suite_check_by_world(enum guarantee id, bool holds, const char *condition, const char *file,
                          int line, const char *message, ...)
{
    va_list arguments;

    thread_lock();
    va_start(arguments, message);
    judge_text(id, holds, condition, file, line, message, arguments);
    va_end(arguments);
    thread_unlock();
    return holds;
}

/* The arguments by which our program runs this case again, up to its copy of this number. */
static void make_again(const char *again[12], const char *number)
{
    const struct suite_run *run = suite.run;
    const char *const words[] = {run->program, "--run-case",       suite.current->name,
                                 "--backend",  run->backend->name, "--copy",
                                 number};
    int count = 0;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        again[count++] = words[i];
    if (run->plugin != NULL) {
        again[count++] = "--plugin";
        again[count++] = run->plugin;
    }
    if (!run->check)
        again[count++] = "--no-check";
    again[count] = NULL;
}

bool suite_check_misuse(enum guarantee id, void (*run)(void *argument), void *argument,
                        const char *says, const char *file, int line)
{
    const char *again[12];
    char output[2000], number[20];
    enum process_end end;

    snprintf(number, sizeof number, "%d", ++suite.copies);
    if (suite.copies == suite.run->copy)
        process_be_a_copy(run, argument);
    if (suite.copies < suite.run->copy)
        return true; /* the copy before us has looked */
    make_again(again, number);
    end = process_copy(run, argument, again, output, sizeof output);
    if (end == PROCESS_NOT_STARTED)
        suite_error("no process for a misuse");
    return suite_check(id, end == PROCESS_ABORTED && strstr(output, says) != NULL, says, file, line,
                       "%s where it should stop with \"%s\"; it says \"%.200s\"",
                       end == PROCESS_RETURNED  ? "goes on"
                       : end == PROCESS_ABORTED ? "stops"
                                                : "ends in another way",
                       says, output);
}

void suite_fail_and_exit(enum guarantee id, const char *text, const char *file, int line)
{
    thread_lock();
    tell(SUITE_FAILED, id, text, file, line);
    tell(SUITE_LEFT, GUARANTEE_COUNT, "the process had to be ended", NULL, 0);
    process_exit(1);
}

void suite_error(const char *message, ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, message);
    vsnprintf(text, sizeof text, message, arguments);
    va_end(arguments);
    thread_lock();
    tell(SUITE_ERROR, GUARANTEE_COUNT, text, NULL, 0);
    thread_unlock();
    leave();
}

void suite_note(const char *message, ...)
{
    char text[400];
    va_list arguments;

    va_start(arguments, message);
    vsnprintf(text, sizeof text, message, arguments);
    va_end(arguments);
    thread_lock();
    tell(SUITE_NOTE, GUARANTEE_COUNT, text, NULL, 0);
    thread_unlock();
}

/* -- Running ----------------------------------------------------------------- */

/* The first of what the case needs and this queue has not; 0 when it has all. */
static unsigned lacking(const struct suite_case *which, const struct world *world)
{
    const unsigned missing =
        which->needs & ~(world_capabilities(world) | (SUITE_RULES ? NEEDS_RULES : 0u));

    return missing & (0 - missing);
}

/* A case that cannot fail proves nothing. */
static void run_body(struct world *world)
{
    suite.current->body(world);
    if (suite.checks == 0)
        tell(SUITE_ERROR, GUARANTEE_COUNT, "it has asserted nothing", NULL, 0);
}

static void run_in_world(struct world *world)
{
    const unsigned need = lacking(suite.current, world);

    if (need == NEEDS_RULES)
        tell(SUITE_NOT_RUN, GUARANTEE_COUNT, "this build checks no rules (NDEBUG)", NULL, 0);
    else if (need != 0)
        tell(SUITE_UNSUPPORTED, GUARANTEE_COUNT, suite_need_name(need), NULL, 0);
    else
        run_body(world);
}

static void run_case(const struct suite_case *which)
{
    const struct world_options options = {suite.run->backend, suite.run->check};
    /* On the heap: a world that is abandoned may still be used by what was left running. */
    struct world *world = calloc(1, sizeof *world);
    int error;

    suite.current = which;
    suite.thread = thread_here();
    suite.checks = 0;
    suite.failures = 0;
    suite.copies = 0;
    tell(SUITE_BEGAN, GUARANTEE_COUNT, NULL, NULL, 0);
    if (setjmp(suite.leave) != 0) {
        if (world != NULL)
            world_abandon(world);
        tell(SUITE_LEFT, GUARANTEE_COUNT, NULL, NULL, 0);
        return;
    }
    if (world == NULL)
        suite_error("no memory for a world");
    error = world_open(world, &options);
    if (error != 0)
        suite_error("%s does not open: %s", suite.run->backend->name, rouse_strerror(error));
    run_in_world(world);
    /* What a failed case left behind says nothing new, so its world is not looked at. */
    if (suite.failures == 0) {
        world_end(world);
        free(world);
    } else {
        world_abandon(world);
    }
    tell(SUITE_ENDED, GUARANTEE_COUNT, NULL, NULL, 0);
}

/* CUnit's tests have no argument: each is found again by its name. */
static void run_current(void)
{
    const char *name = CU_get_current_test()->pName;

    for (int i = 0; i < suite.run->count; i++)
        if (strcmp(suite.run->cases[i]->name, name) == 0)
            run_case(suite.run->cases[i]);
}

/* "evq/e1_one_shot" for /somewhere/conformance/evq/e1_one_shot.c. */
static void suite_title(const struct suite_case *which, char *title, size_t size)
{
    char *dot;

    snprintf(title, size, "%s", report_file(which->file));
    dot = strrchr(title, '.');
    if (dot != NULL)
        *dot = '\0';
}

static bool add_tests(const struct suite_run *run)
{
    CU_pSuite tests = NULL;

    for (int i = 0; i < run->count; i++) {
        const struct suite_case *which = run->cases[i];
        char title[200];

        if (tests == NULL || strcmp(which->file, run->cases[i - 1]->file) != 0) {
            suite_title(which, title, sizeof title);
            tests = CU_add_suite(title, NULL, NULL);
        }
        if (tests == NULL || CU_add_test(tests, which->name, run_current) == NULL)
            return false;
    }
    return true;
}

int suite_run(const struct suite_run *run)
{
    int result = -ENOMEM;

    suite.run = run;
    if (CU_initialize_registry() != CUE_SUCCESS)
        return -ENOMEM;
    if (add_tests(run)) {
        CU_run_all_tests();
        if (run->summary)
            CU_print_run_results(stdout);
        result = 0;
    }
    CU_cleanup_registry();
    return result;
}
