/*
 * stream.c -- sending and receiving a pattern.
 */
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>

char *pattern_make(size_t size)
{
    char *bytes = malloc(size);

    if (bytes == NULL)
        suite_error("no memory for %zu bytes", size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char) pattern_at(i);
    return bytes;
}

void pattern_send(struct world *world, rouse_fd fd, size_t from, size_t size)
{
    char chunk[4096];

    while (size > 0) {
        const size_t n = size < sizeof chunk ? size : sizeof chunk;

        for (size_t i = 0; i < n; i++)
            chunk[i] = (char) pattern_at(from + i);
        if (world_write(world, fd, chunk, n) != (intptr_t) n)
            suite_error("%zu bytes do not go out", n);
        from += n;
        size -= n;
    }
}

void stream_open(struct rouse_tcp *tcp, struct rouse_reactor *reactor, enum rouse_family family,
                 rouse_fd fd)
{
    if (family == ROUSE_IPV4 || family == ROUSE_IPV6)
        rouse_tcp_open(tcp, reactor, fd);
    else
        rouse_stream_open(tcp, reactor, fd);
}

rouse_fd stream_end(struct world *world, struct rouse *rt, enum rouse_family family,
                    struct rouse_tcp *tcp)
{
    rouse_fd ends[2];

    if (family == ROUSE_NO_FAMILY)
        world_pair(world, ends);
    else
        world_connected_pair(world, family, ends);
    stream_open(tcp, &rt->reactor, family, world_give(world, ends[0]));
    return ends[1];
}

ROUSE_ASYNC(receiver, struct receiver)
{
    ROUSE_BEGIN
    do {
        ROUSE_AWAIT(self->read, rouse_read(self->tcp, self->buffer, self->chunk));
        for (intptr_t i = 0; i < self->read.future.result; i++)
            self->wrong += (uint8_t) self->buffer[i] != pattern_at(self->total++);
    } while (self->read.future.result > 0);
    ROUSE_RETURN(self->read.future.result);
    ROUSE_FINALLY
    ROUSE_END
}

struct rouse_future *receiver_make(struct receiver *receiver, struct rouse_tcp *tcp, size_t chunk)
{
    receiver->tcp = tcp;
    receiver->chunk = chunk < sizeof receiver->buffer ? chunk : sizeof receiver->buffer;
    receiver->total = receiver->wrong = 0;
    return receiver_start(receiver);
}

/* Writes all of a buffer and ends the stream. */
struct sender {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp *tcp;
    const char *bytes;
    size_t size;
    struct rouse_write_all write;
};

ROUSE_ASYNC(sender, struct sender)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->write, rouse_write_all(self->tcp, self->bytes, self->size));
    if (self->write.future.result >= 0)
        rouse_tcp_shutdown(self->tcp);
    ROUSE_RETURN(self->write.future.result);
    ROUSE_FINALLY
    ROUSE_END
}

const char *stream_carry(struct world *world, struct rouse *rt, struct rouse_tcp *from,
                         struct rouse_tcp *to, size_t size, size_t chunk)
{
    static char text[200];
    static struct receiver receiver;
    static struct sender sender;
    char *bytes = pattern_make(size + 1);
    intptr_t received = -1;
    bool ended;

    sender.tcp = from;
    sender.bytes = bytes;
    sender.size = size;
    rouse_spawn_held(&rt->executor, &sender.task, sender_start(&sender), NULL);
    ended = world_run(world, rt, receiver_make(&receiver, to, chunk), 10 * WORLD_SOON, &received);
    snprintf(text, sizeof text, "%s, having received %zu of %zu bytes, %zu of them wrong: %s",
             ended ? "the receiver ended" : "nothing goes on", receiver.total, size, receiver.wrong,
             rouse_strerror(received));
    if (!rouse_task_ended(&sender.task)) {
        ended = false;
        rouse_cancel(&sender.task);
        rouse_turn(rt, 0);
    }
    rouse_task_unhold(&sender.task);
    free(bytes);
    if (ended && received == 0 && receiver.total == size && receiver.wrong == 0
        && sender.async.future.result == (intptr_t) size && sender.write.done == size)
        return NULL;
    return text;
}

intptr_t poll_once(struct rouse_future *future, struct wakes *wakes)
{
    const struct rouse_waker waker = wakes_waker(wakes);

    return world_poll(future, &waker) == ROUSE_READY ? future->result : NOT_READY;
}

void few_turns(struct rouse *rt)
{
    for (int i = 0; i < 20; i++)
        rouse_turn(rt, 0);
}

static bool is_woken(void *with)
{
    return ((struct wakes *) with)->count != 0;
}

bool await_wake(struct world *world, struct rouse *rt, struct wakes *wakes)
{
    const bool woken = world_run_until(world, rt, is_woken, wakes, WORLD_SOON);

    wakes_taken(wakes);
    return woken;
}
