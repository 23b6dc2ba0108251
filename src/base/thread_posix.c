/*
 * thread_posix.c -- which thread this is, and letting the others run.
 */
#include "thread.h"

#include <sched.h>

_Thread_local char rouse__thread_mark;

void rouse__thread_yield(void)
{
    sched_yield();
}
