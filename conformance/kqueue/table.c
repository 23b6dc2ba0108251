/*
 * table.c -- what kqueue() and kevent() do, row by row, as a BSD kernel does it. test_kqueue.py
 * holds the emulation to it; on a BSD or macOS it compiles against the kernel's own header,
 * and says where the emulation and that kernel part.
 *
 *     table         the names of the rows
 *     table ROW     exits 0 if it holds, 1 after a line that says what does not
 *     table --all   all of them, each as a process, and a total
 *
 * Rows that begin with "like_" are about the emulation's switches, and exist only there.
 */
#include <sys/types.h>
/* Needs the one above. */
#include <sys/event.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(holds)                                                                               \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            printf("line %d: not so: %s\n", __LINE__, #holds);                                     \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { ROOM = 8, SOON_MS = 2000, QUIET_MS = 20 };

static int kq;
static struct kevent events[ROOM];
static char cookie, cookie2; /* their addresses are udata */

static struct kevent event_of(int ident, int filter, int flags, unsigned fflags)
{
    struct kevent event;

    memset(&event, 0, sizeof event);
    event.ident = (uintptr_t) ident;
    event.filter = (short) filter;
    event.flags = (unsigned short) flags;
    event.fflags = fflags;
    event.udata = (void *) &cookie;
    return event;
}

/* What kevent() says to one change: 0, or errno. */
static int change(int ident, int filter, int flags, unsigned fflags)
{
    const struct kevent event = event_of(ident, filter, flags, fflags);

    return kevent(kq, &event, 1, NULL, 0, NULL) < 0 ? errno : 0;
}

static int collect(int room, int ms)
{
    const struct timespec timeout = {ms / 1000, ms % 1000 * 1000000L};

    return kevent(kq, NULL, 0, events, room, &timeout);
}

static bool is_quiet(void)
{
    return collect(ROOM, QUIET_MS) == 0;
}

/* The one event that is there, or NULL. */
static const struct kevent *only(int ident, int filter)
{
    const int count = collect(ROOM, SOON_MS);

    return count == 1 && events[0].ident == (uintptr_t) ident && events[0].filter == filter
               ? &events[0]
               : NULL;
}

static void pair(int ends[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
}

static int listener(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(fd, (struct sockaddr *) address, size) == 0 && listen(fd, 8) == 0);
    CHECK(getsockname(fd, (struct sockaddr *) address, &size) == 0);
    return fd;
}

static int connect_to(const struct sockaddr_in *address)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(connect(fd, (const struct sockaddr *) address, sizeof *address) == 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void tcp_pair(int ends[2])
{
    struct sockaddr_in address;
    const int fd = listener(&address);

    ends[0] = connect_to(&address);
    ends[1] = accept(fd, NULL, NULL);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    close(fd);
}

static void reset(int fd)
{
    const struct linger now = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static void put(int fd, int count)
{
    while (count-- > 0)
        CHECK(write(fd, "x", 1) == 1);
}

static void take(int fd, int count)
{
    char byte;

    while (count-- > 0)
        CHECK(read(fd, &byte, 1) == 1);
}

static void fill(int fd)
{
    static const char bytes[4096];

    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
}

static void drain(int fd)
{
    char bytes[4096];

    while (read(fd, bytes, sizeof bytes) > 0)
        continue;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- knotes and descriptors --- */

static void a_knote_goes_with_its_number(void)
{
    int ends[2], others[2];

    pair(ends);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    put(ends[1], 1);
    close(ends[0]);
    CHECK(is_quiet());
    CHECK(change(ends[0], EVFILT_READ, EV_DELETE, 0) == EBADF);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD, 0) == EBADF);
    pair(others);
    CHECK(others[0] == ends[0]); /* the lowest number that is free */
    put(others[1], 1);
    CHECK(is_quiet());
    CHECK(change(others[0], EVFILT_READ, EV_DELETE, 0) == ENOENT);
    CHECK(change(others[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(others[0], EVFILT_READ) != NULL);
}

static void a_duplicate_does_not_keep_a_knote(void)
{
    int ends[2], copy;

    pair(ends);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    copy = dup(ends[0]);
    close(ends[0]);
    put(ends[1], 1);
    CHECK(is_quiet());
    CHECK(change(copy, EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(copy, EVFILT_READ) != NULL);
    CHECK(dup2(copy, ends[0]) == ends[0]);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(ends[0], EVFILT_READ) != NULL);
}

static void errors_of_changes_have_their_place(void)
{
    struct kevent changes[3] = {event_of(1000, EVFILT_READ, EV_ADD, 0),
                                event_of(0, EVFILT_READ, EV_ADD | EV_RECEIPT, 0),
                                event_of(0, EVFILT_WRITE, EV_DELETE, 0)};
    int ends[2];

    pair(ends);
    CHECK(change(1000, EVFILT_READ, EV_ADD, 0) == EBADF);
    CHECK(change(ends[0], EVFILT_READ, EV_DELETE, 0) == ENOENT);
    CHECK(change(ends[0], -1000, EV_ADD, 0) == EINVAL);
    changes[1].ident = changes[2].ident = (uintptr_t) ends[0];
    put(ends[1], 1);
    CHECK(kevent(kq, changes, 3, events, ROOM, NULL) == 3); /* and no event beside them */
    CHECK((events[0].flags & EV_ERROR) != 0 && events[0].data == EBADF);
    CHECK((events[1].flags & EV_ERROR) != 0 && events[1].data == 0);
    CHECK((events[2].flags & EV_ERROR) != 0 && events[2].data == ENOENT);
    CHECK(events[2].ident == (uintptr_t) ends[0] && events[2].udata == (void *) &cookie);
    CHECK(kevent(kq, &changes[1], 1, &changes[1], 1, NULL) == 1); /* both may be one array */
    CHECK(only(ends[0], EVFILT_READ) != NULL);
}

/* --- edges and levels --- */

static void an_edge_is_told_once_and_ev_add_looks_again(void)
{
    int ends[2];

    pair(ends);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(is_quiet());
    put(ends[1], 3);
    CHECK(only(ends[0], EVFILT_READ) != NULL && events[0].data == 3 && events[0].flags == EV_CLEAR);
    CHECK(is_quiet());
    for (int i = 0; i < 3; i++) {
        CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
        CHECK(only(ends[0], EVFILT_READ) != NULL && is_quiet());
    }
    put(ends[1], 1);
    CHECK(only(ends[0], EVFILT_READ) != NULL && events[0].data == 4);
    put(ends[1], 1);
    drain(ends[0]);
    CHECK(is_quiet()); /* what is no longer so is not told */
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(is_quiet());
}

static void one_filter_does_not_disturb_the_other(void)
{
    int ends[2];

    pair(ends);
    put(ends[1], 1);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(ends[0], EVFILT_READ) != NULL);
    CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(ends[0], EVFILT_WRITE) != NULL);
    CHECK(change(ends[0], EVFILT_WRITE, EV_DELETE, 0) == 0);
    CHECK(is_quiet());
    CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(ends[0], EVFILT_WRITE) != NULL);
    put(ends[1], 1);
    CHECK(only(ends[0], EVFILT_READ) != NULL);
}

static void two_directions_are_two_events(void)
{
    int ends[2], seen = 0;

    pair(ends);
    put(ends[1], 1);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(collect(ROOM, SOON_MS) == 2 && events[0].filter != events[1].filter);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
    for (int i = 0; i < 2; i++) { /* what has no room has its turn */
        CHECK(collect(1, SOON_MS) == 1);
        seen |= events[0].filter == EVFILT_READ ? 1 : 2;
    }
    CHECK(seen == 3 && is_quiet());
}

static void a_level_is_told_again_and_again(void)
{
    int ends[2], others[2];

    pair(ends);
    pair(others);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD, 0) == 0);
    CHECK(change(others[0], EVFILT_READ, EV_ADD, 0) == 0);
    put(ends[1], 1);
    for (int i = 0; i < 3; i++)
        CHECK(only(ends[0], EVFILT_READ) != NULL);
    put(others[1], 1);
    CHECK(collect(ROOM, SOON_MS) == 2 && events[0].ident != events[1].ident);
    CHECK(collect(1, SOON_MS) == 1);
    others[1] = (int) events[0].ident;
    CHECK(collect(1, SOON_MS) == 1 && events[0].ident != (uintptr_t) others[1]); /* in turns */
    drain(ends[0]);
    CHECK(only(others[0], EVFILT_READ) != NULL);
}

static void a_one_shot_is_gone_when_told(void)
{
    int ends[2];

    pair(ends);
    put(ends[1], 1);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_ONESHOT, 0) == 0);
    CHECK(only(ends[0], EVFILT_READ) != NULL && (events[0].flags & EV_ONESHOT) != 0);
    put(ends[1], 1);
    CHECK(is_quiet());
    CHECK(change(ends[0], EVFILT_READ, EV_DELETE, 0) == ENOENT);
}

static void a_dispatched_one_is_disabled_when_told(void)
{
    struct kevent again;
    int ends[2];

    pair(ends);
    put(ends[1], 1);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_DISPATCH, 0) == 0);
    CHECK(only(ends[0], EVFILT_READ) != NULL);
    put(ends[1], 1);
    CHECK(is_quiet());
    CHECK(change(ends[0], EVFILT_READ, EV_ENABLE, 0) == 0);
    CHECK(only(ends[0], EVFILT_READ) != NULL && is_quiet());
    again = event_of(ends[0], EVFILT_READ, EV_ADD | EV_DISPATCH, 0);
    again.udata = (void *) &cookie2;
    CHECK(kevent(kq, &again, 1, NULL, 0, NULL) == 0);
    CHECK(only(ends[0], EVFILT_READ) != NULL && events[0].udata == (void *) &cookie2);
    CHECK(change(ends[0], EVFILT_READ, EV_DISABLE, 0) == 0);
    CHECK(change(ends[0], EVFILT_READ, EV_ENABLE, 0) == 0);
    CHECK(change(ends[0], EVFILT_READ, EV_DISABLE, 0) == 0);
    CHECK(is_quiet());
}

/* --- ends and errors --- */

static void the_peers_end_is_one_of_reading(void)
{
    int ends[2];

    for (int tcp = 0; tcp < 2; tcp++) {
        (tcp ? tcp_pair : pair)(ends);
        CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
        CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
        CHECK(only(ends[0], EVFILT_WRITE) != NULL && (events[0].flags & EV_EOF) == 0);
        put(ends[1], 5);
        CHECK(only(ends[0], EVFILT_READ) != NULL);
        shutdown(ends[1], SHUT_WR);
        do
            CHECK(collect(1, SOON_MS) == 1);
        while (events[0].filter == EVFILT_WRITE && (events[0].flags & EV_EOF) == 0);
        CHECK(events[0].filter == EVFILT_READ && (events[0].flags & EV_EOF) != 0);
        CHECK(events[0].data == 5 && events[0].fflags == 0); /* what is left to read first */
        take(ends[0], 5);
        collect(ROOM, 0); /* Linux calls a writer that is told as well */
        CHECK(is_quiet());
        CHECK(change(ends[0], EVFILT_WRITE, EV_DELETE, 0) == 0);
        CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
        CHECK(only(ends[0], EVFILT_READ) != NULL);
        CHECK((events[0].flags & EV_EOF) != 0 && events[0].data == 0);
    }
}

static void our_own_end_is_one_of_writing(void)
{
    int ends[2];

    for (int tcp = 0; tcp < 2; tcp++) {
        (tcp ? tcp_pair : pair)(ends);
        shutdown(ends[0], SHUT_WR);
        CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
        CHECK(is_quiet());
        CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
        CHECK(only(ends[0], EVFILT_WRITE) != NULL);
        CHECK((events[0].flags & EV_EOF) != 0 && events[0].fflags == 0);
    }
}

static void a_reset_is_an_end_of_both_with_its_error(void)
{
    int ends[2], seen = 0;

    tcp_pair(ends);
    fill(ends[0]);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
    collect(ROOM, QUIET_MS);
    reset(ends[1]);
    while (seen != 3) {
        CHECK(collect(1, SOON_MS) == 1);
        if ((events[0].flags & EV_EOF) == 0)
            continue;
        CHECK(events[0].fflags == ECONNRESET);
        seen |= events[0].filter == EVFILT_READ ? 1 : 2;
    }
}

static void a_refused_connection_is_an_end_with_its_error(void)
{
    struct sockaddr_in address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    close(listener(&address));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (connect(fd, (struct sockaddr *) &address, sizeof address) == 0 || errno != EINPROGRESS)
        return; /* refused at once */
    CHECK(change(fd, EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(fd, EVFILT_WRITE) != NULL);
    CHECK((events[0].flags & EV_EOF) != 0 && events[0].fflags == ECONNREFUSED);
}

static void an_error_of_a_datagram_is_no_end(void)
{
    struct sockaddr_in address;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    int error = 0;
    socklen_t size = sizeof error;

    close(listener(&address));
    CHECK(connect(fd, (struct sockaddr *) &address, sizeof address) == 0);
    CHECK(change(fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(is_quiet());
    put(fd, 1);
    CHECK(only(fd, EVFILT_READ) != NULL && (events[0].flags & EV_EOF) == 0);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ECONNREFUSED);
}

static void pipes_end_on_either_side(void)
{
    int ends[2];

    CHECK(pipe(ends) == 0);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    put(ends[1], 2);
    CHECK(only(ends[0], EVFILT_READ) != NULL && events[0].data == 2);
    close(ends[1]);
    CHECK(only(ends[0], EVFILT_READ) != NULL);
    CHECK((events[0].flags & EV_EOF) != 0 && events[0].data == 2 && events[0].fflags == 0);

    CHECK(pipe(ends) == 0);
    CHECK(change(ends[1], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(ends[1], EVFILT_WRITE) != NULL && events[0].data > 0);
    close(ends[0]);
    CHECK(only(ends[1], EVFILT_WRITE) != NULL);
    CHECK((events[0].flags & EV_EOF) != 0 && events[0].fflags == 0);
}

#if defined(__APPLE__) || defined(KQUEUE_TELLS_URGENT)
static void urgent_data_is_told_where_it_is_asked_for(void)
{
    int ends[2];

    tcp_pair(ends);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, NOTE_OOB) == 0);
    put(ends[1], 3);
    CHECK(only(ends[0], EVFILT_READ) != NULL && events[0].fflags == 0);
    CHECK(send(ends[1], "!", 1, MSG_OOB) == 1);
    CHECK(only(ends[0], EVFILT_READ) != NULL && (events[0].fflags & NOTE_OOB) != 0);
    CHECK(change(ends[0], EVFILT_READ, EV_DELETE, 0) == 0);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(ends[0], EVFILT_READ) != NULL && (events[0].fflags & NOTE_OOB) == 0);
}
#endif

/* --- data --- */

static void a_listener_tells_how_many_are_waiting(void)
{
    struct sockaddr_in address;
    const int fd = listener(&address);

    CHECK(change(fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(is_quiet());
    connect_to(&address);
    CHECK(only(fd, EVFILT_READ) != NULL && events[0].data == 1);
    connect_to(&address);
    CHECK(only(fd, EVFILT_READ) != NULL && events[0].data == 2);
    CHECK(accept(fd, NULL, NULL) >= 0 && is_quiet());
    CHECK(change(fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(fd, EVFILT_READ) != NULL && events[0].data == 1);
}

static void a_writer_is_told_of_its_room(void)
{
    int ends[2];

    tcp_pair(ends);
    CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(only(ends[0], EVFILT_WRITE) != NULL && events[0].data > 1024);
    do /* TCP moves on what it has room for */
        fill(ends[0]);
    while (!is_quiet());
    for (int i = 0; i < 100 && collect(1, 5) == 0; i++)
        drain(ends[1]);
    CHECK(events[0].filter == EVFILT_WRITE && events[0].data > 0);
}

static void a_file_is_readable_until_its_end(void)
{
    char path[] = "/tmp/kqueue-table-XXXXXX";
    const int fd = mkstemp(path);

    unlink(path);
    put(fd, 10);
    CHECK(lseek(fd, 4, SEEK_SET) == 4);
    CHECK(change(fd, EVFILT_READ, EV_ADD, 0) == 0);
    CHECK(only(fd, EVFILT_READ) != NULL && events[0].data == 6);
    CHECK(lseek(fd, 0, SEEK_END) == 10);
    CHECK(is_quiet());
}

static void a_kqueue_inside_another_is_told(void)
{
    const int inner = kqueue(), outer = kq;
    int ends[2];

    pair(ends);
    CHECK(change(inner, EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    kq = inner;
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    kq = outer;
    CHECK(is_quiet());
    put(ends[1], 1);
    CHECK(only(inner, EVFILT_READ) != NULL && events[0].data == 1);
    close(inner);
    CHECK(is_quiet());
}

/* --- timers and users --- */

static void timers_fire_once_or_for_ever(void)
{
    struct kevent timer = event_of(1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0);
    int64_t before = now_ns();

    timer.data = 30;
    CHECK(kevent(kq, &timer, 1, NULL, 0, NULL) == 0);
    CHECK(only(1, EVFILT_TIMER) != NULL && events[0].data == 1);
    CHECK(now_ns() - before >= 29000000 && is_quiet());
    CHECK(change(1, EVFILT_TIMER, EV_DELETE, 0) == ENOENT);
    timer = event_of(2, EVFILT_TIMER, EV_ADD, 0);
    timer.data = 10;
    CHECK(kevent(kq, &timer, 1, NULL, 0, NULL) == 0);
    before = now_ns();
    for (int told = 0; told < 5; told += (int) events[0].data)
        CHECK(only(2, EVFILT_TIMER) != NULL);
    CHECK(now_ns() - before >= 39000000);
    CHECK(change(2, EVFILT_TIMER, EV_DELETE, 0) == 0 && is_quiet());
}

#if defined(EVFILT_USER)
static void a_users_event_is_triggered(void)
{
    CHECK(change(7, EVFILT_USER, 0, NOTE_TRIGGER) == ENOENT);
    CHECK(change(7, EVFILT_USER, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(is_quiet());
    for (int i = 0; i < 3; i++)
        CHECK(change(7, EVFILT_USER, 0, NOTE_TRIGGER) == 0);
    CHECK(only(7, EVFILT_USER) != NULL && is_quiet());
    CHECK(change(7, EVFILT_USER, 0, NOTE_FFOR | 5) == 0 && is_quiet());
    CHECK(change(7, EVFILT_USER, 0, NOTE_TRIGGER | NOTE_FFOR | 2) == 0);
    CHECK(only(7, EVFILT_USER) != NULL && events[0].fflags == 7);
    CHECK(change(8, EVFILT_USER, EV_ADD, NOTE_TRIGGER) == 0); /* without EV_CLEAR it stays */
    CHECK(only(8, EVFILT_USER) != NULL && only(8, EVFILT_USER) != NULL);
}

static void trigger(int number)
{
    const int saved = errno;

    (void) number;
    change(7, EVFILT_USER, 0, NOTE_TRIGGER);
    errno = saved;
}

static void *trigger_often(void *times)
{
    for (int i = 0; i < *(int *) times; i++) {
        const struct timespec moment = {0, 200000};

        nanosleep(&moment, NULL);
        trigger(0);
    }
    return NULL;
}

static void a_sleeper_is_woken_from_any_thread(void)
{
    pthread_t threads[2];
    int times = 200, woken = 0;

    CHECK(change(7, EVFILT_USER, EV_ADD | EV_CLEAR, 0) == 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, trigger_often, &times);
    while (woken < 50)
        woken += only(7, EVFILT_USER) != NULL;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* A handler may trigger in the middle of anything, of another kevent() as well. */
static void a_sleeper_is_woken_by_a_signal_handler(void)
{
    const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    int told = 0;

    CHECK(change(7, EVFILT_USER, EV_ADD | EV_CLEAR, 0) == 0);
    signal(SIGALRM, trigger);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int64_t end = now_ns() + 300000000; now_ns() < end;) {
        const int count = collect(ROOM, 100);

        CHECK(count == 1 || (count < 0 && errno == EINTR));
        told += count == 1;
        change(9, EVFILT_USER, EV_ADD | EV_CLEAR, 0);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(told > 10);
}
#endif

/* --- waiting --- */

static void on_signal(int number)
{
    (void) number;
}

static void a_wait_is_interrupted_but_its_changes_are_made(void)
{
    const struct itimerval once = {{0, 0}, {0, 20000}};
    struct sigaction action;
    struct kevent add;
    int ends[2];

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &once, NULL);
    pair(ends);
    add = event_of(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0);
    CHECK(kevent(kq, &add, 1, events, ROOM, NULL) < 0 && errno == EINTR);
    put(ends[1], 1);
    CHECK(only(ends[0], EVFILT_READ) != NULL);
}

static void a_wait_is_not_short(void)
{
    for (int i = 1; i <= 20; i++) {
        const struct timespec timeout = {0, i * 37000};
        const int64_t before = now_ns();

        CHECK(kevent(kq, NULL, 0, events, ROOM, &timeout) == 0);
        CHECK(now_ns() - before >= timeout.tv_nsec - 1000);
    }
}

/* What a wait of this time says: 0, or errno. */
static int wait_for(time_t seconds, long ns)
{
    const struct timespec timeout = {seconds, ns};

    return kevent(kq, NULL, 0, events, ROOM, &timeout) < 0 ? errno : 0;
}

static void a_time_that_is_none_is_refused(void)
{
    CHECK(wait_for(0, 1000000000) == EINVAL);
    CHECK(wait_for(0, -1) == EINVAL);
    CHECK(wait_for(-1, 0) == EINVAL);
    CHECK(wait_for(0, 0) == 0);
}

static bool is_readable(int fd, int ms)
{
    struct pollfd look = {fd, POLLIN, 0};

    return poll(&look, 1, ms) > 0;
}

static void a_kqueue_can_be_polled(void)
{
    int ends[2];

    pair(ends);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(!is_readable(kq, QUIET_MS));
    put(ends[1], 1);
    CHECK(is_readable(kq, SOON_MS));
    CHECK(only(ends[0], EVFILT_READ) != NULL);
    CHECK(!is_readable(kq, QUIET_MS));
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0); /* ready as it is */
    CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
    CHECK(is_readable(kq, SOON_MS));
    CHECK(collect(1, SOON_MS) == 1 && is_readable(kq, SOON_MS));
    CHECK(collect(1, SOON_MS) == 1 && !is_readable(kq, QUIET_MS));
}

static void a_child_has_no_kqueue(void)
{
    int status, ends[2];
    pid_t pid;

    pair(ends);
    CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(collect(1, 0) < 0 && errno == EBADF ? 0 : 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    put(ends[1], 1);
    CHECK(only(ends[0], EVFILT_READ) != NULL);
}

/* --- the emulation's switches --- */

#if defined(KQUEUE_EMULATED)
static void be_like(const char *word)
{
    close(kq);
    setenv("ROUSE_KQUEUE_LIKE", word, 1);
    kq = kqueue();
}

static void like_epipe_refuses_a_writer_without_a_reader(void)
{
    int ends[2];

    CHECK(pipe(ends) == 0);
    close(ends[0]);
    CHECK(change(ends[1], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
    be_like("epipe");
    CHECK(change(ends[1], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == EPIPE);
    CHECK(change(ends[1], EVFILT_WRITE, EV_DELETE, 0) == ENOENT);
}

static void like_reverse_turns_a_batch_around(void)
{
    static const char *const words[] = {"", "reverse"};
    int ends[2];

    for (int i = 0; i < 2; i++) {
        be_like(words[i]);
        pair(ends);
        put(ends[1], 1);
        CHECK(change(ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0) == 0);
        CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
        CHECK(collect(ROOM, SOON_MS) == 2);
        CHECK(events[i].filter == EVFILT_READ && events[1 - i].filter == EVFILT_WRITE);
    }
}

static void like_acks_tells_a_writer_of_each(void)
{
    static const char *const words[] = {"", "acks"};
    int ends[2];

    for (int i = 0; i < 2; i++) {
        be_like(words[i]);
        tcp_pair(ends);
        CHECK(change(ends[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0) == 0);
        CHECK(only(ends[0], EVFILT_WRITE) != NULL);
        for (int round = 0; round < 3; round++) {
            put(ends[0], 1);
            CHECK(i == 1 ? only(ends[0], EVFILT_WRITE) != NULL : is_quiet());
        }
        CHECK(is_quiet());
    }
}

static void like_nouser_has_no_users_event(void)
{
    be_like("nouser");
    CHECK(change(7, EVFILT_USER, EV_ADD | EV_CLEAR, 0) == EINVAL);
    CHECK(wait_for(100000001, 0) == EINVAL);
}
#endif

#define ROW(name)                                                                                  \
    {                                                                                              \
#name, name                                                                                \
    }

static const struct {
    const char *name;
    void (*run)(void);
} rows[] = {
    ROW(a_knote_goes_with_its_number),
    ROW(a_duplicate_does_not_keep_a_knote),
    ROW(errors_of_changes_have_their_place),
    ROW(an_edge_is_told_once_and_ev_add_looks_again),
    ROW(one_filter_does_not_disturb_the_other),
    ROW(two_directions_are_two_events),
    ROW(a_level_is_told_again_and_again),
    ROW(a_one_shot_is_gone_when_told),
    ROW(a_dispatched_one_is_disabled_when_told),
    ROW(the_peers_end_is_one_of_reading),
    ROW(our_own_end_is_one_of_writing),
    ROW(a_reset_is_an_end_of_both_with_its_error),
    ROW(a_refused_connection_is_an_end_with_its_error),
    ROW(an_error_of_a_datagram_is_no_end),
    ROW(pipes_end_on_either_side),
#if defined(__APPLE__) || defined(KQUEUE_TELLS_URGENT)
    ROW(urgent_data_is_told_where_it_is_asked_for),
#endif
    ROW(a_listener_tells_how_many_are_waiting),
    ROW(a_writer_is_told_of_its_room),
    ROW(a_file_is_readable_until_its_end),
    ROW(a_kqueue_inside_another_is_told),
    ROW(timers_fire_once_or_for_ever),
#if defined(EVFILT_USER)
    ROW(a_users_event_is_triggered),
    ROW(a_sleeper_is_woken_from_any_thread),
    ROW(a_sleeper_is_woken_by_a_signal_handler),
#endif
    ROW(a_wait_is_interrupted_but_its_changes_are_made),
    ROW(a_wait_is_not_short),
    ROW(a_time_that_is_none_is_refused),
    ROW(a_kqueue_can_be_polled),
    ROW(a_child_has_no_kqueue),
#if defined(KQUEUE_EMULATED)
    ROW(like_epipe_refuses_a_writer_without_a_reader),
    ROW(like_reverse_turns_a_batch_around),
    ROW(like_acks_tells_a_writer_of_each),
    ROW(like_nouser_has_no_users_event),
#endif
};

enum { ROWS = sizeof rows / sizeof rows[0], LIMIT_S = 30 };

static int run(int row)
{
    alarm(LIMIT_S);
    kq = kqueue();
    CHECK(kq >= 0);
    rows[row].run();
    close(kq);
    return 0;
}

static int run_all(void)
{
    int failed = 0;

    for (int row = 0; row < ROWS; row++) {
        pid_t pid;
        int status = -1;

        printf("%s\n", rows[row].name);
        fflush(stdout);
        pid = fork();
        if (pid == 0)
            exit(run(row));
        waitpid(pid, &status, 0);
        failed += status != 0;
    }
    printf("%d passed, %d failed\n", ROWS - failed, failed);
    return failed != 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "--all") == 0)
        return run_all();
    for (int row = 0; row < ROWS; row++) {
        if (argc < 2)
            puts(rows[row].name);
        else if (strcmp(argv[1], rows[row].name) == 0)
            return run(row);
    }
    return argc < 2 ? 0 : 2;
}
