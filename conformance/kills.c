/*
 * kills.c -- the kill matrix: guarantees against mutants, from a file of ci/mutants.
 *
 * That file has a first line that names its form, and then a line for each mutant, with its
 * fields between tabs, in the order of struct kill.
 */
#include "kills.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define FORM "rouse-kills/1\n"

/* -- Reading ----------------------------------------------------------------- */

static char *read_all(FILE *file)
{
    size_t size = 0, room = 0;
    char *text = NULL;

    do {
        char *larger = realloc(text, room + 65536 + 1);

        if (larger == NULL) {
            free(text);
            return NULL;
        }
        text = larger;
        room += 65536;
        size += fread(text + size, 1, room - size, file);
    } while (size == room);
    text[size] = '\0';
    return text;
}

/* The field that begins at `*at`, cut out; `*at` goes behind it. An empty one at the end of
 * its line is what a line that is too short has. */
static const char *take_field(char **at, char end)
{
    char *field = *at;
    char *stop = field + strcspn(field, "\t\n");

    if (*stop != end)
        return NULL;
    *stop = '\0';
    *at = stop + 1;
    return field;
}

static bool take_kill(struct kill *kill, char **at)
{
    const char **fields[] = {&kill->name,   &kill->on,  &kill->killers, &kill->red,
                             &kill->failed, &kill->ran, &kill->seconds};
    const char *breaks;

    kill->verdict = take_field(at, '\t');
    breaks = kill->verdict != NULL ? take_field(at, '\t') : NULL;
    if (breaks == NULL)
        return false;
    kill->breaks = guarantee_find(breaks, "");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        *fields[i] = take_field(at, '\t');
        if (*fields[i] == NULL)
            return false;
    }
    kill->why = take_field(at, '\n');
    return kill->why != NULL && (kill->breaks != GUARANTEE_COUNT || strcmp(breaks, "-") == 0);
}

static const char *parse(struct kills *kills)
{
    char *at = kills->text + strlen(FORM);
    int lines = 0;

    if (strncmp(kills->text, FORM, strlen(FORM)) != 0)
        return "it is not what ci/mutants writes";
    for (const char *c = at; *c != '\0'; c++)
        lines += *c == '\n';
    kills->list = calloc((size_t) lines + 1, sizeof *kills->list);
    if (kills->list == NULL)
        return "out of memory";
    for (; *at != '\0'; kills->count++)
        if (kills->count == lines || !take_kill(&kills->list[kills->count], &at))
            return "one of its lines is not as it should be";
    return NULL;
}

const char *kills_read(struct kills *kills, const char *path)
{
    FILE *file = fopen(path, "r");
    const char *wrong;

    if (file == NULL)
        return strerror(errno);
    kills->text = read_all(file);
    wrong = ferror(file) ? "it cannot be read" : kills->text == NULL ? "out of memory" : NULL;
    fclose(file);
    return wrong != NULL ? wrong : parse(kills);
}

void kills_free(struct kills *kills)
{
    free(kills->list);
    free(kills->text);
}

/* -- Looking ----------------------------------------------------------------- */

bool kill_good(const struct kill *kill)
{
    return strcmp(kill->verdict, "killed") == 0 || strcmp(kill->verdict, "passes") == 0;
}

bool kill_reddened(const struct kill *kill, enum guarantee id)
{
    for (const char *at = kill->red; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (guarantee_find(at, " ") == id)
            return true;
    }
    return false;
}

static bool is_legal(const struct kill *kill)
{
    return kill->breaks == GUARANTEE_COUNT;
}

/* How many there are, legal or not, and how many of them ended as they must. */
static void count_up(const struct kills *kills, bool legal, int *count, int *good)
{
    *count = *good = 0;
    for (int i = 0; i < kills->count; i++) {
        if (is_legal(&kills->list[i]) != legal)
            continue;
        ++*count;
        *good += kill_good(&kills->list[i]);
    }
}

/* -- Telling ----------------------------------------------------------------- */

void kills_html_card(const struct kills *kills, FILE *to)
{
    int mutants, killed, variants, passed;

    count_up(kills, false, &mutants, &killed);
    count_up(kills, true, &variants, &passed);
    fprintf(to,
            "<div class=\"card %s\"><b>mutants</b> <span class=\"dim\">of the suite itself</span>\n"
            "<p class=\"big\">%d of %d mutants</p><p>killed by a case of what they break</p>\n"
            "<p>%d of %d legal variants passed (<a href=\"#mutants\">which</a>)</p></div>\n",
            killed == mutants && passed == variants ? "good" : "bad", killed, mutants, passed,
            variants);
}

static void put_verdict(const struct kill *kill, FILE *to)
{
    fprintf(to, "<span class=\"mark %s\">", kill_good(kill) ? "pass" : "fail");
    report_markup(kill->verdict, to);
    fputs("</span> <code>", to);
    report_markup(kill->name, to);
    fputs("</code> <span class=\"dim\">on ", to);
    report_markup(kill->on, to);
    fputs("</span>", to);
}

/* "by e7_a_wake_... and 2 more; 16 of 519 cases failed; red: E7 E8" */
static void put_kill(const struct kill *kill, FILE *to)
{
    fputs("<li>", to);
    put_verdict(kill, to);
    fputs("<br>", to);
    report_markup(kill->why, to);
    if (strcmp(kill->killers, "-") != 0) {
        fputs("<br>by <code>", to);
        for (const char *at = kill->killers; *at != '\0'; at++)
            if (*at == ' ')
                fputs("</code>, <code>", to);
            else
                fputc(*at, to);
        fputs("</code>", to);
    }
    fputs("<br><span class=\"dim\">", to);
    report_markup(kill->failed, to);
    fputs(" of ", to);
    report_markup(kill->ran, to);
    fputs(" cases failed", to);
    if (strcmp(kill->red, "-") != 0) {
        fputs(", red: ", to);
        report_markup(kill->red, to);
    }
    fputs(", ", to);
    report_markup(kill->seconds, to);
    fputs(" s</span></li>\n", to);
}

/* Its own mutants: of them, those that were killed. The cell opens. */
static void put_own(const struct kills *kills, enum guarantee id, FILE *to)
{
    int count = 0, killed = 0;

    for (int i = 0; i < kills->count; i++) {
        count += kills->list[i].breaks == id;
        killed += kills->list[i].breaks == id && kill_good(&kills->list[i]);
    }
    if (count == 0) {
        fputs("<td class=\"cell\"><span class=\"dim\">&ndash;</span></td>", to);
        return;
    }
    fprintf(
        to,
        "<td class=\"cell\"><details><summary><span class=\"mark %s\">killed %d/%d</span></summary>"
        "<ul>\n",
        killed == count ? "pass" : "fail", killed, count);
    for (int i = 0; i < kills->count; i++)
        if (kills->list[i].breaks == id)
            put_kill(&kills->list[i], to);
    fputs("</ul></details></td>", to);
}

/* Mutants of other guarantees that turned this one red as well. */
static void put_others(const struct kills *kills, enum guarantee id, FILE *to)
{
    int count = 0;

    for (int i = 0; i < kills->count; i++)
        count += !is_legal(&kills->list[i]) && kills->list[i].breaks != id
                 && kill_reddened(&kills->list[i], id);
    if (count == 0) {
        fputs("<td class=\"cell\"></td>", to);
        return;
    }
    fprintf(to,
            "<td class=\"cell\"><details><summary><span class=\"mark untested\">%d</span>"
            "</summary><ul>\n",
            count);
    for (int i = 0; i < kills->count; i++) {
        const struct kill *kill = &kills->list[i];

        if (is_legal(kill) || kill->breaks == id || !kill_reddened(kill, id))
            continue;
        fprintf(to, "<li>%s <code>", guarantees[kill->breaks].id);
        report_markup(kill->name, to);
        fputs("</code></li>\n", to);
    }
    fputs("</ul></details></td>", to);
}

static void put_row(const struct kills *kills, enum guarantee id, FILE *to)
{
    fprintf(to, "<tr><td><a href=\"#%s\">%s</a></td><td class=\"what\"><b>", guarantees[id].id,
            guarantees[id].id);
    report_markup(guarantees[id].title, to);
    fputs("</b></td>", to);
    put_own(kills, id, to);
    put_others(kills, id, to);
    fputs("</tr>\n", to);
}

static void put_table(const struct kills *kills, FILE *to)
{
    fputs("<div class=\"scroll\"><table>\n<thead><tr><th></th><th></th><th>its own mutants</th>"
          "<th>red under others</th></tr></thead>\n",
          to);
    for (int id = 0; id < GUARANTEE_COUNT; id++) {
        if (id == 0 || guarantees[id].id[0] != guarantees[id - 1].id[0]) {
            fputs("<tbody class=\"area\"><tr><th colspan=\"4\">", to);
            report_markup(guarantee_area((enum guarantee) id), to);
            fputs("</th></tr></tbody>\n", to);
        }
        put_row(kills, (enum guarantee) id, to);
    }
    fputs("</table></div>\n", to);
}

static void put_square(const struct kill *kill, enum guarantee id, FILE *to)
{
    const bool own = kill->breaks == id;

    if (!own && !kill_reddened(kill, id)) {
        fputs("&middot;", to);
        return;
    }
    fprintf(to, "<span class=\"%s\" title=\"",
            !own              ? "not-run"
            : kill_good(kill) ? "pass"
                              : "fail");
    report_markup(kill->name, to);
    fprintf(to, "\">%s</span>", own ? kill_good(kill) ? "#" : "!" : "+");
}

/* All of it at a glance: a row for each guarantee, a column for each mutant. */
static void put_grid(const struct kills *kills, FILE *to)
{
    fputs(
        "<p class=\"dim\">Each mutant a column: # breaks this guarantee, and was killed by a case "
        "of it; ! and was not; + turned it red as well. Each square says its name.</p>\n<pre>",
        to);
    for (int id = 0; id < GUARANTEE_COUNT; id++) {
        fprintf(to, "%-4s", guarantees[id].id);
        for (int i = 0; i < kills->count; i++)
            if (!is_legal(&kills->list[i]))
                put_square(&kills->list[i], (enum guarantee) id, to);
        fputs("\n", to);
    }
    fputs("</pre>\n", to);
}

static void put_variants(const struct kills *kills, FILE *to)
{
    int count, passed;

    count_up(kills, true, &count, &passed);
    if (count == 0)
        return;
    fprintf(to,
            "<h2>Legal variants</h2>\n<p class=\"dim\">They make use of what the guarantees allow: "
            "no case may fail with one of them.</p>\n<details><summary><span class=\"mark %s\">"
            "passed %d/%d</span></summary><ul>\n",
            passed == count ? "pass" : "fail", passed, count);
    for (int i = 0; i < kills->count; i++)
        if (is_legal(&kills->list[i]))
            put_kill(&kills->list[i], to);
    fputs("</ul></details>\n", to);
}

void kills_html(const struct kills *kills, FILE *to)
{
    fputs("<h2 id=\"mutants\">Mutants</h2>\n<p class=\"dim\">Backends and cores that break one "
          "guarantee, each of which a case of that guarantee has to notice. In a cell: of its "
          "mutants, those that were killed. It opens.</p>\n",
          to);
    put_table(kills, to);
    put_grid(kills, to);
    put_variants(kills, to);
}
