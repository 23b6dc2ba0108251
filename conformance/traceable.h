/*
 * traceable.h -- whether what is tested can be traced to what is promised, and back.
 */
#ifndef ROUSE_CONFORMANCE_TRACEABLE_H
#define ROUSE_CONFORMANCE_TRACEABLE_H

#include "runner.h"

/* Every case names known guarantees, one at least, and has a name of its own that begins
 * with the first; and, if these are all the cases there are, every required guarantee has
 * one. What is not so is said on stderr. */
bool traceable(const struct suite_case *const *cases, int count, bool complete);

#endif /* ROUSE_CONFORMANCE_TRACEABLE_H */
