/*
 * report_text.c -- a run, for a terminal: the matrix, what failed and how to see it
 * again, and totals with what they are totals of.
 */
#include "report.h"

#include <string.h>

enum { TITLE_WIDTH = 27, CELL_WIDTH = 13, OUTPUT_LINES = 12 };

static const char *colour_of(enum status status)
{
    switch (status) {
    case STATUS_FAIL:
    case STATUS_ERROR:
    case STATUS_XPASS: return "\033[1;31m";
    case STATUS_NOT_RUN:
    case STATUS_XFAIL: return "\033[33m";
    case STATUS_PASS: return "\033[32m";
    case STATUS_UNSUPPORTED:
    case STATUS_UNTESTED: return "\033[2m";
    }
    return "";
}

static void print_coloured(const char *text, enum status status, int width, FILE *to, bool colour)
{
    if (colour)
        fprintf(to, "%s%-*s\033[0m", colour_of(status), width, text);
    else
        fprintf(to, "%-*s", width, text);
}

/* -- The matrix -------------------------------------------------------------- */

static int column_width(const struct report *report, int backend)
{
    const int length = (int) strlen(report->backends[backend].name) + 2;

    return length > CELL_WIDTH ? length : CELL_WIDTH;
}

/* "pass 4/4", "fail 3/4": of its cases, those that passed. A "+" says that the others
 * could not be run here. */
static void cell_text(const struct cell *cell, char *text, size_t size)
{
    const int aside = cell->count[STATUS_UNSUPPORTED] + cell->count[STATUS_NOT_RUN];

    if (cell->cases == 0 && cell->status == STATUS_NOT_RUN)
        snprintf(text, size, "-"); /* not asked for, or not about this one */
    else if (cell->status == STATUS_UNTESTED || cell->status == STATUS_UNSUPPORTED)
        snprintf(text, size, "%s", status_name(cell->status));
    else
        snprintf(text, size, "%s %d/%d%s", status_name(cell->status), cell->count[STATUS_PASS],
                 cell->cases, cell->status == STATUS_PASS && aside > 0 ? "+" : "");
}

static bool row_concerned(const struct report *report, enum guarantee id)
{
    for (int b = 0; b < report->backend_count; b++)
        if (report_cell(report, b, id).cases > 0)
            return true;
    return report->complete;
}

static void print_row(const struct report *report, enum guarantee id, FILE *to, bool colour)
{
    if (!row_concerned(report, id))
        return;
    fprintf(to, "%-4s%-*.*s", guarantees[id].id, TITLE_WIDTH - 4, TITLE_WIDTH - 5,
            guarantees[id].title);
    for (int b = 0; b < report->backend_count; b++) {
        const struct cell cell = report_cell(report, b, id);
        char text[40];

        cell_text(&cell, text, sizeof text);
        print_coloured(text, cell.status, column_width(report, b), to, colour);
    }
    fputc('\n', to);
}

static void print_matrix(const struct report *report, FILE *to, bool colour)
{
    fprintf(to, "\n%-*s", TITLE_WIDTH, "");
    for (int b = 0; b < report->backend_count; b++)
        fprintf(to, "%-*s", column_width(report, b), report->backends[b].name);
    fputc('\n', to);
    for (int id = 0; id < GUARANTEE_COUNT; id++)
        print_row(report, (enum guarantee) id, to, colour);
    fprintf(to, "\nOf a guarantee's cases, those that passed; + where a case needs what is missing "
                "here.\n");
}

/* -- What failed ------------------------------------------------------------- */

static void print_output(const char *output, FILE *to)
{
    const char *at = output + strlen(output);
    int lines = 0;

    while (at > output && lines <= OUTPUT_LINES)
        lines += *--at == '\n';
    for (at += at > output; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
        if (strcspn(at, "\n") > 0)
            fprintf(to, "      | %.*s\n", (int) strcspn(at, "\n"), at);
}

static void print_again(const struct report *report, const struct report_backend *backend,
                        const struct suite_case *which, FILE *to)
{
    fputs("      again:", to);
    for (int i = 0; backend->guest != NULL && backend->guest[i] != NULL; i++)
        fprintf(to, " %s", backend->guest[i]);
    if (backend->guest == NULL)
        fprintf(to, " %s", report->program);
    if (backend->guest == NULL && report->plugin != NULL)
        fprintf(to, " --plugin %s", report->plugin);
    fprintf(to, " --backend %s --case %s\n", backend->backend, which->name);
}

static void print_failure(const struct report *report, int b, int c, FILE *to, bool colour)
{
    const struct report_backend *backend = &report->backends[b];
    const struct suite_case *which = report->cases[c];
    const struct result *result = report_result(report, b, c);

    print_coloured(status_name(result->status), result->status, 6, to, colour);
    fprintf(to, "%s: %s\n", backend->name, which->name);
    for (const struct failure *failure = result->failures; failure != NULL; failure = failure->next)
        fprintf(to, "      %s (%s): %s\n        at %s:%d\n", guarantees[failure->id].id,
                guarantees[failure->id].title, failure->text,
                failure->file != NULL ? report_file(failure->file) : report_file(which->file),
                failure->file != NULL ? failure->line : which->line);
    if (result->message != NULL)
        fprintf(to, "      %s\n", result->message);
    fprintf(to, "      arranged: %s\n      expected: %s\n", which->arranges, which->expects);
    if (result->output != NULL)
        print_output(result->output, to);
    print_again(report, backend, which, to);
}

static bool failed(enum status status)
{
    return status == STATUS_FAIL || status == STATUS_ERROR || status == STATUS_XPASS;
}

static void print_failures(const struct report *report, FILE *to, bool colour)
{
    for (int b = 0; b < report->backend_count; b++) {
        for (int c = 0; c < report->case_count; c++) {
            const struct result *result = report_result(report, b, c);

            if (result->selected && failed(result->status)) {
                fputc('\n', to);
                print_failure(report, b, c, to, colour);
            }
        }
    }
}

/* What was put aside, once for each reason. */
static bool same_reason(const struct result *one, const struct result *other)
{
    return one->status == other->status && one->message != NULL && other->message != NULL
           && strcmp(one->message, other->message) == 0;
}

static void print_aside(const struct report *report, int b, FILE *to)
{
    const char *name = report->backends[b].name;

    for (int c = 0; c < report->case_count; c++) {
        const struct result *result = report_result(report, b, c);
        int count = 0, first = c;

        if (result->message == NULL
            || (result->status != STATUS_UNSUPPORTED && result->status != STATUS_NOT_RUN))
            continue;
        for (int other = report->case_count; other-- > 0;) {
            if (same_reason(result, report_result(report, b, other))) {
                first = other;
                count++;
            }
        }
        if (first == c && result->status == STATUS_UNSUPPORTED)
            fprintf(to, "%s has no %s: %d %s unsupported\n", name, result->message, count,
                    count == 1 ? "case is" : "cases are");
        else if (first == c)
            fprintf(to, "%s: %d %s not run: %s\n", name, count,
                    count == 1 ? "case was" : "cases were", result->message);
    }
}

/* What is otherwise there, and was reckoned with. */
static void print_deviations(const struct report *report, int b, FILE *to)
{
    for (int c = 0; c < report->case_count; c++) {
        const struct deviation *deviation = report_deviation(report, b, c);

        if (deviation != NULL)
            fprintf(to, "%s (%s): %s: %s: %s (%s)\n", report->backends[b].name, deviation->how,
                    deviation->name, status_name(report_result(report, b, c)->status),
                    deviation->what, deviation->source);
    }
}

/* -- Totals ------------------------------------------------------------------ */

/* ", 2 failed (E1 E5)": guarantees whose cell is `status`. */
static void print_guarantees(const struct report *report, int b, enum status status, FILE *to)
{
    int count = 0;

    for (int id = 0; id < GUARANTEE_COUNT; id++)
        count += report_cell(report, b, (enum guarantee) id).status == status
                 && report_cell(report, b, (enum guarantee) id).cases > 0;
    if (count == 0)
        return;
    fprintf(to, ", %d %s (", count, status_name(status));
    for (int id = 0; id < GUARANTEE_COUNT; id++) {
        const struct cell cell = report_cell(report, b, (enum guarantee) id);

        if (cell.status == status && cell.cases > 0)
            fprintf(to, "%s%s", guarantees[id].id, --count > 0 ? " " : ")");
    }
}

static void print_total(const struct report *report, int b, FILE *to)
{
    static const enum status others[] = {STATUS_FAIL,    STATUS_ERROR, STATUS_XPASS,
                                         STATUS_NOT_RUN, STATUS_XFAIL, STATUS_UNSUPPORTED};
    const struct report_backend *backend = &report->backends[b];
    const struct totals totals = report_totals(report, b);

    if (backend->why_not != NULL) {
        fprintf(to, "%s: not run: %s\n", backend->name, backend->why_not);
        return;
    }
    fprintf(to, "%s: %d of %d guarantees tested and held", backend->name, totals.held,
            totals.concerned + (report->complete ? totals.untested : 0));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        print_guarantees(report, b, others[i], to);
    if (report->complete && totals.untested > 0)
        fprintf(to, ", %d untested", totals.untested);
    fprintf(to, "; %d of %d cases passed", totals.cases[STATUS_PASS], totals.selected);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (totals.cases[others[i]] > 0)
            fprintf(to, ", %d %s", totals.cases[others[i]], status_name(others[i]));
    fputc('\n', to);
}

void report_text(const struct report *report, FILE *to, bool colour)
{
    int passed = 0, bad = 0;

    print_matrix(report, to, colour);
    print_failures(report, to, colour);
    fputc('\n', to);
    for (int b = 0; b < report->backend_count; b++)
        print_aside(report, b, to);
    for (int b = 0; b < report->backend_count; b++)
        print_deviations(report, b, to);
    for (int b = 0; b < report->backend_count; b++) {
        const struct totals totals = report_totals(report, b);

        print_total(report, b, to);
        if (report->backends[b].why_not != NULL && report->backends[b].required)
            fprintf(to, "%s is required, and was not run\n", report->backends[b].name);
        passed += totals.cases[STATUS_PASS] + totals.cases[STATUS_XFAIL];
        bad += totals.cases[STATUS_FAIL] + totals.cases[STATUS_ERROR] + totals.cases[STATUS_XPASS];
    }
    fprintf(to, "%d passed, %d failed\n", passed, bad);
}
