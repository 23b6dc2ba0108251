/*
 * abroad.h -- another thread, that does one thing at a time while we wait for it.
 *
 * So what programs do from abroad happens on a thread that is truly another, and in an
 * order that is the program's. What several threads do at the same moment is
 * fuzz_threads.c's.
 */
#ifndef ROUSE_CONFORMANCE_OPS_ABROAD_H
#define ROUSE_CONFORMANCE_OPS_ABROAD_H

void abroad(void (*run)(void *with), void *with);

#endif /* ROUSE_CONFORMANCE_OPS_ABROAD_H */
