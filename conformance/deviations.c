/*
 * deviations.c -- deviations.def, looked up.
 */
#include "deviations.h"

#include <stddef.h>
#include <string.h>

static const struct deviation deviations[] = {
#define DEVIATION(how, backend, name, what, source) {how, backend, name, what, source},
#include "deviations.def"
#undef DEVIATION
    {NULL, NULL, NULL, NULL, NULL}};

const struct deviation *deviation_of(const char *how, const char *backend, const char *name)
{
    for (const struct deviation *at = deviations; at->how != NULL; at++)
        if (how != NULL && backend != NULL && strcmp(at->how, how) == 0
            && strcmp(at->backend, backend) == 0 && strcmp(at->name, name) == 0)
            return at;
    return NULL;
}
