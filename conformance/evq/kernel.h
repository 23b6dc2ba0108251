/*
 * kernel.h -- what a few cases of the event queue ask of the host itself.
 *
 * kernel_posix.c, kernel_win.c. Results are counts or -errno.
 */
#ifndef ROUSE_CONFORMANCE_EVQ_KERNEL_H
#define ROUSE_CONFORMANCE_EVQ_KERNEL_H

#include <rouse/base.h>

/* Processor time that this thread, or all this process, has used, in nanoseconds. It grows
 * by steps where it is not measured but sampled; 0 where it is measured. */
int64_t kernel_cpu_ns(void);
int64_t kernel_process_cpu_ns(void);
extern const int64_t kernel_cpu_step_ns;

/* How often this thread has given the processor away by itself, as who sleeps does; -1 where
 * nobody counts that. */
int64_t kernel_pauses(void);

/* Any descriptor, not only a socket. */
intptr_t kernel_read(rouse_fd fd, void *data, size_t size);
intptr_t kernel_write(rouse_fd fd, const void *data, size_t size);

/* Reads what is there and leaves it there. */
intptr_t kernel_peek(rouse_fd fd, void *data, size_t size);

/* Sends one byte over a Unix socket, and a descriptor along with it. */
intptr_t kernel_send_rights(rouse_fd fd, char byte, rouse_fd along);

/* Whether a descriptor of the host is readable, or becomes it within `ms`. */
bool kernel_readable(rouse_fd fd, int ms);

#endif /* ROUSE_CONFORMANCE_EVQ_KERNEL_H */
