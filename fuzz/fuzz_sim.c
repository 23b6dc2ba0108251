/*
 * fuzz_sim.c -- the whole runtime in the simulation, with faults, in two phases: while
 * things go wrong nothing may happen that must not; and when nothing goes wrong any more
 * it must come to rest with everything served.
 *
 * Some programs are played twice: the same seed gives the same course.
 */
#include "harness.h"

const enum language harness_language = LANGUAGE_STREAMS;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct rouse_evq_ops *sim;
    struct stage_options options = {0};
    struct program program;
    struct verdict verdict;

    if (sim == NULL)
        sim = rouse_backend("sim");
    options.backend = sim;
    program_decode(&program, harness_language, bytes, size);
    verdict = harness_play(&program, &options);
    if (verdict.course % 8 == 0 && program_play(&program, &options, NULL).course != verdict.course)
        harness_fail(&program, &options, "sim", "played again, it took another course");
    return 0;
}
