/*
 * main.c -- rouse-explore: which programs to run, how, and what came of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine.h"

#define PROGRAM(name) extern const struct explore_program name;
#include "programs.def"
#undef PROGRAM

#define PROGRAM(name) &name,
const struct explore_program *const explore_programs[] = {
#include "programs.def"
    NULL};
#undef PROGRAM

const char *const explore_model_names[] = {"sc", "tso", "c11"};

static const char usage[] =
    "rouse-explore [--bound N] [--memory sc|tso|c11] [--program PATTERN] [--limit N]\n"
    "rouse-explore --replay SCHEDULE --program NAME --memory sc|tso|c11 [--bound N]\n"
    "rouse-explore --planted | --weaken [--bound N]\n"
    "rouse-explore --list\n"
    "\n"
    "Runs each program under every schedule with at most N preemptions (2), and under each\n"
    "model of memory, unless one is named. A failure prints the schedule that leads to it,\n"
    "and its steps; --replay prints them again.\n"
    "\n"
    "  --planted  runs programs with planted bugs, which have to be found\n"
    "  --weaken   makes each atomic operation weaker in turn, and prints what notices\n"
    "  --limit N  gives up after N schedules, which then counts as a failure\n";

static bool matches(const char *name, const char *pattern)
{
    return pattern == NULL || strstr(name, pattern) != NULL;
}

static double seconds(void)
{
    return (double) clock() / CLOCKS_PER_SEC;
}

/* One program under one model: a line. */
static bool run(const struct explore_program *program, const struct explore_options *options)
{
    static struct explore_outcome outcome, again;
    const double start = seconds();

    explore(program, options, &outcome);
    printf("%-6s %-60s %-3s %9llu schedules, longest %3u, %6.2f s\n",
           outcome.complete ? "pass"
           : outcome.failed ? "FAIL"
                            : "CUT",
           program->name, explore_model_names[options->model], outcome.runs, outcome.longest,
           seconds() - start);
    fflush(stdout);
    if (outcome.failed) {
        printf("    %s\n    again: --program %s --memory %s --bound %u --replay '%s'\n",
               outcome.what, program->name, explore_model_names[options->model], options->bound,
               outcome.schedule);
        explore_replay(program, options, outcome.schedule, &again);
        if (!again.failed || strcmp(again.what, outcome.what) != 0)
            printf("    the replay ends otherwise: %s\n", again.failed ? again.what : "well");
    }
    return outcome.complete;
}

static int run_all(const struct explore_options *options, const char *pattern, int only)
{
    unsigned passed = 0, failed = 0;

    for (size_t i = 0; explore_programs[i] != NULL; i++)
        for (int model = EXPLORE_SC; model <= explore_last_model; model++) {
            struct explore_options its = *options;

            if (!matches(explore_programs[i]->name, pattern) || (only >= 0 && model != only))
                continue;
            its.model = (enum explore_model) model;
            if (run(explore_programs[i], &its))
                passed++;
            else
                failed++;
        }
    if (!explore_sees_races)
        puts("neither data races nor c11: this build does not tell of plain accesses");
    printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 || passed == 0;
}

static int replay(const struct explore_options *options, const char *pattern, const char *schedule)
{
    static struct explore_outcome outcome;

    for (size_t i = 0; explore_programs[i] != NULL; i++)
        if (pattern != NULL && strcmp(explore_programs[i]->name, pattern) == 0) {
            explore_replay(explore_programs[i], options, schedule, &outcome);
            printf("%s\n", outcome.failed ? outcome.what : "ended well");
            return outcome.failed;
        }
    fputs("rouse-explore: --replay needs the --program that it is of\n", stderr);
    return 2;
}

static int list(void)
{
    for (size_t i = 0; explore_programs[i] != NULL; i++)
        puts(explore_programs[i]->name);
    return 0;
}

int main(int argc, char **argv)
{
    struct explore_options options = {EXPLORE_SC, 2, 0};
    const char *pattern = NULL, *schedule = NULL;
    bool planted = false, weakened = false;
    int only = -1, i;

    for (i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--list") == 0)
            return list();
        if (strcmp(argv[i], "--planted") == 0) {
            planted = true;
            continue;
        }
        if (strcmp(argv[i], "--weaken") == 0) {
            weakened = true;
            continue;
        }
        if (strcmp(argv[i], "--help") == 0)
            return fputs(usage, stdout) < 0;
        if (value == NULL)
            return fputs(usage, stderr), 2;
        i++;
        if (strcmp(argv[i - 1], "--bound") == 0) {
            options.bound = (unsigned) strtoul(value, NULL, 10);
        } else if (strcmp(argv[i - 1], "--limit") == 0) {
            options.limit = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i - 1], "--program") == 0) {
            pattern = value;
        } else if (strcmp(argv[i - 1], "--replay") == 0) {
            schedule = value;
        } else if (strcmp(argv[i - 1], "--memory") == 0) {
            for (only = explore_last_model;
                 only >= 0 && strcmp(explore_model_names[only], value) != 0; only--) {
            }
            if (only < 0)
                return fputs(usage, stderr), 2;
        } else {
            return fputs(usage, stderr), 2;
        }
    }
    if (only >= 0)
        options.model = (enum explore_model) only;
    if (planted)
        return explore_planted(&options);
    if (weakened && (options.bound == 0 || !explore_sees_races))
        return fputs("rouse-explore: --weaken needs c11, and a bound\n", stderr), 2;
    if (weakened)
        return explore_sweep(&options);
    if (schedule != NULL)
        return replay(&options, pattern, schedule);
    return run_all(&options, pattern, only);
}
