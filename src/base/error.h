/*
 * error.h -- what an errno value means, for people.
 */
#ifndef ROUSE_BASE_ERROR_H
#define ROUSE_BASE_ERROR_H

/* A short text that lives for ever. `number` is positive. */
const char *rouse__error_text(int number);

#endif /* ROUSE_BASE_ERROR_H */
