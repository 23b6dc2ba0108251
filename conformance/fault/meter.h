/*
 * meter.h -- a queue around a queue that counts what passes through it, and refuses some of
 * it when told to.
 */
#ifndef ROUSE_CONFORMANCE_FAULT_METER_H
#define ROUSE_CONFORMANCE_FAULT_METER_H

#include "../world.h"

struct meter {
    struct rouse_evq evq; /* to open a runtime on */
    struct rouse_evq_ops ops;
    struct rouse_evq *inner;
    int waits, arms, reports; /* so far */
    int arm_to_refuse;        /* the number of the next one to refuse with -ENOMEM; 0: none */
    int wait_to_fail;         /* the same for wait(), before anything is waited for */
    bool for_ever;            /* and all after it */
    int refused;
};

void meter_init(struct meter *meter, struct rouse_evq *inner);

/* Refuses the n-th arm() from now, or fails the n-th wait(), and with `for_ever` all that
 * follow. 0 ends it. */
void meter_refuse_arm(struct meter *meter, int n, bool for_ever);
void meter_fail_wait(struct meter *meter, int n, bool for_ever);

/* Real time of this process's processors, in milliseconds: what a loop at full load uses. */
int meter_cpu_ms(void);

#endif /* ROUSE_CONFORMANCE_FAULT_METER_H */
