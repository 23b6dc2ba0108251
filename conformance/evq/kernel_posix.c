/*
 * kernel_posix.c -- kernel.h on a POSIX system.
 */
#include "kernel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static intptr_t result_of(ssize_t count)
{
    return count < 0 ? -errno : count;
}

const int64_t kernel_cpu_step_ns = 0;

static int64_t clock_ns(clockid_t clock)
{
    struct timespec used;

    clock_gettime(clock, &used);
    return (int64_t) used.tv_sec * 1000000000 + used.tv_nsec;
}

int64_t kernel_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t kernel_process_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

#if defined(RUSAGE_THREAD)
int64_t kernel_pauses(void)
{
    struct rusage used;

    return getrusage(RUSAGE_THREAD, &used) == 0 ? used.ru_nvcsw : -1;
}
#else
int64_t kernel_pauses(void)
{
    return -1;
}
#endif

intptr_t kernel_read(rouse_fd fd, void *data, size_t size)
{
    return result_of(read(fd, data, size));
}

intptr_t kernel_write(rouse_fd fd, const void *data, size_t size)
{
    return result_of(write(fd, data, size));
}

intptr_t kernel_peek(rouse_fd fd, void *data, size_t size)
{
    return result_of(recv(fd, data, size, MSG_PEEK));
}

intptr_t kernel_send_rights(rouse_fd fd, char byte, rouse_fd along)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof along)];
    } control = {.room = {0}};
    struct iovec data = {&byte, 1};
    struct msghdr message = {0};

    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof along);
    memcpy(CMSG_DATA(&control.header), &along, sizeof along);
    return result_of(sendmsg(fd, &message, 0));
}

bool kernel_readable(rouse_fd fd, int ms)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};

    while (poll(&look, 1, ms) < 0 && errno == EINTR)
        continue;
    return look.revents != 0;
}
