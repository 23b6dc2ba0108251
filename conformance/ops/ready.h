/*
 * ready.h -- what a descriptor of the host is ready for, which is the kernel's own word;
 * and paths to listen at.
 */
#ifndef ROUSE_CONFORMANCE_OPS_READY_H
#define ROUSE_CONFORMANCE_OPS_READY_H

#include <rouse/evq.h>

unsigned poll_ready(rouse_fd fd);

/* The text of an address that nobody else has, and what is left of it. */
void ready_path(char *text, size_t size, int number);
void ready_forget_path(int number);

#endif /* ROUSE_CONFORMANCE_OPS_READY_H */
