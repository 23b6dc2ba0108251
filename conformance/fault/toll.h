/*
 * toll.h -- a queue around a queue that counts what passes through it, and turns some of
 * it back when told to.
 */
#ifndef ROUSE_CONFORMANCE_FAULT_TOLL_H
#define ROUSE_CONFORMANCE_FAULT_TOLL_H

#include "../world.h"

struct toll {
    struct rouse_evq evq; /* to open a runtime on */
    struct rouse_evq_ops ops;
    struct rouse_evq *inner;
    int waits, arms, reports; /* so far */
    int arm_to_refuse;        /* the number of the next one to refuse with -ENOMEM; 0: none */
    int wait_to_fail;         /* the same for wait(), before anything is waited for */
    bool for_ever;            /* and all after it */
    int refused;
};

void toll_init(struct toll *toll, struct rouse_evq *inner);

/* Refuses the n-th arm() from now, or fails the n-th wait(), and with `for_ever` all that
 * follow. 0 ends it. */
void toll_refuse_arm(struct toll *toll, int n, bool for_ever);
void toll_fail_wait(struct toll *toll, int n, bool for_ever);

/* Processor time of this process, in milliseconds: what a loop at full load uses; and that
 * which was used for certain since it was `before`. */
int toll_cpu_ms(void);
int toll_cpu_ms_since(int before);

#endif /* ROUSE_CONFORMANCE_FAULT_TOLL_H */
