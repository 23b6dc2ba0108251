/*
 * play.c -- the script, the tasks, and what statements do.
 *
 * The hard part is that everything may happen inside everything: a task that ends wakes,
 * cancels, spawns and closes, while others are being dropped. So a statement looks at what
 * is there each time, and does nothing where it finds no object. What it then does is
 * legal (X8), however odd.
 */
#include "play.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abroad.h"
#include "player.h"

void (*play_state)(unsigned hash);

/* How a statement leaves a body. */
enum step { GO_ON, PENDS, FINISHES };

/* -- What is remembered -------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

void play_note(struct play *play, unsigned what, unsigned who, int64_t value)
{
    play->verdict.course = mix(play->verdict.course, (uint64_t) what << 32 | who);
    play->verdict.course = mix(play->verdict.course, (uint64_t) value);
}

void play_say(struct play *play, const char *format, ...)
{
    char line[160];
    va_list arguments;

    if (play->log == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    play->log->write(play->log->to, line);
}

void play_result(struct play *play, int task, const char *of, intptr_t result)
{
    struct stage_world *world = play->stage.world;

    if (world != NULL && task != NOBODY)
        world->result(world, task, of, result);
}

rouse_time play_duration(int ms)
{
    return ms == 255 ? ROUSE_SECONDS(3600) : ROUSE_MS(ms);
}

void play_time(struct play *play)
{
    const rouse_time now = stage_now(&play->stage);

    model_time(&play->model, now, now);
}

/* -- Errands: what another thread does for us ----------------------------------- */

struct errand {
    enum verb verb;
    struct play *play;
    struct rouse_waker *waker;
    struct actor *actor;
};

static void actor_release(struct rouse_task *task);

static void errand_run(void *with)
{
    const struct errand *errand = (const struct errand *) with;

    switch (errand->verb) {
    case VERB_spawn:
        rouse_spawn_held(errand->play->stage.executor, &errand->actor->task, &errand->actor->future,
                         actor_release);
        break;
    case VERB_cancel: rouse_cancel(&errand->actor->task); break;
    case VERB_unhold: rouse_task_unhold(&errand->actor->task); break;
    case VERB_wake: rouse_wake(errand->waker); break;
    case VERB_nudge: rouse_wake_by_ref(errand->waker); break;
    default: rouse_waker_drop(errand->waker); break;
    }
}

static void errand_do(struct errand errand, unsigned where)
{
    if (where == ABROAD)
        abroad(errand_run, &errand);
    else if (errand.verb == VERB_spawn)
        rouse_spawn(errand.play->stage.executor, &errand.actor->task, &errand.actor->future,
                    actor_release);
    else
        errand_run(&errand);
}

/* -- Actors -------------------------------------------------------------------- */

static enum rouse_poll actor_poll(struct rouse_future *self, struct rouse_context *cx);
static void actor_drop(struct rouse_future *self);

static const struct rouse_future_ops actor_ops[TASKS] = {
    {actor_poll, actor_drop, "a"}, {actor_poll, actor_drop, "b"}, {actor_poll, actor_drop, "c"},
    {actor_poll, actor_drop, "d"}, {actor_poll, actor_drop, "e"}, {actor_poll, actor_drop, "f"}};

static void actor_release(struct rouse_task *task)
{
    struct actor *actor = rouse_container_of(task, struct actor, task);
    struct play *play = actor->play;

    model_released(&play->model, actor->number);
    play_say(play, "    %c is released\n", 'a' + actor->number);
    play->actors[actor->number] = NULL;
    free(actor);
}

static void actor_spawn(struct play *play, int number, unsigned where)
{
    struct actor *actor;

    if (play->actors[number] != NULL)
        return;
    actor = (struct actor *) malloc(sizeof *actor);
    if (actor == NULL)
        abort();
    memset(actor, 0xA5, sizeof *actor); /* a task needs no preparation */
    actor->future.ops = &actor_ops[number];
    actor->future.result = 0;
    actor->play = play;
    actor->number = number;
    actor->at = play->begin[BODY + number];
    actor->waits = false;
    actor->awaiting = NOBODY;
    play->actors[number] = actor;
    model_spawn(&play->model, number, where == ABROAD ? MODEL_ABROAD : MODEL_HERE);
    if (where == ABROAD)
        play->holds[number]++;
    errand_do((struct errand){VERB_spawn, play, NULL, actor}, where);
}

void play_hold(struct play *play, int task)
{
    model_hold(&play->model, task);
    rouse_task_hold(&play->actors[task]->task);
}

static void unhold(struct play *play, int task, unsigned where)
{
    model_unhold(&play->model, task);
    errand_do((struct errand){VERB_unhold, play, NULL, play->actors[task]}, where);
}

void play_unhold(struct play *play, int task)
{
    unhold(play, task, HERE);
}

/* -- Statements that anybody may say --------------------------------------------- */

static void act_on_task(struct play *play, const struct op *op)
{
    const int task = op->object;

    if (op->verb == VERB_spawn) {
        actor_spawn(play, task, op->a);
    } else if (play->actors[task] == NULL) {
        return;
    } else if (op->verb == VERB_cancel) {
        model_cancel(&play->model, task, op->a == ABROAD ? MODEL_ABROAD : MODEL_HERE);
        errand_do((struct errand){VERB_cancel, play, NULL, play->actors[task]}, op->a);
    } else if (op->verb == VERB_hold) {
        play->holds[task]++;
        play_hold(play, task);
    } else if (play->holds[task] > 0) {
        play->holds[task]--;
        unhold(play, task, op->a);
    }
}

static void act_on_waker(struct play *play, const struct op *op)
{
    struct rouse_waker *waker = &play->wakers[op->object];
    const enum model_where where = op->a == ABROAD ? MODEL_ABROAD : MODEL_HERE;

    if (op->verb == VERB_clone) {
        if (op->a == op->object || waker->ops == NULL)
            return;
        model_keep(&play->model, op->a, play->model.wakers[op->object]);
        rouse_waker_keep(&play->wakers[op->a], waker);
        return;
    }
    if (op->verb == VERB_release)
        model_keep(&play->model, op->object, MODEL_NOBODY);
    else
        model_wake(&play->model, op->object, where, op->verb == VERB_wake);
    errand_do((struct errand){(enum verb) op->verb, play, waker, NULL}, op->a);
}

/* Whoever says it; statements about polls are elsewhere. */
static void act(struct play *play, const struct op *op, const struct actor *by)
{
    switch ((enum verb) op->verb) {
    case VERB_spawn:
    case VERB_cancel:
    case VERB_hold:
    case VERB_unhold: act_on_task(play, op); break;
    case VERB_wake:
    case VERB_nudge:
    case VERB_release:
    case VERB_clone: act_on_waker(play, op); break;
    case VERB_drop:
        if (slot_mine(play, op->object, by))
            slot_drop(play, op->object);
        break;
    case VERB_join:
    case VERB_pause:
    case VERB_sleep:
    case VERB_tick:
    case VERB_limit:
    case VERB_read:
    case VERB_write:
    case VERB_write_all:
    case VERB_watch:
    case VERB_accept:
    case VERB_connect: slot_make(play, op); break;
    case VERB_listen: ear_listen(play, op->object); break;
    case VERB_deafen: ear_close(play, op->object); break;
    default: wire_act(play, op); break;
    }
}

/* "script: spawn a" */
static const char *op_text(const struct op *op)
{
    static char text[PROGRAM_TEXT];
    static struct program one;

    one.language = LANGUAGE_STREAMS;
    one.count = 1;
    one.ops[0] = *op;
    text[program_print(&one, text) - 1] = '\0';
    return strchr(text, '\n') + 1;
}

/* The same without whose it is. */
static const char *op_words(const struct op *op)
{
    return strchr(op_text(op), ' ') + 1;
}

static void say_op(struct play *play, const struct op *op)
{
    if (play->log != NULL)
        play_say(play, "  %s\n", op_text(op));
}

/* -- A task ---------------------------------------------------------------------- */

/* What it does when it ends, whichever way. */
static void actor_end(struct actor *actor)
{
    struct play *play = actor->play;
    const int last = play->begin[END + actor->number + 1];

    for (int at = play->begin[END + actor->number]; at < last; at++) {
        const struct op *op = &play->program->ops[play->lines[at]];

        if (++play->steps > STEPS_MAX)
            return;
        say_op(play, op);
        act(play, op, actor);
    }
}

static enum step await(struct actor *actor, const struct op *op, struct rouse_context *cx)
{
    struct play *play = actor->play;
    intptr_t result;

    if (!slot_mine(play, op->object, actor))
        return GO_ON;
    play->slots[op->object].owner = actor->number;
    if (slot_poll(play, op->object, actor, cx, op->verb == VERB_via, &result) == ROUSE_PENDING) {
        actor->awaiting = op->object;
        return PENDS;
    }
    actor->awaiting = NOBODY;
    return GO_ON;
}

static enum step actor_say(struct actor *actor, const struct op *op, struct rouse_context *cx)
{
    struct play *play = actor->play;
    intptr_t result;

    if (actor->awaiting == NOBODY && !actor->waits)
        say_op(play, op);
    switch ((enum verb) op->verb) {
    case VERB_pend:
    case VERB_yield:
        actor->waits = !actor->waits;
        if (!actor->waits)
            return GO_ON;
        cx->yield |= op->verb == VERB_yield;
        return PENDS;
    case VERB_finish: actor->future.result = op->object; return FINISHES;
    case VERB_keep:
        model_keep(&play->model, op->object, actor->number);
        rouse_waker_keep(&play->wakers[op->object], cx->waker);
        return GO_ON;
    case VERB_poll:
        if (slot_mine(play, op->object, actor))
            (void) slot_poll(play, op->object, actor, cx, false, &result);
        return GO_ON;
    case VERB_await:
    case VERB_via: return await(actor, op, cx);
    default: act(play, op, actor); return GO_ON;
    }
}

static enum rouse_poll actor_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct actor *actor = (struct actor *) (void *) self;
    struct play *play = actor->play;
    const int last = play->begin[BODY + actor->number + 1];
    enum step step = GO_ON;
    intptr_t result = 0;

    actor->polled_at = actor->at;
    play_time(play);
    model_poll_begin(&play->model, actor->number);
    play_note(play, 2, (unsigned) actor->number, 0);
    play_say(play, "  %c is polled\n", 'a' + actor->number);
    play->polls++;
    while (step == GO_ON) {
        /* A statement counts once, however often it is polled: who polls for ever shows. */
        play->steps += actor->awaiting == NOBODY && !actor->waits;
        if (actor->at == last || play->steps > STEPS_MAX) {
            step = FINISHES;
        } else {
            const struct op *op = &play->program->ops[play->lines[actor->at]];

            step = actor_say(actor, op, cx);
            if (step == FINISHES)
                result = op->object;
            actor->at += step == GO_ON;
        }
    }
    if (step == FINISHES) {
        if (actor->awaiting != NOBODY) { /* out of steps, in the middle of an await */
            slot_drop(play, actor->awaiting);
            actor->awaiting = NOBODY;
        }
        actor_end(actor);
        play->ends++;
    }
    model_poll_end(&play->model, actor->number, step == FINISHES, result, cx->yield);
    play_say(play, "  %c is %s\n", 'a' + actor->number, step == FINISHES ? "ready" : "pending");
    return step == FINISHES ? rouse_ready(self, result) : ROUSE_PENDING;
}

static void actor_drop(struct rouse_future *self)
{
    struct actor *actor = (struct actor *) (void *) self;
    struct play *play = actor->play;

    model_dropped(&play->model, actor->number);
    play_note(play, 3, (unsigned) actor->number, 0);
    play_say(play, "  %c is dropped\n", 'a' + actor->number);
    play->ends++;
    if (actor->awaiting != NOBODY)
        slot_drop(play, actor->awaiting);
    actor->awaiting = NOBODY;
    actor_end(actor);
}

/* -- Whoever listens -------------------------------------------------------------- */

static bool listens(const struct play *play)
{
    return play->program->settings.inspector || play->stage.world != NULL;
}

/* The one play with an inspector; its functions get a task, and that may be anybody's. */
static struct play *inspected;

static void on_woken(struct rouse_inspector *self, struct rouse_task *task)
{
    const struct actor *actor = rouse_container_of(task, struct actor, task);
    struct stage_world *world = inspected->stage.world;

    (void) self;
    inspected->told_woken++; /* from abroad we wait for it */
    if (world != NULL)
        world->woken(world, actor->number);
}

static void tell_polled(struct stage_world *world, const struct actor *actor, enum rouse_poll poll)
{
    const int at = actor->at - inspected->begin[BODY + actor->number];
    const char *statement = "";

    if (poll == ROUSE_PENDING)
        statement = op_words(&inspected->program->ops[inspected->lines[actor->at]]);
    world->polled(world, actor->number, poll, actor->at - actor->polled_at, at + 1, statement);
}

static void on_polled(struct rouse_inspector *self, struct rouse_task *task, enum rouse_poll poll)
{
    (void) self;
    inspected->told_polled++;
    if (inspected->stage.world != NULL)
        tell_polled(inspected->stage.world, rouse_container_of(task, struct actor, task), poll);
}

static void on_ended(struct rouse_inspector *self, struct rouse_task *task, intptr_t result)
{
    const int number = rouse_container_of(task, struct actor, task)->number;
    struct stage_world *world = inspected->stage.world;

    (void) self;
    inspected->told_ended++;
    if (world != NULL)
        world->ended(world, number, result);
    if (result != inspected->model.tasks[number].result)
        model_complain(&inspected->model, "B4", "%c ended, they say, with %ld", 'a' + number,
                       (long) result);
}

static struct rouse_inspector inspector = {sizeof inspector, on_woken, on_polled, on_ended};

static void check_told(struct play *play)
{
    if (!listens(play))
        return;
    if (play->told_polled != play->polls)
        model_complain(&play->model, "B4", "%d polls were told, and %d made", play->told_polled,
                       play->polls);
    if (play->told_ended != play->ends)
        model_complain(&play->model, "B4", "%d ends were told, of %d", play->told_ended,
                       play->ends);
    if (play->told_woken < play->polls)
        model_complain(&play->model, "B4", "%d wakes were told, and %d polls made",
                       play->told_woken, play->polls);
}

/* -- Points of rest ---------------------------------------------------------------- */

static void normal_form(struct play *play)
{
    uint64_t hash = play->verdict.hash;

    play_say(play, "at rest, %lld:", (long long) play->model.now);
    for (int i = 0; i < TASKS; i++) {
        const struct model_task *task = &play->model.tasks[i];

        hash = mix(hash, (uint64_t) task->state);
        hash = mix(hash, task->state == MODEL_ENDED ? (uint64_t) task->result : 0);
        if (task->state != MODEL_FREE)
            play_say(play, " %c %s;", 'a' + i, task->state == MODEL_LIVE ? "lives" : "ended");
    }
    for (int i = 0; i < FUTURES; i++) {
        hash = mix(hash, (uint64_t) play->slots[i].kind * 2 + play->slots[i].polled);
        if (play->slots[i].kind != MODEL_NOTHING && play->slots[i].polled)
            play_say(play, " f%d pending;", i);
    }
    for (int i = 0; i < ENDS; i++) {
        const struct wire *wire = &play->wires[i];
        const unsigned armed = wire->open ? wire->tcp.io.source.armed : 0;

        /* When a write side has room again is the kernel's affair (DESIGN: thresholds). */
        hash = mix(hash, (uint64_t) wire->open << 1 | (armed & ROUSE_READABLE));
        if (wire->open)
            play_say(play, " p%d.%c %s;", i / 2, 'a' + i % 2,
                     (armed & ROUSE_READABLE) != 0 ? "armed" : "idle");
    }
    play_say(play, "\n");
    play->verdict.hash = hash;
}

/* Turns until nothing happens any more, twice where a queue could still have something. */
static bool come_to_rest(struct play *play)
{
    const int enough = play->stage.reactor != NULL ? 2 : 1;
    rouse_time now = stage_now(&play->stage);
    int quiet = 0, turns = 0;

    while (quiet < enough) {
        const rouse_time before = now;
        const unsigned reports = play->stage.reports;
        const intptr_t polls = stage_turn(&play->stage, 0);

        if (polls < 0)
            model_complain(&play->model, "X9", "a turn failed: %s", rouse_strerror(polls));
        /* A simulated clock may move while one looks at it. */
        now = stage_now(&play->stage);
        quiet = polls > 0 || now != before || play->stage.reports != reports ? 0 : quiet + 1;
        if (++turns == 2 * STEPS_MAX) {
            model_complain(&play->model, "X7", "there is no rest");
            return false;
        }
    }
    return true;
}

static void rest(struct play *play)
{
    rouse_time now;

    if (play->stage.world != NULL)
        play->stage.world->rest(play->stage.world);
    else if (!come_to_rest(play))
        return;
    now = stage_now(&play->stage);
    play_note(play, 4, 0, 0);
    model_time(&play->model, now, now);
    model_rest(&play->model, stage_deadline(&play->stage));
    if (play->blinked && !play->model.delaying)
        play->model.exact = true;
    play->blinked &= play->model.delaying;
    if (play->stage.reactor != NULL && !play->model.delaying)
        wires_check(play);
    if (!play->model.delaying && !play->model.doubtful) {
        normal_form(play);
        play->verdict.rests++;
    }
}

/* -- The script -------------------------------------------------------------------- */

static void script_say(struct play *play, const struct op *op)
{
    say_op(play, op);
    if (play->stage.world != NULL && op->verb != VERB_rest)
        play->stage.world->says(play->stage.world, op_words(op));
    switch ((enum verb) op->verb) {
    case VERB_run:
        if (rouse_executor_run(play->stage.executor, op->object) > op->object)
            model_complain(&play->model, "T8", "more than %d polls", op->object);
        break;
    case VERB_turn: (void) stage_turn(&play->stage, 0); break;
    case VERB_wait:
        (void) stage_turn(&play->stage, play_duration(op->a));
        play_time(play);
        break;
    case VERB_rest: rest(play); break;
    case VERB_advance:
        stage_advance(&play->stage, play_duration(op->a));
        play_time(play);
        break;
    default: act(play, op, NULL); break;
    }
}

/* What the program's faults make lawful; and a world, which counts the polls for nothing that a
 * kernel may cause. */
static void expect_faults(struct play *play)
{
    const struct program *program = play->program;

    play->model.exact = play->stage.world == NULL;
    for (int i = 0; play->stage.simulated && i < program->fault_count; i++) {
        switch (program->faults[i].kind) {
        case FAULT_NO_MEMORY:
        case FAULT_NO_DESCRIPTOR: play->model.starving = true; break;
        case FAULT_SPURIOUS: play->model.exact = false; break;
        case FAULT_DELAY:
        case FAULT_FAILED_WAKE: play->model.delaying = true; break;
        case FAULT_RESET: play->model.resetting = true; break;
        case FAULT_SLOW_CONNECT:
        case FAULT_REFUSED:
        case FAULT_ABORTED: play->model.straying = true; break;
        default: break; /* nothing that could be told from what happens anyway */
        }
    }
}

/* Sorts the statements by who says them. */
static void cast(struct play *play)
{
    const struct program *program = play->program;
    uint8_t next[ROLES];

    for (int i = 0; i < program->count; i++)
        play->begin[program->ops[i].who + 1]++;
    for (int role = 0; role < ROLES; role++) {
        play->begin[role + 1] = (uint8_t) (play->begin[role + 1] + play->begin[role]);
        next[role] = play->begin[role];
    }
    for (int i = 0; i < program->count; i++)
        play->lines[next[program->ops[i].who]++] = (uint8_t) i;
}

/* Gives back what the script owns, before the runtime closes: futures that no task
 * awaits, and every other stream. What is left the tasks find as it is. */
static void tidy_before(struct play *play)
{
    for (int i = 0; i < FUTURES; i++)
        if (slot_mine(play, i, NULL))
            slot_drop(play, i);
    for (int i = 0; i < ENDS; i++)
        wire_close(play, i);
    for (int i = 0; i < LISTENERS; i++)
        ear_close(play, i);
}

/* Wakers and holds outlive the runtime (L2). */
static void tidy_after(struct play *play)
{
    for (int i = 0; i < WAKERS; i++) {
        model_wake(&play->model, i, MODEL_HERE, true);
        rouse_wake(&play->wakers[i]);
    }
    for (int i = 0; i < TASKS; i++)
        while (play->holds[i] > 0) {
            play->holds[i]--;
            play_unhold(play, i);
        }
}

struct verdict program_play(const struct program *program, const struct stage_options *options,
                            const struct play_log *log)
{
    static struct play play; /* large, and full of zeroes is where it begins */
    int left;

    memset(&play, 0, sizeof play);
    play.program = program;
    play.log = log;
    model_init(&play.model);
    play.model.state = play_state;
    for (int i = 0; i < FUTURES; i++)
        play.slots[i].owner = play.slots[i].parent = NOBODY;
    cast(&play);
    if (stage_begin(&play.stage, options, program) < 0)
        return play.verdict;
    play.verdict.opened = true;
    play_time(&play);
    expect_faults(&play);
    inspected = &play;
    if (listens(&play))
        play.stage.executor->inspector = &inspector;

    for (int at = play.begin[SCRIPT]; at < play.begin[SCRIPT + 1]; at++)
        script_say(&play, &program->ops[play.lines[at]]);
    rest(&play);
    stage_mend(&play.stage);
    play.model.delaying = false;
    if (program->fault_count > 0)
        rest(&play); /* X9 */
    tidy_before(&play);
    play.model.closing = true;
    play_say(&play, "  the runtime is closed\n");
    left = stage_end(&play.stage);
    if (left != 0)
        model_complain(&play.model, "L1", "%d descriptors are still open", left);
    model_closed(&play.model);
    check_told(&play);
    tidy_after(&play);
    model_finished(&play.model);

    memcpy(play.verdict.guarantee, play.model.guarantee, sizeof play.verdict.guarantee);
    snprintf(play.verdict.complaint, sizeof play.verdict.complaint, "%s", play.model.complaint);
    return play.verdict;
}
