/*
 * options.c -- what rouse-conform is asked to do.
 */
#include "options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COPIES_MAX = 10000,
    JOBS = 4,
    JOBS_MAX = 64,
    TIMEOUT_S = 10,
    TIMEOUT_S_MAX = 100000,
    FAILURES_MAX = 100000
};

const char options_usage[] =
    "usage: rouse-conform [OPTION]...\n"
    "\n"
    "Runs the conformance cases on each backend that opens here, each in a process of its\n"
    "own, and prints a matrix of guarantees against backends. The exit status is 0 if\n"
    "every required guarantee held, 1 if not, 2 if this could not be found out.\n"
    "\n"
    "  --backend NAME    only this one (again for more)\n"
    "  --require NAME    run this one, and fail if it does not open here\n"
    "  --plugin FILE     a backend in a shared object: it alone, unless others are named\n"
    "  --guest COLUMN[=BACKEND],...:COMMAND\n"
    "                    columns that another rouse-conform runs (again for more)\n"
    "  --case PATTERN    only cases whose name or file is like this; * is anything\n"
    "  --tag ID          of them, only those that are tagged with this guarantee (again for more)\n"
    "  --stop-after N    after N failures (with --tag: of that guarantee) begin no other case\n"
    "  --xfail PATTERN   these are to fail, and spoil the result if they pass\n"
    "  --json FILE       a report as JSON; - for standard output\n"
    "  --junit FILE      a report as JUnit's XML\n"
    "  --html FILE       a report as one page\n"
    "  --kills FILE      what ci/mutants found, for that page\n"
    "  --jobs N          cases at a time (4)\n"
    "  --timeout S       seconds for one case (10); twelve times as many in a guest\n"
    "  --in-process      all cases in this process, for sanitizers and debuggers\n"
    "  --no-check        without the wrapper that asserts the contract of queues\n"
    "  --trace NAME      what happens in a scenario, as JSON lines (trace_diff.py compares)\n"
    "  --list            the cases; with --json, as JSON\n"
    "  --guarantees      the page GUARANTEES.md\n"
    "  --version, --help\n";

int cannot(const char *what, const char *which, const char *why)
{
    fflush(stdout);
    fprintf(stderr, "rouse-conform: %s%s%s%s%s\n", what, which != NULL ? " " : "",
            which != NULL ? which : "", why != NULL ? ": " : "", why != NULL ? why : "");
    return CANNOT;
}

/* How an option is stored: a switch, a text, a number, or one more text. */
enum kind { SWITCH, TEXT, NUMBER, LIST };

static const struct option {
    const char *name;
    enum kind kind;
    size_t offset;
    int least, most; /* of a number */
} known[] = {
    {"--backend", LIST, offsetof(struct options, backends), 0, 0},
    {"--require", LIST, offsetof(struct options, required), 0, 0},
    {"--case", LIST, offsetof(struct options, cases), 0, 0},
    {"--xfail", LIST, offsetof(struct options, xfail), 0, 0},
    {"--tag", LIST, offsetof(struct options, tags), 0, 0},
    {"--guest", LIST, offsetof(struct options, guests), 0, 0},
    {"--json", TEXT, offsetof(struct options, json), 0, 0},
    {"--junit", TEXT, offsetof(struct options, junit), 0, 0},
    {"--html", TEXT, offsetof(struct options, html), 0, 0},
    {"--kills", TEXT, offsetof(struct options, kills), 0, 0},
    {"--plugin", TEXT, offsetof(struct options, plugin), 0, 0},
    {"--trace", TEXT, offsetof(struct options, trace), 0, 0},
    {"--run-case", TEXT, offsetof(struct options, run_case), 0, 0},
    {"--probe", TEXT, offsetof(struct options, probe), 0, 0},
    {"--copy", NUMBER, offsetof(struct options, copy), 1, COPIES_MAX},
    {"--jobs", NUMBER, offsetof(struct options, jobs), 1, JOBS_MAX},
    {"--timeout", NUMBER, offsetof(struct options, timeout_s), 1, TIMEOUT_S_MAX},
    {"--stop-after", NUMBER, offsetof(struct options, stop_after), 1, FAILURES_MAX},
    {"--keep", SWITCH, offsetof(struct options, keep), 0, 0},
    {"--list", SWITCH, offsetof(struct options, list), 0, 0},
    {"--guarantees", SWITCH, offsetof(struct options, guarantees), 0, 0},
    {"--version", SWITCH, offsetof(struct options, version), 0, 0},
    {"--help", SWITCH, offsetof(struct options, help), 0, 0},
    {"--in-process", SWITCH, offsetof(struct options, in_process), 0, 0},
    {"--no-check", SWITCH, offsetof(struct options, no_check), 0, 0},
};

enum { KNOWN = sizeof known / sizeof known[0] };

static const struct option *find_option(const char *argument)
{
    const size_t length = strcspn(argument, "=");

    for (int i = 0; i < KNOWN; i++)
        if (strlen(known[i].name) == length && strncmp(known[i].name, argument, length) == 0)
            return &known[i];
    return NULL;
}

static int store(struct options *options, const struct option *option, const char *value)
{
    void *field = (char *) options + option->offset;
    const char **list = field;
    char *end;
    long number;

    switch (option->kind) {
    case SWITCH: *(bool *) field = true; return GOOD;
    case TEXT: *(const char **) field = value; return GOOD;
    case LIST:
        while (*list != NULL)
            list++;
        if (list - (const char **) field >= OPTIONS_NAMES_MAX)
            return cannot("too often", option->name, NULL);
        *list = value;
        return GOOD;
    case NUMBER:
        number = strtol(value, &end, 10);
        if (*value == '\0' || *end != '\0' || number < option->least || number > option->most)
            return cannot("no number that fits", option->name, value);
        *(int *) field = (int) number;
        return GOOD;
    }
    return CANNOT;
}

/* "--name value" and "--name=value". */
int options_parse(struct options *options, int argc, char **argv)
{
    options->jobs = JOBS;
    options->timeout_s = TIMEOUT_S;
    for (int i = 1; i < argc; i++) {
        const struct option *option = find_option(argv[i]);
        const char *value = strchr(argv[i], '=');
        int status;

        if (option == NULL || (option->kind == SWITCH && value != NULL))
            return cannot("no such option:", argv[i], "--help lists what there is");
        if (value != NULL)
            value++;
        else if (option->kind != SWITCH)
            value = i + 1 < argc ? argv[++i] : NULL;
        if (option->kind != SWITCH && value == NULL)
            return cannot("nothing given for", option->name, NULL);
        status = store(options, option, value);
        if (status != GOOD)
            return status;
    }
    return GOOD;
}
