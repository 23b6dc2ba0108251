/*
 * bench.c -- simulated queues for cases about sim.h.
 */
#include <errno.h>

#include "bench.h"

static void add_line(void *with, const char *line)
{
    struct sim_trace *trace = with;

    for (; *line != '\0'; line++)
        trace->hash = (trace->hash ^ (uint8_t) *line) * UINT64_C(0x100000001b3);
    trace->hash = (trace->hash ^ '\n') * UINT64_C(0x100000001b3);
    trace->lines++;
}

void sim_traced(struct rouse_sim_options *options, struct sim_trace *trace)
{
    *trace = (struct sim_trace){UINT64_C(0xcbf29ce484222325), 0};
    options->trace = add_line;
    options->trace_with = trace;
}

struct rouse_evq *sim_queue(struct world *world, const struct rouse_sim_options *options,
                            const char *faults)
{
    const struct rouse_sim_options defaults = {.size = sizeof defaults};
    struct rouse_evq *evq = NULL, *inner;

    if (rouse_sim_open(&inner, options != NULL ? options : &defaults, world->alloc) != 0
        || rouse_evq_check(&evq, inner, world->alloc) != 0)
        suite_error("no simulated queue");
    if (rouse_sim_faults(evq, faults) != 0)
        suite_error("what are \"%s\"?", faults);
    return evq;
}

void sim_queue_close(struct rouse_evq *evq)
{
    evq->ops->close(evq);
}

struct rouse_address sim_loopback(uint16_t port)
{
    return (struct rouse_address){ROUSE_IPV4, 4, port, 0, {127, 0, 0, 1}};
}

void sim_pair(struct rouse_evq *evq, rouse_fd ends[2])
{
    const struct rouse_sockets *peer = rouse_sim_peer(evq);

    if (peer->pair(peer, ends) != 0)
        suite_error("no pair");
}

void sim_tcp_pair(struct rouse_evq *evq, rouse_fd ends[2])
{
    const struct rouse_sockets *peer = rouse_sim_peer(evq);
    struct rouse_address address = sim_loopback(0);
    rouse_fd listener;

    if (peer->open(peer, ROUSE_IPV4, &listener) != 0 || peer->open(peer, ROUSE_IPV4, &ends[0]) != 0
        || peer->listen(peer, listener, &address, 1) != 0
        || peer->local(peer, listener, &address) != 0
        || peer->connect(peer, ends[0], &address) != -EINPROGRESS
        || peer->accept(peer, listener, &ends[1]) != 0)
        suite_error("no connection");
    peer->close(peer, listener);
}

unsigned sim_say(void *with, enum rouse_sim_fault fault)
{
    (void) fault;
    return *(const unsigned *) with;
}

void sim_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    if (evq->ops->arm(evq, source, interest) != 0)
        suite_error("arm() of a good descriptor fails");
}

int sim_waits(struct rouse_evq *evq, struct rouse_source *source, int ms, int limit,
              unsigned *ready)
{
    for (int waits = 1; waits <= limit; waits++) {
        struct rouse_event events[8];
        const int count =
            evq->ops->wait(evq, events, 8, ms == 0 ? 0 : evq->ops->now(evq) + ROUSE_MS(ms));

        for (int i = 0; i < count; i++) {
            if (events[i].source == source) {
                *ready = events[i].ready;
                return waits;
            }
        }
    }
    *ready = 0;
    return 0;
}
