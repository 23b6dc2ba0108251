/*
 * w6_no_lock.c -- wakers, and release(), that come straight back.
 *
 * Whatever calls them may hold no lock, and must have every list in order.
 */
#include <errno.h>
#include <stdlib.h>

#include "puppet.h"

enum deed { POLL, DROP, UNHOLD, SPAWN, CANCEL, WAKE, JOIN_ANOTHER, DEEDS };

/* A task that ends, whoever joins it, and what the joiner's waker does at once. */
struct scene {
    struct stage stage;
    struct puppet target, bystander, spawned;
    struct rouse_join join, other;
    struct wakes *joiner;
    enum deed deed;
    intptr_t result; /* of the join, when the waker polled it */
};

/* Inside the wake of whoever joins. */
static void do_deed(void *with)
{
    struct scene *scene = with;

    switch (scene->deed) {
    case POLL:
        if (world_poll(&scene->join.future, NULL) == ROUSE_READY)
            scene->result = scene->join.future.result;
        break;
    case UNHOLD:
        rouse_future_drop(&scene->join.future);
        rouse_task_unhold(&scene->target.task);
        break;
    case SPAWN: puppet_spawn(&scene->stage.executor, &scene->spawned); break;
    case CANCEL: rouse_cancel(&scene->bystander.task); break;
    case WAKE: rouse_wake_by_ref(&scene->bystander.waker); break;
    case JOIN_ANOTHER: world_poll(&scene->other.future, NULL); break;
    default: rouse_future_drop(&scene->join.future); break;
    }
}

static void scene_open(struct scene *scene, struct world *world)
{
    struct rouse_waker joiner;

    stage_open(&scene->stage, world);
    scene->joiner = world_wakes(world);
    scene->joiner->then = do_deed;
    scene->joiner->with = scene;
    puppet_make(&scene->target, puppet_wait);
    puppet_make(&scene->bystander, puppet_wait);
    puppet_make(&scene->spawned, puppet_finish);
    puppet_spawn_held(&scene->stage.executor, &scene->target);
    puppet_spawn_held(&scene->stage.executor, &scene->bystander);
    stage_run(&scene->stage);
    scene->join = rouse_join(&scene->target.task);
    scene->other = rouse_join(&scene->bystander.task);
    joiner = wakes_waker(scene->joiner);
    world_poll(&scene->join.future, &joiner);
    world_poll(&scene->other.future, NULL);
}

/* The target ends in one of three ways; the joiner's waker is called, and does its deed. */
static void scene_end(struct scene *scene, int ending)
{
    scene->target.act = puppet_finish;
    scene->target.value = 5;
    if (ending == 0)
        rouse_wake_by_ref(&scene->target.waker);
    else if (ending == 1)
        rouse_cancel(&scene->target.task);
    if (ending != 2)
        stage_run(&scene->stage);
    stage_close(&scene->stage);
    CHECK_EQUAL(W6, wakes_taken(scene->joiner), 1, "wakes of whoever joins");
}

CASE(w6_the_waker_of_a_join_may_come_straight_back, "W6 T1 T3 T4 T5", NEEDS_NOTHING,
     "a task ends, is canceled, or is closed, and the waker of whoever joins it polls or drops the "
     "join, lets go of the task, spawns, cancels, wakes, or polls another join",
     "each takes effect, and all tasks are dropped and released once")
{
    static const intptr_t results[] = {5, -ECANCELED, -ECANCELED};

    for (enum deed deed = POLL; deed < DEEDS; deed++) {
        for (int ending = 0; ending < 3; ending++) {
            struct scene scene = {.deed = deed, .result = -1};

            scene_open(&scene, world);
            scene_end(&scene, ending);
            if (deed == POLL)
                CHECK_EQUAL(W6, scene.result, results[ending], "the join polled inside its wake");
            if (deed == CANCEL)
                CHECK_EQUAL(W6, scene.bystander.polls, 1, "polls of a task canceled inside a wake");
            if (deed == WAKE && ending != 2)
                CHECK_EQUAL(W6, scene.bystander.polls, 2, "polls of a task woken inside a wake");
            if (deed == SPAWN) {
                CHECK_EQUAL(W6, scene.spawned.polls, ending != 2, "polls of a task spawned so");
                puppets_check(&scene.spawned, 1);
            }
            rouse_future_drop(&scene.join.future);
            rouse_future_drop(&scene.other.future);
            if (deed != UNHOLD)
                rouse_task_unhold(&scene.target.task);
            rouse_task_unhold(&scene.bystander.task);
            puppets_check(&scene.target, 1);
            puppets_check(&scene.bystander, 1);
        }
    }
}

/* -- release() ------------------------------------------------------------------ */

/* Spawns its task again until that was done `number` times. */
static void spawn_again(struct puppet *self)
{
    struct stage *stage = self->with;

    if (self->releases == (uintptr_t) self->number)
        return;
    puppet_again(self);
    puppet_spawn(&stage->executor, self);
}

static enum rouse_poll finish_woken(struct puppet *self, struct rouse_context *cx)
{
    rouse_wake_by_ref(cx->waker);
    return puppet_finish(self, cx);
}

CASE(w6_release_may_spawn_the_task_again, "W6 T2 T5", NEEDS_NOTHING,
     "a task's release() spawns it again, fifty times: when it has finished, when it has finished "
     "and been woken, and when its last hold goes",
     "it is polled and released once for each")
{
    static puppet_act *const acts[] = {puppet_finish, finish_woken};
    struct stage stage;
    struct puppet puppet;

    stage_open(&stage, world);
    for (int i = 0; i < 2; i++) {
        puppet_make(&puppet, acts[i]);
        puppet.with = &stage;
        puppet.number = 50;
        puppet.at_release = spawn_again;
        puppet_spawn(&stage.executor, &puppet);
        stage_run(&stage);
        CHECK_EQUAL(T2, puppet.polls, 50, "polls of a task spawned fifty times");
        CHECK_EQUAL(T5, puppet.releases, 50, "releases of a task spawned fifty times");
        CHECK(W6, puppet.faults == 0, "faults %#x", (unsigned) puppet.faults);
    }
    for (puppet.number = 51; puppet.number <= 100; puppet.number++) {
        puppet_again(&puppet);
        puppet_spawn_held(&stage.executor, &puppet);
        stage_run(&stage);
        rouse_task_unhold(&puppet.task);
        CHECK_EQUAL(T5, puppet.releases, puppet.number, "releases by a last unhold");
    }
    CHECK(W6, puppet.faults == 0, "faults %#x", (unsigned) puppet.faults);
    stage_close(&stage);
}

/* -- Giving a waker back ----------------------------------------------------------- */

/* A waker whose release drops a future, for once. */
struct hook {
    struct rouse_future *drops;
    int references, wakes;
};

static void hook_retain(void *data)
{
    struct hook *hook = data;

    hook->references++;
}

static void hook_release(void *data)
{
    struct hook *hook = data;
    struct rouse_future *future = hook->drops;

    hook->references--;
    hook->drops = NULL;
    if (future != NULL)
        rouse_future_drop(future);
}

static void hook_wake(void *data)
{
    struct hook *hook = data;

    hook->wakes++;
    hook_release(data);
}

static void hook_wake_by_ref(void *data)
{
    struct hook *hook = data;

    hook->wakes++;
}

static const struct rouse_waker_ops hook_ops = {hook_retain, hook_wake, hook_wake_by_ref,
                                                hook_release};

/* Three joins, in a chain: letting go of the first one's waker drops the second, and so on. */
CASE(w6_giving_back_a_waker_may_drop_another_future, "W6 T1 T3 T4 T5", NEEDS_NOTHING,
     "joins of three tasks, each with a waker whose release drops the next join; the first is "
     "dropped, polled with another waker, or its task ends",
     "all three let go of their wakers, and nobody else is woken")
{
    for (int deed = 0; deed < 3; deed++) {
        struct stage stage;
        struct puppet *targets = puppets_make(3, puppet_wait);
        struct rouse_join joins[3];
        struct hook hooks[3] = {{0}};

        stage_open(&stage, world);
        for (int i = 0; i < 3; i++) {
            const struct rouse_waker waker = {&hook_ops, &hooks[i]};

            puppet_spawn_held(&stage.executor, &targets[i]);
            joins[i] = rouse_join(&targets[i].task);
            hooks[i].drops = i < 2 ? &joins[i + 1].future : NULL;
            world_poll(&joins[i].future, &waker);
        }
        stage_run(&stage);
        if (deed == 0)
            rouse_future_drop(&joins[0].future);
        else if (deed == 1)
            world_poll(&joins[0].future, NULL);
        else
            rouse_cancel(&targets[0].task);
        stage_run(&stage);
        for (int i = 0; i < 3; i++) {
            CHECK_EQUAL(W6, hooks[i].references, 0, "references to a waker that was let go of");
            CHECK_EQUAL(W6, hooks[i].wakes, deed == 2 && i == 0, "wakes");
            rouse_future_drop(&joins[i].future);
            rouse_task_unhold(&targets[i].task);
        }
        stage_close(&stage);
        puppets_check(targets, 3);
        free(targets);
    }
}

/* -- The nudge ------------------------------------------------------------------ */

enum { WOKEN = 65 };

struct chorus {
    struct puppet *puppets;
    uintptr_t nudges; /* atomic */
};

static void wake_the_others(void *with)
{
    struct chorus *chorus = with;

    if (atomic_fetch_add(&chorus->nudges, 1) != 0)
        return;
    for (int i = 1; i < WOKEN; i++)
        rouse_wake_by_ref(&chorus->puppets[i].waker);
}

static void wake_first(void *argument)
{
    struct chorus *chorus = argument;

    rouse_wake_by_ref(&chorus->puppets[0].waker);
}

CASE(w6_the_nudge_may_wake_others, "W6 T1 T3 T4 T5", NEEDS_NOTHING,
     "another thread wakes a task, and the nudge that this leads to wakes sixty-four others, there",
     "all of them are polled once")
{
    struct stage stage;
    struct chorus chorus = {.puppets = puppets_make(WOKEN, puppet_wait)};

    stage_open(&stage, world);
    for (int i = 0; i < WOKEN; i++)
        puppet_spawn(&stage.executor, &chorus.puppets[i]);
    stage_run(&stage);
    stage.nudge->then = wake_the_others;
    stage.nudge->with = &chorus;
    thread_join(thread_start(wake_first, &chorus));
    stage_run(&stage);
    for (int i = 0; i < WOKEN; i++)
        CHECK_EQUAL(W6, chorus.puppets[i].polls, 2, "polls");
    stage_close(&stage);
    puppets_check(chorus.puppets, WOKEN);
    free(chorus.puppets);
}

CASES(task_w6) = {&w6_the_waker_of_a_join_may_come_straight_back,
                  &w6_release_may_spawn_the_task_again,
                  &w6_giving_back_a_waker_may_drop_another_future, &w6_the_nudge_may_wake_others};
