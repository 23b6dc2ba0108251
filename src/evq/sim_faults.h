/*
 * sim_faults.h -- when a simulated fault happens.
 *
 * Whoever could let one happen asks here, and is told no, or how much of it. So that the
 * rule of one fault never shifts what becomes of another, each draws from a generator of
 * its own, all of them seeded by the same seed.
 */
#ifndef ROUSE_EVQ_SIM_FAULTS_H
#define ROUSE_EVQ_SIM_FAULTS_H

#include "sim_trace.h"

#include <rouse/sim.h>

struct sim_fault {
    struct rouse_sim_rule rule;
    uint64_t random;               /* its generator */
    uint64_t opportunities, count; /* since the rule was set */
};

struct rouse__sim_faults {
    const struct rouse__sim_trace *trace;
    uint32_t active; /* bit f is set: fault f has a rule that may let it happen */
    struct sim_fault each[ROUSE_SIM_FAULTS];
};

void rouse__sim_faults_init(struct rouse__sim_faults *faults, uint64_t seed,
                            const struct rouse__sim_trace *trace);

/* NULL is no rule. */
void rouse__sim_faults_set(struct rouse__sim_faults *faults, enum rouse_sim_fault fault,
                           const struct rouse_sim_rule *rule);

/* Reads what rouse_sim_faults() and, with `options`, what ROUSE_SIM says. 0 or -EINVAL. */
int rouse__sim_faults_parse(const char *text, struct rouse_sim_rule rules[ROUSE_SIM_FAULTS],
                            struct rouse_sim_options *options);

/* One step of a generator: any number of 64 bits. */
uint64_t rouse__sim_draw(uint64_t *random);

int64_t rouse__sim_fault_decide(struct rouse__sim_faults *faults, enum rouse_sim_fault fault,
                                int64_t most);

/* Whether a fault has a rule. */
static inline bool sim_fault_active(const struct rouse__sim_faults *faults,
                                    enum rouse_sim_fault fault)
{
    return (faults->active >> fault & 1) != 0;
}

/* An opportunity: 0 if the fault does not happen, else its amount, from 1 to what its rule
 * allows and at most `most`, which is 1 or more. */
static inline int64_t sim_fault_happens(struct rouse__sim_faults *faults,
                                        enum rouse_sim_fault fault, int64_t most)
{
    return sim_fault_active(faults, fault) ? rouse__sim_fault_decide(faults, fault, most) : 0;
}

#endif /* ROUSE_EVQ_SIM_FAULTS_H */
