/*
 * error.c -- what an errno value means, for people.
 *
 * Not strerror(): that one is not safe on every thread, speaks the locale's language,
 * and says different things on different systems. A switch, not a table: the numbers
 * are the system's.
 */
#include "error.h"

#include <errno.h>

const char *rouse__error_text(int number)
{
    switch (number) {
    case EACCES: return "permission denied";
    case EADDRINUSE: return "address already in use";
    case EADDRNOTAVAIL: return "no such address on this machine";
    case EAFNOSUPPORT: return "address family not supported";
    case EAGAIN: return "not now, and nothing will tell when";
    case EALREADY: return "already in progress";
    case EBADF: return "not an open descriptor";
    case EBUSY: return "somebody waits there already";
    case ECANCELED: return "canceled";
    case ECONNABORTED: return "connection aborted";
    case ECONNREFUSED: return "connection refused";
    case ECONNRESET: return "connection reset by peer";
    case EDESTADDRREQ: return "no address to send to";
    case EEXIST: return "exists already";
    case EFAULT: return "bad address in memory";
    case EHOSTUNREACH: return "no route to host";
    case EINPROGRESS: return "in progress";
    case EINTR: return "interrupted";
    case EINVAL: return "invalid argument";
    case EIO: return "input or output error";
    case EISCONN: return "already connected";
    case EMFILE: return "too many open descriptors in this process";
    case EMSGSIZE: return "message too long";
    case ENAMETOOLONG: return "name too long";
    case ENETDOWN: return "network down";
    case ENETUNREACH: return "network unreachable";
    case ENFILE: return "too many open files in the system";
    case ENOBUFS: return "no buffer space";
    case ENODEV: return "no such backend";
    case ENOENT: return "no such file or directory";
    case ENOMEM: return "out of memory";
    case ENOPROTOOPT: return "option not supported";
    case ENOSPC: return "no space left";
    case ENOSYS: return "not supported by this system";
    case ENOTCONN: return "not connected";
    case ENOTSOCK: return "not a socket";
    case ENOTSUP: return "not supported";
    case EPERM: return "not permitted for this kind of descriptor";
    case EPIPE: return "the other end is closed";
    case EPROTO: return "protocol error";
    case ETIMEDOUT: return "timed out";
    default: return "unknown error";
    }
}
