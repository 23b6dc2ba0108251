/*
 * run.c -- running cases, a process for each, or all in this one.
 */
#include "run.h"

#include <rouse/rouse.h>

#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "process.h"
#include "progress.h"
#include "verdict.h"

#if !defined(RUN_EMULATED)
#define RUN_EMULATED "" /* the backend that runs on no kernel but on an emulation of one */
#endif

enum {
    UNBORN_MAX = 3,   /* how often a guest may fail to start a case */
    AFTERWARDS_S = 3, /* a process ends itself so much later, if we are gone */
    SLOWER = 12       /* what stands in for another system takes so many times as long */
};

/* What a case may take there. */
static int limit_s(const struct report_backend *backend, const struct run_options *options)
{
    const bool stands_in = backend->guest != NULL || strcmp(process_how(), "native") != 0;

    return options->timeout_s * (stands_in ? SLOWER : 1);
}

bool run_matches(const char *pattern, const char *name)
{
    for (; *pattern != '\0' && *pattern != '*'; pattern++, name++)
        if (*name == '\0' || (*pattern != '?' && *pattern != *name))
            return false;
    if (*pattern == '\0')
        return *name == '\0';
    do {
        if (run_matches(pattern + 1, name))
            return true;
    } while (*name++ != '\0');
    return false;
}

static bool is_to_fail(const struct report *report, int b, int c, const struct run_options *options)
{
    for (const char *const *pattern = options->xfail; *pattern != NULL; pattern++)
        if (run_matches(*pattern, report->cases[c]->name))
            return true;
    return report_deviation(report, b, c) != NULL;
}

/* What the caller said would fail, or is known to. */
static void expect(const struct report *report, int b, int c, const struct run_options *options)
{
    struct result *result = report_result(report, b, c);
    const struct deviation *deviation = report_deviation(report, b, c);

    if (!is_to_fail(report, b, c, options))
        return;
    if (deviation != NULL && result->message == NULL)
        result_text(&result->message, deviation->what);
    if (result->status == STATUS_PASS)
        result->status = STATUS_XPASS;
    else if (result->status == STATUS_FAIL || result->status == STATUS_ERROR)
        result->status = STATUS_XFAIL;
}

/* -- Processes --------------------------------------------------------------- */

/* A process, and what it is for. */
struct job {
    int backend, which;
    bool bare;    /* without the wrapper, which has ended it before */
    bool repeats; /* it is to be started again */
    int unborn;   /* how often it ended before the case began */
};

static bool start(struct process *process, const char *mode, const char *name,
                  const struct report_backend *backend, bool check,
                  const struct run_options *options)
{
    const char *argv[GUEST_WORDS_MAX + 12];
    char timeout[20];
    int count = 0;

    for (int i = 0; backend->guest != NULL && backend->guest[i] != NULL; i++)
        argv[count++] = backend->guest[i];
    if (backend->guest == NULL)
        argv[count++] = options->self;
    argv[count++] = mode;
    argv[count++] = name;
    argv[count++] = "--backend";
    argv[count++] = backend->backend;
    snprintf(timeout, sizeof timeout, "%d", limit_s(backend, options));
    argv[count++] = "--timeout";
    argv[count++] = timeout;
    if (backend->guest == NULL && options->plugin != NULL) {
        argv[count++] = "--plugin";
        argv[count++] = options->plugin;
    }
    if (!check)
        argv[count++] = "--no-check";
    argv[count] = NULL;
    return process_start(process, argv, (int64_t) limit_s(backend, options) * 1000000000);
}

/* Whether a result is one of the failures that are counted: of the guarantees asked about, if
 * any are. */
static bool is_failure(const struct result *result, const struct run_options *options)
{
    if (result->status != STATUS_FAIL && result->status != STATUS_ERROR
        && result->status != STATUS_XPASS)
        return false;
    for (const char *const *tag = options->tags; *tag != NULL; tag++)
        if (result_for(result, guarantee_find(*tag, "")) == result->status)
            return true;
    return *options->tags == NULL;
}

/* The next result that is to be found, from `*at` on; false when there is none. */
static bool next_job(const struct report *report, int *at, struct job *job)
{
    for (; *at < report->backend_count * report->case_count; ++*at) {
        job->backend = *at / report->case_count;
        job->which = *at % report->case_count;
        job->bare = job->repeats = false;
        job->unborn = 0;
        if (report->results[*at].selected && report->backends[job->backend].why_not == NULL) {
            ++*at;
            return true;
        }
    }
    return false;
}

/* What is not begun, for there were failures enough. */
static void leave_out(struct report *report, int *at, int failures)
{
    char why[60];
    struct job job;

    snprintf(why, sizeof why, "stopped after %d %s", failures,
             failures == 1 ? "failure" : "failures");
    while (next_job(report, at, &job))
        result_text(&report_result(report, job.backend, job.which)->message, why);
}

static void begin(struct report *report, const struct job *job, struct process *process,
                  const struct run_options *options)
{
    if (!start(process, "--run-case", report->cases[job->which]->name,
               &report->backends[job->backend], options->check && !job->bare, options))
        verdict_error(report_result(report, job->backend, job->which), "no process for it");
}

/* The wrapper ends a case at the first clause that is broken, and what the case is about
 * is then not known. So it is run once more, without: what its assertions say about its
 * own guarantees counts too, and how it ends does not. */
static void finish_again(struct result *result, const struct suite_case *which,
                         struct process *process)
{
    struct result second = {.status = STATUS_PASS};

    verdict_judge(&second, process);
    for (const struct failure *failure = second.failures; failure != NULL; failure = failure->next)
        if (suite_tagged(which, failure->id))
            result_fail(result, failure->id, failure->text != NULL ? failure->text : "",
                        failure->file, failure->line);
    result->stopped = second.stopped;
    result_free(&second);
}

/* Wine 8 fails to start a program once in thousands of times. That is no news of a case that
 * has not begun; but when it goes on, it is. */
static bool is_unborn(const struct report *report, const struct job *job,
                      const struct process *process)
{
    return report->backends[job->backend].guest != NULL && !process->timed_out
           && !verdict_began(process) && job->unborn < UNBORN_MAX;
}

/* True if the case is to be run again. */
static bool finish(struct report *report, struct job *job, struct process *process,
                   const struct run_options *options)
{
    struct result *result = report_result(report, job->backend, job->which);
    bool ended_by_wrapper = false;

    if (is_unborn(report, job, process)) {
        process_free(process);
        job->unborn++;
        job->repeats = true;
        return true;
    }
    if (job->bare) {
        finish_again(result, report->cases[job->which], process);
    } else {
        result->status = STATUS_PASS;
        verdict_judge(result, process);
        result->duration_ns = process->ended_ns - process->started_ns;
        ended_by_wrapper = result->status == STATUS_FAIL && verdict_aborted(process);
    }
    process_free(process);
    job->bare = job->repeats = ended_by_wrapper && options->check;
    if (!job->repeats)
        expect(report, job->backend, job->which, options);
    return job->repeats;
}

void run_processes(struct report *report, const struct run_options *options)
{
    struct process *processes = calloc((size_t) options->jobs, sizeof *processes);
    struct job *jobs = calloc((size_t) options->jobs, sizeof *jobs);
    struct progress progress;
    int at = 0, running = 0, failures = 0;

    progress_begin(&progress, report, options->talk);
    while (processes != NULL && jobs != NULL) {
        for (int i = 0; i < options->jobs; i++) {
            if (processes[i].running || !(jobs[i].repeats || next_job(report, &at, &jobs[i])))
                continue;
            jobs[i].repeats = false;
            begin(report, &jobs[i], &processes[i], options);
            if (processes[i].running)
                running++;
            else
                progress_show(&progress, jobs[i].backend, jobs[i].which);
        }
        if (running == 0)
            break;
        process_step(processes, options->jobs);
        for (int i = 0; i < options->jobs; i++) {
            if (processes[i].running || processes[i].ended_ns == 0)
                continue;
            running--;
            if (finish(report, &jobs[i], &processes[i], options))
                continue;
            progress_show(&progress, jobs[i].backend, jobs[i].which);
            failures += is_failure(report_result(report, jobs[i].backend, jobs[i].which), options);
            if (failures == options->stop_after && failures > 0)
                leave_out(report, &at, failures);
        }
    }
    progress_end(&progress);
    free(processes);
    free(jobs);
}

static int case_here_failed; /* whether the one case of this process said anything bad */

static void say_and_count(struct suite_listener *self, const struct suite_case *which,
                          enum suite_news news, enum guarantee id, const char *text,
                          const char *file, int line)
{
    case_here_failed |= news == SUITE_FAILED || news == SUITE_ERROR || news == SUITE_LEFT;
    (void) self;
    (void) which;
    verdict_say(news, id, text, file, line);
}

int run_case_here(const struct suite_case *which, const struct suite_run *how, int timeout_s)
{
    struct suite_listener listener = {say_and_count};
    struct suite_run run = *how;

    run.cases = &which;
    run.count = 1;
    run.listener = &listener;
    process_limit(timeout_s + AFTERWARDS_S);
    if (suite_run(&run) != 0)
        return 1;
    /* What a failed case left behind is no news; a sanitizer would call it a leak. */
    if (case_here_failed)
        process_exit(1);
    return 0;
}

/* -- Whether a backend opens ------------------------------------------------- */

static const char *how(const struct rouse_evq *evq)
{
    if (evq->sockets != NULL)
        return "simulated";
    return strcmp(evq->ops->name, RUN_EMULATED) == 0 ? "emulated" : process_how();
}

int run_probe_here(const struct rouse_evq_ops *backend)
{
    struct rouse_evq *evq;
    const int error = backend->open(&evq, NULL);

    if (error != 0) {
        printf("\n" VERDICT_MARK "closed\t%s\n", rouse_strerror(error));
        return 0;
    }
    printf("\n" VERDICT_MARK "open\t%s\t%s\t%s\n", how(evq),
           backend->version != NULL ? backend->version : "", process_system());
    evq->ops->close(evq);
    return 0;
}

/* One field of a line, up to a tab or its end, as text. Returns what follows. */
static const char *hear_field(char **text, const char *at)
{
    const size_t length = strcspn(at, "\t\r\n");
    char field[200];

    snprintf(field, sizeof field, "%.*s", (int) length, at);
    result_text(text, length > 0 ? field : NULL);
    return at[length] == '\t' ? at + length + 1 : at + length;
}

static void hear_open(struct report_backend *backend, const char *line)
{
    static const char *const hows[] = {"native", "simulated", "wine", "emulated"};
    char *how = NULL;

    line = hear_field(&how, line);
    line = hear_field(&backend->version, line);
    hear_field(&backend->system, line);
    for (size_t i = 0; how != NULL && i < sizeof hows / sizeof hows[0]; i++)
        if (strcmp(how, hows[i]) == 0)
            backend->how = hows[i];
    result_text(&how, NULL);
}

static void hear_probe(struct report_backend *backend, const struct process *process)
{
    const char *said = process->output != NULL ? process->output : "";
    const char *open = strstr(said, VERDICT_MARK "open\t");
    const char *closed = strstr(said, VERDICT_MARK "closed\t");
    char text[200];

    if (closed != NULL) {
        hear_field(&backend->why_not, closed + strlen(VERDICT_MARK "closed\t"));
    } else if (open == NULL || process->exit_code != 0) {
        snprintf(text, sizeof text, "opening and closing it %s (signal %d, status %d)",
                 process->timed_out ? "does not end" : "crashes", process->signal,
                 process->exit_code);
        result_text(&backend->why_not, text);
        backend->required = true; /* this is no want of the machine */
    } else {
        hear_open(backend, open + strlen(VERDICT_MARK "open\t"));
    }
}

void run_probe(struct report_backend *backend, const struct run_options *options)
{
    struct process process = {0};

    backend->how = "native";
    if (!start(&process, "--probe", "-", backend, false, options)) {
        result_text(&backend->why_not, "no process for it");
        return;
    }
    while (process.running)
        process_step(&process, 1);
    hear_probe(backend, &process);
    process_free(&process);
}

/* -- All in this process ----------------------------------------------------- */

struct recorder {
    struct suite_listener listener;
    struct report *report;
    int backend;
    int which; /* the case that runs */
    int64_t began_ns;
    const struct run_options *options;
};

static void record_begin(struct recorder *recorder, const struct suite_case *which)
{
    const struct report *report = recorder->report;

    for (int c = 0; c < report->case_count; c++)
        if (report->cases[c] == which)
            recorder->which = c;
    report_result(report, recorder->backend, recorder->which)->status = STATUS_PASS;
    recorder->began_ns = process_clock_ns();
    process_limit(limit_s(&report->backends[recorder->backend], recorder->options));
    /* Before it runs, so that one that ends us all is known. */
    fprintf(recorder->options->talk, "%s: %s: ", report->backends[recorder->backend].name,
            which->name);
    fflush(recorder->options->talk);
}

static void record_end(struct recorder *recorder, struct result *result)
{
    result->duration_ns = process_clock_ns() - recorder->began_ns;
    expect(recorder->report, recorder->backend, recorder->which, recorder->options);
    process_limit(0);
    fprintf(recorder->options->talk, "%s\n", status_name(result->status));
}

static void record(struct suite_listener *self, const struct suite_case *which,
                   enum suite_news news, enum guarantee id, const char *text, const char *file,
                   int line)
{
    struct recorder *recorder = rouse_container_of(self, struct recorder, listener);
    struct result *result;

    if (news == SUITE_BEGAN)
        record_begin(recorder, which);
    result = report_result(recorder->report, recorder->backend, recorder->which);
    verdict_hear(result, news, id, text, file, line);
    if (news == SUITE_ENDED || news == SUITE_LEFT)
        record_end(recorder, result);
}

static void run_backend(struct report *report, int b, const struct run_options *options)
{
    struct recorder recorder = {{record}, report, b, 0, 0, options};
    const struct suite_case **cases = calloc((size_t) report->case_count, sizeof *cases);
    struct suite_run run = {.cases = cases,
                            .backend = report->backends[b].ops,
                            .program = options->self,
                            .plugin = options->plugin,
                            .check = options->check,
                            .summary = options->talk == stdout,
                            .listener = &recorder.listener};

    for (int c = 0; cases != NULL && c < report->case_count; c++)
        if (report_result(report, b, c)->selected)
            cases[run.count++] = report->cases[c];
    if (cases == NULL || suite_run(&run) != 0)
        result_text(&report->backends[b].why_not, "out of memory");
    free(cases);
}

void run_in_process(struct report *report, const struct run_options *options)
{
    for (int b = 0; b < report->backend_count; b++)
        if (report->backends[b].why_not == NULL)
            run_backend(report, b, options);
}
