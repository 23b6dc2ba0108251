/*
 * world_posix.c -- what the world asks of a POSIX system.
 */
#include "world_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../src/base/atomic.h"
#include "fault/calls.h"
#include "thread.h"
#include "world.h"

/* Not everywhere; without it a half-close is POLLIN, as it is with it. */
#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

/* Bytes that were sent and not yet acknowledged, or 0 where nobody can tell. */
#if defined(__linux__)
#include <linux/sockios.h>
#include <sys/ioctl.h>

static int in_flight(rouse_fd fd)
{
    int all = 0, unsent = 0;

    if (ioctl(fd, SIOCOUTQ, &all) < 0 || ioctl(fd, SIOCOUTQNSD, &unsent) < 0)
        return 0;
    return all - unsent;
}
#else
static int in_flight(rouse_fd fd)
{
    (void) fd;
    return 0;
}
#endif

/* The list of a process' own descriptors. The BSDs have a folder of that name with the same
 * few in it for everybody. */
#if defined(__linux__) || defined(__APPLE__)
#define DESCRIPTORS "/dev/fd"
#else
#define DESCRIPTORS ""
#endif

enum {
    SPARE_DESCRIPTORS = 8,
    DESCRIPTORS_MAX = 4096,
    BAD_FD = 4000 /* further than any case opens */
};

static int error_of(int result)
{
    return result < 0 ? -errno : 0;
}

/* -- What there is ----------------------------------------------------------- */

static bool has_ipv6(void)
{
    const struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                         .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_STREAM, 0);
    const bool bound = fd >= 0 && bind(fd, (const struct sockaddr *) &address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return bound;
}

static bool has_unix(void)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

unsigned host_capabilities(void)
{
    static unsigned known; /* NEEDS_KERNEL is always among them */

    if (known == 0)
        known = NEEDS_KERNEL | NEEDS_NON_SOCKETS | NEEDS_LIMIT | (has_ipv6() ? NEEDS_IPV6 : 0u)
                | (call_failures[0].call != NULL ? NEEDS_FAILURES : 0u)
                | (has_unix() ? NEEDS_UNIX : 0u) | (host_has_icmp(WORLD_SOON) ? NEEDS_ICMP : 0u);
    return known;
}

const struct rouse_sockets *host_sockets(void)
{
    return rouse_host_sockets();
}

void host_settle(rouse_fd fd, int ms)
{
    const struct timespec moment = {0, 1000000};

    while (ms-- > 0 && in_flight(fd) != 0)
        nanosleep(&moment, NULL);
}

unsigned host_ready(rouse_fd fd, unsigned directions, int ms)
{
    struct pollfd look = {.fd = fd};
    unsigned ready = 0;

    if (directions & ROUSE_READABLE)
        look.events |= POLLIN | POLLRDHUP;
    if (directions & ROUSE_WRITABLE)
        look.events |= POLLOUT;
    while (poll(&look, 1, ms) < 0 && errno == EINTR)
        continue;
    if (look.revents & (POLLIN | POLLRDHUP))
        ready |= ROUSE_READABLE;
    if (look.revents & POLLOUT)
        ready |= ROUSE_WRITABLE;
    if (look.revents & (POLLERR | POLLHUP))
        ready |= ROUSE_READABLE | ROUSE_WRITABLE;
    return ready;
}

/* Where there is no list of them, the first few thousand are looked at. */
static int count_one_by_one(void)
{
    int count = 0;

    for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int host_open_descriptors(void)
{
    DIR *list = opendir(DESCRIPTORS);
    int count = -3; /* itself, "." and ".." */

    if (list == NULL)
        return count_one_by_one();
    while (readdir(list) != NULL)
        count++;
    closedir(list);
    return count;
}

/* -- Sockets and descriptors ------------------------------------------------- */

rouse_fd host_bad_fd(void)
{
    return BAD_FD;
}

int host_reset(rouse_fd fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    const int error = error_of(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now));

    close(fd);
    return error;
}

int host_urgent(rouse_fd fd, char byte)
{
    return send(fd, &byte, 1, MSG_OOB) == 1 ? 0 : -errno;
}

static int make_nonblocking(int fd)
{
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return error_of(fcntl(fd, F_SETFL, O_NONBLOCK));
}

int host_pipe(rouse_fd ends[2])
{
    if (pipe(ends) != 0)
        return -errno;
    make_nonblocking(ends[0]);
    return make_nonblocking(ends[1]);
}

int host_file(rouse_fd *fd)
{
    char path[] = "/tmp/rouse-conform-XXXXXX";

    *fd = mkstemp(path);
    if (*fd < 0)
        return -errno;
    unlink(path);
    return make_nonblocking(*fd);
}

int host_duplicate(rouse_fd fd, rouse_fd *copy)
{
    *copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return error_of(*copy);
}

int host_duplicate_at(rouse_fd fd, rouse_fd at)
{
    return error_of(dup2(fd, at));
}

void host_close(rouse_fd fd)
{
    close(fd);
}

int host_read_blocked(rouse_fd fd)
{
    char byte;

    if (fcntl(fd, F_SETFL, 0) < 0)
        return -errno;
    return read(fd, &byte, 1) < 0 ? -errno : 1;
}

int host_strange(rouse_fd *fd)
{
    *fd = socket(AF_ROUTE, SOCK_RAW, 0);
    return error_of(*fd);
}

int host_datagram(rouse_fd *opened)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int error;

    if (fd < 0)
        return -errno;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    error = error_of(bind(fd, (struct sockaddr *) &address, sizeof address));
    if (error == 0)
        error = make_nonblocking(fd);
    if (error != 0)
        close(fd);
    *opened = fd;
    return error;
}

bool host_link_local(struct rouse_address *address)
{
    struct ifaddrs *all = NULL;
    bool found = false;

    if (getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *at = all; at != NULL && !found; at = at->ifa_next) {
        struct sockaddr_in6 ipv6;

        if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET6)
            continue;
        memcpy(&ipv6, at->ifa_addr, sizeof ipv6);
        found = IN6_IS_ADDR_LINKLOCAL(&ipv6.sin6_addr);
        *address = (struct rouse_address){
            .family = ROUSE_IPV6, .length = 16, .scope = if_nametoindex(at->ifa_name)};
        memcpy(address->bytes, &ipv6.sin6_addr, 16);
        address->bytes[2] = address->bytes[3] = 0; /* where BSDs may show the scope */
    }
    freeifaddrs(all);
    return found;
}

int host_path(char *path, size_t size)
{
    static unsigned count;

    snprintf(path, size, "/tmp/rouse-conform-%ld-%u", (long) getpid(), ++count);
    return 0;
}

size_t host_path_max(void)
{
    const struct sockaddr_un address = {0};

    return sizeof address.sun_path - 1;
}

int host_bind_path(rouse_fd fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, path, sizeof address.sun_path);
    return error_of(bind(fd, (struct sockaddr *) &address, sizeof address));
}

int host_path_remove(const char *path)
{
    return unlink(path) != 0 && errno != ENOENT ? -errno : 0;
}

/* -- Limits ------------------------------------------------------------------ */

static struct rlimit limit_before;

int host_limit_descriptors(void)
{
    struct rlimit limit;
    int highest = 0;

    if (getrlimit(RLIMIT_NOFILE, &limit_before) != 0)
        return -errno;
    for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            highest = fd;
    limit = limit_before;
    if (limit.rlim_cur > (rlim_t) highest + 1 + SPARE_DESCRIPTORS)
        limit.rlim_cur = (rlim_t) highest + 1 + SPARE_DESCRIPTORS;
    return error_of(setrlimit(RLIMIT_NOFILE, &limit));
}

void host_unlimit_descriptors(void)
{
    setrlimit(RLIMIT_NOFILE, &limit_before);
}

/* -- Signals ----------------------------------------------------------------- */

static struct {
    struct thread *thread;
    pthread_t target;
    uintptr_t over;
    struct sigaction before;
    volatile sig_atomic_t handled;
    void (*then)(void *with);
    void *with;
} storm;

static void storm_handler(int number)
{
    const int before = errno;

    (void) number;
    storm.handled++;
    if (storm.then != NULL)
        storm.then(storm.with);
    errno = before;
}

static void storm_main(void *argument)
{
    const struct timespec pause = {0, 1000000};

    (void) argument;
    while (!atomic_load_acquire(&storm.over)) {
        pthread_kill(storm.target, SIGUSR1);
        nanosleep(&pause, NULL);
    }
}

int host_storm(void (*then)(void *with), void *with)
{
    struct sigaction action = {.sa_handler = storm_handler}; /* no SA_RESTART */

    storm.then = then;
    storm.with = with;
    storm.handled = 0;
    storm.target = pthread_self();
    if (sigaction(SIGUSR1, &action, &storm.before) != 0)
        return -errno;
    atomic_exchange(&storm.over, 0);
    storm.thread = thread_start(storm_main, NULL);
    return 0;
}

int host_calm(void)
{
    atomic_exchange(&storm.over, 1);
    thread_join(storm.thread);
    sigaction(SIGUSR1, &storm.before, NULL);
    return storm.handled;
}
