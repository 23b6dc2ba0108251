/*
 * world_win.c -- what the world asks of Windows.
 *
 * Three things that cases play with are different here:
 *
 * Ready. WSAPoll() does not tell of failed connects before Windows 10 2004, so select() is
 * asked, and the socket itself: what a look at its next byte says tells the end of the
 * stream from an error.
 *
 * Descriptors. There is no limit to lower, so a table of sockets with a limit of its own
 * stands between the library and the system's. Queues, which do not open by it, cannot be
 * starved: NEEDS_LIMIT.
 *
 * Signals. Nothing interrupts a thread in the middle of what it does; a handler runs on a
 * thread of its own, as the console's do. Whoever waits alertably is interrupted by what is
 * queued to his thread. A storm is both, once a millisecond.
 */
#include "world_host.h"

#include <windows.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include <afunix.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/base/atomic.h"
#include "handles_win.h"
#include "process.h"
#include "thread.h"
#include "world.h"

#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 2
#endif

enum {
    SPARE_DESCRIPTORS = 8,
    PLENTY = 1 << 30,   /* as many as no case opens */
    BAD_FD = 4000000,   /* further than any case opens, and a number that a handle may have */
    ICMP_MS = 50,       /* an ICMP error comes by loopback, or not at all */
    SETTLE_MS = 60,     /* for what is on its way in loopback, where nobody can tell */
    PLACES_TRIED = 1000 /* until a duplicate has the number that it should */
};

static int last_error(void)
{
    switch (WSAGetLastError()) {
    case 0: return 0;
    case WSAEAFNOSUPPORT: return -EAFNOSUPPORT;
    case WSAENOTSOCK: return -EBADF;
    case WSAENOBUFS: return -ENOMEM;
    default: return -EIO;
    }
}

static int error_of(int result)
{
    return result != 0 ? last_error() : 0;
}

/* -- What there is ----------------------------------------------------------- */

static bool binds(int family, const void *address, int size)
{
    const SOCKET fd = socket(family, SOCK_STREAM, 0);
    const bool bound = fd != INVALID_SOCKET && bind(fd, address, size) == 0;

    if (fd != INVALID_SOCKET)
        closesocket(fd);
    return bound;
}

static bool has_ipv6(void)
{
    /* struct sockaddr_in6, of which ::1 is the last byte before the scope. */
    unsigned char address[28] = {AF_INET6, [23] = 1};

    return binds(AF_INET6, address, sizeof address);
}

static bool has_unix(void)
{
    const SOCKET fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd != INVALID_SOCKET)
        closesocket(fd);
    return fd != INVALID_SOCKET;
}

unsigned host_capabilities(void)
{
    static unsigned known; /* NEEDS_KERNEL is always among them */
    WSADATA winsock;

    if (known == 0 && WSAStartup(MAKEWORD(2, 2), &winsock) != 0)
        suite_error("Winsock does not start: %d", WSAGetLastError());
    if (known == 0)
        known = NEEDS_KERNEL | (has_ipv6() ? NEEDS_IPV6 : 0u) | (has_unix() ? NEEDS_UNIX : 0u)
                | (host_has_icmp(ICMP_MS) ? NEEDS_ICMP : 0u);
    return known;
}

/* The beginning of TCP_INFO_v0, as SIO_TCP_INFO tells it from Windows 10 1703 on. */
struct tcp_info {
    uint32_t state, mss;
    uint64_t connected_ms;
    uint8_t timestamps;
    uint32_t rtt_us, least_rtt_us;
    uint32_t in_flight;
    uint32_t windows[4];
    uint64_t counts[2];
    uint32_t more[5];
    uint8_t retransmissions;
};

void host_settle(rouse_fd fd, int ms)
{
    const DWORD tcp_info = _WSAIORW(IOC_VENDOR, 39);
    DWORD version = 0, size;
    struct tcp_info info;

    for (; ms > 0; ms--) {
        if (WSAIoctl(fd, tcp_info, &version, sizeof version, &info, sizeof info, &size, NULL, NULL)
            != 0) {
            Sleep(SETTLE_MS);
            return;
        }
        if (info.in_flight == 0)
            return;
        Sleep(1);
    }
}

static bool is_lost(int error)
{
    return error == WSAECONNRESET || error == WSAECONNABORTED || error == WSAENETRESET
           || error == WSAETIMEDOUT || error == WSAECONNREFUSED;
}

/* Whether the socket has failed: a look at its next byte says so. Wine 8 shows the end of a
 * stream where it was reset, and fails only who sends, be it nothing. */
static bool failed(SOCKET fd)
{
    int error = 0, size = sizeof error;
    char byte;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, (char *) &error, &size) == 0 && error != 0)
        return true;
    switch (recv(fd, &byte, 1, MSG_PEEK)) {
    case 1: return false;
    case 0: return send(fd, "", 0, 0) < 0 && is_lost(WSAGetLastError());
    default: return is_lost(WSAGetLastError());
    }
}

static unsigned ready_now(SOCKET fd)
{
    struct timeval now = {0, 0};
    fd_set readable, writable, failing;
    unsigned ready = 0;

    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_ZERO(&failing);
    FD_SET(fd, &readable);
    FD_SET(fd, &writable);
    FD_SET(fd, &failing); /* a connect that failed, or urgent data */
    if (select(0, &readable, &writable, &failing, &now) <= 0)
        return 0;
    if (FD_ISSET(fd, &readable))
        ready |= ROUSE_READABLE;
    if (FD_ISSET(fd, &writable))
        ready |= ROUSE_WRITABLE;
    if ((FD_ISSET(fd, &readable) || FD_ISSET(fd, &failing)) && failed(fd))
        ready |= ROUSE_READABLE | ROUSE_WRITABLE;
    return ready;
}

unsigned host_ready(rouse_fd fd, unsigned directions, int ms)
{
    const int64_t late_ns = process_clock_ns() + (int64_t) ms * 1000000;
    unsigned ready = ready_now(fd);

    while ((ready & directions) == 0 && process_clock_ns() < late_ns) {
        Sleep(1);
        ready = ready_now(fd);
    }
    return ready;
}

int host_open_descriptors(void)
{
    struct handle *list;
    const size_t handles = handles_list(&list);
    int count = 0;

    if (handles == 0)
        suite_error("the handles of this process cannot be listed");
    for (size_t i = 0; i < handles; i++)
        count += handle_is_descriptor(list[i].value);
    free(list);
    return count;
}

/* -- Sockets and descriptors ------------------------------------------------- */

rouse_fd host_bad_fd(void)
{
    return BAD_FD;
}

int host_reset(rouse_fd fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    const int error =
        error_of(setsockopt(fd, SOL_SOCKET, SO_LINGER, (const char *) &now, sizeof now));

    closesocket(fd);
    return error;
}

int host_urgent(rouse_fd fd, char byte)
{
    return send(fd, &byte, 1, MSG_OOB) == 1 ? 0 : last_error();
}

int host_pipe(rouse_fd ends[2])
{
    (void) ends;
    return -ENOTSUP;
}

int host_file(rouse_fd *fd)
{
    (void) fd;
    return -ENOTSUP;
}

/* A second descriptor by Winsock's own way; others it may not take for a socket. */
static int duplicate(rouse_fd fd, rouse_fd *copy)
{
    WSAPROTOCOL_INFOW info;

    if (WSADuplicateSocketW(fd, GetCurrentProcessId(), &info) != 0)
        return last_error();
    *copy = WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info, 0,
                       WSA_FLAG_OVERLAPPED);
    return *copy != INVALID_SOCKET ? 0 : last_error();
}

int host_duplicate(rouse_fd fd, rouse_fd *copy)
{
    const int error = duplicate(fd, copy);

    if (error == 0)
        SetHandleInformation((HANDLE) *copy, HANDLE_FLAG_INHERIT, 0);
    return error;
}

/* Nobody can ask for a number; but one that was just given back is soon given out again. */
int host_duplicate_at(rouse_fd fd, rouse_fd at)
{
    static rouse_fd misses[PLACES_TRIED];
    rouse_fd copy = ROUSE_NO_FD;
    int error = 0, count = 0;

    while (error == 0 && copy != at && count < PLACES_TRIED) {
        error = duplicate(fd, &copy);
        if (error == 0 && copy != at)
            misses[count++] = copy;
    }
    while (count > 0)
        closesocket(misses[--count]);
    if (error == 0 && copy == at) /* children get it, as those of others systems do */
        SetHandleInformation((HANDLE) copy, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    return error == 0 && copy != at ? -EBUSY : error;
}

void host_close(rouse_fd fd)
{
    closesocket(fd);
}

static int make_nonblocking(SOCKET fd)
{
    u_long on = 1;

    return error_of(ioctlsocket(fd, (long) FIONBIO, &on));
}

int host_datagram(rouse_fd *opened)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const SOCKET fd = socket(AF_INET, SOCK_DGRAM, 0);
    int error;

    if (fd == INVALID_SOCKET)
        return last_error();
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    error = error_of(bind(fd, (struct sockaddr *) &address, sizeof address));
    if (error == 0)
        error = make_nonblocking(fd);
    if (error != 0)
        closesocket(fd);
    *opened = fd;
    return error;
}

int host_read_blocked(rouse_fd fd)
{
    (void) fd;
    return -ENOSYS;
}

int host_strange(rouse_fd *fd)
{
    *fd = ROUSE_NO_FD;
    return -EAFNOSUPPORT;
}

bool host_link_local(struct rouse_address *address)
{
    union {
        SOCKET_ADDRESS_LIST list;
        char room[8192];
    } all;
    const SOCKET fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool found = false;
    DWORD size;

    if (fd == INVALID_SOCKET)
        return false;
    if (WSAIoctl(fd, SIO_ADDRESS_LIST_QUERY, NULL, 0, &all, sizeof all, &size, NULL, NULL) != 0)
        all.list.iAddressCount = 0;
    for (int i = 0; i < all.list.iAddressCount && !found; i++) {
        struct sockaddr_in6 ipv6;

        if (all.list.Address[i].lpSockaddr->sa_family != AF_INET6)
            continue;
        memcpy(&ipv6, all.list.Address[i].lpSockaddr, sizeof ipv6);
        found = IN6_IS_ADDR_LINKLOCAL(&ipv6.sin6_addr);
        *address =
            (struct rouse_address){.family = ROUSE_IPV6, .length = 16, .scope = ipv6.sin6_scope_id};
        memcpy(address->bytes, &ipv6.sin6_addr, 16);
    }
    closesocket(fd);
    return found;
}

int host_path(char *path, size_t size)
{
    static unsigned count;
    char folder[MAX_PATH + 1];

    if (GetTempPathA(sizeof folder, folder) == 0)
        return -ENOENT;
    snprintf(path, size, "%srouse-%lu-%u", folder, GetCurrentProcessId(), ++count);
    return 0;
}

size_t host_path_max(void)
{
    const struct sockaddr_un address = {0};

    return sizeof address.sun_path - 1;
}

int host_bind_path(rouse_fd fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memcpy(address.sun_path, path, sizeof address.sun_path);
    return error_of(bind(fd, (struct sockaddr *) &address, sizeof address));
}

int host_path_remove(const char *path)
{
    DeleteFileA(path);
    return 0;
}

/* -- Limits ------------------------------------------------------------------ */

static uintptr_t left = PLENTY; /* atomic: descriptors that may still be opened */

static bool take(uintptr_t count)
{
    if ((intptr_t) atomic_fetch_sub(&left, count) >= (intptr_t) count)
        return true;
    atomic_fetch_add(&left, count);
    return false;
}

/* What came of it when `count` had been taken. */
static int taken(uintptr_t count, int error)
{
    if (error != 0)
        atomic_fetch_add(&left, count);
    return error;
}

static int limited_open(const struct rouse_sockets *self, enum rouse_family family, rouse_fd *fd)
{
    const struct rouse_sockets *host = rouse_host_sockets();

    (void) self;
    return take(1) ? taken(1, host->open(host, family, fd)) : -EMFILE;
}

static int limited_accept(const struct rouse_sockets *self, rouse_fd fd, rouse_fd *accepted)
{
    const struct rouse_sockets *host = rouse_host_sockets();

    (void) self;
    return take(1) ? taken(1, host->accept(host, fd, accepted)) : -EMFILE;
}

static int limited_pair(const struct rouse_sockets *self, rouse_fd fds[2])
{
    const struct rouse_sockets *host = rouse_host_sockets();

    (void) self;
    return take(2) ? taken(2, host->pair(host, fds)) : -EMFILE;
}

static void limited_close(const struct rouse_sockets *self, rouse_fd fd)
{
    const struct rouse_sockets *host = rouse_host_sockets();

    (void) self;
    host->close(host, fd);
    atomic_fetch_add(&left, 1);
}

/* The other calls are the host's, which do not look at the table that they are called by. */
const struct rouse_sockets *host_sockets(void)
{
    static struct rouse_sockets limited;

    if (limited.size == 0) {
        limited = *rouse_host_sockets();
        limited.open = limited_open;
        limited.accept = limited_accept;
        limited.pair = limited_pair;
        limited.close = limited_close;
    }
    return &limited;
}

int host_limit_descriptors(void)
{
    atomic_exchange(&left, SPARE_DESCRIPTORS);
    return 0;
}

void host_unlimit_descriptors(void)
{
    atomic_exchange(&left, PLENTY);
}

/* -- Signals ----------------------------------------------------------------- */

static struct {
    struct thread *thread;
    HANDLE target;
    DWORD target_id;
    uintptr_t over, handled; /* atomic */
    void (*then)(void *with);
    void *with;
} storm;

static void CALLBACK interruption(ULONG_PTR unused)
{
    (void) unused;
}

static void storm_main(void *argument)
{
    const HANDLE timer =
        CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, TIMER_ALL_ACCESS);
    const LARGE_INTEGER first = {.QuadPart = -10000}; /* 1 ms from now */

    (void) argument;
    if (timer != NULL)
        SetWaitableTimer(timer, &first, 1, NULL, NULL, FALSE);
    while (!atomic_load_acquire(&storm.over)) {
        QueueUserAPC(interruption, storm.target, 0);
        if (storm.then != NULL)
            storm.then(storm.with);
        atomic_fetch_add(&storm.handled, 1);
        if (timer == NULL || WaitForSingleObject(timer, 100) != WAIT_OBJECT_0)
            Sleep(1);
    }
    if (timer != NULL)
        CloseHandle(timer);
}

int host_storm(void (*then)(void *with), void *with)
{
    const HANDLE here = GetCurrentProcess();

    storm.then = then;
    storm.with = with;
    storm.handled = 0;
    storm.target_id = GetCurrentThreadId();
    if (!DuplicateHandle(here, GetCurrentThread(), here, &storm.target, 0, FALSE,
                         DUPLICATE_SAME_ACCESS))
        return -EAGAIN;
    atomic_exchange(&storm.over, 0);
    storm.thread = thread_start(storm_main, NULL);
    return 0;
}

int host_calm(void)
{
    atomic_exchange(&storm.over, 1);
    thread_join(storm.thread);
    CloseHandle(storm.target);
    if (storm.target_id == GetCurrentThreadId())
        SleepEx(0, TRUE); /* takes what is still queued */
    return (int) atomic_load_acquire(&storm.handled);
}
