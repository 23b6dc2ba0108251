/*
 * variants.c -- legal variants: each does something that the guarantees allow and that most
 * backends do not do. legal.toml says which words allow it. A case that fails with one
 * asserts more than its guarantee says.
 */
#include "decorator.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "../../src/base/atomic.h"

#if !defined(sigev_notify_thread_id) /* as timer_create(2) calls it */
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* -- Another order, other batches -------------------------------------------- */

static int wait_reversed(struct queue *queue, struct rouse_event *events, int capacity,
                         rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    for (int i = 0; i < count / 2; i++) {
        const struct rouse_event event = events[i];

        events[i] = events[count - 1 - i];
        events[count - 1 - i] = event;
    }
    return count;
}

static int wait_shuffled(struct queue *queue, struct rouse_event *events, int capacity,
                         rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);

    for (int i = count - 1; i > 0; i--) {
        const struct rouse_event event = events[i];
        int other;

        queue->count = queue->count * 6364136223846793005u + 1442695040888963407u;
        other = (int) (queue->count >> 33) % (i + 1);
        events[i] = events[other];
        events[other] = event;
    }
    return count;
}

static int wait_one(struct queue *queue, struct rouse_event *events, int capacity,
                    rouse_time deadline)
{
    (void) capacity;
    return base_wait(queue, events, 1, deadline);
}

static int wait_two(struct queue *queue, struct rouse_event *events, int capacity,
                    rouse_time deadline)
{
    return base_wait(queue, events, capacity < 2 ? capacity : 2, deadline);
}

/* Each direction is a report of its own, the writer's first; those that have no room stay
 * armed with the backend below, for it is asked to look again, and have their turn then. */
static int wait_split(struct queue *queue, struct rouse_event *events, int capacity,
                      rouse_time deadline)
{
    int count = base_wait(queue, events, capacity, deadline);

    for (int i = count; i-- > 0;) {
        struct note *note = note_of(events[i].source);
        const bool waited = count == capacity && note->mark == ROUSE_READABLE;
        const unsigned first = waited ? ROUSE_READABLE : ROUSE_WRITABLE;

        note->mark = 0;
        if (events[i].ready != BOTH)
            continue;
        events[i].ready = first;
        note->source->armed |= BOTH & ~first;
        if (count < capacity) {
            tell(&events[count++], note, BOTH & ~first);
        } else {
            arm_below(queue, note, BOTH & ~first);
            note->mark = BOTH & ~first;
        }
    }
    return count;
}

/* All that the backend below has is fetched at once, so that what it tells of a source in two
 * reports is one; what does not fit waits here. */
static int wait_merged(struct queue *queue, struct rouse_event *events, int capacity,
                       rouse_time deadline)
{
    const int error = hold_all(queue, queue->held != NULL ? 0 : deadline);

    return queue->held == NULL && error < 0 ? error : tell_held(queue, events, capacity);
}

/* -- Late, and too many ------------------------------------------------------ */

/* What has come is told by the wait after the one that found it, or a millisecond later. */
static int wait_late(struct queue *queue, struct rouse_event *events, int capacity,
                     rouse_time deadline)
{
    const rouse_time later = base_now(queue) + ROUSE_MS(1);
    int count = tell_held(queue, events, capacity), error;

    if (count > 0) {
        hold_all(queue, 0);
        return count;
    }
    error = hold_all(queue, deadline);
    if (error <= 0 || deadline <= base_now(queue))
        return error < 0 ? error : 0;
    while (base_now(queue) < later && base_now(queue) < deadline)
        hold_all(queue, later < deadline ? later : deadline);
    return tell_held(queue, events, capacity);
}

/* Tells what is armed and may not be ready. If that becomes so before it is armed again, the
 * backend below has nobody to tell. */
static void tell_by_mistake(struct rouse_event *event, struct note *note)
{
    const unsigned armed = note->source->armed;

    note->muted |= armed;
    tell(event, note, armed);
}

/* A millisecond after an arm(), if nothing else is to be told, all that is armed and was not
 * yet mistaken since it was armed is told, ready or not. */
static int wait_mistaken(struct queue *queue, struct rouse_event *events, int capacity,
                         rouse_time deadline)
{
    const rouse_time soon = base_now(queue) + ROUSE_MS(1);
    bool any = false;
    int count;

    for (const struct note *note = queue->notes; note != NULL; note = note->next)
        any |= note->source->armed != 0;
    count = base_wait(queue, events, capacity, any && soon < deadline ? soon : deadline);
    if (count != 0 || !any || base_now(queue) < soon || base_now(queue) >= deadline)
        return count;
    for (struct note *note = queue->notes; note != NULL && count < capacity; note = note->next)
        if (note->source->armed != 0)
            tell_by_mistake(&events[count++], note);
    return count;
}

/* Each batch begins with a mistaken report of some other source that is armed. */
static int wait_preceded(struct queue *queue, struct rouse_event *events, int capacity,
                         rouse_time deadline)
{
    int count = base_wait(queue, events, capacity > 1 ? capacity - 1 : 1, deadline);
    struct note *note = queue->notes;

    while (note != NULL && note->source->armed == 0)
        note = note->next;
    if (note == NULL || count <= 0 || count == capacity)
        return count;
    for (int i = count; i > 0; i--)
        events[i] = events[i - 1];
    tell_by_mistake(&events[0], note);
    return count + 1;
}

/* -- Forgetting, arming, hints ----------------------------------------------- */

/* The memory of what was forgotten is given back by the next wait(). */
static void forget_later(struct queue *queue, struct rouse_source *source)
{
    struct note *note = source->record != NULL ? note_of(source) : NULL;

    if (note != NULL) {
        queue->below->ops->forget(queue->below, &note->below);
        note->mark = 1;
    }
    forget_keeping(queue, source);
}

static int wait_and_give_back(struct queue *queue, struct rouse_event *events, int capacity,
                              rouse_time deadline)
{
    const int count = base_wait(queue, events, capacity, deadline);
    struct note *next;

    for (struct note *note = queue->notes; note != NULL; note = next) {
        next = note->next;
        if (note->mark != 0)
            note_free(queue, note);
    }
    return count;
}

/* What is known already is armed by the wait() that follows, all at once: `count` is what
 * was armed without the hint since the last one, and `mark` with it. */
static int arm_lazily(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    struct note *note = source->record != NULL ? note_of(source) : NULL;

    if (note == NULL)
        return base_arm(queue, source, interest);
    if ((interest & ROUSE_DRAINED) == 0)
        note->count |= interest & BOTH;
    else
        note->mark |= interest & BOTH;
    return arm_as(queue, source, interest, 0);
}

static int wait_submits(struct queue *queue, struct rouse_event *events, int capacity,
                        rouse_time deadline)
{
    for (struct note *note = queue->notes; note != NULL; note = note->next) {
        const unsigned hinted = note->mark & ~note->count;

        if (note->count != 0)
            arm_below(queue, note, note->count);
        if (hinted != 0)
            arm_below(queue, note, hinted | ROUSE_DRAINED);
        note->count = note->mark = 0;
    }
    return base_wait(queue, events, capacity, deadline);
}

static int arm_without_hint(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    return arm_as(queue, source, interest, interest & BOTH);
}

/* The hint is believed where the kernel says the same, and else not. */
static int arm_doubts_hint(struct queue *queue, struct rouse_source *source, unsigned interest)
{
    const struct note other = {.below = {.fd = source->fd}};
    const bool doubts = (ready_now(queue, &other) & interest) != 0;

    return arm_as(queue, source, interest, doubts ? interest & BOTH : interest);
}

/* -- Time and wakes ---------------------------------------------------------- */

static rouse_time now_coarse(struct queue *queue)
{
    return base_now(queue) / ROUSE_MS(1) * ROUSE_MS(1);
}

static int wait_coarse(struct queue *queue, struct rouse_event *events, int capacity,
                       rouse_time deadline)
{
    const rouse_time part = deadline > 0 ? deadline % ROUSE_MS(1) : 0;

    if (part != 0 && deadline < ROUSE_NEVER - ROUSE_MS(1))
        deadline += ROUSE_MS(1) - part;
    return base_wait(queue, events, capacity, deadline);
}

enum { YEARS = 56 }; /* since 1970, about */

static rouse_time now_elsewhere(struct queue *queue)
{
    return base_now(queue) + ROUSE_SECONDS(YEARS * 31536000LL);
}

static int wait_elsewhere(struct queue *queue, struct rouse_event *events, int capacity,
                          rouse_time deadline)
{
    const rouse_time distance = ROUSE_SECONDS(YEARS * 31536000LL);

    if (deadline != ROUSE_NEVER)
        deadline = deadline > distance ? deadline - distance : 0;
    return base_wait(queue, events, capacity, deadline);
}

/* It comes back every millisecond, and goes on. */
static int wait_in_slices(struct queue *queue, struct rouse_event *events, int capacity,
                          rouse_time deadline)
{
    for (;;) {
        const rouse_time now = base_now(queue), slice = now + ROUSE_MS(1);
        const int count = base_wait(queue, events, capacity, slice < deadline ? slice : deadline);

        /* A wake that came before the slice was over, or while we look, is one of these. */
        if (count != 0 || base_now(queue) >= deadline
            || atomic_load_acquire(&queue->wakes) != queue->flag) {
            queue->flag = atomic_load_acquire(&queue->wakes);
            return count;
        }
    }
}

/* It has a timer of its own, whose signal interrupts each wait() that lasts. */
static void ignore(int signal)
{
    (void) signal;
}

static int open_interrupted(struct queue *queue)
{
    struct sigaction action = {.sa_handler = ignore};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG};
    timer_t timer;

    event.sigev_notify_thread_id = gettid();
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGURG, &action, NULL) != 0 || timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
        return -errno;
    queue->time = (rouse_time) (intptr_t) timer;
    return 0;
}

static void interrupt_in(struct queue *queue, long ns)
{
    const struct itimerspec time = {.it_value = {.tv_nsec = ns}, .it_interval = {.tv_nsec = ns}};

    timer_settime((timer_t) (intptr_t) queue->time, 0, &time, NULL);
}

static int wait_interrupted(struct queue *queue, struct rouse_event *events, int capacity,
                            rouse_time deadline)
{
    int count;

    interrupt_in(queue, 700000);
    count = base_wait(queue, events, capacity, deadline);
    interrupt_in(queue, 0);
    return count;
}

static void close_interrupted(struct queue *queue)
{
    timer_delete((timer_t) (intptr_t) queue->time);
}

/* A wake() that comes while a wait() is ending by a report ends the next one too. */
static int wait_woken_twice(struct queue *queue, struct rouse_event *events, int capacity,
                            rouse_time deadline)
{
    const uintptr_t before = atomic_load_acquire(&queue->wakes);
    const int count = base_wait(queue, events, capacity, deadline);

    if (count > 0 && atomic_load_acquire(&queue->wakes) != before)
        base_wake(queue);
    return count;
}

const struct decorator variants[] = {
    {.name = "one-allocation-more", .open = NULL},
    {.name = "batches-reversed", .wait = wait_reversed},
    {.name = "batches-shuffled", .wait = wait_shuffled},
    {.name = "one-report-a-wait", .wait = wait_one},
    {.name = "two-reports-a-wait", .wait = wait_two},
    {.name = "directions-in-two-reports", .wait = wait_split},
    {.name = "directions-merged", .wait = wait_merged, .pollable = no_pollable},
    {.name = "reports-one-turn-late", .wait = wait_late, .pollable = no_pollable},
    {.name = "mistaken-once-per-arm", .wait = wait_mistaken, .pollable = no_pollable},
    {.name = "another-source-first", .wait = wait_preceded},
    {.name = "memory-of-the-forgotten-comes-later",
     .forget = forget_later,
     .wait = wait_and_give_back},
    {.name = "arms-submitted-by-the-wait",
     .arm = arm_lazily,
     .wait = wait_submits,
     .pollable = no_pollable},
    {.name = "hint-ignored", .arm = arm_without_hint},
    {.name = "hint-believed-if-true", .arm = arm_doubts_hint},
    {.name = "clock-of-milliseconds", .now = now_coarse, .wait = wait_coarse},
    {.name = "clock-of-another-epoch", .now = now_elsewhere, .wait = wait_elsewhere},
    {.name = "comes-back-every-millisecond", .wait = wait_in_slices},
    {.name = "interrupts-itself",
     .open = open_interrupted,
     .wait = wait_interrupted,
     .close = close_interrupted},
    {.name = "wake-between-ends-two-waits", .wait = wait_woken_twice},
    {.name = "no-descriptor", .pollable = no_pollable},
    {.name = NULL},
};
