/*
 * bad_backend.c -- a plug-in that breaks one promise, which BAD_BACKEND names.
 *
 * It stands in front of poll, which keeps them all, and spoils what goes through it.
 * test_conform.py sees to it that the matrix is red in the right place.
 */
#include <rouse/conform.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bad {
    struct rouse_evq evq;
    struct rouse_evq *inner;
    struct rouse_event stale; /* the last report, for those that repeat it */
    void *leaked;
};

static const struct rouse_evq_ops bad_backend;

static bool is_bad(const char *how)
{
    const char *bad = getenv("BAD_BACKEND");

    return bad != NULL && strcmp(bad, how) == 0;
}

static struct rouse_evq *inner(struct rouse_evq *evq)
{
    return ((struct bad *) evq)->inner;
}

static int bad_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    struct bad *bad;
    int error;

    if (is_bad("refuses"))
        return -EPERM;
    if (is_bad("crashes-at-open"))
        abort();
    bad = calloc(1, sizeof *bad);
    if (bad == NULL)
        return -ENOMEM;
    error = rouse_backend("poll")->open(&bad->inner, options);
    if (error != 0) {
        free(bad);
        return error;
    }
    if (is_bad("leaks") && options != NULL && options->alloc != NULL)
        bad->leaked = options->alloc->resize(options->alloc->self, NULL, 0, 100);
    bad->evq.ops = &bad_backend;
    *evq = &bad->evq;
    return 0;
}

static void bad_close(struct rouse_evq *evq)
{
    inner(evq)->ops->close(inner(evq));
    free(evq);
}

static int bad_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    const int error = inner(evq)->ops->arm(inner(evq), source, interest);

    return is_bad("takes-anything") && error == -EPERM ? 0 : error;
}

static void bad_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    if (!is_bad("remembers"))
        ((struct bad *) evq)->stale.source = NULL;
    inner(evq)->ops->forget(inner(evq), source);
}

/* Writes the last report over the first one, or where none is. */
static int repeat(struct bad *bad, struct rouse_event *events, int count)
{
    if (bad->stale.source == NULL)
        return count;
    events[0] = bad->stale;
    bad->stale.source = NULL;
    return count > 0 ? count : 1;
}

static rouse_time bad_now(struct rouse_evq *evq)
{
    return inner(evq)->ops->now(inner(evq));
}

static int bad_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                    rouse_time deadline)
{
    struct bad *bad = (struct bad *) evq;
    int count;

    if (is_bad("crashes"))
        abort();
    if (is_bad("exits"))
        _exit(0);
    while (is_bad("hangs"))
        usleep(1000);
    if (is_bad("returns-early") && deadline != ROUSE_NEVER)
        deadline -= ROUSE_MS(5);
    do
        count = bad->inner->ops->wait(bad->inner, events, capacity, deadline);
    while (is_bad("loses") && count == 1 && bad_now(evq) < deadline);
    if ((is_bad("loses") || is_bad("loses-and-returns")) && count > 0)
        count--;
    if (is_bad("repeats") || is_bad("remembers")) {
        if (count == 0)
            return repeat(bad, events, count);
        bad->stale = events[0];
    }
    return count;
}

static void bad_wake(struct rouse_evq *evq)
{
    if (!is_bad("sleeps-on"))
        inner(evq)->ops->wake(inner(evq));
}

static const struct rouse_evq_ops bad_backend = {
    .size = sizeof bad_backend,
    .name = "bad",
    .version = "on poll",
    .open = bad_open,
    .close = bad_close,
    .arm = bad_arm,
    .forget = bad_forget,
    .wait = bad_wait,
    .wake = bad_wake,
    .now = bad_now,
};

__attribute__((visibility("default"))) const struct rouse_evq_ops *rouse_backend_plugin(void)
{
    return &bad_backend;
}
