/*
 * own_backend.c -- an event queue of one's own, on select(2), in one file.
 *
 *     cc -shared -fPIC -o own_backend.so own_backend.c
 *     rouse-conform --plugin ./own_backend.so
 *
 * The numbers in the comments are the clauses of the contract in rouse/evq.h. select(2)
 * makes most of them easy: it remembers nothing between two calls, so that a source is
 * known to the kernel only while we wait. What is left is a list of sources, and a pipe
 * by which wake() ends the wait.
 */
#include <rouse/conform.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A source that has been armed. Found by source->record. */
struct watch {
    struct rouse_source *source;
    struct watch *next;
    struct watch **link; /* what points at us */
};

struct queue {
    struct rouse_evq evq; /* first, so that one pointer serves for both */
    const struct rouse_alloc *alloc;
    struct watch *watches; /* who waited longest comes first (E10) */
    struct watch **tail;
    int pipe[2]; /* readable once somebody called wake() */
};

static const struct rouse_evq_ops own_backend; /* at the end */

static void *resize(const struct rouse_alloc *alloc, void *block, size_t old_size, size_t new_size)
{
    if (alloc != NULL)
        return alloc->resize(alloc->self, block, old_size, new_size);
    if (new_size != 0)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

static void append(struct queue *queue, struct watch *watch)
{
    watch->next = NULL;
    watch->link = queue->tail;
    *queue->tail = watch;
    queue->tail = &watch->next;
}

static void detach(struct queue *queue, struct watch *watch)
{
    *watch->link = watch->next;
    if (watch->next != NULL)
        watch->next->link = watch->link;
    else
        queue->tail = watch->link;
}

static int prepare_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

static int own_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    const struct rouse_alloc *alloc = options != NULL ? options->alloc : NULL;
    struct queue *queue = resize(alloc, NULL, 0, sizeof *queue);
    int error;

    if (queue == NULL)
        return -ENOMEM;
    *queue = (struct queue){.alloc = alloc};
    queue->tail = &queue->watches;
    error = prepare_pipe(queue->pipe);
    if (error != 0) {
        resize(alloc, queue, sizeof *queue, 0);
        return error;
    }
    queue->evq.ops = &own_backend;
    *evq = &queue->evq;
    return 0;
}

static void own_close(struct rouse_evq *evq)
{
    struct queue *queue = (struct queue *) evq;

    close(queue->pipe[0]);
    close(queue->pipe[1]);
    resize(queue->alloc, queue, sizeof *queue, 0);
}

/* What can never work is told at once (E11); select() would call a file ready for ever. */
static int watchable(int fd)
{
    struct stat what;

    if (fd < 0)
        return -EBADF;
    if (fstat(fd, &what) != 0)
        return -errno;
    if (S_ISREG(what.st_mode) || S_ISDIR(what.st_mode))
        return -EPERM;
    return fd < FD_SETSIZE ? 0 : -EMFILE;
}

static int own_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct queue *queue = (struct queue *) evq;

    if (source->record == NULL) {
        const int error = watchable(source->fd);
        struct watch *watch;

        if (error != 0)
            return error;
        watch = resize(queue->alloc, NULL, 0, sizeof *watch);
        if (watch == NULL)
            return -ENOMEM;
        watch->source = source;
        append(queue, watch);
        source->record = watch;
    }
    /* ROUSE_DRAINED would save a look that select() takes in any case (E3). */
    source->armed |= (uint8_t) (interest & (ROUSE_READABLE | ROUSE_WRITABLE));
    return 0;
}

static void own_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct queue *queue = (struct queue *) evq;

    if (source->record != NULL) {
        detach(queue, source->record);
        resize(queue->alloc, source->record, sizeof(struct watch), 0);
    }
    source->record = NULL;
    source->armed = 0;
}

static rouse_time own_now(struct rouse_evq *evq)
{
    struct timespec now;

    (void) evq;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ROUSE_SECONDS(now.tv_sec) + now.tv_nsec;
}

struct sets {
    fd_set readable, writable;
    int count; /* one more than the highest descriptor */
};

static void fill_sets(const struct queue *queue, struct sets *sets)
{
    FD_ZERO(&sets->readable);
    FD_ZERO(&sets->writable);
    FD_SET(queue->pipe[0], &sets->readable);
    sets->count = queue->pipe[0] + 1;
    for (const struct watch *watch = queue->watches; watch != NULL; watch = watch->next) {
        const struct rouse_source *source = watch->source;

        if (source->armed & ROUSE_READABLE)
            FD_SET(source->fd, &sets->readable);
        if (source->armed & ROUSE_WRITABLE)
            FD_SET(source->fd, &sets->writable);
        if (source->armed != 0 && source->fd >= sets->count)
            sets->count = source->fd + 1;
    }
}

/* What a source is told, and no longer armed for (E1). */
static unsigned report(struct rouse_source *source, const struct sets *sets)
{
    unsigned ready = 0;

    if (FD_ISSET(source->fd, &sets->readable))
        ready |= ROUSE_READABLE;
    if (FD_ISSET(source->fd, &sets->writable))
        ready |= ROUSE_WRITABLE;
    ready &= source->armed;
    source->armed &= (uint8_t) ~ready;
    return ready;
}

/* Whoever is reported goes to the end, so that others come first next time (E10). There
 * it is met again, with nothing left to report. */
static int harvest(struct queue *queue, const struct sets *sets, struct rouse_event *events,
                   int capacity)
{
    struct watch *next;
    int count = 0;

    for (struct watch *watch = queue->watches; watch != NULL && count < capacity; watch = next) {
        const unsigned ready = report(watch->source, sets);

        next = watch->next;
        if (ready != 0) {
            events[count++] = (struct rouse_event){watch->source, ready};
            detach(queue, watch);
            append(queue, watch);
        }
    }
    return count;
}

static bool take_wake(struct queue *queue)
{
    char bytes[64];
    bool woken = false;

    while (read(queue->pipe[0], bytes, sizeof bytes) > 0)
        woken = true;
    return woken;
}

static int own_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                    rouse_time deadline)
{
    struct queue *queue = (struct queue *) evq;

    for (;;) {
        const rouse_time now = own_now(evq);
        const rouse_time left = deadline > now ? deadline - now : 0;
        const struct timespec timeout = {left / ROUSE_SECONDS(1), left % ROUSE_SECONDS(1)};
        struct sets sets;
        bool woken;
        int count, ready;

        fill_sets(queue, &sets);
        ready = pselect(sets.count, &sets.readable, &sets.writable, NULL,
                        deadline == ROUSE_NEVER ? NULL : &timeout, NULL);
        if (ready < 0 && errno != EINTR)
            return -errno;
        woken = take_wake(queue);
        count = ready > 0 ? harvest(queue, &sets, events, capacity) : 0;
        if (count > 0 || woken)
            return count;
        /* An interruption is nobody's business (E9); the deadline ends it, no sooner. */
        if (own_now(evq) >= deadline)
            return 0;
    }
}

/* Any thread, signal handlers too (E8). A full pipe is as good as another byte (E7). */
static void own_wake(struct rouse_evq *evq)
{
    const int before = errno;
    const ssize_t written = write(((struct queue *) evq)->pipe[1], "", 1);

    (void) written;
    errno = before;
}

static const struct rouse_evq_ops own_backend = {
    .size = sizeof own_backend,
    .name = "own",
    .version = "select(2)",
    .open = own_open,
    .close = own_close,
    .arm = own_arm,
    .forget = own_forget,
    .wait = own_wait,
    .wake = own_wake,
    .now = own_now,
};

__attribute__((visibility("default"))) const struct rouse_evq_ops *rouse_backend_plugin(void)
{
    return &own_backend;
}
