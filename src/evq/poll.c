/*
 * poll.c -- any POSIX system: poll(2) over an array.
 *
 * The kernel is told everything at each call, so one shot is a matter of what we ask for:
 * a source that is not armed has its descriptor negated, and the kernel passes over it,
 * hang-up and error included. ROUSE_DRAINED saves nothing here.
 *
 * poll(2) accepts what others refuse, a regular file for one; the first arm() asks what
 * kind of descriptor it is (E11).
 */
#include "../base/alloc.h"
#include "../base/clock.h"
#include "../base/selfpipe.h"
#include "backends.h"
#include "sleep.h"
#include "watchable_posix.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <time.h>

struct poll_evq {
    struct rouse_evq base;
    const struct rouse_alloc *alloc;
    struct rouse__selfpipe pipe;
    uintptr_t sleep;               /* atomic, see sleep.h */
    struct pollfd *polled;         /* at 0 the self-pipe, then one for each source */
    struct rouse_source **sources; /* whose `polled` has the same place; at 0 none */
    size_t count;                  /* of both, the self-pipe included */
    size_t room;
    size_t first; /* whom to look at first, so that nobody is favoured (E10) */
};

static struct poll_evq *poll_of(struct rouse_evq *evq)
{
    return (struct poll_evq *) (void *) evq;
}

/* Where a source stands in the arrays: `record` is that number. 0 when it is unknown. */
static size_t place_of(const struct rouse_source *source)
{
    return (size_t) (uintptr_t) source->record;
}

static void place(struct poll_evq *queue, struct rouse_source *source, size_t at)
{
    queue->sources[at] = source;
    source->record = (void *) (uintptr_t) at;
}

/* Asks the kernel for what is armed; for nothing at all when that is nothing. */
static void ask(struct poll_evq *queue, const struct rouse_source *source)
{
    struct pollfd *polled = &queue->polled[place_of(source)];

    polled->fd = source->armed != 0 ? source->fd : ~source->fd;
    polled->events = (short) (((source->armed & ROUSE_READABLE) != 0 ? POLLIN : 0)
                              | ((source->armed & ROUSE_WRITABLE) != 0 ? POLLOUT : 0));
    polled->revents = 0;
}

/* Both arrays lie in one block, so that there is either memory for both or for none. */
static size_t size_of(size_t room)
{
    return room * (sizeof(struct rouse_source *) + sizeof(struct pollfd));
}

static void lay_out(struct poll_evq *queue, void *block, size_t room)
{
    queue->sources = (struct rouse_source **) block;
    queue->polled = (struct pollfd *) (void *) (queue->sources + room);
    queue->room = room;
}

static int reserve(struct poll_evq *queue)
{
    const size_t old = queue->room;
    void *block;

    if (queue->count < old)
        return 0;
    block = rouse__resize(queue->alloc, queue->sources, size_of(old), size_of(2 * old));
    if (block == NULL)
        return -ENOMEM;
    lay_out(queue, block, 2 * old);
    memmove(queue->polled, queue->sources + old, old * sizeof *queue->polled);
    return 0;
}

static int poll_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    enum { ROOM = 16 };
    const struct rouse_alloc *alloc = options != NULL ? options->alloc : NULL;
    struct poll_evq *queue = (struct poll_evq *) rouse__alloc(alloc, sizeof *queue);
    void *block;
    int error = -ENOMEM;

    if (queue == NULL)
        return -ENOMEM;
    queue->base.ops = &rouse__poll;
    queue->alloc = alloc;
    block = rouse__alloc(alloc, size_of(ROOM));
    if (block == NULL)
        goto undo_queue;
    lay_out(queue, block, ROOM);
    error = rouse__selfpipe_open(&queue->pipe);
    if (error < 0)
        goto undo_arrays;
    queue->polled[0].fd = queue->pipe.read_end;
    queue->polled[0].events = POLLIN;
    queue->count = 1;
    queue->first = 1;
    *evq = &queue->base;
    return 0;

undo_arrays:
    rouse__free(alloc, block, size_of(ROOM));
undo_queue:
    rouse__free(alloc, queue, sizeof *queue);
    return error;
}

static void poll_close(struct rouse_evq *evq)
{
    struct poll_evq *queue = poll_of(evq);

    ROUSE_RULE(queue->count == 1, "E5: close() before forget()", "poll");
    rouse__selfpipe_close(&queue->pipe);
    rouse__free(queue->alloc, queue->sources, size_of(queue->room));
    rouse__free(queue->alloc, queue, sizeof *queue);
}

static int enter(struct poll_evq *queue, struct rouse_source *source)
{
    int error = watchable(source->fd);

    if (error == 0)
        error = reserve(queue);
    if (error < 0)
        return error;
    place(queue, source, queue->count++);
    return 0;
}

static int poll_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct poll_evq *queue = poll_of(evq);
    const int error = place_of(source) == 0 ? enter(queue, source) : 0;

    if (error < 0)
        return error;
    source->armed |= (uint8_t) (interest & (ROUSE_READABLE | ROUSE_WRITABLE));
    ask(queue, source);
    return 0;
}

static void poll_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct poll_evq *queue = poll_of(evq);
    const size_t at = place_of(source);

    if (at != 0) {
        const size_t last = --queue->count;

        place(queue, queue->sources[last], at);
        queue->polled[at] = queue->polled[last];
    }
    source->record = NULL;
    source->armed = 0;
}

/* Reports at most `capacity` sources, going round from the one after the last reported. */
static int report(struct poll_evq *queue, struct rouse_event *events, int capacity)
{
    const size_t sources = queue->count - 1;
    const size_t first = queue->first - 1;
    int count = 0;
    size_t i;

    for (i = 0; i < sources && count < capacity; i++) {
        const size_t at = 1 + (first + i) % sources;
        struct rouse_source *source = queue->sources[at];
        const int seen = queue->polled[at].revents;
        unsigned ready = 0;

        if ((seen & (POLLHUP | POLLERR | POLLNVAL)) != 0)
            ready = ROUSE_READABLE | ROUSE_WRITABLE;
        if ((seen & POLLIN) != 0)
            ready |= ROUSE_READABLE;
        if ((seen & POLLOUT) != 0)
            ready |= ROUSE_WRITABLE;
        ready &= source->armed;
        if (ready == 0)
            continue;
        source->armed &= (uint8_t) ~ready;
        ask(queue, source);
        events[count].source = source;
        events[count].ready = ready;
        count++;
        queue->first = at + 1;
    }
    return count;
}

#if defined(__APPLE__)
/* No ppoll(2) here: milliseconds, rounded up. */
static int poll_for(struct pollfd *polled, size_t count, rouse_time left)
{
    const rouse_time rounded_up = left > 0 ? (left - 1) / ROUSE_MS(1) + 1 : left;

    return poll(polled, (nfds_t) count, rounded_up < INT_MAX ? (int) rounded_up : INT_MAX);
}
#else
static int poll_for(struct pollfd *polled, size_t count, rouse_time left)
{
    struct timespec time = {(time_t) (left / ROUSE_SECONDS(1)), (long) (left % ROUSE_SECONDS(1))};

    return ppoll(polled, (nfds_t) count, left < 0 ? NULL : &time, NULL);
}
#endif

/* How long poll_for() may take: -1 has no limit. */
static rouse_time time_left(rouse_time deadline)
{
    rouse_time now;

    if (deadline == ROUSE_NEVER)
        return -1;
    now = rouse__clock();
    return deadline > now ? deadline - now : 0;
}

static int poll_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                     rouse_time deadline)
{
    struct poll_evq *queue = poll_of(evq);

    for (;;) {
        const rouse_time left = sleep_begin(&queue->sleep) ? time_left(deadline) : 0;
        const int n = poll_for(queue->polled, queue->count, left);
        const int error = errno;
        const bool woken = sleep_end(&queue->sleep);
        int count;

        if (n < 0 && error != EINTR)
            return -error;
        if (n > 0 && queue->polled[0].revents != 0)
            rouse__selfpipe_drain(&queue->pipe);
        count = n > 0 ? report(queue, events, capacity) : 0;
        if (count > 0 || woken)
            return count;
        if (deadline != ROUSE_NEVER && rouse__clock() >= deadline)
            return 0;
    }
}

static void poll_wake(struct rouse_evq *evq)
{
    struct poll_evq *queue = poll_of(evq);

    if (sleep_wake(&queue->sleep))
        rouse__selfpipe_notify(&queue->pipe);
}

static rouse_time poll_now(struct rouse_evq *evq)
{
    (void) evq;
    return rouse__clock();
}

const struct rouse_evq_ops rouse__poll = {
    .size = sizeof rouse__poll,
    .name = "poll",
    .version = "poll(2)",
    .open = poll_open,
    .close = poll_close,
    .arm = poll_arm,
    .forget = poll_forget,
    .wait = poll_wait,
    .wake = poll_wake,
    .now = poll_now,
};
