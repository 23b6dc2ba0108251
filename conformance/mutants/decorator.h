/*
 * decorator.h -- how a decorator around a correct backend is written: a mutant, which breaks
 * one guarantee, or a legal variant, which breaks none.
 *
 * A decorator is a name and the verbs that it does otherwise; the others are passed on to
 * the backend below. Each source of the caller has a note, which holds a source of our own
 * for the same descriptor. The backend below knows that one alone, so what it thinks to be
 * armed and what the caller was promised may differ, which is what most mutants are about.
 *
 * The functions that begin with base_ do what is right. A verb calls them, or does not. They
 * are for Linux: some look past the backend at what the kernel says of a socket.
 */
#ifndef ROUSE_CONFORMANCE_MUTANTS_DECORATOR_H
#define ROUSE_CONFORMANCE_MUTANTS_DECORATOR_H

#include <rouse/conform.h>

#include <errno.h>

enum { BOTH = ROUSE_READABLE | ROUSE_WRITABLE };

/* What is known of one source of the caller. */
struct note {
    struct rouse_source below;   /* armed and reported by the backend below */
    struct rouse_source *source; /* the caller's, whose `record` is this note */
    struct note *next, *before;  /* all of a queue, the newest first */
    struct note *next_held;      /* in the line of reports that are held */
    unsigned held;               /* directions reported below, and not yet by us */
    unsigned muted;              /* directions that are not reported until armed again */
    unsigned hinted;             /* directions last armed with ROUSE_DRAINED */
    unsigned arms, reports;      /* how many there were */
    unsigned mark;               /* these three are the decorator's own */
    unsigned count;
    int fd;
};

struct queue {
    struct rouse_evq evq; /* first, so that one pointer serves for both */
    struct rouse_evq *below;
    const struct rouse_alloc *alloc;
    const struct decorator *is;
    struct note *notes;
    struct note *held, **held_end; /* reports to come, in their order */
    uint64_t waits, reports, arms, forgets;
    uintptr_t wakes;   /* atomic: how often the queue was woken */
    uintptr_t taken;   /* of those, how many had come when the last wait() ended */
    uintptr_t inside;  /* atomic: in a verb of the owner's, other than wake() */
    uintptr_t waiting; /* atomic: in wait() */
    uintptr_t flag;    /* atomic; the rest is the decorator's own */
    uint64_t count;
    rouse_time time;
    int fds[2];
    struct note *note;
    struct rouse_event event;
    struct rouse_evq_ops ops;
};

struct decorator {
    const char *name;
    int (*open)(struct queue *queue);   /* after the one below; undone by the caller if it fails */
    void (*close)(struct queue *queue); /* before the one below */
    int (*arm)(struct queue *queue, struct rouse_source *source, unsigned interest);
    void (*forget)(struct queue *queue, struct rouse_source *source);
    /* What becomes of a report of the backend below: the directions that are told. */
    unsigned (*report)(struct queue *queue, struct note *note, unsigned ready);
    int (*wait)(struct queue *queue, struct rouse_event *events, int capacity, rouse_time deadline);
    void (*wake)(struct queue *queue);
    rouse_time (*now)(struct queue *queue);
    rouse_fd (*pollable)(struct queue *queue);
};

/* The two lists, each ending in one without a name. */
extern const struct decorator mutants[], variants[];

/* -- What is right ----------------------------------------------------------- */

int base_arm(struct queue *queue, struct rouse_source *source, unsigned interest);
void base_forget(struct queue *queue, struct rouse_source *source);
int base_wait(struct queue *queue, struct rouse_event *events, int capacity, rouse_time deadline);
void base_wake(struct queue *queue);
rouse_time base_now(struct queue *queue);
rouse_fd base_pollable(struct queue *queue);

/* -- For those who do otherwise ---------------------------------------------- */

/* Arms `interest`, as far as the caller can see; the backend below hears of `told`. */
int arm_as(struct queue *queue, struct rouse_source *source, unsigned interest, unsigned told);

/* base_wait(), but it comes back, with 0, when all that came was left out; then `*dropped`. */
int wait_once(struct queue *queue, struct rouse_event *events, int capacity, rouse_time deadline,
              bool *dropped);

/* base_forget(), but the note stays until the queue is closed, or it is freed. */
void forget_keeping(struct queue *queue, struct rouse_source *source);
void note_free(struct queue *queue, struct note *note);

/* Memory from where the queue gets its own. */
void *resize(const struct rouse_alloc *alloc, void *block, size_t old_size, size_t new_size);

/* Arms below, and the caller does not know. */
int arm_below(struct queue *queue, struct note *note, unsigned interest);

static inline struct note *note_of(const struct rouse_source *source)
{
    return (struct note *) source->record;
}

/* Writes a report where the caller will find it, and takes from the source what it says. */
void tell(struct rouse_event *event, struct note *note, unsigned ready);

/* Holds a report back, behind those that are held already. */
void hold(struct queue *queue, struct note *note, unsigned ready);
/* Drops what is held of a source. */
void let_go(struct queue *queue, struct note *note);
/* Tells what is held, as far as there is room; how many reports that is. */
int tell_held(struct queue *queue, struct rouse_event *events, int capacity);
/* Holds all that the backend below has to report, and waits for it until `deadline`, if there
 * is none. 1, or 0 if nothing came, or -errno. */
int hold_all(struct queue *queue, rouse_time deadline);

/* Which directions are ready at this moment, and, where the kernel is real, what of POLLERR,
 * POLLHUP and POLLRDHUP and POLLPRI it says. */
unsigned ready_now(struct queue *queue, const struct note *note);
unsigned seen_now(const struct note *note);

/* For those who hold reports, of which the descriptor of the backend below cannot tell. */
rouse_fd no_pollable(struct queue *queue);

#endif /* ROUSE_CONFORMANCE_MUTANTS_DECORATOR_H */
