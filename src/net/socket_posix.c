/*
 * socket_posix.c -- the host's sockets, by the BSD calls.
 *
 * Systems differ in three things, all of them here at the top: how a socket becomes
 * non-blocking and uninherited, how a write is kept from raising SIGPIPE, and whether a
 * BSD length byte leads the address.
 */
#include "../base/compiler.h"
#include "net_internal.h"
#include "socket_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(MSG_NOSIGNAL)
enum { SEND_FLAGS = MSG_NOSIGNAL };
#else
enum {
    SEND_FLAGS = 0 /* SO_NOSIGPIPE does it, see quiet() */
};
#endif

#if defined(SO_NOSIGPIPE)
static void quiet(int fd)
{
    const int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
}
#else
static void quiet(int fd)
{
    (void) fd;
}
#endif

#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
enum { SOCKET_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC };

static int accept_ready(int fd)
{
    return accept4(fd, NULL, NULL, SOCKET_FLAGS);
}

static void prepare(int fd)
{
    quiet(fd);
}
#else
enum { SOCKET_FLAGS = 0 };

static int accept_ready(int fd)
{
    return accept(fd, NULL, NULL);
}

static void prepare(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    quiet(fd);
}
#endif

static int host_open(const struct rouse_sockets *self, enum rouse_family family, rouse_fd *fd)
{
    int domain;

    (void) self;
    switch (family) {
    case ROUSE_IPV4: domain = AF_INET; break;
    case ROUSE_IPV6: domain = AF_INET6; break;
    case ROUSE_UNIX: domain = AF_UNIX; break;
    default: return -EAFNOSUPPORT;
    }
    *fd = socket(domain, SOCK_STREAM | SOCKET_FLAGS, 0);
    if (*fd < 0)
        return -errno;
    prepare(*fd);
    return 0;
}

static int host_listen(const struct rouse_sockets *self, rouse_fd fd,
                       const struct rouse_address *address, int backlog)
{
    union any_address any;
    const socklen_t size = address_to_system(&any, address);
    const int on = 1;

    (void) self;
    if (size == 0)
        return -EINVAL;
    /* A port that lingers from a server that stopped is free; one with two servers is
     * not what SO_REUSEADDR means on POSIX. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->family == ROUSE_IPV6) /* the same on every system */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &any.any, size) < 0 || listen(fd, backlog) < 0)
        return -errno;
    return 0;
}

static int host_accept(const struct rouse_sockets *self, rouse_fd fd, rouse_fd *accepted)
{
    int got;

    (void) self;
    do {
        got = accept_ready(fd);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    prepare(got);
    *accepted = got;
    return 0;
}

static int host_connect(const struct rouse_sockets *self, rouse_fd fd,
                        const struct rouse_address *address)
{
    union any_address any;
    const socklen_t size = address_to_system(&any, address);

    (void) self;
    if (size == 0)
        return -EINVAL;
    if (connect(fd, &any.any, size) == 0)
        return 0;
    /* An interrupted connect goes on. The EAGAIN of a Unix socket whose listener is
     * full does not: nothing will ever be reported. */
    return errno == EINTR ? -EINPROGRESS : -errno;
}

static int host_connected(const struct rouse_sockets *self, rouse_fd fd)
{
    union any_address any;
    socklen_t size = sizeof any;
    int error = 0;
    socklen_t error_size = sizeof error;

    (void) self;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0)
        return -errno;
    if (error != 0)
        return -error;
    if (getpeername(fd, &any.any, &size) < 0)
        return errno == ENOTCONN ? -EINPROGRESS : -errno; /* told too early */
    return 0;
}

/* Neither of the next two can be interrupted: what does not block does not wait for a
 * signal either. */
static NEVER_INLINE intptr_t failed(void)
{
    return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

static intptr_t host_read(const struct rouse_sockets *self, rouse_fd fd, void *buffer, size_t size)
{
    const ssize_t n = recv(fd, buffer, size, 0);

    (void) self;
    return n >= 0 ? n : failed();
}

static intptr_t host_write(const struct rouse_sockets *self, rouse_fd fd, const void *buffer,
                           size_t size)
{
    const ssize_t n = send(fd, buffer, size, SEND_FLAGS);

    (void) self;
    return n >= 0 ? n : failed();
}

static int host_shutdown(const struct rouse_sockets *self, rouse_fd fd)
{
    (void) self;
    return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

static void host_close(const struct rouse_sockets *self, rouse_fd fd)
{
    (void) self;
    close(fd); /* after EINTR it is closed on every system that we know */
}

static int host_pair(const struct rouse_sockets *self, rouse_fd fds[2])
{
    (void) self;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCKET_FLAGS, 0, fds) < 0)
        return -errno;
    prepare(fds[0]);
    prepare(fds[1]);
    return 0;
}

static int host_local(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    union any_address any;
    socklen_t size = sizeof any;

    (void) self;
    if (getsockname(fd, &any.any, &size) < 0)
        return -errno;
    return address_from_system(address, &any, size);
}

static int host_peer(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    union any_address any;
    socklen_t size = sizeof any;

    (void) self;
    if (getpeername(fd, &any.any, &size) < 0)
        return -errno;
    return address_from_system(address, &any, size);
}

static const struct rouse_sockets host = {
    .size = sizeof host,
    .open = host_open,
    .listen = host_listen,
    .accept = host_accept,
    .connect = host_connect,
    .connected = host_connected,
    .read = host_read,
    .write = host_write,
    .shutdown = host_shutdown,
    .close = host_close,
    .pair = host_pair,
    .local = host_local,
    .peer = host_peer,
};

const struct rouse_sockets *rouse_host_sockets(void)
{
    return &host;
}

int rouse__ip_parse(enum rouse_family family, const char *text, uint8_t *bytes)
{
    return inet_pton(family == ROUSE_IPV6 ? AF_INET6 : AF_INET, text, bytes) == 1 ? 0 : -EINVAL;
}

int rouse__ip_format(enum rouse_family family, const uint8_t *bytes, char *text)
{
    return inet_ntop(family == ROUSE_IPV6 ? AF_INET6 : AF_INET, bytes, text, ROUSE_ADDRESS_TEXT)
                   != NULL
               ? 0
               : -EINVAL;
}
