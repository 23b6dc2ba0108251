/*
 * libuv.c -- event queues on libuv: one uv_poll_t for each source.
 *
 * The hard part: libuv watches by level, reports by calling back, and lets go of a
 * handle in two steps; the contract wants one report for each arm(), collected by whoever
 * waits, and silence at once.
 *
 *   Callbacks only put their source into a list. wait() turns the loop until something is
 *   in it, and takes as much as the caller's array holds (E10).
 *
 *   Stopping a uv_poll_t and starting it again makes three epoll_ctl() calls, and what was
 *   reported is usually armed again before the next wait(). So it stays started, and only
 *   when it fires for a direction that nobody armed is that direction taken out (E1).
 *
 *   After uv_close() nothing more is heard of a handle, and its descriptor has left the
 *   kernel's set (E5); but its memory is libuv's until a later turn. So each source has a
 *   record on the heap.
 *
 *   An error arrives as UV_EBADF, after libuv has stopped the handle by itself (E4). A
 *   hang-up is told only when nothing else is, as every direction watched. One that hides
 *   behind data shows once readability has been taken out.
 *
 *   The kernel learns of what was started in the next turn. Until then, whoever sleeps on
 *   the loop's descriptor would sleep through it, see announce().
 *
 *   On Windows libuv polls AFD, as iocp.c does, and keeps to itself some of what it gets:
 *   that a socket has failed it tells one direction only, and what it has reported it
 *   reports again. What is done about that has places of its own, below.
 *
 * The first arm() makes the descriptor non-blocking, as uv_poll_init() always does.
 *
 * `rouse_evq_options.host` may point at a uv_loop_t of yours. The queue then lives in it,
 * keeps it alive until close(), and turns it in wait(). Your callbacks run there too, and
 * neither they nor uv_stop() end the wait; they must not call wait() themselves, because
 * uv_run() does not nest. You may just as well call uv_run(): what is reported there, the
 * next wait() returns at once. Call pollable() before, so that a wake() ends uv_run() too.
 * close() leaves handles that are closing: turn the loop once more before you close it, and
 * keep the allocator until then.
 */
#include <rouse/evq.h>

#include "../base/alloc.h"
#include "sleep.h"

#include <errno.h>
#include <uv.h>

#if defined(_WIN32)
#include "../base/error_win.h"
#include "nt.h"
#endif

#if UV_VERSION_HEX < ((1 << 16) | (44 << 8))
#error "rouse needs libuv 1.44 or newer"
#endif

#define STRING_(number) #number
#define STRING(number) STRING_(number)

extern const struct rouse_evq_ops rouse__libuv;

enum { DIRECTIONS = ROUSE_READABLE | ROUSE_WRITABLE };

_Static_assert((int) ROUSE_READABLE == (int) UV_READABLE
                   && (int) ROUSE_WRITABLE == (int) UV_WRITABLE,
               "directions go to libuv and back as they are");

struct link {
    struct link *next, *previous;
};

struct queue {
    struct rouse_evq evq;
    const struct rouse_alloc *alloc;
    uintptr_t sleep;     /* atomic, see sleep.h */
    uv_loop_t *loop;     /* `own`, or the host's */
    uv_async_t async;    /* ends a turn, from any thread */
    uv_timer_t timer;    /* ends a turn at its deadline; started only in wait() */
    struct link reports; /* of records, oldest first */
    size_t closing;      /* handles whose close callback is still to come */
    bool closed;         /* the last of those callbacks frees the queue */
    bool unknown;        /* something was started that the kernel does not know yet */
    uv_loop_t own;       /* not used in a host */
};

struct record {
    uv_poll_t poll;
    struct queue *queue;
    struct rouse_source *source; /* until uv_close() */
    struct link link;            /* in the queue's reports, while `ready` is not 0 */
    unsigned watched;            /* directions that the handle is started for */
    unsigned besides;            /* those among them that need not be armed */
    unsigned ready;              /* directions to report, all of them armed */
};

/* --- what differs between systems --- */

#if defined(_WIN32)

/* libuv's errors are numbers of its own here. */
static int error_of(int status)
{
    switch (status) {
    case 0: return 0;
    case UV_EBADF: return -EBADF;
    case UV_EPERM: return -EPERM;
    case UV_EEXIST: return -EEXIST; /* another handle of the loop has this descriptor */
    case UV_EINVAL: return -EINVAL;
    case UV_ELOOP: return -ELOOP;
    case UV_EMFILE: return -EMFILE;
    case UV_ENFILE: return -ENFILE;
    case UV_ENOSPC: return -ENOSPC;
    case UV_ENOMEM: return -ENOMEM;
    default: return -EIO;
    }
}

enum {
    /* A failed connect is told as writability alone and a reset as readability, and each
     * only to those who watch for it. So both are watched, till one fires for nobody. */
    WATCHED_BESIDES = DIRECTIONS,
    /* A poll of AFD is sent as soon as another one has ended. Left to libuv, it would find
     * what was just reported, and nobody has read yet. */
    WATCHED_ON = 0
};

/* What a callback tells. A failure that is told as none only the handle's own fields know:
 * of its two requests, the one that counts masks nothing. */
static unsigned fired(const uv_poll_t *poll, int status, int events)
{
    const AFD_POLL_INFO *told =
        poll->mask_events_1 == 0 ? &poll->afd_poll_info_1 : &poll->afd_poll_info_2;

    return status < 0 || (told->Handles[0].Events & (AFD_ABORT | AFD_CONNECT_FAIL)) != 0
               ? DIRECTIONS
               : (unsigned) events & DIRECTIONS;
}

/* A loop needs one handle, and says so when it gets none. */
static int find_room(void)
{
    return 0;
}

/* libuv would tell one kind from the other no more than Winsock does, and may keep hold of
 * a handle that it refused. */
static int refusal_of(rouse_fd fd)
{
    int type;
    int size = sizeof type;
    DWORD flags;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, (char *) &type, &size) == 0)
        return 0;
    /* The number that is none is also one of the process itself. */
    return fd != ROUSE_NO_FD && GetHandleInformation((HANDLE) fd, &flags) ? -EPERM : -EBADF;
}

#else

/* libuv's errors are negative errno values here. */
static int error_of(int status)
{
    return status;
}

enum {
    WATCHED_BESIDES = 0,
    WATCHED_ON = DIRECTIONS /* after a report: it will be armed again soon */
};

/* What a callback tells. */
static unsigned fired(const uv_poll_t *poll, int status, int events)
{
    (void) poll;
    return status < 0 ? DIRECTIONS : (unsigned) events & DIRECTIONS;
}

static void pipe_close(const uv_file ends[2])
{
    for (int i = 0; i < 2; i++) {
        uv_fs_t request;

        uv_fs_close(NULL, &request, ends[i], NULL);
        uv_fs_req_cleanup(&request);
    }
}

/* The first loop of a process aborts the program when it gets a descriptor or two and then
 * no more. Every loop needs four, so try whether there are as many. */
static int find_room(void)
{
    uv_file first[2], second[2];
    int status = uv_pipe(first, 0, 0);

    if (status != 0)
        return error_of(status);
    status = uv_pipe(second, 0, 0);
    if (status == 0)
        pipe_close(second);
    pipe_close(first);
    return error_of(status);
}

/* libuv tells everything. */
static int refusal_of(rouse_fd fd)
{
    (void) fd;
    return 0;
}

#endif

/* --- records that wait to be reported --- */

static bool reports_empty(const struct queue *queue)
{
    return queue->reports.next == &queue->reports;
}

static void reports_insert(struct queue *queue, struct record *record)
{
    struct link *link = &record->link;

    link->next = &queue->reports;
    link->previous = queue->reports.previous;
    link->previous->next = link;
    queue->reports.previous = link;
}

static void reports_remove(struct record *record)
{
    struct link *link = &record->link;

    link->next->previous = link->previous;
    link->previous->next = link->next;
    record->ready = 0;
}

static bool listened(const struct queue *queue)
{
    return (atomic_load_relaxed(&queue->sleep) & SLEEP_LISTENED) != 0;
}

/* Whoever sleeps on the loop's descriptor sees neither what waits in our list nor what the
 * kernel is not yet told: that takes a turn of the loop, so ask for one. */
static void announce(struct queue *queue)
{
    if (listened(queue) && (queue->unknown || !reports_empty(queue)))
        uv_async_send(&queue->async);
}

static void on_closed(uv_handle_t *handle)
{
    struct queue *queue = handle->data;

    if (--queue->closing == 0 && queue->closed)
        rouse__free(queue->alloc, queue, sizeof *queue);
}

static void on_record_closed(uv_handle_t *handle)
{
    struct record *record = rouse_container_of(handle, struct record, poll);
    const struct rouse_alloc *alloc = record->queue->alloc;

    on_closed(handle);
    rouse__free(alloc, record, sizeof *record);
}

static void close_handle(struct queue *queue, uv_handle_t *handle, uv_close_cb callback)
{
    handle->data = queue;
    queue->closing++;
    uv_close(handle, callback);
}

/* libuv 1.44 runs what is due before it polls, then finds no timer left, and blocks for ever.
 * After uv_stop() it does not block, and the mark is gone when uv_run() returns. */
static void on_timer(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static int watch(struct record *record, unsigned directions);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct record *record = rouse_container_of(poll, struct record, poll);
    const unsigned wanted = record->source->armed & ~record->ready;
    const unsigned told = fired(poll, status, events);
    const unsigned unwatched = told & ~(wanted & WATCHED_ON);
    const unsigned ready = told & wanted;

    if (status < 0)
        record->watched = 0; /* libuv has stopped it */
    else if (unwatched != 0)
        watch(record, record->watched & ~unwatched);
    record->besides &= ~told;
    record->besides |= ready & WATCHED_BESIDES;
    if (ready != 0 && record->ready == 0)
        reports_insert(record->queue, record);
    record->ready |= ready;
}

/* Starts a handle for exactly these directions. */
static int watch(struct record *record, unsigned directions)
{
    int status;

    if (directions == 0) {
        status = uv_poll_stop(&record->poll);
    } else {
        status = uv_poll_start(&record->poll, (int) directions, on_poll);
        record->queue->unknown = true;
    }
    if (status == 0)
        record->watched = directions;
    return error_of(status);
}

static void record_close(struct record *record)
{
    if (record->ready != 0)
        reports_remove(record);
    close_handle(record->queue, (uv_handle_t *) &record->poll, on_record_closed);
}

static int record_open(struct record **record, struct queue *queue, struct rouse_source *source)
{
    struct record *made = rouse__alloc(queue->alloc, sizeof *made);
    int error;

    if (made == NULL)
        return -ENOMEM;
    error = refusal_of(source->fd);
    if (error == 0)
        error = error_of(uv_poll_init_socket(queue->loop, &made->poll, (uv_os_sock_t) source->fd));
    if (error < 0) {
        rouse__free(queue->alloc, made, sizeof *made);
        return error;
    }
    made->queue = queue;
    made->source = source;
    made->besides = WATCHED_BESIDES;
    *record = made;
    return 0;
}

#if defined(_WIN32)

/* libuv sends its polls to sockets of its own. It opens one with the first handle for each
 * family, and where it gets none it lends every poll a thread instead. And with the first
 * handle that it closes it opens what it keeps for good. All that is too late in arm(). */
static int warm_up(struct queue *queue)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct rouse_source source = {0};
    struct record *record;
    int error = 0;

    for (int i = 0; i < 2 && error == 0; i++) {
        const SOCKET fd = WSASocketW(families[i], SOCK_STREAM, 0, NULL, 0,
                                     WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

        if (fd == INVALID_SOCKET && WSAGetLastError() == WSAEAFNOSUPPORT)
            continue;
        if (fd == INVALID_SOCKET)
            return rouse__error_last();
        source.fd = (rouse_fd) fd;
        error = record_open(&record, queue, &source);
        if (error == 0) {
            error = record->poll.peer_socket != 0 ? watch(record, DIRECTIONS) : -EMFILE;
            record_close(record);
        }
        closesocket(fd);
    }
    return error;
}

#else

static int warm_up(struct queue *queue)
{
    (void) queue;
    return 0;
}

#endif

/* Until every handle that was closed is gone. */
static void settle(struct queue *queue)
{
    while (queue->closing > 0)
        uv_run(queue->loop, UV_RUN_ONCE);
}

static void turn(struct queue *queue, uv_run_mode mode)
{
    queue->unknown = false;
    uv_run(queue->loop, mode);
}

/* Turns the loop until something is in the list, or wait() has to end for another reason. */
static void collect(struct queue *queue, rouse_time deadline)
{
    rouse_time now = (rouse_time) uv_hrtime();

    if (now >= deadline) {
        /* Once; and again while a direction taken out may have hidden a hang-up, or what was
         * forgotten is still on its way back, which on Windows stands before all else. */
        do {
            turn(queue, UV_RUN_NOWAIT);
        } while (reports_empty(queue) && (queue->unknown || queue->closing > 0));
        return;
    }
    do {
        const rouse_time left = deadline - now;

        if (deadline != ROUSE_NEVER) {
            uv_update_time(queue->loop);
            uv_timer_start(&queue->timer, on_timer,
                           (uint64_t) (left / ROUSE_MS(1) + (left % ROUSE_MS(1) != 0)), 0);
        }
        /* It may come back for a callback of the host's, a close callback, a wake-up that
         * came late (sleep.h), or because libuv counts time in whole milliseconds. */
        turn(queue, UV_RUN_ONCE);
        now = (rouse_time) uv_hrtime();
    } while (reports_empty(queue) && (atomic_load_relaxed(&queue->sleep) & SLEEP_WOKEN) == 0
             && now < deadline);
    uv_timer_stop(&queue->timer);
}

static int libuv_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    const struct rouse_alloc *alloc = options != NULL ? options->alloc : NULL;
    uv_loop_t *host = options != NULL ? options->host : NULL;
    struct queue *queue = rouse__alloc(alloc, sizeof *queue);
    int error;

    if (queue == NULL)
        return -ENOMEM;
    queue->evq.ops = &rouse__libuv;
    queue->alloc = alloc;
    queue->reports.next = queue->reports.previous = &queue->reports;
    queue->loop = host;
    if (host == NULL) {
        queue->loop = &queue->own;
        error = find_room();
        if (error == 0)
            error = error_of(uv_loop_init(&queue->own));
        if (error < 0)
            goto undo_alloc;
    }
    error = warm_up(queue);
    if (error == 0)
        error = error_of(uv_async_init(queue->loop, &queue->async, NULL));
    if (error < 0)
        goto undo_loop;
    uv_timer_init(queue->loop, &queue->timer);
    /* Its wake-up descriptor, too, libuv shows to the kernel in its first turn only. */
    if (host == NULL) {
        settle(queue);
        turn(queue, UV_RUN_NOWAIT);
    }
    *evq = &queue->evq;
    return 0;

undo_loop:
    if (host == NULL) {
        settle(queue);
        uv_loop_close(&queue->own);
    } else if (queue->closing > 0) {
        queue->closed = true;
        return error; /* the last callback frees the queue */
    }
undo_alloc:
    rouse__free(alloc, queue, sizeof *queue);
    return error;
}

static void libuv_close(struct rouse_evq *evq)
{
    struct queue *queue = (struct queue *) evq;
    int error;

    close_handle(queue, (uv_handle_t *) &queue->async, on_closed);
    close_handle(queue, (uv_handle_t *) &queue->timer, on_closed);
    if (queue->loop != &queue->own) {
        queue->closed = true;
        return;
    }
    settle(queue);
    error = uv_loop_close(&queue->own);
    ROUSE_RULE(error == 0, "E5: closed with sources that were not forgotten", "libuv");
    (void) error;
    rouse__free(queue->alloc, queue, sizeof *queue);
}

static int libuv_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct queue *queue = (struct queue *) evq;
    struct record *record = source->record;
    const unsigned directions = interest & DIRECTIONS;
    int error;

    if (record == NULL) {
        error = record_open(&record, queue, source);
        if (error < 0)
            return error;
    }
    /* By level, so there is nothing to look at again: the hint (E3) is of no use. */
    if ((directions & ~record->watched) != 0) {
        error = watch(record, record->watched | directions | record->besides);
        if (error < 0)
            goto undo_record;
    }
    source->record = record;
    source->armed |= (uint8_t) directions;
    announce(queue);
    return 0;

undo_record:
    if (source->record == NULL)
        record_close(record);
    return error;
}

static void libuv_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct record *record = source->record;

    (void) evq;
    source->armed = 0;
    source->record = NULL;
    if (record != NULL)
        record_close(record);
}

static int libuv_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    struct queue *queue = (struct queue *) evq;
    const bool asleep = sleep_begin(&queue->sleep);
    int count = 0;

    if (reports_empty(queue))
        collect(queue, asleep ? deadline : 0);
    sleep_end(&queue->sleep);
    while (count < capacity && !reports_empty(queue)) {
        struct record *record = rouse_container_of(queue->reports.next, struct record, link);

        events[count].source = record->source;
        events[count].ready = record->ready;
        count++;
        record->source->armed &= (uint8_t) ~record->ready;
        reports_remove(record);
    }
    announce(queue);
    return count;
}

static void libuv_wake(struct rouse_evq *evq)
{
    struct queue *queue = (struct queue *) evq;
    const int saved = errno; /* a signal handler must not change it */

    if (sleep_wake(&queue->sleep))
        uv_async_send(&queue->async);
    errno = saved;
}

static rouse_time libuv_now(struct rouse_evq *evq)
{
    (void) evq;
    return (rouse_time) uv_hrtime();
}

static rouse_fd libuv_pollable(struct rouse_evq *evq)
{
    struct queue *queue = (struct queue *) evq;

    if (!listened(queue)) {
        sleep_listened(&queue->sleep);
        uv_async_send(&queue->async); /* for what happened before anybody listened */
    }
    return (rouse_fd) uv_backend_fd(queue->loop);
}

const struct rouse_evq_ops rouse__libuv = {
    .size = sizeof(struct rouse_evq_ops),
    .name = "libuv",
    .version = "libuv " STRING(UV_VERSION_MAJOR) "." STRING(UV_VERSION_MINOR) "." STRING(
        UV_VERSION_PATCH) UV_VERSION_SUFFIX,
    .open = libuv_open,
    .close = libuv_close,
    .arm = libuv_arm,
    .forget = libuv_forget,
    .wait = libuv_wait,
    .wake = libuv_wake,
    .now = libuv_now,
    .pollable = libuv_pollable,
};
