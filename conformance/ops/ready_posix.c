/*
 * ready_posix.c -- by poll(2).
 */
#include "ready.h"

#include <poll.h>

unsigned poll_ready(rouse_fd fd)
{
    struct pollfd asked = {.fd = fd, .events = POLLIN | POLLOUT};
    unsigned ready = 0;

    if (poll(&asked, 1, 0) <= 0)
        return 0;
    if ((asked.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        ready |= ROUSE_READABLE;
    if ((asked.revents & (POLLOUT | POLLHUP | POLLERR)) != 0)
        ready |= ROUSE_WRITABLE;
    return ready;
}
