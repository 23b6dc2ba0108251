/*
 * sim_sockets.c -- sockets in memory, above all streams, and which of them owe a report.
 *
 * The hard part is to be no kinder than a kernel. Where kernels differ these sockets do
 * what Linux does, found out by asking it (sim_connect.c and sim_datagrams.c have the rest):
 *
 *   - Closing with received bytes unread resets the connection: the peer reads what was
 *     sent to it, is then told -ECONNRESET once, and then the end of the stream.
 *   - Writing to a TCP peer that closed in peace succeeds once, for the peer's answer is
 *     a reset; then it is -EPIPE. A Unix socket, and so an end of a pair, knows at once.
 *
 * Readiness is worked out from a socket's state, never stored. Whatever changes a socket
 * then calls rouse__sim_settle(), which enters it in the list of those that owe a report,
 * or takes it out; so arming is level by nature (E2) and nothing is ever scanned.
 *
 * Memory is asked for when a socket is opened, when it connects, and when the descriptors
 * outgrow their table: reading, writing and arming cannot run out of it.
 */
#include "sim_socket.h"

#include "../base/alloc.h"

#include <errno.h>
#include <string.h>

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
        if (sim_inward(socket)->ended || sim_flow_readable(sim_inward(socket)) > 0)
            ready |= ROUSE_READABLE;
        if (sim_outward(socket)->ended || sim_flow_room(sim_outward(socket)) > 0)
            ready |= ROUSE_WRITABLE;
        break;
    case SOCKET_REFUSED: ready = ROUSE_READABLE | ROUSE_WRITABLE; break;
    case SOCKET_DATAGRAM: ready = rouse__sim_datagram_readiness(socket); break;
    }
    return ready;
}

static void leave_due(struct sim_socket *socket)
{
    sim_link_remove(&socket->due);
    socket->considered = false;
    socket->held = 0;
}

void rouse__sim_settle(struct sim_socket *socket)
{
    if (socket == NULL || socket->source == NULL) {
        /* Closed, or nobody is interested. */
    } else if ((socket->source->armed & readiness(socket)) == 0) {
        leave_due(socket);
    } else if (!sim_link_listed(&socket->due)) {
        sim_list_append(&socket->sockets->due, &socket->due);
    }
}

int rouse__sim_arm(struct rouse__sim_sockets *sockets, struct rouse_source *source,
                   unsigned interest)
{
    struct sim_socket *socket = source->record;

    if (socket == NULL) {
        socket = sim_find(&sockets->table, source->fd);
        if (socket == NULL)
            return -EBADF;
        ROUSE_RULE(socket->source == NULL, "two sources for one descriptor", "sim");
        if (socket->source != NULL)
            return -EEXIST;
        socket->source = source;
        source->record = socket;
    }
    source->armed |= (uint8_t) (interest & (ROUSE_READABLE | ROUSE_WRITABLE));
    rouse__sim_settle(socket);
    return 0;
}

void rouse__sim_forget(struct rouse_source *source)
{
    struct sim_socket *socket = source->record;

    if (socket != NULL) {
        leave_due(socket);
        socket->source = NULL;
    }
    source->record = NULL;
    source->armed = 0;
}

/* -- Reports ----------------------------------------------------------------- */

/* Whether a report that is due is held back in this turn. That is decided once for each. */
static bool holds_back(struct sim_socket *socket, struct rouse__sim_faults *faults)
{
    if (!socket->considered)
        socket->held = sim_fault_happens(faults, ROUSE_SIM_DELAY, INT64_MAX);
    else if (socket->held > 0)
        socket->held--;
    socket->considered = true;
    return socket->held > 0 && sim_fault_active(faults, ROUSE_SIM_DELAY);
}

/* Which of two directions that are ready comes now, the other being a report by itself. */
static unsigned split(unsigned ready, struct rouse__sim_faults *faults)
{
    const unsigned both = ROUSE_READABLE | ROUSE_WRITABLE;
    const int64_t first = ready == both ? sim_fault_happens(faults, ROUSE_SIM_SPLIT, 2) : 0;

    return first == 0 ? ready : first == 1 ? ROUSE_READABLE : ROUSE_WRITABLE;
}

static void report(struct sim_socket *socket, unsigned ready, struct rouse_event *event)
{
    socket->source->armed &= (uint8_t) ~ready;
    event->source = socket->source;
    event->ready = ready;
}

int rouse__sim_report(struct rouse__sim_sockets *sockets, struct rouse__sim_faults *faults,
                      struct rouse_event *events, int capacity)
{
    struct sim_link *passed = &sockets->due; /* who is before the next one to look at */
    int count = 0;

    while (count < capacity && passed->next != &sockets->due) {
        struct sim_socket *socket = sim_by_due(passed->next);

        if (holds_back(socket, faults)) {
            passed = passed->next;
        } else {
            const unsigned ready = split(socket->source->armed & readiness(socket), faults);

            leave_due(socket);
            socket->fresh |= (uint8_t) ready;
            report(socket, ready, &events[count++]);
            /* What was split off goes to the end, with no right to be held back again. */
            rouse__sim_settle(socket);
            socket->considered = sim_link_listed(&socket->due);
        }
    }
    return count;
}

int rouse__sim_report_spurious(struct rouse__sim_sockets *sockets, struct rouse__sim_faults *faults,
                               struct rouse_event *events, int capacity)
{
    int count = 0;

    for (size_t fd = 0; fd < sockets->room && count < capacity; fd++) {
        struct sim_socket *socket = sockets->sockets[fd];
        unsigned idle, ready = 0;

        if (socket == NULL || socket->source == NULL)
            continue;
        idle = socket->source->armed & ~readiness(socket);
        for (unsigned direction = ROUSE_READABLE; direction <= ROUSE_WRITABLE; direction <<= 1)
            if ((idle & direction) != 0 && sim_fault_happens(faults, ROUSE_SIM_SPURIOUS, 1) != 0)
                ready |= direction;
        if (ready != 0)
            report(socket, ready, &events[count++]);
    }
    return count;
}

bool rouse__sim_any_due(const struct rouse__sim_sockets *sockets)
{
    return !sim_list_empty(&sockets->due);
}

/* -- What calls may find out ------------------------------------------------- */

int rouse__sim_ready(const struct rouse__sim_sockets *sockets, rouse_fd fd)
{
    const struct sim_socket *socket = sim_find(&sockets->table, fd);

    return socket != NULL ? (int) readiness(socket) : -EBADF;
}

bool rouse__sim_try(struct rouse__sim_sockets *sockets, rouse_fd fd, unsigned direction)
{
    struct sim_socket *socket = sim_find(&sockets->table, fd);
    bool first;

    if (socket == NULL)
        return false;
    first = (socket->fresh & direction & readiness(socket) & ~(unsigned) socket->blocked) != 0;
    socket->fresh &= (uint8_t) ~direction;
    socket->blocked &= (uint8_t) ~direction;
    return first;
}

void rouse__sim_refuse(struct rouse__sim_sockets *sockets, rouse_fd fd, unsigned direction)
{
    sim_find(&sockets->table, fd)->blocked |= (uint8_t) direction;
}

size_t rouse__sim_movable(const struct rouse__sim_sockets *sockets, rouse_fd fd, unsigned direction)
{
    const struct sim_socket *socket = sim_find(&sockets->table, fd);

    if (socket == NULL || socket->state != SOCKET_CONNECTED)
        return 0;
    if (direction == ROUSE_READABLE)
        return sim_flow_readable(sim_inward(socket));
    return sim_outward(socket)->ended ? 0 : sim_flow_room(sim_outward(socket));
}

bool rouse__sim_breakable(const struct rouse__sim_sockets *sockets, rouse_fd fd)
{
    const struct sim_socket *socket = sim_find(&sockets->table, fd);

    /* Who was told the end of the stream is told nothing worse. */
    return socket != NULL && socket->state == SOCKET_CONNECTED && !sim_outward(socket)->ended
           && !sim_inward(socket)->ended;
}

/* -- Descriptors, sockets, connections --------------------------------------- */

struct sim_socket *rouse__sim_socket_new(struct rouse__sim_sockets *sockets,
                                         enum rouse_family family)
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

void rouse__sim_socket_free(struct sim_socket *socket)
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

int rouse__sim_descriptor_give(struct sim_socket *socket)
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

int rouse__sim_connection_new(struct rouse__sim_sockets *sockets, struct sim_socket *first,
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

void rouse__sim_connection_leave(struct sim_socket *socket)
{
    struct connection *connection = socket->connection;

    connection->ends[socket->side] = NULL;
    if (connection->ends[!socket->side] == NULL)
        rouse__free(socket->sockets->alloc, connection, connection_size(socket->sockets));
    socket->connection = NULL;
}

void rouse__sim_connection_break(struct sim_socket *socket, int error)
{
    struct sim_socket *peer = sim_peer_of(socket);

    sim_inward(socket)->ended = sim_outward(socket)->ended = true;
    if (peer != NULL)
        peer->error = error;
    rouse__sim_settle(peer);
}

int rouse__sim_pair_new(struct rouse__sim_sockets *sockets, enum rouse_family family,
                        enum socket_state state, rouse_fd fds[2])
{
    struct sim_socket *first = rouse__sim_socket_new(sockets, family);
    struct sim_socket *second = rouse__sim_socket_new(sockets, family);
    int error = -ENOMEM;

    if (first == NULL || second == NULL)
        goto undo_sockets;
    error = rouse__sim_connection_new(sockets, first, second);
    if (error < 0)
        goto undo_sockets;
    error = rouse__sim_descriptor_give(first);
    if (error < 0)
        goto undo_connection;
    error = rouse__sim_descriptor_give(second);
    if (error < 0)
        goto undo_first;
    first->state = second->state = state;
    first->remote = second->local;
    second->remote = first->local;
    fds[0] = first->fd;
    fds[1] = second->fd;
    return 0;

undo_first:
    descriptor_take(first);
undo_connection:
    rouse__sim_connection_leave(first);
    rouse__sim_connection_leave(second);
undo_sockets:
    rouse__sim_socket_free(first);
    rouse__sim_socket_free(second);
    return error;
}

/* What a close() of one end does to the other. */
static void connection_end(struct sim_socket *socket)
{
    const struct connection *connection = socket->connection;

    if (sim_inward(socket)->count == 0) {
        sim_outward(socket)->ended = true;
        if (!connection->tcp)
            sim_inward(socket)->ended = true;
        rouse__sim_settle(sim_peer_of(socket));
    } else if (connection->tcp && sim_outward(socket)->ended) {
        /* TCP tells a reset to nobody who was told the end of the stream before. */
        rouse__sim_connection_break(socket, 0);
    } else {
        rouse__sim_connection_break(socket, -ECONNRESET);
    }
}

/* -- The calls, in the order of their table ---------------------------------- */

static int sim_open(const struct rouse_sockets *self, enum rouse_family family, rouse_fd *fd)
{
    struct sim_socket *socket;
    int error;

    if (family != ROUSE_IPV4 && family != ROUSE_IPV6 && family != ROUSE_UNIX)
        return -EAFNOSUPPORT;
    socket = rouse__sim_socket_new(sim_sockets_of(self), family);
    if (socket == NULL)
        return -ENOMEM;
    error = rouse__sim_descriptor_give(socket);
    if (error < 0) {
        rouse__sim_socket_free(socket);
        return error;
    }
    *fd = socket->fd;
    return 0;
}

int rouse__sim_error_take(struct sim_socket *socket)
{
    const int error = socket->error;

    socket->error = 0;
    rouse__sim_settle(socket);
    return error;
}

static intptr_t stream_read(struct sim_socket *socket, void *buffer, size_t size)
{
    struct sim_flow *flow = sim_inward(socket);
    const size_t count = sim_flow_read(flow, buffer, size); /* may pass an urgent byte alone */

    rouse__sim_settle(sim_peer_of(socket));
    rouse__sim_settle(socket);
    if (count > 0)
        return (intptr_t) count;
    if (socket->error != 0)
        return rouse__sim_error_take(socket);
    return flow->ended ? 0 : -EAGAIN;
}

static intptr_t sim_read(const struct rouse_sockets *self, rouse_fd fd, void *buffer, size_t size)
{
    struct sim_socket *socket = sim_find(self, fd);

    if (socket == NULL)
        return -EBADF;
    switch (socket->state) {
    case SOCKET_CONNECTING: return -EAGAIN;
    case SOCKET_CONNECTED: return stream_read(socket, buffer, size);
    case SOCKET_REFUSED:
        return rouse__sim_error_take(socket); /* and then it is the end of the stream */
    case SOCKET_DATAGRAM: return rouse__sim_datagram_read(socket, buffer, size);
    case SOCKET_IDLE:
    case SOCKET_LISTENING: break;
    }
    return -ENOTCONN;
}

static intptr_t stream_write(struct sim_socket *socket, const void *buffer, size_t size)
{
    struct sim_flow *flow = sim_outward(socket);
    size_t count;

    if (socket->error != 0 && socket->connection->writes_tell)
        return rouse__sim_error_take(socket);
    if (flow->ended)
        return -EPIPE;
    if (sim_flow_room(flow) == 0)
        return -EAGAIN;
    count = sim_flow_write(flow, buffer, size);
    if (sim_peer_of(socket) == NULL) {
        /* TCP: the bytes are on their way, and what comes back is a reset. */
        flow->ended = true;
    }
    rouse__sim_settle(sim_peer_of(socket));
    rouse__sim_settle(socket);
    return (intptr_t) count;
}

static intptr_t sim_write(const struct rouse_sockets *self, rouse_fd fd, const void *buffer,
                          size_t size)
{
    struct sim_socket *socket = sim_find(self, fd);
    int error;

    if (socket == NULL)
        return -EBADF;
    switch (socket->state) {
    case SOCKET_CONNECTING: return -EAGAIN;
    case SOCKET_CONNECTED: return stream_write(socket, buffer, size);
    case SOCKET_REFUSED: error = rouse__sim_error_take(socket); return error != 0 ? error : -EPIPE;
    case SOCKET_DATAGRAM: return rouse__sim_datagram_write(socket, buffer, size);
    case SOCKET_IDLE:
    case SOCKET_LISTENING: break;
    }
    return -ENOTCONN;
}

static int sim_shutdown(const struct rouse_sockets *self, rouse_fd fd)
{
    struct sim_socket *socket = sim_find(self, fd);

    if (socket == NULL)
        return -EBADF;
    if (socket->state == SOCKET_DATAGRAM) {
        sim_outward(socket)->ended = true; /* which its peer is not told */
        return 0;
    }
    if (socket->state != SOCKET_CONNECTED)
        return -ENOTCONN;
    /* A TCP connection is over when both ends have said so; a Unix one lives on. */
    if (socket->connection->tcp && sim_outward(socket)->ended && sim_inward(socket)->ended)
        return -ENOTCONN;
    sim_outward(socket)->ended = true;
    rouse__sim_settle(sim_peer_of(socket));
    rouse__sim_settle(socket);
    return 0;
}

static void socket_close(struct sim_socket *socket)
{
    struct sim_socket *end;

    ROUSE_RULE(socket->source == NULL, "E5: a descriptor was closed before forget()", "sim");
    if (socket->source != NULL)
        rouse__sim_forget(socket->source);
    switch (socket->state) {
    case SOCKET_LISTENING: rouse__sim_listener_end(socket); break;
    case SOCKET_CONNECTING:
        end = sim_peer_of(socket);
        sim_link_remove(&end->place);
        rouse__sim_connection_leave(socket);
        rouse__sim_connection_leave(end);
        rouse__sim_socket_free(end);
        break;
    case SOCKET_CONNECTED:
        connection_end(socket);
        rouse__sim_connection_leave(socket);
        break;
    case SOCKET_DATAGRAM: rouse__sim_connection_leave(socket); break;
    case SOCKET_IDLE:
    case SOCKET_REFUSED: break;
    }
    rouse__sim_port_release(socket);
    descriptor_take(socket);
    rouse__sim_socket_free(socket);
}

static void sim_close(const struct rouse_sockets *self, rouse_fd fd)
{
    struct sim_socket *socket = sim_find(self, fd);

    if (socket != NULL)
        socket_close(socket);
}

static int sim_pair(const struct rouse_sockets *self, rouse_fd fds[2])
{
    return rouse__sim_pair_new(sim_sockets_of(self), ROUSE_UNIX, SOCKET_CONNECTED, fds);
}

static int sim_local(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    const struct sim_socket *socket = sim_find(self, fd);

    if (socket == NULL)
        return -EBADF;
    *address = socket->local;
    return 0;
}

static int sim_peer(const struct rouse_sockets *self, rouse_fd fd, struct rouse_address *address)
{
    const struct sim_socket *socket = sim_find(self, fd);

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
    .listen = rouse__sim_listen,
    .accept = rouse__sim_accept,
    .connected = rouse__sim_connected,
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
    sim_list_init(&sockets->travelling);
}

void rouse__sim_sockets_close(struct rouse__sim_sockets *sockets)
{
    size_t fd;

    for (fd = 0; fd < sockets->room; fd++)
        sim_close(&sockets->table, (rouse_fd) fd);
    rouse__free(sockets->alloc, sockets->sockets, sockets->room * sizeof *sockets->sockets);
}

/* -- What peers may do beside the table --------------------------------------- */

void rouse__sim_break(struct rouse__sim_sockets *sockets, rouse_fd fd)
{
    struct sim_socket *socket = sim_find(&sockets->table, fd);

    socket->connection->writes_tell = true;
    rouse__sim_connection_break(socket, -ECONNRESET);
    socket->error = -ECONNRESET;
    rouse__sim_settle(socket);
}

int rouse__sim_reset(struct rouse__sim_sockets *sockets, rouse_fd fd)
{
    struct sim_socket *socket = sim_find(&sockets->table, fd);

    if (socket == NULL)
        return -EBADF;
    if (socket->state == SOCKET_CONNECTED) {
        socket->connection->writes_tell = true;
        rouse__sim_connection_break(socket, -ECONNRESET);
        /* Closing with bytes unread would be a reset of its own, and tell another error. */
        sim_flow_skip(sim_inward(socket), sim_inward(socket)->count);
    }
    socket_close(socket);
    return 0;
}

int rouse__sim_urgent(struct rouse__sim_sockets *sockets, rouse_fd fd, char byte)
{
    struct sim_socket *socket = sim_find(&sockets->table, fd);
    intptr_t written;

    if (socket != NULL && socket->state == SOCKET_DATAGRAM)
        return -EINVAL;
    written = sim_write(&sockets->table, fd, &byte, 1);
    if (written < 0)
        return (int) written;
    sim_flow_mark(sim_outward(socket));
    rouse__sim_settle(sim_peer_of(socket));
    return 0;
}
