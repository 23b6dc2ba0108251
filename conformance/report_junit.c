/*
 * report_junit.c -- a run as JUnit's XML, which CI systems read. A test suite for each
 * backend; what was not run, or is unsupported, is "skipped" and says why.
 */
#include "report.h"

#include <string.h>

static void put_attribute(const char *name, const char *value, FILE *to)
{
    fprintf(to, " %s=\"", name);
    report_markup(value, to);
    fputc('"', to);
}

static void put_failures(const struct result *result, FILE *to)
{
    for (const struct failure *failure = result->failures; failure != NULL;
         failure = failure->next) {
        fputs("      <failure", to);
        put_attribute("type", guarantees[failure->id].id, to);
        put_attribute("message", failure->text != NULL ? failure->text : "", to);
        fputc('>', to);
        if (failure->file != NULL) {
            report_markup(report_file(failure->file), to);
            fprintf(to, ":%d", failure->line);
        }
        fputs("</failure>\n", to);
    }
}

static void put_skipped(const struct result *result, FILE *to)
{
    fputs("      <skipped", to);
    put_attribute("message",
                  result->message != NULL ? result->message : status_name(result->status), to);
    fputs("/>\n", to);
}

static void put_verdict(const struct result *result, FILE *to)
{
    switch (result->status) {
    case STATUS_FAIL: put_failures(result, to); break;
    case STATUS_ERROR:
    case STATUS_XPASS:
        fputs("      <error", to);
        put_attribute("message",
                      result->message != NULL ? result->message : "it was to fail, and passed", to);
        fputs("/>\n", to);
        break;
    case STATUS_NOT_RUN:
    case STATUS_XFAIL:
    case STATUS_UNSUPPORTED:
    case STATUS_UNTESTED: put_skipped(result, to); break;
    case STATUS_PASS: break;
    }
    if (result->output != NULL) {
        fputs("      <system-out>", to);
        report_markup(result->output, to);
        fputs("</system-out>\n", to);
    }
}

static void put_case(const struct report *report, int b, int c, FILE *to)
{
    const struct suite_case *which = report->cases[c];
    const struct result *result = report_result(report, b, c);
    char class[200];

    snprintf(class, sizeof class, "%s.%s", report->backends[b].name, report_file(which->file));
    if (strrchr(class, '.') != NULL)
        *strrchr(class, '.') = '\0';
    fputs("    <testcase", to);
    put_attribute("classname", class, to);
    put_attribute("name", which->name, to);
    fprintf(to, " time=\"%.3f\">\n", (double) result->duration_ns / 1e9);
    put_verdict(result, to);
    fputs("    </testcase>\n", to);
}

void report_junit(const struct report *report, FILE *to)
{
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rouse-conform\">\n", to);
    for (int b = 0; b < report->backend_count; b++) {
        const struct totals totals = report_totals(report, b);

        fputs("  <testsuite", to);
        put_attribute("name", report->backends[b].name, to);
        put_attribute(
            "hostname",
            report->backends[b].system != NULL ? report->backends[b].system : report->system, to);
        fprintf(to, " tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\">\n",
                totals.selected, totals.cases[STATUS_FAIL],
                totals.cases[STATUS_ERROR] + totals.cases[STATUS_XPASS],
                totals.cases[STATUS_NOT_RUN] + totals.cases[STATUS_XFAIL]
                    + totals.cases[STATUS_UNSUPPORTED]);
        for (int c = 0; c < report->case_count; c++)
            if (report_result(report, b, c)->selected)
                put_case(report, b, c, to);
        fputs("  </testsuite>\n", to);
    }
    fputs("</testsuites>\n", to);
}
