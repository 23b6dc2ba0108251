/*
 * conform.c -- the program rouse-conform: what it is asked to run, and what it tells.
 */
#include <rouse/conform.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest.h"
#include "options.h"
#include "process.h"
#include "run.h"
#include "trace/trace.h"
#include "traceable.h"

enum {
    CASES_MAX = 4096,
    BACKENDS_MAX = 3 * OPTIONS_NAMES_MAX + GUESTS_MAX * GUEST_COLUMNS_MAX,
    DESCRIPTORS_MIN = 256
};

struct conform {
    struct options options;
    const struct rouse_evq_ops *extra; /* a backend of the caller's, or a plug-in's */
    struct guest guests[GUESTS_MAX];
    int guest_count;
    const struct suite_case *cases[CASES_MAX];
    int case_count;
    char command[2000];
};

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

static bool is_like(const struct suite_case *which, const char *pattern)
{
    return run_matches(pattern, which->name) || run_matches(pattern, report_file(which->file));
}

static bool is_any_of(const struct suite_case *which, const char *const *patterns)
{
    for (const char *const *pattern = patterns; *pattern != NULL; pattern++)
        if (is_like(which, *pattern))
            return true;
    return *patterns == NULL;
}

static bool has_any_of(const struct suite_case *which, const char *const *tags)
{
    for (const char *const *tag = tags; *tag != NULL; tag++)
        if (suite_tagged(which, guarantee_find(*tag, "")))
            return true;
    return *tags == NULL;
}

static bool selected(const struct options *options, const struct suite_case *which)
{
    return is_any_of(which, options->cases) && has_any_of(which, options->tags);
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
    for (const char *const *tag = conform->options.tags; *tag != NULL; tag++)
        if (guarantee_find(*tag, "") == GUARANTEE_COUNT)
            return cannot("no guarantee is called", *tag, "--guarantees lists them");
    for (const char *const *pattern = conform->options.cases; *pattern != NULL; pattern++) {
        int matches = 0;

        for (int i = 0; i < conform->case_count; i++)
            matches += is_like(conform->cases[i], *pattern);
        if (matches == 0)
            return cannot("no case is like", *pattern, "--list tells their names");
    }
    return GOOD;
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

/* A guest's column of that name, and whose it is. */
static const struct guest_column *find_column(const struct conform *conform, const char *name,
                                              const struct guest **whose)
{
    for (int g = 0; g < conform->guest_count; g++) {
        for (int i = 0; i < conform->guests[g].column_count; i++) {
            if (strcmp(conform->guests[g].columns[i].name, name) == 0) {
                *whose = &conform->guests[g];
                return &conform->guests[g].columns[i];
            }
        }
    }
    return NULL;
}

static int no_backend(const struct conform *conform, const char *name)
{
    char why[400];
    size_t length = (size_t) snprintf(why, sizeof why, "there are %s", rouse_backend_names());

    for (int g = 0; g < conform->guest_count; g++)
        for (int i = 0; i < conform->guests[g].column_count && length < sizeof why; i++)
            length += (size_t) snprintf(why + length, sizeof why - length, ", %s",
                                        conform->guests[g].columns[i].name);
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

/* Its columns have names that nobody else has. */
static int invite_guest(struct conform *conform, const char *text)
{
    struct guest next = {0};
    const struct guest *whose;
    const int status = guest_parse(&next, text);
    struct guest *guest = &conform->guests[conform->guest_count++];

    *guest = next;
    guest->column_count = 0;
    for (int i = 0; i < next.column_count && status == GOOD; i++, guest->column_count++)
        if (find_backend(conform, next.columns[i].name) != NULL
            || find_column(conform, next.columns[i].name, &whose) != NULL)
            return cannot("two columns are called", next.columns[i].name,
                          "--guest COLUMN=BACKEND:... gives another name");
    return status;
}

static int invite_guests(struct conform *conform)
{
    int status = GOOD;

    for (const char *const *text = conform->options.guests; *text != NULL && status == GOOD; text++)
        status = conform->guest_count < GUESTS_MAX ? invite_guest(conform, *text)
                                                   : cannot("too many guests", NULL, NULL);
    if (status == GOOD && conform->guest_count > 0 && conform->options.in_process)
        return cannot("a guest cannot be run in this process", NULL, NULL);
    if (status == GOOD && conform->options.stop_after > 0 && conform->options.in_process)
        return cannot("--stop-after is for cases in processes of their own", NULL, NULL);
    return status;
}

/* One more column, unless it is there. */
static int add_backend(const struct conform *conform, struct report *report, const char *name,
                       bool required)
{
    const struct rouse_evq_ops *ops = find_backend(conform, name);
    const struct guest *whose = NULL;
    const struct guest_column *column = find_column(conform, name, &whose);
    struct report_backend *backend = report->backends;

    if (ops == NULL && column == NULL)
        return no_backend(conform, name);
    while (backend < report->backends + report->backend_count && strcmp(backend->name, name) != 0)
        backend++;
    if (backend == report->backends + report->backend_count) {
        backend->name = name;
        backend->backend = column != NULL ? column->backend : name;
        backend->ops = ops;
        result_text(&backend->version, ops != NULL ? ops->version : NULL);
        backend->guest = whose != NULL ? whose->words : NULL;
        report->backend_count++;
    }
    backend->required |= required;
    return GOOD;
}

static int add_backends(const struct conform *conform, struct report *report,
                        const char *const *names, bool required)
{
    int status = GOOD;

    for (; *names != NULL && status == GOOD; names++)
        status = add_backend(conform, report, *names, required);
    return status;
}

static int add_all(const struct conform *conform, struct report *report)
{
    int status = GOOD;

    if (conform->extra != NULL)
        status = add_backend(conform, report, conform->extra->name, true);
    for (int i = 0; conform->extra == NULL && rouse_backends[i] != NULL && status == GOOD; i++)
        status = add_backend(conform, report, rouse_backends[i]->name, false);
    for (int g = 0; g < conform->guest_count; g++)
        for (int i = 0; i < conform->guests[g].column_count && status == GOOD; i++)
            status = add_backend(conform, report, conform->guests[g].columns[i].name, false);
    return status;
}

static int choose_backends(const struct conform *conform, struct report *report)
{
    const struct options *options = &conform->options;
    int status = options->backends[0] != NULL
                     ? add_backends(conform, report, options->backends, false)
                     : add_all(conform, report);

    return status == GOOD ? add_backends(conform, report, options->required, true) : status;
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
    report->complete = conform->options.cases[0] == NULL && conform->options.tags[0] == NULL;
    report->command = conform->command;
    report->plugin = conform->options.plugin;
    if (conform->options.kills != NULL) {
        const char *wrong = kills_read(&report->kills, conform->options.kills);

        if (wrong != NULL)
            return cannot("cannot read", conform->options.kills, wrong);
    }
    report->system = process_system();
    report->backends = calloc(BACKENDS_MAX, sizeof *report->backends);
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
        fprintf(to, " %s", report->backends[b].name);
    fprintf(to, " (%s)\n", report->system);
    fflush(to);
}

static bool is_asked_for(const struct report *report, const struct guest *guest)
{
    for (int b = 0; b < report->backend_count; b++)
        if (report->backends[b].guest == guest->words)
            return true;
    return false;
}

/* Cases about the simulation itself are no other backend's. */
static void leave_out_sim(struct report *report, int b)
{
    for (int c = 0; c < report->case_count; c++)
        if ((report->cases[c]->needs & NEEDS_SIM) != 0)
            report_result(report, b, c)->selected = false;
}

static void run_all(struct conform *conform, struct report *report, const struct run_options *run)
{
    for (int g = 0; g < conform->guest_count; g++)
        if (is_asked_for(report, &conform->guests[g]))
            guest_come(&conform->guests[g]);
    for (int b = 0; b < report->backend_count; b++) {
        run_probe(&report->backends[b], run);
        if (strcmp(report->backends[b].how, "simulated") != 0)
            leave_out_sim(report, b);
    }
    if (conform->options.in_process)
        run_in_process(report, run);
    else
        run_processes(report, run);
}

static int run_and_report(struct conform *conform, struct report *report)
{
    const struct options *options = &conform->options;
    struct run_options run = {report->program, options->plugin,    !options->no_check,
                              options->jobs,   options->timeout_s, stdout,
                              options->xfail,  options->tags,      options->stop_after};
    struct outputs outputs = {NULL, NULL, NULL, NULL};
    const int64_t began_ns = process_clock_ns();
    int status = open_outputs(&outputs, options);

    if (status != GOOD)
        return status;
    run.talk = outputs.talk;
    announce(report, outputs.talk);
    run_all(conform, report, &run);
    report->duration_ns = process_clock_ns() - began_ns;
    status = write_outputs(&outputs, options, report);
    report_text(report, outputs.talk,
                process_is_terminal(outputs.talk) && getenv("NO_COLOR") == NULL);
    if (status != GOOD)
        return status;
    return report_good(report) ? GOOD : BAD;
}

/* Crowds of sources need them. */
static int demand_descriptors(void)
{
    const int count = process_descriptors();
    char what[100];

    snprintf(what, sizeof what, "%d descriptors may be open here, and %d are needed", count,
             DESCRIPTORS_MIN);
    return count >= DESCRIPTORS_MIN ? GOOD : cannot(what, NULL, "raise the limit, ulimit -n");
}

static int run_suite(struct conform *conform, const char *program)
{
    struct report report = {.program = program};
    int status;

    process_end_with_us();
    status = demand_descriptors();
    if (status == GOOD)
        status = prepare(conform, &report);
    if (status == GOOD && !traceable(conform->cases, conform->case_count, report.complete))
        status = BAD;
    if (status == GOOD)
        status = run_and_report(conform, &report);
    report_free(&report);
    for (int g = 0; g < conform->guest_count; g++)
        guest_leave(&conform->guests[g]);
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

static void say_failures(struct suite_listener *self, const struct suite_case *which,
                         enum suite_news news, enum guarantee id, const char *text,
                         const char *file, int line)
{
    (void) self;
    (void) which;
    (void) file;
    (void) line;
    if (news == SUITE_FAILED)
        fprintf(stderr, "rouse-conform: %s: %s\n", guarantees[id].id, text);
    else if (news == SUITE_ERROR || news == SUITE_UNSUPPORTED || news == SUITE_NOT_RUN)
        fprintf(stderr, "rouse-conform: %s\n", text);
}

/* Plays a scenario here, and prints what happened instead of what it was worth. */
static int trace(const struct conform *conform)
{
    const struct options *options = &conform->options;
    const struct rouse_evq_ops *backend =
        conform->extra != NULL ? conform->extra : rouse_backend(NULL);
    struct suite_listener listener = {say_failures};
    struct suite_run run = {.count = 1, .check = !options->no_check, .listener = &listener};
    const struct suite_case *which;
    char name[200];

    if (options->backends[0] != NULL)
        backend = find_backend(conform, options->backends[0]);
    if (backend == NULL)
        return no_backend(conform, options->backends[0] != NULL ? options->backends[0] : "");
    snprintf(name, sizeof name, "b5_the_same_on_every_backend_%s", options->trace);
    which = find_case(conform, name);
    if (which == NULL)
        return cannot("no scenario is called", options->trace,
                      "--list --case 'b5*' tells their names");
    trace_print_to(stdout);
    run.cases = &which;
    run.backend = backend;
    return suite_run(&run) == 0 ? GOOD : BAD;
}

/* We are one of the processes that run_processes() or run_probe() started. */
static int be_a_process(const struct conform *conform, const char *program)
{
    const struct options *options = &conform->options;
    const struct rouse_evq_ops *backend =
        options->backends[0] != NULL ? find_backend(conform, options->backends[0]) : NULL;
    const struct suite_run how = {.backend = backend,
                                  .program = program,
                                  .plugin = options->plugin,
                                  .copy = options->copy,
                                  .check = !options->no_check};
    const struct suite_case *which;

    if (backend == NULL)
        return no_backend(conform, options->backends[0] != NULL ? options->backends[0] : "");
    if (options->probe != NULL)
        return run_probe_here(backend);
    which = find_case(conform, options->run_case);
    if (which == NULL)
        return cannot("no case is called", options->run_case, NULL);
    return run_case_here(which, &how, options->timeout_s);
}

int rouse_conform_main(int argc, char **argv, const struct rouse_evq_ops *backend)
{
    static struct conform conform;
    const char *program = process_self(argc > 0 ? argv[0] : "rouse-conform");
    int status;

    process_begin();
    conform.extra = backend;
    status = options_parse(&conform.options, argc, argv);
    if (status != GOOD)
        return status;
    if (conform.options.help)
        return fputs(options_usage, stdout) < 0 ? CANNOT : GOOD;
    if (conform.options.version)
        return printf("rouse-conform %s\n", rouse_version()) < 0 ? CANNOT : GOOD;
    if (conform.options.keep)
        return guest_keep();
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
        return be_a_process(&conform, program);
    if (conform.options.trace != NULL)
        return trace(&conform);
    status = invite_guests(&conform);
    if (status == GOOD)
        status = demand_matches(&conform);
    if (status != GOOD)
        return status;
    if (conform.options.list)
        return list(&conform);
    return run_suite(&conform, program);
}
