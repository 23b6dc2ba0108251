/*
 * strange_loop_posix.c -- libuv's functions, looked up in the process.
 */
#include "strange_loop.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { ONCE = 1, NOWAIT = 2 }; /* of enum uv_run_mode */

/* A function takes a loop, and maybe a mode. */
static int call(const char *name, void *loop, int mode)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    int (*function)(void *loop, int mode);

    memcpy(&function, &found, sizeof function);
    return function(loop, mode);
}

void *strange_loop_open(void)
{
    void *found = dlsym(RTLD_DEFAULT, "uv_loop_size");
    size_t (*size)(void);
    void *loop;

    if (found == NULL)
        return NULL;
    memcpy(&size, &found, sizeof size);
    loop = calloc(1, size());
    if (loop != NULL && call("uv_loop_init", loop, 0) != 0) {
        free(loop);
        loop = NULL;
    }
    return loop;
}

int strange_loop_turn(void *loop)
{
    return call("uv_run", loop, NOWAIT);
}

int strange_loop_turn_once(void *loop)
{
    return call("uv_run", loop, ONCE);
}

int strange_loop_close(void *loop)
{
    const int error = call("uv_loop_close", loop, 0);

    free(loop);
    return error;
}
