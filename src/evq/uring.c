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
#include "watchable_posix.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <rouse/evq.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* From Linux 6.15, in headers newer than ours: who sleeps for events does not wait for a
 * disk, and is not to be counted so. */
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7)
#endif
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17)
#endif

enum {
    DIRECTIONS = ROUSE_READABLE | ROUSE_WRITABLE,
    SUBMISSIONS = 256,  /* that the ring holds; one more, and they are submitted */
    COMPLETIONS = 1024, /* that the other ring holds; the kernel keeps what is more */
    PLACES = 16,        /* to begin with */
    /* What a completion brings back: a direction, a place, and a generation. */
    PLACE_SHIFT = 5, /* so that a place is as far from the first one as its number says */
    GENERATION_SHIFT = 32,
    /* What belongs to no source, for nobody is at place 0. */
    WAKE_UP = ROUSE_READABLE,
    NOTHING = ROUSE_WRITABLE
};

/* What Linux 5.17 has: no completion is dropped, a timeout comes with the call that waits,
 * and what succeeds may do so without a completion. */
static const unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;

struct place {
    struct rouse_source *source; /* not when the place is free */
    uint64_t tokens[3]; /* what polls bring back, by direction; at 0 the next free place, or 0 */
};

struct uring_evq {
    struct rouse_evq base;
    const struct rouse_alloc *alloc;
    uintptr_t sleep; /* atomic, see sleep.h */
    struct io_uring ring;
    unsigned enter;       /* flags of each io_uring_enter() */
    int eventfd;          /* never read: each write completes its poll once more */
    bool hearing;         /* that poll is prepared or under way */
    struct place *places; /* at 0 nobody */
    uint32_t room;        /* places there are */
    uint32_t used;        /* places with a source */
    uint32_t free;        /* the first free place, or 0 */
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
static uint64_t *token_of(struct uring_evq *queue, const struct rouse_source *source,
                          unsigned direction)
{
    return &queue->places[place_of(source)].tokens[direction];
}

static void place_free(struct uring_evq *queue, uint32_t at)
{
    queue->places[at].tokens[0] = queue->free;
    queue->free = at;
}

static void place_take(struct uring_evq *queue, struct rouse_source *source)
{
    const uint32_t at = queue->free;

    queue->free = (uint32_t) queue->places[at].tokens[0];
    queue->places[at].source = source;
    queue->used++;
    source->record = (void *) (uintptr_t) at;
}

/* Doubles the table, and makes the first one. */
static int places_grow(struct uring_evq *queue)
{
    const size_t size = sizeof *queue->places;
    const uint32_t old = queue->room, room = old == 0 ? PLACES : 2 * old;
    struct place *places;
    uint32_t at;

    if (room > UINT32_MAX >> PLACE_SHIFT)
        return -ENOMEM;
    places = (struct place *) rouse__resize(queue->alloc, queue->places, old * size, room * size);
    if (places == NULL)
        return -ENOMEM;
    queue->places = places;
    queue->room = room;
    memset(places + old, 0, (room - old) * size);
    for (at = room - 1; at >= old && at > 0; at--) {
        places[at].tokens[ROUSE_READABLE] = (uint64_t) at << PLACE_SHIFT | ROUSE_READABLE;
        places[at].tokens[ROUSE_WRITABLE] = (uint64_t) at << PLACE_SHIFT | ROUSE_WRITABLE;
        place_free(queue, at);
    }
    return 0;
}

/* --- the ring --- */

/* How many submissions the kernel has not been told of. */
static unsigned prepared(const struct uring_evq *queue)
{
    return queue->ring.sq.sqe_tail - *queue->ring.sq.khead;
}

/* Submits them, and waits for `completions`, until `time` is over if that is not NULL.
 * Returns -errno, or how many were submitted, which may be less than all. */
static int enter(struct uring_evq *queue, unsigned completions,
                 const struct __kernel_timespec *time)
{
    struct io_uring_getevents_arg argument = {.ts = (uintptr_t) time};

    io_uring_smp_store_release(queue->ring.sq.ktail, queue->ring.sq.sqe_tail);
    return io_uring_enter2((unsigned) queue->ring.ring_fd, prepared(queue), completions,
                           queue->enter, (sigset_t *) (void *) &argument, sizeof argument);
}

static bool has_space(const struct uring_evq *queue, unsigned count)
{
    return prepared(queue) + count <= SUBMISSIONS;
}

/* Makes sure that the next `count` submissions can be prepared. */
static int reserve(struct uring_evq *queue, unsigned count)
{
    if (!has_space(queue, count))
        enter(queue, 0, NULL);
    return has_space(queue, count) ? 0 : -ENOMEM;
}

static struct io_uring_sqe *next_submission(struct uring_evq *queue)
{
    return &queue->ring.sq.sqes[queue->ring.sq.sqe_tail++ % SUBMISSIONS];
}

/* Prepares the poll of one direction. */
static ALWAYS_INLINE struct io_uring_sqe *watch(struct uring_evq *queue,
                                                const struct rouse_source *source,
                                                unsigned direction)
{
    struct io_uring_sqe *sqe = next_submission(queue);

    io_uring_prep_poll_add(sqe, source->fd, direction == ROUSE_READABLE ? POLLIN : POLLOUT);
    sqe->user_data = *token_of(queue, source, direction);
    return sqe;
}

/* Makes a submission one that has no completion. */
static void mute(struct io_uring_sqe *sqe)
{
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = NOTHING;
}

/* A poll that was not submitted yet, or NULL. */
static struct io_uring_sqe *prepared_poll(const struct uring_evq *queue, uint64_t token)
{
    const struct io_uring_sq *sq = &queue->ring.sq;
    unsigned at = sq->sqe_tail;

    while (at-- != *sq->khead)
        if (sq->sqes[at % SUBMISSIONS].user_data == token)
            return &sq->sqes[at % SUBMISSIONS];
    return NULL;
}

/* Strikes out a poll that was not submitted yet. */
static bool strike_out(struct uring_evq *queue, uint64_t token)
{
    struct io_uring_sqe *sqe = prepared_poll(queue, token);

    if (sqe == NULL)
        return false;
    io_uring_prep_nop(sqe);
    mute(sqe);
    return true;
}

/* Ends the polls of these directions. If the kernel has no memory for that, it goes with
 * the next wait(). */
static NEVER_INLINE void unwatch(struct uring_evq *queue, const struct rouse_source *source,
                                 unsigned directions)
{
    unsigned direction;
    bool submit = false;

    for (direction = ROUSE_READABLE; direction <= ROUSE_WRITABLE; direction <<= 1) {
        uint64_t *token = token_of(queue, source, direction);
        struct io_uring_sqe *sqe;

        if ((directions & direction) == 0)
            continue;
        if (!strike_out(queue, *token) && reserve(queue, 1) == 0) {
            sqe = next_submission(queue);
            io_uring_prep_poll_remove(sqe, *token);
            mute(sqe);
            submit = true;
        }
        *token += (uint64_t) 1 << GENERATION_SHIFT;
    }
    if (submit)
        enter(queue, 0, NULL);
}

/* Has the ring poll the eventfd. */
static NEVER_INLINE int hear(struct uring_evq *queue)
{
    const int error = reserve(queue, 1);
    struct io_uring_sqe *sqe;

    if (error < 0)
        return error;
    sqe = next_submission(queue);
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

static bool listened(const struct uring_evq *queue)
{
    return (atomic_load_relaxed(&queue->sleep) & SLEEP_LISTENED) != 0;
}

/* Whether the kernel polls the eventfd. */
static bool hears(const struct uring_evq *queue)
{
    return queue->hearing && prepared_poll(queue, WAKE_UP) == NULL;
}

/* Whoever sleeps on the ring's descriptor would sleep through what is only prepared. */
static NEVER_INLINE void announce(struct uring_evq *queue)
{
    const int error = queue->hearing ? 0 : hear(queue);

    if (error < 0 || (prepared(queue) > 0 && enter(queue, 0, NULL) < 0))
        notify(queue); /* who gives us a turn, to try again */
}

/* A ring of the best kind there is. What the kernel or a filter answers becomes: there is
 * no io_uring that would do (-ENOSYS), or it may not be used (-EACCES). */
static int ring_open(struct io_uring *ring, unsigned *features)
{
    static const unsigned kinds[] = {
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER, /* Linux 6.0 */
        IORING_SETUP_COOP_TASKRUN,                              /* Linux 5.19 */
        0,
    };
    int error = -EINVAL;
    size_t i;

    for (i = 0; i < sizeof kinds / sizeof *kinds && error == -EINVAL; i++) {
        struct io_uring_params params = {.flags = kinds[i] | IORING_SETUP_CQSIZE,
                                         .cq_entries = COMPLETIONS};

        error = io_uring_queue_init_params(SUBMISSIONS, ring, &params);
        *features = params.features;
    }
    if (error == 0 && (*features & needed) != needed) {
        io_uring_queue_exit(ring);
        error = -EINVAL;
    }
    if (error == -EPERM)
        return -EACCES;
    return error == -EINVAL ? -ENOSYS : error;
}

static int uring_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    const struct rouse_alloc *alloc = options != NULL ? options->alloc : NULL;
    struct uring_evq *queue = (struct uring_evq *) rouse__alloc(alloc, sizeof *queue);
    unsigned features;
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
    error = ring_open(&queue->ring, &features);
    if (error < 0)
        goto undo_eventfd;
    queue->enter = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
    if ((features & IORING_FEAT_NO_IOWAIT) != 0)
        queue->enter |= IORING_ENTER_NO_IOWAIT;
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

/* A direction that is armed has its poll, which will see whatever comes. */
static ALWAYS_INLINE void watch_more(struct uring_evq *queue, struct rouse_source *source,
                                     unsigned interest)
{
    const unsigned directions = interest & DIRECTIONS & ~(unsigned) source->armed;

    if ((directions & ROUSE_READABLE) != 0)
        watch(queue, source, ROUSE_READABLE);
    if ((directions & ROUSE_WRITABLE) != 0)
        watch(queue, source, ROUSE_WRITABLE);
    source->armed = (uint8_t) (source->armed | directions);
}

/* The first arm() of a source, and all that may be more than to prepare a poll. */
static NEVER_INLINE int arm_anyhow(struct uring_evq *queue, struct rouse_source *source,
                                   unsigned interest)
{
    const bool first = place_of(source) == 0;
    int error = first ? watchable(source->fd) : 0;

    if (error == 0 && first && queue->free == 0)
        error = places_grow(queue);
    if (error == 0)
        error = reserve(queue, 2);
    if (error < 0)
        return error;
    if (first)
        place_take(queue, source);
    watch_more(queue, source, interest);
    if (listened(queue))
        announce(queue);
    return 0;
}

static int uring_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct uring_evq *queue = uring_of(evq);

    if (place_of(source) == 0 || !has_space(queue, 2) || listened(queue))
        return arm_anyhow(queue, source, interest);
    watch_more(queue, source, interest);
    return 0;
}

static void uring_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct uring_evq *queue = uring_of(evq);

    if (source->armed != 0)
        unwatch(queue, source, source->armed);
    if (place_of(source) != 0) {
        place_free(queue, place_of(source));
        queue->used--;
    }
    source->record = NULL;
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
        return true; /* which is a mistake (E6), but better than silence */
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

    if (place->tokens[direction] != token) { /* ours, or of a poll that was ended */
        if (token == WAKE_UP && (cqe->flags & IORING_CQE_F_MORE) == 0)
            queue->hearing = false; /* the kernel had no room for a completion, say */
        return false;
    }
    if (direction == ROUSE_WRITABLE && !is_room(queue, source, cqe))
        return false;
    source->armed = (uint8_t) (source->armed ^ direction);
    event->source = source;
    event->ready = direction;
    return true;
}

/* Reports what has completed. */
static int report(struct uring_evq *queue, struct rouse_event *events, int capacity)
{
    const struct io_uring_cq *cq = &queue->ring.cq;
    const unsigned tail = io_uring_smp_load_acquire(cq->ktail);
    unsigned head = *cq->khead;
    int count = 0;

    while (head != tail && count < capacity)
        if (translate(queue, &cq->cqes[head++ % COMPLETIONS], &events[count]))
            count++;
    io_uring_smp_store_release(cq->khead, head);
    return count;
}

/* What became of a look at the kernel; or -errno. */
enum { LOOKED, WOKEN, NOT_YET };

/* Has the kernel look, and sleeps if it may. */
static NEVER_INLINE int look(struct uring_evq *queue, rouse_time deadline)
{
    /* The kernel adds the time to its own, and overflows. Who waits longer looks again. */
    const rouse_time longest = ROUSE_SECONDS(365 * 24 * 3600);
    struct __kernel_timespec time;
    int result = queue->hearing ? 0 : hear(queue);

    if (result < 0)
        return result;
    if (!sleep_begin(&queue->sleep)) {
        result = enter(queue, 0, NULL);
    } else if (deadline == ROUSE_NEVER) {
        result = enter(queue, 1, NULL);
    } else {
        const rouse_time now = rouse__clock();
        const rouse_time left = deadline > now ? deadline - now : 0; /* INT64_MIN too */

        time.tv_sec = (left < longest ? left : longest) / ROUSE_SECONDS(1);
        time.tv_nsec = left % ROUSE_SECONDS(1);
        result = enter(queue, left > 0, &time);
    }
    if (sleep_end(&queue->sleep))
        return WOKEN;
    if (result >= 0 || result == -EINTR || result == -ETIME)
        return LOOKED;
    /* To submit what is prepared takes memory. It stays prepared. */
    return result == -EAGAIN || result == -EBUSY ? -ENOMEM : result;
}

/* All that one report may not be: many, none, an error, or a wake-up. */
static NEVER_INLINE int wait_on(struct uring_evq *queue, struct rouse_event *events, int capacity,
                                rouse_time deadline, int result)
{
    int count;

    for (;;) {
        count = report(queue, events, capacity);
        if (count > 0 || result == WOKEN)
            break;
        if (result < 0)
            return result;
        /* Reports may stand behind completions that nobody wants, more than the ring holds. */
        if (result == LOOKED && !io_uring_cq_has_overflow(&queue->ring) && deadline != ROUSE_NEVER
            && rouse__clock() >= deadline)
            break;
        result = look(queue, deadline);
    }
    if (listened(queue)) {
        announce(queue);
        /* A wake-up that came since sleep_end() may have gone with the reports, and whoever
         * sleeps on the descriptor has not seen it. */
        if ((atomic_load_relaxed(&queue->sleep) & SLEEP_WOKEN) != 0)
            notify(queue);
    }
    if (result == NOT_YET) {
        /* Takes a wake() from before, which ends this wait(). */
        sleep_begin(&queue->sleep);
        sleep_end(&queue->sleep);
    }
    return count;
}

static int uring_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    struct uring_evq *queue = uring_of(evq);
    const struct io_uring_cq *cq = &queue->ring.cq;
    const unsigned head = *cq->khead;
    const int result =
        io_uring_smp_load_acquire(cq->ktail) == head ? look(queue, deadline) : NOT_YET;

    /* Where one thing happens after another, each wait() brings one report. */
    if (io_uring_smp_load_acquire(cq->ktail) == head + 1
        && atomic_load_relaxed(&queue->sleep) == 0) {
        const bool reported = translate(queue, &cq->cqes[head % COMPLETIONS], events);

        io_uring_smp_store_release(cq->khead, head + 1);
        if (reported)
            return 1;
    }
    return wait_on(queue, events, capacity, deadline, result);
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
    /* What the kernel does not poll the ring cannot tell. */
    return hears(queue) ? queue->ring.ring_fd : ROUSE_NO_FD;
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
