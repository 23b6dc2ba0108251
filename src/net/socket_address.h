/*
 * socket_address.h -- an address of ours as one of the system's, and back. They are laid out
 * alike wherever there are BSD's calls; what differs is where they are declared.
 */
#ifndef ROUSE_NET_SOCKET_ADDRESS_H
#define ROUSE_NET_SOCKET_ADDRESS_H

#include <errno.h>
#include <rouse/socket.h>
#include <string.h>

#if defined(_WIN32)
/* In this order. */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <afunix.h>
#else
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#endif

/* Room for any address that we know. */
union any_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_un path;
};

/* How long it is; 0 for one that the system cannot have. */
static inline socklen_t address_to_system(union any_address *to, const struct rouse_address *from)
{
    memset(to, 0, sizeof *to);
    switch (from->family) {
    case ROUSE_IPV4:
        to->ipv4.sin_family = AF_INET;
        to->ipv4.sin_port = htons(from->port);
        memcpy(&to->ipv4.sin_addr, from->bytes, 4);
        return sizeof to->ipv4;
    case ROUSE_IPV6:
        to->ipv6.sin6_family = AF_INET6;
        to->ipv6.sin6_port = htons(from->port);
        to->ipv6.sin6_scope_id = from->scope;
        memcpy(&to->ipv6.sin6_addr, from->bytes, 16);
        return sizeof to->ipv6;
    case ROUSE_UNIX:
        if (from->length >= sizeof to->path.sun_path)
            return 0;
        to->path.sun_family = AF_UNIX;
        memcpy(to->path.sun_path, from->bytes, from->length);
        return (socklen_t) (offsetof(struct sockaddr_un, sun_path) + from->length + 1);
    default: return 0;
    }
}

static inline int address_from_system(struct rouse_address *to, const union any_address *from,
                                      socklen_t size)
{
    const size_t path = offsetof(struct sockaddr_un, sun_path);
    size_t length;

    memset(to, 0, sizeof *to);
    switch (from->any.sa_family) {
    case AF_INET:
        to->family = ROUSE_IPV4;
        to->length = 4;
        to->port = ntohs(from->ipv4.sin_port);
        memcpy(to->bytes, &from->ipv4.sin_addr, 4);
        return 0;
    case AF_INET6:
        to->family = ROUSE_IPV6;
        to->length = 16;
        to->port = ntohs(from->ipv6.sin6_port);
        to->scope = from->ipv6.sin6_scope_id;
        memcpy(to->bytes, &from->ipv6.sin6_addr, 16);
        return 0;
    case AF_UNIX: /* unnamed at the end that connected */
        length = (size_t) size > path ? (size_t) size - path : 0;
        if (length > sizeof to->bytes)
            length = sizeof to->bytes;
        to->family = ROUSE_UNIX;
        memcpy(to->bytes, from->path.sun_path, length);
        while (length > 0 && to->bytes[length - 1] == '\0')
            length--;
        to->length = (uint8_t) length;
        return 0;
    default: return -EAFNOSUPPORT;
    }
}

#endif /* ROUSE_NET_SOCKET_ADDRESS_H */
