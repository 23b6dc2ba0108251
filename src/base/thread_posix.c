/*
 * thread_posix.c -- which thread this is, and letting the others run.
 */
#include "thread.h"

#include <sched.h>

ROUSE__THREAD_LOCAL char rouse__thread_mark;

void rouse__thread_yield(void)
{
    sched_yield();
}
