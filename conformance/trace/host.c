/*
 * host.c -- what a play asks of the system, as the kit has it.
 */
#include "../ops/abroad.h"
#include "../ops/ready.h"
#include "../suite.h"
#include "../thread.h"
#include "../world_host.h"

void abroad(void (*run)(void *with), void *with)
{
    thread_join(thread_start(run, with));
}

unsigned poll_ready(rouse_fd fd)
{
    return host_ready(fd, ROUSE_READABLE | ROUSE_WRITABLE, 0);
}

/* The listeners of a world are on ports. */
void ready_path(char *text, size_t size, int number)
{
    (void) text;
    (void) size;
    (void) number;
    suite_error("a play without a world");
}

void ready_forget_path(int number)
{
    (void) number;
}
