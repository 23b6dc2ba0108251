/*
 * t10_closing.c -- closing an executor drops every live future, and waits for nobody.
 */
#include <errno.h>
#include <stdlib.h>

#include "puppet.h"

/* In what state a task meets the end of its executor. */
enum state {
    WAITING,
    FRESH,    /* never polled */
    ARRIVING, /* the same, spawned by another thread */
    READY,    /* woken */
    WOKEN_FAR,
    YIELDED,
    CANCELED,
    CANCELED_FAR,
    FINISHED,
    FINISHED_WOKEN, /* and still in the ready list */
    STATES
};

enum { MANY = 1000 };

static enum rouse_poll enter_state(struct puppet *self, struct rouse_context *cx)
{
    const enum state state = (enum state)(self->number % STATES);

    puppet_wait(self, cx);
    cx->yield = state == YIELDED;
    if (state == FINISHED_WOKEN)
        rouse_wake_by_ref(cx->waker);
    return state >= FINISHED ? puppet_finish(self, cx) : ROUSE_PENDING;
}

static void far_main(void *argument)
{
    struct puppet *puppets = argument;
    struct stage *stage = puppets[0].with;

    for (int i = 0; i < MANY; i++) {
        switch ((enum state)(i % STATES)) {
        case ARRIVING: puppet_spawn(&stage->executor, &puppets[i]); break;
        case WOKEN_FAR: rouse_wake_by_ref(&puppets[i].waker); break;
        case CANCELED_FAR: rouse_cancel(&puppets[i].task); break;
        default: break;
        }
    }
}

CASE(t10_every_live_future_is_dropped, "T10 T1 T3 T4 T5", NEEDS_NOTHING,
     "a thousand tasks wait, are ready, yielded, canceled, spawned, here and by another thread, or "
     "have finished",
     "those that live are dropped, once, and not polled; all are released")
{
    struct stage stage;
    struct puppet *puppets = puppets_make(MANY, enter_state);
    intptr_t polls = 0, live = 0;

    stage_open(&stage, world);
    puppets[0].with = &stage;
    for (int i = 0; i < MANY; i++)
        if (i % STATES != FRESH && i % STATES != ARRIVING)
            puppet_spawn(&stage.executor, &puppets[i]);
    while (puppets[MANY - 1].polls == 0) /* once each: not those that yielded again */
        rouse_executor_run(&stage.executor, 1);
    for (int i = 0; i < MANY; i++) {
        if (i % STATES == FRESH)
            puppet_spawn(&stage.executor, &puppets[i]);
        if (i % STATES == READY && i % 20 < 10)
            rouse_wake_by_ref(&puppets[i].waker);
        else if (i % STATES == READY)
            rouse_wake(&puppets[i].waker); /* the only one */
        if (i % STATES == CANCELED)
            rouse_cancel(&puppets[i].task);
        polls += (intptr_t) puppets[i].polls;
        live += !puppets[i].over;
    }
    thread_join(thread_start(far_main, puppets));
    stage_close(&stage);
    CHECK_EQUAL(T10, live, MANY / STATES * FINISHED, "live tasks");
    for (int i = 0; i < MANY; i++) {
        polls -= (intptr_t) puppets[i].polls;
        live -= (intptr_t) puppets[i].drops;
        CHECK_EQUAL(T10, puppets[i].drops, i % STATES < FINISHED, "drops");
    }
    CHECK_EQUAL(T10, polls, 0, "polls that came by closing, negative");
    puppets_check(puppets, MANY);
    free(puppets);
}

CASE(t10_an_executor_may_be_closed_at_any_time, "T10 T5", NEEDS_NOTHING,
     "executors that never had a task, have one, and had some, are closed, and opened again",
     "closing ends, and the nudge's waker is let go of")
{
    for (int count = 0; count < 4; count++) {
        for (int run = 0; run < 2; run++) {
            struct stage stage;
            struct puppet *puppets =
                puppets_make(count + 1, count % 2 ? puppet_finish : puppet_wait);

            stage_open(&stage, world);
            CHECK(T10, stage.nudge->references == 1, "the executor keeps %d nudges",
                  (int) stage.nudge->references);
            for (int i = 0; i < count; i++)
                puppet_spawn(&stage.executor, &puppets[i]);
            if (run)
                stage_run(&stage);
            stage_close(&stage);
            CHECK_EQUAL(T10, stage.nudge->references, 0, "references to the nudge");
            for (int i = 0; i < count; i++)
                CHECK_EQUAL(T5, puppets[i].releases, 1, "releases");
            free(puppets);
        }
    }
}

/* Tasks that, when dropped or released, do something to the others. */
enum deed { WAKE, CANCEL, SPAWN, SPAWN_FINISHING, JOIN, EVERYTHING, DEEDS };

enum { CAST = 20, CHILDREN = 200 };

struct finale {
    struct stage stage;
    enum deed deed;
    bool in_release;
    struct puppet *puppets, *children;
    int spawned;
    struct rouse_join joins[2 * CAST];
    int joined;
};

static void spawn_child(struct finale *finale)
{
    if (finale->spawned < CHILDREN)
        puppet_spawn(&finale->stage.executor, &finale->children[finale->spawned++]);
}

static void do_deed(struct puppet *self)
{
    struct finale *finale = self->with;

    for (int i = 0; i < CAST; i++) {
        struct puppet *other = &finale->puppets[i];

        if (other == self || other->over)
            continue;
        if (finale->deed == WAKE || finale->deed == EVERYTHING)
            rouse_wake_by_ref(&other->waker);
        if (finale->deed == CANCEL || finale->deed == EVERYTHING)
            rouse_cancel(&other->task);
    }
    if (finale->deed == SPAWN || finale->deed == SPAWN_FINISHING || finale->deed == EVERYTHING)
        spawn_child(finale);
    if (finale->deed == JOIN && finale->joined < 2 * CAST) {
        struct rouse_join *join = &finale->joins[finale->joined++];

        *join = rouse_join(&finale->puppets[CAST - 1 - self->number].task);
        world_poll(&join->future, NULL);
    }
}

static void deed_at_drop(struct puppet *self)
{
    struct finale *finale = self->with;

    if (!finale->in_release)
        do_deed(self);
}

static void deed_at_release(struct puppet *self)
{
    struct finale *finale = self->with;

    if (finale->in_release)
        do_deed(self);
}

/* Children do it too, until all have been spawned. */
static void finale_open(struct finale *finale, struct world *world)
{
    stage_open(&finale->stage, world);
    finale->puppets = puppets_make(CAST, puppet_wait);
    finale->children =
        puppets_make(CHILDREN, finale->deed == SPAWN_FINISHING ? puppet_finish : puppet_wait);
    for (int i = 0; i < CAST + CHILDREN; i++) {
        struct puppet *puppet = i < CAST ? &finale->puppets[i] : &finale->children[i - CAST];

        puppet->with = finale;
        puppet->at_drop = finale->deed != JOIN || i < CAST ? deed_at_drop : NULL;
        puppet->at_release = finale->deed != JOIN ? deed_at_release : NULL;
    }
    for (int i = 0; i < CAST; i++)
        puppet_spawn_held(&finale->stage.executor, &finale->puppets[i]);
    stage_run(&finale->stage);
    for (int i = 0; i < CAST; i++)
        if (finale->deed != JOIN)
            rouse_task_unhold(&finale->puppets[i].task);
}

static void finale_check(struct finale *finale)
{
    const bool spawns = finale->deed >= SPAWN && finale->deed != JOIN;

    for (int i = 0; i < finale->joined; i++)
        rouse_future_drop(&finale->joins[i].future);
    for (int i = 0; i < CAST && finale->deed == JOIN; i++)
        rouse_task_unhold(&finale->puppets[i].task);
    CHECK_EQUAL(T10, finale->spawned, spawns ? CHILDREN : 0, "tasks spawned while closing");
    for (int i = 0; i < CAST; i++) {
        CHECK_EQUAL(T10, finale->puppets[i].drops, 1, "drops");
        CHECK_EQUAL(T10, finale->puppets[i].polls, 1, "polls");
    }
    for (int i = 0; i < finale->spawned; i++) {
        CHECK_EQUAL(T10, finale->children[i].drops, 1, "drops of a task spawned while closing");
        CHECK_EQUAL(T10, finale->children[i].polls, 0, "polls of a task spawned while closing");
    }
    puppets_check(finale->puppets, CAST);
    puppets_check(finale->children, finale->spawned);
    free(finale->puppets);
    free(finale->children);
}

CASE(t10_drops_may_wake_cancel_spawn_and_join, "T10 T1 T3 T4 T5", NEEDS_NOTHING,
     "an executor is closed whose tasks, when dropped or released, wake and cancel the others, "
     "spawn more, or join each other",
     "it ends, everything was dropped once, and nothing was polled")
{
    for (enum deed deed = WAKE; deed < DEEDS; deed++) {
        for (int in_release = 0; in_release < 2; in_release++) {
            struct finale finale = {.deed = deed, .in_release = in_release && deed != JOIN};

            finale_open(&finale, world);
            stage_close(&finale.stage);
            finale_check(&finale);
        }
    }
}

CASE(t10_joins_of_what_was_closed_yield_canceled, "T10 T9", NEEDS_NOTHING,
     "tasks wait, are ready, or were never polled, when their executor is closed",
     "joins of them are woken, and yield -ECANCELED")
{
    for (int kind = 0; kind < 3; kind++) {
        struct wakes *wakes = world_wakes(world);
        const struct rouse_waker waker = wakes_waker(wakes);
        struct stage stage;
        struct puppet puppet;
        struct rouse_join join;

        stage_open(&stage, world);
        puppet_make(&puppet, puppet_wait);
        puppet_spawn_held(&stage.executor, &puppet);
        if (kind > 0)
            stage_run(&stage);
        if (kind > 1)
            rouse_wake_by_ref(&puppet.waker);
        join = rouse_join(&puppet.task);
        world_poll(&join.future, &waker);
        stage_close(&stage);
        CHECK(T10, rouse_task_ended(&puppet.task), "closed, and not ended");
        CHECK_EQUAL(T9, wakes_taken(wakes), 1, "wakes of a join");
        CHECK_EQUAL(T9, world_poll(&join.future, &waker), ROUSE_READY, "the join");
        CHECK_EQUAL(T9, join.future.result, -ECANCELED, "its result");
        rouse_task_unhold(&puppet.task);
    }
}

/* Spawns another, on the executor that is closing. */
static void spawn_another(struct puppet *self)
{
    struct puppet *another = self->with;
    struct stage *stage = another->with;

    puppet_spawn(&stage->executor, another);
}

CASE(t10_a_release_may_spawn, "T10 T5", NEEDS_NOTHING,
     "an executor closes with a task in its ready list, whose release() spawns another",
     "that one is dropped and released as well, before the close is over")
{
    struct puppet first, second;
    struct stage stage;

    stage_open(&stage, world);
    puppet_make(&first, puppet_wait);
    puppet_make(&second, puppet_wait);
    first.with = &second;
    first.at_release = spawn_another;
    second.with = &stage;
    puppet_spawn(&stage.executor, &first);
    stage_run(&stage);
    rouse_wake_by_ref(&first.waker);
    stage_close(&stage);
    CHECK_EQUAL(T10, second.drops, 1, "drops of a task that a release() spawned");
    CHECK_EQUAL(T10, second.polls, 0, "polls of it");
    CHECK_EQUAL(T5, first.releases, 1, "releases of the first");
    CHECK_EQUAL(T5, second.releases, 1, "releases of the second");
}

CASES(task_t10) = {&t10_every_live_future_is_dropped, &t10_an_executor_may_be_closed_at_any_time,
                   &t10_drops_may_wake_cancel_spawn_and_join,
                   &t10_joins_of_what_was_closed_yield_canceled, &t10_a_release_may_spawn};
