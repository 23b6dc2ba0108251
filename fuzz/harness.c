/*
 * harness.c -- see harness.h; and what new behaviour is.
 *
 * Lines of code are a poor measure of a state machine: the model's states are told to
 * libFuzzer as counters of its own, so that an input that gets a task into a state where
 * none has been is kept, even if it runs no new line.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATES = 4096 };

#ifdef __clang__
__attribute__((section("__libfuzzer_extra_counters")))
#endif
static uint8_t states[STATES];

static void count_state(unsigned hash)
{
    states[(hash ^ hash >> 12) % STATES] = 1; /* how often is no news */
}

static void write_line(void *to, const char *line)
{
    fputs(line, (FILE *) to);
}

void harness_begin(void)
{
    play_state = count_state;
}

void harness_show(const struct program *program, const struct stage_options *options)
{
    const struct play_log log = {write_line, stderr};

    fprintf(stderr, "==== its course on %s\n",
            options->backend != NULL ? options->backend->name : "an executor alone");
    (void) program_play(program, options, &log);
}

_Noreturn void harness_fail(const struct program *program, const struct stage_options *options,
                            const char *guarantee, const char *complaint)
{
    static char text[PROGRAM_TEXT];

    (void) program_print(program, text);
    fprintf(stderr, "==== the program\n%s", text);
    harness_show(program, options);
    fprintf(stderr, "==== %s: %s\n", guarantee, complaint);
    abort();
}

struct verdict harness_play(const struct program *program, const struct stage_options *options)
{
    struct verdict verdict;

    harness_begin();
    verdict = program_play(program, options, NULL);
    if (verdict.guarantee[0] != '\0')
        harness_fail(program, options, verdict.guarantee, verdict.complaint);
    return verdict;
}
