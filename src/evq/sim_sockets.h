/*
 * sim_sockets.h -- what the simulated queue asks of its sockets.
 *
 * The sockets know what each of them is ready for, and keep the list of those that owe
 * a report. They are the kernel: nothing goes wrong here that nobody asked for. The
 * queue (sim.c) has the clock, the order and the sleep; sim_calls.c is what programs
 * call.
 */
#ifndef ROUSE_EVQ_SIM_SOCKETS_H
#define ROUSE_EVQ_SIM_SOCKETS_H

#include "sim_address.h"
#include "sim_faults.h"
#include "sim_list.h"

#include <rouse/evq.h>
#include <rouse/socket.h>

struct rouse__sim_sockets {
    struct rouse_sockets table; /* the calls without faults; connect() is rouse__sim_travel() */
    const struct rouse_alloc *alloc;
    size_t capacity;             /* of each direction of a stream */
    struct sim_socket **sockets; /* by descriptor; NULL where none is open */
    size_t room;                 /* in `sockets` */
    size_t limit;                /* how many descriptors there can be */
    size_t open_count;           /* how many there are */
    size_t lowest;               /* no descriptor below this one is free */
    struct sim_link due;         /* sockets that owe a report, in the order they came to */
    struct sim_link listeners;   /* oldest first */
    struct sim_link travelling;  /* ends whose peers have not got to the listener yet */
    struct sim_ports ports;      /* given out, to listeners and to those who connect */
};

void rouse__sim_sockets_init(struct rouse__sim_sockets *sockets, const struct rouse_alloc *alloc,
                             size_t capacity, size_t limit);

/* Closes whatever is open and gives all memory back. */
void rouse__sim_sockets_close(struct rouse__sim_sockets *sockets);

/* -- For the queue ----------------------------------------------------------- */

/* As in rouse_evq_ops. */
int rouse__sim_arm(struct rouse__sim_sockets *sockets, struct rouse_source *source,
                   unsigned interest);
void rouse__sim_forget(struct rouse_source *source);

/* Writes the reports that are due, oldest first, and at most `capacity`. This is the turn
 * by which held ones are counted. */
int rouse__sim_report(struct rouse__sim_sockets *sockets, struct rouse__sim_faults *faults,
                      struct rouse_event *events, int capacity);

/* Writes reports of what is armed and not ready, as the fault has it. */
int rouse__sim_report_spurious(struct rouse__sim_sockets *sockets, struct rouse__sim_faults *faults,
                               struct rouse_event *events, int capacity);

/* Whether anybody owes a report, held back or not. */
bool rouse__sim_any_due(const struct rouse__sim_sockets *sockets);

/* When the next of those who travel arrives, or ROUSE_NEVER; and lets all arrive who have
 * by `now`. */
rouse_time rouse__sim_next_arrival(const struct rouse__sim_sockets *sockets);
void rouse__sim_arrive(struct rouse__sim_sockets *sockets, rouse_time now);

/* -- For the calls ----------------------------------------------------------- */

/* What a descriptor is ready for, or -EBADF. */
int rouse__sim_ready(const struct rouse__sim_sockets *sockets, rouse_fd fd);

/* For the fault "would-block". Notes a try, and tells whether it may be refused: the direction
 * is ready, this is the first try since its report, and the one before was not refused. Then
 * notes that it was. */
bool rouse__sim_try(struct rouse__sim_sockets *sockets, rouse_fd fd, unsigned direction);
void rouse__sim_refuse(struct rouse__sim_sockets *sockets, rouse_fd fd, unsigned direction);

/* How many bytes a read or a write could move; 0 for what is no stream, or at its end. */
size_t rouse__sim_movable(const struct rouse__sim_sockets *sockets, rouse_fd fd,
                          unsigned direction);

/* Whether a connect() goes over TCP, on a socket that may. */
bool rouse__sim_may_travel(const struct rouse__sim_sockets *sockets, rouse_fd fd);

/* connect() of one that gets there at `arrival` (0: at once), or goes astray and then finds
 * nobody. */
int rouse__sim_travel(struct rouse__sim_sockets *sockets, rouse_fd fd,
                      const struct rouse_address *address, rouse_time arrival, bool astray);

/* Whether somebody waits there to be accepted; and ends that connection. */
bool rouse__sim_acceptable(const struct rouse__sim_sockets *sockets, rouse_fd fd);
void rouse__sim_abort(struct rouse__sim_sockets *sockets, rouse_fd fd);

/* Whether a descriptor has a connection that can break; and breaks it, for both ends. */
bool rouse__sim_breakable(const struct rouse__sim_sockets *sockets, rouse_fd fd);
void rouse__sim_break(struct rouse__sim_sockets *sockets, rouse_fd fd);

/* As rouse_sim_datagrams(); and whether so long a message would go out on this descriptor. */
int rouse__sim_datagrams(struct rouse__sim_sockets *sockets, rouse_fd fds[2]);
bool rouse__sim_may_be_lost(const struct rouse__sim_sockets *sockets, rouse_fd fd, size_t size);

/* As rouse_sim_reset() and rouse_sim_urgent(). */
int rouse__sim_reset(struct rouse__sim_sockets *sockets, rouse_fd fd);
int rouse__sim_urgent(struct rouse__sim_sockets *sockets, rouse_fd fd, char byte);

#endif /* ROUSE_EVQ_SIM_SOCKETS_H */
