/*
 * sim_address.h -- where simulated sockets are: addresses, and the ports that a machine
 * gives out.
 *
 * Every address belongs to the one simulated machine. Ports from 49,152 on (those that
 * IANA leaves for this) stand for a port of 0, the lowest that nobody has.
 */
#ifndef ROUSE_EVQ_SIM_ADDRESS_H
#define ROUSE_EVQ_SIM_ADDRESS_H

#include <rouse/socket.h>

#include <errno.h>
#include <string.h>

enum { SIM_FIRST_PORT = 49152, SIM_PORTS = 65536 - SIM_FIRST_PORT };

/* A bit for each port that is taken. */
struct sim_ports {
    uint64_t words[SIM_PORTS / 64];
};

/* A copy without whatever `address` holds beyond its length, or why it is none. */
static inline int sim_address_copy(struct rouse_address *copy, const struct rouse_address *address,
                                   enum rouse_family family)
{
    size_t length = address->length;

    if (address->family != family)
        return -EAFNOSUPPORT;
    if (family != ROUSE_UNIX)
        length = family == ROUSE_IPV4 ? 4 : 16;
    else if (length == 0 || length >= sizeof address->bytes) /* it has a final zero */
        return -EINVAL;
    memset(copy, 0, sizeof *copy);
    copy->family = address->family;
    copy->length = (uint8_t) length;
    memcpy(copy->bytes, address->bytes, length);
    if (family != ROUSE_UNIX)
        copy->port = address->port;
    if (family == ROUSE_IPV6)
        copy->scope = address->scope;
    return 0;
}

/* Whether this is 0.0.0.0 or [::]. The functions from here on are for such copies. */
static inline bool sim_address_is_any(const struct rouse_address *address)
{
    static const uint8_t zeroes[16];

    return address->family != ROUSE_UNIX && memcmp(address->bytes, zeroes, sizeof zeroes) == 0;
}

/* Makes 127.0.0.1 or [::1] of one that is any. */
static inline void sim_address_become_loopback(struct rouse_address *address)
{
    if (address->family == ROUSE_IPV4)
        address->bytes[0] = 127;
    address->bytes[address->length - 1] = 1;
}

/* Whether a listener at one would be in the way of a listener at the other. */
static inline bool sim_address_overlaps(const struct rouse_address *one,
                                        const struct rouse_address *other)
{
    return one->family == other->family && one->port == other->port
           && (sim_address_is_any(one) || sim_address_is_any(other)
               || (one->length == other->length
                   && memcmp(one->bytes, other->bytes, one->length) == 0));
}

/* Ports below the first are nobody's to give out: never taken, and taking does nothing. */

static inline uint64_t sim_port_bit(uint16_t port)
{
    return UINT64_C(1) << (port - SIM_FIRST_PORT) % 64;
}

static inline bool sim_port_taken(const struct sim_ports *ports, uint16_t port)
{
    return port >= SIM_FIRST_PORT
           && (ports->words[(port - SIM_FIRST_PORT) / 64] & sim_port_bit(port)) != 0;
}

static inline void sim_port_take(struct sim_ports *ports, uint16_t port)
{
    if (port >= SIM_FIRST_PORT)
        ports->words[(port - SIM_FIRST_PORT) / 64] |= sim_port_bit(port);
}

static inline void sim_port_release(struct sim_ports *ports, uint16_t port)
{
    if (port >= SIM_FIRST_PORT)
        ports->words[(port - SIM_FIRST_PORT) / 64] &= ~sim_port_bit(port);
}

/* The lowest port that is not taken, or 0 when all are. */
static inline uint16_t sim_port_choose(const struct sim_ports *ports)
{
    int number = 0;

    while (number < SIM_PORTS && ports->words[number / 64] == UINT64_MAX)
        number += 64;
    while (number < SIM_PORTS && sim_port_taken(ports, (uint16_t) (SIM_FIRST_PORT + number)))
        number++;
    return number < SIM_PORTS ? (uint16_t) (SIM_FIRST_PORT + number) : 0;
}

#endif /* ROUSE_EVQ_SIM_ADDRESS_H */
