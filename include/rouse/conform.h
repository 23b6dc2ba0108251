/*
 * rouse/conform.h -- the conformance suite, for a backend of your own.
 *
 * As a plug-in: a shared object that exports rouse_backend_plugin(), for
 *
 *     rouse-conform --plugin ./libmine.so
 *
 * Or, where there are no shared objects, a program of its own that is linked with
 * librouse_conform.a:
 *
 *     int main(int argc, char **argv)
 *     {
 *         return rouse_conform_main(argc, argv, &my_backend);
 *     }
 */
#ifndef ROUSE_CONFORM_H
#define ROUSE_CONFORM_H

#include <rouse/evq.h>

ROUSE_BEGIN_DECLS

/* The one symbol of a plug-in: its backend. The suite refuses one whose `size` is
 * smaller than the ops that it knows. */
const struct rouse_evq_ops *rouse_backend_plugin(void);

/* What the program rouse-conform does: runs the suite as the arguments say, and returns
 * its exit status. `backend` is one more than the library has, and then the only one that
 * is run unless others are named; NULL for none. */
int rouse_conform_main(int argc, char **argv, const struct rouse_evq_ops *backend);

ROUSE_END_DECLS

#endif /* ROUSE_CONFORM_H */
