/*
 * inherited_posix.c -- a child says which descriptors it has.
 */
#include "inherited.h"

#include <stdint.h>
#include <string.h>

#include "../process.h"
#include "../suite.h"

/* How a shell says what it has. The BSDs keep no such list in /dev/fd. */
#if defined(__linux__) || defined(__APPLE__)
#define SAY "echo /dev/fd/*"
#else
#define SAY "fstat -p $$ | awk '{ printf \"/dev/fd/%s \", $4 }'"
#endif

enum { CHILD_S = 5 };

void inherited_list(char *list, size_t size)
{
    static const char *const argv[] = {"/bin/sh", "-c", SAY, NULL};
    struct process child;

    if (!process_start(&child, argv, (int64_t) CHILD_S * 1000000000))
        suite_error("no child");
    while (child.running)
        process_step(&child, 1);
    if (child.exit_code != 0 || child.length == 0 || strstr(child.output, "/dev/fd/1") == NULL)
        suite_error("a child that cannot tell what it has");
    strncpy(list, child.output, size - 1);
    list[size - 1] = '\0';
    process_free(&child);
}
