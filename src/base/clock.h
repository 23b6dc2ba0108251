/*
 * clock.h -- the host's monotonic clock.
 */
#ifndef ROUSE_BASE_CLOCK_H
#define ROUSE_BASE_CLOCK_H

#include <rouse/base.h>

/* Nanoseconds since some moment in the past. Never goes back; what it does while the
 * machine is suspended is the system's choice. */
rouse_time rouse__clock(void);

#endif /* ROUSE_BASE_CLOCK_H */
