/*
 * thread_win.c -- which thread this is, and letting the others run.
 */
#include "thread.h"

#include <windows.h>

ROUSE__THREAD_LOCAL char rouse__thread_mark;

void rouse__thread_yield(void)
{
    /* When no other thread wants this processor, the one that we wait for runs on another
     * already, or may only run when we do not. */
    if (!SwitchToThread())
        Sleep(1);
}
