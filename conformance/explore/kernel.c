/*
 * kernel.c -- what the explored sources find in place of the operating system: pipes and
 * eventfds to sleep on, poll(2) and epoll over these, and a clock that stands still.
 *
 * The linker sends the system calls of the real poll.c and epoll.c here (--wrap). They
 * order nothing between threads, and leave store buffers alone: the library must not lean
 * on a lock inside the kernel that no document promises. A call that may sleep may also be
 * interrupted, at the price of a preemption.
 */
#include "../../src/base/clock.h"
#include "../../src/base/selfpipe.h"
#include "engine.h"

#include <errno.h>
#include <poll.h>
#include <rouse/evq.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { FIRST = 1000, DESCRIPTORS = 16 };

enum kind { CLOSED, PIPE, EVENTFD, EPOLL };

struct descriptor {
    enum kind kind;
    unsigned bytes; /* in a pipe */
    bool edge;      /* of an epoll set: its eventfd was written to, and nobody was told */
    int set;        /* of an eventfd: the set that it is in, or 0 */
    uint64_t data;  /* and what the set calls it */
};

static struct descriptor descriptors[DESCRIPTORS];

void kernel_begin(void)
{
    memset(descriptors, 0, sizeof descriptors);
}

unsigned kernel_open_count(void)
{
    unsigned i, count = 0;

    for (i = 0; i < DESCRIPTORS; i++)
        count += descriptors[i].kind != CLOSED;
    return count;
}

static bool is_ours(int fd)
{
    return fd >= FIRST && fd < FIRST + DESCRIPTORS;
}

static struct descriptor *known(int fd, enum kind kind, const char *call)
{
    struct descriptor *descriptor = is_ours(fd) ? &descriptors[fd - FIRST] : NULL;

    if (descriptor == NULL || descriptor->kind != kind)
        explore_fail("%s of a descriptor that is closed, or another kind", call);
    return descriptor;
}

static int open_one(enum kind kind)
{
    int i;

    for (i = 0; i < DESCRIPTORS; i++)
        if (descriptors[i].kind == CLOSED) {
            memset(&descriptors[i], 0, sizeof descriptors[i]);
            descriptors[i].kind = kind;
            return FIRST + i;
        }
    explore_fail("too many descriptors");
}

static bool is_readable(const void *of)
{
    const struct descriptor *descriptor = (const struct descriptor *) of;

    return descriptor->kind == EPOLL ? descriptor->edge : descriptor->bytes > 0;
}

void explore_sleep_on(int fd)
{
    const struct descriptor *descriptor = is_ours(fd) ? &descriptors[fd - FIRST] : NULL;

    explore_check(descriptor != NULL && descriptor->kind != CLOSED, "sleeps on no descriptor");
    explore_sleep_until(is_readable, descriptor, "sleeps on a descriptor");
}

/* Sleeps unless `poll`; false when it was interrupted. */
static bool sleep_on(const struct descriptor *descriptor, bool poll, const char *what)
{
    if (poll) {
        explore_point();
        return true;
    }
    if (explore_choose(2) == 1) {
        explore_point();
        explore_say("interrupted, instead of %s", what);
        return false;
    }
    explore_sleep_until(is_readable, descriptor, what);
    return true;
}

/* ---- selfpipe.h */

int rouse__selfpipe_open(struct rouse__selfpipe *pipe)
{
    pipe->read_end = pipe->write_end = open_one(PIPE);
    return 0;
}

void rouse__selfpipe_close(struct rouse__selfpipe *pipe)
{
    known(pipe->read_end, PIPE, "close()")->kind = CLOSED;
}

void rouse__selfpipe_notify(const struct rouse__selfpipe *pipe)
{
    explore_point();
    known(pipe->write_end, PIPE, "write()")->bytes++;
    explore_say("writes to a pipe");
}

void rouse__selfpipe_drain(const struct rouse__selfpipe *pipe)
{
    explore_point();
    known(pipe->read_end, PIPE, "read()")->bytes = 0;
    explore_say("empties a pipe");
}

void rouse__selfpipe_wait(const struct rouse__selfpipe *pipe)
{
    explore_sleep_until(is_readable, known(pipe->read_end, PIPE, "poll()"), "asleep on a pipe");
}

/* ---- system calls */

int __wrap_ppoll(struct pollfd *polled, nfds_t count, const struct timespec *time,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *polled, nfds_t count, const struct timespec *time,
                 const sigset_t *mask)
{
    const struct descriptor *descriptor = known(polled[0].fd, PIPE, "poll()");

    (void) mask;
    explore_check(count == 1, "poll() of more than the self-pipe");
    if (!sleep_on(descriptor, time != NULL, "asleep in poll()")) {
        errno = EINTR;
        return -1;
    }
    polled[0].revents = is_readable(descriptor) ? POLLIN : 0;
    return polled[0].revents != 0;
}

int __wrap_eventfd(unsigned value, int flags);
int __wrap_eventfd(unsigned value, int flags)
{
    (void) value;
    (void) flags;
    return open_one(EVENTFD);
}

int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
    (void) flags;
    return open_one(EPOLL);
}

int __wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    struct descriptor *eventfd = known(fd, EVENTFD, "epoll_ctl()");

    explore_check(operation == EPOLL_CTL_ADD && (event->events & EPOLLET) != 0,
                  "epoll_ctl() of another kind");
    (void) known(set, EPOLL, "epoll_ctl()");
    eventfd->set = set;
    eventfd->data = event->data.u64;
    return 0;
}

int __wrap_epoll_wait(int set, struct epoll_event *events, int room, int timeout);
int __wrap_epoll_wait(int set, struct epoll_event *events, int room, int timeout)
{
    struct descriptor *descriptor = known(set, EPOLL, "epoll_wait()");
    unsigned i;

    (void) room;
    if (!sleep_on(descriptor, timeout == 0, "asleep in epoll_wait()")) {
        errno = EINTR;
        return -1;
    }
    if (!descriptor->edge)
        return 0;
    descriptor->edge = false;
    for (i = 0; i < DESCRIPTORS; i++)
        if (descriptors[i].kind == EVENTFD && descriptors[i].set == set) {
            events[0].events = EPOLLIN;
            events[0].data.u64 = descriptors[i].data;
        }
    return 1;
}

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    struct descriptor *eventfd;

    if (!is_ours(fd))
        return __real_write(fd, bytes, size);
    explore_point();
    eventfd = known(fd, EVENTFD, "write()");
    if (eventfd->set != 0)
        known(eventfd->set, EPOLL, "write()")->edge = true;
    explore_say("writes to an eventfd");
    return (ssize_t) size;
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    if (!is_ours(fd))
        return __real_close(fd);
    explore_check(descriptors[fd - FIRST].kind != CLOSED, "close() of what is closed");
    descriptors[fd - FIRST].kind = CLOSED;
    return 0;
}

/* ---- clock.h, and src/evq/backends.c, which programs do without */

rouse_time rouse__clock(void)
{
    return 1;
}

extern const char rouse__no_such_backend[];
const char rouse__no_such_backend[] = "no such backend";

const struct rouse_evq_ops *rouse_backend(const char *name)
{
    (void) name;
    return NULL;
}
