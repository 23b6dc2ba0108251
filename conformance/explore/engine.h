/*
 * engine.h -- what the files of the explorer share. Programs do not see it.
 */
#ifndef ROUSE_EXPLORE_ENGINE_H
#define ROUSE_EXPLORE_ENGINE_H

#include "explore.h"

enum { EXPLORE_EVERYBODY = EXPLORE_THREADS + 1 /* the last runs a program's end() */ };

/* What memory may do to the threads. */
enum explore_model {
    EXPLORE_SC,  /* every step is seen at once, by everybody */
    EXPLORE_TSO, /* stores wait in a buffer of their thread, first in, first out (x86) */
    EXPLORE_C11, /* a load may find any value that C11's orders do not forbid */
};

/* ---- schedule.c */

struct explore_options {
    enum explore_model model;
    unsigned bound;           /* preemptions in one run */
    unsigned long long limit; /* runs, after which to give up; 0 is none */
};

struct explore_outcome {
    unsigned long long runs;
    unsigned longest; /* steps of the longest run */
    bool complete;    /* the space was exhausted */
    bool failed;
    char what[400];      /* went wrong */
    char schedule[2000]; /* leads there again */
};

void explore(const struct explore_program *program, const struct explore_options *options,
             struct explore_outcome *outcome);

/* Runs one schedule; explore_replay() prints its steps, too. */
void explore_again(const struct explore_program *program, const struct explore_options *options,
                   const char *schedule, struct explore_outcome *outcome);
void explore_replay(const struct explore_program *program, const struct explore_options *options,
                    const char *schedule, struct explore_outcome *outcome);

/* The thread that runs: 0 to EXPLORE_THREADS, which is the one of end(). */
unsigned explore_self(void);

/* Others may run before the caller goes on. */
void explore_point(void);

/* One of `count` choices; all but 0 use up one preemption. Always 0 when there is none left. */
unsigned explore_choose(unsigned count);

/* Ends the run. */
_Noreturn void explore_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line of a replay. */
void explore_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- memory.c */

/* Whether the compiler tells of plain accesses, and the last model that goes without. */
extern const bool explore_sees_races;
extern const int explore_last_model;

void memory_begin(enum explore_model model);
void memory_start_thread(unsigned thread, unsigned by);
void memory_join_thread(unsigned thread, unsigned by);

/* Whether a thread has stores in its buffer; and the oldest of them reaches the others. */
bool memory_has_buffered(unsigned thread);
void memory_flush_one(unsigned thread);

/* ---- kernel.c */

void kernel_begin(void);
unsigned kernel_open_count(void);

/* ---- main.c */

/* All of programs.def, and then NULL. */
extern const struct explore_program *const explore_programs[];
extern const char *const explore_model_names[];

/* ---- weaken.c */

/* What is left of the order of an operation. Sets `*split` if it is no longer one step. */
unsigned explore_weaken(const struct explore_site *site, unsigned order, bool *split);

/* Planted bugs, which have to be found; and every operation made weaker, in turn. Print what
 * they did, and totals; return a status to exit with. */
int explore_planted(const struct explore_options *options);
int explore_sweep(const struct explore_options *options);

#endif /* ROUSE_EXPLORE_ENGINE_H */
