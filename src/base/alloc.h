/*
 * alloc.h -- asking a rouse_alloc, where NULL stands for malloc.
 */
#ifndef ROUSE_BASE_ALLOC_H
#define ROUSE_BASE_ALLOC_H

#include <rouse/base.h>

/* `size` bytes of zeroes, or NULL. */
void *rouse__alloc(const struct rouse_alloc *alloc, size_t size);

/* The block in a new size, its old bytes kept, or NULL and the block untouched. */
void *rouse__resize(const struct rouse_alloc *alloc, void *block, size_t old_size, size_t new_size);

/* Gives a block back; NULL is none. */
void rouse__free(const struct rouse_alloc *alloc, void *block, size_t size);

#endif /* ROUSE_BASE_ALLOC_H */
