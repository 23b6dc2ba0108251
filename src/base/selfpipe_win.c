/*
 * selfpipe_win.c -- something to sleep on, out of an event.
 *
 * Nobody here waits for it beside other descriptors, so it need not be one: a completion
 * port has its own way of being woken. Both ends are the same event, which stays set
 * until it is drained.
 */
#include "selfpipe.h"

#include "error_win.h"

#include <windows.h>

int rouse__selfpipe_open(struct rouse__selfpipe *pipe)
{
    const HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    pipe->read_end = pipe->write_end = event != NULL ? (rouse_fd) event : ROUSE_NO_FD;
    return event != NULL ? 0 : rouse__error_last();
}

void rouse__selfpipe_close(struct rouse__selfpipe *pipe)
{
    CloseHandle((HANDLE) pipe->read_end);
}

void rouse__selfpipe_notify(const struct rouse__selfpipe *pipe)
{
    const DWORD saved = GetLastError();

    SetEvent((HANDLE) pipe->write_end);
    SetLastError(saved);
}

void rouse__selfpipe_drain(const struct rouse__selfpipe *pipe)
{
    ResetEvent((HANDLE) pipe->read_end);
}

void rouse__selfpipe_wait(const struct rouse__selfpipe *pipe)
{
    WaitForSingleObject((HANDLE) pipe->read_end, INFINITE);
}
