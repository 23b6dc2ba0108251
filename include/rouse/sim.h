/*
 * rouse/sim.h -- the simulated queue: a clock that jumps, and sockets in memory.
 *
 * `sim` is an ordinary backend (rouse_backend("sim")). Its clock starts at 0 and moves
 * only in wait(), to the next deadline, when nothing is ready. Its sockets live in
 * memory: stream pairs, and listeners on any IPv4, IPv6 or Unix address, which reach
 * each other inside one queue. Descriptors are small numbers, lowest first, that mean
 * nothing to the host. The order inside a batch is drawn from a seed: the same seed
 * gives the same run, byte for byte.
 *
 * The functions below take the queue, or any wrapper around it.
 */
#ifndef ROUSE_SIM_H
#define ROUSE_SIM_H

#include <rouse/evq.h>
#include <rouse/socket.h>

ROUSE_BEGIN_DECLS

/* What rouse_evq_options.host may point at. Zeroes mean the defaults. */
struct rouse_sim_options {
    size_t size;     /* of this struct */
    uint64_t seed;   /* of the order inside a batch; 0: as they became ready */
    size_t capacity; /* bytes that a direction of a stream holds; 0: 65,536 */
    int descriptors; /* how many there can be; 0: 65,536. One more is -EMFILE */
};

/* Moves the clock forward while nobody waits, as a busy thread would see it. */
ROUSE_API void rouse_sim_advance(struct rouse_evq *evq, rouse_time duration);

/* What `fd` is ready for at this moment: the simulated poll(2). -EBADF if unknown. */
ROUSE_API int rouse_sim_ready(struct rouse_evq *evq, rouse_fd fd);

/* Breaks a connection, as a peer that resets it would: the other end may read what had
 * arrived, is told -ECONNRESET by its next operation, and then end of stream. `fd` is
 * closed. */
ROUSE_API int rouse_sim_reset(struct rouse_evq *evq, rouse_fd fd);

/* Sends one byte of urgent data. A read of the other end stops short at its place in
 * the stream, and goes on behind it, without the urgent byte, as TCP does. */
ROUSE_API int rouse_sim_urgent(struct rouse_evq *evq, rouse_fd fd, char byte);

/* How many descriptors are open. */
ROUSE_API int rouse_sim_open_count(struct rouse_evq *evq);

ROUSE_END_DECLS

#endif /* ROUSE_SIM_H */
