/*
 * strange_loop_win.c -- no strange loop: libuv is linked into the program, without names.
 */
#include "strange_loop.h"

#include <stddef.h>

void *strange_loop_open(void)
{
    return NULL;
}

int strange_loop_turn(void *loop)
{
    (void) loop;
    return 0;
}

int strange_loop_turn_once(void *loop)
{
    (void) loop;
    return 0;
}

int strange_loop_close(void *loop)
{
    (void) loop;
    return 0;
}
