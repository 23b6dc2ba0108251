/*
 * ready.h -- what a descriptor of the host is ready for: the kernel's own word.
 */
#ifndef ROUSE_CONFORMANCE_OPS_READY_H
#define ROUSE_CONFORMANCE_OPS_READY_H

#include <rouse/evq.h>

unsigned poll_ready(rouse_fd fd);

#endif /* ROUSE_CONFORMANCE_OPS_READY_H */
