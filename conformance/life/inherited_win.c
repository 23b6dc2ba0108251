/*
 * inherited_win.c -- a child gets the handles that are marked so, and no other: no child is
 * needed to tell which those are.
 */
#include "inherited.h"

#include <stdio.h>
#include <stdlib.h>

#include "../handles_win.h"
#include "../suite.h"

void inherited_list(char *list, size_t size)
{
    struct handle *handles;
    const size_t count = handles_list(&handles);
    size_t length = 0;

    if (count == 0)
        suite_error("the handles of this process cannot be listed");
    list[0] = '\0';
    for (size_t i = 0; i < count; i++)
        if (handles[i].inherited && length < size)
            length += (size_t) snprintf(list + length, size - length, "%#llx ",
                                        (unsigned long long) handles[i].value);
    free(handles);
}
