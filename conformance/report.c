/*
 * report.c -- what a run found, put together.
 *
 * A failure counts for the guarantee that the failed assertion named, and for no other
 * one that its case is tagged with. What such a failure kept from being tested is not
 * known, and so it is not "pass".
 */
#include "report.h"

#include <stdlib.h>
#include <string.h>

const char *status_name(enum status status)
{
    switch (status) {
    case STATUS_FAIL: return "fail";
    case STATUS_ERROR: return "error";
    case STATUS_XPASS: return "xpass";
    case STATUS_NOT_RUN: return "not-run";
    case STATUS_XFAIL: return "xfail";
    case STATUS_PASS: return "pass";
    case STATUS_UNSUPPORTED: return "unsupported";
    case STATUS_UNTESTED: return "untested";
    }
    return "unknown";
}

struct result *report_result(const struct report *report, int backend, int which)
{
    return &report->results[backend * report->case_count + which];
}

/* Out of memory, a message is lost; the status stands. */
static char *copy_of(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = malloc(size);

    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

void result_text(char **text, const char *value)
{
    free(*text);
    *text = value != NULL ? copy_of(value) : NULL;
}

void result_fail(struct result *result, enum guarantee id, const char *text, const char *file,
                 int line)
{
    struct failure **at = &result->failures;
    struct failure *failure = calloc(1, sizeof *failure);

    if (failure == NULL)
        return;
    while (*at != NULL)
        at = &(*at)->next;
    failure->id = id;
    failure->text = copy_of(text);
    failure->file = file != NULL ? copy_of(file) : NULL;
    failure->line = line;
    *at = failure;
}

/* -- Cells ------------------------------------------------------------------- */

static bool names(const struct result *result, enum guarantee id)
{
    for (const struct failure *failure = result->failures; failure != NULL; failure = failure->next)
        if (failure->id == id)
            return true;
    return false;
}

enum status result_for(const struct result *result, enum guarantee id)
{
    if (result->status != STATUS_FAIL || names(result, id))
        return result->status;
    /* Another guarantee failed there. If that did not end the case, what it asserted
     * about this one was asserted, and held. */
    return result->stopped ? STATUS_NOT_RUN : STATUS_PASS;
}

bool report_concerns(const struct report *report, int backend, int which, enum guarantee id)
{
    const struct result *result = report_result(report, backend, which);

    return result->selected && (suite_tagged(report->cases[which], id) || names(result, id));
}

/* Whether there is one, for this backend or for others. */
static bool has_case(const struct report *report, enum guarantee id)
{
    for (int c = 0; c < report->case_count; c++)
        if (suite_tagged(report->cases[c], id))
            return true;
    return false;
}

/* A case that this build has no use for does not spoil the others of its guarantee; one
 * that was broken off does. */
static enum status worst(const struct report *report, int backend, const struct cell *cell,
                         enum guarantee id)
{
    if (cell->cases == 0)
        return has_case(report, id) ? STATUS_NOT_RUN : STATUS_UNTESTED;
    if (report->backends[backend].why_not != NULL)
        return STATUS_NOT_RUN;
    for (int status = 0; status < STATUS_COUNT; status++)
        if (cell->count[status] > (status == STATUS_NOT_RUN ? cell->aside : 0))
            return (enum status) status;
    return STATUS_NOT_RUN;
}

struct cell report_cell(const struct report *report, int backend, enum guarantee id)
{
    struct cell cell = {.status = STATUS_UNTESTED};

    for (int c = 0; c < report->case_count; c++) {
        const struct result *result = report_result(report, backend, c);
        enum status status;

        if (!report_concerns(report, backend, c, id))
            continue;
        status = result_for(result, id);
        cell.count[status]++;
        cell.cases++;
        cell.aside += status == STATUS_NOT_RUN && !result->stopped;
    }
    cell.status = worst(report, backend, &cell, id);
    return cell;
}

/* What a release build does not have, the rules of debug builds, it need not keep. */
static bool good(const struct cell *cell)
{
    return cell->status == STATUS_PASS || cell->status == STATUS_XFAIL
           || cell->status == STATUS_UNSUPPORTED || cell->aside == cell->cases;
}

const struct deviation *report_deviation(const struct report *report, int backend, int which)
{
    const struct report_backend *where = &report->backends[backend];

    if (where->why_not != NULL || !report_result(report, backend, which)->selected)
        return NULL;
    return deviation_of(where->how, where->backend, report->cases[which]->name);
}

struct totals report_totals(const struct report *report, int backend)
{
    struct totals totals = {{0}, 0, 0, 0, 0, 0};

    for (int c = 0; c < report->case_count; c++) {
        const struct result *result = report_result(report, backend, c);

        totals.selected += result->selected;
        if (result->selected)
            totals.cases[result->status]++;
    }
    for (int id = 0; id < GUARANTEE_COUNT; id++) {
        const struct cell cell = report_cell(report, backend, (enum guarantee) id);

        totals.concerned += cell.cases > 0;
        totals.held += cell.status == STATUS_PASS;
        totals.unsupported += cell.status == STATUS_UNSUPPORTED;
        totals.untested += cell.status == STATUS_UNTESTED;
    }
    return totals;
}

static bool backend_good(const struct report *report, int backend)
{
    if (report->backends[backend].why_not != NULL)
        return !report->backends[backend].required;
    for (int id = 0; id < GUARANTEE_COUNT; id++) {
        const struct cell cell = report_cell(report, backend, (enum guarantee) id);

        if (cell.cases > 0 && !good(&cell))
            return false;
        if (cell.cases == 0 && report->complete && guarantees[id].level == REQUIRED)
            return false;
    }
    return true;
}

bool report_good(const struct report *report)
{
    for (int b = 0; b < report->backend_count; b++)
        if (!backend_good(report, b))
            return false;
    return true;
}

/* -- The rest ---------------------------------------------------------------- */

const char *report_file(const char *file)
{
    static const char folder[] = "conformance";
    const size_t length = sizeof folder - 1;
    const char *found = file;

    for (const char *at = file; (at = strstr(at, folder)) != NULL; at += length)
        if (at[length] == '/' || at[length] == '\\')
            found = at + length + 1;
    return found;
}

void report_markup(const char *text, FILE *to)
{
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char) *at;

        if (strchr("&<>\"", *at) != NULL || byte >= 0x80)
            fprintf(to, "&#%u;", byte);
        else if (byte >= ' ' || strchr("\t\n", *at) != NULL)
            fputc(byte, to);
        else
            fputc('?', to);
    }
}

void result_free(struct result *result)
{
    struct failure *next;

    for (struct failure *failure = result->failures; failure != NULL; failure = next) {
        next = failure->next;
        free(failure->text);
        free(failure->file);
        free(failure);
    }
    free(result->message);
    free(result->output);
}

void report_free(struct report *report)
{
    for (int r = 0; report->results != NULL && r < report->backend_count * report->case_count; r++)
        result_free(&report->results[r]);
    for (int b = 0; b < report->backend_count; b++) {
        free(report->backends[b].version);
        free(report->backends[b].system);
        free(report->backends[b].why_not);
    }
    free(report->backends);
    free(report->results);
    kills_free(&report->kills);
}
