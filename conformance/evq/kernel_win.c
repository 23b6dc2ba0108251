/*
 * kernel_win.c -- kernel.h on Windows.
 *
 * Only sockets are descriptors here: cases that want more have said so (NEEDS_NON_SOCKETS,
 * NEEDS_UNIX for what is passed over such a socket).
 */
#include "kernel.h"

#include <windows.h>
#include <winsock2.h>

#include <errno.h>

#include "../world.h"
#include "../world_host.h"

/* The clock's interrupt, every 1/64 of a second, finds out whose time it is. */
const int64_t kernel_cpu_step_ns = 15625000;

static int64_t sum_ns(const FILETIME *kernel, const FILETIME *user)
{
    const ULARGE_INTEGER k = {.LowPart = kernel->dwLowDateTime, .HighPart = kernel->dwHighDateTime};
    const ULARGE_INTEGER u = {.LowPart = user->dwLowDateTime, .HighPart = user->dwHighDateTime};

    return (int64_t) (k.QuadPart + u.QuadPart) * 100;
}

int64_t kernel_cpu_ns(void)
{
    FILETIME begun, ended, kernel, user;

    GetThreadTimes(GetCurrentThread(), &begun, &ended, &kernel, &user);
    return sum_ns(&kernel, &user);
}

int64_t kernel_process_cpu_ns(void)
{
    FILETIME begun, ended, kernel, user;

    GetProcessTimes(GetCurrentProcess(), &begun, &ended, &kernel, &user);
    return sum_ns(&kernel, &user);
}

int64_t kernel_pauses(void)
{
    return -1;
}

static intptr_t result_of(int count)
{
    if (count >= 0)
        return count;
    return WSAGetLastError() == WSAEWOULDBLOCK ? -EAGAIN : -EIO;
}

intptr_t kernel_read(rouse_fd fd, void *data, size_t size)
{
    return result_of(recv(fd, data, (int) size, 0));
}

intptr_t kernel_write(rouse_fd fd, const void *data, size_t size)
{
    return result_of(send(fd, data, (int) size, 0));
}

intptr_t kernel_peek(rouse_fd fd, void *data, size_t size)
{
    return result_of(recv(fd, data, (int) size, MSG_PEEK));
}

intptr_t kernel_send_rights(rouse_fd fd, char byte, rouse_fd along)
{
    (void) along; /* which Unix sockets of this system cannot carry */
    return kernel_write(fd, &byte, 1);
}

bool kernel_readable(rouse_fd fd, int ms)
{
    return host_ready(fd, ROUSE_READABLE, ms) != 0;
}
