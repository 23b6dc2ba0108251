/*
 * harness.h -- what all benchmark programs share, so that a difference between two
 * figures is never one between two ways of measuring.
 *
 * A program is called as
 *
 *     PROGRAM PEER WORKLOAD ROUNDS
 *
 * and prints what one operation took, in lines such as "ns 12.3". PEER tells the
 * variants of one program apart. The workloads:
 *
 *   w1  yield       1000 tasks that each yield ROUNDS times; per switch
 *   w2  spawn       ROUNDS batches of 1000 tasks that complete at once; per task
 *   w3  wake chain  ROUNDS laps around a ring of 1000 tasks, each of which waits for
 *                   its event and then sets its neighbour's; per hop
 *   w4  ping-pong   64 bytes there and back over TCP, both ends in one thread, ROUNDS
 *                   times; per round trip
 *
 * Only time is measured in here. What noise cannot touch (instructions, system calls,
 * memory) measure.py counts from outside.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BENCH_TASKS = 1000, BENCH_MESSAGE = 64 };

struct bench_workload {
    const char *name; /* NULL ends the list */
    void (*run)(long rounds);
};

/* Runs the workload that the command line names. */
int bench_main(int argc, char **argv, const struct bench_workload *workloads);

/* The first argument, and whether it is this one. */
const char *bench_peer(void);
bool bench_peer_is(const char *peer);

/* Around what is measured. bench_end() prints. */
void bench_begin(void);
void bench_end(long operations);

/* Ends the program with a message when something that must hold does not. */
void bench_require(bool holds, const char *what);

/* Two connected TCP sockets that do not block. */
void bench_tcp_pair(int fds[2]);

/* Writes it all, at once. */
void bench_send(int fd, const void *bytes, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* BENCH_HARNESS_H */
