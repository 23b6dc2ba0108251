/*
 * selfpipe.h -- something to sleep on that can be ended from anywhere.
 *
 * A pipe to oneself (D. J. Bernstein's trick): writing to it is safe on any thread and
 * in a signal handler, and its read end can be waited for beside other descriptors.
 */
#ifndef ROUSE_BASE_SELFPIPE_H
#define ROUSE_BASE_SELFPIPE_H

#include <rouse/base.h>

struct rouse__selfpipe {
    rouse_fd read_end;
    rouse_fd write_end;
};

/* 0, or -EMFILE and the like. */
int rouse__selfpipe_open(struct rouse__selfpipe *pipe);
void rouse__selfpipe_close(struct rouse__selfpipe *pipe);

/* Makes the read end readable. Any thread, signal handlers too; leaves errno alone. */
void rouse__selfpipe_notify(const struct rouse__selfpipe *pipe);

/* Makes it unreadable. */
void rouse__selfpipe_drain(const struct rouse__selfpipe *pipe);

/* Sleeps until it is readable. */
void rouse__selfpipe_wait(const struct rouse__selfpipe *pipe);

#endif /* ROUSE_BASE_SELFPIPE_H */
