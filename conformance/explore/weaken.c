/*
 * weaken.c -- is the explorer sharp, and is every atomic operation of the library needed?
 *
 * Planted bugs answer the first: wrong programs, and right ones with one operation of the
 * library made weaker, each with what has to be found under each model of memory.
 *
 * The sweep answers the second. It makes every operation that any program reaches weaker, in
 * each way that there is, and runs the programs that reach it until one fails. What none of
 * them notices has to stand in the list `unnoticed`, with its reason; it is looked for with
 * one preemption less, since nothing cuts that search short.
 */
#include <stdio.h>
#include <string.h>

#include "engine.h"

/* How an operation may be weakened. */
enum weakening {
    SPLIT,   /* a read-modify-write becomes a load, and then a store */
    ACQUIRE, /* it takes nothing of what others published */
    RELEASE, /* it publishes nothing */
    WEAKENINGS
};

static const char *const weakenings[] = {"in two steps", "without acquire", "without release"};

enum { SITES = 100 };

/* An operation of the library, and the programs that reach it, one bit for each. */
struct site {
    struct explore_site at;
    unsigned order;
    uint64_t programs;
};

static struct site sites[SITES];
static size_t site_count;
static uint64_t recording; /* the bit of the program that runs, or 0 */

/* The one that is weakened; function NULL for none, word NULL for any. */
static const char *function, *operation, *word;
static enum weakening how;

static bool is_library(const struct explore_site *site)
{
    return strstr(site->file, "conformance/explore") == NULL;
}

static void record(const struct explore_site *site, unsigned order)
{
    size_t i = 0;

    if (!is_library(site))
        return;
    while (i < site_count
           && (strcmp(sites[i].at.function, site->function) != 0
               || strcmp(sites[i].at.operation, site->operation) != 0
               || strcmp(sites[i].at.word, site->word) != 0))
        i++;
    if (i == SITES)
        explore_fail("more than %d operations", (int) SITES);
    if (i == site_count) {
        sites[i].at = *site;
        sites[i].order = order;
        sites[i].programs = 0;
        site_count++;
    }
    sites[i].programs |= recording;
}

unsigned explore_weaken(const struct explore_site *site, unsigned order, bool *split)
{
    *split = false;
    if (recording != 0)
        record(site, order);
    if (function == NULL || strcmp(site->function, function) != 0
        || strcmp(site->operation, operation) != 0
        || (word != NULL && strcmp(site->word, word) != 0))
        return order;
    switch (how) {
    case SPLIT: *split = true; break;
    case ACQUIRE: return order & ~(unsigned) EXPLORE_ACQUIRE;
    case RELEASE: return order & ~(unsigned) EXPLORE_RELEASE;
    case WEAKENINGS: break;
    }
    return order;
}

/* ---- planted bugs */

#define PLANTED(name) extern const struct explore_program name;
#define PROGRAM(name) extern const struct explore_program name;
#include "planted.def"
#include "programs.def"
#undef PLANTED
#undef PROGRAM

#define ASLEEP_FOR_EVER "nobody can go on"
#define RACE "data race"
#define CRASH "crashes"

static const struct planted {
    const struct explore_program *program;
    const char *function, *operation; /* of the library, weakened; or NULL */
    enum weakening how;
    const char *found[EXPLORE_C11 + 1]; /* by model; NULL where nothing can be */
} planted[] = {
    {&planted_a_check_and_then_a_sleep,
     NULL,
     NULL,
     SPLIT,
     {ASLEEP_FOR_EVER, ASLEEP_FOR_EVER, ASLEEP_FOR_EVER}},
    {&planted_a_store_and_then_a_load, NULL, NULL, SPLIT, {NULL, ASLEEP_FOR_EVER, ASLEEP_FOR_EVER}},
    {&planted_an_exchange_and_then_a_load, NULL, NULL, SPLIT, {NULL, NULL, ASLEEP_FOR_EVER}},
    {&planted_a_flag_that_publishes_nothing,
     NULL,
     NULL,
     SPLIT,
     {NULL, NULL, "the message is not there"}},
    {&planted_a_flag_that_takes_nothing, NULL, NULL, SPLIT, {RACE, RACE, RACE}},
    {&planted_a_word_that_is_gone, NULL, NULL, SPLIT, {"given back", "given back", "given back"}},
    {&planted_a_thread_that_is_awake_for_ever,
     NULL,
     NULL,
     SPLIT,
     {"awake for ever", "awake for ever", "awake for ever"}},
    {&planted_a_pointer_that_is_not_there_yet, NULL, NULL, SPLIT, {CRASH, CRASH, CRASH}},
    /* sleep.h */
    {&e7_a_wake_meets_a_wait_on_poll,
     "sleep_begin",
     "fetch_add",
     SPLIT,
     {ASLEEP_FOR_EVER, ASLEEP_FOR_EVER, ASLEEP_FOR_EVER}},
    {&e7_a_wake_meets_a_wait_on_epoll,
     "sleep_wake",
     "fetch_or",
     SPLIT,
     {ASLEEP_FOR_EVER, ASLEEP_FOR_EVER, ASLEEP_FOR_EVER}},
    {&e7_two_wakes_merge_into_one_or_two_on_epoll,
     "sleep_end",
     "fetch_sub",
     SPLIT,
     {ASLEEP_FOR_EVER, ASLEEP_FOR_EVER, ASLEEP_FOR_EVER}},
    /* state.h */
    {&w1_wakes_of_two_threads_merge_and_none_is_lost,
     "task_wake",
     "fetch_or",
     RELEASE,
     {NULL, NULL, ASLEEP_FOR_EVER}},
    {&w1_wakes_of_two_threads_merge_and_none_is_lost, "task_wake", "fetch_or", SPLIT, {"", "", ""}},
    {&w4_the_last_of_three_threads_releases_the_task,
     "task_release",
     "fetch_sub",
     RELEASE,
     {RACE, RACE, RACE}},
    {&w4_the_last_of_three_threads_releases_the_task,
     "task_release",
     "fetch_sub",
     ACQUIRE,
     {RACE, RACE, RACE}},
    {&w4_the_last_of_three_threads_releases_the_task,
     "task_release",
     "fetch_sub",
     SPLIT,
     {"", "", ""}},
    /* join.c, executor.c, wait.c */
    {&t9_a_join_on_another_thread_sees_the_end, "join_poll", "fetch_or", SPLIT, {"", "", ""}},
    {&t6_spawns_of_two_threads_keep_their_order,
     "inbox_push",
     "compare_exchange",
     SPLIT,
     {"", "", ""}},
    {&t10_two_threads_wake_while_an_executor_closes,
     "inbox_push",
     "fetch_sub",
     RELEASE,
     {RACE, RACE, RACE}},
    /* A store would do, but for the buffer: the next poll may read before it is seen. */
    {&b3_the_last_of_two_wakes_is_not_lost,
     "rouse_wait",
     "exchange",
     SPLIT,
     {NULL, ASLEEP_FOR_EVER, ASLEEP_FOR_EVER}},
};

/* Whether what is found is what has to be: `what` NULL for nothing. */
static bool is_as_planted(const struct explore_outcome *outcome, const char *what)
{
    if (what == NULL)
        return outcome->complete;
    return outcome->failed && strstr(outcome->what, what) != NULL;
}

int explore_planted(const struct explore_options *options)
{
    static struct explore_outcome outcome, again;
    unsigned passed = 0, failed = 0;

    for (size_t i = 0; i < sizeof planted / sizeof *planted; i++)
        for (int model = EXPLORE_SC; model <= explore_last_model; model++) {
            const struct planted *bug = &planted[i];
            struct explore_options its = *options;
            bool right;

            if (!explore_sees_races && bug->found[model] != NULL
                && (strcmp(bug->found[model], RACE) == 0 || strcmp(bug->found[model], CRASH) == 0))
                continue; /* the sanitizer, if there is one, would end all of us */

            function = bug->function;
            operation = bug->operation;
            how = bug->how;
            its.model = (enum explore_model) model;
            explore(bug->program, &its, &outcome);
            right = is_as_planted(&outcome, bug->found[model]);
            if (right && outcome.failed) {
                /* And the schedule leads there again. */
                explore_again(bug->program, &its, outcome.schedule, &again);
                right = again.failed && strcmp(again.what, outcome.what) == 0;
            }
            printf("%-5s %s%s%s%s%s, %s: %s after %llu schedules\n", right ? "pass" : "FAIL",
                   bug->program->name, function != NULL ? " with " : "",
                   function != NULL ? function : "", function != NULL ? " " : "",
                   function != NULL ? weakenings[how] : "", explore_model_names[model],
                   outcome.failed ? outcome.what : "nothing found", outcome.runs);
            if (right)
                passed++;
            else
                failed++;
        }
    function = operation = NULL;
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0;
}

/* ---- the sweep */

/* What no program notices, and why that is right. */
static const struct unnoticed {
    const char *function, *operation, *word; /* the last NULL for the only one */
    enum weakening how;
    const char *why;
} unnoticed[] = {
    {"rouse_task_hold", "fetch_add", NULL, ACQUIRE, "a reference comes from whoever has one"},
    {"rouse_task_hold", "fetch_add", NULL, RELEASE, "a reference more publishes nothing"},
    {"sleeper_retain", "fetch_add", NULL, ACQUIRE, "a reference comes from whoever has one"},
    {"sleeper_retain", "fetch_add", NULL, RELEASE, "a reference more publishes nothing"},
    {"sleep_begin", "fetch_add", NULL, ACQUIRE, "sleep_end() takes what a waker published"},
    {"sleep_begin", "fetch_add", NULL, RELEASE, "a waker takes nothing from a sleeper"},
    {"sleep_wake", "fetch_or", NULL, ACQUIRE, "a waker takes nothing from a sleeper"},
    {"sleep_end", "fetch_sub", NULL, ACQUIRE, "where it matters, the next step takes it"},
    {"sleep_end", "fetch_sub", NULL, RELEASE, "a waker takes nothing from a sleeper"},
    {"sleep_end", "fetch_and", NULL, RELEASE, "a waker takes nothing from a sleeper"},
    {"sleep_listened", "fetch_or", NULL, ACQUIRE, "the wait() that follows takes it"},
    {"sleep_listened", "fetch_or", NULL, RELEASE, "a waker takes nothing from a sleeper"},
    {"inbox_push", "fetch_add", NULL, ACQUIRE, "it only counts; the executor is kept by the task"},
    {"inbox_push", "fetch_add", NULL, RELEASE, "the push that follows publishes it"},
    {"inbox_push", "compare_exchange", NULL, ACQUIRE, "a push does not look at the task below"},
    {"inbox_push", "fetch_sub", NULL, ACQUIRE, "nothing is touched after it"},
    {"rouse__inbox_take", "exchange", NULL, RELEASE, "a push does not look at what was taken"},
    {"rouse__inbox_take", "fetch_and", NULL, ACQUIRE, "the spawn came with the inbox"},
    {"rouse__inbox_take", "fetch_and", NULL, RELEASE, "who is live is the executor's own affair"},
    {"take_back", "fetch_and", NULL, RELEASE, "the executor leaves alone what is not registered"},
    {"rouse_executor_close", "load_acquire", "&executor->inbox", ACQUIRE,
     "a push that is not seen is still owed"},
    {"rouse_run", "load_acquire", NULL, ACQUIRE, "the task ended on this thread"},
    {"sleeper_wake_by_ref", "exchange", NULL, ACQUIRE, "a waker takes nothing from a sleeper"},
    {"rouse_wait", "exchange", NULL, RELEASE, "a waker takes nothing from a sleeper"},
    {NULL, NULL, NULL, SPLIT, NULL},
};

static const char *reason(const struct site *site, enum weakening weakening)
{
    for (size_t i = 0; unnoticed[i].function != NULL; i++)
        if (strcmp(unnoticed[i].function, site->at.function) == 0
            && strcmp(unnoticed[i].operation, site->at.operation) == 0
            && (unnoticed[i].word == NULL || strcmp(unnoticed[i].word, site->at.word) == 0)
            && unnoticed[i].how == weakening)
            return unnoticed[i].why;
    return NULL;
}

static bool applies(const struct site *site, enum weakening weakening)
{
    switch (weakening) {
    case SPLIT: return strncmp(site->at.operation, "load", 4) != 0;
    case ACQUIRE: return (site->order & EXPLORE_ACQUIRE) != 0;
    case RELEASE: return (site->order & EXPLORE_RELEASE) != 0;
    case WEAKENINGS: break;
    }
    return false;
}

static void record_sites(void)
{
    static struct explore_outcome outcome;
    const struct explore_options options = {EXPLORE_SC, 1, 0};

    for (size_t i = 0; explore_programs[i] != NULL; i++) {
        recording = (uint64_t) 1 << i;
        explore(explore_programs[i], &options, &outcome);
    }
    recording = 0;
}

/* The first program that notices, or NULL. The strictest model goes last, as it is slowest. */
static const struct explore_program *who_notices(const struct site *site, unsigned bound,
                                                 enum explore_model *model,
                                                 struct explore_outcome *outcome)
{
    static const enum explore_model order[] = {EXPLORE_SC, EXPLORE_C11};

    for (size_t m = 0; m < sizeof order / sizeof *order; m++)
        for (size_t i = 0; explore_programs[i] != NULL; i++) {
            const struct explore_options its = {order[m], bound, 0};

            if ((site->programs >> i & 1) == 0)
                continue;
            *model = order[m];
            explore(explore_programs[i], &its, outcome);
            if (outcome->failed)
                return explore_programs[i];
        }
    return NULL;
}

int explore_sweep(const struct explore_options *options)
{
    static struct explore_outcome outcome;
    unsigned passed = 0, failed = 0, excused = 0;

    record_sites();
    for (size_t i = 0; i < site_count; i++)
        for (int weakening = 0; weakening < WEAKENINGS; weakening++) {
            const char *why = reason(&sites[i], (enum weakening) weakening);
            const struct explore_program *program;
            enum explore_model model;

            if (!applies(&sites[i], (enum weakening) weakening))
                continue;
            how = (enum weakening) weakening;
            function = sites[i].at.function;
            operation = sites[i].at.operation;
            word = sites[i].at.word;
            program = who_notices(&sites[i], options->bound - (why != NULL), &model, &outcome);
            function = operation = word = NULL;
            printf("%-5s %s: %s(%s) %s: ", (program != NULL) == (why == NULL) ? "pass" : "FAIL",
                   sites[i].at.function, sites[i].at.operation, sites[i].at.word,
                   weakenings[weakening]);
            if (program != NULL)
                printf("%s, %s: %s\n", program->name, explore_model_names[model], outcome.what);
            else
                printf("nobody notices: %s\n", why != NULL ? why : "and there is no reason why");
            fflush(stdout);
            if ((program != NULL) != (why == NULL))
                failed++;
            else
                passed++;
            excused += program == NULL && why != NULL;
        }
    printf("%u weaker operations are noticed, %u need not be\n", passed - excused, excused);
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0;
}
