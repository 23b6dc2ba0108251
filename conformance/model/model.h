/*
 * model.h -- what must, may and must not happen, written from GUARANTEES.md alone.
 *
 * The model is told everything that is done through the public API, and everything that
 * comes back: polls, results, drops, releases. It shares no code with the library, has no
 * queue, no list and no clock of its own, and knows nothing of how things are done. It
 * answers in two ways:
 *
 *   - at once, when something happens that must not: a poll that nobody asked for, a
 *     result that cannot be, memory given back too early;
 *   - at a point of rest, where everything that must have happened is to be found done.
 *
 * What neither must nor must not happen may: the order among things that the world
 * caused, a report too many (where `exact` is false), whether a socket that is half full
 * can be written.
 *
 * The first complaint is kept. It names the guarantee.
 */
#ifndef ROUSE_CONFORMANCE_MODEL_H
#define ROUSE_CONFORMANCE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum {
    MODEL_TASKS = 6,
    MODEL_WAKERS = 4,
    MODEL_FUTURES = 6,
    MODEL_ENDS = 6,
    MODEL_EARS = 2,
    MODEL_NOBODY = -1
};

enum model_where { MODEL_HERE, MODEL_ABROAD };

enum model_state { MODEL_FREE, MODEL_LIVE, MODEL_ENDED };

enum model_kind {
    MODEL_NOTHING,
    MODEL_JOIN,
    MODEL_PAUSE,
    MODEL_SLEEP,
    MODEL_TICK,
    MODEL_LIMIT,
    MODEL_READ,
    MODEL_WRITE,
    MODEL_WRITE_ALL,
    MODEL_WATCH,
    MODEL_ACCEPT,
    MODEL_CONNECT
};

/* Whether it waits for a direction of a stream. */
static inline bool model_transfers(enum model_kind kind)
{
    return kind >= MODEL_READ && kind <= MODEL_WATCH;
}

enum model_direction { MODEL_READABLE, MODEL_WRITABLE };

struct model_task {
    enum model_state state;
    int holds;
    bool owed;   /* a poll, or, once canceled, a drop */
    bool polled; /* since it was spawned */
    bool canceled;
    int maybe;             /* how often it may have been woken by futures that went on without it */
    enum model_where from; /* where what it is owed came from */
    unsigned since;        /* when that was */
    unsigned poll;         /* when its last poll began */
    int64_t result;        /* once ended */
};

struct model_future {
    enum model_kind kind;
    int target; /* task, end, or future */
    enum model_direction direction;
    int size, done; /* bytes */
    int64_t deadline;
    int64_t period;
    int parent;        /* the deadline that owns it, or nobody */
    bool polled;       /* and pending */
    int waiter;        /* whose waker was the last one */
    unsigned touched;  /* whose wakers it has seen, a bit each */
    unsigned poll;     /* when it was last polled */
    unsigned credit;   /* whom it may yet wake, once: a bit each */
    unsigned possible; /* when it first might have woken somebody since its last poll, or 0 */
    bool was_due;      /* as of the last look */
};

struct model_end {
    bool open;   /* a handle owns it */
    bool alive;  /* the socket exists */
    int in;      /* bytes that wait to be read */
    bool eof;    /* after them comes the end */
    bool shut;   /* nothing more can be written */
    bool error;  /* a reset is to be told, or was told */
    bool full;   /* found full, and nothing was taken out since */
    int pieces;  /* written since it was empty; many if it was full */
    bool waited; /* for room: it may be armed, and that may end a wait */
    bool wild;   /* a fault may break it: anything goes */
};

struct model_ear {
    bool open;
    int least, most; /* how many wait to be accepted: of some it is not known */
    bool starved;    /* a fault: an accept may pend for time (N4), and who waits is not known */
};

struct model {
    struct model_task tasks[MODEL_TASKS];
    int wakers[MODEL_WAKERS]; /* of which task, or of nobody */
    struct model_future futures[MODEL_FUTURES];
    struct model_end ends[MODEL_ENDS];
    struct model_ear ears[MODEL_EARS];
    int64_t now; /* as it was at the last look; and as it may be already */
    int64_t until;
    unsigned clock; /* counts what happens */
    int polling;    /* who is being polled, or nobody */
    bool closing;
    bool exact;        /* no report is spurious */
    bool starving;     /* -ENOMEM and -EMFILE are among the results */
    bool straying;     /* connections get lost, or take their time */
    bool resetting;    /* connections break by themselves */
    bool doubtful;     /* what comes next may lawfully differ between kernels */
    bool delaying;     /* reports come late: there is no rest */
    char guarantee[4]; /* of the first complaint; "" if there is none */
    char complaint[120];
    void (*state)(unsigned hash); /* is told of each state that is reached; may be NULL */
};

void model_init(struct model *model);

/* -- Tasks ------------------------------------------------------------------- */

void model_spawn(struct model *model, int task, enum model_where where);
void model_cancel(struct model *model, int task, enum model_where where);
void model_hold(struct model *model, int task);
void model_unhold(struct model *model, int task);
void model_poll_begin(struct model *model, int task);
void model_poll_end(struct model *model, int task, bool ready, int64_t result, bool yield);
void model_dropped(struct model *model, int task);
void model_released(struct model *model, int task);

/* -- Wakers ------------------------------------------------------------------ */

void model_keep(struct model *model, int waker, int task); /* nobody: lets it go */
void model_wake(struct model *model, int waker, enum model_where where, bool consumed);

/* -- Futures ----------------------------------------------------------------- */

struct model_future *model_make(struct model *model, int future, enum model_kind kind);
void model_polled(struct model *model, int future, int task, bool ready, int64_t result);
void model_drop(struct model *model, int future);

/* So much of a write has gone out by now (N1). Before it is said how a poll of it ended. */
void model_went(struct model *model, int future, int done);

/* -- The world --------------------------------------------------------------- */

/* It is `now`. A clock may move while it is looked at: then it is not yet later than `until`. */
void model_time(struct model *model, int64_t now, int64_t until);
void model_pair(struct model *model, int end);
/* Of how many bytes how many went; and whether the next one was refused. */
void model_sent(struct model *model, int end, int size, int64_t result, bool refused);
void model_received(struct model *model, int end, int size, int64_t result);
void model_shut(struct model *model, int end);
void model_close(struct model *model, int end);

void model_listen(struct model *model, int ear);
void model_deafen(struct model *model, int ear);

/* Nothing runs any more, and nothing is on its way. `deadline` is when the runtime says
 * that it wants to be turned again. */
void model_rest(struct model *model, int64_t deadline);

/* The runtime is closed. Then: the last waker and hold are gone. */
void model_closed(struct model *model);
void model_finished(struct model *model);

/* For whoever watches from elsewhere. */
void model_complain(struct model *model, const char *guarantee, const char *format, ...);

#endif /* ROUSE_CONFORMANCE_MODEL_H */
