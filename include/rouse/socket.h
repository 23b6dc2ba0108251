/*
 * rouse/socket.h -- the dozen socket calls, as a table that a queue may replace.
 *
 * Net futures reach sockets through here and nowhere else. The host's table is
 * src/net/socket_{posix,win}.c; a simulated queue brings its own (evq.h), and the
 * same futures then carry bytes through memory.
 *
 * Every call returns 0 or a count, or a negative errno value; none blocks, none
 * raises SIGPIPE, and an interruption by a signal is retried inside. -EAGAIN means
 * "not now, and readiness will be reported"; but from connect(), that a Unix listener is
 * full and nothing will tell when it no longer is.
 */
#ifndef ROUSE_SOCKET_H
#define ROUSE_SOCKET_H

#include <rouse/base.h>

ROUSE_BEGIN_DECLS

enum rouse_family {
    ROUSE_NO_FAMILY = 0, /* an address that was never filled in */
    ROUSE_IPV4 = 4,
    ROUSE_IPV6 = 6,
    ROUSE_UNIX = 1
};

/* Where a socket is, without the system's headers. Plain bytes. */
struct rouse_address {
    uint8_t family;     /* one of the above */
    uint8_t length;     /* of `bytes`: 4, 16, or that of the path */
    uint16_t port;      /* in the machine's own byte order */
    uint32_t scope;     /* of a link-local IPv6 address: the interface's number, or 0 */
    uint8_t bytes[108]; /* network order, or a path without its final zero */
};

/* Longest text of an address, with its final zero. */
#define ROUSE_ADDRESS_TEXT 128

/* Reads "127.0.0.1:7007", "[::1]:7007", "[fe80::1%2]:7007" or "unix:/path". Asks
 * no name server. -EINVAL when the text is none of these, all of it. */
ROUSE_API int rouse_address_parse(struct rouse_address *address, const char *text);

/* Writes what rouse_address_parse() reads, and returns its length without the
 * final zero; -ENOSPC when `size` is too small, -EINVAL without a family. */
ROUSE_API int rouse_address_format(const struct rouse_address *address, char *text, size_t size);

struct rouse_sockets {
    size_t size; /* of this struct, as whoever filled it knew it */

    /* Opens a stream socket that does not block and is not inherited. A family that the
     * system does not have is -EAFNOSUPPORT. */
    int (*open)(const struct rouse_sockets *self, enum rouse_family family, rouse_fd *fd);

    /* Binds and listens. A port in use is -EADDRINUSE; one that only lingers from a
     * server that stopped is not. */
    int (*listen)(const struct rouse_sockets *self, rouse_fd fd,
                  const struct rouse_address *address, int backlog);

    /* One connection of those that wait, ready for use; or -EAGAIN. */
    int (*accept)(const struct rouse_sockets *self, rouse_fd fd, rouse_fd *accepted);

    /* 0 when connected, -EINPROGRESS when writability will tell. */
    int (*connect)(const struct rouse_sockets *self, rouse_fd fd,
                   const struct rouse_address *address);

    /* How a connect() that was in progress ended: 0, its error, or -EINPROGRESS. */
    int (*connected)(const struct rouse_sockets *self, rouse_fd fd);

    /* At most `size` bytes, which is not 0. 0 is the end of the stream. */
    intptr_t (*read)(const struct rouse_sockets *self, rouse_fd fd, void *buffer, size_t size);
    intptr_t (*write)(const struct rouse_sockets *self, rouse_fd fd, const void *buffer,
                      size_t size);

    /* Says that nothing more will be written. */
    int (*shutdown)(const struct rouse_sockets *self, rouse_fd fd);

    /* Closes; never fails. Whoever armed the descriptor has forgotten it. */
    void (*close)(const struct rouse_sockets *self, rouse_fd fd);

    /* Two connected stream sockets, ready for use. */
    int (*pair)(const struct rouse_sockets *self, rouse_fd fds[2]);

    /* Where this end, or the other, is. */
    int (*local)(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address);
    int (*peer)(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address);
};

/* The sockets of this machine. */
ROUSE_API const struct rouse_sockets *rouse_host_sockets(void);

ROUSE_END_DECLS

#endif /* ROUSE_SOCKET_H */
