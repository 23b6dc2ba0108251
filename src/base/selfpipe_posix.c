/*
 * selfpipe_posix.c -- something to sleep on, out of pipe(2).
 */
#include "selfpipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#if defined(__APPLE__)
static int open_pipe(int fds[2])
{
    int i;

    if (pipe(fds) < 0)
        return -errno;
    for (i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
}
#else
static int open_pipe(int fds[2])
{
    return pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0 ? -errno : 0;
}
#endif

int rouse__selfpipe_open(struct rouse__selfpipe *pipe_)
{
    int fds[2] = {-1, -1};
    const int error = open_pipe(fds);

    pipe_->read_end = fds[0];
    pipe_->write_end = fds[1];
    return error;
}

void rouse__selfpipe_close(struct rouse__selfpipe *pipe_)
{
    close(pipe_->read_end);
    close(pipe_->write_end);
}

void rouse__selfpipe_notify(const struct rouse__selfpipe *pipe_)
{
    const int saved = errno;

    /* A full pipe is readable, which is all we want. */
    while (write(pipe_->write_end, "", 1) < 0 && errno == EINTR) {
    }
    errno = saved;
}

void rouse__selfpipe_drain(const struct rouse__selfpipe *pipe_)
{
    char bytes[64];
    ssize_t n;

    do {
        n = read(pipe_->read_end, bytes, sizeof bytes);
    } while (n == (ssize_t) sizeof bytes || (n < 0 && errno == EINTR));
}

void rouse__selfpipe_wait(const struct rouse__selfpipe *pipe_)
{
    struct pollfd pollfd = {pipe_->read_end, POLLIN, 0};

    while (poll(&pollfd, 1, -1) < 0 && errno == EINTR) {
    }
}
