/*
 * puppet.c -- tasks that do as they are told, the executor they play on, and limits.
 */
#include "puppet.h"

#include <stdlib.h>
#include <string.h>

#include "../runner.h"

/* -- Puppets ----------------------------------------------------------------- */

static void enter(struct puppet *puppet, unsigned fault_when_over)
{
    uintptr_t faults = 0;

    if (atomic_exchange(&puppet->inside, 1) != 0)
        faults |= PUPPET_REENTERED;
    if (puppet->home != thread_here())
        faults |= PUPPET_ELSEWHERE;
    if (puppet->over)
        faults |= fault_when_over;
    if (faults != 0)
        atomic_fetch_or(&puppet->faults, faults);
}

static void leave(struct puppet *puppet)
{
    atomic_exchange(&puppet->inside, 0);
}

static void end(struct puppet *puppet)
{
    puppet->over = true;
    rouse_waker_drop(&puppet->waker);
}

static enum rouse_poll puppet_poll(struct rouse_future *future, struct rouse_context *cx)
{
    struct puppet *self = (struct puppet *) (void *) future;
    enum rouse_poll poll;

    enter(self, PUPPET_POLLED_LATE);
    atomic_fetch_add(&self->polls, 1);
    poll = self->act(self, cx);
    if (poll == ROUSE_READY)
        end(self);
    leave(self);
    return poll;
}

static void puppet_drop(struct rouse_future *future)
{
    struct puppet *self = (struct puppet *) (void *) future;

    enter(self, PUPPET_DROPPED_LATE);
    atomic_fetch_add(&self->drops, 1);
    if (self->at_drop != NULL)
        self->at_drop(self);
    end(self);
    leave(self);
}

static void puppet_release(struct rouse_task *task)
{
    struct puppet *self = rouse_container_of(task, struct puppet, task);

    if (!self->over)
        atomic_fetch_or(&self->faults, PUPPET_RELEASED_EARLY);
    self->released_on = thread_here();
    atomic_fetch_add(&self->releases, 1);
    if (self->at_release != NULL)
        self->at_release(self);
}

enum rouse_poll puppet_wait(struct puppet *self, struct rouse_context *cx)
{
    rouse_waker_keep(&self->waker, cx->waker);
    return ROUSE_PENDING;
}

enum rouse_poll puppet_finish(struct puppet *self, struct rouse_context *cx)
{
    (void) cx;
    return rouse_ready(&self->future, self->value);
}

enum rouse_poll puppet_yield(struct puppet *self, struct rouse_context *cx)
{
    (void) self;
    cx->yield = true;
    return ROUSE_PENDING;
}

enum rouse_poll puppet_wake_itself(struct puppet *self, struct rouse_context *cx)
{
    (void) self;
    rouse_wake_by_ref(cx->waker);
    return ROUSE_PENDING;
}

static const struct rouse_future_ops puppet_ops = {puppet_poll, puppet_drop, "puppet"};

void puppet_make(struct puppet *puppet, puppet_act *act)
{
    *puppet = (struct puppet){.future = {&puppet_ops, 0}, .act = act, .home = thread_here()};
}

void puppet_again(struct puppet *puppet)
{
    puppet->future = (struct rouse_future){&puppet_ops, 0};
    puppet->over = false;
}

void puppet_spawn(struct rouse_executor *executor, struct puppet *puppet)
{
    rouse_spawn(executor, &puppet->task, &puppet->future, puppet_release);
}

void puppet_spawn_held(struct rouse_executor *executor, struct puppet *puppet)
{
    rouse_spawn_held(executor, &puppet->task, &puppet->future, puppet_release);
}

struct rouse_waker puppet_clone(const struct puppet *puppet)
{
    return waker_clone(&puppet->waker);
}

struct puppet *puppets_make(int count, puppet_act *act)
{
    struct puppet *puppets = calloc((size_t) count, sizeof *puppets);

    if (puppets == NULL)
        suite_error("no memory for tasks");
    for (int i = 0; i < count; i++) {
        puppet_make(&puppets[i], act);
        puppets[i].number = i;
    }
    return puppets;
}

void puppets_check(const struct puppet *puppets, int count)
{
    for (int i = 0; i < count; i++) {
        const uintptr_t faults = atomic_load_acquire(&puppets[i].faults);
        const uintptr_t releases = atomic_load_acquire(&puppets[i].releases);

        CHECK(T1, !(faults & PUPPET_REENTERED), "task %d was entered twice at a time", i);
        CHECK(T3, !(faults & PUPPET_POLLED_LATE), "task %d was polled after its end", i);
        CHECK(T3, !(faults & PUPPET_DROPPED_LATE), "task %d was dropped after its end", i);
        CHECK(T4, !(faults & PUPPET_ELSEWHERE), "task %d ran on a foreign thread", i);
        CHECK(T5, !(faults & PUPPET_RELEASED_EARLY), "task %d was released before its end", i);
        CHECK(T5, releases == 1, "task %d was released %d times", i, (int) releases);
    }
}

bool puppet_is_over(void *with)
{
    const struct puppet *puppet = with;

    return puppet->over;
}

bool puppet_is_released(void *with)
{
    const struct puppet *puppet = with;

    return atomic_load_acquire(&puppet->releases) != 0;
}

/* -- The stage --------------------------------------------------------------- */

enum { SLICE = 128, ENDLESS = 1000000 };

void wakes_ring(void *with)
{
    (void) with;
    thread_ring();
}

void stage_open(struct stage *stage, struct world *world)
{
    struct rouse_waker nudge;

    stage->world = world;
    stage->nudge = world_wakes(world);
    stage->nudge->then = wakes_ring;
    nudge = wakes_waker(stage->nudge);
    memset(&stage->executor, 0xa5, sizeof stage->executor); /* as malloc() might give it */
    rouse_executor_init(&stage->executor, &nudge);
}

void stage_close(struct stage *stage)
{
    struct limit *limit = LIMIT(T10, "rouse_executor_close() does not end");

    rouse_executor_close(&stage->executor);
    limit_stop(limit);
}

size_t stage_run(struct stage *stage)
{
    size_t total = 0, n;

    do {
        n = rouse_executor_run(&stage->executor, SLICE);
        total += n;
    } while (n == SLICE && total < ENDLESS);
    return total;
}

struct nudged {
    const struct wakes *nudge;
    uintptr_t before;
};

static bool is_nudged(void *with)
{
    const struct nudged *nudged = with;

    return atomic_load_acquire(&nudged->nudge->count) != nudged->before;
}

bool stage_run_until(struct stage *stage, bool (*done)(void *with), void *with)
{
    for (;;) {
        struct nudged nudged = {stage->nudge, atomic_load_acquire(&stage->nudge->count)};

        stage_run(stage);
        if (done(with))
            return true;
        if (!thread_await(is_nudged, &nudged, WORLD_SOON))
            return false;
    }
}

/* -- Words ------------------------------------------------------------------- */

void word_set(uintptr_t *word, uintptr_t value)
{
    atomic_exchange(word, value);
    thread_ring();
}

void word_add(uintptr_t *word)
{
    atomic_fetch_add(word, 1);
    thread_ring();
}

struct awaited {
    const uintptr_t *word;
    uintptr_t value;
};

static bool has_come(void *with)
{
    const struct awaited *awaited = with;

    return atomic_load_acquire(awaited->word) >= awaited->value;
}

bool await_word(const uintptr_t *word, uintptr_t value)
{
    struct awaited awaited = {word, value};

    return thread_await(has_come, &awaited, WORLD_SOON);
}

/* -- Limits ------------------------------------------------------------------ */

struct limit {
    struct watchdog *watchdog;
    enum guarantee id;
    const char *what;
    const char *file;
    int line;
};

static void too_late(void *argument)
{
    const struct limit *limit = argument;

    suite_fail_and_exit(limit->id, limit->what, limit->file, limit->line);
}

struct limit *limit_start(enum guarantee id, const char *what, const char *file, int line)
{
    struct limit *limit = malloc(sizeof *limit);

    if (limit == NULL)
        suite_error("no memory for a limit");
    *limit = (struct limit){.id = id, .what = what, .file = file, .line = line};
    limit->watchdog = watchdog_start(WORLD_SOON, too_late, limit);
    return limit;
}

void limit_stop(struct limit *limit)
{
    watchdog_stop(limit->watchdog);
    free(limit);
}

intptr_t run_within(enum guarantee id, struct rouse *rt, struct rouse_future *future,
                    const char *file, int line)
{
    struct limit *limit = limit_start(id, "rouse_run() does not end", file, line);
    const intptr_t result = rouse_run(rt, future);

    limit_stop(limit);
    return result;
}
