/*
 * nt.h -- what Windows' headers do not declare of AFD, the driver below its sockets.
 *
 * AFD answers a request that select() and WSAPoll() are made of: tell me when one of these
 * sockets is in one of these states. It is sent to any file of the driver, not to the
 * socket, and it is an ordinary asynchronous request: it ends at a completion port, once,
 * and can be cancelled. Microsoft has not written it down, and has not changed it since
 * Windows NT either, because Winsock's own DLL is sent out separately from the driver.
 */
#ifndef ROUSE_EVQ_NT_H
#define ROUSE_EVQ_NT_H

#include <stdint.h>

/* A request that is sent by DeviceIoControl(), with a struct afd_poll in and out. */
#define AFD_POLL 0x00012024

/* Any name may follow the driver's; debuggers show it. */
#define AFD_PATH L"\\Device\\Afd\\rouse"

/* The state of a socket. Each is reported as long as it lasts, if it was asked for. */
enum afd_state {
    AFD_RECEIVE = 1 << 0,     /* bytes or a datagram to read */
    AFD_SEND = 1 << 2,        /* room to write; never while it is being connected */
    AFD_DISCONNECT = 1 << 3,  /* the peer's end of stream */
    AFD_ABORT = 1 << 4,       /* the peer's reset */
    AFD_LOCAL_CLOSE = 1 << 5, /* closed on our side, and reported unasked */
    AFD_ACCEPT = 1 << 7,      /* a connection to accept */
    AFD_CONNECT_FAIL = 1 << 8 /* a connect() that ended in an error */
};

/* The request, with room for one socket, and the answer. A request that fails or is
 * cancelled leaves it as it was. */
struct afd_poll {
    int64_t timeout;    /* in 100 ns: relative if negative, else absolute */
    uint32_t count;     /* of sockets asked about, and then of those that answer */
    uint32_t exclusive; /* ends other requests for the same socket */
    struct {
        void *socket;    /* a handle that no service provider has wrapped */
        uint32_t states; /* asked for, and then those found */
        int32_t status;
    } sockets[1];
};

/* How a cancelled request ends. <ntstatus.h> has it, and quarrels with <windows.h>. */
#define NT_CANCELLED ((int32_t) 0xC0000120)

#endif /* ROUSE_EVQ_NT_H */
