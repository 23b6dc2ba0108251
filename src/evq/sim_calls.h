/*
 * sim_calls.h -- the socket calls of a simulation, as its program and its peers make them.
 */
#ifndef ROUSE_EVQ_SIM_CALLS_H
#define ROUSE_EVQ_SIM_CALLS_H

#include "sim_sockets.h"
#include "sim_trace.h"

struct rouse__sim_calls {
    struct rouse_sockets table; /* to be lent out */
    struct rouse__sim_sockets *sockets;
    struct rouse__sim_faults *faults; /* those that befall these calls, or NULL */
    const struct rouse__sim_trace *trace;
};

/* Without `faults` they are a peer's. */
void rouse__sim_calls_init(struct rouse__sim_calls *calls, struct rouse__sim_sockets *sockets,
                           struct rouse__sim_faults *faults, const struct rouse__sim_trace *trace);

/* Whether a table is one of these. */
bool rouse__sim_calls_are(const struct rouse_sockets *table);

#endif /* ROUSE_EVQ_SIM_CALLS_H */
