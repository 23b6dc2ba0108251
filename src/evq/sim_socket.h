/*
 * sim_socket.h -- one simulated socket, and what the files that make up their kernel tell
 * each other.
 */
#ifndef ROUSE_EVQ_SIM_SOCKET_H
#define ROUSE_EVQ_SIM_SOCKET_H

#include "sim_flow.h"
#include "sim_sockets.h"

enum socket_state {
    SOCKET_IDLE,
    SOCKET_LISTENING,
    SOCKET_CONNECTING, /* until it got there, and the listener has room for it */
    SOCKET_CONNECTED,  /* and for ever after, however the connection ended */
    SOCKET_REFUSED,
    SOCKET_DATAGRAM /* joined with its peer, for ever */
};

struct sim_socket {
    struct rouse__sim_sockets *sockets;
    enum socket_state state;
    enum rouse_family family;
    rouse_fd fd;                   /* ROUSE_NO_FD until it is accepted */
    int error;                     /* -errno that the next operation is to tell, or 0 */
    struct rouse_source *source;   /* who watches it, or NULL */
    struct sim_link due;           /* in sim_sockets.due while it owes a report */
    bool considered;               /* while it owes one: whether to hold it back is decided */
    int64_t held;                  /* for so many more turns it is held back */
    uint8_t fresh;                 /* directions reported, and not tried since */
    uint8_t blocked;               /* directions whose last try was refused by a fault */
    struct sim_link place;         /* of a listener: in sim_sockets.listeners. Of an end to be
                                      accepted: in its listener's `queued` or `waiting`, or in
                                      sim_sockets.travelling before its peer got there */
    rouse_time arrival;            /* of such an end: when that will be */
    bool astray;                   /* and that it will find nobody there */
    struct rouse_address local;    /* where it is, as far as that is known */
    struct rouse_address remote;   /* where its peer is, once it has one */
    bool owns_port;                /* the port of `local` was given to it */
    struct connection *connection; /* of one that is connecting or connected, or a datagram's */
    int side;                      /* which end of it we are */
    struct sim_link queued;        /* of a listener: ends to be accepted */
    struct sim_link waiting;       /* of a listener: those for whom there is no room */
    int queued_count;
    int backlog;
};

struct connection {
    struct sim_flow flows[2];   /* each end writes the one of its number; their bytes follow */
    struct sim_socket *ends[2]; /* 0 connected, 1 was or will be accepted; NULL once closed */
    bool tcp;                   /* else it behaves like a Unix socket */
    bool writes_tell;           /* whether a write, too, tells a pending error */
};

/* -- Look-ups ---------------------------------------------------------------- */

static inline struct rouse__sim_sockets *sim_sockets_of(const struct rouse_sockets *table)
{
    return rouse_container_of(table, struct rouse__sim_sockets, table);
}

static inline struct sim_socket *sim_by_place(struct sim_link *place)
{
    return rouse_container_of(place, struct sim_socket, place);
}

static inline struct sim_socket *sim_by_due(struct sim_link *due)
{
    return rouse_container_of(due, struct sim_socket, due);
}

static inline struct sim_socket *sim_find(const struct rouse_sockets *table, rouse_fd fd)
{
    const struct rouse__sim_sockets *sockets = sim_sockets_of(table);

    return (size_t) fd < sockets->room ? sockets->sockets[(size_t) fd] : NULL;
}

static inline struct sim_socket *sim_peer_of(const struct sim_socket *socket)
{
    return socket->connection->ends[!socket->side];
}

static inline struct sim_flow *sim_outward(const struct sim_socket *socket)
{
    return &socket->connection->flows[socket->side];
}

static inline struct sim_flow *sim_inward(const struct sim_socket *socket)
{
    return &socket->connection->flows[!socket->side];
}

/* -- Sockets, descriptors, connections: sim_sockets.c ------------------------ */

/* Called after every change of a socket, or of what its source is armed for. NULL is one
 * that is closed. */
void rouse__sim_settle(struct sim_socket *socket);

/* A socket without a descriptor, or NULL; and the end of one. */
struct sim_socket *rouse__sim_socket_new(struct rouse__sim_sockets *sockets,
                                         enum rouse_family family);
void rouse__sim_socket_free(struct sim_socket *socket);

/* Gives a socket the lowest descriptor that is free. */
int rouse__sim_descriptor_give(struct sim_socket *socket);

/* Joins two sockets, which stay in the state that they are in. */
int rouse__sim_connection_new(struct rouse__sim_sockets *sockets, struct sim_socket *first,
                              struct sim_socket *second);

/* Two sockets that are joined from the beginning, in that state. */
int rouse__sim_pair_new(struct rouse__sim_sockets *sockets, enum rouse_family family,
                        enum socket_state state, rouse_fd fds[2]);

/* Takes one end out; the last one frees it. */
void rouse__sim_connection_leave(struct sim_socket *socket);

/* Breaks a connection, so that its other end is told `error`. */
void rouse__sim_connection_break(struct sim_socket *socket, int error);

/* The error that is pending, once; or else 0. */
int rouse__sim_error_take(struct sim_socket *socket);

/* -- Datagrams: sim_datagrams.c ---------------------------------------------- */

unsigned rouse__sim_datagram_readiness(const struct sim_socket *socket);
intptr_t rouse__sim_datagram_read(struct sim_socket *socket, void *buffer, size_t size);
intptr_t rouse__sim_datagram_write(struct sim_socket *socket, const void *buffer, size_t size);

/* -- Listening and connecting: sim_connect.c --------------------------------- */

/* As in the socket table. connect() is rouse__sim_travel(). */
int rouse__sim_listen(const struct rouse_sockets *self, rouse_fd fd,
                      const struct rouse_address *address, int backlog);
int rouse__sim_accept(const struct rouse_sockets *self, rouse_fd fd, rouse_fd *accepted);
int rouse__sim_connected(const struct rouse_sockets *self, rouse_fd fd);

/* What else there is to do when a listener closes, or anybody who owns a port. */
void rouse__sim_listener_end(struct sim_socket *listener);
void rouse__sim_port_release(struct sim_socket *socket);

#endif /* ROUSE_EVQ_SIM_SOCKET_H */
