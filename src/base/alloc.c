/*
 * alloc.c -- asking a rouse_alloc, where NULL stands for malloc.
 */
#include "alloc.h"

#include <stdlib.h>
#include <string.h>

void *rouse__resize(const struct rouse_alloc *alloc, void *block, size_t old_size, size_t new_size)
{
    if (alloc != NULL)
        return alloc->resize(alloc->self, block, old_size, new_size);
    return realloc(block, new_size);
}

void *rouse__alloc(const struct rouse_alloc *alloc, size_t size)
{
    void *block = rouse__resize(alloc, NULL, 0, size);

    if (block != NULL)
        memset(block, 0, size);
    return block;
}

void rouse__free(const struct rouse_alloc *alloc, void *block, size_t size)
{
    if (block == NULL)
        return;
    if (alloc != NULL)
        (void) alloc->resize(alloc->self, block, size, 0);
    else
        free(block);
}
