/*
 * sim_sockets.c -- stream sockets in memory.
 *
 * The hard part is to be no kinder than a kernel. Where kernels differ these sockets do
 * what Linux does, found out by asking it:
 *
 *   - A connection over IPv4 or IPv6 behaves like TCP on the loopback device: connect()
 *     is always -EINPROGRESS, and how it ended, a refusal included, is told by
 *     writability. It is connected before anybody accepts it, and may carry bytes.
 *   - A backlog of n holds n + 1 connections. Beyond that a TCP connect() stays in
 *     progress until accept() makes room; over a Unix socket it is -EAGAIN at once.
 *   - Closing with received bytes unread resets the connection: the peer reads what was
 *     sent to it, is then told -ECONNRESET once, and then the end of the stream.
 *   - Writing to a TCP peer that closed in peace succeeds once, for the peer's answer is
 *     a reset; then it is -EPIPE. A Unix socket, and so an end of a pair, knows at once.
 *
 * Every address belongs to this machine, 0.0.0.0 and [::] stand for all of their family
 * to a listener, and for the loopback device to connect(). Whoever connects does so from
 * the very address that it connects to. A Unix listener's name goes away with it.
 *
 * Readiness is worked out from a socket's state, never stored. Whatever changes a socket
 * then calls settle(), which enters it in the list of those that owe a report, or takes
 * it out; so arming is level by nature (E2) and nothing is ever scanned.
 *
 * Memory is asked for when a socket is opened, when it connects (both directions and the
 * end that is to be accepted), and when the descriptors outgrow their table: reading,
 * writing and arming cannot run out of it.
 */
#include "sim_sockets.h"

#include "../base/alloc.h"
#include "sim_flow.h"

#include <rouse/sim.h>

#include <errno.h>
#include <string.h>

enum { MOST_BACKLOG = 4096 };

enum socket_state {
    SOCKET_IDLE,
    SOCKET_LISTENING,
    SOCKET_CONNECTING, /* until the listener has room for it */
    SOCKET_CONNECTED,  /* and for ever after, however the connection ended */
    SOCKET_REFUSED
};

struct sim_socket {
    struct rouse__sim_sockets *sockets;
    enum socket_state state;
    enum rouse_family family;
    rouse_fd fd;                   /* ROUSE_NO_FD until it is accepted */
    int error;                     /* -errno that the next operation is to tell, or 0 */
    struct rouse_source *source;   /* who watches it, or NULL */
    struct sim_link due;           /* in sim_sockets.due while it owes a report */
    struct sim_link place;         /* of a listener: in sim_sockets.listeners. Of an end to be
                                      accepted: in its listener's `queued` or `waiting` */
    struct rouse_address local;    /* where it is, as far as that is known */
    struct rouse_address remote;   /* where its peer is, once it has one */
    bool owns_port;                /* the port of `local` was given to it */
    struct connection *connection; /* of one that is connecting or connected */
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

/* -- Lists and look-ups ------------------------------------------------------ */

static struct rouse__sim_sockets *sockets_of(const struct rouse_sockets *table)
{
    return rouse_container_of(table, struct rouse__sim_sockets, table);
}

static struct sim_socket *by_place(struct sim_link *place)
{
    return rouse_container_of(place, struct sim_socket, place);
}

static struct sim_socket *find(const struct rouse_sockets *table, rouse_fd fd)
{
    const struct rouse__sim_sockets *sockets = sockets_of(table);

    return (size_t) fd < sockets->room ? sockets->sockets[(size_t) fd] : NULL;
}

static struct sim_socket *peer_of(const struct sim_socket *socket)
{
    return socket->connection->ends[!socket->side];
}

static struct sim_flow *outward(const struct sim_socket *socket)
{
    return &socket->connection->flows[socket->side];
}

static struct sim_flow *inward(const struct sim_socket *socket)
{
    return &socket->connection->flows[!socket->side];
}

/* -- Readiness --------------------------------------------------------------- */

static unsigned readiness(const struct sim_socket *socket)
{
    unsigned ready = 0;

    switch (socket->state) {
    case SOCKET_IDLE:
    case SOCKET_CONNECTING: break;
    case SOCKET_LISTENING:
        if (!sim_list_empty(&socket->queued))
            ready = ROUSE_READABLE;
        break;
    case SOCKET_CONNECTED:
        /* An error needs no case of its own: whatever brings one ends both flows. */
        if (inward(socket)->ended || sim_flow_readable(inward(socket)) > 0)
            ready |= ROUSE_READABLE;
        if (outward(socket)->ended || sim_flow_room(outward(socket)) > 0)
            ready |= ROUSE_WRITABLE;
        break;
    case SOCKET_REFUSED: ready = ROUSE_READABLE | ROUSE_WRITABLE; break;
    }
    return ready;
}

/* Called after every change of a socket, or of what its source is armed for. */
static void settle(struct sim_socket *socket)
{
    if (socket == NULL || socket->source == NULL) {
        /* Closed, or nobody is interested. */
    } else if ((socket->source->armed & readiness(socket)) == 0) {
        sim_link_remove(&socket->due);
    } else if (!sim_link_listed(&socket->due)) {
        sim_list_append(&socket->sockets->due, &socket->due);
    }
}

int rouse__sim_arm(struct rouse__sim_sockets *sockets, struct rouse_source *source,
                   unsigned interest)
{
    struct sim_socket *socket = source->record;

    if (socket == NULL) {
        socket = find(&sockets->table, source->fd);
        if (socket == NULL)
            return -EBADF;
        ROUSE_RULE(socket->source == NULL, "two sources for one descriptor", "sim");
        if (socket->source != NULL)
            return -EEXIST;
        socket->source = source;
        source->record = socket;
    }
    source->armed |= (uint8_t) (interest & (ROUSE_READABLE | ROUSE_WRITABLE));
    settle(socket);
    return 0;
}

void rouse__sim_forget(struct rouse_source *source)
{
    struct sim_socket *socket = source->record;

    if (socket != NULL) {
        sim_link_remove(&socket->due);
        socket->source = NULL;
    }
    source->record = NULL;
    source->armed = 0;
}

int rouse__sim_report(struct rouse__sim_sockets *sockets, struct rouse_event *events, int capacity)
{
    int count = 0;

    while (count < capacity && !sim_list_empty(&sockets->due)) {
        struct sim_socket *socket = rouse_container_of(sockets->due.next, struct sim_socket, due);
        struct rouse_source *source = socket->source;
        const unsigned ready = source->armed & readiness(socket);

        sim_link_remove(&socket->due);
        source->armed &= (uint8_t) ~ready;
        events[count].source = source;
        events[count].ready = ready;
        count++;
    }
    return count;
}

/* -- Descriptors, sockets, connections --------------------------------------- */

static struct sim_socket *socket_new(struct rouse__sim_sockets *sockets, enum rouse_family family)
{
    struct sim_socket *socket = rouse__alloc(sockets->alloc, sizeof *socket);

    if (socket == NULL)
        return NULL;
    socket->sockets = sockets;
    socket->family = family;
    socket->fd = ROUSE_NO_FD;
    socket->local.family = (uint8_t) family;
    socket->local.length = family == ROUSE_IPV4 ? 4 : family == ROUSE_IPV6 ? 16 : 0;
    sim_list_init(&socket->queued);
    sim_list_init(&socket->waiting);
    return socket;
}

static void socket_free(struct sim_socket *socket)
{
    if (socket != NULL)
        rouse__free(socket->sockets->alloc, socket, sizeof *socket);
}

static int table_grow(struct rouse__sim_sockets *sockets)
{
    const size_t doubled = sockets->room > 0 ? 2 * sockets->room : 16;
    const size_t room = doubled < sockets->limit ? doubled : sockets->limit;
    struct sim_socket **table = rouse__resize(sockets->alloc, sockets->sockets,
                                              sockets->room * sizeof *table, room * sizeof *table);

    if (table == NULL)
        return -ENOMEM;
    memset(table + sockets->room, 0, (room - sockets->room) * sizeof *table);
    sockets->sockets = table;
    sockets->room = room;
    return 0;
}

/* Gives a socket the lowest descriptor that is free. */
static int descriptor_give(struct sim_socket *socket)
{
    struct rouse__sim_sockets *sockets = socket->sockets;

    while (sockets->lowest < sockets->room && sockets->sockets[sockets->lowest] != NULL)
        sockets->lowest++;
    if (sockets->lowest == sockets->limit)
        return -EMFILE;
    if (sockets->lowest == sockets->room) {
        const int error = table_grow(sockets);

        if (error < 0)
            return error;
    }
    socket->fd = (rouse_fd) sockets->lowest;
    sockets->sockets[sockets->lowest] = socket;
    sockets->open_count++;
    return 0;
}

static void descriptor_take(struct sim_socket *socket)
{
    struct rouse__sim_sockets *sockets = socket->sockets;
    const size_t fd = (size_t) socket->fd;

    sockets->sockets[fd] = NULL;
    sockets->open_count--;
    if (fd < sockets->lowest)
        sockets->lowest = fd;
}

static size_t connection_size(const struct rouse__sim_sockets *sockets)
{
    return sizeof(struct connection) + 2 * sockets->capacity;
}

/* Joins two sockets, which stay in the state that they are in. */
static int connection_new(struct rouse__sim_sockets *sockets, struct sim_socket *first,
                          struct sim_socket *second)
{
    struct connection *connection;
    uint8_t *bytes;

    if (sockets->capacity > (SIZE_MAX - sizeof *connection) / 2)
        return -ENOMEM;
    connection = rouse__resize(sockets->alloc, NULL, 0, connection_size(sockets));
    if (connection == NULL)
        return -ENOMEM;
    bytes = (uint8_t *) (connection + 1);
    sim_flow_init(&connection->flows[0], bytes, sockets->capacity);
    sim_flow_init(&connection->flows[1], bytes + sockets->capacity, sockets->capacity);
    connection->ends[0] = first;
    connection->ends[1] = second;
    connection->tcp = first->family != ROUSE_UNIX;
    connection->writes_tell = connection->tcp;
    first->connection = second->connection = connection;
    first->side = 0;
    second->side = 1;
    return 0;
}

/* Takes one end out; the last one frees it. */
static void connection_leave(struct sim_socket *socket)
{
    struct connection *connection = socket->connection;

    connection->ends[socket->side] = NULL;
    if (connection->ends[!socket->side] == NULL)
        rouse__free(socket->sockets->alloc, connection, connection_size(socket->sockets));
    socket->connection = NULL;
}

/* Breaks a connection, so that its other end is told `error`. */
static void connection_break(struct sim_socket *socket, int error)
{
    struct sim_socket *peer = peer_of(socket);

    inward(socket)->ended = outward(socket)->ended = true;
    if (peer != NULL)
        peer->error = error;
    settle(peer);
}

/* What a close() of one end does to the other. */
static void connection_end(struct sim_socket *socket)
{
    const struct connection *connection = socket->connection;

    if (inward(socket)->count == 0) {
        outward(socket)->ended = true;
        if (!connection->tcp)
            inward(socket)->ended = true;
        settle(peer_of(socket));
    } else if (connection->tcp && outward(socket)->ended) {
        /* TCP tells a reset to nobody who was told the end of the stream before. */
        connection_break(socket, 0);
    } else {
        connection_break(socket, -ECONNRESET);
    }
}

/* -- Listeners and their ports ------------------------------------------------ */

/* The listener that answers at `address`, or is in its way. */
static struct sim_socket *listener_at(struct rouse__sim_sockets *sockets,
                                      const struct rouse_address *address)
{
    struct sim_link *at;

    for (at = sockets->listeners.next; at != &sockets->listeners; at = at->next) {
        if (sim_address_overlaps(&by_place(at)->local, address))
            return by_place(at);
    }
    return NULL;
}

/* Whether any listener has this port, on whichever address. */
static bool port_listened(const struct rouse__sim_sockets *sockets, uint16_t port)
{
    const struct sim_link *at;

    for (at = sockets->listeners.next; at != &sockets->listeners; at = at->next) {
        if (rouse_container_of(at, struct sim_socket, place)->local.port == port)
            return true;
    }
    return false;
}

/* Whether a listener may not have `address`: there is one already, or somebody has
 * connected from its port. */
static bool address_taken(struct rouse__sim_sockets *sockets, const struct rouse_address *address)
{
    return listener_at(sockets, address) != NULL
           || (sim_port_taken(&sockets->ports, address->port)
               && !port_listened(sockets, address->port));
}

/* Takes the port of a socket's own address. */
static void port_take(struct sim_socket *socket)
{
    sim_port_take(&socket->sockets->ports, socket->local.port);
    socket->owns_port = true;
}

/* Gives it back. Listeners on several addresses may share a port; each has left the list
 * by now, and the last frees it. */
static void port_release(struct sim_socket *socket)
{
    if (socket->owns_port && !port_listened(socket->sockets, socket->local.port))
        sim_port_release(&socket->sockets->ports, socket->local.port);
}

/* Makes an end ready to be accepted, and its peer connected. */
static void listener_admit(struct sim_socket *listener, struct sim_socket *end)
{
    struct sim_socket *peer = peer_of(end);

    sim_link_remove(&end->place);
    sim_list_append(&listener->queued, &end->place);
    listener->queued_count++;
    peer->state = SOCKET_CONNECTED;
    settle(peer);
    settle(listener);
}

static bool listener_full(const struct sim_socket *listener)
{
    return listener->queued_count > listener->backlog;
}

/* Ends what was to be accepted, as Linux does: who is connected already is reset, who
 * still waits for room finds nobody there any more. */
static void listener_end(struct sim_socket *listener)
{
    struct sim_socket *end, *peer;

    sim_link_remove(&listener->place);
    while (!sim_list_empty(&listener->queued)) {
        end = by_place(listener->queued.next);
        sim_link_remove(&end->place);
        connection_break(end, -ECONNRESET);
        connection_leave(end);
        socket_free(end);
    }
    while (!sim_list_empty(&listener->waiting)) {
        end = by_place(listener->waiting.next);
        sim_link_remove(&end->place);
        peer = peer_of(end);
        connection_leave(peer);
        connection_leave(end);
        socket_free(end);
        peer->state = SOCKET_REFUSED;
        peer->error = -ECONNREFUSED;
        settle(peer);
    }
}

/* -- The calls, in the order of their table ---------------------------------- */

static int sim_open(const struct rouse_sockets *self, enum rouse_family family, rouse_fd *fd)
{
    struct sim_socket *socket;
    int error;

    if (family != ROUSE_IPV4 && family != ROUSE_IPV6 && family != ROUSE_UNIX)
        return -EAFNOSUPPORT;
    socket = socket_new(sockets_of(self), family);
    if (socket == NULL)
        return -ENOMEM;
    error = descriptor_give(socket);
    if (error < 0) {
        socket_free(socket);
        return error;
    }
    *fd = socket->fd;
    return 0;
}

static int sim_listen(const struct rouse_sockets *self, rouse_fd fd,
                      const struct rouse_address *address, int backlog)
{
    struct rouse__sim_sockets *sockets = sockets_of(self);
    struct sim_socket *socket = find(self, fd);
    struct rouse_address local;
    int error;

    if (socket == NULL)
        return -EBADF;
    if (socket->state != SOCKET_IDLE)
        return -EINVAL;
    error = sim_address_copy(&local, address, socket->family);
    if (error < 0)
        return error;
    if (socket->family != ROUSE_UNIX && local.port == 0) {
        local.port = sim_port_choose(&sockets->ports);
        if (local.port == 0)
            return -EADDRINUSE;
    } else if (address_taken(sockets, &local)) {
        return -EADDRINUSE;
    }
    socket->local = local;
    socket->backlog = backlog < 0 || backlog > MOST_BACKLOG ? MOST_BACKLOG : backlog;
    socket->state = SOCKET_LISTENING;
    port_take(socket);
    sim_list_append(&sockets->listeners, &socket->place);
    return 0;
}

static int sim_accept(const struct rouse_sockets *self, rouse_fd fd, rouse_fd *accepted)
{
    struct sim_socket *listener = find(self, fd);
    struct sim_socket *end;
    int error;

    if (listener == NULL)
        return -EBADF;
    if (listener->state != SOCKET_LISTENING)
        return -EINVAL;
    if (sim_list_empty(&listener->queued))
        return -EAGAIN;
    end = by_place(listener->queued.next);
    error = descriptor_give(end);
    if (error < 0)
        return error;
    sim_link_remove(&end->place);
    listener->queued_count--;
    if (!sim_list_empty(&listener->waiting))
        listener_admit(listener, by_place(listener->waiting.next));
    settle(listener);
    *accepted = end->fd;
    return 0;
}

/* The end that a listener will accept: `client` connects to it. */
static int listener_meet(struct sim_socket *listener, struct sim_socket *client)
{
    struct sim_socket *end = socket_new(client->sockets, client->family);
    int error;

    if (end == NULL)
        return -ENOMEM;
    error = connection_new(client->sockets, client, end);
    if (error < 0) {
        socket_free(end);
        return error;
    }
    end->local = client->remote;
    end->remote = client->local;
    end->state = SOCKET_CONNECTED;
    client->state = SOCKET_CONNECTING;
    sim_list_append(&listener->waiting, &end->place);
    if (!listener_full(listener))
        listener_admit(listener, end);
    return 0;
}

static int connect_unix(struct sim_socket *socket, const struct rouse_address *remote)
{
    struct sim_socket *listener = listener_at(socket->sockets, remote);

    if (listener == NULL)
        return -ENOENT;
    if (listener_full(listener))
        return -EAGAIN;
    socket->remote = *remote;
    return listener_meet(listener, socket);
}

static int connect_tcp(struct sim_socket *socket, const struct rouse_address *remote)
{
    struct sim_socket *listener = listener_at(socket->sockets, remote);
    const struct rouse_address nowhere = socket->local;
    const uint16_t port = sim_port_choose(&socket->sockets->ports);

    if (port == 0)
        return -EADDRNOTAVAIL;
    socket->local = socket->remote = *remote;
    socket->local.port = port;
    if (listener == NULL) {
        socket->state = SOCKET_REFUSED;
        socket->error = -ECONNREFUSED;
        settle(socket);
    } else if (listener_meet(listener, socket) < 0) {
        socket->local = nowhere;
        return -ENOMEM;
    }
    port_take(socket);
    return -EINPROGRESS;
}

static int sim_connect(const struct rouse_sockets *self, rouse_fd fd,
                       const struct rouse_address *address)
{
    struct sim_socket *socket = find(self, fd);
    struct rouse_address remote;
    int error;

    if (socket == NULL)
        return -EBADF;
    switch (socket->state) {
    case SOCKET_IDLE: break;
    case SOCKET_CONNECTING: return -EALREADY;
    case SOCKET_REFUSED: return -EINVAL;
    case SOCKET_LISTENING:
    case SOCKET_CONNECTED: return -EISCONN;
    }
    error = sim_address_copy(&remote, address, socket->family);
    if (error < 0)
        return error;
    if (sim_address_is_any(&remote))
        sim_address_become_loopback(&remote);
    return socket->family == ROUSE_UNIX ? connect_unix(socket, &remote)
                                        : connect_tcp(socket, &remote);
}

/* The error that is pending, once; or else 0. */
static int tell(struct sim_socket *socket)
{
    const int error = socket->error;

    socket->error = 0;
    return error;
}

static int sim_connected(const struct rouse_sockets *self, rouse_fd fd)
{
    struct sim_socket *socket = find(self, fd);

    if (socket == NULL)
        return -EBADF;
    switch (socket->state) {
    case SOCKET_CONNECTING: return -EINPROGRESS;
    case SOCKET_CONNECTED: return tell(socket);
    case SOCKET_REFUSED: (void) tell(socket); return -ECONNREFUSED;
    case SOCKET_IDLE:
    case SOCKET_LISTENING: break;
    }
    return -ENOTCONN;
}

static intptr_t stream_read(struct sim_socket *socket, void *buffer, size_t size)
{
    struct sim_flow *flow = inward(socket);
    size_t count;

    if (sim_flow_readable(flow) == 0) {
        if (socket->error != 0)
            return tell(socket);
        return flow->ended ? 0 : -EAGAIN;
    }
    count = sim_flow_read(flow, buffer, size);
    settle(peer_of(socket));
    settle(socket);
    return (intptr_t) count;
}

static intptr_t sim_read(const struct rouse_sockets *self, rouse_fd fd, void *buffer, size_t size)
{
    struct sim_socket *socket = find(self, fd);

    if (socket == NULL)
        return -EBADF;
    switch (socket->state) {
    case SOCKET_CONNECTING: return -EAGAIN;
    case SOCKET_CONNECTED: return stream_read(socket, buffer, size);
    case SOCKET_REFUSED: return tell(socket); /* and then it is the end of the stream */
    case SOCKET_IDLE:
    case SOCKET_LISTENING: break;
    }
    return -ENOTCONN;
}

static intptr_t stream_write(struct sim_socket *socket, const void *buffer, size_t size)
{
    struct sim_flow *flow = outward(socket);
    size_t count;

    if (socket->error != 0 && socket->connection->writes_tell)
        return tell(socket);
    if (flow->ended)
        return -EPIPE;
    if (sim_flow_room(flow) == 0)
        return -EAGAIN;
    count = sim_flow_write(flow, buffer, size);
    if (peer_of(socket) == NULL) {
        /* TCP: the bytes are on their way, and what comes back is a reset. */
        flow->ended = true;
    }
    settle(peer_of(socket));
    settle(socket);
    return (intptr_t) count;
}

static intptr_t sim_write(const struct rouse_sockets *self, rouse_fd fd, const void *buffer,
                          size_t size)
{
    struct sim_socket *socket = find(self, fd);
    int error;

    if (socket == NULL)
        return -EBADF;
    switch (socket->state) {
    case SOCKET_CONNECTING: return -EAGAIN;
    case SOCKET_CONNECTED: return stream_write(socket, buffer, size);
    case SOCKET_REFUSED: error = tell(socket); return error != 0 ? error : -EPIPE;
    case SOCKET_IDLE:
    case SOCKET_LISTENING: break;
    }
    return -ENOTCONN;
}

static int sim_shutdown(const struct rouse_sockets *self, rouse_fd fd)
{
    struct sim_socket *socket = find(self, fd);

    if (socket == NULL)
        return -EBADF;
    if (socket->state != SOCKET_CONNECTED)
        return -ENOTCONN;
    /* A TCP connection is over when both ends have said so; a Unix one lives on. */
    if (socket->connection->tcp && outward(socket)->ended && inward(socket)->ended)
        return -ENOTCONN;
    outward(socket)->ended = true;
    settle(peer_of(socket));
    settle(socket);
    return 0;
}

static void socket_close(struct sim_socket *socket)
{
    struct sim_socket *end;

    ROUSE_RULE(socket->source == NULL, "E5: a descriptor was closed before forget()", "sim");
    if (socket->source != NULL)
        rouse__sim_forget(socket->source);
    switch (socket->state) {
    case SOCKET_LISTENING: listener_end(socket); break;
    case SOCKET_CONNECTING:
        end = peer_of(socket);
        sim_link_remove(&end->place);
        connection_leave(socket);
        connection_leave(end);
        socket_free(end);
        break;
    case SOCKET_CONNECTED:
        connection_end(socket);
        connection_leave(socket);
        break;
    case SOCKET_IDLE:
    case SOCKET_REFUSED: break;
    }
    port_release(socket);
    descriptor_take(socket);
    socket_free(socket);
}

static void sim_close(const struct rouse_sockets *self, rouse_fd fd)
{
    struct sim_socket *socket = find(self, fd);

    if (socket != NULL)
        socket_close(socket);
}

static int sim_pair(const struct rouse_sockets *self, rouse_fd fds[2])
{
    struct rouse__sim_sockets *sockets = sockets_of(self);
    struct sim_socket *first = socket_new(sockets, ROUSE_UNIX);
    struct sim_socket *second = socket_new(sockets, ROUSE_UNIX);
    int error = -ENOMEM;

    if (first == NULL || second == NULL)
        goto undo_sockets;
    error = connection_new(sockets, first, second);
    if (error < 0)
        goto undo_sockets;
    error = descriptor_give(first);
    if (error < 0)
        goto undo_connection;
    error = descriptor_give(second);
    if (error < 0)
        goto undo_first;
    first->state = second->state = SOCKET_CONNECTED;
    first->remote = second->local;
    second->remote = first->local;
    fds[0] = first->fd;
    fds[1] = second->fd;
    return 0;

undo_first:
    descriptor_take(first);
undo_connection:
    connection_leave(first);
    connection_leave(second);
undo_sockets:
    socket_free(first);
    socket_free(second);
    return error;
}

static int sim_local(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    const struct sim_socket *socket = find(self, fd);

    if (socket == NULL)
        return -EBADF;
    *address = socket->local;
    return 0;
}

static int sim_peer(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    const struct sim_socket *socket = find(self, fd);

    if (socket == NULL)
        return -EBADF;
    if (socket->state != SOCKET_CONNECTED)
        return -ENOTCONN;
    *address = socket->remote;
    return 0;
}

static const struct rouse_sockets simulated = {
    .size = sizeof simulated,
    .open = sim_open,
    .listen = sim_listen,
    .accept = sim_accept,
    .connect = sim_connect,
    .connected = sim_connected,
    .read = sim_read,
    .write = sim_write,
    .shutdown = sim_shutdown,
    .close = sim_close,
    .pair = sim_pair,
    .local = sim_local,
    .peer = sim_peer,
};

void rouse__sim_sockets_init(struct rouse__sim_sockets *sockets, const struct rouse_alloc *alloc,
                             size_t capacity, size_t limit)
{
    memset(sockets, 0, sizeof *sockets);
    sockets->table = simulated;
    sockets->alloc = alloc;
    sockets->capacity = capacity;
    sockets->limit = limit;
    sim_list_init(&sockets->due);
    sim_list_init(&sockets->listeners);
}

void rouse__sim_sockets_close(struct rouse__sim_sockets *sockets)
{
    size_t fd;

    for (fd = 0; fd < sockets->room; fd++)
        sim_close(&sockets->table, (rouse_fd) fd);
    rouse__free(sockets->alloc, sockets->sockets, sockets->room * sizeof *sockets->sockets);
}

/* -- What sim.h offers beside the table -------------------------------------- */

struct rouse__sim_sockets *rouse__sim_sockets_of(const struct rouse_evq *evq)
{
    ROUSE_RULE(evq->sockets != NULL && evq->sockets->open == sim_open, "not a simulated queue",
               evq->ops->name);
    return sockets_of(evq->sockets);
}

int rouse_sim_ready(struct rouse_evq *evq, rouse_fd fd)
{
    const struct sim_socket *socket = find(&rouse__sim_sockets_of(evq)->table, fd);

    return socket != NULL ? (int) readiness(socket) : -EBADF;
}

int rouse_sim_reset(struct rouse_evq *evq, rouse_fd fd)
{
    struct sim_socket *socket = find(&rouse__sim_sockets_of(evq)->table, fd);

    if (socket == NULL)
        return -EBADF;
    if (socket->state == SOCKET_CONNECTED) {
        socket->connection->writes_tell = true;
        connection_break(socket, -ECONNRESET);
        /* Closing with bytes unread would be a reset of its own, and tell another error. */
        sim_flow_skip(inward(socket), inward(socket)->count);
    }
    socket_close(socket);
    return 0;
}

int rouse_sim_urgent(struct rouse_evq *evq, rouse_fd fd, char byte)
{
    const struct rouse_sockets *table = &rouse__sim_sockets_of(evq)->table;
    const intptr_t written = sim_write(table, fd, &byte, 1);
    struct sim_socket *peer;

    if (written < 0)
        return (int) written;
    peer = peer_of(find(table, fd));
    if (peer != NULL) {
        sim_flow_mark(inward(peer));
        settle(peer);
    }
    return 0;
}

int rouse_sim_open_count(struct rouse_evq *evq)
{
    return (int) rouse__sim_sockets_of(evq)->open_count;
}
