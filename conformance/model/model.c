/*
 * model.c -- see model.h. Read it beside GUARANTEES.md: each complaint names the
 * guarantee whose sentence it repeats.
 */
#include "model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Whether something is so is not always known. */
enum answer { NO, MAYBE, YES };

static char letter(int task)
{
    return (char) ('a' + task);
}

void model_complain(struct model *model, const char *guarantee, const char *format, ...)
{
    va_list arguments;

    if (model->guarantee[0] != '\0')
        return;
    strncpy(model->guarantee, guarantee, sizeof model->guarantee - 1);
    va_start(arguments, format);
    vsnprintf(model->complaint, sizeof model->complaint, format, arguments);
    va_end(arguments);
}

void model_init(struct model *model)
{
    memset(model, 0, sizeof *model);
    for (int waker = 0; waker < MODEL_WAKERS; waker++)
        model->wakers[waker] = MODEL_NOBODY;
    model->polling = MODEL_NOBODY;
    model->exact = true;
}

/* -- Streams: what a direction is ready for ---------------------------------- */

static enum answer readable(const struct model_end *end)
{
    if (end->wild)
        return MAYBE;
    return end->in > 0 || end->eof || end->error ? YES : NO;
}

static enum answer writable(const struct model *model, int number)
{
    const struct model_end *end = &model->ends[number], *peer = &model->ends[number ^ 1];

    if (end->wild)
        return MAYBE;
    if (!peer->alive || end->error || peer->in == 0)
        return YES;
    return end->full && !end->shut ? NO : MAYBE; /* nobody promised to tell us of our own end */
}

/* Whether kernels may differ in what there is room for: it was full and is not empty yet, or
 * holds so many pieces that their weight may count. */
static bool unsure(const struct model *model, int number)
{
    return writable(model, number) == MAYBE && model->ends[number].pieces > 32;
}

/* -- Listeners ---------------------------------------------------------------- */

static enum answer acceptable(const struct model *model, const struct model_ear *ear)
{
    if (!ear->open)
        return YES; /* R5 */
    if (ear->starved)
        return MAYBE;
    if (ear->least > 0 && !model->straying)
        return YES;
    return ear->most > 0 ? MAYBE : NO;
}

/* -- Futures: whether one is due --------------------------------------------- */

static enum answer later(const struct model *model, int64_t moment)
{
    if (model->now >= moment)
        return YES;
    return model->until >= moment ? MAYBE : NO;
}

/* Whether a poll would find it READY, or its waker is owed a wake. */
static enum answer due(const struct model *model, const struct model_future *future)
{
    const struct model_end *end;
    enum answer own, child;

    switch (future->kind) {
    case MODEL_NOTHING:
    case MODEL_PAUSE: return NO; /* the poll itself has asked for the next */
    case MODEL_JOIN: return model->tasks[future->target].state == MODEL_LIVE ? NO : YES;
    case MODEL_SLEEP:
    case MODEL_TICK: return later(model, future->deadline);
    case MODEL_LIMIT:
        child = due(model, &model->futures[future->target]);
        own = later(model, future->deadline);
        return own > child ? own : child;
    case MODEL_READ:
    case MODEL_WRITE:
    case MODEL_WRITE_ALL:
    case MODEL_WATCH:
        end = &model->ends[future->target];
        if (!end->open)
            return YES; /* R5 */
        return future->direction == MODEL_READABLE ? readable(end)
                                                   : writable(model, future->target);
    case MODEL_ACCEPT: return acceptable(model, &model->ears[future->target]);
    case MODEL_CONNECT: return model->straying ? MAYBE : YES; /* it succeeds, or is refused */
    }
    return MAYBE;
}

/* Feeds the fuzzer: the state of a task with what it waits for is a place to have been. */
static void tell_state(const struct model *model, int task)
{
    const struct model_task *of = &model->tasks[task];
    unsigned hash = (unsigned) of->state | (unsigned) of->owed << 2 | (unsigned) of->canceled << 3
                    | (unsigned) (of->holds > 0) << 4 | (unsigned) of->polled << 5
                    | (unsigned) (model->polling == task) << 6 | (unsigned) of->from << 7
                    | (unsigned) model->closing << 8;

    for (int i = 0; i < MODEL_WAKERS; i++)
        hash |= (unsigned) (model->wakers[i] == task) << 9;
    for (int i = 0; i < MODEL_FUTURES; i++) {
        const struct model_future *future = &model->futures[i];

        if (future->polled && future->waiter == task)
            hash = hash * 31 + (unsigned) future->kind * 4 + (unsigned) future->was_due * 2
                   + (future->credit >> task & 1U);
    }
    if (model->state != NULL)
        model->state(hash);
}

/* Looks which futures became due, after anything that could have made them so. */
static void look(struct model *model)
{
    for (int end = 0; end < MODEL_ENDS; end++)
        if (model->ends[end].open && model->ends[end].waited && unsure(model, end))
            model->doubtful = true;
    for (int i = 0; i < MODEL_FUTURES; i++) {
        struct model_future *future = &model->futures[i];
        const enum answer answer = due(model, future);
        /* What is reported though it is gone waits for the next poll, whenever that is. */
        const bool stray = !model->exact && model_transfers(future->kind);

        if ((answer != NO || stray) && future->possible == 0)
            future->possible = ++model->clock;
        future->was_due = answer == YES;
    }
}

/* -- Tasks ------------------------------------------------------------------- */

static void owe(struct model *model, int number, enum model_where where)
{
    struct model_task *task = &model->tasks[number];

    if (task->state == MODEL_LIVE && !task->owed) {
        task->owed = true;
        task->from = where;
        task->since = ++model->clock;
    }
    tell_state(model, number); /* W1: wakes before the poll merge; W3: too late, nothing */
}

void model_spawn(struct model *model, int number, enum model_where where)
{
    struct model_task *task = &model->tasks[number];

    memset(task, 0, sizeof *task);
    task->state = MODEL_LIVE;
    task->holds = where == MODEL_ABROAD ? 1 : 0;
    owe(model, number, where);
}

void model_cancel(struct model *model, int number, enum model_where where)
{
    struct model_task *task = &model->tasks[number];

    if (task->state == MODEL_LIVE) {
        task->canceled = true;
        owe(model, number, where);
    }
}

void model_hold(struct model *model, int task)
{
    model->tasks[task].holds++;
}

void model_unhold(struct model *model, int task)
{
    model->tasks[task].holds--;
}

/* A wake that the world may have made, for a future that the task waits for: one for each
 * poll of that future, and not before there was a reason. */
static struct model_future *world_woke(struct model *model, int task)
{
    for (int i = 0; i < MODEL_FUTURES; i++) {
        struct model_future *future = &model->futures[i];

        if (future->polled && (future->credit & 1U << task) != 0
            && (future->possible != 0 || !model->exact))
            return future;
    }
    return NULL;
}

/* T6, among those whose wakes came the same way. Nobody can say when the world's came. */
static void check_order(struct model *model, int number)
{
    const struct model_task *task = &model->tasks[number];

    for (int i = 0; i < MODEL_TASKS; i++) {
        const struct model_task *other = &model->tasks[i];

        if (i != number && other->state == MODEL_LIVE && other->owed && !other->canceled
            && other->from == task->from && other->since < task->since)
            model_complain(model, "T6", "%c was polled before %c, which was woken first",
                           letter(number), letter(i));
    }
}

void model_poll_begin(struct model *model, int number)
{
    struct model_task *task = &model->tasks[number];
    struct model_future *cause = world_woke(model, number);

    if (model->polling != MODEL_NOBODY)
        model_complain(model, "T1", "%c was polled inside a poll", letter(number));
    if (task->state != MODEL_LIVE)
        model_complain(model, "T3", "%c was polled after it ended", letter(number));
    else if (task->canceled)
        model_complain(model, "T9", "%c was polled after it was canceled", letter(number));
    else if (model->closing)
        model_complain(model, "T10", "%c was polled by a close", letter(number));
    else if (!task->owed && task->maybe == 0 && cause == NULL)
        model_complain(model, "T7", "%c was polled, and nobody woke it", letter(number));
    else if (task->owed && task->maybe == 0 && cause == NULL)
        check_order(model, number);
    else if (!task->owed && task->maybe > 0)
        task->maybe--;
    else if (!task->owed && !(model->starving && cause->kind == MODEL_ACCEPT)) /* N4: by time too */
        cause->credit &= ~(1U << number);
    task->owed = false;
    task->polled = true;
    task->poll = ++model->clock;
    model->polling = number;
    tell_state(model, number);
}

void model_poll_end(struct model *model, int number, bool ready, int64_t result, bool yield)
{
    struct model_task *task = &model->tasks[number];

    model->polling = MODEL_NOBODY;
    if (ready) {
        task->state = MODEL_ENDED;
        task->owed = false;
        task->result = result;
        look(model);
    } else if (yield) {
        owe(model, number, MODEL_HERE);
    }
    tell_state(model, number);
}

void model_dropped(struct model *model, int number)
{
    struct model_task *task = &model->tasks[number];

    if (model->polling != MODEL_NOBODY)
        model_complain(model, "T9", "%c was dropped inside a poll", letter(number));
    if (task->state != MODEL_LIVE)
        model_complain(model, "F7", "%c was dropped after it ended", letter(number));
    else if (!task->canceled && !model->closing)
        model_complain(model, "T9", "%c was dropped, and nobody canceled it", letter(number));
    task->state = MODEL_ENDED;
    task->owed = false;
    task->result = -ECANCELED;
    look(model);
    tell_state(model, number);
}

/* Whether somebody surely has a reference. */
static bool referred(const struct model *model, int task)
{
    for (int waker = 0; waker < MODEL_WAKERS; waker++)
        if (model->wakers[waker] == task)
            return true;
    return model->tasks[task].holds > 0;
}

/* Whether a future may have one. */
static bool maybe_referred(const struct model *model, int task)
{
    for (int i = 0; i < MODEL_FUTURES; i++)
        if (model->futures[i].polled && (model->futures[i].touched & 1U << task) != 0)
            return true;
    return false;
}

void model_released(struct model *model, int number)
{
    struct model_task *task = &model->tasks[number];

    if (task->state == MODEL_FREE)
        model_complain(model, "T5", "%c was released twice", letter(number));
    else if (task->state == MODEL_LIVE)
        model_complain(model, "T5", "%c was released alive", letter(number));
    else if (referred(model, number))
        model_complain(model, "T5", "%c was released, and is still referred to", letter(number));
    task->state = MODEL_FREE;
    tell_state(model, number);
}

/* -- Wakers ------------------------------------------------------------------ */

void model_keep(struct model *model, int waker, int task)
{
    model->wakers[waker] = task;
}

void model_wake(struct model *model, int waker, enum model_where where, bool consumed)
{
    const int task = model->wakers[waker];

    if (consumed)
        model->wakers[waker] = MODEL_NOBODY;
    if (task != MODEL_NOBODY)
        owe(model, task, where);
}

/* -- Futures ----------------------------------------------------------------- */

struct model_future *model_make(struct model *model, int number, enum model_kind kind)
{
    struct model_future *future = &model->futures[number];

    memset(future, 0, sizeof *future);
    future->kind = kind;
    future->parent = MODEL_NOBODY;
    future->waiter = MODEL_NOBODY;
    return future;
}

/* A future is about to change, or to go: it may have woken who waited, until now. */
static void let_go(struct model *model, struct model_future *future)
{
    if (future->polled && (future->possible != 0 || !model->exact))
        for (int task = 0; task < MODEL_TASKS; task++)
            if ((future->credit & 1U << task) != 0)
                model->tasks[task].maybe++;
}

void model_drop(struct model *model, int number)
{
    struct model_future *future = &model->futures[number];

    if (future->kind == MODEL_LIMIT)
        model_drop(model, future->target);
    let_go(model, future);
    future->kind = MODEL_NOTHING;
    future->polled = false;
}

/* Whether another future waits for the same direction, or at the same listener (R4). */
static bool taken(const struct model *model, const struct model_future *future)
{
    for (int i = 0; i < MODEL_FUTURES; i++) {
        const struct model_future *other = &model->futures[i];
        const bool alike = model_transfers(future->kind) ? model_transfers(other->kind)
                                                         : other->kind == MODEL_ACCEPT;

        if (other != future && other->polled && alike && other->target == future->target
            && other->direction == future->direction)
            return true;
    }
    return false;
}

/* What an error may be that comes from no rule of the program's. */
static bool fault_explains(const struct model *model, int64_t result)
{
    return model->starving && (result == -ENOMEM || result == -EMFILE);
}

static void expect(struct model *model, const char *guarantee, const char *what, bool holds,
                   bool ready, int64_t result)
{
    if (!holds)
        model_complain(model, guarantee, "%s was %s (%lld)", what, ready ? "ready" : "pending",
                       (long long) result);
}

/* A read, as a future or not: what came, and what it leaves. */
static bool read_explains(struct model *model, int number, int size, int64_t result)
{
    struct model_end *end = &model->ends[number];

    if (end->wild)
        return result <= size;
    if (result > 0 && result <= size && result <= end->in) {
        end->in -= (int) result;
        model->ends[number ^ 1].full = false;
        return true;
    }
    if (end->in > 0)
        return false; /* N2: bytes come first, to the last */
    if (result == -ECONNRESET)
        return end->error;
    return result == 0 && (end->eof || end->error);
}

static bool write_explains(struct model *model, int number, int size, int64_t result)
{
    struct model_end *end = &model->ends[number], *peer = &model->ends[number ^ 1];

    if (end->wild)
        return result <= size;
    if (end->shut || !peer->alive)
        return result == -EPIPE || (result == -ECONNRESET && end->error);
    if (result == -ECONNRESET || result == -EPIPE)
        return end->error;
    if (result < 1 || result > size || writable(model, number) == NO)
        return false;
    end->pieces = peer->in == 0 ? 1 : end->pieces + 1;
    peer->in += (int) result;
    return true;
}

void model_went(struct model *model, int number, int done)
{
    struct model_future *future = &model->futures[number];
    struct model_end *end = &model->ends[future->target];
    const int more = done - future->done;

    future->done = done;
    if (end->open && unsure(model, future->target))
        model->doubtful = true;
    if (more != 0 && (!end->open || !write_explains(model, future->target, more, more)))
        model_complain(model, "N1", "%d more bytes went, they say, than can", more);
}

static void transfer_polled(struct model *model, struct model_future *future, bool ready,
                            int64_t result)
{
    struct model_end *end = &model->ends[future->target];
    const char *what = future->kind == MODEL_READ    ? "a read"
                       : future->kind != MODEL_WATCH ? "a write"
                                                     : "a readiness";

    if (future->direction == MODEL_WRITABLE && end->open && unsure(model, future->target))
        model->doubtful = true;
    end->waited |= !ready && future->direction == MODEL_WRITABLE;
    if (!end->open) {
        expect(model, "R5", what, ready && result == -ECANCELED, ready, result);
    } else if (taken(model, future)) {
        expect(model, "R4", what, ready && result == -EBUSY, ready, result);
    } else if (future->kind != MODEL_WATCH && future->size == 0) {
        expect(model, "N6", what, ready && result == 0, ready, result);
    } else if (!ready || fault_explains(model, result)) {
        /* A report may be on its way; rest will show. */
    } else if (future->kind == MODEL_READ) {
        expect(model, "N2", what, read_explains(model, future->target, future->size, result), ready,
               result);
    } else if (future->kind == MODEL_WRITE) {
        expect(model, "N2", what, write_explains(model, future->target, future->size, result),
               ready, result);
    } else if (future->kind == MODEL_WRITE_ALL) { /* model_went() has heard of its bytes */
        expect(model, "N2", what,
               result == future->size
                   || (result < 0 && write_explains(model, future->target, 0, result)),
               ready, result);
    } else {
        expect(model, "E6", what, result == 0 && (future->possible != 0 || !model->exact), ready,
               result);
    }
}

/* M1 and M2, for whoever looks at the clock. */
static bool timely(const struct model *model, int64_t deadline, bool ready)
{
    return later(model, deadline) != (ready ? NO : YES);
}

static void accept_polled(struct model *model, struct model_future *future, bool ready,
                          int64_t result)
{
    struct model_ear *ear = &model->ears[future->target];

    if (!ear->open) {
        expect(model, "R5", "an accept", ready && result == -ECANCELED, ready, result);
    } else if (taken(model, future)) {
        expect(model, "R4", "an accept", ready && result == -EBUSY, ready, result);
    } else if (ready && fault_explains(model, result)) {
        ear->starved = true;
    } else if (ready) {
        expect(model, "N2", "an accept", result == 0 && ear->most > 0, ready, result);
        ear->most--;
        ear->least -= ear->least > 0;
    }
}

static void connect_polled(struct model *model, struct model_future *future, bool ready,
                           int64_t result)
{
    struct model_ear *ear = &model->ears[future->target];

    if (!future->polled && ear->open)
        ear->most++; /* whatever comes of it, who accepts may see it from now on */
    if (ready && fault_explains(model, result))
        ear->starved = true; /* it may wait to be accepted all the same */
    else if (ready && result == 0 && ear->least < ear->most)
        ear->least++;
    else if (ready && result != 0)
        expect(model, "N2", "a connect",
               (result == -ECONNREFUSED || result == -ENOENT || result == -ECONNRESET)
                   && (model->straying || model->resetting || !ear->open || future->polled),
               ready, result);
}

static void tick_polled(struct model *model, struct model_future *future, bool ready,
                        int64_t result)
{
    const int64_t least = 1 + (model->now - future->deadline) / future->period;
    const int64_t most = 1 + (model->until - future->deadline) / future->period;

    expect(model, ready ? "M1" : "M2", "a tick", timely(model, future->deadline, ready), ready,
           result);
    if (ready && (result < least || result > most))
        model_complain(model, "M6", "a tick told %lld, and %lld were due", (long long) result,
                       (long long) most);
}

/* Whether it is a deadline that may have passed by itself. */
static bool timed_out(const struct model *model, const struct model_future *future)
{
    return future->kind == MODEL_LIMIT
           && (later(model, future->deadline) != NO
               || timed_out(model, &model->futures[future->target]));
}

/* One poll of a future that nobody owns, or of the child of a deadline. */
static void check_polled(struct model *model, struct model_future *future, bool ready,
                         int64_t result)
{
    const enum answer answer = due(model, future);
    struct model_future *child;

    switch (future->kind) {
    case MODEL_NOTHING: break;
    case MODEL_JOIN:
        expect(model, "T9", "a join",
               ready == (answer == YES)
                   && (!ready || result == model->tasks[future->target].result),
               ready, result);
        break;
    case MODEL_PAUSE:
        expect(model, "F3", "a yield", ready == future->polled && result == 0, ready, result);
        break;
    case MODEL_SLEEP:
        expect(model, ready ? "M1" : "M2", "a sleep",
               timely(model, future->deadline, ready) && result == 0, ready, result);
        break;
    case MODEL_TICK: tick_polled(model, future, ready, result); break;
    case MODEL_READ:
    case MODEL_WRITE:
    case MODEL_WRITE_ALL:
    case MODEL_WATCH: transfer_polled(model, future, ready, result); break;
    case MODEL_ACCEPT: accept_polled(model, future, ready, result); break;
    case MODEL_CONNECT: connect_polled(model, future, ready, result); break;
    case MODEL_LIMIT:
        /* The child is polled first, and wins (timer.h). */
        child = &model->futures[future->target];
        if (ready && (result != -ETIMEDOUT || timed_out(model, child))) {
            check_polled(model, child, true, result);
        } else {
            check_polled(model, child, false, 0);
            expect(model, ready ? "M1" : "M2", "a deadline", timely(model, future->deadline, ready),
                   ready, result);
        }
        break;
    }
}

/* Who waits from now on, for the future and what it owns (F4). */
static void note_waiter(struct model *model, struct model_future *future, int task)
{
    if (future->kind == MODEL_LIMIT)
        note_waiter(model, &model->futures[future->target], task);
    let_go(model, future);
    future->polled = true;
    future->waiter = task;
    future->touched |= 1U << task;
    future->poll = ++model->clock;
    future->credit = future->touched;
    future->possible = due(model, future) != NO ? model->clock : 0;
    future->was_due = due(model, future) == YES;
}

void model_polled(struct model *model, int number, int task, bool ready, int64_t result)
{
    struct model_future *future = &model->futures[number];

    check_polled(model, future, ready, ready ? result : 0);
    if (ready)
        model_drop(model, number);
    else
        note_waiter(model, future, task);
    look(model);
}

/* -- The world --------------------------------------------------------------- */

void model_time(struct model *model, int64_t now, int64_t until)
{
    if (now < model->now || until < now)
        model_complain(model, "E9", "the clock went back");
    model->now = now;
    model->until = until;
    look(model);
}

void model_pair(struct model *model, int end)
{
    for (int i = 0; i < 2; i++) {
        memset(&model->ends[end ^ i], 0, sizeof model->ends[end ^ i]);
        model->ends[end ^ i].open = model->ends[end ^ i].alive = true;
        model->ends[end ^ i].wild = model->resetting;
    }
}

void model_sent(struct model *model, int end, int size, int64_t result, bool refused)
{
    if (unsure(model, end))
        model->doubtful = true;
    if (result == -EAGAIN ? writable(model, end) == YES : !write_explains(model, end, size, result))
        model_complain(model, "N2", "%d bytes were sent with %lld", size, (long long) result);
    if (refused) {
        model->ends[end].full = true;
        model->ends[end].pieces = 1000;
    }
    look(model);
}

void model_received(struct model *model, int end, int size, int64_t result)
{
    if (result == -EAGAIN ? readable(&model->ends[end]) == YES
                          : !read_explains(model, end, size, result))
        model_complain(model, "N2", "%d bytes were received with %lld", size, (long long) result);
    look(model);
}

void model_shut(struct model *model, int end)
{
    model->ends[end].shut = true;
    model->ends[end ^ 1].eof = true;
    look(model);
}

void model_close(struct model *model, int number)
{
    struct model_end *end = &model->ends[number], *peer = &model->ends[number ^ 1];

    peer->error |= end->in > 0; /* what nobody will read is a reset */
    peer->eof = true;
    end->open = end->alive = false;
    look(model);
}

void model_listen(struct model *model, int number)
{
    memset(&model->ears[number], 0, sizeof model->ears[number]);
    model->ears[number].open = true;
    for (int i = 0; model->straying && i < MODEL_FUTURES; i++) /* who is still on the way */
        model->ears[number].most += model->futures[i].polled && model->futures[i].target == number
                                    && model->futures[i].kind == MODEL_CONNECT;
}

void model_deafen(struct model *model, int ear)
{
    memset(&model->ears[ear], 0, sizeof model->ears[ear]);
    look(model);
}

/* -- Rest -------------------------------------------------------------------- */

static void rest_task(struct model *model, int number)
{
    struct model_task *task = &model->tasks[number];

    task->maybe = 0;
    if (task->state == MODEL_LIVE && task->canceled)
        model_complain(model, "T9", "%c was canceled, and lives", letter(number));
    else if (task->state == MODEL_LIVE && task->owed)
        model_complain(model, task->polled ? "W1" : "T2", "%c is owed a poll", letter(number));
    else if (task->state == MODEL_ENDED && !referred(model, number)
             && !maybe_referred(model, number))
        model_complain(model, "T5", "%c has ended, and was not released", letter(number));
}

static const char *promise_of(enum model_kind kind)
{
    switch (kind) {
    case MODEL_JOIN: return "T9";
    case MODEL_SLEEP:
    case MODEL_TICK:
    case MODEL_LIMIT: return "M2";
    default: return "E2";
    }
}

/* F3: who waits for what is due has been polled since it might have been due, for then the
 * one wake that a poll buys was made. */
static void rest_future(struct model *model, int number)
{
    struct model_future *future = &model->futures[number];
    const struct model_task *waiter;
    unsigned since;

    if (!future->polled)
        return;
    /* What was owed has come by now. What is still to come may, a deadline's own after its
     * child's too. That a poll was taken for this one's, and was another's, ends here. */
    future->credit = future->touched;
    if (due(model, future) == YES
        && (future->kind != MODEL_LIMIT || later(model, future->deadline) == YES))
        future->credit = 0;
    if (due(model, future) != YES || future->parent != MODEL_NOBODY)
        return;
    waiter = &model->tasks[future->waiter];
    /* A report too many may have used it up before there was anything. */
    since = model->exact || future->kind < MODEL_LIMIT ? future->possible : future->poll;
    if (waiter->state == MODEL_LIVE && (waiter->poll < since || waiter->poll < future->poll))
        model_complain(model, promise_of(future->kind),
                       "f%d is due, and %c, which waits for it, was not polled", number,
                       letter(future->waiter));
}

/* When the next timer is due, of those that were armed and not dropped (M4, B2). */
static int64_t next_timer(const struct model *model)
{
    int64_t next = INT64_MAX;

    for (int i = 0; i < MODEL_FUTURES; i++) {
        const struct model_future *future = &model->futures[i];
        const bool timed = future->kind == MODEL_SLEEP || future->kind == MODEL_TICK
                           || future->kind == MODEL_LIMIT;

        if (timed && future->polled && future->deadline > model->now && future->deadline < next)
            next = future->deadline;
    }
    return next;
}

void model_rest(struct model *model, int64_t deadline)
{
    int64_t next = next_timer(model);

    look(model);
    if (model->delaying)
        return;
    for (int task = 0; task < MODEL_TASKS; task++)
        rest_task(model, task);
    for (int future = 0; future < MODEL_FUTURES; future++)
        rest_future(model, future);
    if (deadline > next)
        model_complain(model, "B2", "the next deadline is %lld, and a timer is due at %lld",
                       (long long) deadline, (long long) next);
    if (deadline < next && !model->starving) /* a starving accept has a timer of its own (N4) */
        model_complain(model, "M4", "a timer that nobody waits for is due at %lld",
                       (long long) deadline);
}

void model_closed(struct model *model)
{
    for (int task = 0; task < MODEL_TASKS; task++)
        if (model->tasks[task].state == MODEL_LIVE)
            model_complain(model, "L1", "%c survived the close", letter(task));
}

void model_finished(struct model *model)
{
    for (int task = 0; task < MODEL_TASKS; task++)
        if (model->tasks[task].state != MODEL_FREE)
            model_complain(model, "T5", "%c was never released", letter(task));
}
