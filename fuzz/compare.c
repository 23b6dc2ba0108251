/*
 * compare.c -- see compare.h.
 */
#include "compare.h"

#include <stdio.h>
#include <string.h>

static void tell_difference(struct comparison *comparison, const struct verdict *verdict)
{
    const struct verdict *first = &comparison->verdict;

    comparison->differs = true;
    snprintf(comparison->verdict.complaint, sizeof comparison->verdict.complaint,
             "%s and %s do not rest the same way (%d times and %d)", comparison->one.backend->name,
             comparison->two.backend->name, first->rests, verdict->rests);
    memcpy(comparison->verdict.guarantee, "B5", sizeof "B5");
}

struct comparison program_compare(const struct program *program)
{
    struct comparison comparison = {0};
    const struct rouse_evq_ops *const *backend;

    comparison.program = *program;
    comparison.program.fault_count = 0;
    comparison.program.settings.capacity = comparison.program.settings.seed = 0;
    comparison.program.settings.batch = 0;
    for (backend = rouse_backends; *backend != NULL; backend++) {
        struct stage_options options = {.backend = *backend, .in_order = true};
        const struct verdict verdict = program_play(&comparison.program, &options, NULL);

        comparison.two = options;
        if (!verdict.opened)
            continue;
        if (!comparison.verdict.opened || verdict.guarantee[0] != '\0') {
            comparison.one = options;
            comparison.verdict = verdict;
        } else if (verdict.rests != comparison.verdict.rests
                   || verdict.hash != comparison.verdict.hash) {
            tell_difference(&comparison, &verdict);
        }
        if (comparison.verdict.guarantee[0] != '\0')
            return comparison;
    }
    return comparison;
}
