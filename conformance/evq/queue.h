/*
 * queue.h -- what the cases of the event queue share.
 *
 * A queue may report a direction that turns out not to be ready, once per arm() (E6). The
 * functions below do what a careful program does then: they look, and arm again. So no
 * case takes such a report for a broken promise, nor for a kept one.
 */
#ifndef ROUSE_CONFORMANCE_EVQ_QUEUE_H
#define ROUSE_CONFORMANCE_EVQ_QUEUE_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "../world.h"
#include "kernel.h"

enum {
    QUEUE_BOTH = ROUSE_READABLE | ROUSE_WRITABLE,
    QUEUE_KINDS = 2,  /* of connections that there are everywhere */
    QUEUE_ROUNDS = 8, /* see queue_mistakes() */
    QUEUE_TURNS = 20, /* by then a queue that is only turned is at rest */
    QUEUE_SPOILT = 0xA5,
    QUEUE_CROWD = 200 /* sources that every machine has the descriptors for */
};

static inline void queue_pair(struct world *world, int kind, rouse_fd ends[2])
{
    if (kind == 0)
        world_pair(world, ends);
    else
        world_tcp_pair(world, ends);
}

static inline const char *queue_kind(int kind)
{
    return kind == 0 ? "a pair" : "TCP";
}

static inline const char *queue_name(unsigned directions)
{
    static const char *const names[] = {"nothing", "readable", "writable", "both directions"};

    return names[directions & QUEUE_BOTH];
}

/* Forgets and closes. */
static inline void queue_close(struct world *world, struct rouse_source *source)
{
    world_forget(world, source);
    world_close(world, source->fd);
}

/* Another queue of the backend, for the case to close. */
static inline struct rouse_evq *queue_open(struct world *world)
{
    struct rouse_evq *evq;

    if (world_open_queue(world, NULL, &evq) != 0)
        suite_error("no queue");
    return evq;
}

/* The descriptor of a queue, or ROUSE_NO_FD. Asking for it says that somebody listens, and that
 * every wake is to be told to the kernel. */
static inline rouse_fd queue_pollable(struct rouse_evq *evq)
{
    const struct rouse_evq_ops *ops = evq->ops;
    const bool has = ops->size > offsetof(struct rouse_evq_ops, pollable) && ops->pollable != NULL;

    return has ? ops->pollable(evq) : ROUSE_NO_FD;
}

/* Whether that descriptor becomes readable. Where there is none nothing is promised. */
static inline bool queue_tells(rouse_fd fd)
{
    return fd == ROUSE_NO_FD || kernel_readable(fd, WORLD_SOON);
}

/* Turns the queue as a guest is turned, without waiting, until its descriptor is quiet. */
static inline bool queue_comes_to_rest(struct world *world, rouse_fd fd)
{
    for (int turns = 0; turns < QUEUE_TURNS; turns++) {
        if (fd == ROUSE_NO_FD || !kernel_readable(fd, 0))
            return true;
        world_turn(world, 0);
    }
    return false;
}

/* Whether one wait() of at most `ms` ends before its deadline. */
static inline bool queue_ends_early(struct world *world, int ms)
{
    const rouse_time deadline = world_after(world, ms);

    world_turn(world, ms);
    return world_now(world) < deadline;
}

/* Uses the memory of a forgotten source for something else, as its owner may. */
static inline void queue_spoil(struct rouse_source *source)
{
    memset(source, QUEUE_SPOILT, sizeof *source);
}

/* Whether nobody has written to it since. */
static inline bool queue_is_spoilt(const struct rouse_source *source)
{
    struct rouse_source spoilt;

    queue_spoil(&spoilt);
    return memcmp(source, &spoilt, sizeof spoilt) == 0;
}

/* One byte to where `fd` reads it, which it can do when this returns. */
static inline void queue_send(struct world *world, rouse_fd from, rouse_fd to)
{
    world_send(world, from, 1);
    world_await_ready(world, to, ROUSE_READABLE);
}

/* Takes what was reported of a source that is not ready, and arms that again. */
static inline void queue_mend(struct world *world, struct rouse_source *source)
{
    unsigned mistaken = 0;

    if (world_reports(world, source, ROUSE_READABLE) != 0)
        mistaken |= ROUSE_READABLE;
    if (world_reports(world, source, ROUSE_WRITABLE) != 0)
        mistaken |= ROUSE_WRITABLE;
    if (mistaken != 0)
        world_arm(world, source, mistaken);
}

/* Arms what is not ready, and has the queue look once. */
static inline void queue_arm_idle(struct world *world, struct rouse_source *source,
                                  unsigned interest)
{
    world_reports(world, source, ROUSE_READABLE);
    world_reports(world, source, ROUSE_WRITABLE);
    world_arm(world, source, interest);
    world_turn(world, 0);
    queue_mend(world, source);
}

/* Whether each of `directions`, all armed, is reported in time and is ready then. A mistaken
 * report of the other direction is made good. */
static inline bool queue_reports(struct world *world, struct rouse_source *source,
                                 unsigned directions)
{
    const rouse_time deadline = world_after(world, WORLD_SOON);
    unsigned missing = directions;

    while (missing != 0 && world_now(world) < deadline) {
        const int left = (int) ((deadline - world_now(world)) / ROUSE_MS(1)) + 1;
        const unsigned reported = world_wait_for(world, source, missing, left);
        const unsigned mistaken =
            reported & ~world_ready(world, source->fd) & (missing | ~directions);

        missing &= ~reported | mistaken;
        if (mistaken != 0)
            world_arm(world, source, mistaken);
    }
    return missing == 0;
}

/* Finds a direction exhausted, so that the hint may be given. Room that the kernel does not
 * call room (TCP fills up what it has begun) is used up. */
static inline void queue_refused(struct world *world, rouse_fd fd, unsigned direction)
{
    static char bytes[4096];
    intptr_t count;

    do
        count = direction == ROUSE_READABLE ? world_read(world, fd, bytes, 1)
                                            : world_write(world, fd, bytes, sizeof bytes);
    while (count > 0 && direction == ROUSE_WRITABLE);
    if (count != -EAGAIN)
        suite_error("%s, and should not be: %lld", queue_name(direction), (long long) count);
}

/* Arms `also` and, again and again, `direction`, which the kernel says is not ready, and
 * counts how often that is reported. Once may be chance, QUEUE_ROUNDS times is a rule. */
static inline int queue_mistakes(struct world *world, struct rouse_source *source, unsigned also,
                                 unsigned direction)
{
    int reports = 0;

    for (int i = 0; i < QUEUE_ROUNDS; i++) {
        if ((also & ROUSE_DRAINED) != 0)
            queue_refused(world, source->fd, direction);
        world_arm(world, source, also | direction);
        reports += (world_quiet(world, source, 2) & direction) != 0;
    }
    return reports;
}

/* Whether it is reported each time. That is a rule; whether it is the one under test is found
 * out by asking in another situation, too: a queue that errs there, ever, may do it often,
 * and often may be always. */
static inline bool queue_insists(struct world *world, struct rouse_source *source, unsigned also,
                                 unsigned direction)
{
    return queue_mistakes(world, source, also, direction) == QUEUE_ROUNDS;
}

static inline bool queue_errs(struct world *world, struct rouse_source *source, unsigned also,
                              unsigned direction)
{
    return queue_mistakes(world, source, also, direction) > 0;
}

/* Waits for `ms`, or longer where a step of processor time is much of that. False if that
 * kept the processor busy. */
static inline bool queue_idles(struct world *world, int ms)
{
    const int long_ms = ms + (int) (2 * kernel_cpu_step_ns / ROUSE_MS(1));
    const rouse_time deadline = world_after(world, long_ms);
    const int64_t before = kernel_cpu_ns();

    do
        world_turn(world, (int) ((deadline - world_now(world)) / ROUSE_MS(1)) + 1);
    while (world_now(world) < deadline);
    return kernel_cpu_ns() - before < ROUSE_MS(ms) / 4 + kernel_cpu_step_ns;
}

/* Waits, and tells whether the queue slept: a backend that spins inside of wait() uses the
 * processor all the time. On a busy machine it does not get it; but it never gives it away, either.
 * Neither does a wait() that comes too late to sleep, so there are a few. NEEDS_KERNEL. */
static inline bool queue_sleeps(struct world *world, int ms)
{
    for (int i = 0; i < 4; i++) {
        const int64_t pauses = kernel_pauses();

        if (!queue_idles(world, ms))
            return false;
        if (pauses < 0 || kernel_pauses() != pauses)
            return true;
    }
    return false;
}

/* Many sources, both ends of half as many pairs: what is written to the peer of one, it
 * can read. */
struct queue_crowd {
    struct rouse_source *sources[QUEUE_CROWD];
    rouse_fd fds[QUEUE_CROWD];
    int count;
};

static inline void queue_crowd_open(struct world *world, struct queue_crowd *crowd, int count)
{
    crowd->count = count;
    for (int i = 0; i < count; i += 2)
        world_pair(world, &crowd->fds[i]);
    for (int i = 0; i < count; i++)
        crowd->sources[i] = world_source(world, crowd->fds[i]);
}

static inline rouse_fd queue_crowd_peer(const struct queue_crowd *crowd, int i)
{
    return crowd->fds[i ^ 1];
}

/* Whose source it is, or -1. */
static inline int queue_crowd_find(const struct queue_crowd *crowd,
                                   const struct rouse_source *source)
{
    for (int i = 0; i < crowd->count; i++)
        if (crowd->sources[i] == source)
            return i;
    return -1;
}

static inline void queue_crowd_close(struct world *world, struct queue_crowd *crowd)
{
    for (int i = 0; i < crowd->count; i++)
        world_forget(world, crowd->sources[i]);
    for (int i = 0; i < (crowd->count + 1) / 2 * 2; i++)
        world_close(world, crowd->fds[i]);
}

#endif /* ROUSE_CONFORMANCE_EVQ_QUEUE_H */
