/*
 * error_win.c -- what Windows calls an error, as an errno value.
 *
 * The one table. A refused connect is 1225 of Win32, 10061 of Winsock and 0xc0000236 of
 * NT, which is what a completion carries; whoever waits for it sees -ECONNREFUSED, as on
 * any other system. Each row has the names in that order.
 */
#include "error_win.h"

#include <errno.h>

/* Of the names of NT's, <windows.h> has a few and <ntstatus.h> all, but not both. */
#define WIN32_NO_STATUS
#include <winsock2.h>
#include <winternl.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>

int rouse__error_of(long code)
{
    switch (code) {
    case ERROR_SUCCESS: return 0;

    case WSAEACCES:
    case ERROR_ACCESS_DENIED:
    case STATUS_ACCESS_DENIED: return -EACCES;
    case WSAEADDRINUSE:
    case ERROR_ADDRESS_ALREADY_ASSOCIATED:
    case STATUS_SHARING_VIOLATION:
    case STATUS_ADDRESS_ALREADY_EXISTS:
    case STATUS_ADDRESS_ALREADY_ASSOCIATED: return -EADDRINUSE;
    case WSAEADDRNOTAVAIL:
    case STATUS_INVALID_ADDRESS_COMPONENT:
    case STATUS_INVALID_ADDRESS:
    case STATUS_TOO_MANY_ADDRESSES: return -EADDRNOTAVAIL;
    case WSAEAFNOSUPPORT:
    case WSAEPFNOSUPPORT:
    case WSAESOCKTNOSUPPORT:
    case WSAEPROTONOSUPPORT: return -EAFNOSUPPORT;
    case WSAEWOULDBLOCK:
    case STATUS_DEVICE_NOT_READY: return -EAGAIN;
    case WSAEALREADY: return -EALREADY;
    case WSAEBADF:
    case WSAENOTSOCK: /* closed, as a rule; who can tell the difference does */
    case ERROR_INVALID_HANDLE:
    case STATUS_INVALID_HANDLE:
    case STATUS_OBJECT_TYPE_MISMATCH:
    case STATUS_HANDLE_NOT_CLOSABLE: return -EBADF;
    case ERROR_OPERATION_ABORTED:
    case WSA_E_CANCELLED:
    case STATUS_CANCELLED: return -ECANCELED;
    case WSAECONNABORTED:
    case ERROR_CONNECTION_ABORTED:
    case STATUS_CONNECTION_ABORTED:
    case STATUS_LOCAL_DISCONNECT:
    case STATUS_TRANSACTION_ABORTED: return -ECONNABORTED;
    case WSAECONNREFUSED:
    case ERROR_CONNECTION_REFUSED:
    case STATUS_CONNECTION_REFUSED:
    case STATUS_REMOTE_NOT_LISTENING: return -ECONNREFUSED;
    case WSAECONNRESET:
    case WSAENETRESET:
    case ERROR_NETNAME_DELETED:
    case STATUS_CONNECTION_RESET:
    case STATUS_REMOTE_DISCONNECT:
    case STATUS_CONNECTION_DISCONNECTED:
    case STATUS_PORT_UNREACHABLE: return -ECONNRESET;
    case WSAEDESTADDRREQ: return -EDESTADDRREQ;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
    case STATUS_OBJECT_NAME_COLLISION: return -EEXIST;
    case WSAEFAULT:
    case STATUS_ACCESS_VIOLATION:
    case STATUS_INVALID_PARAMETER_MIX: return -EFAULT;
    case WSAEHOSTUNREACH:
    case WSAEHOSTDOWN:
    case ERROR_HOST_UNREACHABLE:
    case STATUS_HOST_UNREACHABLE:
    case STATUS_HOST_DOWN:
    case STATUS_BAD_NETWORK_PATH: return -EHOSTUNREACH;
    case WSAEINPROGRESS:
    case STATUS_PENDING: return -EINPROGRESS;
    case WSAEINTR: return -EINTR;
    case WSAEINVAL:
    case ERROR_INVALID_PARAMETER:
    case STATUS_INVALID_PARAMETER:
    case STATUS_INVALID_DEVICE_REQUEST: return -EINVAL;
    case WSAEISCONN:
    case STATUS_CONNECTION_ACTIVE: return -EISCONN;
    case WSAEMFILE:
    case ERROR_TOO_MANY_OPEN_FILES:
    case STATUS_TOO_MANY_OPENED_FILES: return -EMFILE;
    case WSAEMSGSIZE:
    case STATUS_BUFFER_OVERFLOW:
    case STATUS_INVALID_BUFFER_SIZE: return -EMSGSIZE;
    case WSAENAMETOOLONG: return -ENAMETOOLONG;
    case WSAENETDOWN:
    case WSASYSNOTREADY: return -ENETDOWN;
    case WSAENETUNREACH:
    case ERROR_NETWORK_UNREACHABLE:
    case STATUS_NETWORK_UNREACHABLE:
    case STATUS_PROTOCOL_UNREACHABLE: return -ENETUNREACH;
    case WSAENOBUFS:
    case ERROR_NO_SYSTEM_RESOURCES:
    case STATUS_INSUFFICIENT_RESOURCES: return -ENOBUFS;
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case STATUS_OBJECT_NAME_NOT_FOUND:
    case STATUS_OBJECT_PATH_NOT_FOUND: return -ENOENT;
    case WSA_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
    case ERROR_WORKING_SET_QUOTA:
    case STATUS_NO_MEMORY:
    case STATUS_COMMITMENT_LIMIT:
    case STATUS_WORKING_SET_QUOTA:
    case STATUS_QUOTA_EXCEEDED:
    case STATUS_PAGEFILE_QUOTA: return -ENOMEM;
    case WSAENOPROTOOPT: return -ENOPROTOOPT;
    case ERROR_CALL_NOT_IMPLEMENTED:
    case ERROR_INVALID_FUNCTION:
    case ERROR_PROC_NOT_FOUND:
    case WSAVERNOTSUPPORTED:
    case STATUS_NOT_IMPLEMENTED: return -ENOSYS;
    case WSAENOTCONN:
    case STATUS_INVALID_CONNECTION: return -ENOTCONN;
    case WSAEOPNOTSUPP:
    case ERROR_NOT_SUPPORTED:
    case STATUS_NOT_SUPPORTED: return -ENOTSUP;
    case WSAESHUTDOWN:
    case ERROR_BROKEN_PIPE:
    case ERROR_NO_DATA: /* the pipe is being closed */
    case STATUS_PIPE_BROKEN:
    case STATUS_PIPE_DISCONNECTED:
    case STATUS_GRACEFUL_DISCONNECT: return -EPIPE;
    case WSAETIMEDOUT:
    case WAIT_TIMEOUT: /* as NT calls it */
    case ERROR_SEM_TIMEOUT:
    case STATUS_IO_TIMEOUT: return -ETIMEDOUT;

    default: return -EIO;
    }
}

int rouse__error_last(void)
{
    const int error = rouse__error_of((long) GetLastError());

    return error != 0 ? error : -EIO; /* it failed, whatever the system says */
}
