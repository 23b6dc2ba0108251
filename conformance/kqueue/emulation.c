/*
 * emulation.c -- a kqueue for Linux, for tests: kqueue() and kevent() over epoll, timerfd and
 * eventfd, and as true to a BSD kernel as what can be observed allows. Never installed.
 *
 * Three things are hard.
 *
 *   Knotes. A kernel keeps one for each filter of each descriptor, and so do we; whether it
 *   fires is asked of Linux anew each time (fires_read() and so on). What epoll is for is
 *   to tell when to ask: edges, in one epoll for readers and another one for writers, so
 *   that neither disturbs the other. As in a kernel an edge makes a knote active, the
 *   active ones stand in a queue, and whoever collects them asks once more.
 *
 *   close(). A knote goes with the number that it was made for, while epoll keeps what a
 *   duplicate keeps alive. So each knote remembers which file its number stood for, and
 *   is gone when that is another one; edges carry a serial, and those of the dead are
 *   passed over.
 *
 *   The descriptor. It is an epoll itself, around those two and an eventfd that is readable
 *   while anything is active; so it can be polled, nested, and slept on with nanoseconds.
 *   After fork() the child has no kqueue.
 *
 * A kevent() may come from a signal handler, to trigger a wake-up: whoever holds the lock
 * has all signals blocked, and a sleeper lets them in while it sleeps.
 *
 * ROUSE_KQUEUE_LIKE in the environment, a list of words, makes it like other systems:
 *
 *   epipe     to register the writer of a pipe whose reader is gone is refused (FreeBSD)
 *   reverse   what is collected at once comes in the opposite order
 *   acks      each acknowledgement is an edge for a TCP writer, as in all BSDs; Linux has
 *             one only when much of a full buffer has been emptied
 *   nouser    there is no EVFILT_USER, and no wait of more than 100,000,000 seconds (OpenBSD,
 *             NetBSD before 10)
 *
 * What Linux does not let us see: fflags at EV_EOF is the error that there must have been,
 * as looking at SO_ERROR would take it away; of a Unix listener's backlog only that there
 * is one.
 */
#include "include/sys/event.h"
#undef close

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

enum { READERS, WRITERS, SIDES };
enum { BUCKETS = 256, EDGES = 64, ACK_NS = 1000000 };
/* tcp_info.tcpi_state, for which Linux exports no names beside struct tcp_info. */
enum { TCP_SYN_RECEIVED = 3, TCP_CLOSE_WAIT = 8, TCP_LISTEN = 10 };
enum { EPIPE_AT_ADD = 1, REVERSE = 2, ACKS = 4, NO_USER = 8 };

struct knote {
    TAILQ_ENTRY(knote) bucket;
    TAILQ_ENTRY(knote) turn;
    struct kevent event;   /* as it was registered, and reported when it fires */
    struct stat file;      /* what its number stood for */
    uint64_t serial;       /* which edges carry */
    unsigned changes;      /* with EV_ADD */
    int timer;             /* EVFILT_TIMER's descriptor, else -1 */
    intptr_t expirations;  /* of the timer, since they were last told */
    uint64_t acknowledged; /* bytes, when last looked at; for ACKS */
    bool active;           /* has its turn in the queue */
    bool disabled;
    bool triggered; /* EVFILT_USER */
};

TAILQ_HEAD(knotes, knote);

struct kq {
    TAILQ_ENTRY(kq) link;
    int fd;           /* what the caller knows: an epoll around the next three */
    int sides[SIDES]; /* epolls whose edges make knotes active */
    int eventfd;      /* readable when and only when some are, see settle() */
    bool told;        /* whether it is */
    unsigned like;
    struct knotes active;
    struct knotes buckets[BUCKETS];
};

static TAILQ_HEAD(, kq) kqs = TAILQ_HEAD_INITIALIZER(kqs);
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t serials;
static unsigned most_changes;

/* Returns the signals that were blocked before, for a sleeper and for unlock(). */
static sigset_t lock(void)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&mutex);
    return before;
}

static void unlock(const sigset_t *before)
{
    const int saved = errno;

    pthread_mutex_unlock(&mutex);
    pthread_sigmask(SIG_SETMASK, before, NULL);
    errno = saved;
}

static struct kq *kq_of(int fd)
{
    struct kq *kq;

    TAILQ_FOREACH(kq, &kqs, link)
    if (kq->fd == fd)
        break;
    return kq;
}

/* --- what a descriptor is like --- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int option(int fd, int what)
{
    int value = 0;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, what, &value, &size) == 0 ? value : -1;
}

static bool is_tcp(int fd)
{
    return option(fd, SO_PROTOCOL) == IPPROTO_TCP;
}

static struct tcp_info tcp_of(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info;
}

static int count_of(int fd, unsigned long what)
{
    int count = 0;

    return ioctl(fd, what, &count) == 0 ? count : 0;
}

static int revents(int fd, int events)
{
    struct pollfd look = {fd, (short) events, 0};

    return poll(&look, 1, 0) > 0 ? look.revents : 0;
}

/* Whether we have said that we write no more. */
static bool is_shut(int fd)
{
    if (is_tcp(fd)) {
        const int state = tcp_of(fd).tcpi_state;

        return state > TCP_SYN_RECEIVED && state != TCP_CLOSE_WAIT && state != TCP_LISTEN;
    }
    /* Nothing is sent to find that out. */
    return option(fd, SO_TYPE) == SOCK_STREAM && send(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0
           && errno == EPIPE;
}

/* What SO_ERROR would be, had anybody taken it: nobody measures a connection that was
 * refused. */
static uint32_t error_of(int fd)
{
    if ((revents(fd, 0) & POLLERR) == 0 || option(fd, SO_TYPE) != SOCK_STREAM)
        return 0;
    return is_tcp(fd) && tcp_of(fd).tcpi_rtt == 0 ? ECONNREFUSED : ECONNRESET;
}

static int64_t space_of(int fd)
{
    if (is_tcp(fd))
        return option(fd, SO_SNDBUF) - count_of(fd, SIOCOUTQ);
    if (option(fd, SO_TYPE) >= 0)
        return option(fd, SO_SNDBUF);
    return fcntl(fd, F_GETPIPE_SZ) - count_of(fd, FIONREAD);
}

/* --- whether a knote fires, and what it then says --- */

static void collect(struct kq *kq);

static bool fires_read(const struct knote *knote, struct kevent *event)
{
    const int fd = (int) event->ident;
    const int seen = revents(fd, POLLIN | POLLRDHUP | POLLPRI);
    struct kq *nested = kq_of(fd);
    struct knote *active;

    event->data = 0;
    if (S_ISREG(knote->file.st_mode)) { /* until its end */
        event->data = (intptr_t) (knote->file.st_size - lseek(fd, 0, SEEK_CUR));
        return event->data > 0;
    }
    if (nested != NULL) {
        collect(nested);
        TAILQ_FOREACH(active, &nested->active, turn)
        event->data++;
        return event->data > 0;
    }
    if (option(fd, SO_ACCEPTCONN) > 0) {
        if ((seen & POLLIN) != 0)
            event->data = is_tcp(fd) ? (intptr_t) tcp_of(fd).tcpi_unacked : 1;
        return event->data > 0;
    }
    event->data = count_of(fd, FIONREAD);
    event->fflags = 0;
    if ((seen & POLLPRI) != 0)
        event->fflags = knote->event.fflags & NOTE_OOB;
    if ((seen & (POLLRDHUP | POLLHUP)) != 0) {
        event->flags |= EV_EOF;
        event->fflags |= error_of(fd);
    }
    return event->fflags != 0 || (seen & (POLLIN | POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static bool fires_write(const struct knote *knote, struct kevent *event)
{
    const int fd = (int) event->ident;
    const int seen = revents(fd, POLLOUT);
    const bool is_datagram = option(fd, SO_TYPE) == SOCK_DGRAM;

    (void) knote;
    event->data = (intptr_t) space_of(fd);
    event->fflags = 0;
    if (!is_datagram && ((seen & (POLLHUP | POLLERR)) != 0 || is_shut(fd))) {
        event->flags |= EV_EOF;
        event->fflags = error_of(fd);
        if (option(fd, SO_TYPE) < 0)
            event->data = 0;
        return true;
    }
    return (seen & (POLLOUT | POLLERR)) != 0;
}

static bool fires_timer(struct knote *knote, struct kevent *event)
{
    uint64_t count = 0;

    if (read(knote->timer, &count, sizeof count) > 0)
        knote->expirations += (intptr_t) count;
    event->data = knote->expirations;
    return event->data > 0;
}

static bool fires(struct knote *knote, struct kevent *event)
{
    *event = knote->event;
    event->flags &= (uint16_t) ~(EV_ADD | EV_ENABLE | EV_RECEIPT);
    switch (event->filter) {
    case EVFILT_READ: return fires_read(knote, event);
    case EVFILT_WRITE: return fires_write(knote, event);
    case EVFILT_TIMER: return fires_timer(knote, event);
    default: event->fflags &= NOTE_FFLAGSMASK; return knote->triggered;
    }
}

/* --- knotes --- */

static struct knotes *bucket_of(struct kq *kq, uintptr_t ident)
{
    return &kq->buckets[(ident ^ ident >> 8) % BUCKETS];
}

static bool is_of_descriptor(int filter)
{
    return filter == EVFILT_READ || filter == EVFILT_WRITE;
}

/* Its number may stand for another file by now, or for none. */
static bool is_gone(const struct knote *knote)
{
    struct stat now;

    return is_of_descriptor(knote->event.filter)
           && (fstat((int) knote->event.ident, &now) < 0 || !is_same(&now, &knote->file));
}

static void set_active(struct kq *kq, struct knote *knote, bool active)
{
    if (active && !knote->active)
        TAILQ_INSERT_TAIL(&kq->active, knote, turn);
    else if (!active && knote->active)
        TAILQ_REMOVE(&kq->active, knote, turn);
    knote->active = active;
}

/* A kernel's KNOTE(): something has happened. */
static void touch(struct kq *kq, struct knote *knote)
{
    struct kevent event;

    if (!knote->disabled && fires(knote, &event))
        set_active(kq, knote, true);
}

static int side_of(const struct kq *kq, int filter)
{
    return kq->sides[filter == EVFILT_WRITE ? WRITERS : READERS];
}

static void drop(struct kq *kq, struct knote *knote)
{
    set_active(kq, knote, false);
    TAILQ_REMOVE(bucket_of(kq, knote->event.ident), knote, bucket);
    if (knote->timer >= 0)
        close(knote->timer);
    else if (is_of_descriptor(knote->event.filter) && !is_gone(knote))
        epoll_ctl(side_of(kq, knote->event.filter), EPOLL_CTL_DEL, (int) knote->event.ident, NULL);
    free(knote);
}

static struct knote *find(struct kq *kq, uintptr_t ident, int filter)
{
    struct knote *knote;

    TAILQ_FOREACH(knote, bucket_of(kq, ident), bucket)
    if (knote->event.ident == ident && knote->event.filter == filter)
        break;
    if (knote != NULL && is_gone(knote)) {
        drop(kq, knote);
        knote = NULL;
    }
    return knote;
}

/* Has edges at `fd` make the knote active. A file has none, and is always as it is. */
static int watch(struct kq *kq, struct knote *knote, int fd)
{
    const uint64_t bucket = (uint64_t) (bucket_of(kq, knote->event.ident) - kq->buckets);
    struct epoll_event edge = {.data.u64 = knote->serial * BUCKETS + bucket};
    const int side = side_of(kq, knote->event.filter);

    edge.events = EPOLLET
                  | (knote->event.filter == EVFILT_WRITE ? (uint32_t) EPOLLOUT
                                                         : EPOLLIN | EPOLLRDHUP | EPOLLPRI);
    /* A ghost of the same file may have the number, see above. */
    if (epoll_ctl(side, EPOLL_CTL_ADD, fd, &edge) == 0 || errno == EPERM
        || (errno == EEXIST && epoll_ctl(side, EPOLL_CTL_MOD, fd, &edge) == 0))
        return 0;
    return errno;
}

static int attach_timer(struct kq *kq, struct knote *knote)
{
    const bool in_ns = (knote->event.fflags & NOTE_NSECONDS) != 0;
    const int64_t ns = (knote->event.data > 0 ? knote->event.data : 1) * (in_ns ? 1 : 1000000);
    struct itimerspec time = {{0, 0}, {ns / 1000000000, ns % 1000000000}};

    if ((knote->event.flags & EV_ONESHOT) == 0)
        time.it_interval = time.it_value;
    if (knote->timer < 0) {
        knote->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (knote->timer < 0)
            return errno;
        watch(kq, knote, knote->timer);
    }
    knote->expirations = 0;
    timerfd_settime(knote->timer, 0, &time, NULL);
    knote->event.flags |= EV_CLEAR; /* as all timers are */
    return 0;
}

static int attach(struct kq *kq, struct knote *knote)
{
    const int fd = (int) knote->event.ident;

    if (knote->event.filter == EVFILT_TIMER)
        return attach_timer(kq, knote);
    if (!is_of_descriptor(knote->event.filter))
        return 0;
    fstat(fd, &knote->file);
    if (knote->event.filter == EVFILT_WRITE && (kq->like & EPIPE_AT_ADD) != 0
        && S_ISFIFO(knote->file.st_mode) && (revents(fd, 0) & POLLERR) != 0)
        return EPIPE;
    knote->acknowledged = tcp_of(fd).tcpi_bytes_acked;
    return watch(kq, knote, fd);
}

static int create(struct kq *kq, const struct kevent *change, struct knote **made)
{
    struct knote *knote = calloc(1, sizeof *knote);
    int error;

    if (knote == NULL)
        return ENOMEM;
    knote->event = *change;
    knote->serial = ++serials;
    knote->timer = -1;
    error = attach(kq, knote);
    if (error != 0) {
        free(knote);
        return error;
    }
    TAILQ_INSERT_TAIL(bucket_of(kq, change->ident), knote, bucket);
    *made = knote;
    return 0;
}

/* NOTE_TRIGGER, and what is to become of the flags of a user's own. */
static void touch_user(struct knote *knote, const struct kevent *change)
{
    const uint32_t given = change->fflags & NOTE_FFLAGSMASK;

    switch (change->fflags & NOTE_FFCTRLMASK) {
    case NOTE_FFAND: knote->event.fflags &= given; break;
    case NOTE_FFOR: knote->event.fflags |= given; break;
    case NOTE_FFCOPY: knote->event.fflags = given; break;
    default: break;
    }
    if ((change->fflags & NOTE_TRIGGER) != 0)
        knote->triggered = true;
}

/* What is known already, and named again. Neither EV_CLEAR and its like nor what is in its
 * turn already is changed by that. */
static void renew(struct kq *kq, struct knote *knote, const struct kevent *change)
{
    knote->event.udata = change->udata;
    if (knote->event.filter != EVFILT_USER)
        knote->event.fflags = change->fflags;
    if (knote->event.filter == EVFILT_TIMER) {
        knote->event.data = change->data;
        set_active(kq, knote, false);
        attach_timer(kq, knote);
    }
}

/* 0, or errno. */
static int make_change(struct kq *kq, const struct kevent *change)
{
    struct stat file;
    struct knote *knote;

    switch (change->filter) {
    case EVFILT_READ:
    case EVFILT_WRITE:
        if (fstat((int) change->ident, &file) < 0)
            return EBADF;
        break;
    case EVFILT_TIMER: break;
    case EVFILT_USER:
        if ((kq->like & NO_USER) == 0)
            break;
        return EINVAL;
    default: return EINVAL;
    }
    knote = find(kq, change->ident, change->filter);
    if (knote == NULL && (change->flags & EV_ADD) == 0)
        return ENOENT;
    if ((change->flags & EV_DELETE) != 0) {
        drop(kq, knote);
        return 0;
    }
    if (knote == NULL) {
        const int error = create(kq, change, &knote);

        if (error != 0)
            return error;
    } else if ((change->flags & EV_ADD) != 0) {
        renew(kq, knote, change);
    }
    if ((change->flags & EV_ADD) != 0 && ++knote->changes > most_changes)
        most_changes = knote->changes;
    if (change->filter == EVFILT_USER)
        touch_user(knote, change);
    if ((change->flags & EV_DISABLE) != 0) {
        knote->disabled = true;
        set_active(kq, knote, false);
    } else if ((change->flags & (EV_ADD | EV_ENABLE)) != 0) {
        knote->disabled = false;
    }
    touch(kq, knote);
    return 0;
}

/* --- collecting --- */

static void take_edge(struct kq *kq, uint64_t named)
{
    struct knote *knote;

    TAILQ_FOREACH(knote, &kq->buckets[named % BUCKETS], bucket)
    if (knote->serial == named / BUCKETS) {
        touch(kq, knote);
        break;
    }
}

/* TCP writers whose peer has acknowledged something. Whether any may yet do so. */
static bool take_acks(struct kq *kq)
{
    bool more = false;

    for (int i = 0; i < BUCKETS && (kq->like & ACKS) != 0; i++) {
        struct knote *knote;

        TAILQ_FOREACH(knote, &kq->buckets[i], bucket)
        {
            const int fd = (int) knote->event.ident;
            const uint64_t before = knote->acknowledged;

            if (knote->event.filter != EVFILT_WRITE || !is_tcp(fd))
                continue;
            knote->acknowledged = tcp_of(fd).tcpi_bytes_acked;
            if (knote->acknowledged > before)
                touch(kq, knote);
            more |= count_of(fd, SIOCOUTQ) > 0;
        }
    }
    return more;
}

static void collect(struct kq *kq)
{
    struct epoll_event edges[EDGES];

    for (int side = 0; side < SIDES; side++) {
        int count;

        do {
            count = epoll_wait(kq->sides[side], edges, EDGES, 0);
            for (int i = 0; i < count; i++)
                take_edge(kq, edges[i].data.u64);
        } while (count == EDGES);
    }
}

/* What happens to a knote that has been told of. */
static void told(struct kq *kq, struct knote *knote)
{
    const int flags = knote->event.flags;

    if ((flags & EV_ONESHOT) != 0) {
        drop(kq, knote);
        return;
    }
    if ((flags & EV_DISPATCH) != 0)
        knote->disabled = true;
    else if ((flags & EV_CLEAR) == 0)
        set_active(kq, knote, true); /* by level: it has another turn */
    if ((flags & EV_CLEAR) != 0)
        knote->triggered = false;
    knote->expirations = 0;
}

static int scan(struct kq *kq, struct kevent *events, int room)
{
    struct knote *knote, *last;
    int count = 0;

    collect(kq);
    last = TAILQ_LAST(&kq->active, knotes);
    while (count < room && (knote = TAILQ_FIRST(&kq->active)) != NULL) {
        const bool was_last = knote == last;

        set_active(kq, knote, false);
        if (is_gone(knote))
            drop(kq, knote);
        else if (fires(knote, &events[count])) {
            count++;
            told(kq, knote);
        }
        if (was_last)
            break;
    }
    for (int i = 0; i < count / 2 && (kq->like & REVERSE) != 0; i++) {
        const struct kevent first = events[i];

        events[i] = events[count - 1 - i];
        events[count - 1 - i] = first;
    }
    return count;
}

/* Whoever sleeps on the kqueue, or polls it, sees whether anything is active. */
static void settle(struct kq *kq)
{
    const bool tell = !TAILQ_EMPTY(&kq->active);
    uint64_t value = 1;

    if (tell && !kq->told)
        kq->told = write(kq->eventfd, &value, sizeof value) > 0;
    else if (!tell && kq->told)
        kq->told = read(kq->eventfd, &value, sizeof value) < 0;
}

/* Makes the changes. How many errors and receipts that gave, or -1 and errno when there
 * was no room for one. */
static int make_changes(struct kq *kq, const struct kevent *changes, int change_count,
                        struct kevent *events, int room)
{
    int count = 0;

    for (int i = 0; i < change_count; i++) {
        const struct kevent change = changes[i]; /* both may be one array */
        const int error = make_change(kq, &change);

        if (error == 0 && (change.flags & EV_RECEIPT) == 0)
            continue;
        if (count < room) {
            events[count] = change;
            events[count].flags = EV_ERROR;
            events[count++].data = error;
        } else if (error != 0) {
            errno = error;
            return -1;
        }
    }
    return count;
}

static struct timespec time_until(const struct timespec *end)
{
    struct timespec now, left;

    clock_gettime(CLOCK_MONOTONIC, &now);
    left.tv_sec = end->tv_sec - now.tv_sec;
    left.tv_nsec = end->tv_nsec - now.tv_nsec;
    if (left.tv_nsec < 0) {
        left.tv_nsec += 1000000000;
        left.tv_sec--;
    }
    return left.tv_sec >= 0 ? left : (struct timespec){0, 0};
}

/* Waits, without the lock and with the caller's signals. As poll() returns. */
static int sleep_on(struct kq *kq, const struct timespec *end, bool acks, const sigset_t *caller)
{
    struct pollfd look = {kq->fd, POLLIN, 0};
    struct timespec left = {0, ACK_NS}, until;
    int result, error;

    if (end != NULL)
        until = time_until(end);
    if (end != NULL && (!acks || (until.tv_sec == 0 && until.tv_nsec < ACK_NS)))
        left = until;
    settle(kq);
    pthread_mutex_unlock(&mutex);
    result = ppoll(&look, 1, end != NULL || acks ? &left : NULL, caller);
    error = errno;
    pthread_mutex_lock(&mutex);
    errno = error;
    return result;
}

static int wait_for_events(struct kq *kq, struct kevent *events, int room,
                           const struct timespec *timeout, const sigset_t *caller)
{
    struct timespec end, left;

    if (timeout != NULL) {
        clock_gettime(CLOCK_MONOTONIC, &end);
        end.tv_sec += timeout->tv_sec + (end.tv_nsec + timeout->tv_nsec) / 1000000000;
        end.tv_nsec = (end.tv_nsec + timeout->tv_nsec) % 1000000000;
    }
    for (;;) {
        const bool acks = take_acks(kq);
        const int count = scan(kq, events, room);

        if (count > 0)
            return count;
        if (timeout != NULL) {
            left = time_until(&end);
            if (left.tv_sec == 0 && left.tv_nsec == 0)
                return 0;
        }
        if (sleep_on(kq, timeout != NULL ? &end : NULL, acks, caller) < 0)
            return -1;
    }
}

/* As itimespecfix() has it, and itimerfix() had it. */
static bool is_time(const struct kq *kq, const struct timespec *timeout)
{
    return timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < 1000000000
           && ((kq->like & NO_USER) == 0 || timeout->tv_sec <= 100000000);
}

int kqueue_emulation_kevent(int fd, const struct kevent *changes, int change_count,
                            struct kevent *events, int event_count, const struct timespec *timeout)
{
    const sigset_t before = lock();
    struct kq *kq = kq_of(fd);
    int count = -1;

    if (kq == NULL) {
        errno = EBADF;
    } else if (timeout != NULL && !is_time(kq, timeout)) {
        errno = EINVAL;
    } else {
        count = make_changes(kq, changes, change_count, events, event_count);
        if (count == 0 && event_count > 0)
            count = wait_for_events(kq, events, event_count, timeout, &before);
        settle(kq);
    }
    unlock(&before);
    return count;
}

/* --- kqueues --- */

/* The epolls first: a child of fork() shares them, and what is taken out of one there
 * would be missed here. */
static void discard(struct kq *kq)
{
    close(kq->fd);
    close(kq->eventfd);
    for (int side = 0; side < SIDES; side++) {
        close(kq->sides[side]);
        kq->sides[side] = -1;
    }
    for (int i = 0; i < BUCKETS; i++)
        while (!TAILQ_EMPTY(&kq->buckets[i]))
            drop(kq, TAILQ_FIRST(&kq->buckets[i]));
    TAILQ_REMOVE(&kqs, kq, link);
    free(kq);
}

static sigset_t before_fork;

static void fork_begins(void)
{
    const sigset_t before = lock();

    before_fork = before;
}

static void fork_ends(void)
{
    unlock(&before_fork);
}

static void fork_ends_in_child(void)
{
    while (!TAILQ_EMPTY(&kqs))
        discard(TAILQ_FIRST(&kqs));
    unlock(&before_fork);
}

static void prepare_for_fork(void)
{
    pthread_atfork(fork_begins, fork_ends, fork_ends_in_child);
}

static unsigned like(void)
{
    static const char *const words[] = {"epipe", "reverse", "acks", "nouser"};
    const char *is = getenv("ROUSE_KQUEUE_LIKE");
    unsigned result = 0;

    for (unsigned i = 0; is != NULL && i < sizeof words / sizeof words[0]; i++)
        if (strstr(is, words[i]) != NULL)
            result |= 1u << i;
    return result;
}

static int open_parts(struct kq *kq)
{
    struct epoll_event part = {.events = EPOLLIN};

    kq->fd = epoll_create1(EPOLL_CLOEXEC);
    kq->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    kq->sides[READERS] = epoll_create1(EPOLL_CLOEXEC);
    kq->sides[WRITERS] = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(kq->fd, EPOLL_CTL_ADD, kq->eventfd, &part) < 0
        || epoll_ctl(kq->fd, EPOLL_CTL_ADD, kq->sides[READERS], &part) < 0
        || epoll_ctl(kq->fd, EPOLL_CTL_ADD, kq->sides[WRITERS], &part) < 0)
        return -1;
    return kq->fd;
}

int kqueue_emulation_kqueue(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct kq *kq = calloc(1, sizeof *kq);
    sigset_t before;
    int fd;

    if (kq == NULL) {
        errno = ENOMEM;
        return -1;
    }
    pthread_once(&once, prepare_for_fork);
    before = lock();
    kq->like = like();
    TAILQ_INIT(&kq->active);
    for (int i = 0; i < BUCKETS; i++)
        TAILQ_INIT(&kq->buckets[i]);
    TAILQ_INSERT_TAIL(&kqs, kq, link);
    fd = open_parts(kq);
    if (fd < 0) {
        discard(kq);
        errno = EMFILE;
    }
    unlock(&before);
    return fd;
}

/* Weak: the suite has functions of these names that fail when told to, and else go on to
 * ours (fault/calls_linux.c). */
int kqueue(void) __attribute__((weak, alias("kqueue_emulation_kqueue")));
int kevent(int fd, const struct kevent *changes, int change_count, struct kevent *events,
           int event_count, const struct timespec *timeout)
    __attribute__((weak, alias("kqueue_emulation_kevent")));

int kqueue_emulation_close(int fd)
{
    const sigset_t before = lock();
    struct kq *kq = kq_of(fd);
    int result = 0;

    if (kq != NULL)
        discard(kq);
    else
        result = close(fd);
    unlock(&before);
    return result;
}

unsigned kqueue_emulation_most_changes(void)
{
    const sigset_t before = lock();
    const unsigned most = most_changes;

    most_changes = 0;
    unlock(&before);
    return most;
}
