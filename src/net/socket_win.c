/*
 * socket_win.c -- the host's sockets, by Winsock.
 *
 * The calls are those of BSD; what they mean is not always, and the table promises one
 * meaning:
 *
 *   A port: by default two servers may have one, and the option that forbids it also
 *   forbids a port that only lingers. See bind_alone().
 *
 *   A pair: there is no socketpair(), so it is a TCP connection to oneself, and somebody
 *   else may be faster. See accept_ours().
 *
 *   A write: all is taken that one call brings, however much, if there is room for one
 *   byte. See MOST.
 *
 *   An error: -ECONNABORTED of a transfer is what others call a reset, and a reset of an
 *   accept() what others call aborted. The rest is src/base/error_win.c.
 */
#include "../base/compiler.h"
#include "../base/error_win.h"
#include "net_internal.h"
#include "socket_address.h"

#include <errno.h>
#include <string.h>

/* For one call: the kernel locks or copies that much. The next one finds whether there is
 * room left. (Winsock counts in int besides.) */
enum { MOST = 1 << 20 };

/* Connections that may wait to be accepted. Of a larger number the system makes this one,
 * unless it is told as a negative one (SOMAXCONN_HINT); and who finds no place is refused. */
enum { BACKLOG = 200 };

/* There is no way to say that Winsock is no longer needed: sockets may outlive every
 * runtime, and the end of the process will do. */
static BOOL WINAPI start(INIT_ONCE *once, void *error, void **context)
{
    WSADATA unused;

    (void) once;
    (void) context;
    *(int *) error = WSAStartup(MAKEWORD(2, 2), &unused);
    return *(int *) error == 0;
}

/* Before the first call of every other kind. */
static int started(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    int error = WSASYSNOTREADY;

    return InitOnceExecuteOnce(&once, start, &error, NULL) ? 0 : rouse__error_of(error);
}

/* Why a call on this socket failed. Winsock has one word for what is closed and for what
 * never was a socket. */
static NEVER_INLINE int error_of_call(rouse_fd fd)
{
    DWORD flags;

    if (WSAGetLastError() == WSAENOTSOCK)
        return GetHandleInformation((HANDLE) fd, &flags) ? -ENOTSOCK : -EBADF;
    return rouse__error_last();
}

static int open_socket(int domain, rouse_fd *fd)
{
    const SOCKET opened = WSASocketW(domain, SOCK_STREAM, 0, NULL, 0,
                                     WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

    if (opened == INVALID_SOCKET)
        return rouse__error_last();
    *fd = (rouse_fd) opened;
    return 0;
}

static int make_nonblocking(rouse_fd fd)
{
    u_long on = 1;

    return ioctlsocket(fd, (long) FIONBIO, &on) != 0 ? error_of_call(fd) : 0;
}

static int host_open(const struct rouse_sockets *self, enum rouse_family family, rouse_fd *fd)
{
    int error = started();
    int domain;

    (void) self;
    if (error < 0)
        return error;
    switch (family) {
    case ROUSE_IPV4: domain = AF_INET; break;
    case ROUSE_IPV6: domain = AF_INET6; break;
    case ROUSE_UNIX: domain = AF_UNIX; break;
    default: return -EAFNOSUPPORT;
    }
    error = open_socket(domain, fd);
    if (error < 0)
        return error;
    error = make_nonblocking(*fd);
    if (error < 0)
        closesocket(*fd);
    return error;
}

static void option_set(rouse_fd fd, int level, int option, int value)
{
    setsockopt(fd, level, option, (const char *) &value, sizeof value);
}

/* SO_EXCLUSIVEADDRUSE keeps anybody else from sharing the port. But it is also refused
 * where connections are left of a server that stopped, and by another word where somebody
 * else keeps the port for himself. Without it the former is free, and one that somebody
 * listens on is in use, unless he shares it. */
static int bind_alone(rouse_fd fd, const union any_address *any, int size)
{
    option_set(fd, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
    if (bind(fd, &any->any, size) == 0)
        return 0;
    if (WSAGetLastError() != WSAEADDRINUSE && WSAGetLastError() != WSAEACCES)
        return error_of_call(fd);
    option_set(fd, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 0);
    return bind(fd, &any->any, size) != 0 ? error_of_call(fd) : 0;
}

static int host_listen(const struct rouse_sockets *self, rouse_fd fd,
                       const struct rouse_address *address, int backlog)
{
    union any_address any;
    const int size = address_to_system(&any, address);
    int error;

    (void) self;
    if (size == 0)
        return -EINVAL;
    if (address->family == ROUSE_IPV6) /* the same on every system */
        option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    error = bind_alone(fd, &any, size);
    if (error < 0)
        return error;
    return listen(fd, backlog > BACKLOG ? -backlog : backlog) != 0 ? error_of_call(fd) : 0;
}

static int host_accept(const struct rouse_sockets *self, rouse_fd fd, rouse_fd *accepted)
{
    const SOCKET got = accept(fd, NULL, NULL);
    int error;

    (void) self;
    if (got == INVALID_SOCKET) {
        error = error_of_call(fd);
        return error == -ECONNRESET ? -ECONNABORTED : error;
    }
    SetHandleInformation((HANDLE) got, HANDLE_FLAG_INHERIT, 0);
    error = make_nonblocking((rouse_fd) got);
    if (error < 0) {
        closesocket(got);
        return error;
    }
    *accepted = (rouse_fd) got;
    return 0;
}

static int host_connect(const struct rouse_sockets *self, rouse_fd fd,
                        const struct rouse_address *address)
{
    union any_address any;
    const int size = address_to_system(&any, address);
    int error;

    (void) self;
    if (size == 0)
        return -EINVAL;
    if (connect(fd, &any.any, size) == 0)
        return 0;
    error = error_of_call(fd);
    return error == -EAGAIN ? -EINPROGRESS : error;
}

static NEVER_INLINE intptr_t failed(rouse_fd fd)
{
    const int error = error_of_call(fd);

    return error == -ECONNABORTED ? -ECONNRESET : error;
}

/* A read has got nothing: the end of the stream. Windows says otherwise where the peer has
 * reset it, but not so Wine 8, which tells only who sends, be it nothing. */
static NEVER_INLINE intptr_t ended(rouse_fd fd)
{
    return send(fd, "", 0, 0) != 0 && WSAGetLastError() == WSAECONNRESET ? -ECONNRESET : 0;
}

static int host_connected(const struct rouse_sockets *self, rouse_fd fd)
{
    union any_address any;
    int size = sizeof any;
    int code = 0;
    int code_size = sizeof code;
    int error;

    (void) self;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, (char *) &code, &code_size) != 0)
        return error_of_call(fd);
    if (code != 0)
        return rouse__error_of(code);
    if (getpeername(fd, &any.any, &size) == 0)
        return 0;
    error = error_of_call(fd);
    if (error != -ENOTCONN)
        return error;
    /* Told too early; or Wine 8, where one that was reset since has no peer either. */
    return ended(fd) != 0 ? -ECONNRESET : -EINPROGRESS;
}

static int at_most(size_t size)
{
    return size < MOST ? (int) size : MOST;
}

static intptr_t host_read(const struct rouse_sockets *self, rouse_fd fd, void *buffer, size_t size)
{
    const int n = recv(fd, buffer, at_most(size), 0);

    (void) self;
    if (n > 0)
        return n;
    return n == 0 ? ended(fd) : failed(fd);
}

static intptr_t host_write(const struct rouse_sockets *self, rouse_fd fd, const void *buffer,
                           size_t size)
{
    const int n = send(fd, buffer, at_most(size), 0);

    (void) self;
    return n >= 0 ? n : failed(fd);
}

static int host_shutdown(const struct rouse_sockets *self, rouse_fd fd)
{
    (void) self;
    return shutdown(fd, SD_SEND) != 0 ? error_of_call(fd) : 0;
}

static void host_close(const struct rouse_sockets *self, rouse_fd fd)
{
    (void) self;
    closesocket(fd);
}

/* Whether the one that `accepted` talks to is `fd`. */
static bool is_ours(SOCKET accepted, rouse_fd fd)
{
    struct sockaddr_in peer, ours;
    int peer_size = sizeof peer, ours_size = sizeof ours;

    return getpeername(accepted, (struct sockaddr *) &peer, &peer_size) == 0
           && getsockname(fd, (struct sockaddr *) &ours, &ours_size) == 0
           && peer.sin_port == ours.sin_port && peer.sin_addr.s_addr == ours.sin_addr.s_addr;
}

/* Accepts the connection of `fd`, which stands. Anybody on this machine may have connected
 * as well, and before. */
static int accept_ours(rouse_fd listener, rouse_fd fd, rouse_fd *accepted)
{
    for (;;) {
        const SOCKET got = accept(listener, NULL, NULL);

        if (got != INVALID_SOCKET && is_ours(got, fd)) {
            *accepted = (rouse_fd) got;
            return 0;
        }
        if (got != INVALID_SOCKET)
            closesocket(got);
        else if (WSAGetLastError() != WSAECONNRESET) /* of one who has left again */
            return error_of_call(listener);
    }
}

/* A connection between two blocking sockets, by way of a third. */
static int connect_pair(rouse_fd listener, rouse_fd fds[2])
{
    struct sockaddr_in address = {0};
    int size = sizeof address;
    int error;

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    option_set(listener, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
    if (bind(listener, (struct sockaddr *) &address, size) != 0 || listen(listener, 8) != 0
        || getsockname(listener, (struct sockaddr *) &address, &size) != 0)
        return error_of_call(listener);
    error = open_socket(AF_INET, &fds[0]);
    if (error < 0)
        return error;
    if (connect(fds[0], (struct sockaddr *) &address, size) != 0)
        error = error_of_call(fds[0]);
    else
        error = accept_ours(listener, fds[0], &fds[1]);
    if (error < 0)
        closesocket(fds[0]);
    return error;
}

static int host_pair(const struct rouse_sockets *self, rouse_fd fds[2])
{
    rouse_fd listener = ROUSE_NO_FD;
    int error = started();
    int i;

    (void) self;
    if (error < 0)
        return error;
    error = open_socket(AF_INET, &listener);
    if (error < 0)
        return error;
    error = connect_pair(listener, fds);
    closesocket(listener);
    if (error < 0)
        return error;
    SetHandleInformation((HANDLE) fds[1], HANDLE_FLAG_INHERIT, 0);
    for (i = 0; i < 2; i++) {
        option_set(fds[i], IPPROTO_TCP, TCP_NODELAY, 1); /* a pair does not hold bytes back */
        if (error == 0)
            error = make_nonblocking(fds[i]);
    }
    for (i = 0; i < 2 && error < 0; i++)
        closesocket(fds[i]);
    return error;
}

static int host_local(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    union any_address any;
    int size = sizeof any;

    (void) self;
    if (getsockname(fd, &any.any, &size) != 0)
        return error_of_call(fd);
    return address_from_system(address, &any, size);
}

static int host_peer(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    union any_address any;
    int size = sizeof any;

    (void) self;
    if (getpeername(fd, &any.any, &size) != 0)
        return error_of_call(fd);
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
    const int error = started();

    if (error < 0)
        return error;
    return inet_pton(family == ROUSE_IPV6 ? AF_INET6 : AF_INET, text, bytes) == 1 ? 0 : -EINVAL;
}

int rouse__ip_format(enum rouse_family family, const uint8_t *bytes, char *text)
{
    const int error = started();

    if (error < 0)
        return error;
    return inet_ntop(family == ROUSE_IPV6 ? AF_INET6 : AF_INET, bytes, text, ROUSE_ADDRESS_TEXT)
                   != NULL
               ? 0
               : -EINVAL;
}
