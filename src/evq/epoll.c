/*
 * epoll.c -- Linux: edge-triggered epoll, and nanoseconds where the kernel has them.
 *
 * A source is registered once, for the directions that were ever armed, edge-triggered,
 * and normally never modified again. arm() with ROUSE_DRAINED is then a store: the kernel
 * will give an edge for whatever comes after the refusal. Without the hint, an identical
 * EPOLL_CTL_MOD makes the kernel look again and report what is there.
 *
 * The hard part is what gives no second edge. A FIN, an error or urgent data that was
 * harvested together with data is in the source already when the data has been read, and
 * the kernel has nothing new to say. So such a state is sticky: while it is set for a
 * direction, arm() does not believe the hint there and has the kernel look again. The
 * look clears it, and what is seen sets it again. It is kept per direction, or a writer
 * would spin on a half-closed socket.
 *
 * An event for a direction that is not armed is dropped: the next arm() either carries
 * the hint, which says that the event is used up, or has the kernel look again.
 */
#include "../base/alloc.h"
#include "../base/clock.h"
#include "../base/compiler.h"
#include "backends.h"
#include "sleep.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/time_types.h>
#include <rouse/evq.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441 /* headers older than the call; the same on every machine */
#endif

enum {
    DIRECTIONS = ROUSE_READABLE | ROUSE_WRITABLE,
    STICKY = 2, /* source->flags: directions registered, and, shifted by this, sticky ones */
    HARVEST = 64
};

struct epoll_evq {
    struct rouse_evq base;
    const struct rouse_alloc *alloc;
    struct rouse_source *sources;        /* all that are registered, linked by `record` */
    uintptr_t sleep;                     /* atomic, see sleep.h */
    struct epoll_event harvest[HARVEST]; /* what wait() has just been told */
    int epoll;
    int eventfd;
    bool no_pwait2; /* the kernel, or a filter, does not let us have nanoseconds */
    bool haunted;   /* the set may hold descriptors that we cannot remove, see forget() */
};

static struct epoll_evq *epoll_of(struct rouse_evq *evq)
{
    return (struct epoll_evq *) (void *) evq;
}

/* --- the list of registered sources --- */

static void list_insert(struct epoll_evq *queue, struct rouse_source *source)
{
    struct rouse_source *next = queue->sources;

    source->record = next;
    source->link = NULL;
    if (next != NULL)
        next->link = source;
    queue->sources = source;
}

static void list_remove(struct epoll_evq *queue, struct rouse_source *source)
{
    struct rouse_source *next = (struct rouse_source *) source->record;
    struct rouse_source *before = (struct rouse_source *) source->link;

    if (before != NULL)
        before->record = next;
    else
        queue->sources = next;
    if (next != NULL)
        next->link = before;
    source->record = NULL;
    source->link = NULL;
}

static bool list_has(const struct epoll_evq *queue, const struct rouse_source *source)
{
    const struct rouse_source *listed = queue->sources;

    while (listed != NULL && listed != source)
        listed = (const struct rouse_source *) listed->record;
    return listed != NULL;
}

/* --- the set in the kernel --- */

static int control(int epoll, int operation, struct rouse_source *source, unsigned directions)
{
    struct epoll_event event;

    event.events = EPOLLET;
    if ((directions & ROUSE_READABLE) != 0)
        event.events |= EPOLLIN | EPOLLRDHUP | EPOLLPRI;
    if ((directions & ROUSE_WRITABLE) != 0)
        event.events |= EPOLLOUT;
    event.data.ptr = source;
    return epoll_ctl(epoll, operation, source->fd, &event) < 0 ? -errno : 0;
}

/* A set with nothing but the eventfd in it, or -errno. Edge-triggered, each write is an
 * event of its own, and nobody has to read. */
static int set_open(int eventfd)
{
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event;
    int error;

    if (epoll < 0)
        return -errno;
    event.events = EPOLLIN | EPOLLET;
    event.data.ptr = NULL;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, eventfd, &event) == 0)
        return epoll;
    error = -errno;
    close(epoll);
    return error;
}

/* Moves every source to a new set, and leaves the ghosts in the old one. When there is no
 * descriptor or memory for that, a wait() that meets a ghost tries again. */
static NEVER_INLINE void set_rebuild(struct epoll_evq *queue)
{
    const int epoll = set_open(queue->eventfd);
    struct rouse_source *source;

    if (epoll < 0)
        return;
    for (source = queue->sources; source != NULL; source = (struct rouse_source *) source->record)
        if (control(epoll, EPOLL_CTL_ADD, source, source->flags & DIRECTIONS) < 0) {
            close(epoll);
            return;
        }
    /* The number stays, for whoever listens to it. */
    if (dup3(epoll, queue->epoll, O_CLOEXEC) >= 0)
        queue->haunted = false;
    close(epoll);
}

static int epoll_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    const struct rouse_alloc *alloc = options != NULL ? options->alloc : NULL;
    struct epoll_evq *queue = (struct epoll_evq *) rouse__alloc(alloc, sizeof *queue);
    int error;

    if (queue == NULL)
        return -ENOMEM;
    queue->base.ops = &rouse__epoll;
    queue->alloc = alloc;
    queue->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (queue->eventfd < 0) {
        error = -errno;
        goto undo_alloc;
    }
    queue->epoll = set_open(queue->eventfd);
    if (queue->epoll < 0) {
        error = queue->epoll;
        goto undo_eventfd;
    }
    *evq = &queue->base;
    return 0;

undo_eventfd:
    close(queue->eventfd);
undo_alloc:
    rouse__free(alloc, queue, sizeof *queue);
    return error;
}

static void epoll_close(struct rouse_evq *evq)
{
    struct epoll_evq *queue = epoll_of(evq);

    ROUSE_RULE(queue->sources == NULL, "E5: close() before forget()", "epoll");
    close(queue->epoll);
    close(queue->eventfd);
    rouse__free(queue->alloc, queue, sizeof *queue);
}

/* Has the kernel look, at all that the source is registered for. */
static NEVER_INLINE int look(struct epoll_evq *queue, struct rouse_source *source,
                             unsigned directions)
{
    const unsigned registered = source->flags & DIRECTIONS;
    const int error = control(queue->epoll, registered != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source,
                              registered | directions);

    if (error < 0)
        return error;
    if (registered == 0)
        list_insert(queue, source);
    source->flags = (uint8_t) (registered | directions); /* nothing is sticky now */
    source->armed |= (uint8_t) directions;
    return 0;
}

static int epoll_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    const unsigned directions = interest & DIRECTIONS;
    /* Those in which an edge will tell: registered, and nothing sticks. */
    const unsigned flags = source->flags, told = flags & ~(flags >> STICKY);

    if ((interest & ROUSE_DRAINED) == 0 || (directions & ~told) != 0)
        return look(epoll_of(evq), source, directions);
    source->armed |= (uint8_t) directions;
    return 0;
}

static void epoll_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct epoll_evq *queue = epoll_of(evq);

    if (source->flags != 0) {
        list_remove(queue, source);
        if (epoll_ctl(queue->epoll, EPOLL_CTL_DEL, source->fd, NULL) < 0) {
            /* It was closed before it was forgotten. If a duplicate lives on, so does
             * the registration, which nobody can name any more. */
            ROUSE_RULE(false, "E5: the descriptor was closed before forget()", "epoll");
            queue->haunted = true;
            set_rebuild(queue);
        }
    }
    source->flags = 0;
    source->armed = 0;
}

/* What the system tells beside plain readiness: notes what will give no second edge, and
 * returns what to report. */
static NEVER_INLINE unsigned told_more(struct rouse_source *source, unsigned seen)
{
    unsigned sticky = 0, ready = 0;

    if ((seen & (EPOLLHUP | EPOLLERR)) != 0)
        ready = sticky = DIRECTIONS;
    if ((seen & (EPOLLRDHUP | EPOLLPRI)) != 0)
        sticky |= ROUSE_READABLE;
    if ((seen & (EPOLLIN | EPOLLRDHUP)) != 0) /* urgent data alone is nothing to read */
        ready |= ROUSE_READABLE;
    if ((seen & EPOLLOUT) != 0)
        ready |= ROUSE_WRITABLE;
    source->flags |= (uint8_t) (sticky << STICKY);
    return ready;
}

/* Leaves those events that belong to somebody. */
static NEVER_INLINE int exorcise(struct epoll_evq *queue, int n)
{
    struct epoll_event *harvest = queue->harvest;
    int kept = 0, i;

    set_rebuild(queue); /* which failed when the ghost appeared */
    for (i = 0; i < n; i++)
        if (list_has(queue, (const struct rouse_source *) harvest[i].data.ptr))
            harvest[kept++] = harvest[i];
    return kept;
}

/* Turns what the kernel told into a report. False when nobody asked for it. */
static ALWAYS_INLINE bool translate(const struct epoll_event *told, struct rouse_event *event)
{
    struct rouse_source *source = (struct rouse_source *) told->data.ptr;
    unsigned ready = ((told->events & EPOLLIN) != 0 ? ROUSE_READABLE : 0U)
                     | ((told->events & EPOLLOUT) != 0 ? ROUSE_WRITABLE : 0U);

    if (source == NULL)
        return false; /* the eventfd */
    if ((told->events & ~(unsigned) (EPOLLIN | EPOLLOUT)) != 0)
        ready = told_more(source, told->events);
    ready &= source->armed;
    if (ready == 0)
        return false;
    source->armed = (uint8_t) (source->armed ^ ready);
    event->source = source;
    event->ready = ready;
    return true;
}

/* Fills `events` with the reports among the `n` that were harvested. How many they are; or
 * -errno, if that is what -1 means. */
static int report(struct epoll_evq *queue, struct rouse_event *events, int n)
{
    int count = 0, i;

    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    if (n > 0 && queue->haunted)
        n = exorcise(queue, n);
    for (i = 0; i < n; i++)
        if (translate(&queue->harvest[i], &events[count]))
            count++;
    return count;
}

/* How epoll_wait() takes a time that is not far away. */
static int milliseconds(rouse_time left)
{
    const rouse_time rounded_up = (left - 1) / ROUSE_MS(1) + 1;

    return rounded_up < INT_MAX ? (int) rounded_up : INT_MAX;
}

static NEVER_INLINE int look_until(struct epoll_evq *queue, int room, rouse_time deadline)
{
    const rouse_time now = rouse__clock();
    const rouse_time left = deadline > now ? deadline - now : 0; /* INT64_MIN too */
    struct __kernel_timespec time;
    int n;

    if (left <= 0)
        return epoll_wait(queue->epoll, queue->harvest, room, 0);
    if (!queue->no_pwait2) {
        time.tv_sec = left / ROUSE_SECONDS(1);
        time.tv_nsec = left % ROUSE_SECONDS(1);
        n = (int) syscall(SYS_epoll_pwait2, queue->epoll, queue->harvest, room, &time, NULL, 0);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM))
            return n;
        queue->no_pwait2 = true; /* Linux before 5.11, or a filter that does not know it */
    }
    return epoll_wait(queue->epoll, queue->harvest, room, milliseconds(left));
}

/* One look at what there is, which sleeps if it may; sleep_end() comes next. Returns as
 * epoll_wait() does. */
static ALWAYS_INLINE int look_once(struct epoll_evq *queue, int room, rouse_time deadline)
{
    if (!sleep_begin(&queue->sleep))
        return epoll_wait(queue->epoll, queue->harvest, room, 0);
    if (deadline == ROUSE_NEVER)
        return epoll_wait(queue->epoll, queue->harvest, room, -1);
    return look_until(queue, room, deadline);
}

/* All that one report may not be: many, none, an error, or a wake-up. After an interruption,
 * an old wake-up or events that nobody asked for it goes on looking. */
static NEVER_INLINE int look_on(struct epoll_evq *queue, struct rouse_event *events, int room,
                                rouse_time deadline, int n, bool woken)
{
    for (;;) {
        const int count = report(queue, events, n);

        if (count != 0 || woken)
            return count;
        /* Behind as many events as there was room for, which nobody wants, may be others. */
        if (n < room && deadline != ROUSE_NEVER && rouse__clock() >= deadline)
            return 0;
        n = look_once(queue, room, deadline);
        woken = sleep_end(&queue->sleep);
    }
}

static int epoll_wait_(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                       rouse_time deadline)
{
    struct epoll_evq *queue = epoll_of(evq);
    const int room = capacity < HARVEST ? capacity : HARVEST;
    const int n = look_once(queue, room, deadline);
    const bool woken = sleep_end(&queue->sleep);

    /* Where one thing happens after another, each wait() brings one report. */
    if (n == 1 && !woken && !queue->haunted && translate(queue->harvest, events))
        return 1;
    return look_on(queue, events, room, deadline, n, woken);
}

static void notify(const struct epoll_evq *queue)
{
    const uint64_t one = 1;
    const int saved = errno; /* we may be in a signal handler */

    while (write(queue->eventfd, &one, sizeof one) < 0 && errno == EINTR) {
    }
    errno = saved;
}

static void epoll_wake(struct rouse_evq *evq)
{
    struct epoll_evq *queue = epoll_of(evq);

    if (sleep_wake(&queue->sleep))
        notify(queue);
}

static rouse_time epoll_now(struct rouse_evq *evq)
{
    (void) evq;
    return rouse__clock();
}

static rouse_fd epoll_pollable(struct rouse_evq *evq)
{
    struct epoll_evq *queue = epoll_of(evq);

    if (sleep_listened(&queue->sleep))
        notify(queue);
    return queue->epoll;
}

const struct rouse_evq_ops rouse__epoll = {
    .size = sizeof rouse__epoll,
    .name = "epoll",
    .version = "edge-triggered",
    .open = epoll_open,
    .close = epoll_close,
    .arm = epoll_arm,
    .forget = epoll_forget,
    .wait = epoll_wait_,
    .wake = epoll_wake,
    .now = epoll_now,
    .pollable = epoll_pollable,
};
