/*
 * sim_sockets.h -- what the simulated queue asks of its sockets.
 *
 * The sockets know what each of them is ready for, and keep the list of those that owe
 * a report. The queue (sim.c) has the clock, the order and the sleep.
 */
#ifndef ROUSE_EVQ_SIM_SOCKETS_H
#define ROUSE_EVQ_SIM_SOCKETS_H

#include "sim_address.h"
#include "sim_list.h"

#include <rouse/evq.h>
#include <rouse/socket.h>

struct rouse__sim_sockets {
    struct rouse_sockets table; /* what rouse_evq.sockets points at */
    const struct rouse_alloc *alloc;
    size_t capacity;             /* of each direction of a stream */
    struct sim_socket **sockets; /* by descriptor; NULL where none is open */
    size_t room;                 /* in `sockets` */
    size_t limit;                /* how many descriptors there can be */
    size_t open_count;           /* how many there are */
    size_t lowest;               /* no descriptor below this one is free */
    struct sim_link due;         /* sockets that owe a report, in the order they came to */
    struct sim_link listeners;   /* oldest first */
    struct sim_ports ports;      /* given out, to listeners and to those who connect */
};

void rouse__sim_sockets_init(struct rouse__sim_sockets *sockets, const struct rouse_alloc *alloc,
                             size_t capacity, size_t limit);

/* Closes whatever is open and gives all memory back. */
void rouse__sim_sockets_close(struct rouse__sim_sockets *sockets);

/* The sockets of a simulated queue, or of a wrapper around one. */
struct rouse__sim_sockets *rouse__sim_sockets_of(const struct rouse_evq *evq);

/* As in rouse_evq_ops. */
int rouse__sim_arm(struct rouse__sim_sockets *sockets, struct rouse_source *source,
                   unsigned interest);
void rouse__sim_forget(struct rouse_source *source);

/* Writes the reports that are due, oldest first, and at most `capacity`. */
int rouse__sim_report(struct rouse__sim_sockets *sockets, struct rouse_event *events, int capacity);

#endif /* ROUSE_EVQ_SIM_SOCKETS_H */
