/*
 * fuzz_differential.c -- the same program on every backend that opens here, with real
 * sockets, and in the simulation: see compare.h. The model judges each, and poll(2) is
 * asked at each point of rest whether a direction is armed and ready.
 *
 * Programs of an odd seed are played in the kernel's own order, and not compared.
 */
#include "compare.h"
#include "harness.h"

const enum language harness_language = LANGUAGE_STREAMS;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void play_in_any_order(const struct program *program)
{
    const struct rouse_evq_ops *const *backend;

    for (backend = rouse_backends; *backend != NULL; backend++) {
        const struct stage_options options = {.backend = *backend};

        (void) harness_play(program, &options);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct program program;
    struct comparison comparison;

    harness_begin();
    program_decode(&program, harness_language, bytes, size);
    if (program.settings.seed % 2 != 0) {
        program.fault_count = 0;
        play_in_any_order(&program);
        return 0;
    }
    comparison = program_compare(&program);
    if (comparison.differs)
        harness_show(&comparison.program, &comparison.one);
    if (comparison.verdict.guarantee[0] != '\0')
        harness_fail(&comparison.program, comparison.differs ? &comparison.two : &comparison.one,
                     comparison.verdict.guarantee, comparison.verdict.complaint);
    return 0;
}
