/*
 * report_json.c -- a run as JSON (schema rouse-report/1), and the list of cases
 * (rouse-cases/1).
 */
#include "report.h"

#include <string.h>

/* Bytes that are no ASCII are taken for Latin-1: what a case printed may be anything,
 * and the file has to stay JSON. */
static void put_string(const char *text, FILE *to)
{
    fputc('"', to);
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char) *at;

        if (byte == '"' || byte == '\\')
            fprintf(to, "\\%c", byte);
        else if (byte == '\n')
            fputs("\\n", to);
        else if (byte < ' ' || byte >= 0x7f)
            fprintf(to, "\\u%04x", byte);
        else
            fputc(byte, to);
    }
    fputc('"', to);
}

static void put_member(const char *before, const char *name, const char *value, FILE *to)
{
    fprintf(to, "%s\"%s\": ", before, name);
    put_string(value, to);
}

/* "E1 E2" as ["E1", "E2"]. */
static void put_words(const char *words, FILE *to)
{
    fputc('[', to);
    for (const char *at = words; *at != '\0';) {
        const size_t length = strcspn(at, " ");

        fprintf(to, "%s\"%.*s\"", at == words ? "" : ", ", (int) length, at);
        at += length + (at[length] == ' ');
    }
    fputc(']', to);
}

static void put_needs(unsigned needs, FILE *to)
{
    const char *comma = "";

    fputc('[', to);
    for (unsigned need = 1; need <= NEEDS_RULES; need <<= 1) {
        if ((needs & need) == 0)
            continue;
        fputs(comma, to);
        put_string(suite_need_name(need), to);
        comma = ", ";
    }
    fputc(']', to);
}

static void put_guarantee(enum guarantee id, FILE *to)
{
    const struct guarantee_info *info = &guarantees[id];

    put_member("    {", "id", info->id, to);
    put_member(", ", "level", guarantee_level_name(info->level), to);
    put_member(", ", "title", info->title, to);
    put_member(",\n     ", "text", info->text, to);
    put_member(",\n     ", "why", info->why, to);
    put_member(",\n     ", "source", info->source, to);
}

static void put_case(const struct suite_case *which, FILE *to)
{
    put_member("    {", "id", which->name, to);
    fputs(", \"guarantees\": ", to);
    put_words(which->guarantees, to);
    fputs(", \"needs\": ", to);
    put_needs(which->needs, to);
    put_member(",\n     ", "arranges", which->arranges, to);
    put_member(",\n     ", "expects", which->expects, to);
    put_member(",\n     ", "file", report_file(which->file), to);
    fprintf(to, ", \"line\": %d", which->line);
}

void report_list_json(const struct suite_case *const *cases, int count, FILE *to)
{
    fputs("{\"schema\": \"rouse-cases/1\",\n \"backends\": [", to);
    for (int b = 0; rouse_backends[b] != NULL; b++) {
        fputs(b > 0 ? ", " : "", to);
        put_string(rouse_backends[b]->name, to);
    }
    fputs("],\n \"guarantees\": [\n", to);
    for (int id = 0; id < GUARANTEE_COUNT; id++) {
        put_guarantee((enum guarantee) id, to);
        fputs(id + 1 < GUARANTEE_COUNT ? "},\n" : "}],\n", to);
    }
    fputs(" \"cases\": [\n", to);
    for (int c = 0; c < count; c++) {
        put_case(cases[c], to);
        fputs(c + 1 < count ? "},\n" : "}\n", to);
    }
    fputs(" ]}\n", to);
}

/* -- A run ------------------------------------------------------------------- */

static void put_backend(const struct report *report, int b, FILE *to)
{
    const struct report_backend *backend = &report->backends[b];

    put_member("    {", "name", backend->name, to);
    put_member(", ", "how", backend->how, to);
    put_member(", ", "version", backend->version != NULL ? backend->version : "", to);
    put_member(", ", "system", backend->system != NULL ? backend->system : report->system, to);
    fprintf(to, ", \"required\": %s", backend->required ? "true" : "false");
    put_member(", ", "status", backend->why_not != NULL ? "not-run" : "run", to);
    if (backend->why_not != NULL)
        put_member(", ", "message", backend->why_not, to);
    fputc('}', to);
}

static void put_cell(const struct report *report, int b, enum guarantee id, FILE *to)
{
    const struct cell cell = report_cell(report, b, id);
    const char *comma = "";

    put_string(report->backends[b].name, to);
    put_member(": {", "status", status_name(cell.status), to);
    for (int status = 0; status < STATUS_COUNT; status++)
        if (cell.count[status] > 0)
            fprintf(to, ", \"%s\": %d", status_name((enum status) status), cell.count[status]);
    fputs(", \"cases\": [", to);
    for (int c = 0; c < report->case_count; c++) {
        if (!report_concerns(report, b, c, id))
            continue;
        fputs(comma, to);
        put_string(report->cases[c]->name, to);
        comma = ", ";
    }
    fputs("]}", to);
}

static void put_results(const struct report *report, int c, FILE *to)
{
    const char *comma = "";

    fputs(",\n     \"results\": {", to);
    for (int b = 0; b < report->backend_count; b++) {
        if (!report_result(report, b, c)->selected)
            continue;
        put_member(comma, report->backends[b].name,
                   status_name(report_result(report, b, c)->status), to);
        comma = ", ";
    }
    fputs("}, \"duration_ms\": {", to);
    comma = "";
    for (int b = 0; b < report->backend_count; b++) {
        if (!report_result(report, b, c)->selected)
            continue;
        fputs(comma, to);
        put_string(report->backends[b].name, to);
        fprintf(to, ": %.1f", (double) report_result(report, b, c)->duration_ns / 1e6);
        comma = ", ";
    }
    comma = "";
    fputs("}, \"messages\": [", to);
    for (int b = 0; b < report->backend_count; b++) {
        const struct result *result = report_result(report, b, c);

        for (const struct failure *failure = result->failures; failure != NULL;
             failure = failure->next) {
            fputs(comma, to);
            put_member("\n      {", "backend", report->backends[b].name, to);
            put_member(", ", "guarantee", guarantees[failure->id].id, to);
            put_member(", ", "message", failure->text != NULL ? failure->text : "", to);
            if (failure->file != NULL) {
                put_member(", ", "file", report_file(failure->file), to);
                fprintf(to, ", \"line\": %d", failure->line);
            }
            fputc('}', to);
            comma = ",";
        }
        if (result->message != NULL) {
            fputs(comma, to);
            put_member("\n      {", "backend", report->backends[b].name, to);
            put_member(", ", "message", result->message, to);
            fputc('}', to);
            comma = ",";
        }
    }
    fputs("]", to);
}

static void put_totals(const struct report *report, int b, FILE *to)
{
    static const enum status shown[] = {STATUS_PASS,   STATUS_FAIL,  STATUS_ERROR,
                                        STATUS_XFAIL,  STATUS_XPASS, STATUS_UNSUPPORTED,
                                        STATUS_NOT_RUN};
    const struct totals totals = report_totals(report, b);

    put_string(report->backends[b].name, to);
    fputs(": {", to);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        fprintf(to, "%s\"%s\": %d", i > 0 ? ", " : "", status_name(shown[i]),
                totals.cases[shown[i]]);
    fputc('}', to);
}

static void put_deviations(const struct report *report, FILE *to)
{
    const char *comma = "";

    fputs(" \"deviations\": [", to);
    for (int b = 0; b < report->backend_count; b++) {
        for (int c = 0; c < report->case_count; c++) {
            const struct deviation *deviation = report_deviation(report, b, c);

            if (deviation == NULL)
                continue;
            fprintf(to, "%s\n", comma);
            put_member("    {", "backend", report->backends[b].name, to);
            put_member(", ", "how", deviation->how, to);
            put_member(", ", "case", deviation->name, to);
            put_member(", ", "status", status_name(report_result(report, b, c)->status), to);
            put_member(",\n     ", "what", deviation->what, to);
            put_member(",\n     ", "source", deviation->source, to);
            fputc('}', to);
            comma = ",";
        }
    }
    fputs(" ],\n", to);
}

/* Whether it was asked for, on any backend; without backends all are. */
static bool is_selected(const struct report *report, int c)
{
    bool selected = report->backend_count == 0;

    for (int b = 0; b < report->backend_count; b++)
        selected |= report_result(report, b, c)->selected;
    return selected;
}

void report_json(const struct report *report, FILE *to)
{
    const char *comma = "";

    fputs("{\"schema\": \"rouse-report/1\",\n", to);
    put_member(" ", "rouse", rouse_version(), to);
    put_member(", ", "date", report->date, to);
    put_member(", ", "system", report->system, to);
    put_member(", ", "command", report->command, to);
    fprintf(to, ", \"complete\": %s, \"duration_ms\": %.0f,\n \"backends\": [\n",
            report->complete ? "true" : "false", (double) report->duration_ns / 1e6);
    for (int b = 0; b < report->backend_count; b++) {
        put_backend(report, b, to);
        fputs(b + 1 < report->backend_count ? ",\n" : "\n", to);
    }
    fputs(" ],\n \"guarantees\": [\n", to);
    for (int id = 0; id < GUARANTEE_COUNT; id++) {
        put_guarantee((enum guarantee) id, to);
        fputs(",\n     \"cells\": {", to);
        for (int b = 0; b < report->backend_count; b++) {
            fputs(b > 0 ? ", " : "", to);
            put_cell(report, b, (enum guarantee) id, to);
        }
        fputs(id + 1 < GUARANTEE_COUNT ? "}},\n" : "}}\n", to);
    }
    fputs(" ],\n \"cases\": [", to);
    for (int c = 0; c < report->case_count; c++) {
        if (!is_selected(report, c))
            continue;
        fprintf(to, "%s\n", comma);
        put_case(report->cases[c], to);
        put_results(report, c, to);
        fputc('}', to);
        comma = ",";
    }
    fputs("\n ],\n", to);
    put_deviations(report, to);
    fputs(" \"totals\": {", to);
    for (int b = 0; b < report->backend_count; b++) {
        fputs(b > 0 ? ", " : "", to);
        put_totals(report, b, to);
    }
    fputs("}}\n", to);
}
