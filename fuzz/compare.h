/*
 * compare.h -- one program on every backend that opens here, and in the simulation.
 *
 * At every point of rest the normal forms are the same (B5). The order inside a batch is the
 * kernel's affair, and what a program does next may depend on it; so here all reports that
 * there are come in one order. A write side is compared while a stream is empty or full: in
 * between, kernels differ. There are no faults, for a kernel has none to order.
 */
#ifndef ROUSE_FUZZ_COMPARE_H
#define ROUSE_FUZZ_COMPARE_H

#include "../conformance/ops/play.h"

/* What came of it. */
struct comparison {
    struct program program;        /* as it was played */
    struct stage_options one, two; /* where it was wrong, or where it differed */
    struct verdict verdict;        /* which names B5 if it differed */
    bool differs;
};

struct comparison program_compare(const struct program *program);

#endif /* ROUSE_FUZZ_COMPARE_H */
