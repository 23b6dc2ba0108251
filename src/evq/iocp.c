/*
 * iocp.c -- Windows: polls of AFD, the driver below its sockets, on a completion port.
 *
 * A completion port tells that something was done, not that it can be done. But AFD takes
 * a request that is done when a socket is readable or writable (nt.h), and one such poll
 * is one shot: it looks at what is there when it is sent, and then ends once.
 *
 * The hard part is that a poll cannot be changed, only taken back, and that it is the
 * kernel's until its packet comes out of the port. It may end in the moment in which it is
 * cancelled, and the source that it was sent for may be gone before the packet is seen.
 *
 *   So what is lent to the kernel is not in the source, but in a record. A source has one
 *   from its first arm() until forget(), and after that it stays lent, as nobody's, until
 *   its packet comes. What a packet says, LOCAL_CLOSE too, is about that record, and never
 *   about whoever has the socket's number by then.
 *
 *   A record has at most one poll under way; two for one socket may end each other. When
 *   more is armed than was asked for, the poll is cancelled, and asked anew when its packet
 *   is there. If it had ended before, the packet carries what it found, which is reported.
 *
 *   arm() only makes a note. wait() sends polls for what is armed by then: a direction more
 *   costs nothing before that, and a source forgotten before that has cost nothing at all.
 *
 *   Whatever is sent comes back as a packet, also when it ended at once. So there is one
 *   queue, the port's own: first in, first out, and it starves nobody (E10).
 *
 * AFD finds a poll to be cancelled by looking through all those sent to one file, so that
 * a thousand cancels look at a million polls. So the records come in groups, and each group
 * has a file of its own. Groups stay until close(); no memory is asked for after the first
 * arm(), and often not there.
 *
 * ROUSE_DRAINED saves nothing here. Time is in whole milliseconds, rounded up, and Windows
 * makes of them what its clock interrupt allows, 15 ms as it comes.
 */
#include "../base/alloc.h"
#include "../base/clock.h"
#include "../base/error_win.h"
#include "backends.h"
#include "nt.h"
#include "sleep.h"

#include <errno.h>

/* In this order. */
#include <winsock2.h>

#include <mswsock.h>
#include <winternl.h>

/* NtOpenFile(), which opens what has no name in Win32; found at run time, because not every
 * toolchain has a library for it. */
typedef NTSTATUS(NTAPI nt_open_file)(HANDLE *file, ACCESS_MASK access,
                                     OBJECT_ATTRIBUTES *attributes, IO_STATUS_BLOCK *status,
                                     ULONG share, ULONG options);

enum {
    DIRECTIONS = ROUSE_READABLE | ROUSE_WRITABLE,
    RECORDS = 32,        /* records in a group: as many as wepoll found good */
    HARVEST = 64,        /* packets fetched at once */
    PATIENCE_MS = 1000,  /* of close(), with a kernel that keeps what it was lent */
    FAR_MS = 1000000000, /* eleven days; wait() then looks at the time and goes on */

    /* A listener has connections where other sockets have bytes. */
    READABLE_STATES = AFD_RECEIVE | AFD_ACCEPT | AFD_DISCONNECT,
    /* Not AFD_CONNECT, which stays as long as the connection. */
    WRITABLE_STATES = AFD_SEND,
    /* Asked for always: without them, a reset or refused connection is never told. */
    BROKEN_STATES = AFD_ABORT | AFD_CONNECT_FAIL | AFD_LOCAL_CLOSE
};

enum record_state {
    IDLE,      /* the kernel has nothing of it */
    PENDING,   /* a poll is under way for what is `asked` */
    CANCELLED, /* a poll was taken back, because it asks for too little; its packet is to come */
    FORGOTTEN  /* the source is gone; the packet is to come, and nobody's */
};

struct record {
    OVERLAPPED
    overlapped; /* lent while a packet is to come, as is `poll`; first, see record_of() */
    struct afd_poll poll;
    HANDLE afd;                  /* the group's, to which polls are sent */
    HANDLE socket;               /* the source's, without wrapping */
    struct rouse_source *source; /* NULL when free or forgotten */
    enum record_state state;
    unsigned asked;         /* directions, while PENDING */
    bool noted;             /* is in the queue's `notes` */
    struct record *next;    /* in `notes`, or among the free */
    struct record **behind; /* in `notes`: what points to us */
};

struct group {
    struct group *next;
    HANDLE afd;
    struct record records[RECORDS];
};

struct iocp_evq {
    struct rouse_evq base;
    const struct rouse_alloc *alloc;
    nt_open_file *open_file;
    HANDLE port;
    uintptr_t sleep; /* atomic, see sleep.h */
    struct group *groups;
    struct record *free;   /* linked by `next` */
    struct record *notes;  /* records for wait() to look at, oldest first */
    struct record **noted; /* where the next one goes */
    size_t sources;        /* known and not forgotten */
    size_t lent;           /* records whose packet is to come */
    OVERLAPPED_ENTRY harvest[HARVEST];
};

static struct iocp_evq *iocp_of(struct rouse_evq *evq)
{
    return (struct iocp_evq *) (void *) evq;
}

/* Whose packet it is. */
static struct record *record_of(OVERLAPPED *overlapped)
{
    return rouse_container_of(overlapped, struct record, overlapped);
}

/* --- notes: records that wait() has to look at before it asks the port --- */

static void note(struct iocp_evq *queue, struct record *record)
{
    if (record->noted)
        return;
    record->noted = true;
    record->next = NULL;
    record->behind = queue->noted;
    *queue->noted = record;
    queue->noted = &record->next;
}

static void unnote(struct iocp_evq *queue, struct record *record)
{
    if (!record->noted)
        return;
    record->noted = false;
    *record->behind = record->next;
    if (record->next != NULL)
        record->next->behind = record->behind;
    else
        queue->noted = record->behind;
}

/* --- groups, and the records in them --- */

static void record_free(struct iocp_evq *queue, struct record *record)
{
    record->source = NULL;
    record->state = IDLE;
    record->next = queue->free;
    queue->free = record;
}

static NTSTATUS afd_open(nt_open_file *open_file, HANDLE *afd)
{
    static wchar_t text[] = AFD_PATH;
    UNICODE_STRING path = {sizeof text - sizeof text[0], sizeof text, text};
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK status;

    InitializeObjectAttributes(&attributes, &path, 0, NULL, NULL);
    return open_file(afd, SYNCHRONIZE, &attributes, &status, FILE_SHARE_READ | FILE_SHARE_WRITE, 0);
}

static int group_open(struct iocp_evq *queue)
{
    struct group *group = (struct group *) rouse__alloc(queue->alloc, sizeof *group);
    int error;

    if (group == NULL)
        return -ENOMEM;
    error = rouse__error_of(afd_open(queue->open_file, &group->afd));
    if (error < 0)
        goto undo_alloc;
    if (CreateIoCompletionPort(group->afd, queue->port, 0, 0) == NULL) {
        error = rouse__error_last();
        goto undo_afd;
    }
    /* Nobody waits for the file itself. It is well too if the system does not know that. */
    SetFileCompletionNotificationModes(group->afd, FILE_SKIP_SET_EVENT_ON_HANDLE);
    for (int i = RECORDS - 1; i >= 0; i--) {
        group->records[i].afd = group->afd;
        record_free(queue, &group->records[i]);
    }
    group->next = queue->groups;
    queue->groups = group;
    return 0;

undo_afd:
    CloseHandle(group->afd);
undo_alloc:
    rouse__free(queue->alloc, group, sizeof *group);
    return error;
}

/* Frees all memory of the groups, or gives it up when the kernel may still write to it. */
static void groups_free(struct iocp_evq *queue)
{
    while (queue->groups != NULL && queue->lent == 0) {
        struct group *group = queue->groups;

        queue->groups = group->next;
        rouse__free(queue->alloc, group, sizeof *group);
    }
}

/* --- sockets --- */

/* Windows calls it "no socket" when a number is closed, never was open, or is something
 * else, like a file. */
static int refusal_of(SOCKET socket)
{
    DWORD flags;

    /* INVALID_SOCKET is this process, if one takes it for a handle. */
    return socket != INVALID_SOCKET && GetHandleInformation((HANDLE) socket, &flags) ? -EPERM
                                                                                     : -EBADF;
}

static bool unwrap_by(DWORD code, SOCKET socket, SOCKET *unwrapped)
{
    DWORD bytes;

    return WSAIoctl(socket, code, NULL, 0, unwrapped, sizeof *unwrapped, &bytes, NULL, NULL) == 0;
}

/* Finds the socket that AFD knows. Others are made by service providers that put themselves
 * in between, of which some swallow the question for the base and know only what is next
 * below them (so found by wepoll and libuv). */
static int unwrap(SOCKET socket, HANDLE *base)
{
    int type, size = sizeof type;
    SOCKET below;

    /* Asked first, because that other question may be answered for what is no socket. */
    if (getsockopt(socket, SOL_SOCKET, SO_TYPE, (char *) &type, &size) != 0)
        return refusal_of(socket);
    while (!unwrap_by(SIO_BASE_HANDLE, socket, &below)) {
        const int error = rouse__error_last();

        if (!unwrap_by(SIO_BSP_HANDLE_POLL, socket, &below) || below == socket)
            return error;
        socket = below;
    }
    *base = (HANDLE) below;
    return 0;
}

/* --- polls --- */

/* Asks for all that is armed. False when the kernel refuses. */
static bool poll_send(struct iocp_evq *queue, struct record *record)
{
    const unsigned armed = record->source->armed;
    struct afd_poll *poll = &record->poll;

    poll->timeout = INT64_MAX;
    poll->count = 1;
    poll->exclusive = false;
    poll->sockets[0].socket = record->socket;
    poll->sockets[0].status = 0;
    poll->sockets[0].states = BROKEN_STATES;
    if ((armed & ROUSE_READABLE) != 0)
        poll->sockets[0].states |= READABLE_STATES;
    if ((armed & ROUSE_WRITABLE) != 0)
        poll->sockets[0].states |= WRITABLE_STATES;
    if (!DeviceIoControl(record->afd, AFD_POLL, poll, sizeof *poll, poll, sizeof *poll, NULL,
                         &record->overlapped)
        && GetLastError() != ERROR_IO_PENDING)
        return false;
    record->state = PENDING;
    record->asked = armed;
    queue->lent++;
    return true;
}

/* Takes a poll back. It has its packet in any case: if it ended before, with what it found. */
static void poll_cancel(struct record *record)
{
    if (!HasOverlappedIoCompleted(&record->overlapped))
        CancelIoEx(record->afd, &record->overlapped);
}

/* The directions of which a poll that has its packet tells. */
static unsigned poll_answer(const struct record *record)
{
    /* Its status is 32 bits wide; the others need not mean anything. */
    const NTSTATUS status = (NTSTATUS) record->overlapped.Internal;
    const uint32_t states = record->poll.sockets[0].states;

    if (status == NT_CANCELLED)
        return 0; /* nothing was written to `poll`, which still says what was asked for */
    if (!NT_SUCCESS(status))
        return DIRECTIONS; /* we cannot learn more, but the next operation can */
    if (record->poll.count == 0)
        return 0;
    ROUSE_RULE((states & AFD_LOCAL_CLOSE) == 0, "E5: the descriptor was closed before forget()",
               "iocp");
    if ((states & BROKEN_STATES) != 0)
        return DIRECTIONS;
    return ((states & READABLE_STATES) != 0 ? ROUSE_READABLE : 0U)
           | ((states & WRITABLE_STATES) != 0 ? ROUSE_WRITABLE : 0U);
}

/* Has the kernel watch for what is armed. False when it refuses. */
static bool record_update(struct iocp_evq *queue, struct record *record)
{
    if (record->state == PENDING && (record->source->armed & ~record->asked) == 0) {
        /* It does so already. */
    } else if (record->state == PENDING) {
        /* It asks for too little, and cannot be changed. It may have ended already; its
         * packet then comes with an answer that counts. */
        poll_cancel(record);
        record->state = CANCELLED;
    } else if (record->state == CANCELLED) {
        /* It is on its way back. When its packet is there, we ask for what is armed by
         * then, also for what was armed since. */
    } else if (record->state == IDLE) {
        return poll_send(queue, record);
    } else {
        /* FORGOTTEN is not noted: nothing of it can be armed. */
    }
    return true;
}

/* Takes from what is armed what can be reported. False when that is nothing. */
static bool record_report(struct record *record, unsigned ready, struct rouse_event *event)
{
    struct rouse_source *source = record->source;

    ready &= source->armed;
    if (ready == 0)
        return false;
    source->armed = (uint8_t) (source->armed ^ ready);
    event->source = source;
    event->ready = ready;
    return true;
}

/* Takes the packet of a record back. False when there is nothing to report. */
static bool record_return(struct iocp_evq *queue, struct record *record, struct rouse_event *event)
{
    bool reported;

    queue->lent--;
    if (record->state == FORGOTTEN) {
        /* Whatever it says is nobody's any more. Only now can the memory be used again. */
        record_free(queue, record);
        return false;
    }
    /* PENDING or CANCELLED: that the poll was cancelled does not mean that it is empty. */
    record->state = IDLE;
    reported = record_report(record, poll_answer(record), event);
    if (record->source->armed != 0)
        note(queue, record);
    return reported;
}

static int record_open(struct iocp_evq *queue, struct rouse_source *source)
{
    struct record *record;
    HANDLE socket = NULL;
    int error = unwrap((SOCKET) source->fd, &socket);

    if (error == 0 && queue->free == NULL)
        error = group_open(queue);
    if (error < 0)
        return error;
    record = queue->free;
    queue->free = record->next;
    queue->sources++;
    record->source = source;
    record->socket = socket;
    source->record = record;
    return 0;
}

static void record_close(struct iocp_evq *queue, struct record *record)
{
    queue->sources--;
    unnote(queue, record);
    if (record->state == IDLE) {
        record_free(queue, record);
        return;
    }
    if (record->state == PENDING)
        poll_cancel(record);
    record->state = FORGOTTEN;
    record->source = NULL;
}

/* --- the queue --- */

static int iocp_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    const struct rouse_alloc *alloc = options != NULL ? options->alloc : NULL;
    struct iocp_evq *queue = (struct iocp_evq *) rouse__alloc(alloc, sizeof *queue);
    int error;

    if (queue == NULL)
        return -ENOMEM;
    queue->base.ops = &rouse__iocp;
    queue->alloc = alloc;
    queue->noted = &queue->notes;
    queue->open_file = (nt_open_file *) (void (*)(void)) GetProcAddress(
        GetModuleHandleW(L"ntdll.dll"), "NtOpenFile");
    if (queue->open_file == NULL) {
        error = -ENOSYS;
        goto undo_alloc;
    }
    queue->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (queue->port == NULL) {
        error = rouse__error_last();
        goto undo_alloc;
    }
    /* At once, so that a system without AFD is told here. */
    error = group_open(queue);
    if (error < 0)
        goto undo_port;
    *evq = &queue->base;
    return 0;

undo_port:
    CloseHandle(queue->port);
undo_alloc:
    rouse__free(alloc, queue, sizeof *queue);
    return error;
}

/* Packets of which there are `room` at most, or -errno. */
static int harvest(struct iocp_evq *queue, int room, DWORD ms)
{
    ULONG count;

    if (room == 0)
        return 0;
    if (GetQueuedCompletionStatusEx(queue->port, queue->harvest, (ULONG) room, &count, ms, FALSE))
        return (int) count;
    return GetLastError() == WAIT_TIMEOUT ? 0 : rouse__error_last();
}

static void iocp_close(struct rouse_evq *evq)
{
    struct iocp_evq *queue = iocp_of(evq);
    int n = 1;

    ROUSE_RULE(queue->sources == 0, "E5: close() before forget()", "iocp");
    for (struct group *group = queue->groups; group != NULL; group = group->next)
        CloseHandle(group->afd);
    /* What was lent comes back through the port, and only that way. */
    while (queue->lent > 0 && n > 0) {
        n = harvest(queue, HARVEST, PATIENCE_MS);
        for (int i = 0; i < n; i++)
            queue->lent -= queue->harvest[i].lpOverlapped != NULL;
    }
    CloseHandle(queue->port);
    groups_free(queue);
    rouse__free(queue->alloc, queue, sizeof *queue);
}

static int iocp_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct iocp_evq *queue = iocp_of(evq);
    const int error = source->record == NULL ? record_open(queue, source) : 0;

    if (error < 0)
        return error;
    source->armed |= (uint8_t) (interest & DIRECTIONS);
    note(queue, (struct record *) source->record);
    return 0;
}

static void iocp_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    if (source->record != NULL)
        record_close(iocp_of(evq), (struct record *) source->record);
    source->record = NULL;
    source->armed = 0;
}

/* Does what was noted. A source for which the kernel refuses a poll (there is no memory, or
 * its socket is closed) is reported: the next operation on it can tell more. When there is
 * no room for that, the rest stays noted. */
static int update(struct iocp_evq *queue, struct rouse_event *events, int room)
{
    int count = 0;

    while (queue->notes != NULL && count < room) {
        struct record *record = queue->notes;

        unnote(queue, record);
        if (!record_update(queue, record) && record_report(record, DIRECTIONS, &events[count]))
            count++;
    }
    return count;
}

/* Turns the `n` packets harvested into reports. */
static int report(struct iocp_evq *queue, struct rouse_event *events, int n)
{
    int count = 0;

    for (int i = 0; i < n; i++) {
        OVERLAPPED *overlapped = queue->harvest[i].lpOverlapped;

        if (overlapped == NULL)
            continue; /* a wake-up; the word knows whether it is a new one */
        if (record_return(queue, record_of(overlapped), &events[count]))
            count++;
    }
    return count;
}

static DWORD time_left(rouse_time deadline)
{
    rouse_time now, left;

    if (deadline == ROUSE_NEVER)
        return INFINITE;
    now = rouse__clock();
    if (deadline <= now)
        return 0;
    left = (deadline - now - 1) / ROUSE_MS(1) + 1;
    return left < FAR_MS ? (DWORD) left : FAR_MS;
}

static int iocp_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                     rouse_time deadline)
{
    struct iocp_evq *queue = iocp_of(evq);
    const int room = capacity < HARVEST ? capacity : HARVEST;
    bool woken = false;

    for (;;) {
        int count = update(queue, events, room);
        const bool asleep = sleep_begin(&queue->sleep) && count == 0 && !woken;
        const int n = harvest(queue, room - count, asleep ? time_left(deadline) : 0);

        woken |= sleep_end(&queue->sleep);
        if (n < 0)
            return count > 0 ? count : n;
        count += report(queue, &events[count], n);
        if (count > 0)
            return count;
        if (n == room || queue->notes != NULL)
            continue; /* packets that are nobody's may hide others, and so do cancelled polls */
        if (woken || (deadline != ROUSE_NEVER && rouse__clock() >= deadline))
            return 0;
    }
}

static void iocp_wake(struct rouse_evq *evq)
{
    struct iocp_evq *queue = iocp_of(evq);

    if (!sleep_wake(&queue->sleep))
        return;
    /* It fails when the kernel is out of memory. That comes back, and a lost wake does not. */
    while (!PostQueuedCompletionStatus(queue->port, 0, 0, NULL))
        Sleep(1);
}

static rouse_time iocp_now(struct rouse_evq *evq)
{
    (void) evq;
    return rouse__clock();
}

const struct rouse_evq_ops rouse__iocp = {
    .size = sizeof rouse__iocp,
    .name = "iocp",
    .version = "AFD polls",
    .open = iocp_open,
    .close = iocp_close,
    .arm = iocp_arm,
    .forget = iocp_forget,
    .wait = iocp_wait,
    .wake = iocp_wake,
    .now = iocp_now,
};
