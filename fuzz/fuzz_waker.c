/*
 * fuzz_waker.c -- wakers, tasks and the executor, alone: no queue, no system calls.
 */
#include "harness.h"

const enum language harness_language = LANGUAGE_WAKERS;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct stage_options alone = {0};
    struct program program;

    program_decode(&program, harness_language, bytes, size);
    harness_play(&program, &alone);
    return 0;
}
