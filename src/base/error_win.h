/*
 * error_win.h -- what Windows calls an error, as an errno value.
 */
#ifndef ROUSE_BASE_ERROR_WIN_H
#define ROUSE_BASE_ERROR_WIN_H

/* 0, or the negative errno value: -EIO for what we have no name for. `code` is what
 * WSAGetLastError() or GetLastError() returned, the value of SO_ERROR, or an NTSTATUS:
 * these are ranges of numbers that do not overlap. */
int rouse__error_of(long code);

/* Of the call that just failed on this thread, whether Winsock's or another. */
int rouse__error_last(void);

#endif /* ROUSE_BASE_ERROR_WIN_H */
