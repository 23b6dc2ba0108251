/*
 * stream.h -- bytes that can be recognised, sent and received by tasks.
 */
#ifndef ROUSE_CONFORMANCE_STREAM_H
#define ROUSE_CONFORMANCE_STREAM_H

#include "../world.h"

/* The byte at a place of the stream. No two stretches of it are alike. */
static inline uint8_t pattern_at(size_t at)
{
    return (uint8_t) (((uint32_t) at * 2654435761u) >> 24);
}

/* `size` bytes of it; the caller frees them. */
char *pattern_make(size_t size);

/* Writes a stretch of it to a descriptor, all at once. */
void pattern_send(struct world *world, rouse_fd fd, size_t from, size_t size);

/* Opens a handle as its family wants it: TCP, or a stream that may read short. */
void stream_open(struct rouse_tcp *tcp, struct rouse_reactor *reactor, enum rouse_family family,
                 rouse_fd fd);

/* A handle on one end of a new connection, over the loopback device or, for
 * ROUSE_NO_FAMILY, a pair. The other end stays with the case. */
rouse_fd stream_end(struct world *world, struct rouse *rt, enum rouse_family family,
                    struct rouse_tcp *tcp);

/* Reads the pattern until the stream ends, at most `chunk` bytes at once; result: 0, or
 * -errno. */
struct receiver {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp *tcp;
    size_t chunk;
    size_t total; /* how much came */
    size_t wrong; /* how much of that was not the pattern */
    struct rouse_read read;
    char buffer[65536];
};
struct rouse_future *receiver_make(struct receiver *receiver, struct rouse_tcp *tcp, size_t chunk);

/* Sends `size` bytes of the pattern, with the other end reading them by `chunk`, and ends
 * the stream. NULL, or what went wrong. */
const char *stream_carry(struct world *world, struct rouse *rt, struct rouse_tcp *from,
                         struct rouse_tcp *to, size_t size, size_t chunk);

/* What a future answers when polled once, by hand: its result, or NOT_READY. */
enum { NOT_READY = -100000 };
intptr_t poll_once(struct rouse_future *future, struct wakes *wakes);

/* Gives everybody his turn, a number of times. Unlike world_settle() this has an end when
 * the queue reports by mistake whenever it is armed. */
void few_turns(struct rouse *rt);

/* Turns until `wakes` has been woken since that was last asked; false when it is not. */
bool await_wake(struct world *world, struct rouse *rt, struct wakes *wakes);

#endif /* ROUSE_CONFORMANCE_STREAM_H */
