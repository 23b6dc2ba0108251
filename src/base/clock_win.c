/*
 * clock_win.c -- the host's monotonic clock.
 */
#include "clock.h"

#include <windows.h>

rouse_time rouse__clock(void)
{
    LARGE_INTEGER ticks, a_second;
    rouse_time part;

    /* Neither can fail from Windows XP on. */
    QueryPerformanceFrequency(&a_second);
    QueryPerformanceCounter(&ticks);
    /* Whole seconds apart, because all ticks at once times a billion would overflow: at
     * the usual 10 MHz, after a quarter of an hour. */
    part = ROUSE_SECONDS(ticks.QuadPart % a_second.QuadPart) / a_second.QuadPart;
    return ROUSE_SECONDS(ticks.QuadPart / a_second.QuadPart) + part;
}
