/*
 * decorator.c -- a plug-in that is one of the decorators, which ROUSE_MUTANT names, around
 * the backend that ROUSE_MUTANT_BASE names, epoll if none.
 *
 * Without ROUSE_MUTANT it passes everything on, and keeps every guarantee that the backend
 * below keeps.
 */
#include "decorator.h"

#include <poll.h>
#include <rouse/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/base/atomic.h"

enum { FETCH = 64 };

static struct rouse_evq_ops decorated; /* filled in by rouse_backend_plugin() */
static const struct decorator *chosen;
static const struct rouse_evq_ops *below;

void *resize(const struct rouse_alloc *alloc, void *block, size_t old_size, size_t new_size)
{
    if (alloc != NULL)
        return alloc->resize(alloc->self, block, old_size, new_size);
    if (new_size != 0)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

/* -- Reports that are held --------------------------------------------------- */

void hold(struct queue *queue, struct note *note, unsigned ready)
{
    if (note->held == 0) {
        note->next_held = NULL;
        *queue->held_end = note;
        queue->held_end = &note->next_held;
    }
    note->held |= ready;
}

void let_go(struct queue *queue, struct note *note)
{
    struct note **at = &queue->held;

    if (note->held == 0)
        return;
    note->held = 0;
    while (*at != note)
        at = &(*at)->next_held;
    *at = note->next_held;
    if (*at == NULL)
        queue->held_end = at;
}

int tell_held(struct queue *queue, struct rouse_event *events, int capacity)
{
    int count = 0;

    while (queue->held != NULL && count < capacity) {
        struct note *note = queue->held;
        const unsigned ready = note->held;

        let_go(queue, note);
        tell(&events[count++], note, ready);
    }
    return count;
}

static struct note *note_below(const struct rouse_event *event)
{
    return rouse_container_of(event->source, struct note, below);
}

/* What the decorator makes of a report from below. */
static unsigned judged(struct queue *queue, const struct rouse_event *event)
{
    struct note *note = note_below(event);
    const unsigned ready = event->ready & ~note->muted;

    return ready != 0 && queue->is->report != NULL ? queue->is->report(queue, note, ready) : ready;
}

/* A wait() of the backend below that brought only what is left out may have taken a wake along,
 * which is made again. */
static void go_on(struct queue *queue)
{
    if (atomic_load_acquire(&queue->wakes) != queue->taken)
        base_wake(queue);
}

int hold_all(struct queue *queue, rouse_time deadline)
{
    struct rouse_event events[FETCH];
    bool any = false;
    int count;

    do {
        count = queue->below->ops->wait(queue->below, events, FETCH, any ? 0 : deadline);
        for (int i = 0; i < count; i++) {
            const unsigned ready = judged(queue, &events[i]);

            if (ready != 0)
                hold(queue, note_below(&events[i]), ready);
            any |= ready != 0;
        }
        if (count > 0 && !any)
            go_on(queue);
    } while (count == FETCH || (count > 0 && !any));
    return count < 0 && !any ? count : any;
}

/* -- What is right ----------------------------------------------------------- */

int arm_below(struct queue *queue, struct note *note, unsigned interest)
{
    return queue->below->ops->arm(queue->below, &note->below, interest);
}

static struct note *note_new(struct queue *queue, struct rouse_source *source)
{
    struct note *note = resize(queue->alloc, NULL, 0, sizeof *note);

    if (note == NULL)
        return NULL;
    *note = (struct note){.below = {.fd = source->fd}, .source = source, .fd = -1};
    note->next = queue->notes;
    if (note->next != NULL)
        note->next->before = note;
    queue->notes = note;
    source->record = note;
    return note;
}

void note_free(struct queue *queue, struct note *note)
{
    let_go(queue, note);
    queue->below->ops->forget(queue->below, &note->below);
    if (note->before != NULL)
        note->before->next = note->next;
    else
        queue->notes = note->next;
    if (note->next != NULL)
        note->next->before = note->before;
    resize(queue->alloc, note, sizeof *note, 0);
}

int arm_as(struct queue *queue, struct rouse_source *source, unsigned interest, unsigned told)
{
    const bool is_new = source->record == NULL;
    struct note *note = is_new ? note_new(queue, source) : note_of(source);
    int error = 0;

    if (note == NULL)
        return -ENOMEM;
    told &= ~note->held; /* a report of these is on its way */
    if ((told & BOTH) != 0)
        error = queue->below->ops->arm(queue->below, &note->below, told);
    if (error != 0) {
        if (is_new) {
            note_free(queue, note);
            source->record = NULL;
        }
        return error;
    }
    source->armed |= (uint8_t) (interest & BOTH);
    note->muted &= ~interest;
    note->hinted &= ~interest;
    note->hinted |= (interest & ROUSE_DRAINED) != 0 ? interest & BOTH : 0;
    note->arms++;
    queue->arms++;
    return 0;
}

int base_arm(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    return arm_as(queue, source, interest, interest);
}

void base_forget(struct queue *queue, struct rouse_source *source)
{
    queue->forgets++;
    if (source->record != NULL)
        note_free(queue, note_of(source));
    source->record = NULL;
    source->armed = 0;
}

void forget_keeping(struct queue *queue, struct rouse_source *source)
{
    queue->forgets++;
    source->record = NULL;
    source->armed = 0;
}

void tell(struct rouse_event *event, struct note *note, unsigned ready)
{
    note->reports++;
    note->source->armed &= (uint8_t) ~ready;
    event->source = note->source;
    event->ready = ready;
}

int wait_once(struct queue *queue, struct rouse_event *events, int capacity, rouse_time deadline,
              bool *dropped)
{
    const int count = queue->below->ops->wait(queue->below, events, capacity, deadline);
    int kept = 0;

    for (int i = 0; i < count; i++) {
        struct note *note = note_below(&events[i]);
        const unsigned ready = judged(queue, &events[i]);

        if (ready != 0)
            tell(&events[kept++], note, ready);
    }
    *dropped = count > 0 && kept == 0;
    queue->reports += (uint64_t) kept;
    return count > 0 ? kept : count;
}

/* When all that comes is left out, the wait goes on. */
int base_wait(struct queue *queue, struct rouse_event *events, int capacity, rouse_time deadline)
{
    bool dropped;
    int count = wait_once(queue, events, capacity, deadline, &dropped);

    while (dropped) {
        go_on(queue);
        count = wait_once(queue, events, capacity, deadline, &dropped);
    }
    return count;
}

void base_wake(struct queue *queue)
{
    queue->below->ops->wake(queue->below);
}

rouse_time base_now(struct queue *queue)
{
    return queue->below->ops->now(queue->below);
}

rouse_fd base_pollable(struct queue *queue)
{
    const struct rouse_evq_ops *ops = queue->below->ops;

    return ops->size > offsetof(struct rouse_evq_ops, pollable) && ops->pollable != NULL
               ? ops->pollable(queue->below)
               : ROUSE_NO_FD;
}

rouse_fd no_pollable(struct queue *queue)
{
    (void) queue;
    return ROUSE_NO_FD;
}

/* -- Looking past the backend ------------------------------------------------ */

unsigned seen_now(const struct note *note)
{
    struct pollfd look = {note->below.fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
    const int saved = errno;

    poll(&look, 1, 0);
    errno = saved;
    return (unsigned) look.revents;
}

unsigned ready_now(struct queue *queue, const struct note *note)
{
    unsigned seen;

    if (strcmp(queue->below->ops->name, "sim") == 0)
        return (unsigned) rouse_sim_ready(queue->below, note->below.fd);
    seen = seen_now(note);
    if ((seen & (POLLERR | POLLHUP)) != 0)
        return BOTH;
    return ((seen & (POLLIN | POLLRDHUP)) != 0 ? ROUSE_READABLE : 0U)
           | ((seen & POLLOUT) != 0 ? ROUSE_WRITABLE : 0U);
}

/* -- The backend that it is -------------------------------------------------- */

static struct queue *enter(struct rouse_evq *evq)
{
    struct queue *queue = (struct queue *) evq;

    atomic_fetch_add(&queue->inside, 1);
    return queue;
}

static void leave(struct queue *queue)
{
    atomic_fetch_sub(&queue->inside, 1);
}

static int decorated_open(struct rouse_evq **evq, const struct rouse_evq_options *options)
{
    const struct rouse_alloc *alloc = options != NULL ? options->alloc : NULL;
    struct queue *queue = resize(alloc, NULL, 0, sizeof *queue);
    int error;

    if (queue == NULL)
        return -ENOMEM;
    *queue = (struct queue){.alloc = alloc, .is = chosen, .ops = decorated, .fds = {-1, -1}};
    queue->held_end = &queue->held;
    error = below->open(&queue->below, options);
    if (error != 0)
        goto undo_alloc;
    queue->evq.ops = &queue->ops;
    queue->ops.name = decorated.name;
    queue->evq.sockets = queue->below->sockets;
    error = chosen->open != NULL ? chosen->open(queue) : 0;
    if (error != 0)
        goto undo_open;
    *evq = &queue->evq;
    return 0;

undo_open:
    queue->below->ops->close(queue->below);
undo_alloc:
    resize(alloc, queue, sizeof *queue, 0);
    return error;
}

static void decorated_close(struct rouse_evq *evq)
{
    struct queue *queue = (struct queue *) evq;

    if (chosen->close != NULL)
        chosen->close(queue);
    while (queue->notes != NULL)
        note_free(queue, queue->notes);
    queue->below->ops->close(queue->below);
    resize(queue->alloc, queue, sizeof *queue, 0);
}

static int decorated_arm(struct rouse_evq *evq, struct rouse_source *source, unsigned interest)
{
    struct queue *queue = enter(evq);
    const int error = (chosen->arm != NULL ? chosen->arm : base_arm)(queue, source, interest);

    leave(queue);
    return error;
}

static void decorated_forget(struct rouse_evq *evq, struct rouse_source *source)
{
    struct queue *queue = enter(evq);

    (chosen->forget != NULL ? chosen->forget : base_forget)(queue, source);
    leave(queue);
}

static int decorated_wait(struct rouse_evq *evq, struct rouse_event *events, int capacity,
                          rouse_time deadline)
{
    struct queue *queue = enter(evq);
    int count;

    atomic_exchange(&queue->waiting, 1);
    count = (chosen->wait != NULL ? chosen->wait : base_wait)(queue, events, capacity, deadline);
    atomic_exchange(&queue->waiting, 0);
    queue->taken = atomic_load_acquire(&queue->wakes);
    queue->waits++;
    leave(queue);
    return count;
}

static void decorated_wake(struct rouse_evq *evq)
{
    struct queue *queue = (struct queue *) evq;

    atomic_fetch_add(&queue->wakes, 1);
    (chosen->wake != NULL ? chosen->wake : base_wake)(queue);
}

static rouse_time decorated_now(struct rouse_evq *evq)
{
    return (chosen->now != NULL ? chosen->now : base_now)((struct queue *) evq);
}

static rouse_fd decorated_pollable(struct rouse_evq *evq)
{
    return (chosen->pollable != NULL ? chosen->pollable : base_pollable)((struct queue *) evq);
}

static const struct decorator *find(const struct decorator *list, const char *name)
{
    while (list->name != NULL && strcmp(list->name, name) != 0)
        list++;
    return list->name != NULL ? list : NULL;
}

__attribute__((visibility("default"))) const struct rouse_evq_ops *rouse_backend_plugin(void)
{
    static const struct decorator none = {.name = "passes everything on"};
    static char version[100];
    const char *name = getenv("ROUSE_MUTANT"), *base = getenv("ROUSE_MUTANT_BASE");

    below = rouse_backend(base != NULL ? base : "epoll");
    chosen = name == NULL ? &none : find(mutants, name);
    if (chosen == NULL)
        chosen = find(variants, name);
    if (below == NULL || chosen == NULL) {
        fprintf(stderr, "decorator: there is no %s\n", below == NULL ? base : name);
        return NULL;
    }
    snprintf(version, sizeof version, "%s, on %s", chosen->name, below->name);
    decorated = (struct rouse_evq_ops){.size = sizeof decorated,
                                       .name = "decorated",
                                       .version = version,
                                       .open = decorated_open,
                                       .close = decorated_close,
                                       .arm = decorated_arm,
                                       .forget = decorated_forget,
                                       .wait = decorated_wait,
                                       .wake = decorated_wake,
                                       .now = decorated_now,
                                       .pollable = decorated_pollable};
    return &decorated;
}
