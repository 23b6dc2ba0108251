/*
 * sim_flow.h -- one direction of a simulated stream: a ring of bytes, and which one of
 * them is urgent.
 *
 * The urgent byte has its place in the stream, but only as a mark: a read that comes
 * to it stops short, and the next one leaves it out. There is one mark. When a second
 * urgent byte is written before the reader has come to the first, the first becomes a
 * byte like any other; where the reader stands just before it, it is gone. All this is
 * what Linux does for TCP.
 */
#ifndef ROUSE_EVQ_SIM_FLOW_H
#define ROUSE_EVQ_SIM_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SIM_NOT_URGENT SIZE_MAX

struct sim_flow {
    uint8_t *bytes;
    size_t capacity; /* of `bytes` */
    size_t head;     /* where the oldest byte is */
    size_t count;    /* bytes written and not yet read */
    size_t urgent;   /* how many bytes lie before the urgent one, or SIM_NOT_URGENT */
    bool ended;      /* nothing more can be written */
};

static inline void sim_flow_init(struct sim_flow *flow, uint8_t *bytes, size_t capacity)
{
    flow->bytes = bytes;
    flow->capacity = capacity;
    flow->head = flow->count = 0;
    flow->urgent = SIM_NOT_URGENT;
    flow->ended = false;
}

static inline size_t sim_flow_room(const struct sim_flow *flow)
{
    return flow->capacity - flow->count;
}

/* An urgent byte alone is nothing to read. */
static inline size_t sim_flow_readable(const struct sim_flow *flow)
{
    return flow->urgent == 0 ? flow->count - 1 : flow->count;
}

static inline size_t sim_flow_least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline void sim_flow_skip(struct sim_flow *flow, size_t n)
{
    flow->head = (flow->head + n) % flow->capacity;
    flow->count -= n;
}

/* Takes as many of the `size` bytes as there is room for. */
static inline size_t sim_flow_write(struct sim_flow *flow, const void *buffer, size_t size)
{
    const size_t n = sim_flow_least(size, sim_flow_room(flow));
    const size_t tail = (flow->head + flow->count) % flow->capacity;
    const size_t before_wrap = sim_flow_least(n, flow->capacity - tail);

    memcpy(flow->bytes + tail, buffer, before_wrap);
    memcpy(flow->bytes, (const uint8_t *) buffer + before_wrap, n - before_wrap);
    flow->count += n;
    return n;
}

/* Makes the byte that was written last the urgent one. */
static inline void sim_flow_mark(struct sim_flow *flow)
{
    if (flow->urgent == 0)
        sim_flow_skip(flow, 1);
    flow->urgent = flow->count - 1;
}

/* Gives at most `size` bytes, and none from beyond the urgent one. */
static inline size_t sim_flow_read(struct sim_flow *flow, void *buffer, size_t size)
{
    size_t n, before_wrap;

    if (flow->urgent == 0) {
        sim_flow_skip(flow, 1);
        flow->urgent = SIM_NOT_URGENT;
    }
    n = sim_flow_least(size, sim_flow_least(flow->count, flow->urgent));
    before_wrap = sim_flow_least(n, flow->capacity - flow->head);
    memcpy(buffer, flow->bytes + flow->head, before_wrap);
    memcpy((uint8_t *) buffer + before_wrap, flow->bytes, n - before_wrap);
    sim_flow_skip(flow, n);
    if (flow->urgent != SIM_NOT_URGENT)
        flow->urgent -= n;
    return n;
}

#endif /* ROUSE_EVQ_SIM_FLOW_H */
