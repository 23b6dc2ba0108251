/*
 * verdict.c -- believing nothing that was not said.
 *
 * A process tells what its case finds in lines on its output that begin with "@rouse".
 * The case has passed if it said nothing bad, said its last word, and the process then
 * ended with status 0. Silence, a crash, a hang and an early exit are all errors.
 *
 * The wrapper around its queue, and the rules of debug builds, end the process with a
 * line of their own, "rouse: E5: ...", which counts as a failed assertion about E5.
 */
#include "verdict.h"

#include <signal.h>
#include <string.h>

static const char *const news_names[] = {"began",   "failed", "error", "unsupported",
                                         "not-run", "note",   "left",  "ended"};
enum { NEWS_COUNT = sizeof news_names / sizeof news_names[0] };

/* -- What a case says -------------------------------------------------------- */

/* "@rouse failed E5 31 evq/e5_silence.c<tab>a forgotten source was reported", after a
 * line end, for whatever was printed before may lack one. */
void verdict_say(enum suite_news news, enum guarantee id, const char *text, const char *file,
                 int line)
{
    char words[600];

    snprintf(words, sizeof words - 1, "\n" VERDICT_MARK "%s %s %d %s\t%s", news_names[news],
             id < GUARANTEE_COUNT ? guarantees[id].id : "-", line,
             file != NULL ? report_file(file) : "-", text != NULL ? text : "");
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
void verdict_hear(struct result *result, enum suite_news news, enum guarantee id, const char *text,
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

/* The same for a line that verdict_say() wrote. True if it was the last word. */
static bool hear_line(struct result *result, char *line)
{
    char *text = strchr(line, '\t');
    char news[20], id[20], file[400];
    int number;

    if (text == NULL
        || sscanf(line, VERDICT_MARK "%19s %19s %d %399[^\t]", news, id, &number, file) != 4)
        return false;
    for (int i = 0; i < NEWS_COUNT; i++) {
        if (strcmp(news, news_names[i]) != 0)
            continue;
        verdict_hear(result, (enum suite_news) i, guarantee_find(id, ""), text + 1,
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
    result->stopped = true;
}

/* -- What a process leaves --------------------------------------------------- */

bool verdict_began(const struct process *process)
{
    return process->output != NULL && strstr(process->output, VERDICT_MARK "began ") != NULL;
}

bool verdict_aborted(const struct process *process)
{
    return process->signal == SIGABRT || process->exit_code == PROCESS_ABORT;
}

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
        if (strncmp(from, VERDICT_MARK, strlen(VERDICT_MARK)) == 0) {
            last_word = hear_line(result, from) || last_word;
        } else if (*from != '\0') {
            const size_t length = strlen(from);

            memmove(to, from, length + 1);
            if (strncmp(to, "rouse: ", strlen("rouse: ")) == 0)
                misuse = to;
            to += length + 1;
        }
    }
    if (misuse != NULL && verdict_aborted(process))
        hear_misuse(result, misuse);
    /* Lines again, now that nobody looks for the ends of them. */
    for (char *at = process->output; at != NULL && at < to; at++)
        if (*at == '\0')
            *at = '\n';
    if (to != NULL)
        *to = '\0';
    return last_word;
}

void verdict_error(struct result *result, const char *text)
{
    result->stopped = true;
    if (result->status != STATUS_FAIL)
        result->status = STATUS_ERROR;
    if (result->message == NULL)
        result_text(&result->message, text);
}

void verdict_judge(struct result *result, struct process *process)
{
    const bool last_word = hear_output(result, process);
    char text[100];

    if (process->timed_out) {
        snprintf(text, sizeof text, "took longer than %lld s, and was ended",
                 (long long) (process->limit_ns / 1000000000));
        verdict_error(result, text);
    } else if (process->signal != 0 && !result->stopped) {
        snprintf(text, sizeof text, "ended by signal %d%s", process->signal,
                 process->signal == SIGSEGV   ? " (a bad address)"
                 : process->signal == SIGABRT ? " (it aborted)"
                                              : "");
        verdict_error(result, text);
    } else if (!last_word && !result->stopped) {
        snprintf(text, sizeof text, "ended with status %d, without its last word",
                 process->exit_code);
        verdict_error(result, text);
    } else if (process->exit_code != 0 && result->status != STATUS_FAIL
               && result->status != STATUS_ERROR) {
        snprintf(text, sizeof text, "ended with status %d, after its last word",
                 process->exit_code);
        verdict_error(result, text);
    }
    if ((result->status == STATUS_FAIL || result->status == STATUS_ERROR) && process->output != NULL
        && process->output[0] != '\0')
        result_text(&result->output, process->output);
}
