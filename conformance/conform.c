/*
 * conform.c -- the program rouse-conform: what it is asked to run, and what it tells.
 */
#include <rouse/conform.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "process.h"
#include "run.h"

enum { GOOD = 0, BAD = 1, CANNOT = 2 };
enum { NAMES_MAX = 64, CASES_MAX = 4096, JOBS_MAX = 64, TIMEOUT_S = 10 };

static const char usage[] =
    "usage: rouse-conform [OPTION]...\n"
    "\n"
    "Runs the conformance cases on each backend that opens here, each in a process of its\n"
    "own, and prints a matrix of guarantees against backends. The exit status is 0 if\n"
    "every required guarantee held, 1 if not, 2 if this could not be found out.\n"
    "\n"
    "  --backend NAME    only this one (again for more)\n"
    "  --require NAME    run this one, and fail if it does not open here\n"
    "  --plugin FILE     a backend in a shared object: it alone, unless others are named\n"
    "  --case PATTERN    only cases whose name or file is like this; * is anything\n"
    "  --xfail PATTERN   these are to fail, and spoil the result if they pass\n"
    "  --json FILE       a report as JSON; - for standard output\n"
    "  --junit FILE      a report as JUnit's XML\n"
    "  --html FILE       a report as one page\n"
    "  --jobs N          cases at a time (2)\n"
    "  --timeout S       seconds for one case (10)\n"
    "  --in-process      all cases in this process, for sanitizers and debuggers\n"
    "  --no-check        without the wrapper that asserts the contract of queues\n"
    "  --list            the cases; with --json, as JSON\n"
    "  --guarantees      the page GUARANTEES.md\n"
    "  --version, --help\n";

struct options {
    const char *backends[NAMES_MAX + 1];
    const char *required[NAMES_MAX + 1];
    const char *cases[NAMES_MAX + 1];
    const char *xfail[NAMES_MAX + 1];
    const char *json, *junit, *html;
    const char *plugin;
    const char *run_case; /* we are a process that runs this one */
    const char *probe;    /* we are a process that opens a backend */
    bool list, guarantees, version, help;
    bool in_process, no_check;
    int jobs, timeout_s;
};

struct conform {
    struct options options;
    const struct rouse_evq_ops *extra; /* a backend of the caller's, or a plug-in's */
    const struct suite_case *cases[CASES_MAX];
    int case_count;
    char command[2000];
};

static int cannot(const char *what, const char *which, const char *why)
{
    fflush(stdout);
    fprintf(stderr, "rouse-conform: %s%s%s%s%s\n", what, which != NULL ? " " : "",
            which != NULL ? which : "", why != NULL ? ": " : "", why != NULL ? why : "");
    return CANNOT;
}

/* -- Options ----------------------------------------------------------------- */

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
    {"--json", TEXT, offsetof(struct options, json), 0, 0},
    {"--junit", TEXT, offsetof(struct options, junit), 0, 0},
    {"--html", TEXT, offsetof(struct options, html), 0, 0},
    {"--plugin", TEXT, offsetof(struct options, plugin), 0, 0},
    {"--run-case", TEXT, offsetof(struct options, run_case), 0, 0},
    {"--probe", TEXT, offsetof(struct options, probe), 0, 0},
    {"--jobs", NUMBER, offsetof(struct options, jobs), 1, JOBS_MAX},
    {"--timeout", NUMBER, offsetof(struct options, timeout_s), 1, 3600},
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
        if (list - (const char **) field >= NAMES_MAX)
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
static int parse(struct options *options, int argc, char **argv)
{
    options->jobs = 2;
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

static void remember_command(struct conform *conform, int argc, char **argv)
{
    size_t length = 0;

    for (int i = 1; i < argc && length < sizeof conform->command; i++)
        length += (size_t) snprintf(conform->command + length, sizeof conform->command - length,
                                    "%s%s", i > 1 ? " " : "", argv[i]);
}

/* -- Cases ------------------------------------------------------------------- */

static void collect_cases(struct conform *conform)
{
    for (int list = 0; suite_lists[list] != NULL; list++)
        for (int i = 0; i < SUITE_CASES_MAX && suite_lists[list][i] != NULL; i++)
            if (conform->case_count < CASES_MAX)
                conform->cases[conform->case_count++] = suite_lists[list][i];
}

static bool selected(const struct options *options, const struct suite_case *which)
{
    for (const char *const *pattern = options->cases; *pattern != NULL; pattern++)
        if (run_matches(*pattern, which->name) || run_matches(*pattern, report_file(which->file)))
            return true;
    return options->cases[0] == NULL;
}

static const struct suite_case *find_case(const struct conform *conform, const char *name)
{
    for (int i = 0; i < conform->case_count; i++)
        if (strcmp(conform->cases[i]->name, name) == 0)
            return conform->cases[i];
    return NULL;
}

static int demand_matches(const struct conform *conform)
{
    for (const char *const *pattern = conform->options.cases; *pattern != NULL; pattern++) {
        int matches = 0;

        for (int i = 0; i < conform->case_count; i++)
            matches += run_matches(*pattern, conform->cases[i]->name)
                       || run_matches(*pattern, report_file(conform->cases[i]->file));
        if (matches == 0)
            return cannot("no case is like", *pattern, "--list tells their names");
    }
    return GOOD;
}

/* -- Traceability ------------------------------------------------------------ */

static int complain(const struct suite_case *which, const char *what)
{
    fprintf(stderr, "rouse-conform: %s:%d: %s %s\n", report_file(which->file), which->line,
            which->name, what);
    return 1;
}

/* "E5 E1": known ids, and one at least. */
static bool tags_known(const char *tags)
{
    for (;;) {
        if (guarantee_find(tags, " ") == GUARANTEE_COUNT)
            return false;
        tags = strchr(tags, ' ');
        if (tags == NULL)
            return true;
        tags++;
    }
}

/* Whether "e5_forget_..." begins with the first of "E5 E1". */
static bool named_after(const char *name, const char *tags)
{
    for (; *tags != ' ' && *tags != '\0'; tags++, name++)
        if (*name != (*tags >= 'A' && *tags <= 'Z' ? *tags - 'A' + 'a' : *tags))
            return false;
    return *name == '_';
}

static int trace_case(const struct conform *conform, int at)
{
    const struct suite_case *which = conform->cases[at];

    if (which->guarantees[0] == '\0')
        return complain(which, "names no guarantee");
    if (!tags_known(which->guarantees))
        return complain(which, "names a guarantee that is not there");
    if (!named_after(which->name, which->guarantees))
        return complain(which, "is not named after its first guarantee");
    for (int other = 0; other < at; other++)
        if (strcmp(conform->cases[other]->name, which->name) == 0)
            return complain(which, "has the name of another case");
    return 0;
}

static int trace_guarantee(const struct conform *conform, enum guarantee id)
{
    int cases = 0;

    for (int i = 0; i < conform->case_count; i++)
        cases += suite_tagged(conform->cases[i], id);
    if (cases == 0 && guarantees[id].level == REQUIRED)
        fprintf(stderr, "rouse-conform: guarantee %s is required and has no case\n",
                guarantees[id].id);
    else if (cases > 0 && guarantees[id].level == UNTESTED)
        fprintf(stderr, "rouse-conform: guarantee %s is untested and has a case\n",
                guarantees[id].id);
    else
        return 0;
    return 1;
}

/* Whether what is tested can be traced to what is promised, and back. A run of a few
 * cases does not ask for the others. */
static bool traceable(const struct conform *conform)
{
    int breaches = 0;

    for (int i = 0; i < conform->case_count; i++)
        breaches += trace_case(conform, i);
    for (int id = 0; id < GUARANTEE_COUNT && conform->options.cases[0] == NULL; id++)
        breaches += trace_guarantee(conform, (enum guarantee) id);
    if (breaches > 0)
        fprintf(stderr, "rouse-conform: nothing was run: %d %s of traceability\n", breaches,
                breaches == 1 ? "breach" : "breaches");
    return breaches == 0;
}

/* -- Backends ---------------------------------------------------------------- */

static const struct rouse_evq_ops *find_backend(const struct conform *conform, const char *name)
{
    if (conform->extra != NULL && strcmp(conform->extra->name, name) == 0)
        return conform->extra;
    for (int i = 0; rouse_backends[i] != NULL; i++)
        if (strcmp(rouse_backends[i]->name, name) == 0)
            return rouse_backends[i];
    return NULL;
}

static int no_backend(const char *name)
{
    char why[200];

    snprintf(why, sizeof why, "there are %s", rouse_backend_names());
    return cannot("no backend is called", name, why);
}

static bool usable(const struct rouse_evq_ops *ops)
{
    return ops != NULL && ops->size >= sizeof *ops && ops->name != NULL && ops->open != NULL
           && ops->close != NULL && ops->arm != NULL && ops->forget != NULL && ops->wait != NULL
           && ops->wake != NULL && ops->now != NULL;
}

static int load_plugin(struct conform *conform)
{
    const struct rouse_evq_ops *(*plugin)(void);
    process_symbol symbol;
    char why[400];

    if (conform->options.plugin == NULL)
        return GOOD;
    symbol = process_plugin(conform->options.plugin, "rouse_backend_plugin", why, sizeof why);
    if (symbol == NULL)
        return cannot("the plug-in does not load:", why, NULL);
    plugin = (const struct rouse_evq_ops *(*) (void) ) symbol;
    conform->extra = plugin();
    if (!usable(conform->extra))
        return cannot("the plug-in", conform->options.plugin,
                      "its backend lacks a function, or was built for an older rouse");
    return GOOD;
}

static void add_backend(struct report *report, const struct rouse_evq_ops *ops, bool required)
{
    for (int b = 0; b < report->backend_count; b++) {
        if (report->backends[b].ops == ops) {
            report->backends[b].required |= required;
            return;
        }
    }
    report->backends[report->backend_count] = (struct report_backend){.ops = ops};
    report->backends[report->backend_count].required = required;
    result_text(&report->backends[report->backend_count].version, ops->version);
    report->backend_count++;
}

static int choose_backends(const struct conform *conform, struct report *report)
{
    const struct options *options = &conform->options;

    for (const char *const *name = options->backends; *name != NULL; name++) {
        if (find_backend(conform, *name) == NULL)
            return no_backend(*name);
        add_backend(report, find_backend(conform, *name), false);
    }
    if (options->backends[0] == NULL && conform->extra != NULL)
        add_backend(report, conform->extra, true);
    for (int i = 0;
         options->backends[0] == NULL && conform->extra == NULL && rouse_backends[i] != NULL; i++)
        add_backend(report, rouse_backends[i], false);
    for (const char *const *name = options->required; *name != NULL; name++) {
        if (find_backend(conform, *name) == NULL)
            return no_backend(*name);
        add_backend(report, find_backend(conform, *name), true);
    }
    return GOOD;
}

/* -- Reports ----------------------------------------------------------------- */

/* Where reports go. They are opened before anything runs, so that a bad path is told at
 * once. */
struct outputs {
    FILE *json, *junit, *html;
    FILE *talk; /* for people: standard error when a report takes standard output */
};

static int open_output(FILE **file, const char *path)
{
    if (path == NULL)
        return GOOD;
    *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    return *file != NULL ? GOOD : cannot("cannot write", path, strerror(errno));
}

static int open_outputs(struct outputs *outputs, const struct options *options)
{
    int status = open_output(&outputs->json, options->json);

    outputs->talk = stdout;
    if (status == GOOD)
        status = open_output(&outputs->junit, options->junit);
    if (status == GOOD)
        status = open_output(&outputs->html, options->html);
    if (outputs->json == stdout || outputs->junit == stdout || outputs->html == stdout)
        outputs->talk = stderr;
    return status;
}

static int write_output(FILE *file, const char *path, const struct report *report,
                        void (*write)(const struct report *report, FILE *to))
{
    bool failed;

    if (file == NULL)
        return GOOD;
    write(report, file);
    failed = ferror(file) != 0 || fflush(file) != 0;
    if (file != stdout)
        failed |= fclose(file) != 0;
    return failed ? cannot("cannot write", path, strerror(errno)) : GOOD;
}

static int write_outputs(const struct outputs *outputs, const struct options *options,
                         const struct report *report)
{
    const int json = write_output(outputs->json, options->json, report, report_json);
    const int junit = write_output(outputs->junit, options->junit, report, report_junit);
    const int html = write_output(outputs->html, options->html, report, report_html);

    return json | junit | html;
}

/* -- The run ----------------------------------------------------------------- */

static int prepare(const struct conform *conform, struct report *report)
{
    const time_t now = time(NULL);
    const struct tm *utc = gmtime(&now);
    int status;

    if (utc == NULL || strftime(report->date, sizeof report->date, "%Y-%m-%d %H:%M UTC", utc) == 0)
        strcpy(report->date, "unknown date");
    report->cases = conform->cases;
    report->case_count = conform->case_count;
    report->complete = conform->options.cases[0] == NULL;
    report->command = conform->command;
    report->plugin = conform->options.plugin;
    report->system = process_system();
    report->backends = calloc(3 * NAMES_MAX, sizeof *report->backends);
    if (report->backends == NULL)
        return cannot("out of memory", NULL, NULL);
    status = choose_backends(conform, report);
    if (status != GOOD)
        return status;
    report->results =
        calloc((size_t) (report->backend_count * report->case_count) + 1, sizeof *report->results);
    if (report->results == NULL)
        return cannot("out of memory", NULL, NULL);
    for (int b = 0; b < report->backend_count; b++) {
        for (int c = 0; c < report->case_count; c++) {
            report_result(report, b, c)->status = STATUS_NOT_RUN;
            report_result(report, b, c)->selected = selected(&conform->options, conform->cases[c]);
        }
    }
    return GOOD;
}

static void announce(const struct report *report, FILE *to)
{
    int cases = 0;

    for (int c = 0; c < report->case_count; c++)
        cases += report_result(report, 0, c)->selected;
    fprintf(to, "rouse-conform %s: %d guarantees, %d of %d cases, on", rouse_version(),
            GUARANTEE_COUNT, cases, report->case_count);
    for (int b = 0; b < report->backend_count; b++)
        fprintf(to, " %s", report->backends[b].ops->name);
    fprintf(to, " (%s)\n", report->system);
    fflush(to);
}

static int run_and_report(const struct conform *conform, struct report *report)
{
    const struct options *options = &conform->options;
    struct run_options run = {report->program, options->plugin,    !options->no_check,
                              options->jobs,   options->timeout_s, stdout,
                              options->xfail};
    struct outputs outputs = {NULL, NULL, NULL, NULL};
    const int64_t began_ns = process_clock_ns();
    int status = open_outputs(&outputs, options);

    if (status != GOOD)
        return status;
    run.talk = outputs.talk;
    announce(report, outputs.talk);
    for (int b = 0; b < report->backend_count; b++)
        run_probe(&report->backends[b], &run);
    if (options->in_process)
        run_in_process(report, &run);
    else
        run_processes(report, &run);
    report->duration_ns = process_clock_ns() - began_ns;
    status = write_outputs(&outputs, options, report);
    report_text(report, outputs.talk,
                process_is_terminal(outputs.talk) && getenv("NO_COLOR") == NULL);
    if (status != GOOD)
        return status;
    return report_good(report) ? GOOD : BAD;
}

static int run_suite(const struct conform *conform, const char *program)
{
    struct report report = {.program = program};
    int status;

    process_end_with_us();
    status = prepare(conform, &report);
    if (status == GOOD && !traceable(conform))
        status = BAD;
    if (status == GOOD)
        status = run_and_report(conform, &report);
    report_free(&report);
    return status;
}

/* -- The rest ---------------------------------------------------------------- */

static int list(const struct conform *conform)
{
    const struct options *options = &conform->options;
    FILE *file = stdout;

    if (options->json != NULL) {
        if (open_output(&file, options->json) != GOOD)
            return CANNOT;
        report_list_json(conform->cases, conform->case_count, file);
        return file == stdout || fclose(file) == 0 ? GOOD
                                                   : cannot("cannot write", options->json, NULL);
    }
    for (int i = 0; i < conform->case_count; i++)
        if (selected(options, conform->cases[i]))
            printf("%-60s %s\n    arranges: %s\n    expects: %s\n", conform->cases[i]->name,
                   conform->cases[i]->guarantees, conform->cases[i]->arranges,
                   conform->cases[i]->expects);
    return GOOD;
}

/* We are one of the processes that run_processes() or run_probe() started. */
static int be_a_process(const struct conform *conform)
{
    const struct options *options = &conform->options;
    const struct rouse_evq_ops *backend =
        options->backends[0] != NULL ? find_backend(conform, options->backends[0]) : NULL;
    const struct suite_case *which;

    if (backend == NULL)
        return no_backend(options->backends[0] != NULL ? options->backends[0] : "");
    if (options->probe != NULL)
        return run_probe_here(backend);
    which = find_case(conform, options->run_case);
    if (which == NULL)
        return cannot("no case is called", options->run_case, NULL);
    return run_case_here(which, backend, !options->no_check, options->timeout_s);
}

int rouse_conform_main(int argc, char **argv, const struct rouse_evq_ops *backend)
{
    static struct conform conform;
    int status;

    conform.extra = backend;
    process_raise_limits();
    status = parse(&conform.options, argc, argv);
    if (status != GOOD)
        return status;
    if (conform.options.help)
        return fputs(usage, stdout) < 0 ? CANNOT : GOOD;
    if (conform.options.version)
        return printf("rouse-conform %s\n", rouse_version()) < 0 ? CANNOT : GOOD;
    if (conform.options.guarantees) {
        guarantees_print(stdout);
        return GOOD;
    }
    if (backend != NULL && !usable(backend))
        return cannot("the backend", NULL, "it lacks a function, or was built for an older rouse");
    remember_command(&conform, argc, argv);
    collect_cases(&conform);
    status = load_plugin(&conform);
    if (status != GOOD)
        return status;
    if (conform.options.run_case != NULL || conform.options.probe != NULL)
        return be_a_process(&conform);
    status = demand_matches(&conform);
    if (status != GOOD)
        return status;
    if (conform.options.list)
        return list(&conform);
    return run_suite(&conform, process_self(argc > 0 ? argv[0] : "rouse-conform"));
}
