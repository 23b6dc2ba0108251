/*
 * world_datagrams.c -- what every host makes alike of its datagram sockets: two that are
 * connected, and whether one is told that the other has gone.
 */
#include <rouse/evq.h>

#include "world_host.h"

static int connect_both(const struct rouse_sockets *sockets, const rouse_fd ends[2])
{
    struct rouse_address address;
    int error = 0;

    for (int i = 0; i < 2 && error == 0; i++) {
        error = sockets->local(sockets, ends[!i], &address);
        if (error == 0)
            error = sockets->connect(sockets, ends[i], &address);
    }
    return error;
}

int host_datagrams(rouse_fd ends[2])
{
    int error = host_datagram(&ends[0]);

    if (error != 0)
        return error;
    error = host_datagram(&ends[1]);
    if (error != 0)
        goto undo_first;
    error = connect_both(rouse_host_sockets(), ends);
    if (error != 0)
        goto undo_second;
    return 0;

undo_second:
    host_close(ends[1]);
undo_first:
    host_close(ends[0]);
    return error;
}

bool host_has_icmp(int ms)
{
    const struct rouse_sockets *sockets = rouse_host_sockets();
    rouse_fd ends[2];
    bool told;

    if (host_datagrams(ends) != 0)
        return false;
    host_close(ends[1]);
    told = sockets->write(sockets, ends[0], "", 1) == 1
           && (host_ready(ends[0], ROUSE_READABLE, ms) & ROUSE_READABLE) != 0;
    host_close(ends[0]);
    return told;
}
