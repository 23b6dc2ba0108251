/*
 * progress.c -- showing how far a run is.
 */
#include "progress.h"

#include <stdlib.h>

#include "process.h"

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

void progress_begin(struct progress *progress, const struct report *report, FILE *to)
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
             progress->bad, progress->report->backends[b].name, progress->report->cases[c]->name);
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
                    report->backends[b].name);
        progress->shown_backend = b;
        fputc(letter_of(result->status), progress->to);
    }
}

void progress_show(struct progress *progress, int b, int c)
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

void progress_end(struct progress *progress)
{
    fputs(progress->terminal ? "\r\033[K" : "\n", progress->to);
    free(progress->over);
}
