/*
 * verdict.h -- what a case says through its process, and what is made of it.
 */
#ifndef ROUSE_CONFORMANCE_VERDICT_H
#define ROUSE_CONFORMANCE_VERDICT_H

#include "process.h"
#include "report.h"

/* What our own processes say begins so. */
#define VERDICT_MARK "@rouse "

/* For the process: writes what a case has to say to standard output. */
void verdict_say(enum suite_news news, enum guarantee id, const char *text, const char *file,
                 int line);

/* For whoever hears it: what one piece of news makes of a result, which starts as a pass. */
void verdict_hear(struct result *result, enum suite_news news, enum guarantee id, const char *text,
                  const char *file, int line);

/* Whether the case of a process that has ended, and was not judged yet, began at all. */
bool verdict_began(const struct process *process);

/* Whether a process was ended by abort(), here or in a guest. */
bool verdict_aborted(const struct process *process);

/* What a process that has ended makes of it, by all that it said and how it ended. */
void verdict_judge(struct result *result, struct process *process);

/* An error, unless something failed; and why. */
void verdict_error(struct result *result, const char *text);

#endif /* ROUSE_CONFORMANCE_VERDICT_H */
