/*
 * kqueue.c -- macOS and the BSDs: a knote for each direction, edge-triggered (EV_CLEAR).
 *
 * A direction is registered when it is first armed, and normally never touched again.
 * arm() with ROUSE_DRAINED is then a store: the kernel tells of whatever comes after the
 * refusal. Without the hint, EV_ADD of the same knote makes the kernel look again and
 * report what is there. Such a look hardly fails, so it travels with the next wait(); what
 * can fail, a first registration, is made and answered at once (E11).
 *
 * The hard part, as on epoll, is what gives no second edge. The end of the stream, an
 * error or urgent data that was harvested together with data is in the source already when
 * the data has been read. So it sticks to its direction: while it does, arm() does not
 * believe the hint there. The look clears it, and what is seen sets it again.
 *
 * Each filter speaks for its own direction alone. EV_EOF of the write filter is our own
 * shutdown as often as the peer's hang-up, and says nothing about reading; an error or a
 * hang-up of both halves raises it in both filters. An event for a direction that is not
 * armed is dropped: the next arm() carries the hint, which says that it is used up, or has
 * the kernel look again.
 *
 * Some systems refuse to register a writer whose reader has gone. That is not an error of
 * arm() but the event itself; a one-shot timer brings it, through the kernel's queue like
 * every other, so that it has its turn and whoever sleeps on the kqueue hears of it.
 *
 * A kqueue is not inherited by fork(), and knotes go with the number when it is closed.
 */
#include "../base/alloc.h"
#include "../base/clock.h"
#include "../base/compiler.h"
#include "../base/selfpipe.h"
#include "backends.h"
#include "sleep.h"
#include "watchable_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <rouse/evq.h>
#include <string.h>
#include <sys/types.h>
/* Needs the one above. */
#include <sys/event.h>
#include <sys/time.h>
#include <unistd.h>

enum { DIRECTIONS = ROUSE_READABLE | ROUSE_WRITABLE };

/* Urgent data stops a read over TCP short, and more may lie behind it. Where the read
 * filter tells of that too, a short read may count as a refusal (E3); elsewhere the hint
 * is not believed for reading, and a look travels with the wait(). (On DragonFly a filter
 * with NOTE_OOB tells of nothing else.) */
#if defined(__APPLE__) || defined(KQUEUE_TELLS_URGENT)
enum { URGENT = NOTE_OOB, BELIEVED = DIRECTIONS };
#else
enum { URGENT = 0, BELIEVED = ROUSE_WRITABLE };
#endif

/* What wake() triggers. Older kernels do not know it even if their headers do, and a
 * number that is no filter is refused everywhere: then there is a pipe. */
#if defined(EVFILT_USER)
enum { WAKE_FILTER = EVFILT_USER, WAKE_TRIGGER = NOTE_TRIGGER };
#else
enum { WAKE_FILTER = -1000, WAKE_TRIGGER = 0 };
#endif

#if defined(__NetBSD__)
#define FILTER_OF(number) ((uint32_t) (number))
#else
#define FILTER_OF(number) ((short) (number))
#endif

#if !defined(KQUEUE_VERSION)
#define KQUEUE_VERSION "EV_CLEAR"
#endif

enum {
    STICKY = 2,     /* source->flags: directions registered, and, shifted by this, sticky ones */
    TOLD = 1 << 4,  /* that a timer is on its way, see tell() */
    KNOWN = 1 << 5, /* that it has been armed, and is counted */
    HARVEST = 64,   /* events, and changes that wait for the next wait() */
    LONGEST = 86400 /* seconds; some kernels refuse what is much longer */
};

struct kqueue_evq {
    struct rouse_evq base;
    const struct rouse_alloc *alloc;
    size_t sources;                 /* that are known */
    uintptr_t sleep;                /* atomic, see sleep.h */
    struct kevent harvest[HARVEST]; /* what wait() has just been told */
    struct kevent looks[HARVEST];   /* changes for the next wait() */
    int look_count;
    int kqueue;
    bool has_pipe; /* there is no WAKE_FILTER */
    struct rouse__selfpipe pipe;
};

static struct kqueue_evq *kqueue_of(struct rouse_evq *evq)
{
    return (struct kqueue_evq *) (void *) evq;
}

/* --- changes --- */

static struct kevent change(uintptr_t ident, int filter, int flags, unsigned fflags,
                            const struct rouse_source *source)
{
    struct kevent event;

    memset(&event, 0, sizeof event);
    event.ident = ident;
    event.filter = FILTER_OF(filter);
    event.flags = (unsigned short) flags;
    event.fflags = fflags;
    /* A pointer here and a number there, of one size. */
    memcpy(&event.udata, &source, sizeof source);
    return event;
}

static struct rouse_source *source_of(const struct kevent *event)
{
    struct rouse_source *source;

    memcpy(&source, &event->udata, sizeof source);
    return source;
}

/* What the source's filter for a direction is told. */
static struct kevent change_of(struct rouse_source *source, unsigned direction, int flags)
{
    const uintptr_t ident = (uintptr_t) source->fd;

    return direction == ROUSE_READABLE ? change(ident, EVFILT_READ, flags, URGENT, source)
                                       : change(ident, EVFILT_WRITE, flags, 0, source);
}

/* Registers a direction; and of one that is registered, has the kernel look at it again. */
static struct kevent look_of(struct rouse_source *source, unsigned direction)
{
    return change_of(source, direction, EV_ADD | EV_CLEAR);
}

/* Makes changes now, and leaves in each one's place what came of it. */
static int submit(const struct kqueue_evq *queue, struct kevent *changes, int count)
{
    static const struct timespec at_once = {0, 0};
    int i;

    for (i = 0; i < count; i++)
        changes[i].flags |= EV_RECEIPT;
    return kevent(queue->kqueue, changes, count, changes, count, &at_once) < 0 && errno != EINTR
               ? -errno
               : 0;
}

static int submit_one(const struct kqueue_evq *queue, struct kevent one)
{
    const int error = submit(queue, &one, 1);

    return error < 0 ? error : -(int) one.data;
}

/* Has the kernel report a source in a moment, for what it refused to watch. Every system
 * has timers, and a source's address names its own. */
static int tell(const struct kqueue_evq *queue, struct rouse_source *source)
{
    struct kevent timer = change((uintptr_t) source, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, source);
    int error;

    timer.data = 1; /* the shortest that every system takes: a millisecond */
    error = submit_one(queue, timer);
    if (error == 0)
        source->flags |= TOLD;
    return error;
}

/* Registers a direction that is new to the kernel. */
static int enlist(const struct kqueue_evq *queue, struct rouse_source *source, unsigned direction)
{
    const int error = submit_one(queue, look_of(source, direction));

    /* The reader of a pipe is gone. NetBSD calls that EBADF, which a number that is not
     * open has got before, from watchable(). */
    if (error == -EPIPE || error == -EBADF)
        return tell(queue, source);
    if (error == 0)
        source->flags |= (uint8_t) direction;
    return error;
}

/* Takes back what was registered in these flags. */
static int withdraw(const struct kqueue_evq *queue, struct rouse_source *source, unsigned flags)
{
    struct kevent changes[2];
    int count = 0, error = 0, i;

    if ((flags & TOLD) != 0) /* it may have fired, and is gone then */
        (void) submit_one(queue, change((uintptr_t) source, EVFILT_TIMER, EV_DELETE, 0, source));
    if ((flags & ROUSE_READABLE) != 0)
        changes[count++] = change_of(source, ROUSE_READABLE, EV_DELETE);
    if ((flags & ROUSE_WRITABLE) != 0)
        changes[count++] = change_of(source, ROUSE_WRITABLE, EV_DELETE);
    if (count > 0)
        error = submit(queue, changes, count);
    for (i = 0; i < count && error == 0; i++)
        error = -(int) changes[i].data;
    source->flags &= (uint8_t) ~flags;
    return error;
}

/* Has whoever sleeps on the kqueue hear of it. */
static int notify(const struct kqueue_evq *queue)
{
    const struct kevent trigger = change(0, WAKE_FILTER, 0, WAKE_TRIGGER, NULL);
    const int saved = errno; /* we may be in a signal handler */
    int error;

    if (queue->has_pipe) {
        rouse__selfpipe_notify(&queue->pipe);
        return 0;
    }
    do {
        error = kevent(queue->kqueue, &trigger, 1, NULL, 0, NULL) < 0 ? -errno : 0;
    } while (error == -EINTR);
    errno = saved;
    return error;
}

static bool is_listened(const struct kqueue_evq *queue)
{
    return (atomic_load_relaxed(&queue->sleep) & SLEEP_LISTENED) != 0;
}

/* Has the kernel look now at what waits for a look. Should it refuse, one try of the
 * caller's own has to do. Should it refuse that, too, the look waits on, and whoever
 * listens is told that there should be a wait(). When nobody can be told: -errno. */
static NEVER_INLINE int flush(struct kqueue_evq *queue)
{
    const int count = queue->look_count;
    const int error = count > 0 ? submit(queue, queue->looks, count) : 0;
    int refused = 0, i;

    queue->look_count = 0;
    for (i = 0; i < count; i++) {
        const struct kevent one = queue->looks[i];
        const int told = error < 0 || one.data != 0 ? tell(queue, source_of(&one)) : 0;

        if (told < 0) {
            refused = told;
            queue->looks[queue->look_count++] = look_of(
                source_of(&one), one.filter == EVFILT_READ ? ROUSE_READABLE : ROUSE_WRITABLE);
        }
    }
    return refused < 0 && is_listened(queue) ? notify(queue) : refused;
}

/* Drops the looks that wait for a source. */
static void unlook(struct kqueue_evq *queue, const struct rouse_source *source)
{
    int kept = 0, i;

    for (i = 0; i < queue->look_count; i++)
        if (source_of(&queue->looks[i]) != source)
            queue->looks[kept++] = queue->looks[i];
    queue->look_count = kept;
}

/* --- the queue --- */

static int wake_open(struct kqueue_evq *queue)
{
    int error = submit_one(queue, change(0, WAKE_FILTER, EV_ADD | EV_CLEAR, 0, NULL));

    if (error == 0)
        return 0;
    error = rouse__selfpipe_open(&queue->pipe);
    if (error < 0)
        return error;
    queue->has_pipe = true;
    error = submit_one(
        queue, change((uintptr_t) queue->pipe.read_end, EVFILT_READ, EV_ADD | EV_CLEAR, 0, NULL));
    if (error < 0)
        rouse__selfpipe_close(&queue->pipe);
    return error;
}

static int kqueue_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    const struct rouse_alloc *alloc = options != NULL ? options->alloc : NULL;
    struct kqueue_evq *queue = (struct kqueue_evq *) rouse__alloc(alloc, sizeof *queue);
    int error;

    if (queue == NULL)
        return -ENOMEM;
    queue->base.ops = &rouse__kqueue;
    queue->alloc = alloc;
    queue->kqueue = kqueue();
    if (queue->kqueue < 0) {
        error = -errno;
        goto undo_alloc;
    }
    fcntl(queue->kqueue, F_SETFD, FD_CLOEXEC); /* vfork() and posix_spawn() do inherit it */
    error = wake_open(queue);
    if (error < 0)
        goto undo_kqueue;
    *evq = &queue->base;
    return 0;

undo_kqueue:
    close(queue->kqueue);
undo_alloc:
    rouse__free(alloc, queue, sizeof *queue);
    return error;
}

static void kqueue_close(struct rouse_evq *evq)
{
    struct kqueue_evq *queue = kqueue_of(evq);

    ROUSE_RULE(queue->sources == 0, "E5: close() before forget()", "kqueue");
    close(queue->kqueue);
    if (queue->has_pipe)
        rouse__selfpipe_close(&queue->pipe);
    rouse__free(queue->alloc, queue, sizeof *queue);
}

/* Has the kernel look at a direction again. */
static int look(struct kqueue_evq *queue, struct rouse_source *source, unsigned direction)
{
    int error = queue->look_count == HARVEST ? flush(queue) : 0;

    if (queue->look_count == HARVEST)
        return error; /* all of them were refused */
    queue->looks[queue->look_count++] = look_of(source, direction);
    /* Whoever sleeps on the kqueue has to see it too. */
    error = is_listened(queue) ? flush(queue) : 0;
    if (error == 0)
        source->flags &= (uint8_t) ~(direction << STICKY); /* what is seen sets it again */
    return error;
}

/* All that is more than a store. */
static NEVER_INLINE int arm_slowly(struct kqueue_evq *queue, struct rouse_source *source,
                                   unsigned directions)
{
    const unsigned before = source->flags;
    int error = before == 0 ? watchable(source->fd) : 0;
    unsigned direction;

    for (direction = ROUSE_READABLE; direction <= ROUSE_WRITABLE; direction <<= 1)
        if (error == 0 && (directions & ~before & direction) != 0)
            error = enlist(queue, source, direction);
    for (direction = ROUSE_READABLE; direction <= ROUSE_WRITABLE; direction <<= 1)
        if (error == 0 && (directions & before & direction) != 0)
            error = look(queue, source, direction);
    if (error < 0) {
        /* A timer may stand in for the look of a direction that stays armed. */
        (void) withdraw(queue, source,
                        source->flags & ~before & (before == 0 ? TOLD | DIRECTIONS : DIRECTIONS));
        return error;
    }
    if (before == 0)
        queue->sources++;
    source->flags |= KNOWN;
    source->armed |= (uint8_t) directions;
    return 0;
}

static int kqueue_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    const unsigned directions = interest & DIRECTIONS;
    /* Those in which an edge will tell: registered, and nothing sticks. */
    const unsigned flags = source->flags, told = flags & ~(flags >> STICKY) & BELIEVED;

    if ((interest & ROUSE_DRAINED) == 0 || (directions & ~told) != 0)
        return arm_slowly(kqueue_of(evq), source, directions);
    source->armed |= (uint8_t) directions;
    return 0;
}

static void kqueue_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct kqueue_evq *queue = kqueue_of(evq);
    int error = 0;

    if (source->flags != 0) {
        unlook(queue, source);
        error = withdraw(queue, source, source->flags);
        queue->sources--;
    }
    ROUSE_RULE(error == 0, "E5: the descriptor was closed before forget()", "kqueue");
    (void) error; /* the knotes went with it */
    source->armed = 0;
}

static bool is_readable(int fd)
{
    struct pollfd pollfd = {fd, POLLIN, 0};

    return poll(&pollfd, 1, 0) != 0;
}

/* What the system tells beside plain readiness: notes what will give no second edge, and
 * returns what to report. */
static NEVER_INLINE unsigned told_more(const struct kevent *told, struct rouse_source *source,
                                       unsigned direction)
{
    if ((told->flags & EV_ERROR) != 0) /* a look that failed, see flush() */
        return DIRECTIONS;
    if (told->filter == EVFILT_TIMER) {
        source->flags &= (uint8_t) ~TOLD;
        return DIRECTIONS;
    }
    source->flags |= (uint8_t) (direction << STICKY);
    if ((told->flags & EV_EOF) == 0 && !is_readable(source->fd))
        return 0; /* urgent data alone is nothing to read */
    return direction;
}

/* Turns what the kernel told into a report. False when nobody asked for it. */
static bool translate(const struct kevent *told, struct rouse_event *event)
{
    struct rouse_source *source = source_of(told);
    unsigned ready = told->filter == EVFILT_READ ? ROUSE_READABLE : ROUSE_WRITABLE;

    if (source == NULL)
        return false; /* a wake-up */
    if ((told->flags & (EV_EOF | EV_ERROR)) != 0 || told->filter == EVFILT_TIMER
        || (ready == ROUSE_READABLE && (told->fflags & URGENT) != 0))
        ready = told_more(told, source, ready);
    ready &= source->armed;
    if (ready == 0)
        return false;
    source->armed = (uint8_t) (source->armed ^ ready);
    event->source = source;
    event->ready = ready;
    return true;
}

/* One look at what there is, which sleeps if it may; looks that wait go along. Returns as
 * kevent() does. */
static int look_until(struct kqueue_evq *queue, int room, rouse_time deadline)
{
    const rouse_time now = rouse__clock();
    rouse_time left = deadline > now ? deadline - now : 0; /* INT64_MIN too */
    struct timespec time;
    int n;

    if (left > ROUSE_SECONDS(LONGEST))
        left = ROUSE_SECONDS(LONGEST);
    time.tv_sec = (time_t) (left / ROUSE_SECONDS(1));
    time.tv_nsec = (long) (left % ROUSE_SECONDS(1));
    if (queue->look_count > room) /* there would be no room for their errors */
        (void) flush(queue);
    n = kevent(queue->kqueue, queue->looks, queue->look_count, queue->harvest, room,
               deadline == ROUSE_NEVER ? NULL : &time);
    if (n >= 0 || errno == EINTR) /* an interruption comes too late to undo them */
        queue->look_count = 0;
    return n;
}

/* Empties the pipe if it was told of, for when it is full there is no further edge. Before
 * the wake is taken: who wakes after that writes, and whoever listens has to see it (B2). */
static void empty_pipe(const struct kqueue_evq *queue, int n)
{
    int i;

    for (i = 0; i < n; i++)
        if (source_of(&queue->harvest[i]) == NULL)
            rouse__selfpipe_drain(&queue->pipe);
}

static int kqueue_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                       rouse_time deadline)
{
    struct kqueue_evq *queue = kqueue_of(evq);
    const int room = capacity < HARVEST ? capacity : HARVEST;

    for (;;) {
        const bool asleep = sleep_begin(&queue->sleep);
        const int n = look_until(queue, room, asleep ? deadline : 0);
        const int error = errno;
        bool woken;
        int count = 0, i;

        if (queue->has_pipe)
            empty_pipe(queue, n);
        woken = sleep_end(&queue->sleep);
        if (n < 0 && error != EINTR)
            return -error;
        for (i = 0; i < n; i++)
            if (translate(&queue->harvest[i], &events[count]))
                count++;
        if (count > 0 || woken)
            return count;
        /* Behind as many events as there was room for, which nobody wants, may be others. */
        if (n < room && deadline != ROUSE_NEVER && rouse__clock() >= deadline)
            return 0;
    }
}

static void kqueue_wake(struct rouse_evq *evq)
{
    struct kqueue_evq *queue = kqueue_of(evq);

    if (sleep_wake(&queue->sleep))
        (void) notify(queue);
}

static rouse_time kqueue_now(struct rouse_evq *evq)
{
    (void) evq;
    return rouse__clock();
}

static rouse_fd kqueue_pollable(struct rouse_evq *evq)
{
    struct kqueue_evq *queue = kqueue_of(evq);
    const bool woken = sleep_listened(&queue->sleep);

    if (flush(queue) < 0 || (woken && notify(queue) < 0))
        return ROUSE_NO_FD;
    return queue->kqueue;
}

const struct rouse_evq_ops rouse__kqueue = {
    .size = sizeof rouse__kqueue,
    .name = "kqueue",
    .version = KQUEUE_VERSION,
    .open = kqueue_open,
    .close = kqueue_close,
    .arm = kqueue_arm,
    .forget = kqueue_forget,
    .wait = kqueue_wait,
    .wake = kqueue_wake,
    .now = kqueue_now,
    .pollable = kqueue_pollable,
};
