/*
 * report_html.c -- a run as one page that needs nothing else.
 */
#include "report.h"

#include <string.h>

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>rouse: conformance</title>\n<style>\n"
    ":root { color-scheme: light dark; --text: #1c2024; --dim: #60646c; --line: #d9dce1;\n"
    "  --back: #ffffff; --panel: #f4f5f7; --good: #18794e; --bad: #c62a2f; --odd: #8a5a00;\n"
    "  --good-back: #e6f6ec; --bad-back: #ffe9e9; --odd-back: #fff3d6; }\n"
    "@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --dim: #9ba1a6;\n"
    "  --line: #34383d; --back: #16181a; --panel: #202427; --good: #4cc38a; --bad: #ff8589;\n"
    "  --odd: #f1a10d; --good-back: #13281e; --bad-back: #3b1a1c; --odd-back: #33270a; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0 auto; max-width: 100rem; padding: 2rem 1.25rem 4rem; color: var(--text);\n"
    "  background: var(--back); font: 15px/1.5 system-ui, sans-serif; }\n"
    "h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.5rem 0 .75rem; }\n"
    "a { color: inherit; } p { margin: .25rem 0; } code { font: .87em ui-monospace, monospace; }\n"
    ".dim { color: var(--dim); }\n"
    ".cards { display: grid; gap: .75rem; margin: 1.5rem 0;\n"
    "  grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); }\n"
    ".card { background: var(--panel); border-radius: 8px; padding: .9rem 1rem;\n"
    "  border-left: 4px solid var(--dim); }\n"
    ".card.good { border-color: var(--good); } .card.bad { border-color: var(--bad); }\n"
    ".card b { font-size: 1.1rem; } .card .big { font-size: 1.35rem; font-weight: 600; }\n"
    ".scroll { overflow-x: auto; }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th, td { border-bottom: 1px solid var(--line); padding: .45rem .6rem; text-align: left;\n"
    "  vertical-align: top; }\n"
    "thead th { position: sticky; top: 0; background: var(--back); white-space: nowrap; }\n"
    "tbody.area th { padding-top: 1.6rem; font-size: 1rem; border-bottom: 2px solid var(--line); "
    "}\n"
    "td.what { min-width: 14rem; } td.what p { font-size: .9em; }\n"
    "td.cell { min-width: 6.5rem; padding: .45rem .3rem; } thead th { padding: .45rem .3rem; }\n"
    "summary { cursor: pointer; } td.cell summary { list-style: none; }\n"
    "td.cell summary .mark { white-space: nowrap; }\n"
    "td.cell summary .mark:hover { text-decoration: underline; }\n"
    ".mark { border-radius: 4px; padding: 0 .4rem; font-weight: 600; }\n"
    ".pass, .xfail { color: var(--good); background: var(--good-back); }\n"
    ".fail, .error, .xpass { color: var(--bad); background: var(--bad-back); }\n"
    ".not-run { color: var(--odd); background: var(--odd-back); }\n"
    ".unsupported, .untested { color: var(--dim); background: var(--panel); }\n"
    "td.cell ul { list-style: none; margin: .4rem 0 0; padding: 0; font-size: .85em; }\n"
    "td.cell li { margin-bottom: .35rem; overflow-wrap: anywhere; }\n"
    "article { background: var(--panel); border-left: 4px solid var(--bad); border-radius: 8px;\n"
    "  margin: .75rem 0; padding: .8rem 1rem; } article h3 { margin: 0; font-size: 1rem; }\n"
    "pre { overflow-x: auto; margin: .5rem 0 0; font: .85em/1.45 ui-monospace, monospace; }\n"
    "</style>\n</head>\n<body>\n";

static void put(const char *text, FILE *to)
{
    report_markup(text != NULL ? text : "", to);
}

static void put_mark(enum status status, const char *after, FILE *to)
{
    fprintf(to, "<span class=\"mark %s\">%s%s</span>", status_name(status), status_name(status),
            after);
}

/* -- The top ----------------------------------------------------------------- */

static bool bad(enum status status)
{
    return status == STATUS_FAIL || status == STATUS_ERROR || status == STATUS_XPASS;
}

static void put_card(const struct report *report, int b, FILE *to)
{
    const struct report_backend *backend = &report->backends[b];
    const struct totals totals = report_totals(report, b);
    const int wrong =
        totals.cases[STATUS_FAIL] + totals.cases[STATUS_ERROR] + totals.cases[STATUS_XPASS];

    fprintf(to, "<div class=\"card %s\"><b>",
            backend->why_not != NULL ? (backend->required ? "bad" : "")
            : wrong > 0              ? "bad"
                                     : "good");
    put(backend->name, to);
    fprintf(to, "</b> <span class=\"dim\">%s", backend->how);
    fputs(backend->version != NULL ? ", " : "", to);
    put(backend->version, to);
    fputs(backend->system != NULL ? ", " : "", to);
    put(backend->system, to);
    fputs("</span>\n", to);
    if (backend->why_not != NULL) {
        fputs("<p class=\"big\">not run</p><p>", to);
        put(backend->why_not, to);
        fputs("</p></div>\n", to);
        return;
    }
    fprintf(to, "<p class=\"big\">%d of %d guarantees</p><p>tested and held", totals.held,
            totals.concerned + (report->complete ? totals.untested : 0));
    if (totals.unsupported > 0)
        fprintf(to, ", %d unsupported", totals.unsupported);
    if (report->complete && totals.untested > 0)
        fprintf(to, ", %d untested", totals.untested);
    fprintf(to, "</p>\n<p>%d of %d cases passed", totals.cases[STATUS_PASS], totals.selected);
    for (int status = 0; status < STATUS_UNTESTED; status++)
        if (status != STATUS_PASS && totals.cases[status] > 0)
            fprintf(to, ", %d %s", totals.cases[status], status_name((enum status) status));
    fputs(wrong > 0 ? " (<a href=\"#failed\">which</a>)" : "", to);
    fputs("</p></div>\n", to);
}

static void put_top(const struct report *report, FILE *to)
{
    fputs("<h1>rouse: conformance</h1>\n<p class=\"dim\">rouse ", to);
    put(rouse_version(), to);
    fputs(" on ", to);
    put(report->system, to);
    fputs(", ", to);
    put(report->date, to);
    fprintf(to, ", in %.1f s. <code>rouse-conform", (double) report->duration_ns / 1e9);
    fputs(report->command[0] != '\0' ? " " : "", to);
    put(report->command, to);
    fputs("</code></p>\n", to);
    if (!report->complete)
        fputs("<p>Only some of the cases were run; what is missing below was not asked for.</p>\n",
              to);
    fputs("<div class=\"cards\">\n", to);
    for (int b = 0; b < report->backend_count; b++)
        put_card(report, b, to);
    if (report->kills.count > 0)
        kills_html_card(&report->kills, to);
    fputs("</div>\n", to);
}

/* -- The matrix -------------------------------------------------------------- */

static void put_cell_case(const struct report *report, int b, int c, enum guarantee id, FILE *to)
{
    const struct result *result = report_result(report, b, c);

    fputs("<li>", to);
    put_mark(result_for(result, id), "", to);
    fputs(" <code>", to);
    put(report->cases[c]->name, to);
    fputs("</code>", to);
    for (const struct failure *failure = result->failures; failure != NULL;
         failure = failure->next) {
        fprintf(to, "<br>%s: ", guarantees[failure->id].id);
        put(failure->text, to);
    }
    if (result->message != NULL) {
        fputs("<br><span class=\"dim\">", to);
        put(result->message, to);
        fputs("</span>", to);
    }
    fputs("</li>\n", to);
}

static void put_cell(const struct report *report, int b, enum guarantee id, FILE *to)
{
    const struct cell cell = report_cell(report, b, id);
    char count[40] = "";

    fputs("<td class=\"cell\">", to);
    if (cell.cases > 0)
        snprintf(count, sizeof count, " %d/%d", cell.count[STATUS_PASS], cell.cases);
    if (cell.cases > 0) {
        fputs("<details><summary>", to);
        put_mark(cell.status, count, to);
        if (cell.status == STATUS_PASS && cell.count[STATUS_PASS] < cell.cases)
            fprintf(to, " <small class=\"dim\">%d aside</small>",
                    cell.cases - cell.count[STATUS_PASS]);
        fputs("</summary><ul>\n", to);
        for (int status = 0; status < STATUS_COUNT; status++)
            for (int c = 0; c < report->case_count; c++)
                if (report_concerns(report, b, c, id)
                    && result_for(report_result(report, b, c), id) == (enum status) status)
                    put_cell_case(report, b, c, id, to);
        fputs("</ul></details>", to);
    } else if (cell.status == STATUS_NOT_RUN) { /* not asked for, or not about this one */
        fputs("<span class=\"dim\">&ndash;</span>", to);
    } else {
        put_mark(cell.status, "", to);
    }
    fputs("</td>\n", to);
}

static void put_row(const struct report *report, enum guarantee id, FILE *to)
{
    const struct guarantee_info *info = &guarantees[id];

    fprintf(to, "<tr id=\"%s\"><td>%s</td><td class=\"what\"><details><summary><b>", info->id,
            info->id);
    put(info->title, to);
    fprintf(to, "</b> <span class=\"dim\">%s</span></summary><p>",
            guarantee_level_name(info->level));
    put(info->text, to);
    fputs("</p><p class=\"dim\">", to);
    put(info->why, to);
    fputs(" (", to);
    put(info->source, to);
    fputs(")</p></details></td>\n", to);
    for (int b = 0; b < report->backend_count; b++)
        put_cell(report, b, id, to);
    fputs("</tr>\n", to);
}

static void put_matrix(const struct report *report, FILE *to)
{
    fputs("<h2>Guarantees</h2>\n<p class=\"dim\">In a cell: of the cases of that guarantee, those "
          "that "
          "passed. It opens.</p>\n<div class=\"scroll\"><table>\n<thead><tr><th></th>"
          "<th></th>",
          to);
    for (int b = 0; b < report->backend_count; b++) {
        fputs("<th>", to);
        put(report->backends[b].name, to);
        fputs("</th>", to);
    }
    fputs("</tr></thead>\n", to);
    for (int id = 0; id < GUARANTEE_COUNT; id++) {
        if (id == 0 || guarantees[id].id[0] != guarantees[id - 1].id[0]) {
            fprintf(to, "<tbody class=\"area\"><tr><th colspan=\"%d\">", report->backend_count + 2);
            put(guarantee_area((enum guarantee) id), to);
            fputs("</th></tr></tbody>\n", to);
        }
        put_row(report, (enum guarantee) id, to);
    }
    fputs("</table></div>\n", to);
}

/* -- What failed ------------------------------------------------------------- */

static void put_failure(const struct report *report, int b, int c, FILE *to)
{
    const struct suite_case *which = report->cases[c];
    const struct result *result = report_result(report, b, c);

    fputs("<article><h3>", to);
    put_mark(result->status, "", to);
    fputs(" ", to);
    put(report->backends[b].name, to);
    fputs(": <code>", to);
    put(which->name, to);
    fputs("</code></h3>\n<p class=\"dim\">Arranged: ", to);
    put(which->arranges, to);
    fputs(". Expected: ", to);
    put(which->expects, to);
    fputs(".</p>\n", to);
    for (const struct failure *failure = result->failures; failure != NULL;
         failure = failure->next) {
        fprintf(to, "<p><a href=\"#%s\">%s</a>: ", guarantees[failure->id].id,
                guarantees[failure->id].id);
        put(failure->text, to);
        if (failure->file != NULL) {
            fputs(" <span class=\"dim\">(", to);
            put(report_file(failure->file), to);
            fprintf(to, ":%d)</span>", failure->line);
        }
        fputs("</p>\n", to);
    }
    if (result->message != NULL) {
        fputs("<p>", to);
        put(result->message, to);
        fputs("</p>\n", to);
    }
    if (result->output != NULL) {
        fputs("<pre>", to);
        put(result->output, to);
        fputs("</pre>\n", to);
    }
    fputs("</article>\n", to);
}

static void put_failures(const struct report *report, FILE *to)
{
    bool any = false;

    for (int b = 0; b < report->backend_count; b++) {
        for (int c = 0; c < report->case_count; c++) {
            if (!report_result(report, b, c)->selected || !bad(report_result(report, b, c)->status))
                continue;
            if (!any)
                fputs("<h2 id=\"failed\">What failed</h2>\n", to);
            any = true;
            put_failure(report, b, c, to);
        }
    }
}

static void put_deviation(const struct report *report, int b, int c, FILE *to)
{
    const struct deviation *deviation = report_deviation(report, b, c);

    fputs("<p>", to);
    put_mark(report_result(report, b, c)->status, "", to);
    fputs(" ", to);
    put(report->backends[b].name, to);
    fputs(": <code>", to);
    put(deviation->name, to);
    fputs("</code>: ", to);
    put(deviation->what, to);
    fputs(" <span class=\"dim\">(", to);
    put(deviation->source, to);
    fputs(")</span></p>\n", to);
}

static void put_deviations(const struct report *report, FILE *to)
{
    bool any = false;

    for (int b = 0; b < report->backend_count; b++) {
        for (int c = 0; c < report->case_count; c++) {
            if (report_deviation(report, b, c) == NULL)
                continue;
            if (!any)
                fputs("<h2>What is known to be otherwise</h2>\n<p class=\"dim\">Where a system is "
                      "pretended by another, these cases are to fail.</p>\n",
                      to);
            any = true;
            put_deviation(report, b, c, to);
        }
    }
}

void report_html(const struct report *report, FILE *to)
{
    fputs(head, to);
    put_top(report, to);
    put_matrix(report, to);
    fputs("<p class=\"dim\">pass: every case that could run passed; those aside could not, and say "
          "why. unsupported: this backend or "
          "machine lacks what the case is about. not-run: broken off by another failure, or by a "
          "backend that does not open here. untested: there is no case.</p>\n",
          to);
    put_failures(report, to);
    put_deviations(report, to);
    if (report->kills.count > 0)
        kills_html(&report->kills, to);
    fputs("</body>\n</html>\n", to);
}
