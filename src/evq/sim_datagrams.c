/*
 * sim_datagrams.c -- datagram sockets in memory, as UDP's over a loopback are.
 *
 * A message lies in its direction's ring behind its length. What has no room there is lost,
 * as in the kernel's buffer, and its sender is told nothing; so a sender never waits. One
 * whose peer has closed is told -ECONNREFUSED afterwards, by what it does next, whichever
 * that is: the ICMP message comes back to the socket, not to the call.
 */
#include "sim_socket.h"

#include <errno.h>

enum { DATAGRAM_MAX = 65507 /* what UDP over IPv4 can carry */ };

int rouse__sim_datagrams(struct rouse__sim_sockets *sockets, rouse_fd fds[2])
{
    return rouse__sim_pair_new(sockets, ROUSE_IPV4, SOCKET_DATAGRAM, fds);
}

unsigned rouse__sim_datagram_readiness(const struct sim_socket *socket)
{
    const bool something = socket->error != 0 || sim_inward(socket)->count > 0;

    return ROUSE_WRITABLE | (something ? ROUSE_READABLE : 0u);
}

intptr_t rouse__sim_datagram_read(struct sim_socket *socket, void *buffer, size_t size)
{
    struct sim_flow *flow = sim_inward(socket);
    uint32_t length;
    size_t count;

    if (socket->error != 0)
        return rouse__sim_error_take(socket);
    if (flow->count == 0)
        return -EAGAIN;
    sim_flow_read(flow, &length, sizeof length);
    count = sim_flow_read(flow, buffer, sim_flow_least(size, length));
    sim_flow_skip(flow, length - count);
    rouse__sim_settle(socket);
    return (intptr_t) count;
}

/* What sending a message would tell at once: 0 if it goes. */
static int refusal(const struct sim_socket *socket, size_t size)
{
    const struct sim_flow *flow = sim_outward(socket);

    if (socket->error != 0)
        return socket->error;
    if (flow->ended)
        return -EPIPE;
    return size > DATAGRAM_MAX || size + sizeof(uint32_t) > flow->capacity ? -EMSGSIZE : 0;
}

bool rouse__sim_may_be_lost(const struct rouse__sim_sockets *sockets, rouse_fd fd, size_t size)
{
    const struct sim_socket *socket = sim_find(&sockets->table, fd);

    return socket != NULL && socket->state == SOCKET_DATAGRAM && refusal(socket, size) == 0;
}

intptr_t rouse__sim_datagram_write(struct sim_socket *socket, const void *buffer, size_t size)
{
    struct sim_flow *flow = sim_outward(socket);
    struct sim_socket *peer = sim_peer_of(socket);
    const uint32_t length = (uint32_t) size;
    const int error = refusal(socket, size);

    if (error != 0) {
        (void) rouse__sim_error_take(socket); /* once */
        return error;
    }
    if (peer == NULL) {
        socket->error = -ECONNREFUSED;
    } else if (size + sizeof length <= sim_flow_room(flow)) {
        sim_flow_write(flow, &length, sizeof length);
        sim_flow_write(flow, buffer, size);
    }
    rouse__sim_settle(peer);
    rouse__sim_settle(socket);
    return (intptr_t) size;
}
