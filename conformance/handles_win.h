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
    unsigned type;  /* the kernel's number for it; handles_type() knows some */
    bool inherited; /* children get it */
};

/* All that are open, in memory for free(). 0 when there is none to be had. */
size_t handles_list(struct handle **list);

/* The type of a handle that is open. */
unsigned handles_type(uintptr_t value);

#endif /* ROUSE_CONFORMANCE_HANDLES_WIN_H */
