/*
 * run.c -- running cases, and believing nothing that was not said.
 *
 * A case runs in a process that tells us what it finds, in lines on its output that begin
 * with "@rouse". It has passed if it said nothing bad, said its last word, and then ended
 * with status 0. Silence, a crash, a hang and an early exit are all errors.
 *
 * The wrapper around its queue, and the rules of debug builds, end the process with a
 * line of their own, "rouse: E5: ...", which counts as a failed assertion about E5.
 */
#include "run.h"

#include <rouse/rouse.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"

#define MARK "@rouse "

enum { AFTERWARDS_S = 3 }; /* a process ends itself so much later, if we are gone */

static const char *const news_names[] = {"began",   "failed", "error", "unsupported",
                                         "not-run", "note",   "left",  "ended"};
enum { NEWS_COUNT = sizeof news_names / sizeof news_names[0] };

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

/* -- What a case says -------------------------------------------------------- */

/* "@rouse failed E5 31 /path/e5_silence.c<tab>a forgotten source was reported", after a
 * line end, for whatever was printed before may lack one. */
static void say(struct suite_listener *self, const struct suite_case *which, enum suite_news news,
                enum guarantee id, const char *text, const char *file, int line)
{
    char words[600];

    (void) self;
    (void) which;
    snprintf(words, sizeof words - 1, "\n" MARK "%s %s %d %s\t%s", news_names[news],
             id < GUARANTEE_COUNT ? guarantees[id].id : "-", line, file != NULL ? file : "-",
             text != NULL ? text : "");
    for (char *at = words + 1; (at = strchr(at, '\n')) != NULL;)
        *at = ' ';
    strcat(words, "\n");
    fputs(words, stdout);
    fflush(stdout);
}

static void note_left(struct result *result, const char *text)
{
    result->stopped = true;
    if (text != NULL && *text != '\0' && result->message == NULL)
        result_text(&result->message, text);
}

/* What one piece of news makes of a result. SUITE_ENDED is the caller's to note. */
static void hear(struct result *result, enum suite_news news, enum guarantee id, const char *text,
                 const char *file, int line)
{
    switch (news) {
    case SUITE_FAILED:
        result_fail(result, id, text, file, line);
        result->status = STATUS_FAIL;
        break;
    case SUITE_ERROR:
        result_text(&result->message, text);
        if (result->status != STATUS_FAIL)
            result->status = STATUS_ERROR;
        break;
    case SUITE_UNSUPPORTED:
        result_text(&result->message, text);
        result->status = STATUS_UNSUPPORTED;
        break;
    case SUITE_NOT_RUN:
        result_text(&result->message, text);
        result->status = STATUS_NOT_RUN;
        break;
    case SUITE_LEFT: note_left(result, text); break;
    case SUITE_BEGAN:
    case SUITE_NOTE:
    case SUITE_ENDED: break;
    }
}

/* The same for a line that say() wrote. True if it was the last word. */
static bool hear_line(struct result *result, char *line)
{
    char *text = strchr(line, '\t');
    char news[20], id[20], file[400];
    int number;

    if (text == NULL || sscanf(line, MARK "%19s %19s %d %399[^\t]", news, id, &number, file) != 4)
        return false;
    for (int i = 0; i < NEWS_COUNT; i++) {
        if (strcmp(news, news_names[i]) != 0)
            continue;
        hear(result, (enum suite_news) i, guarantee_find(id, ""), text + 1,
             strcmp(file, "-") != 0 ? file : NULL, number);
        return i == SUITE_ENDED;
    }
    return false;
}

/* A line by which a process ended itself: "rouse: E5: reported after forget() (epoll)". */
static void hear_misuse(struct result *result, const char *line)
{
    const char *text = line + strlen("rouse: ");
    const enum guarantee id = guarantee_find(text, ":"); /* "E5: " */

    if (id == GUARANTEE_COUNT) {
        result_text(&result->message, text);
        return;
    }
    result_fail(result, id, text + strlen(guarantees[id].id) + 2, NULL, 0);
    result->status = STATUS_FAIL;
}

/* -- What a process leaves --------------------------------------------------- */

/* Takes our own lines out of the output, and leaves the rest. True if the last word was
 * said. */
static bool hear_output(struct result *result, struct process *process)
{
    char *from = process->output, *to = process->output, *end;
    const char *misuse = NULL;
    bool last_word = false;

    for (; from != NULL && *from != '\0'; from = end) {
        end = from + strcspn(from, "\n");
        if (*end == '\n')
            *end++ = '\0';
        if (strncmp(from, MARK, strlen(MARK)) == 0) {
            last_word = hear_line(result, from) || last_word;
        } else if (*from != '\0') {
            const size_t length = strlen(from);

            memmove(to, from, length + 1);
            if (strncmp(to, "rouse: ", strlen("rouse: ")) == 0)
                misuse = to;
            to += length + 1;
        }
    }
    if (misuse != NULL && process->signal == SIGABRT)
        hear_misuse(result, misuse);
    /* Lines again, now that nobody looks for the ends of them. */
    for (char *at = process->output; at != NULL && at < to; at++)
        if (*at == '\0')
            *at = '\n';
    if (to != NULL)
        *to = '\0';
    return last_word;
}

static void make_error(struct result *result, const char *text)
{
    result->stopped = true;
    if (result->status != STATUS_FAIL)
        result->status = STATUS_ERROR;
    if (result->message == NULL)
        result_text(&result->message, text);
}

static void judge(struct result *result, struct process *process)
{
    const bool last_word = hear_output(result, process);
    char text[100];

    if (process->timed_out) {
        snprintf(text, sizeof text, "took longer than %lld s, and was ended",
                 (long long) (process->limit_ns / 1000000000));
        make_error(result, text);
    } else if (process->signal != 0) {
        snprintf(text, sizeof text, "ended by signal %d%s", process->signal,
                 process->signal == SIGSEGV   ? " (a bad address)"
                 : process->signal == SIGABRT ? " (it aborted)"
                                              : "");
        make_error(result, text);
    } else if (!last_word && !result->stopped) {
        snprintf(text, sizeof text, "ended with status %d, without its last word",
                 process->exit_code);
        make_error(result, text);
    } else if (process->exit_code != 0 && result->status != STATUS_FAIL
               && result->status != STATUS_ERROR) {
        snprintf(text, sizeof text, "ended with status %d, after its last word",
                 process->exit_code);
        make_error(result, text);
    }
    if ((result->status == STATUS_FAIL || result->status == STATUS_ERROR) && process->output != NULL
        && process->output[0] != '\0')
        result_text(&result->output, process->output);
}

/* What the caller said would fail. */
static void expect(struct result *result, const struct suite_case *which,
                   const struct run_options *options)
{
    for (const char *const *pattern = options->xfail; *pattern != NULL; pattern++) {
        if (!run_matches(*pattern, which->name))
            continue;
        if (result->status == STATUS_PASS)
            result->status = STATUS_XPASS;
        else if (result->status == STATUS_FAIL || result->status == STATUS_ERROR)
            result->status = STATUS_XFAIL;
        return;
    }
}

/* -- Progress ---------------------------------------------------------------- */

/* On a terminal, one line that is written again and again. Elsewhere, a line for each
 * backend that grows by a character for each case. */
struct progress {
    const struct report *report;
    FILE *to;
    bool terminal;
    int columns;
    int done, all, bad;
    bool *over; /* of each result, as in the report */
    int shown;  /* results before this one are on the screen */
    int shown_backend;
};

static char letter_of(enum status status)
{
    switch (status) {
    case STATUS_FAIL: return 'F';
    case STATUS_ERROR: return 'E';
    case STATUS_XPASS: return 'X';
    case STATUS_NOT_RUN: return '-';
    case STATUS_XFAIL: return 'x';
    case STATUS_PASS: return '.';
    case STATUS_UNSUPPORTED: return 'u';
    case STATUS_UNTESTED: return '?';
    }
    return '?';
}

static void progress_begin(struct progress *progress, const struct report *report, FILE *to)
{
    *progress = (struct progress){.report = report, .to = to, .shown_backend = -1};
    progress->terminal = process_is_terminal(to);
    progress->columns = process_columns(to);
    progress->over =
        calloc((size_t) (report->backend_count * report->case_count) + 1, sizeof(bool));
    for (int b = 0; b < report->backend_count; b++)
        if (report->backends[b].why_not == NULL)
            for (int c = 0; c < report->case_count; c++)
                progress->all += report_result(report, b, c)->selected;
}

static void show_line(const struct progress *progress, int b, int c)
{
    char line[300];

    snprintf(line, sizeof line, "%d of %d, %d failed  %s: %s", progress->done, progress->all,
             progress->bad, progress->report->backends[b].ops->name,
             progress->report->cases[c]->name);
    fprintf(progress->to, "\r\033[K%.*s", progress->columns - 1, line);
}

/* Cases end in any order, and are shown in theirs. */
static void show_letters(struct progress *progress)
{
    const struct report *report = progress->report;

    for (; progress->shown < report->backend_count * report->case_count; progress->shown++) {
        const struct result *result = &report->results[progress->shown];
        const int b = progress->shown / report->case_count;

        if (!result->selected || report->backends[b].why_not != NULL)
            continue;
        if (!progress->over[progress->shown])
            break;
        if (progress->shown_backend != b)
            fprintf(progress->to, "%s%-8s", progress->shown_backend >= 0 ? "\n" : "",
                    report->backends[b].ops->name);
        progress->shown_backend = b;
        fputc(letter_of(result->status), progress->to);
    }
}

static void progress_show(struct progress *progress, int b, int c)
{
    const struct result *result = report_result(progress->report, b, c);

    progress->done++;
    progress->bad += result->status == STATUS_FAIL || result->status == STATUS_ERROR
                     || result->status == STATUS_XPASS;
    if (progress->over != NULL)
        progress->over[b * progress->report->case_count + c] = true;
    if (progress->terminal)
        show_line(progress, b, c);
    else if (progress->over != NULL)
        show_letters(progress);
    fflush(progress->to);
}

static void progress_end(struct progress *progress)
{
    fputs(progress->terminal ? "\r\033[K" : "\n", progress->to);
    free(progress->over);
}

/* -- Processes --------------------------------------------------------------- */

/* A process, and what it is for. */
struct job {
    int backend, which;
    bool again; /* without the wrapper, which has ended it before */
};

static bool start(struct process *process, const char *mode, const char *name,
                  const struct rouse_evq_ops *backend, bool check,
                  const struct run_options *options)
{
    const char *argv[12] = {options->self, mode, name, "--backend", backend->name};
    char timeout[20];
    int count = 5;

    snprintf(timeout, sizeof timeout, "%d", options->timeout_s);
    argv[count++] = "--timeout";
    argv[count++] = timeout;
    if (options->plugin != NULL) {
        argv[count++] = "--plugin";
        argv[count++] = options->plugin;
    }
    if (!check)
        argv[count++] = "--no-check";
    argv[count] = NULL;
    return process_start(process, argv, (int64_t) options->timeout_s * 1000000000);
}

/* The next result that is to be found, from `*at` on; false when there is none. */
static bool next_job(const struct report *report, int *at, struct job *job)
{
    for (; *at < report->backend_count * report->case_count; ++*at) {
        job->backend = *at / report->case_count;
        job->which = *at % report->case_count;
        job->again = false;
        if (report->results[*at].selected && report->backends[job->backend].why_not == NULL) {
            ++*at;
            return true;
        }
    }
    return false;
}

static void begin(struct report *report, const struct job *job, struct process *process,
                  const struct run_options *options)
{
    if (!start(process, "--run-case", report->cases[job->which]->name,
               report->backends[job->backend].ops, options->check && !job->again, options))
        make_error(report_result(report, job->backend, job->which), "no process for it");
}

/* The wrapper ends a case at the first clause that is broken, and what the case is about
 * is then not known. So it is run once more, without: what its own assertions say counts
 * too, and how it ends does not. */
static void finish_again(struct result *result, struct process *process)
{
    struct result second = {.status = STATUS_PASS};

    judge(&second, process);
    for (const struct failure *failure = second.failures; failure != NULL; failure = failure->next)
        result_fail(result, failure->id, failure->text != NULL ? failure->text : "", failure->file,
                    failure->line);
    result->stopped = second.stopped;
    result_free(&second);
}

/* True if the case is to be run again. */
static bool finish(struct report *report, struct job *job, struct process *process,
                   const struct run_options *options)
{
    struct result *result = report_result(report, job->backend, job->which);
    bool ended_by_wrapper = false;

    if (job->again) {
        finish_again(result, process);
    } else {
        result->status = STATUS_PASS;
        judge(result, process);
        result->duration_ns = process->ended_ns - process->started_ns;
        ended_by_wrapper = result->status == STATUS_FAIL && process->signal == SIGABRT;
    }
    process_free(process);
    job->again = ended_by_wrapper && options->check;
    if (!job->again)
        expect(result, report->cases[job->which], options);
    return job->again;
}

void run_processes(struct report *report, const struct run_options *options)
{
    struct process *processes = calloc((size_t) options->jobs, sizeof *processes);
    struct job *jobs = calloc((size_t) options->jobs, sizeof *jobs);
    struct progress progress;
    int at = 0, running = 0;

    progress_begin(&progress, report, options->talk);
    while (processes != NULL && jobs != NULL) {
        for (int i = 0; i < options->jobs; i++) {
            if (processes[i].running || !(jobs[i].again || next_job(report, &at, &jobs[i])))
                continue;
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
            if (!finish(report, &jobs[i], &processes[i], options))
                progress_show(&progress, jobs[i].backend, jobs[i].which);
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
    say(self, which, news, id, text, file, line);
}

int run_case_here(const struct suite_case *which, const struct rouse_evq_ops *backend, bool check,
                  int timeout_s)
{
    struct suite_listener listener = {say_and_count};
    const struct suite_run run = {&which, 1, backend, check, false, &listener};

    process_limit(timeout_s + AFTERWARDS_S);
    if (suite_run(&run) != 0)
        return 1;
    /* What a failed case left behind is no news; a sanitizer would call it a leak. */
    if (case_here_failed)
        process_exit(1);
    return 0;
}

/* -- Whether a backend opens ------------------------------------------------- */

int run_probe_here(const struct rouse_evq_ops *backend)
{
    struct rouse_evq *evq;
    const int error = backend->open(&evq, NULL);

    if (error != 0) {
        printf("\n" MARK "closed\t%s\n", rouse_strerror(error));
        return 0;
    }
    printf("\n" MARK "open\t%s\n", evq->sockets != NULL ? "simulated" : process_how());
    evq->ops->close(evq);
    return 0;
}

static void hear_probe(struct report_backend *backend, const struct process *process)
{
    static const char *const hows[] = {"native", "simulated", "wine", "emulated"};
    const char *open = process->output != NULL ? strstr(process->output, MARK "open\t") : NULL;
    const char *closed = process->output != NULL ? strstr(process->output, MARK "closed\t") : NULL;
    char text[200];

    backend->how = "native";
    if (closed != NULL) {
        closed += strlen(MARK "closed\t");
        snprintf(text, sizeof text, "%.*s", (int) strcspn(closed, "\n"), closed);
        result_text(&backend->why_not, text);
    } else if (open == NULL || process->exit_code != 0) {
        snprintf(text, sizeof text, "opening and closing it %s (signal %d, status %d)",
                 process->timed_out ? "does not end" : "crashes", process->signal,
                 process->exit_code);
        result_text(&backend->why_not, text);
        backend->required = true; /* this is no want of the machine */
    } else {
        for (size_t i = 0; i < sizeof hows / sizeof hows[0]; i++)
            if (strncmp(open + strlen(MARK "open\t"), hows[i], strlen(hows[i])) == 0)
                backend->how = hows[i];
    }
}

void run_probe(struct report_backend *backend, const struct run_options *options)
{
    struct process process = {0};

    backend->how = "native";
    if (!start(&process, "--probe", "-", backend->ops, false, options)) {
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
    process_limit(recorder->options->timeout_s);
    /* Before it runs, so that one that ends us all is known. */
    fprintf(recorder->options->talk, "%s: %s: ", report->backends[recorder->backend].ops->name,
            which->name);
    fflush(recorder->options->talk);
}

static void record_end(struct recorder *recorder, struct result *result)
{
    result->duration_ns = process_clock_ns() - recorder->began_ns;
    expect(result, recorder->report->cases[recorder->which], recorder->options);
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
    hear(result, news, id, text, file, line);
    if (news == SUITE_ENDED || news == SUITE_LEFT)
        record_end(recorder, result);
}

static void run_backend(struct report *report, int b, const struct run_options *options)
{
    struct recorder recorder = {{record}, report, b, 0, 0, options};
    const struct suite_case **cases = calloc((size_t) report->case_count, sizeof *cases);
    struct suite_run run = {cases,
                            0,
                            report->backends[b].ops,
                            options->check,
                            options->talk == stdout,
                            &recorder.listener};

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
