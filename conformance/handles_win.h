/*
 * handles_win.h -- the handles of this process, as Windows lists them.
 */
#ifndef ROUSE_CONFORMANCE_HANDLES_WIN_H
#define ROUSE_CONFORMANCE_HANDLES_WIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct handle {
    uintptr_t value;
    bool inherited; /* children get it */
};

/* All that are open, in memory for free(). 0 when there is none to be had. */
size_t handles_list(struct handle **list);

/* Whether it is what queues and sockets are made of: a file, a completion port, an event.
 * Others come and go with threads and libraries. */
bool handle_is_descriptor(uintptr_t value);

#endif /* ROUSE_CONFORMANCE_HANDLES_WIN_H */
