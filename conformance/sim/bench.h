/*
 * bench.h -- simulated queues for cases about sim.h: opened with options, checked by the
 * wrapper, and with the trace reduced to a number.
 */
#ifndef ROUSE_CONFORMANCE_SIM_BENCH_H
#define ROUSE_CONFORMANCE_SIM_BENCH_H

#include "../world.h"

/* The lines of a trace, and their hash: FNV-1a (Fowler, Noll and Vo). */
struct sim_trace {
    uint64_t hash;
    int lines;
};

/* Has `options` trace to `trace`. */
void sim_traced(struct rouse_sim_options *options, struct sim_trace *trace);

/* Opens a queue, in the wrapper that stops the process when the contract is broken; `options`
 * may be NULL, `faults` too. The case closes it. */
struct rouse_evq *sim_queue(struct world *world, const struct rouse_sim_options *options,
                            const char *faults);

void sim_queue_close(struct rouse_evq *evq);

/* A port of this machine. */
struct rouse_address sim_loopback(uint16_t port);

/* A pair of streams, made by the peer's calls. */
void sim_pair(struct rouse_evq *evq, rouse_fd ends[2]);

/* The same over TCP: ends[0] connected, ends[1] was accepted. */
void sim_tcp_pair(struct rouse_evq *evq, rouse_fd ends[2]);

/* Arms, without a fault. */
void sim_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest);

/* Answers what it was told, an unsigned, for a rule that asks. */
unsigned sim_say(void *with, enum rouse_sim_fault fault);

/* How many wait()s, each `ms` long at most, it takes until `source` is reported, and as
 * what: 0 if it was not in `limit` of them. */
int sim_waits(struct rouse_evq *evq, struct rouse_source *source, int ms, int limit,
              unsigned *ready);

#endif /* ROUSE_CONFORMANCE_SIM_BENCH_H */
