/*
 * ready_posix.c -- by poll(2), and in the folder for temporary files.
 */
#include "ready.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static const char *folder(void)
{
    const char *named = getenv("TMPDIR");

    return named != NULL && *named == '/' ? named : "/tmp";
}

void ready_path(char *text, size_t size, int number)
{
    ready_forget_path(number); /* of a play that crashed, by a process of the same number */
    snprintf(text, size, "unix:%s/rouse-play-%ld-%d", folder(), (long) getpid(), number);
}

void ready_forget_path(int number)
{
    char path[256];

    snprintf(path, sizeof path, "%s/rouse-play-%ld-%d", folder(), (long) getpid(), number);
    unlink(path);
}
