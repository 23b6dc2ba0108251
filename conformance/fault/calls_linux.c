/*
 * calls_linux.c -- functions in the place of the system's, which fail when told to.
 *
 * A program's own functions come before those of its libraries, for its libraries as well.
 * So these stand before the C library's, liburing's and libuv's, whoever calls; and go on
 * to what would have been called: the sanitizer's if there is one, else the next in line.
 * They are defined under names of ours and carry the system's as labels, for headers have
 * ideas of their own about these names.
 *
 * The hard part is whose call it is. Only those out of the object that the library is in,
 * or the backend, are counted, by their return address; and none that is made while another
 * one is under way.
 */
#include "calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <linux/io_uring.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>

#include "../../src/base/atomic.h"
#include "../thread.h"
#include "../world.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

#define FAILS(call, error, told) {#call, error, #error, CALL_FAILS, told},
#define PASSES(call, error) {#call, error, #error, CALL_PASSES, 0},
#define DONE(call, error) {#call, error, #error, CALL_DONE, 0},
#define EXCUSED(call, why)
const struct call_failure call_failures[] = {
#include "calls.def"
    {NULL, 0, NULL, CALL_FAILS, 0}};
#undef FAILS
#undef PASSES
#undef DONE

enum { LINES = sizeof call_failures / sizeof *call_failures };

/* An object file in memory. */
struct range {
    const void *holds;
    uintptr_t first, last;
};

static struct {
    uintptr_t failure; /* atomic: what is to fail, or 0 */
    uintptr_t spares;  /* atomic: not now */
    uintptr_t calls;   /* atomic: of its kind, so far */
    uintptr_t failed;  /* atomic: of those */
    uintptr_t at;      /* the first one to fail */
    bool for_ever;
    uintptr_t notes;           /* atomic: calls are noted */
    uintptr_t noted[LINES];    /* atomic: by line, that such a call was made */
    struct range ours[2];      /* the library, the backend */
    uintptr_t moment, moments; /* the one that is to be met, and how many came by */
    void (*meet)(void *with);
    void *with;
} plan;

static _Thread_local int depth;  /* of calls under way */
static _Thread_local bool meets; /* the moments of this thread are counted */

static bool is_ours(uintptr_t address)
{
    for (int i = 0; i < 2; i++)
        if (address >= plan.ours[i].first && address < plan.ours[i].last)
            return true;
    return false;
}

static void note(const char *call)
{
    for (int i = 0; call_failures[i].call != NULL; i++)
        if (strcmp(call_failures[i].call, call) == 0)
            atomic_fetch_or(&plan.noted[i], 1);
}

/* A moment: just before a call, or after it. The other thread has all the time it wants. */
static void moment(void)
{
    const int saved = errno;

    if (!meets || depth > 0 || ++plan.moments != plan.moment)
        return;
    depth++;
    thread_join(thread_start(plan.meet, plan.with));
    depth--;
    errno = saved;
}

/* Whether this call is to fail: how, or NULL. */
static const struct call_failure *is_due(const char *call, const void *caller)
{
    const struct call_failure *failure =
        (const struct call_failure *) atomic_load_acquire(&plan.failure);
    uintptr_t n;

    if (atomic_load_relaxed(&plan.notes) != 0 && depth == 0 && is_ours((uintptr_t) caller))
        note(call);
    if (failure == NULL || depth > 0 || atomic_load_relaxed(&plan.spares) != 0
        || strcmp(failure->call, call) != 0 || !is_ours((uintptr_t) caller))
        return NULL;
    n = atomic_fetch_add(&plan.calls, 1) + 1;
    if (n < plan.at || (n > plan.at && !plan.for_ever)
        || (failure->how != CALL_FAILS && (n - plan.at) % 2 != 0))
        return NULL;
    atomic_fetch_add(&plan.failed, 1);
    return failure;
}

/* How a call says that it failed: by -1 and errno, or by the error itself. */
static int by_errno(int error)
{
    errno = error;
    return -1;
}

static int by_value(int error)
{
    return -error;
}

/* Where a call goes on to. */
static void *next_of(void *sanitizer, const char *name)
{
    return sanitizer != NULL ? sanitizer : dlsym(RTLD_NEXT, name);
}

#define FOUND_EARLY __attribute__((constructor(101)))

/* One function: what it returns, its name, its parameters with and without their types,
 * how it says that it failed, and which calls may. Looked up before anything runs, for signal
 * handlers call some of these. */
#define STAND_IN(type, name, parameters, arguments, say)                                           \
    STAND_IN_IF(type, name, parameters, arguments, say, true)
#define STAND_IN_IF(type, name, parameters, arguments, say, may)                                   \
    type call_##name parameters __asm__(#name) __attribute__((visibility("default")));             \
    extern type sanitizer_##name parameters __asm__("__interceptor_" #name) __attribute__((weak)); \
    static type(*next_##name) parameters;                                                          \
    FOUND_EARLY static void find_##name(void)                                                      \
    {                                                                                              \
        void *found = next_of((void *) sanitizer_##name, #name);                                   \
                                                                                                   \
        memcpy(&next_##name, &found, sizeof found);                                                \
    }                                                                                              \
    type call_##name parameters                                                                    \
    {                                                                                              \
        const struct call_failure *failure =                                                       \
            (may) ? is_due(#name, __builtin_return_address(0)) : NULL;                             \
        type result;                                                                               \
                                                                                                   \
        if (next_##name == NULL) /* before the start */                                            \
            find_##name();                                                                         \
        if (failure != NULL && failure->how != CALL_DONE)                                          \
            return say(failure->error);                                                            \
        moment();                                                                                  \
        depth++;                                                                                   \
        result = next_##name arguments;                                                            \
        depth--;                                                                                   \
        moment();                                                                                  \
        return failure != NULL ? say(failure->error) : result;                                     \
    }

/* Pointers to structs are plain ones here, and sizes as wide as a register. */
STAND_IN(int, epoll_create1, (int flags), (flags), by_errno)
/* To take something out needs no memory. */
STAND_IN_IF(int, epoll_ctl, (int set, int operation, int fd, void *event),
            (set, operation, fd, event), by_errno, operation != EPOLL_CTL_DEL)
STAND_IN(int, epoll_wait, (int set, void *events, int room, int ms), (set, events, room, ms),
         by_errno)
STAND_IN(int, dup3, (int from, int to, int flags), (from, to, flags), by_errno)
STAND_IN(int, eventfd, (unsigned count, int flags), (count, flags), by_errno)
STAND_IN(int, io_uring_enter2,
         (unsigned fd, unsigned submit, unsigned wait, unsigned flags, void *argument, size_t size),
         (fd, submit, wait, flags, argument, size), by_value)
STAND_IN(int, poll, (void *polled, unsigned long count, int ms), (polled, count, ms), by_errno)
STAND_IN(int, ppoll, (void *polled, unsigned long count, const void *time, const void *mask),
         (polled, count, time, mask), by_errno)
STAND_IN(int, fstat, (int fd, void *status), (fd, status), by_errno)
STAND_IN(int, uv_loop_init, (void *loop), (loop), by_value)
STAND_IN(int, uv_async_init, (void *loop, void *async, void *callback), (loop, async, callback),
         by_value)
STAND_IN(int, uv_pipe, (int ends[2], int read_flags, int write_flags),
         (ends, read_flags, write_flags), by_value)
STAND_IN(int, uv_poll_init_socket, (void *loop, void *poll, int fd), (loop, poll, fd), by_value)
STAND_IN(int, uv_poll_start, (void *poll, int events, void *callback), (poll, events, callback),
         by_value)
STAND_IN(int, pipe2, (int ends[2], int flags), (ends, flags), by_errno)
STAND_IN(intptr_t, read, (int fd, void *buffer, size_t size), (fd, buffer, size), by_errno)
STAND_IN(intptr_t, write, (int fd, const void *buffer, size_t size), (fd, buffer, size), by_errno)
STAND_IN(int, close, (int fd), (fd), by_errno)
STAND_IN(int, socket, (int family, int type, int protocol), (family, type, protocol), by_errno)
STAND_IN(int, socketpair, (int family, int type, int protocol, int ends[2]),
         (family, type, protocol, ends), by_errno)
STAND_IN(int, setsockopt, (int fd, int level, int name, const void *value, unsigned size),
         (fd, level, name, value, size), by_errno)
STAND_IN(int, bind, (int fd, const void *address, unsigned size), (fd, address, size), by_errno)
STAND_IN(int, listen, (int fd, int backlog), (fd, backlog), by_errno)
STAND_IN(int, accept4, (int fd, void *address, unsigned *size, int flags),
         (fd, address, size, flags), by_errno)
STAND_IN(int, connect, (int fd, const void *address, unsigned size), (fd, address, size), by_errno)
STAND_IN(int, getsockopt, (int fd, int level, int name, void *value, unsigned *size),
         (fd, level, name, value, size), by_errno)
STAND_IN(int, getpeername, (int fd, void *address, unsigned *size), (fd, address, size), by_errno)
STAND_IN(int, getsockname, (int fd, void *address, unsigned *size), (fd, address, size), by_errno)
STAND_IN(intptr_t, recv, (int fd, void *buffer, size_t size, int flags), (fd, buffer, size, flags),
         by_errno)
STAND_IN(intptr_t, send, (int fd, const void *buffer, size_t size, int flags),
         (fd, buffer, size, flags), by_errno)
STAND_IN(int, shutdown, (int fd, int how), (fd, how), by_errno)

int call_queue_init(unsigned entries, void *ring,
                    struct io_uring_params *parameters) __asm__("io_uring_queue_init_params")
    __attribute__((visibility("default")));

int call_queue_init(unsigned entries, void *ring, struct io_uring_params *parameters)
{
    const void *caller = __builtin_return_address(0);
    const struct call_failure *failure = is_due("io_uring_queue_init_params", caller);
    int (*next)(unsigned entries, void *ring, struct io_uring_params *parameters);
    void *found = dlsym(RTLD_NEXT, "io_uring_queue_init_params");
    int result;

    if (failure != NULL)
        return by_value(failure->error);
    failure = is_due("io_uring_features", caller);
    memcpy(&next, &found, sizeof found);
    depth++;
    result = next(entries, ring, parameters);
    depth--;
    if (result == 0 && failure != NULL)
        parameters->features = 0;
    return result;
}

/* epoll_pwait2() has no function in the libraries that we know of, so it goes by its
 * number; six words are what any call takes. */
long call_syscall(long number, ...) __asm__("syscall") __attribute__((visibility("default")));

long call_syscall(long number, ...)
{
    static long (*next)(long number, ...);
    const struct call_failure *failure =
        number == SYS_epoll_pwait2 ? is_due("epoll_pwait2", __builtin_return_address(0)) : NULL;
    long words[6], result;
    va_list arguments;

    if (failure != NULL)
        return by_errno(failure->error);
    if (next == NULL) {
        void *found = dlsym(RTLD_NEXT, "syscall");

        memcpy(&next, &found, sizeof found);
    }
    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        words[i] = va_arg(arguments, long);
    va_end(arguments);
    moment();
    result = next(number, words[0], words[1], words[2], words[3], words[4], words[5]);
    moment();
    return result;
}

/* -- The emulation of kqueue, in the trees that have it ------------------------ */

#if defined(CALLS_HAVE_KQUEUE)

struct change { /* what <sys/event.h> of the emulation calls a kevent */
    uintptr_t ident;
    short filter;
    unsigned short flags;
    unsigned fflags;
    intptr_t data;
    void *udata;
};

enum { CHANGE_DELETE = 0x0002, CHANGE_ERROR = 0x4000 };

extern int kqueue_emulation_kqueue(void);
extern int kqueue_emulation_kevent(int fd, const struct change *changes, int change_count,
                                   struct change *events, int room, const struct timespec *time);

int call_kqueue(void) __asm__("kqueue") __attribute__((visibility("default")));
int call_kevent(int fd, const struct change *changes, int change_count, struct change *events,
                int room, const struct timespec *time) __asm__("kevent")
    __attribute__((visibility("default")));

int call_kqueue(void)
{
    const struct call_failure *failure = is_due("kqueue", __builtin_return_address(0));
    int fd;

    if (failure != NULL)
        return by_errno(failure->error);
    depth++;
    fd = kqueue_emulation_kqueue();
    depth--;
    return fd;
}

/* To take something out needs no memory. */
static bool may_fail(const struct change *changes, int count)
{
    for (int i = 0; i < count; i++)
        if ((changes[i].flags & CHANGE_DELETE) != 0)
            return false;
    return true;
}

/* Answers each change with an error. */
static int refuse(const struct change *changes, int count, struct change *events, int error)
{
    for (int i = 0; i < count; i++) {
        events[i] = changes[i];
        events[i].flags |= CHANGE_ERROR;
        events[i].data = error;
    }
    return count;
}

int call_kevent(int fd, const struct change *changes, int change_count, struct change *events,
                int room, const struct timespec *time)
{
    static const struct timespec at_once = {0, 0};
    const void *caller = __builtin_return_address(0);
    const struct call_failure *failure = NULL;
    int result;

    if (change_count > 0 && room > 0 && may_fail(changes, change_count))
        failure = is_due("kevent_change", caller);
    if (failure != NULL) /* without room for all of them it says so as a whole */
        return room < change_count ? by_errno(failure->error)
                                   : refuse(changes, change_count, events, failure->error);
    if (may_fail(changes, change_count))
        failure = is_due("kevent", caller);
    if (failure != NULL && failure->how == CALL_FAILS)
        return by_errno(failure->error);
    moment();
    depth++;
    /* Who is interrupted was asleep, and the changes were made before. */
    if (failure != NULL)
        (void) kqueue_emulation_kevent(fd, changes, change_count, NULL, 0, &at_once);
    result = failure != NULL
                 ? by_errno(failure->error)
                 : kqueue_emulation_kevent(fd, changes, change_count, events, room, time);
    depth--;
    moment();
    return result;
}

#endif

/* -- The plan ------------------------------------------------------------------ */

static int find_range(struct dl_phdr_info *info, size_t size, void *argument)
{
    struct range *range = argument;
    uintptr_t first = UINTPTR_MAX, last = 0;

    (void) size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        const uintptr_t from = info->dlpi_addr + part->p_vaddr;

        if (part->p_type != PT_LOAD)
            continue;
        first = from < first ? from : first;
        last = from + part->p_memsz > last ? from + part->p_memsz : last;
    }
    if ((uintptr_t) range->holds < first || (uintptr_t) range->holds >= last)
        return 0;
    range->first = first;
    range->last = last;
    return 1;
}

static void find_ours(const struct world *world)
{
    plan.ours[0].holds = rouse_host_sockets();
    plan.ours[1].holds = world->backend;
    for (int i = 0; i < 2; i++)
        dl_iterate_phdr(find_range, &plan.ours[i]);
}

void calls_note(const struct world *world)
{
    find_ours(world);
    for (int i = 0; i < LINES; i++)
        atomic_exchange(&plan.noted[i], 0);
    atomic_exchange(&plan.notes, 1);
}

bool calls_noted(const struct call_failure *failure)
{
    return atomic_load_acquire(&plan.noted[failure - call_failures]) != 0;
}

bool calls_alike(const struct call_failure *failure)
{
    const struct call_failure *above = failure - 1;

    return failure != call_failures && strcmp(failure->call, above->call) == 0
           && failure->how == above->how && (failure->told == 0) == (above->told == 0);
}

void calls_fail(const struct world *world, const struct call_failure *failure, int n, bool for_ever)
{
    find_ours(world);
    plan.at = (uintptr_t) n;
    plan.for_ever = for_ever;
    atomic_exchange(&plan.calls, 0);
    atomic_exchange(&plan.failed, 0);
    atomic_exchange(&plan.spares, 0);
    atomic_exchange(&plan.failure, (uintptr_t) failure);
}

void calls_spare(bool spares)
{
    atomic_exchange(&plan.spares, spares);
}

int calls_failed(void)
{
    return atomic_load_acquire(&plan.failure) != 0 ? (int) atomic_load_acquire(&plan.failed) : 0;
}

void calls_meet(int n, void (*meet)(void *with), void *with)
{
    plan.moment = (uintptr_t) n;
    plan.moments = 0;
    plan.meet = meet;
    plan.with = with;
    meets = true;
}

bool calls_met(void)
{
    return plan.moments >= plan.moment;
}

int calls_end(void)
{
    const int failed = calls_failed();

    meets = false;
    atomic_exchange(&plan.failure, 0);
    atomic_exchange(&plan.notes, 0);
    return failed;
}
