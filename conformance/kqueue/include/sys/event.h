/*
 * sys/event.h -- a kqueue for Linux, for tests: what kqueue.c in src/evq/ includes, and
 * what emulation.c beside this folder implements. Never installed.
 *
 * Names and values are those of macOS, where kqueues began to be most alike.
 */
#ifndef ROUSE_CONFORMANCE_KQUEUE_SYS_EVENT_H
#define ROUSE_CONFORMANCE_KQUEUE_SYS_EVENT_H

#include <stdint.h>
#include <time.h>
#include <unistd.h>

#define KQUEUE_EMULATED
#define KQUEUE_VERSION "EV_CLEAR, on an emulation"

/* Whether EVFILT_READ takes NOTE_OOB, as on macOS, or not, as elsewhere. */
#if !defined(KQUEUE_LIKE_FREEBSD)
#define KQUEUE_TELLS_URGENT
#endif

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_TIMER (-7)
#define EVFILT_USER (-10)

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_DISABLE 0x0008
#define EV_ONESHOT 0x0010
#define EV_CLEAR 0x0020
#define EV_RECEIPT 0x0040
#define EV_DISPATCH 0x0080
#define EV_ERROR 0x4000
#define EV_EOF 0x8000

#define NOTE_OOB 0x00000002
#define NOTE_NSECONDS 0x00000004
#define NOTE_TRIGGER 0x01000000
#define NOTE_FFNOP 0x00000000
#define NOTE_FFAND 0x40000000
#define NOTE_FFOR 0x80000000
#define NOTE_FFCOPY 0xc0000000
#define NOTE_FFCTRLMASK 0xc0000000
#define NOTE_FFLAGSMASK 0x00ffffff

struct kevent {
    uintptr_t ident;
    int16_t filter;
    uint16_t flags;
    uint32_t fflags;
    intptr_t data;
    void *udata;
};

int kqueue(void);
int kevent(int kq, const struct kevent *changes, int change_count, struct kevent *events,
           int event_count, const struct timespec *timeout);

/* The same, by names that nobody stands in for. */
int kqueue_emulation_kqueue(void);
int kqueue_emulation_kevent(int kq, const struct kevent *changes, int change_count,
                            struct kevent *events, int event_count, const struct timespec *timeout);

/* A kqueue has more to it than one descriptor, so it is closed through us. */
int kqueue_emulation_close(int fd);
#define close(fd) kqueue_emulation_close(fd)

/* For tests: the most changes with EV_ADD that any one knote has got in its life, of all
 * that there have been since this was last asked. */
unsigned kqueue_emulation_most_changes(void);

#endif /* ROUSE_CONFORMANCE_KQUEUE_SYS_EVENT_H */
