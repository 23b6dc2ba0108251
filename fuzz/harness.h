/*
 * harness.h -- what the harnesses share: one input, from its bytes to a verdict.
 *
 * A finding prints the program as text, what was wrong, and the course of the play, and
 * ends the process, which is how libFuzzer hears of it.
 */
#ifndef ROUSE_FUZZ_HARNESS_H
#define ROUSE_FUZZ_HARNESS_H

#include "../conformance/ops/play.h"

/* Which language this harness speaks, for the mutator. */
extern const enum language harness_language;

/* From now on the states that the model reaches are told to libFuzzer. */
void harness_begin(void);

/* Plays one input. */
struct verdict harness_play(const struct program *program, const struct stage_options *options);

/* Prints how a program goes on this stage. */
void harness_show(const struct program *program, const struct stage_options *options);

/* Prints the program, and how it goes on this stage; ends the process. */
_Noreturn void harness_fail(const struct program *program, const struct stage_options *options,
                            const char *guarantee, const char *complaint);

#endif /* ROUSE_FUZZ_HARNESS_H */
