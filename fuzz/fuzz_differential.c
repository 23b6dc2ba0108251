/*
 * fuzz_differential.c -- the same program on every backend that opens here, with real
 * sockets, and in the simulation.
 *
 * At every point of rest the normal forms are the same (B5), the model agrees with each, and
 * poll(2) knows of no direction that is armed and ready. The order inside a batch is
 * the kernel's affair, and what a program does next may depend on it; so here all reports that
 * there are come in one order. Programs of an odd seed are played in the kernel's own order,
 * and then only model and poll(2) judge.
 *
 * A write side is compared while a stream is empty or full: in between, kernels differ.
 */
#include "harness.h"

#include <stdio.h>

const enum language harness_language = LANGUAGE_STREAMS;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct rouse_evq_ops *const *backend;
    struct stage_options options = {NULL, false}, first_options;
    struct program program;
    struct verdict first = {0};

    program_decode(&program, harness_language, bytes, size);
    program.fault_count = 0;
    program.settings.capacity = 0;
    options.in_order = program.settings.seed % 2 == 0;
    if (options.in_order) {
        program.settings.seed = 0;
        program.settings.batch = 0;
    }
    for (backend = rouse_backends; *backend != NULL; backend++) {
        struct verdict verdict;
        char differs[96];

        options.backend = *backend;
        verdict = harness_play(&program, &options);
        if (!verdict.opened || !options.in_order)
            continue;
        if (!first.opened) {
            first = verdict;
            first_options = options;
            continue;
        }
        if (verdict.rests == first.rests && verdict.hash == first.hash)
            continue;
        harness_show(&program, &first_options);
        snprintf(differs, sizeof differs, "%s and %s do not rest the same way",
                 first_options.backend->name, (*backend)->name);
        harness_fail(&program, &options, "B5", differs);
    }
    return 0;
}
