/*
 * watchable_posix.h -- whether a descriptor can be waited for, where the kernel does not say (E11).
 *
 * epoll refuses what is always ready. Others take it, and report it again and again; so the
 * first arm() asks what kind of descriptor it is.
 */
#ifndef ROUSE_EVQ_WATCHABLE_POSIX_H
#define ROUSE_EVQ_WATCHABLE_POSIX_H

#include <errno.h>
#include <rouse/base.h>
#include <sys/stat.h>

/* 0, -EBADF for what is not open, or -EPERM. */
static inline int watchable(rouse_fd fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return -errno;
    return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ? -EPERM : 0;
}

#endif /* ROUSE_EVQ_WATCHABLE_POSIX_H */
