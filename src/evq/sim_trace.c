/*
 * sim_trace.c -- one line for each thing that happens in a simulation.
 */
#include "sim_trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE = 160 };

/* Errors have other numbers on other systems. These are all that the simulation tells. */
static const char *error_name(intptr_t error)
{
    switch (error) {
    case -EADDRINUSE: return "EADDRINUSE";
    case -EADDRNOTAVAIL: return "EADDRNOTAVAIL";
    case -EAFNOSUPPORT: return "EAFNOSUPPORT";
    case -EAGAIN: return "EAGAIN";
    case -EALREADY: return "EALREADY";
    case -EBADF: return "EBADF";
    case -ECONNABORTED: return "ECONNABORTED";
    case -ECONNREFUSED: return "ECONNREFUSED";
    case -ECONNRESET: return "ECONNRESET";
    case -EEXIST: return "EEXIST";
    case -EINPROGRESS: return "EINPROGRESS";
    case -EINVAL: return "EINVAL";
    case -EISCONN: return "EISCONN";
    case -EMFILE: return "EMFILE";
    case -EMSGSIZE: return "EMSGSIZE";
    case -ENOENT: return "ENOENT";
    case -ENOMEM: return "ENOMEM";
    case -ENOTCONN: return "ENOTCONN";
    case -EPIPE: return "EPIPE";
    default: return "?";
    }
}

/* Begins a line, and returns how long it is; `text` has room for LINE. */
static int begin(const struct rouse__sim_trace *trace, char *text, const char *format,
                 va_list arguments)
{
    const int time = snprintf(text, LINE, "%" PRId64 " ", *trace->now);

    return time + vsnprintf(text + time, (size_t) (LINE - time), format, arguments);
}

void rouse__sim_tell(const struct rouse__sim_trace *trace, const char *format, ...)
{
    char text[LINE];
    va_list arguments;

    if (trace->line == NULL)
        return;
    va_start(arguments, format);
    begin(trace, text, format, arguments);
    va_end(arguments);
    trace->line(trace->with, text);
}

void rouse__sim_tell_result(const struct rouse__sim_trace *trace, intptr_t result,
                            const char *format, ...)
{
    char text[LINE];
    va_list arguments;
    int length;

    if (trace->line == NULL)
        return;
    va_start(arguments, format);
    length = begin(trace, text, format, arguments);
    va_end(arguments);
    if (result < 0)
        snprintf(text + length, (size_t) (LINE - length), ": %s", error_name(result));
    else
        snprintf(text + length, (size_t) (LINE - length), ": %" PRIdPTR, result);
    trace->line(trace->with, text);
}
