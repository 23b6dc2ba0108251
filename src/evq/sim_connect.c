/*
 * sim_connect.c -- how simulated sockets find each other: listening, connecting, accepting.
 *
 * Where kernels differ these do what Linux does, found out by asking it:
 *
 *   - connect() over IPv4 or IPv6 is always -EINPROGRESS, and how it ended, a refusal
 *     included, is told by writability. Who gets there is connected before anybody accepts
 *     it, and may carry bytes.
 *   - A backlog of n holds n + 1 connections. Beyond that a TCP connect() stays in
 *     progress until accept() makes room; over a Unix socket it is -EAGAIN at once.
 *
 * Every address belongs to this machine, 0.0.0.0 and [::] stand for all of their family
 * to a listener, and for the loopback device to connect(). Whoever connects does so from
 * the very address that it connects to. A Unix listener's name goes away with it.
 *
 * Memory for a connection, both directions and the end that is to be accepted, is asked
 * for by connect(), so that whatever comes later cannot run out of it.
 */
#include "sim_socket.h"

#include <errno.h>

enum { MOST_BACKLOG = 4096 };

/* -- Listeners and their ports ------------------------------------------------ */

/* The listener that answers at `address`, or is in its way. */
static struct sim_socket *listener_at(struct rouse__sim_sockets *sockets,
                                      const struct rouse_address *address)
{
    struct sim_link *at;

    for (at = sockets->listeners.next; at != &sockets->listeners; at = at->next) {
        if (sim_address_overlaps(&sim_by_place(at)->local, address))
            return sim_by_place(at);
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
void rouse__sim_port_release(struct sim_socket *socket)
{
    if (socket->owns_port && !port_listened(socket->sockets, socket->local.port))
        sim_port_release(&socket->sockets->ports, socket->local.port);
}

/* Makes an end ready to be accepted, and its peer connected. */
static void listener_admit(struct sim_socket *listener, struct sim_socket *end)
{
    struct sim_socket *peer = sim_peer_of(end);

    sim_link_remove(&end->place);
    sim_list_append(&listener->queued, &end->place);
    listener->queued_count++;
    peer->state = SOCKET_CONNECTED;
    rouse__sim_settle(peer);
    rouse__sim_settle(listener);
}

static bool listener_full(const struct sim_socket *listener)
{
    return listener->queued_count > listener->backlog;
}

/* One has left the queue: the next moves up. */
static void listener_advance(struct sim_socket *listener)
{
    listener->queued_count--;
    if (!sim_list_empty(&listener->waiting))
        listener_admit(listener, sim_by_place(listener->waiting.next));
    rouse__sim_settle(listener);
}

/* Nobody is there for `end`, whose peer is told. */
static void refuse(struct sim_socket *end)
{
    struct sim_socket *peer = sim_peer_of(end);

    rouse__sim_connection_leave(peer);
    rouse__sim_connection_leave(end);
    rouse__sim_socket_free(end);
    peer->state = SOCKET_REFUSED;
    peer->error = -ECONNREFUSED;
    rouse__sim_settle(peer);
}

/* Ends a connection that was made and never accepted. */
static void abandon(struct sim_socket *end)
{
    sim_link_remove(&end->place);
    rouse__sim_connection_break(end, -ECONNRESET);
    rouse__sim_connection_leave(end);
    rouse__sim_socket_free(end);
}

/* As Linux does it: who is connected already is reset, who still waits for room finds
 * nobody there any more. */
void rouse__sim_listener_end(struct sim_socket *listener)
{
    struct sim_socket *end;

    sim_link_remove(&listener->place);
    while (!sim_list_empty(&listener->queued))
        abandon(sim_by_place(listener->queued.next));
    while (!sim_list_empty(&listener->waiting)) {
        end = sim_by_place(listener->waiting.next);
        sim_link_remove(&end->place);
        refuse(end);
    }
}

int rouse__sim_listen(const struct rouse_sockets *self, rouse_fd fd,
                      const struct rouse_address *address, int backlog)
{
    struct rouse__sim_sockets *sockets = sim_sockets_of(self);
    struct sim_socket *socket = sim_find(self, fd);
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

int rouse__sim_accept(const struct rouse_sockets *self, rouse_fd fd, rouse_fd *accepted)
{
    struct sim_socket *listener = sim_find(self, fd);
    struct sim_socket *end;
    int error;

    if (listener == NULL)
        return -EBADF;
    if (listener->state != SOCKET_LISTENING)
        return -EINVAL;
    if (sim_list_empty(&listener->queued))
        return -EAGAIN;
    end = sim_by_place(listener->queued.next);
    error = rouse__sim_descriptor_give(end);
    if (error < 0)
        return error;
    sim_link_remove(&end->place);
    listener_advance(listener);
    *accepted = end->fd;
    return 0;
}

bool rouse__sim_acceptable(const struct rouse__sim_sockets *sockets, rouse_fd fd)
{
    const struct sim_socket *listener = sim_find(&sockets->table, fd);

    return listener != NULL && listener->state == SOCKET_LISTENING
           && !sim_list_empty(&listener->queued);
}

void rouse__sim_abort(struct rouse__sim_sockets *sockets, rouse_fd fd)
{
    struct sim_socket *listener = sim_find(&sockets->table, fd);

    abandon(sim_by_place(listener->queued.next));
    listener_advance(listener);
}

/* Makes the end that a listener will accept, connected to `client` and as yet nowhere. */
static struct sim_socket *end_new(struct sim_socket *client)
{
    struct sim_socket *end = rouse__sim_socket_new(client->sockets, client->family);

    if (end == NULL)
        return NULL;
    if (rouse__sim_connection_new(client->sockets, client, end) < 0) {
        rouse__sim_socket_free(end);
        return NULL;
    }
    end->local = client->remote;
    end->remote = client->local;
    end->state = SOCKET_CONNECTED;
    client->state = SOCKET_CONNECTING;
    return end;
}

/* The way is over: here is a listener, or nobody. */
static void arrive(struct sim_socket *end, struct sim_socket *listener)
{
    sim_link_remove(&end->place);
    if (listener == NULL) {
        refuse(end);
    } else {
        sim_list_append(&listener->waiting, &end->place);
        if (!listener_full(listener))
            listener_admit(listener, end);
    }
}

static struct sim_socket *destination(struct sim_socket *end)
{
    return end->astray ? NULL : listener_at(end->sockets, &end->local);
}

static int connect_unix(struct sim_socket *socket, const struct rouse_address *remote)
{
    struct sim_socket *listener = listener_at(socket->sockets, remote);
    struct sim_socket *end;

    if (listener == NULL)
        return -ENOENT;
    if (listener_full(listener))
        return -EAGAIN;
    socket->remote = *remote;
    end = end_new(socket);
    if (end == NULL)
        return -ENOMEM;
    arrive(end, listener);
    return 0;
}

static int connect_tcp(struct sim_socket *socket, const struct rouse_address *remote,
                       rouse_time arrival, bool astray)
{
    const struct rouse_address nowhere = socket->local;
    const uint16_t port = sim_port_choose(&socket->sockets->ports);
    struct sim_socket *end;

    if (port == 0)
        return -EADDRNOTAVAIL;
    socket->local = socket->remote = *remote;
    socket->local.port = port;
    end = end_new(socket);
    if (end == NULL) {
        socket->local = nowhere;
        return -ENOMEM;
    }
    port_take(socket);
    end->arrival = arrival;
    end->astray = astray;
    if (arrival == 0)
        arrive(end, destination(end));
    else
        sim_list_append(&socket->sockets->travelling, &end->place);
    return -EINPROGRESS;
}

/* The one of those who travel that arrives next, and was first to leave; or NULL. */
static struct sim_socket *next_to_arrive(const struct rouse__sim_sockets *sockets)
{
    struct sim_socket *next = NULL;
    struct sim_link *at;

    for (at = sockets->travelling.next; at != &sockets->travelling; at = at->next)
        if (next == NULL || sim_by_place(at)->arrival < next->arrival)
            next = sim_by_place(at);
    return next;
}

rouse_time rouse__sim_next_arrival(const struct rouse__sim_sockets *sockets)
{
    const struct sim_socket *next = next_to_arrive(sockets);

    return next != NULL ? next->arrival : ROUSE_NEVER;
}

void rouse__sim_arrive(struct rouse__sim_sockets *sockets, rouse_time now)
{
    struct sim_socket *next;

    while ((next = next_to_arrive(sockets)) != NULL && next->arrival <= now)
        arrive(next, destination(next));
}

static bool is_tcp(const struct sim_socket *socket)
{
    return socket->family != ROUSE_UNIX;
}

bool rouse__sim_may_travel(const struct rouse__sim_sockets *sockets, rouse_fd fd)
{
    const struct sim_socket *socket = sim_find(&sockets->table, fd);

    return socket != NULL && socket->state == SOCKET_IDLE && is_tcp(socket);
}

int rouse__sim_travel(struct rouse__sim_sockets *sockets, rouse_fd fd,
                      const struct rouse_address *address, rouse_time arrival, bool astray)
{
    struct sim_socket *socket = sim_find(&sockets->table, fd);
    struct rouse_address remote;
    int error;

    if (socket == NULL)
        return -EBADF;
    switch (socket->state) {
    case SOCKET_IDLE: break;
    case SOCKET_CONNECTING: return -EALREADY;
    case SOCKET_REFUSED: return -EINVAL;
    case SOCKET_LISTENING:
    case SOCKET_CONNECTED:
    case SOCKET_DATAGRAM: return -EISCONN;
    }
    error = sim_address_copy(&remote, address, socket->family);
    if (error < 0)
        return error;
    if (sim_address_is_any(&remote))
        sim_address_become_loopback(&remote);
    return is_tcp(socket) ? connect_tcp(socket, &remote, arrival, astray)
                          : connect_unix(socket, &remote);
}

int rouse__sim_connected(const struct rouse_sockets *self, rouse_fd fd)
{
    struct sim_socket *socket = sim_find(self, fd);

    if (socket == NULL)
        return -EBADF;
    switch (socket->state) {
    case SOCKET_CONNECTING: return -EINPROGRESS;
    case SOCKET_CONNECTED:
    case SOCKET_DATAGRAM: return rouse__sim_error_take(socket);
    case SOCKET_REFUSED: (void) rouse__sim_error_take(socket); return -ECONNREFUSED;
    case SOCKET_IDLE:
    case SOCKET_LISTENING: break;
    }
    return -ENOTCONN;
}
