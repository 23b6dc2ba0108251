/*
 * shrink.c -- see shrink.h.
 *
 * A play may end the process, so each is tried in a process of its own. Statements are
 * taken out in runs of half the program, a quarter, and so on to one: what A. Zeller and
 * R. Hildebrandt call delta debugging, and simpler, since every part of a program is one.
 */
#include "shrink.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"

enum { HANGS_AFTER = 10 /* seconds */ };

/* Whether it fails: by a complaint, by ending the process, or by not ending at all. */
static bool fails(const struct program *program, const struct stage_options *options)
{
    const pid_t child = fork();
    int status = 0;

    if (child == 0) {
        struct verdict verdict;

        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(0);
        alarm(HANGS_AFTER);
        verdict = options != NULL ? program_play(program, options, NULL)
                                  : program_compare(program).verdict;
        _exit(verdict.guarantee[0] != '\0');
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return false;
    return status != 0;
}

static bool shorter(struct program *program, const struct stage_options *options, int at, int count)
{
    struct program part = *program;

    memmove(&part.ops[at], &part.ops[at + count],
            (size_t) (part.count - at - count) * sizeof *part.ops);
    part.count -= count;
    if (!fails(&part, options))
        return false;
    *program = part;
    return true;
}

static bool without_fault(struct program *program, const struct stage_options *options, int at)
{
    struct program part = *program;

    memmove(&part.faults[at], &part.faults[at + 1],
            (size_t) (part.fault_count - at - 1) * sizeof *part.faults);
    part.fault_count--;
    if (!fails(&part, options))
        return false;
    *program = part;
    return true;
}

static void plainer(struct program *program, const struct stage_options *options)
{
    const struct settings plain = {0};
    struct program part = *program;
    uint8_t *const values[] = {&part.settings.batch, &part.settings.capacity, &part.settings.seed};

    part.settings = plain;
    part.settings.threads = program->settings.threads; /* there are statements that need it */
    if (fails(&part, options)) {
        *program = part;
        return;
    }
    part = *program;
    part.settings.inspector = false;
    if (fails(&part, options))
        *program = part;
    for (int i = 0; i < 3; i++) {
        part = *program;
        *values[i] = 0;
        if (fails(&part, options))
            *program = part;
    }
}

bool program_shrink(struct program *program, const struct stage_options *options)
{
    bool changed = true;

    if (!fails(program, options))
        return false;
    while (changed) {
        changed = false;
        for (int run = (program->count + 1) / 2; run > 0; run /= 2)
            for (int at = program->count - run; at >= 0; at -= run)
                if (at + run <= program->count)
                    changed |= shorter(program, options, at, run);
        for (int at = program->fault_count; at-- > 0;)
            changed |= without_fault(program, options, at);
    }
    plainer(program, options);
    return true;
}
