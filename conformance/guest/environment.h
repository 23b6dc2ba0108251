/*
 * environment.h -- the variables of this process, as cases change them.
 *
 * One file for each system stands beside environment_posix.c.
 */
#ifndef ROUSE_CONFORMANCE_GUEST_ENVIRONMENT_H
#define ROUSE_CONFORMANCE_GUEST_ENVIRONMENT_H

/* Gives a variable a value, or takes it away (NULL). What cannot be done ends the case. */
void environment_set(const char *name, const char *value);

#endif /* ROUSE_CONFORMANCE_GUEST_ENVIRONMENT_H */
