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

enum {
    DIRECTIONS = ROUSE_READABLE | ROUSE_WRITABLE,
    STICKY = 2, /* source->flags: directions registered, and, shifted by this, sticky ones */
    HARVEST = 64
};

struct epoll_evq {
    struct rouse_evq base;
    const struct rouse_alloc *alloc;
    struct rouse_source *sources; /* all that are registered, linked by `record` */
    uintptr_t sleep;              /* atomic, see sleep.h */
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
 * descriptor or memory for that, the next wait() tries again. */
static void set_rebuild(struct epoll_evq *queue)
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

static int epoll_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct epoll_evq *queue = epoll_of(evq);
    const unsigned directions = interest & DIRECTIONS;
    const unsigned registered = source->flags & DIRECTIONS;
    const unsigned sticky = (unsigned) source->flags >> STICKY;
    int error;

    if ((interest & ROUSE_DRAINED) != 0 && (directions & ~registered) == 0
        && (directions & sticky) == 0) {
        source->armed |= (uint8_t) directions;
        return 0;
    }
    error = control(queue->epoll, registered != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source,
                    registered | directions);
    if (error < 0)
        return error;
    if (registered == 0)
        list_insert(queue, source);
    source->flags = (uint8_t) (registered | directions);
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
        }
    }
    source->flags = 0;
    source->armed = 0;
}

/* Fills `events` with those of `harvest` that somebody asked for. */
static int report(struct epoll_evq *queue, const struct epoll_event *harvest, int harvested,
                  struct rouse_event *events)
{
    int count = 0;
    int i;

    for (i = 0; i < harvested; i++) {
        struct rouse_source *source = (struct rouse_source *) harvest[i].data.ptr;
        const unsigned seen = harvest[i].events;
        unsigned sticky = 0, ready = 0;

        if (source == NULL || (queue->haunted && !list_has(queue, source)))
            continue; /* the eventfd, or a ghost */
        if ((seen & (EPOLLHUP | EPOLLERR)) != 0)
            ready = sticky = DIRECTIONS;
        if ((seen & (EPOLLRDHUP | EPOLLPRI)) != 0)
            sticky |= ROUSE_READABLE;
        if ((seen & (EPOLLIN | EPOLLRDHUP)) != 0) /* urgent data alone is nothing to read */
            ready |= ROUSE_READABLE;
        if ((seen & EPOLLOUT) != 0)
            ready |= ROUSE_WRITABLE;
        source->flags |= (uint8_t) (sticky << STICKY);
        ready &= source->armed;
        if (ready == 0)
            continue;
        source->armed &= (uint8_t) ~ready;
        events[count].source = source;
        events[count].ready = ready;
        count++;
    }
    return count;
}

/* How epoll_wait() takes a time that is not far away. */
static int milliseconds(rouse_time left)
{
    const rouse_time rounded_up = (left - 1) / ROUSE_MS(1) + 1;

    return rounded_up < INT_MAX ? (int) rounded_up : INT_MAX;
}

static int wait_until(struct epoll_evq *queue, struct epoll_event *harvest, int capacity,
                      rouse_time deadline)
{
    const rouse_time left = deadline == ROUSE_NEVER ? 0 : deadline - rouse__clock();
    struct __kernel_timespec time;
    int n;

    if (deadline == ROUSE_NEVER)
        return epoll_wait(queue->epoll, harvest, capacity, -1);
    if (left <= 0)
        return epoll_wait(queue->epoll, harvest, capacity, 0);
    if (!queue->no_pwait2) {
        time.tv_sec = left / ROUSE_SECONDS(1);
        time.tv_nsec = left % ROUSE_SECONDS(1);
        n = (int) syscall(SYS_epoll_pwait2, queue->epoll, harvest, capacity, &time, NULL, 0);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM))
            return n;
        queue->no_pwait2 = true; /* Linux before 5.11, or a filter that does not know it */
    }
    return epoll_wait(queue->epoll, harvest, capacity, milliseconds(left));
}

static int epoll_wait_(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                       rouse_time deadline)
{
    struct epoll_evq *queue = epoll_of(evq);
    struct epoll_event harvest[HARVEST];

    if (capacity > HARVEST)
        capacity = HARVEST;
    for (;;) {
        bool woken;
        int n, count;

        if (queue->haunted)
            set_rebuild(queue);
        if (sleep_begin(&queue->sleep))
            n = wait_until(queue, harvest, capacity, deadline);
        else
            n = epoll_wait(queue->epoll, harvest, capacity, 0);
        woken = sleep_end(&queue->sleep);
        if (n < 0 && errno != EINTR)
            return -errno;
        count = n > 0 ? report(queue, harvest, n, events) : 0;
        if (count > 0 || woken)
            return count;
        /* An interruption, an old wake-up or a dropped event: on with it. */
        if (deadline != ROUSE_NEVER && rouse__clock() >= deadline)
            return 0;
    }
}

static void epoll_wake(struct rouse_evq *evq)
{
    struct epoll_evq *queue = epoll_of(evq);
    const uint64_t one = 1;
    int saved;

    if (!sleep_wake(&queue->sleep))
        return;
    saved = errno; /* we may be in a signal handler */
    while (write(queue->eventfd, &one, sizeof one) < 0 && errno == EINTR) {
    }
    errno = saved;
}

static rouse_time epoll_now(struct rouse_evq *evq)
{
    (void) evq;
    return rouse__clock();
}

static rouse_fd epoll_pollable(struct rouse_evq *evq)
{
    struct epoll_evq *queue = epoll_of(evq);

    sleep_listened(&queue->sleep);
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
