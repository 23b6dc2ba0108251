/*
 * world_things.h -- what a world has lent out, and its account of reports. Shared by the
 * files of the world.
 */
#ifndef ROUSE_CONFORMANCE_WORLD_THINGS_H
#define ROUSE_CONFORMANCE_WORLD_THINGS_H

#include "world.h"

/* What was reported of one source since somebody last asked. */
struct tally {
    const struct rouse_source *source;
    int readable, writable;
};

struct lent_source {
    struct rouse_source source;
    struct lent_source *next;
};

struct lent_wakes {
    struct wakes wakes;
    struct lent_wakes *next;
};

struct world_things {
    rouse_fd *fds; /* open, to be closed at the end */
    int fd_count, fd_room;

    rouse_fd *starving; /* what world_starve() opened */
    int starving_count, starving_room;
    bool limited; /* the host's limit was lowered */

    struct lent_source *sources;
    uintptr_t wakes; /* atomic: struct lent_wakes, newest first */

    struct tally *tallies;
    int tally_count, tally_room;

    uintptr_t wakes_begun; /* atomic: calls of world_wake() */
    uintptr_t wakes_done;  /* atomic: of those, returned */
    uintptr_t wakes_seen;  /* of those, before the last wait() that one could have ended */

    rouse_fd zero; /* what number 0 was, if that is free */
    bool zero_is_free;
    char path[ROUSE_ADDRESS_TEXT]; /* of a Unix socket, or "" */
    bool storm;

    int open_before; /* descriptors, when the world was opened */
};

/* An array that can hold `count` of `size` bytes, at least; leaves the case when there is
 * no memory. */
void *world_room(void *array, int *room, int count, size_t size);

/* Gives back what world_starve() took. */
void world_starve_end(struct world *world);

/* Closes what world_sockets.c still has open. */
void world_sockets_end(struct world *world);

/* Leaves the case as an error, unless `result` is a count: `what` failed. Returns it. */
intptr_t world_expect(intptr_t result, const char *what);

#endif /* ROUSE_CONFORMANCE_WORLD_THINGS_H */
