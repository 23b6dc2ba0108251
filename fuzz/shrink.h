/*
 * shrink.h -- the smallest part of a program that still fails.
 */
#ifndef ROUSE_FUZZ_SHRINK_H
#define ROUSE_FUZZ_SHRINK_H

#include "../conformance/ops/play.h"

/* Takes statements, faults and settings out of a program that fails on this stage, as long
 * as it goes on failing; NULL is for one that fails by comparison. False if it does not fail. */
bool program_shrink(struct program *program, const struct stage_options *options);

#endif /* ROUSE_FUZZ_SHRINK_H */
