/*
 * check.c -- a queue around a queue, which stops the program when the contract is broken.
 *
 * The hard part: what is to be checked lives in the source, which is the memory that a
 * broken program writes to, moves or frees. So each source that the inner queue knows has
 * a shadow here, which says what must be in it. Shadows are found by the address of their
 * source, which is looked at only when a shadow says that it is there, and by descriptor,
 * which only one source may have.
 *
 * Wakes come from any thread, while everything else here belongs to one. They are only
 * counted, and a wait() that ends early has to be paid for with one of them.
 */
#include <rouse/evq.h>

#include "../base/alloc.h"
#include "../base/atomic.h"
#include "../base/thread.h"

#include <errno.h>

enum { DIRECTIONS = ROUSE_READABLE | ROUSE_WRITABLE };

enum key { BY_SOURCE, BY_FD, KEYS };

struct shadow {
    uintptr_t keys[KEYS];
    rouse_fd fd;
    unsigned armed;    /* what the source's `armed` must be */
    unsigned reported; /* since it was last armed; never what is armed */
    unsigned batch;    /* reported in the batch being checked, else 0 */
};

/* Open addressing with linear probing, at most half full. */
struct table {
    struct shadow **slots; /* NULL where free */
    size_t size;           /* a power of two; 0 before the first */
};

struct check {
    struct rouse_evq evq;
    struct rouse_evq_ops ops; /* ours, under the inner queue's name */
    struct rouse_evq *inner;
    const struct rouse_alloc *alloc;
    const void *thread; /* that opened us */
    struct table tables[KEYS];
    size_t count;    /* of shadows, in each table */
    rouse_time last; /* what now() said last */
    uintptr_t wakes; /* atomic: calls of wake() so far */
    uintptr_t spent; /* of those, how many have ended a wait(); fewer, as calls may merge */
};

static void rule(const struct check *check, bool holds, const char *what)
{
    if (!holds)
        rouse_misuse(what, check->ops.name);
}

static struct check *enter(struct rouse_evq *evq)
{
    struct check *check = (struct check *) evq;

    rule(check, rouse__thread() == check->thread,
         "E8: something other than wake() was called on another thread");
    return check;
}

static size_t table_home(const struct table *table, uintptr_t key)
{
    /* Multiplied by 2^64 over the golden ratio (D. Knuth, 6.4); the middle bits are good. */
    return (size_t) ((uint64_t) key * 0x9E3779B97F4A7C15u >> 32) & (table->size - 1);
}

static size_t table_next(const struct table *table, size_t i)
{
    return (i + 1) & (table->size - 1);
}

static struct shadow *shadow_of(const struct check *check, enum key which, uintptr_t key)
{
    const struct table *table = &check->tables[which];

    if (table->size == 0)
        return NULL;
    for (size_t i = table_home(table, key); table->slots[i] != NULL; i = table_next(table, i))
        if (table->slots[i]->keys[which] == key)
            return table->slots[i];
    return NULL;
}

static void table_insert(struct table *table, enum key which, struct shadow *shadow)
{
    size_t i = table_home(table, shadow->keys[which]);

    while (table->slots[i] != NULL)
        i = table_next(table, i);
    table->slots[i] = shadow;
}

static void table_remove(struct table *table, enum key which, const struct shadow *shadow)
{
    size_t hole = table_home(table, shadow->keys[which]);

    while (table->slots[hole] != shadow)
        hole = table_next(table, hole);
    for (size_t i = table_next(table, hole); table->slots[i] != NULL; i = table_next(table, i)) {
        const size_t home = table_home(table, table->slots[i]->keys[which]);

        /* Whoever is found only by passing the hole moves into it, and leaves another. */
        if (((i - home) & (table->size - 1)) >= ((i - hole) & (table->size - 1))) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole] = NULL;
}

/* Makes room for one more. */
static bool table_reserve(struct check *check, enum key which)
{
    struct table *table = &check->tables[which];
    struct table larger = {NULL, table->size == 0 ? 16 : table->size * 2};

    if (2 * (check->count + 1) <= table->size)
        return true;
    larger.slots = rouse__alloc(check->alloc, larger.size * sizeof larger.slots[0]);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < table->size; i++)
        if (table->slots[i] != NULL)
            table_insert(&larger, which, table->slots[i]);
    rouse__free(check->alloc, table->slots, table->size * sizeof table->slots[0]);
    *table = larger;
    return true;
}

static bool untouched(const struct rouse_source *source)
{
    return source->armed == 0 && source->record == NULL;
}

static bool as_left(const struct shadow *shadow, const struct rouse_source *source)
{
    /* Not `record`: a backend may keep there what others change, a list for instance. */
    return source->fd == shadow->fd && source->armed == shadow->armed;
}

/* What the caller hands over must be as the queue left it. A direction that is no longer
 * armed, and was not reported, is a report that got lost on its way. */
static void demand_as_left(const struct check *check, const struct shadow *shadow,
                           const struct rouse_source *source)
{
    rule(check,
         source->fd != shadow->fd || (source->armed & ~shadow->armed) != 0
             || source->armed == shadow->armed,
         "E2: a direction is no longer armed, and was not reported");
    rule(check, as_left(shadow, source), "E5: the memory of an armed or idle source has changed");
}

static rouse_time read_clock(struct check *check)
{
    const rouse_time now = check->inner->ops->now(check->inner);

    rule(check, now >= check->last, "E9: now() went back");
    check->last = now;
    return now;
}

static void check_close(struct rouse_evq *evq)
{
    struct check *check = enter(evq);

    rule(check, check->count == 0, "E5: close() with sources that were not forgotten");
    check->inner->ops->close(check->inner);
    for (int which = 0; which < KEYS; which++)
        rouse__free(check->alloc, check->tables[which].slots,
                    check->tables[which].size * sizeof check->tables[which].slots[0]);
    rouse__free(check->alloc, check, sizeof *check);
}

static int first_arm(struct check *check, struct rouse_source *source, unsigned interest)
{
    struct shadow *shadow;
    int error;

    rule(check, untouched(source), "E5: the first arm() of a source that is not full of zeroes");
    rule(check, shadow_of(check, BY_FD, (uintptr_t) source->fd) == NULL,
         "E5: two sources for one descriptor, or it was closed before forget()");

    shadow = rouse__alloc(check->alloc, sizeof *shadow);
    error = -ENOMEM;
    if (shadow == NULL || !table_reserve(check, BY_SOURCE) || !table_reserve(check, BY_FD))
        goto undo_shadow;
    error = check->inner->ops->arm(check->inner, source, interest);
    if (error != 0) {
        rule(check, error < 0, "E11: arm() returned neither 0 nor an error");
        rule(check, untouched(source), "E11: a first arm() that failed left something behind");
        goto undo_shadow;
    }

    shadow->keys[BY_SOURCE] = (uintptr_t) source;
    shadow->keys[BY_FD] = (uintptr_t) source->fd;
    shadow->fd = source->fd;
    shadow->armed = interest & DIRECTIONS;
    rule(check, source->armed == shadow->armed, "E1: arm() did not arm what it was asked to");
    table_insert(&check->tables[BY_SOURCE], BY_SOURCE, shadow);
    table_insert(&check->tables[BY_FD], BY_FD, shadow);
    check->count++;
    return 0;

undo_shadow:
    rouse__free(check->alloc, shadow, sizeof *shadow);
    return error;
}

static int check_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct check *check = enter(evq);
    struct shadow *shadow = shadow_of(check, BY_SOURCE, (uintptr_t) source);
    int error;

    rule(check, (interest & DIRECTIONS) != 0, "E1: arm() for no direction");
    rule(check, (interest & ~(unsigned) (DIRECTIONS | ROUSE_DRAINED)) == 0,
         "E1: arm() for what is no interest");
    if (shadow == NULL)
        return first_arm(check, source, interest);

    demand_as_left(check, shadow, source);
    error = check->inner->ops->arm(check->inner, source, interest);
    if (error != 0) {
        rule(check, error < 0, "E11: arm() returned neither 0 nor an error");
        rule(check, as_left(shadow, source), "E11: an arm() that failed changed the source");
        return error;
    }
    shadow->armed |= interest & DIRECTIONS;
    shadow->reported &= ~interest;
    rule(check, as_left(shadow, source),
         "E1: arm() did not add what it was asked to, and only that");
    return 0;
}

static void check_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct check *check = enter(evq);
    struct shadow *shadow = shadow_of(check, BY_SOURCE, (uintptr_t) source);

    if (shadow != NULL)
        demand_as_left(check, shadow, source);
    else
        rule(check, untouched(source),
             "E5: forget() of a source whose memory has changed, or of another queue");
    check->inner->ops->forget(check->inner, source);
    rule(check, untouched(source), "E5: forget() left something in the source");
    if (shadow == NULL)
        return;
    table_remove(&check->tables[BY_SOURCE], BY_SOURCE, shadow);
    table_remove(&check->tables[BY_FD], BY_FD, shadow);
    check->count--;
    rouse__free(check->alloc, shadow, sizeof *shadow);
}

static void check_batch(struct check *check, const struct rouse_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        const unsigned ready = events[i].ready;
        struct shadow *shadow = shadow_of(check, BY_SOURCE, (uintptr_t) events[i].source);

        rule(check, shadow != NULL, "E5: wait() named a source that is forgotten or unknown");
        rule(check, ready != 0 && (ready & ~(unsigned) DIRECTIONS) == 0,
             "E6: wait() reported no direction, or something else");
        rule(check, (ready & shadow->batch) == 0, "E10: a direction twice in one batch");
        rule(check, (ready & shadow->reported) == 0, "E1: two reports for one arm()");
        rule(check, (ready & ~shadow->armed) == 0, "E6: wait() reported what nobody armed");
        shadow->armed &= ~ready;
        shadow->batch |= ready;
    }
    for (int i = 0; i < count; i++) {
        struct shadow *shadow = shadow_of(check, BY_SOURCE, (uintptr_t) events[i].source);

        rule(check, as_left(shadow, events[i].source),
             "E1: a report did not take from the source what it reports, and only that");
        shadow->reported |= shadow->batch;
        shadow->batch = 0;
    }
}

static int check_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    struct check *check = enter(evq);
    int count;

    rule(check, capacity > 0, "E10: wait() with an array of no capacity");
    count = check->inner->ops->wait(check->inner, events, capacity, deadline);
    rule(check, count <= capacity, "E10: wait() reported more than the array holds");
    check_batch(check, events, count);
    if (count == 0 && read_clock(check) < deadline) {
        rule(check, atomic_load_acquire(&check->wakes) != check->spent,
             "E9: wait() returned 0 before its deadline, and nobody had called wake()");
        check->spent++;
    }
    return count;
}

static void check_wake(struct rouse_evq *evq)
{
    struct check *check = (struct check *) evq;

    atomic_fetch_add(&check->wakes, 1); /* first: it may end a wait() before it returns */
    check->inner->ops->wake(check->inner);
}

static rouse_time check_now(struct rouse_evq *evq)
{
    return read_clock(enter(evq));
}

static rouse_fd check_pollable(struct rouse_evq *evq)
{
    struct check *check = enter(evq);

    return check->inner->ops->pollable(check->inner);
}

int rouse_evq_check(struct rouse_evq **evq, struct rouse_evq *inner,
                    const struct rouse_alloc *alloc)
{
    const struct rouse_evq_ops *ops = inner->ops;
    const bool pollable =
        ops->size > offsetof(struct rouse_evq_ops, pollable) && ops->pollable != NULL;
    struct check *check = rouse__alloc(alloc, sizeof *check);

    if (check == NULL)
        return -ENOMEM;
    check->ops.size = sizeof check->ops;
    check->ops.name = ops->name;
    check->ops.version = ops->version;
    check->ops.open = ops->open;
    check->ops.close = check_close;
    check->ops.arm = check_arm;
    check->ops.forget = check_forget;
    check->ops.wait = check_wait;
    check->ops.wake = check_wake;
    check->ops.now = check_now;
    check->ops.pollable = pollable ? check_pollable : NULL;
    check->evq.ops = &check->ops;
    check->evq.sockets = inner->sockets;
    check->inner = inner;
    check->alloc = alloc;
    check->thread = rouse__thread();
    check->last = INT64_MIN;
    *evq = &check->evq;
    return 0;
}
