/*
 * backends.h -- the backends that there are. Which of them are compiled in, only
 * backends.c knows.
 */
#ifndef ROUSE_EVQ_BACKENDS_H
#define ROUSE_EVQ_BACKENDS_H

#include <rouse/evq.h>

extern const struct rouse_evq_ops rouse__iocp;
extern const struct rouse_evq_ops rouse__kqueue;
extern const struct rouse_evq_ops rouse__epoll;
extern const struct rouse_evq_ops rouse__uring;
extern const struct rouse_evq_ops rouse__poll;
extern const struct rouse_evq_ops rouse__libuv;
extern const struct rouse_evq_ops rouse__sim;

/* What -ENODEV means: the names, in a sentence. */
extern const char rouse__no_such_backend[];

#endif /* ROUSE_EVQ_BACKENDS_H */
