/*
 * net_internal.h -- the one place through which net futures reach sockets.
 */
#ifndef ROUSE_NET_INTERNAL_H
#define ROUSE_NET_INTERNAL_H

#include <rouse/net.h>

/* The queue's sockets or the host's, which the reactor then knows too: it stands below
 * this layer, and cannot ask. Whatever opens a handle calls this first. */
static inline const struct rouse_sockets *sockets_of(struct rouse_reactor *reactor)
{
    if (reactor->sockets == NULL)
        reactor->sockets = rouse_host_sockets();
    return reactor->sockets;
}

/* "127.0.0.1" or "::1" to bytes in network order, and back. 0 or -EINVAL; `text` has
 * room for ROUSE_ADDRESS_TEXT. */
int rouse__ip_parse(enum rouse_family family, const char *text, uint8_t *bytes);
int rouse__ip_format(enum rouse_family family, const uint8_t *bytes, char *text);

#endif /* ROUSE_NET_INTERNAL_H */
