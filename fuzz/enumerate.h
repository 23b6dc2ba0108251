/*
 * enumerate.h -- all programs of a small language, up to a length.
 */
#ifndef ROUSE_FUZZ_ENUMERATE_H
#define ROUSE_FUZZ_ENUMERATE_H

/* Plays all programs of at most `length` statements, prints how many they were, and
 * returns how many failed; the first is printed. `played` is how many. */
long enumerate(int length, long *played);

#endif /* ROUSE_FUZZ_ENUMERATE_H */
