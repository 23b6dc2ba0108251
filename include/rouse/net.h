/*
 * rouse/net.h -- stream sockets as futures.
 *
 *   N1  A dropped read has consumed nothing. A dropped write tells in `done` how
 *       much went out.
 *   N2  End of stream comes from a read of 0, after the last byte; errors are the
 *       system's, by the same value on every backend.
 *   N3  Closing wakes whoever waits: -ECANCELED. A second reader, or writer, while
 *       one waits: -EBUSY.
 *   N4  Accept tells -EMFILE (or -ENFILE, -ENOBUFS, -ENOMEM) once; that listener's
 *       next accept pends until this runtime closes a descriptor or 100 ms passed.
 *   N5  Nothing here raises SIGPIPE.
 *   N6  A transfer of size 0 is READY at once with 0, without a system call.
 *   N7  A future that could go on for ever yields when the budget is spent.
 */
#ifndef ROUSE_NET_H
#define ROUSE_NET_H

#include <rouse/reactor.h>
#include <rouse/socket.h>

ROUSE_BEGIN_DECLS

/* A connected stream socket that the handle owns. One full of zeroes is closed. It
 * stays in place while open; its memory stays, and is not opened again, until every
 * future made on it has ended. */
struct rouse_tcp {
    struct rouse_io io;
    bool short_is_drained; /* a short transfer has found the socket empty, or full */
};

/* Binds a connected TCP socket to `reactor`, in place. The handle owns `fd` from now
 * on. Cannot fail: what is wrong with the descriptor, its first use tells. */
ROUSE_API void rouse_tcp_open(struct rouse_tcp *tcp, struct rouse_reactor *reactor, rouse_fd fd);

/* The same for any other stream socket: a Unix socket, one end of a pair. There a
 * short read does not mean that nothing is left (E3). */
ROUSE_API void rouse_stream_open(struct rouse_tcp *tcp, struct rouse_reactor *reactor, rouse_fd fd);

/* Closes at once (N3). A closed handle stays closed. */
ROUSE_API void rouse_tcp_close(struct rouse_tcp *tcp);

/* Says that nothing more will be written. 0 or -errno. */
ROUSE_API int rouse_tcp_shutdown(struct rouse_tcp *tcp);

/* Closes a descriptor that no handle owns. */
ROUSE_API void rouse_fd_close(struct rouse_reactor *reactor, rouse_fd fd);

/* A listening socket that the handle owns. */
struct rouse_listener {
    struct rouse_io io;
    rouse_time starved_until; /* N4; 0 when the last accept found a descriptor */
    unsigned starved_closes;  /* how many descriptors had been closed then */
};

/* Opens, binds and listens on "127.0.0.1:7007", "[::1]:0" or "unix:/path". 0, or
 * -errno with nothing left open; -EINVAL for text that is no address. */
ROUSE_API int rouse_listen(struct rouse_listener *listener, struct rouse_reactor *reactor,
                           const char *address);

/* The same for a listening socket that came from elsewhere. */
ROUSE_API void rouse_listener_open(struct rouse_listener *listener, struct rouse_reactor *reactor,
                                   rouse_fd fd);

/* Where it listens: tells the port that ":0" became. 0 or -errno. */
ROUSE_API int rouse_listener_address(const struct rouse_listener *listener,
                                     struct rouse_address *address);

/* Closes at once (N3). A closed listener stays closed. */
ROUSE_API void rouse_listener_close(struct rouse_listener *listener);

/* result: 0, and `fd` is the caller's; or -errno (N4). */
struct rouse_accept {
    struct rouse_future future;
    struct rouse_listener *listener;
    rouse_fd fd;
    struct rouse_reactor *reactor;
    struct rouse_timer retry;   /* N4 */
    struct rouse_accept *next;  /* in the reactor's list of the starving */
    struct rouse_accept **link; /* what points at us in that list, or NULL */
};
ROUSE_API struct rouse_accept rouse_accept(struct rouse_listener *listener);

/* Connects to "127.0.0.1:7007" and the like. result: 0, and `fd` is the caller's; or
 * -errno, -EINVAL for text that is no address. */
struct rouse_connect {
    struct rouse_future future;
    struct rouse_io io;
    rouse_fd fd;
    struct rouse_address address;
};
ROUSE_API struct rouse_connect rouse_connect(struct rouse_reactor *reactor, const char *address);
ROUSE_API struct rouse_connect rouse_connect_to(struct rouse_reactor *reactor,
                                                const struct rouse_address *address);

/* What makes the next three what they are: making one is a few stores. */
ROUSE_API extern const struct rouse_future_ops rouse_read_ops, rouse_write_ops, rouse_write_all_ops;

/* result: bytes read, 0 at the end of the stream, or -errno. */
struct rouse_read {
    struct rouse_future future;
    struct rouse_tcp *tcp;
    void *buffer;
    size_t size;
};
static inline struct rouse_read rouse_read(struct rouse_tcp *tcp, void *buffer, size_t size)
{
    struct rouse_read read = {{&rouse_read_ops, 0}, tcp, buffer, size};

    return read;
}

/* result: bytes written, at least 1, or -errno. */
struct rouse_write {
    struct rouse_future future;
    struct rouse_tcp *tcp;
    const void *buffer;
    size_t size;
};
static inline struct rouse_write rouse_write(struct rouse_tcp *tcp, const void *buffer, size_t size)
{
    struct rouse_write write = {{&rouse_write_ops, 0}, tcp, buffer, size};

    return write;
}

/* result: `size`, or -errno; `done` bytes went out in any case, dropped or not. */
struct rouse_write_all {
    struct rouse_future future;
    struct rouse_tcp *tcp;
    const void *buffer;
    size_t size;
    size_t done;
};
static inline struct rouse_write_all rouse_write_all(struct rouse_tcp *tcp, const void *buffer,
                                                     size_t size)
{
    struct rouse_write_all write = {{&rouse_write_all_ops, 0}, tcp, buffer, size, 0};

    return write;
}

ROUSE_END_DECLS

#endif /* ROUSE_NET_H */
