/*
 * program.h -- programs over the public API, as data.
 *
 * A program is a list of statements. Each belongs to somebody: the script, which turns
 * the runtime and plays the world; the body of a task, which runs from one `pend` to the
 * next; or what a task does when it ends, its FINALLY. Who a statement belongs to is part of it, so
 * that a program is one flat list, and every edit of it (take one out, swap two, splice)
 * gives a program.
 *
 * There are two forms. Bytes are for fuzzers: every string of bytes is a program, and
 * operands out of range are taken modulo what there is. Settings and faults are read from
 * the end, so that editing statements does not shift them. Text is for people, and for
 * regressions; program.c has the first form, text.c the other.
 */
#ifndef ROUSE_CONFORMANCE_OPS_PROGRAM_H
#define ROUSE_CONFORMANCE_OPS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each contains the ones before. */
enum language { LANGUAGE_WAKERS, LANGUAGE_TIME, LANGUAGE_STREAMS, LANGUAGES };

enum verb {
#define VERB(language, verb, who, object, a, b) VERB_##verb,
#include "verbs.def"
#undef VERB
    VERBS
};

enum {
    TASKS = 6,   /* a to f */
    WAKERS = 4,  /* w0 to w3 */
    FUTURES = 6, /* f0 to f5 */
    PAIRS = 3,   /* p0 to p2 */
    ENDS = 2 * PAIRS,
    LISTENERS = 2, /* l0 and l1 */

    /* To whom a statement belongs. */
    SCRIPT = 0,
    BODY = 1,           /* and so on, one for each task */
    END = BODY + TASKS, /* likewise */
    ROLES = END + TASKS,

    OPS_MAX = 96,
    FAULTS_MAX = 8,
    PROGRAM_BYTES = 4 * OPS_MAX + 3 * FAULTS_MAX + 5 /* the longest that there is */
};

/* What an operand is. */
enum operand {
    OPERAND_NONE,
    OPERAND_TASK,
    OPERAND_WAKER,
    OPERAND_FUTURE,
    OPERAND_PAIR,
    OPERAND_END,
    OPERAND_LISTENER,
    OPERAND_NUMBER, /* 0 to 15 */
    OPERAND_COUNT,  /* 0 to 255 */
    OPERAND_DIRECTION,
    OPERAND_WHERE /* on this thread, or another */
};

enum { HERE, ABROAD };

enum { MAY_SCRIPT = 1, MAY_BODY = 2, MAY_END = 4 };

struct verb_info {
    const char *name;
    enum language language;
    unsigned who; /* who may say it */
    enum operand object, a, b;
};
extern const struct verb_info verb_infos[VERBS];

struct op {
    uint8_t verb, who, object, a, b;
};

/* Something goes wrong the `nth` time that it could, and `times` times from then on. */
struct fault {
    uint8_t kind, nth, times; /* the last two below FAULT_NTH */
};

enum { FAULT_NTH = 64 };

enum {
#define FAULT(name, id) FAULT_##id,
#include "faults.def"
#undef FAULT
    FAULT_KINDS
};
extern const char *const fault_names[FAULT_KINDS];

struct settings {
    uint8_t batch;    /* reports that one wait() may bring; 0: as many as it likes */
    uint8_t capacity; /* of a simulated stream: 4 << this; 0: as much as usual */
    uint8_t seed;     /* of the simulation */
    bool inspector;   /* somebody listens to the executor */
    bool threads;     /* there is an abroad; else everything happens here */
};

struct program {
    enum language language;
    struct settings settings;
    int count;
    struct op ops[OPS_MAX];
    int fault_count;
    struct fault faults[FAULTS_MAX];
};

/* How many verbs a language has: they are the first ones. */
int language_verbs(enum language language);

/* How many there are of what an operand names. */
unsigned operand_range(enum operand operand);

/* Whether `who` may say what this statement says. */
bool op_allowed(const struct op *op);

/* Makes a program of any bytes. */
void program_decode(struct program *program, enum language language, const uint8_t *bytes,
                    size_t size);

/* The shortest bytes of a program, at most PROGRAM_BYTES. */
size_t program_encode(const struct program *program, uint8_t *bytes);

/* Writes the text of a program, with its end, and returns its length. */
enum { PROGRAM_TEXT = 64 * (OPS_MAX + FAULTS_MAX + 16) };
size_t program_print(const struct program *program, char text[PROGRAM_TEXT]);

/* Reads it. 0, or the number of the line that is no statement. */
int program_parse(struct program *program, const char *text, size_t size);

bool program_equal(const struct program *one, const struct program *other);

#endif /* ROUSE_CONFORMANCE_OPS_PROGRAM_H */
