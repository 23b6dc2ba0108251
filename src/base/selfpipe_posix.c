/*
 * selfpipe_posix.c -- something to sleep on, out of pipe(2).
 */
#include "selfpipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

static void prepare(int fd)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int rouse__selfpipe_open(struct rouse__selfpipe *pipe_)
{
    int fds[2];

    if (pipe(fds) < 0)
        return -errno;
    prepare(fds[0]);
    prepare(fds[1]);
    pipe_->read_end = fds[0];
    pipe_->write_end = fds[1];
    return 0;
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
