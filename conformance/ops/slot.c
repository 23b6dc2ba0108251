/*
 * slot.c -- the futures of a play. Each lies in a slot that everybody shares, so that one
 * task can begin to poll what another goes on with (F4), and drop what a third waits for.
 *
 * A future that is awaited `via` is polled with a waker that is not the task's: it passes
 * the wake on, and counts its clones, of which none may be left when the future has ended
 * (F5, F6, L4).
 */
#include <errno.h>
#include <string.h>

#include "player.h"

/* -- A waker of our own -------------------------------------------------------- */

static void proxy_retain(void *data)
{
    ((struct proxy *) data)->clones++;
}

static void proxy_release(void *data)
{
    ((struct proxy *) data)->clones--;
}

static void proxy_wake_by_ref(void *data)
{
    rouse_wake_by_ref(&((struct proxy *) data)->target);
}

static void proxy_wake(void *data)
{
    proxy_wake_by_ref(data);
    proxy_release(data);
}

static const struct rouse_waker_ops proxy_ops = {proxy_retain, proxy_wake, proxy_wake_by_ref,
                                                 proxy_release};

/* -- Results ------------------------------------------------------------------- */

static const char *const kind_names[] = {"nothing",   "join",  "pause",  "sleep",
                                         "tick",      "limit", "read",   "write",
                                         "write_all", "watch", "accept", "connect"};

/* -- Making one ---------------------------------------------------------------- */

static rouse_time after(struct play *play, int ms)
{
    return stage_now(&play->stage) + play_duration(ms);
}

/* A second join of one task would be misuse. */
static bool joined(const struct play *play, int task)
{
    for (int i = 0; i < FUTURES; i++)
        if (play->slots[i].kind == MODEL_JOIN && play->slots[i].target == task)
            return true;
    return false;
}

static void make_join(struct play *play, struct slot *slot, int number, int task)
{
    if (play->actors[task] == NULL || joined(play, task))
        return;
    model_make(&play->model, number, MODEL_JOIN)->target = task;
    play_hold(play, task);
    slot->is.join = rouse_join(&play->actors[task]->task);
    slot->kind = MODEL_JOIN;
    slot->target = task;
}

/* "duration counts from this call": so far from now, by a clock that may move meanwhile. */
static rouse_time check_deadline(struct play *play, rouse_time earliest, rouse_time deadline)
{
    const rouse_time passed = stage_now(&play->stage) - play->model.now;

    if (deadline < earliest || deadline > earliest + passed)
        model_complain(&play->model, "M1", "a deadline is not where it was put");
    return deadline;
}

static void make_timed(struct play *play, struct slot *slot, int number, bool ticks, int ms)
{
    struct rouse_reactor *reactor = play->stage.reactor;
    struct model_future *model = model_make(&play->model, number, ticks ? MODEL_TICK : MODEL_SLEEP);

    model->period = ms > 0 ? play_duration(ms) : 1; /* a period is at least 1 ns */
    slot->kind = model->kind;
    if (ticks) {
        const rouse_time earliest = stage_now(&play->stage) + model->period;

        slot->interval = rouse_interval(reactor, play_duration(ms));
        slot->is.tick = rouse_tick(&slot->interval);
        model->deadline = check_deadline(play, earliest, slot->interval.next);
    } else {
        const rouse_time earliest = after(play, ms);

        slot->is.sleep = rouse_sleep(reactor, play_duration(ms));
        model->deadline = check_deadline(play, earliest, slot->is.sleep.deadline);
    }
}

static void make_limit(struct play *play, struct slot *slot, int number, int child, int ms)
{
    struct slot *of = &play->slots[child];
    const rouse_time at = after(play, ms);
    struct model_future *model;

    if (of->kind == MODEL_NOTHING || of->polled || of->owner != NOBODY || of->parent != NOBODY
        || child == number)
        return;
    model = model_make(&play->model, number, MODEL_LIMIT);
    model->deadline = at;
    model->target = child;
    play->model.futures[child].parent = number;
    of->parent = number;
    slot->target = child;
    slot->kind = MODEL_LIMIT;
    slot->is.limit = rouse_deadline(play->stage.reactor, &of->is.future, at);
}

static void make_transfer(struct play *play, struct slot *slot, int number, const struct op *op)
{
    static uint8_t bytes[256];
    struct rouse_tcp *tcp = &play->wires[op->a].tcp;
    const size_t size = op->b;
    struct model_future *model;

    if (op->verb == VERB_read) {
        slot->kind = MODEL_READ;
        slot->is.read = rouse_read(tcp, bytes, size);
    } else if (op->verb == VERB_write) {
        slot->kind = MODEL_WRITE;
        slot->is.write = rouse_write(tcp, bytes, size);
    } else if (op->verb == VERB_write_all) {
        slot->kind = MODEL_WRITE_ALL;
        slot->is.write_all = rouse_write_all(tcp, bytes, size);
    } else {
        slot->kind = MODEL_WATCH;
        slot->is.watch =
            rouse_readiness(&tcp->io, op->b == MODEL_READABLE ? ROUSE_READABLE : ROUSE_WRITABLE);
    }
    slot->target = op->a;
    model = model_make(&play->model, number, slot->kind);
    model->target = op->a;
    model->size = (int) size;
    model->direction = op->verb == VERB_write || op->verb == VERB_write_all
                               || (op->verb == VERB_watch && op->b == MODEL_WRITABLE)
                           ? MODEL_WRITABLE
                           : MODEL_READABLE;
}

void slot_make(struct play *play, const struct op *op)
{
    struct slot *slot = &play->slots[op->object];

    if (slot->kind != MODEL_NOTHING)
        return;
    slot->owner = slot->parent = NOBODY;
    slot->polled = false;
    switch ((enum verb) op->verb) {
    case VERB_join: make_join(play, slot, op->object, op->a); break;
    case VERB_pause:
        slot->kind = MODEL_PAUSE;
        slot->is.pause = rouse_yield();
        model_make(&play->model, op->object, MODEL_PAUSE);
        break;
    case VERB_sleep:
    case VERB_tick: make_timed(play, slot, op->object, op->verb == VERB_tick, op->a); break;
    case VERB_limit: make_limit(play, slot, op->object, op->a, op->b); break;
    case VERB_accept:
    case VERB_connect: ear_make(play, slot, op); break;
    default: make_transfer(play, slot, op->object, op); break;
    }
}

/* Tells how far a write has come, or the one that a deadline is on. */
static void tell_progress(struct play *play, int number)
{
    const struct slot *slot = &play->slots[number];

    if (slot->kind == MODEL_LIMIT)
        tell_progress(play, slot->target);
    if (slot->kind == MODEL_WRITE_ALL)
        model_went(&play->model, number, (int) slot->is.write_all.done);
}

/* -- Using one ----------------------------------------------------------------- */

bool slot_mine(const struct play *play, int number, const struct actor *by)
{
    const struct slot *slot = &play->slots[number];

    return slot->kind != MODEL_NOTHING && slot->parent == NOBODY
           && (slot->owner == NOBODY || (by != NULL && slot->owner == by->number));
}

/* It has ended, and with it what it owned. */
static void slot_free(struct play *play, struct slot *slot)
{
    const enum model_kind kind = slot->kind;

    slot->kind = MODEL_NOTHING;
    slot->owner = slot->parent = NOBODY;
    if (slot->proxy.clones != 0)
        model_complain(&play->model, "F5", "a future has ended and kept %d wakers",
                       slot->proxy.clones);
    slot->proxy.clones = 0;
    rouse_waker_drop(&slot->proxy.target);
    if (kind == MODEL_JOIN)
        play_unhold(play, slot->target);
    if (kind == MODEL_LIMIT)
        slot_free(play, &play->slots[slot->target]);
}

enum rouse_poll slot_poll(struct play *play, int number, struct actor *by, struct rouse_context *cx,
                          bool via, intptr_t *result)
{
    struct slot *slot = &play->slots[number];
    const struct rouse_waker proxy = {&proxy_ops, &slot->proxy};
    struct rouse_context own = {via ? &proxy : cx->waker, cx->budget, false};
    enum rouse_poll poll;

    play_time(play);
    if (via)
        rouse_waker_keep(&slot->proxy.target, cx->waker);
    slot->polled = true;
    poll = rouse_future_poll(&slot->is.future, &own);
    *result = slot->is.future.result;
    cx->yield |= own.yield;
    /* A simulated clock may move at each look. */
    model_time(&play->model, play->model.now, stage_now(&play->stage));
    tell_progress(play, number);
    model_polled(&play->model, number, by->number, poll == ROUSE_READY, *result);
    play_note(play, 1, (unsigned) number, poll == ROUSE_READY ? *result : INT64_MIN);
    if (poll == ROUSE_READY) {
        play_say(play, "    %c: f%d is ready with %ld\n", 'a' + by->number, number, (long) *result);
        play_result(play, by->number, kind_names[slot->kind], *result);
        ear_ended(play, slot, *result);
        slot_free(play, slot);
    } else {
        play_say(play, "    %c: f%d is pending\n", 'a' + by->number, number);
    }
    return poll;
}

void slot_drop(struct play *play, int number)
{
    struct slot *slot = &play->slots[number];

    model_drop(&play->model, number);
    rouse_future_drop(&slot->is.future);
    slot_free(play, slot);
}
