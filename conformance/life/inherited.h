/*
 * inherited.h -- what a child of this process finds open. inherited_posix.c,
 * inherited_win.c.
 */
#ifndef ROUSE_CONFORMANCE_LIFE_INHERITED_H
#define ROUSE_CONFORMANCE_LIFE_INHERITED_H

#include <stddef.h>

/* As a line of names. */
void inherited_list(char *list, size_t size);

#endif /* ROUSE_CONFORMANCE_LIFE_INHERITED_H */
