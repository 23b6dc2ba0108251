/*
 * environment_win.c -- environment.h for Windows, where an empty variable is none.
 */
#include "environment.h"

#include <stdlib.h>

#include "../suite.h"

void environment_set(const char *name, const char *value)
{
    if (_putenv_s(name, value != NULL ? value : "") != 0)
        suite_error("the variable %s cannot be set", name);
}
