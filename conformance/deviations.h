/*
 * deviations.h -- cases that fail for a known fault of what stands in for a system.
 */
#ifndef ROUSE_CONFORMANCE_DEVIATIONS_H
#define ROUSE_CONFORMANCE_DEVIATIONS_H

struct deviation {
    const char *how;     /* as process_how() says it */
    const char *backend; /* as its own program knows it */
    const char *name;    /* of the case */
    const char *what;    /* the system does otherwise */
    const char *source;  /* where that can be read up */
};

/* The one for this case there, or NULL. `how` and `backend` may be NULL: none. */
const struct deviation *deviation_of(const char *how, const char *backend, const char *name);

#endif /* ROUSE_CONFORMANCE_DEVIATIONS_H */
