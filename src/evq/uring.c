/*
 * uring.c -- Linux: io_uring, with a one-shot poll for each direction that is armed.
 *
 * Such a poll is what the contract describes: it looks when it is submitted, goes on
 * looking, completes once, and is gone. So a direction is armed exactly as long as it has
 * a poll. arm() prepares it, the call that waits submits it, and ROUSE_DRAINED has nothing
 * to save. Which poll it was says what to report. The completion ring is the list of
 * reports: what does not fit in the caller's array stays there (E10).
 *
 * The hard part is to forget a source whose poll is under way (E5). It may be
 *
 *   prepared    and unknown to the kernel: it is struck out of the submission ring.
 *   polling     and the kernel keeps the descriptor open, whatever the caller closes. The
 *               cancellation is submitted at once; when that call is back the kernel has
 *               let go, and only the completion trails.
 *   completed   with a completion that is in the ring, or on its way there.
 *
 * A completion brings back a number of ours. An address would not do, for it outlives its
 * source; so each source has a place in a table, and the number is made of the place, the
 * direction, and a generation that ends with each poll that we end. What comes late finds
 * another one.
 *
 * Completions are posted when this thread enters or leaves the kernel, by any call, which
 * saves calls of our own (docs/decisions/0009). After fork() the queue is the parent's, as
 * an epoll set is; what a child submits is refused by kernels that know who may.
 */
#include "../base/alloc.h"
#include "../base/clock.h"
#include "../base/compiler.h"
#include "backends.h"
#include "sleep.h"
#include "watchable.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <rouse/evq.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    DIRECTIONS = ROUSE_READABLE | ROUSE_WRITABLE,
    SUBMISSIONS = 256,  /* that the ring holds; one more, and they are submitted */
    COMPLETIONS = 1024, /* that the other ring holds; the kernel keeps what is more */
    PLACES = 16,        /* to begin with */
    /* The numbers that completions bring back: a direction, a place, a generation. */
    PLACE_SHIFT = 2,
    GENERATION_SHIFT = 32,
    /* Those that belong to no source, for nobody is at place 0. */
    NOTHING = 0,
    WAKE_UP = 1
};

/* What Linux 5.17 has: no completion is dropped, a timeout comes with the call that waits,
 * and successful cancellations make no completion. */
static const unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;

struct place {
    struct rouse_source *source; /* NULL when the place is free */
    uint32_t generations[2];     /* for each direction, how many polls were ended here */
    uint32_t next;               /* the next free place, when this one is free; 0 for none */
};

struct uring_evq {
    struct rouse_evq base;
    const struct rouse_alloc *alloc;
    uintptr_t sleep; /* atomic, see sleep.h */
    struct io_uring ring;
    struct place *places; /* at 0 nobody */
    uint32_t room;        /* places there are */
    uint32_t used;        /* places with a source */
    uint32_t free;        /* the first free place, or 0 */
    int eventfd;          /* never read: each write completes its poll once more */
    bool hearing;         /* that poll is prepared or under way */
};

static struct uring_evq *uring_of(struct rouse_evq *evq)
{
    return (struct uring_evq *) (void *) evq;
}

/* --- places --- */

/* Where a source is: `record` is that number. 0 when it is unknown. */
static uint32_t place_of(const struct rouse_source *source)
{
    return (uint32_t) (uintptr_t) source->record;
}

/* What the poll of a direction brings back. */
static uint64_t token_of(const struct uring_evq *queue, const struct rouse_source *source,
                         unsigned direction)
{
    const uint32_t at = place_of(source);

    return (uint64_t) queue->places[at].generations[direction - 1] << GENERATION_SHIFT
           | (uint64_t) at << PLACE_SHIFT | direction;
}

static void place_free(struct uring_evq *queue, uint32_t at)
{
    queue->places[at].source = NULL;
    queue->places[at].next = queue->free;
    queue->free = at;
}

/* Doubles the table, and makes the first one. */
static int places_grow(struct uring_evq *queue)
{
    const size_t size = sizeof *queue->places;
    const uint32_t old = queue->room, room = old == 0 ? PLACES : 2 * old;
    struct place *places;

    if (room >= UINT32_MAX >> PLACE_SHIFT)
        return -ENOMEM;
    places = (struct place *) rouse__resize(queue->alloc, queue->places, old * size, room * size);
    if (places == NULL)
        return -ENOMEM;
    queue->places = places;
    queue->room = room;
    memset(places + old, 0, (room - old) * size);
    for (uint32_t at = room - 1; at >= old && at > 0; at--)
        place_free(queue, at);
    return 0;
}

static int place_take(struct uring_evq *queue, struct rouse_source *source)
{
    const int error = queue->free == 0 ? places_grow(queue) : 0;
    const uint32_t at = queue->free;

    if (error < 0)
        return error;
    queue->free = queue->places[at].next;
    queue->places[at].source = source;
    queue->used++;
    source->record = (void *) (uintptr_t) at;
    return 0;
}

static void place_leave(struct uring_evq *queue, struct rouse_source *source)
{
    const uint32_t at = place_of(source);

    place_free(queue, at);
    queue->used--;
    source->record = NULL;
}

/* --- the ring --- */

/* Makes sure that the next `count` submissions can be prepared. */
static ALWAYS_INLINE int reserve(struct uring_evq *queue, unsigned count)
{
    if (io_uring_sq_space_left(&queue->ring) >= count)
        return 0;
    io_uring_submit(&queue->ring);
    return io_uring_sq_space_left(&queue->ring) >= count ? 0 : -ENOMEM;
}

/* Prepares the poll of one direction. */
static ALWAYS_INLINE struct io_uring_sqe *watch(struct uring_evq *queue,
                                                const struct rouse_source *source,
                                                unsigned direction)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&queue->ring);

    io_uring_prep_poll_add(sqe, source->fd, direction == ROUSE_READABLE ? POLLIN : POLLOUT);
    sqe->user_data = token_of(queue, source, direction);
    return sqe;
}

/* Turns a submission into one that has no completion. */
static void mute(struct io_uring_sqe *sqe)
{
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = NOTHING;
}

/* Strikes out a poll that was not submitted yet. */
static bool strike_out(struct uring_evq *queue, uint64_t token)
{
    const struct io_uring_sq *sq = &queue->ring.sq;
    unsigned back;

    for (back = io_uring_sq_ready(&queue->ring); back > 0; back--) {
        struct io_uring_sqe *sqe = &sq->sqes[(sq->sqe_tail - back) & sq->ring_mask];

        if (sqe->user_data == token) {
            io_uring_prep_nop(sqe);
            mute(sqe);
            return true;
        }
    }
    return false;
}

/* Ends the polls of these directions. If the kernel has no memory for that, it goes with
 * the next wait(). */
static NEVER_INLINE void unwatch(struct uring_evq *queue, const struct rouse_source *source,
                                 unsigned directions)
{
    struct place *place = &queue->places[place_of(source)];
    bool submit = false;

    for (unsigned direction = ROUSE_READABLE; direction <= ROUSE_WRITABLE; direction <<= 1) {
        const uint64_t token = token_of(queue, source, direction);
        struct io_uring_sqe *sqe;

        if ((directions & direction) == 0)
            continue;
        place->generations[direction - 1]++;
        if (strike_out(queue, token) || reserve(queue, 1) < 0)
            continue;
        sqe = io_uring_get_sqe(&queue->ring);
        io_uring_prep_poll_remove(sqe, token);
        mute(sqe);
        submit = true;
    }
    if (submit)
        io_uring_submit_and_get_events(&queue->ring);
}

/* Has the ring poll the eventfd. */
static int hear(struct uring_evq *queue)
{
    const int error = queue->hearing ? 0 : reserve(queue, 1);
    struct io_uring_sqe *sqe;

    if (queue->hearing || error < 0)
        return error;
    sqe = io_uring_get_sqe(&queue->ring);
    io_uring_prep_poll_multishot(sqe, queue->eventfd, POLLIN);
    sqe->user_data = WAKE_UP;
    queue->hearing = true;
    return 0;
}

static void notify(const struct uring_evq *queue)
{
    const uint64_t one = 1;
    const int saved = errno; /* we may be in a signal handler */

    while (write(queue->eventfd, &one, sizeof one) < 0 && errno == EINTR) {
    }
    errno = saved;
}

/* Whoever sleeps on the ring's descriptor would sleep through what is only prepared. */
static ALWAYS_INLINE void announce(struct uring_evq *queue)
{
    if ((atomic_load_relaxed(&queue->sleep) & SLEEP_LISTENED) != 0
        && (hear(queue) < 0 || io_uring_submit(&queue->ring) < 0))
        notify(queue); /* for a turn, that tries again */
}

/* A ring of the best kind there is. What the kernel or a filter answers is made to say that
 * there is no io_uring (-ENOSYS), or that it may not be used (-EACCES). */
static int ring_open(struct io_uring *ring)
{
    static const unsigned kinds[] = {
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER, /* Linux 6.0 */
        IORING_SETUP_COOP_TASKRUN,                              /* Linux 5.19 */
        0,
    };
    int error = -EINVAL;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && error == -EINVAL; i++) {
        struct io_uring_params params = {.flags = kinds[i] | IORING_SETUP_CQSIZE,
                                         .cq_entries = COMPLETIONS};

        error = io_uring_queue_init_params(SUBMISSIONS, ring, &params);
    }
    if (error == 0 && (ring->features & needed) == needed)
        return 0;
    if (error == 0)
        io_uring_queue_exit(ring);
    if (error == -EPERM)
        return -EACCES;
    return error == 0 || error == -EINVAL ? -ENOSYS : error;
}

static int uring_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    const struct rouse_alloc *alloc = options != NULL ? options->alloc : NULL;
    struct uring_evq *queue = (struct uring_evq *) rouse__alloc(alloc, sizeof *queue);
    int error;

    if (queue == NULL)
        return -ENOMEM;
    queue->base.ops = &rouse__uring;
    queue->alloc = alloc;
    error = places_grow(queue);
    if (error < 0)
        goto undo_alloc;
    queue->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (queue->eventfd < 0) {
        error = -errno;
        goto undo_places;
    }
    error = ring_open(&queue->ring);
    if (error < 0)
        goto undo_eventfd;
    *evq = &queue->base;
    return 0;

undo_eventfd:
    close(queue->eventfd);
undo_places:
    rouse__free(alloc, queue->places, queue->room * sizeof *queue->places);
undo_alloc:
    rouse__free(alloc, queue, sizeof *queue);
    return error;
}

static void uring_close(struct rouse_evq *evq)
{
    struct uring_evq *queue = uring_of(evq);

    ROUSE_RULE(queue->used == 0, "E5: close() before forget()", "uring");
    io_uring_queue_exit(&queue->ring);
    close(queue->eventfd);
    rouse__free(queue->alloc, queue->places, queue->room * sizeof *queue->places);
    rouse__free(queue->alloc, queue, sizeof *queue);
}

static NEVER_INLINE int enter(struct uring_evq *queue, struct rouse_source *source)
{
    const int error = watchable(source->fd);

    return error < 0 ? error : place_take(queue, source);
}

static int uring_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct uring_evq *queue = uring_of(evq);
    const unsigned fresh = interest & DIRECTIONS & ~(unsigned) source->armed;
    int error = reserve(queue, 2);

    if (error == 0 && place_of(source) == 0)
        error = enter(queue, source);
    if (error < 0)
        return error;
    if ((fresh & ROUSE_READABLE) != 0)
        watch(queue, source, ROUSE_READABLE);
    if ((fresh & ROUSE_WRITABLE) != 0)
        watch(queue, source, ROUSE_WRITABLE);
    source->armed |= (uint8_t) fresh;
    announce(queue);
    return 0;
}

static void uring_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct uring_evq *queue = uring_of(evq);

    if (source->armed != 0)
        unwatch(queue, source, source->armed);
    if (place_of(source) != 0)
        place_leave(queue, source);
    source->armed = 0;
}

/* Whether a writer is to be told. The kernel adds the peer's end of stream to whatever it is
 * asked for; to a writer that says nothing (E4), and a one-shot poll would complete for it
 * again and again. A multishot one completes for it once, and goes on. */
static NEVER_INLINE bool is_room(struct uring_evq *queue, struct rouse_source *source,
                                 const struct io_uring_cqe *cqe)
{
    const bool more = (cqe->flags & IORING_CQE_F_MORE) != 0;

    if (cqe->res < 0 || (cqe->res & (POLLOUT | POLLERR | POLLHUP)) != 0) {
        if (more)
            unwatch(queue, source, ROUSE_WRITABLE);
        return true;
    }
    if (more)
        return false;
    if (reserve(queue, 1) < 0)
        return true; /* a mistake (E6), but better than silence */
    watch(queue, source, ROUSE_WRITABLE)->len = IORING_POLL_ADD_MULTI;
    return false;
}

/* Turns a completion into a report. False when nobody is to have one. A poll that failed is
 * reported as well: the next operation on the descriptor tells why. */
static ALWAYS_INLINE bool translate(struct uring_evq *queue, const struct io_uring_cqe *cqe,
                                    struct rouse_event *event)
{
    const uint64_t token = cqe->user_data;
    const unsigned direction = token & DIRECTIONS;
    const struct place *place = &queue->places[(uint32_t) token >> PLACE_SHIFT];
    struct rouse_source *source = place->source;

    if (token == WAKE_UP && (cqe->flags & IORING_CQE_F_MORE) == 0)
        queue->hearing = false; /* the kernel had no room for a completion, say */
    if (source == NULL || place->generations[direction - 1] != token >> GENERATION_SHIFT)
        return false; /* of ours, or of a poll that was ended */
    if (direction == ROUSE_WRITABLE && !is_room(queue, source, cqe))
        return false;
    source->armed = (uint8_t) (source->armed ^ direction);
    event->source = source;
    event->ready = direction;
    return true;
}

static ALWAYS_INLINE int report(struct uring_evq *queue, struct rouse_event *events, int capacity)
{
    const struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    int count = 0;

    io_uring_for_each_cqe(&queue->ring, head, cqe)
    {
        if (count == capacity)
            break;
        if (translate(queue, cqe, &events[count]))
            count++;
        seen++;
    }
    io_uring_cq_advance(&queue->ring, seen);
    return count;
}

static NEVER_INLINE int look_until(struct uring_evq *queue, rouse_time deadline)
{
    /* The kernel adds its own time, so that what is far enough would be in the past. */
    const rouse_time far = ROUSE_SECONDS(365 * 24 * 3600), now = rouse__clock();
    const rouse_time left = deadline > now ? deadline - now : 0; /* INT64_MIN too */
    struct __kernel_timespec time;
    struct io_uring_cqe *cqe;

    if (left <= 0)
        return io_uring_submit_and_get_events(&queue->ring);
    time.tv_sec = (left < far ? left : far) / ROUSE_SECONDS(1);
    time.tv_nsec = left % ROUSE_SECONDS(1);
    return io_uring_submit_and_wait_timeout(&queue->ring, &cqe, 1, &time, NULL);
}

/* Submits what is prepared and looks what there is; sleeps for it until the deadline. What
 * keeps the kernel from either is returned. */
static ALWAYS_INLINE int look(struct uring_evq *queue, bool may_sleep, rouse_time deadline)
{
    int result = hear(queue);

    if (result < 0)
        return result;
    if (!may_sleep)
        result = io_uring_submit_and_get_events(&queue->ring);
    else if (deadline == ROUSE_NEVER)
        result = io_uring_submit_and_wait(&queue->ring, 1);
    else
        result = look_until(queue, deadline);
    if (result == -EAGAIN || result == -EBUSY)
        return -ENOMEM; /* for what was to be submitted, which is still there */
    return result == -EINTR || result == -ETIME ? 0 : result;
}

static int uring_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    struct uring_evq *queue = uring_of(evq);

    for (;;) {
        const bool may_sleep = sleep_begin(&queue->sleep);
        int count = report(queue, events, capacity); /* what is there without a call */
        int error = 0;
        bool woken;

        if (count == 0) {
            error = look(queue, may_sleep, deadline);
            count = report(queue, events, capacity);
        }
        woken = sleep_end(&queue->sleep);
        announce(queue);
        if (count > 0 || woken)
            return count;
        if (error < 0)
            return error;
        if (deadline != ROUSE_NEVER && rouse__clock() >= deadline)
            return 0;
    }
}

static void uring_wake(struct rouse_evq *evq)
{
    struct uring_evq *queue = uring_of(evq);

    if (sleep_wake(&queue->sleep))
        notify(queue);
}

static rouse_time uring_now(struct rouse_evq *evq)
{
    (void) evq;
    return rouse__clock();
}

static rouse_fd uring_pollable(struct rouse_evq *evq)
{
    struct uring_evq *queue = uring_of(evq);

    if (sleep_listened(&queue->sleep))
        notify(queue);
    announce(queue);
    return queue->ring.ring_fd;
}

const struct rouse_evq_ops rouse__uring = {
    .size = sizeof rouse__uring,
    .name = "uring",
    .version = "one-shot polls",
    .open = uring_open,
    .close = uring_close,
    .arm = uring_arm,
    .forget = uring_forget,
    .wait = uring_wait,
    .wake = uring_wake,
    .now = uring_now,
    .pollable = uring_pollable,
};
