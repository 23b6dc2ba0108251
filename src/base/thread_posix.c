/*
 * thread_posix.c -- which thread this is, and letting the others run.
 */
#include "thread.h"

#include <time.h>

ROUSE__THREAD_LOCAL char rouse__thread_mark;

void rouse__thread_yield(void)
{
    /* Not sched_yield(): the thread that we wait for may need this processor, and a
     * scheduler by deadlines (Linux from 6.6 on) would let us spin for a time slice. */
    const struct timespec moment = {0, 20000};

    nanosleep(&moment, NULL);
}
