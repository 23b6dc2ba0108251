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
    const unsigned told = source->flags & ~((unsigned) source->flags >> STICKY);

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

/* Fills `events` with those of `harvest`, which is not empty, that somebody asked for. */
static ALWAYS_INLINE int report(const struct epoll_event *harvest, int harvested,
                                struct rouse_event *events)
{
    struct rouse_event *event = events;

    for (; harvested > 0; harvested--, harvest++) {
        struct rouse_source *source = (struct rouse_source *) harvest->data.ptr;
        unsigned ready = ((harvest->events & EPOLLIN) != 0 ? ROUSE_READABLE : 0U)
                         | ((harvest->events & EPOLLOUT) != 0 ? ROUSE_WRITABLE : 0U);

        if (source == NULL)
            continue; /* the eventfd */
        if ((harvest->events & ~(unsigned) (EPOLLIN | EPOLLOUT)) != 0)
            ready = told_more(source, harvest->events);
        ready &= source->armed;
        if (ready == 0)
            continue;
        source->armed = (uint8_t) (source->armed ^ ready);
        event->source = source;
        event->ready = ready;
        event++;
    }
    return (int) (event - events);
}

/* Leaves those events that belong to somebody. */
static NEVER_INLINE int exorcise(struct epoll_evq *queue, struct epoll_event *harvest, int n)
{
    int kept = 0, i;

    set_rebuild(queue); /* which failed when the ghost appeared */
    for (i = 0; i < n; i++)
        if (list_has(queue, (const struct rouse_source *) harvest[i].data.ptr))
            harvest[kept++] = harvest[i];
    return kept;
}

/* How epoll_wait() takes a time that is not far away. */
static int milliseconds(rouse_time left)
{
    const rouse_time rounded_up = (left - 1) / ROUSE_MS(1) + 1;

    return rounded_up < INT_MAX ? (int) rounded_up : INT_MAX;
}

static NEVER_INLINE int wait_until(struct epoll_evq *queue, struct epoll_event *harvest,
                                   int capacity, rouse_time deadline)
{
    const rouse_time now = rouse__clock();
    const rouse_time left = deadline > now ? deadline - now : 0; /* INT64_MIN too */
    struct __kernel_timespec time;
    int n;

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

/* One look, which sleeps if it may. How many reports it brought, or -errno. Without any,
 * `woken` says whether somebody woke us; if not, it was an interruption, an old wake-up or
 * an event that is dropped. */
static ALWAYS_INLINE int look_once(struct epoll_evq *queue, struct rouse_event *events,
                                   int capacity, rouse_time deadline, bool *woken)
{
    struct epoll_event harvest[HARVEST];
    const int room = capacity < HARVEST ? capacity : HARVEST;
    int n;

    if (!sleep_begin(&queue->sleep))
        n = epoll_wait(queue->epoll, harvest, room, 0);
    else if (deadline == ROUSE_NEVER)
        n = epoll_wait(queue->epoll, harvest, room, -1);
    else
        n = wait_until(queue, harvest, room, deadline);
    *woken = sleep_end(&queue->sleep);
    if (n <= 0)
        return n == 0 || errno == EINTR ? 0 : -errno;
    if (queue->haunted)
        n = exorcise(queue, harvest, n);
    return report(harvest, n, events);
}

/* After a look that brought nothing: on with it. */
static NEVER_INLINE int look_on(struct epoll_evq *queue, struct rouse_event *events, int capacity,
                                rouse_time deadline)
{
    bool woken = false;
    int count = 0;

    while (count == 0 && !woken) {
        if (deadline != ROUSE_NEVER && rouse__clock() >= deadline)
            return 0;
        count = look_once(queue, events, capacity, deadline, &woken);
    }
    return count;
}

static int epoll_wait_(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                       rouse_time deadline)
{
    bool woken;
    const int count = look_once(epoll_of(evq), events, capacity, deadline, &woken);

    return count != 0 || woken ? count : look_on(epoll_of(evq), events, capacity, deadline);
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
