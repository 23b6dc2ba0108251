/*
 * meter.h -- a queue that counts what passes through it, and can say no.
 *
 * It stands around the queue under test and brings its own table of socket calls, so that
 * a runtime opened on it shows how many calls its futures make, which of them found
 * nothing, and how many reports there were to make up for that. A backend may report too
 * much, once per arm, so counts are compared with each other and not with numbers.
 */
#ifndef ROUSE_CONFORMANCE_METER_H
#define ROUSE_CONFORMANCE_METER_H

#include "../world.h"

enum { METER_DRAINED_MAX = 16 };

struct meter {
    struct rouse_evq evq;       /* lend out its address */
    struct rouse_sockets table; /* what evq.sockets points at */
    struct rouse_evq *inner;
    const struct rouse_sockets *sockets; /* below `table` */

    int reads, reads_refused; /* calls, and those of them that said -EAGAIN */
    int writes, writes_refused, writes_whole;
    int accepts, accepts_refused;
    int closes;
    int waits;
    int readable, writable; /* reports */
    int unfounded;          /* ROUSE_DRAINED said of what nobody had found drained */

    struct rouse_source *batch[ROUSE_BATCH]; /* whom the last wait named, in its order */
    int batch_count;

    struct rouse_source *mistake; /* the next wait names it, whatever its state; then NULL */
    size_t write_limit;           /* the most that write() takes at once, if not 0 */
    int accept_error;             /* what accept() answers from now on, if not 0 */
    int arm_error;                /* what the next arm() answers, if not 0; then 0 */
    rouse_time stopped_at;        /* what now() answers, if not 0; meter_stop_clock() */
    bool short_is_drained;        /* a short transfer is such a finding */
    bool splits;                  /* reports two directions of a source as two, which is legal */

    struct meter_drained {
        rouse_fd fd;
        unsigned direction;
    } drained[METER_DRAINED_MAX]; /* since the last wait */
    int drained_count;
};

/* Opens `rt` on a queue that counts. rouse_close() ends both. */
void meter_runtime(struct world *world, struct meter *meter, struct rouse *rt);

/* What must happen before a moment comes happens so on the busiest machine: until
 * `stopped_at` is 0 again the runtime's time stands still. */
void meter_stop_clock(struct meter *meter);

/* How many calls there were on sockets, of any kind. */
int meter_calls(const struct meter *meter);

#endif /* ROUSE_CONFORMANCE_METER_H */
