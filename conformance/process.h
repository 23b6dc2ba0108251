/*
 * process.h -- processes, and the few other things that only the system knows.
 * process_posix.c, process_win.c.
 */
#ifndef ROUSE_CONFORMANCE_PROCESS_H
#define ROUSE_CONFORMANCE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A program that runs beside us, with its output caught. Full of zeroes before it is
 * started; process_free() makes it so again. */
struct process {
    char *output; /* stdout and stderr, as it came; ends in a zero byte once done */
    size_t length;
    int64_t started_ns, ended_ns;
    int64_t limit_ns;
    bool running;
    bool apart;     /* what it started is not ended with it */
    bool timed_out; /* it was ended for taking longer */
    int exit_code;  /* or -1 */
    int signal;     /* that ended it, or 0 */
    intptr_t id;    /* the system's own, as are these */
    intptr_t pipe;
    intptr_t job;
};

/* How abort() ends a process where no signal does. */
enum { PROCESS_ABORT = 3 };

/* The first thing in the program: whatever goes wrong in it from now on ends it, so that it
 * is seen, and asks nobody. */
void process_begin(void);

/* Starts `argv` (ends in NULL) with nothing to read, and `limit_ns` of time. False, and
 * errno, when that fails. */
bool process_start(struct process *process, const char *const argv[], int64_t limit_ns);

/* The same, in a session of its own, and with errors on nothing: what it starts in its turn,
 * and leaves running, is not ours. */
bool process_start_apart(struct process *process, const char *const argv[], int64_t limit_ns);

/* Waits until one of `processes` may have made a step, at most a moment; takes its output,
 * ends what is late, and notes what has ended. Those that do not run are passed over. */
void process_step(struct process *processes, int count);

void process_free(struct process *process);

/* For the systems' own files: takes output, or its end. */
void process_keep(struct process *process, const char *bytes, size_t count);

/* Ends all that run, when we are told to end ourselves. Called once. */
void process_end_with_us(void);

/* Ends this process at once if it is still there after `seconds`: nobody looks after it. */
void process_limit(int seconds);

/* Asks for as many descriptors as this process may have open, and returns how many
 * those are. */
int process_descriptors(void);

/* Ends this process without any clean-up. */
void process_exit(int code);

enum process_end {
    PROCESS_RETURNED,
    PROCESS_ABORTED, /* by abort() */
    PROCESS_OTHER,
    PROCESS_NOT_STARTED
};

/* Calls `run(argument)` in a copy of this process, and takes the beginning of what it
 * writes. Where processes cannot be copied the program `again` (ends in NULL) is started
 * instead, which comes to the same place by itself and calls process_be_a_copy() there. */
enum process_end process_copy(void (*run)(void *argument), void *argument,
                              const char *const again[], char *output, size_t size);
void process_be_a_copy(void (*run)(void *argument), void *argument);

/* The path of our own program, or `argv0`. */
const char *process_self(const char *argv0);

/* A function exported by a shared object, or NULL and a text that says why. */
typedef void (*process_symbol)(void);
process_symbol process_plugin(const char *path, const char *symbol, char *why, size_t size);

/* "Linux 6.18.44 x86_64" */
const char *process_system(void);

/* Whether the system is itself ("native") or pretended by another. */
const char *process_how(void);

/* Real time that never goes back. */
int64_t process_clock_ns(void);

bool process_is_terminal(FILE *file);

/* Columns of the terminal, or 80. */
int process_columns(FILE *file);

#endif /* ROUSE_CONFORMANCE_PROCESS_H */
