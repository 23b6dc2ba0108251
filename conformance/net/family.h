/*
 * family.h -- what must hold over every family of addresses: N2 for IPv4, N8, N9.
 */
#ifndef ROUSE_CONFORMANCE_FAMILY_H
#define ROUSE_CONFORMANCE_FAMILY_H

#include "stream.h"

/* Listens at `asked` by text, connects by text and by address, accepts, asks each end where it
 * is and where the other is, and carries bytes both ways to their ends, three times. NULL, or
 * what went wrong. */
const char *family_serves_at(struct world *world, const struct rouse_address *asked);

/* The same at an address of the world's. */
const char *family_serves(struct world *world, enum rouse_family family);

/* A read that waits, a dropped one, a full stream and a closing, over one connection. */
const char *family_waits(struct world *world, enum rouse_family family);

#endif /* ROUSE_CONFORMANCE_FAMILY_H */
