/*
 * backends.c -- which backends exist here. The one source that knows.
 *
 * The build defines ROUSE_HAVE_name for each, and ROUSE_DEFAULT_BACKEND.
 */
#include "backends.h"

#include <stdlib.h>
#include <string.h>

#if defined(ROUSE_HAVE_IOCP)
#define IOCP_OPS &rouse__iocp,
#define IOCP_NAME ", iocp"
#else
#define IOCP_OPS
#define IOCP_NAME
#endif
#if defined(ROUSE_HAVE_KQUEUE)
#define KQUEUE_OPS &rouse__kqueue,
#define KQUEUE_NAME ", kqueue"
#else
#define KQUEUE_OPS
#define KQUEUE_NAME
#endif
#if defined(ROUSE_HAVE_EPOLL)
#define EPOLL_OPS &rouse__epoll,
#define EPOLL_NAME ", epoll"
#else
#define EPOLL_OPS
#define EPOLL_NAME
#endif
#if defined(ROUSE_HAVE_URING)
#define URING_OPS &rouse__uring,
#define URING_NAME ", uring"
#else
#define URING_OPS
#define URING_NAME
#endif
#if defined(ROUSE_HAVE_POLL)
#define POLL_OPS &rouse__poll,
#define POLL_NAME ", poll"
#else
#define POLL_OPS
#define POLL_NAME
#endif
#if defined(ROUSE_HAVE_LIBUV)
#define LIBUV_OPS &rouse__libuv,
#define LIBUV_NAME ", libuv"
#else
#define LIBUV_OPS
#define LIBUV_NAME
#endif
#if defined(ROUSE_HAVE_KQUEUE_EMULATED) /* for tests, so nobody's first choice */
#define EMULATED_OPS &rouse__kqueue,
#define EMULATED_NAME ", kqueue"
#else
#define EMULATED_OPS
#define EMULATED_NAME
#endif
#if defined(ROUSE_HAVE_SIM)
#define SIM_OPS &rouse__sim,
#define SIM_NAME ", sim"
#else
#define SIM_OPS
#define SIM_NAME
#endif

const struct rouse_evq_ops *const rouse_backends[] = {
    IOCP_OPS KQUEUE_OPS EPOLL_OPS URING_OPS POLL_OPS LIBUV_OPS EMULATED_OPS SIM_OPS NULL,
};

#define NO_SUCH_BACKEND "no such backend; there are native"

const char rouse__no_such_backend[] = NO_SUCH_BACKEND IOCP_NAME KQUEUE_NAME EPOLL_NAME URING_NAME
    POLL_NAME LIBUV_NAME EMULATED_NAME SIM_NAME;

const char *rouse_backend_names(void)
{
    return rouse__no_such_backend + sizeof NO_SUCH_BACKEND - 1 + 2; /* behind the comma */
}

static const struct rouse_evq_ops *by_name(const char *name)
{
    const struct rouse_evq_ops *const *backend = rouse_backends;

    while (*backend != NULL && strcmp((*backend)->name, name) != 0)
        backend++;
    return *backend;
}

/* Needs nothing from a system, so it stands in for none. */
static bool is_simulation(const struct rouse_evq_ops *backend)
{
    return strcmp(backend->name, "sim") == 0;
}

/* The first one that this system lets us open. */
static const struct rouse_evq_ops *native(void)
{
    const struct rouse_evq_ops *const *backend;
    struct rouse_evq *evq;

    for (backend = rouse_backends; *backend != NULL; backend++)
        if (!is_simulation(*backend) && (*backend)->open(&evq, NULL) == 0) {
            (*backend)->close(evq);
            return *backend;
        }
    return rouse_backends[0]; /* whose error the caller will see */
}

const struct rouse_evq_ops *rouse_backend(const char *name)
{
    if (name == NULL) {
        name = getenv("ROUSE_BACKEND");
        if (name == NULL || *name == '\0')
            name = ROUSE_DEFAULT_BACKEND;
    }
    return strcmp(name, "native") == 0 ? native() : by_name(name);
}
