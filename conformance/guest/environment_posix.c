/*
 * environment_posix.c -- environment.h for POSIX.
 */
#include "environment.h"

#include <stdlib.h>

#include "../suite.h"

void environment_set(const char *name, const char *value)
{
    if ((value != NULL ? setenv(name, value, 1) : unsetenv(name)) != 0)
        suite_error("the variable %s cannot be set", name);
}
