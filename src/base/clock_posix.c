/*
 * clock_posix.c -- the host's monotonic clock.
 */
#include "clock.h"

#include <time.h>

rouse_time rouse__clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return ROUSE_SECONDS(now.tv_sec) + now.tv_nsec;
}
