/*
 * x8_misuse.c -- what breaks a rule stops the program, which says which rule.
 *
 * Each breach happens in a copy of this process. That nothing stops where no rule is broken
 * is what all the other cases show.
 */
#include <rouse/rouse.h>

#include <stdio.h>

#include "../task/puppet.h"

/* -- Bodies that do not keep to FINALLY -------------------------------------------------- */

enum breach { RETURNS, AWAITS, ROUSE_RETURNS, YIELDS, NONE };

struct offender {
    struct rouse_async async;
    enum breach breach;
    bool waits; /* so that it can be dropped */
    struct rouse_yield yield;
};

ROUSE_ASYNC(offender, struct offender)
{
    ROUSE_BEGIN
    if (self->waits)
        ROUSE_AWAIT(self->yield, rouse_yield());
    ROUSE_FINALLY
    if (self->breach == RETURNS)
        return ROUSE_PENDING;
    if (self->breach == AWAITS)
        ROUSE_AWAIT(self->yield, rouse_yield());
    if (self->breach == ROUSE_RETURNS)
        ROUSE_RETURN(1);
    if (self->breach == YIELDS)
        ROUSE_YIELD;
    ROUSE_END
}

static void offend(void *argument)
{
    struct offender *offender = argument;

    world_poll(offender_start(offender), NULL);
    rouse_future_drop(&offender->async.future);
}

CASE(x8_leaving_finally_is_caught, "X8", NEEDS_RULES,
     "a body returns, awaits, yields, or says ROUSE_RETURN after ROUSE_FINALLY, at its end and "
     "when dropped",
     "the program stops, and names FINALLY and the body; a body that does neither does not")
{
    static const char *const says[] = {
        "F7: returned from ROUSE_FINALLY (offender)", "an await after ROUSE_FINALLY (offender",
        "ROUSE_RETURN after ROUSE_FINALLY (offender", "F7: returned from ROUSE_FINALLY (offender)"};

    for (int waits = 0; waits < 2; waits++) {
        struct offender innocent = {.breach = NONE, .waits = waits != 0};

        for (enum breach breach = RETURNS; breach < NONE; breach++) {
            struct offender offender = {.breach = breach, .waits = waits != 0};

            CHECK_MISUSE(X8, offend, &offender, says[breach]);
        }
        offend(&innocent);
    }
}

/* -- Futures ----------------------------------------------------------------------------- */

static void poll_after_ready(void *argument)
{
    struct puppet puppet;

    puppet_make(&puppet, puppet_finish);
    world_poll(&puppet.future, argument);
    world_poll(&puppet.future, argument);
}

static void poll_after_drop(void *argument)
{
    struct rouse_yield yield = rouse_yield();

    rouse_future_drop(&yield.future);
    world_poll(&yield.future, argument);
}

static void poll_where_it_is_not(void *argument)
{
    struct puppet puppets[2];

    puppet_make(&puppets[0], puppet_wait);
    world_poll(&puppets[0].future, argument);
    puppets[1] = puppets[0];
    world_poll(&puppets[1].future, argument);
}

/* The same, by way of its owners. */
static void await_what_is_ready(void *argument)
{
    struct puppet puppet;

    (void) argument;
    puppet_make(&puppet, puppet_finish);
    rouse_wait(&puppet.future, NULL);
    rouse_wait(&puppet.future, NULL);
}

static void deadline_of_what_moved(void *argument)
{
    struct world *world = argument;
    struct rouse rt;
    struct puppet puppets[2];
    struct rouse_deadline limit;

    world_runtime(world, &rt);
    puppet_make(&puppets[0], puppet_wait);
    world_poll(&puppets[0].future, NULL);
    puppets[1] = puppets[0];
    limit = rouse_deadline(&rt.reactor, &puppets[1].future, ROUSE_NEVER);
    world_poll(&limit.future, NULL);
}

CASE(x8_futures_that_ended_or_moved_are_caught, "X8", NEEDS_RULES,
     "a future is polled after READY, after a drop, and where it was copied to, by hand and by "
     "owners",
     "the program stops, and says F5 or F2")
{
    CHECK_MISUSE(X8, poll_after_ready, NULL, "F5");
    CHECK_MISUSE(X8, poll_after_drop, NULL, "F5");
    CHECK_MISUSE(X8, await_what_is_ready, NULL, "F5");
    CHECK_MISUSE(X8, poll_where_it_is_not, NULL, "F2: moved after its first poll (puppet)");
    CHECK_MISUSE(X8, deadline_of_what_moved, world, "F2");
}

/* -- Tasks ------------------------------------------------------------------------------- */

struct double_life {
    struct world *world;
    int others; /* spawned in between */
    bool polled;
};

static void spawn_twice(void *argument)
{
    const struct double_life *life = argument;
    struct puppet *puppets = puppets_make(life->others + 1, puppet_wait);
    struct stage stage;

    stage_open(&stage, life->world);
    for (int i = 0; i <= life->others; i++)
        puppet_spawn(&stage.executor, &puppets[i]);
    if (life->polled)
        stage_run(&stage);
    puppet_spawn(&stage.executor, &puppets[0]);
}

CASE(x8_a_task_that_is_spawned_twice_is_caught, "X8", NEEDS_RULES,
     "a live task is spawned again, at once, or when it was polled, with others spawned in between",
     "the program stops, and says that a task was spawned twice")
{
    for (int polled = 0; polled < 2; polled++) {
        for (int others = 0; others <= 500; others += 250) {
            struct double_life life = {world, others, polled != 0};

            CHECK_MISUSE(X8, spawn_twice, &life, "T2: spawned twice (puppet)");
        }
    }
}

static void join_twice(void *argument)
{
    struct world *world = argument;
    struct stage stage;
    struct puppet puppet;
    struct rouse_join joins[2];

    stage_open(&stage, world);
    puppet_make(&puppet, puppet_wait);
    puppet_spawn_held(&stage.executor, &puppet);
    for (int i = 0; i < 2; i++) {
        joins[i] = rouse_join(&puppet.task);
        world_poll(&joins[i].future, NULL);
    }
}

CASE(x8_a_second_joiner_is_caught, "X8", NEEDS_RULES,
     "a join is PENDING, and another join of the same task is polled",
     "the program stops, and says that there is a second joiner")
{
    CHECK_MISUSE(X8, join_twice, world, "T9: a second joiner (join)");
}

/* -- The executor ------------------------------------------------------------------------ */

enum inside {
    RUN_INSIDE,
    CLOSE_INSIDE,
    TURN_INSIDE,
    ROUSE_RUN_INSIDE,
    ROUSE_CLOSE_INSIDE,
    INSIDES
};

enum where { IN_POLL, IN_DROP, IN_CLOSE, WHERES };

struct inside_out {
    struct world *world;
    enum inside inside;
    enum where where;
    struct rouse rt;
};

static void go_inside(struct puppet *self)
{
    struct inside_out *it = self->with;
    struct puppet other;

    puppet_make(&other, puppet_finish);
    switch (it->inside) {
    case RUN_INSIDE: rouse_executor_run(&it->rt.executor, 1); break;
    case CLOSE_INSIDE: rouse_executor_close(&it->rt.executor); break;
    case TURN_INSIDE: rouse_turn(&it->rt, 0); break;
    case ROUSE_RUN_INSIDE: rouse_run(&it->rt, &other.future); break;
    default: rouse_close(&it->rt); break;
    }
}

static enum rouse_poll go_inside_in_poll(struct puppet *self, struct rouse_context *cx)
{
    const struct inside_out *it = self->with;

    if (it->where == IN_POLL)
        go_inside(self);
    return puppet_wait(self, cx);
}

static void run_inside_out(void *argument)
{
    struct inside_out *it = argument;
    struct puppet puppet;

    world_runtime(it->world, &it->rt);
    puppet_make(&puppet, go_inside_in_poll);
    puppet.with = it;
    puppet.at_drop = it->where != IN_POLL ? go_inside : NULL;
    puppet_spawn(&it->rt.executor, &puppet);
    if (it->where == IN_DROP)
        rouse_cancel(&puppet.task);
    if (it->where == IN_CLOSE)
        rouse_close(&it->rt);
    rouse_turn(&it->rt, 0);
}

CASE(x8_running_or_closing_inside_a_poll_is_caught, "X8", NEEDS_RULES,
     "a task runs, turns or closes its own executor or runtime, in its poll, in its drop, and when "
     "it is dropped because that is closed",
     "the program stops, and says T1")
{
    for (enum inside inside = RUN_INSIDE; inside < INSIDES; inside++) {
        for (enum where where = IN_POLL; where < WHERES; where++) {
            struct inside_out it = {.world = world, .inside = inside, .where = where};

            CHECK_MISUSE(X8, run_inside_out, &it, "T1: rouse_executor_");
        }
    }
}

static void leave_a_timer(void *argument)
{
    struct world *world = argument;
    struct rouse rt;
    struct rouse_timer timer = {0};

    world_runtime(world, &rt);
    rouse_timer_arm(&rt.reactor, &timer, world_after(world, WORLD_SOON), &rouse_waker_none);
    rouse_close(&rt);
}

CASE(x8_closing_with_a_timer_that_is_armed_is_caught, "X8", NEEDS_RULES,
     "a runtime is closed while a timer of the caller's own is armed",
     "the program stops, and says L1")
{
    CHECK_MISUSE(X8, leave_a_timer, world, "L1: a timer is still armed");
}

/* The caller's own future, which no task would have dropped. */
static void leave_an_accept(void *argument)
{
    struct world *world = argument;
    struct rouse rt;
    struct rouse_listener listener;
    struct rouse_accept accept;

    world_runtime(world, &rt);
    world_listener(world, &rt, &listener);
    world_starve(world);
    accept = rouse_accept(&listener);
    world_poll(&accept.future, NULL);
    accept = rouse_accept(&listener);
    world_poll(&accept.future, NULL);
    rouse_timer_cancel(&rt.reactor, &accept.retry); /* a rule of its own */
    rouse_reactor_close(&rt.reactor);
}

CASE(x8_closing_with_an_accept_that_starves_is_caught, "X8", NEEDS_RULES,
     "a reactor is closed while an accept of the caller's own waits for a descriptor",
     "the program stops, and says L1")
{
    CHECK_MISUSE(X8, leave_an_accept, world, "L1: an accept still waits");
}

/* -- Sources ------------------------------------------------------------------------------ */

struct spoiler {
    struct world *world;
    bool forgets; /* or arms once more */
};

/* On a queue of this process: a kqueue does not come along into a copy. */
static void spoil_a_source(void *argument)
{
    const struct spoiler *it = argument;
    struct rouse_source source = {0};
    struct rouse_evq *evq, *own;
    const struct rouse_sockets *sockets;
    rouse_fd ends[2];

    if (world_open_queue(it->world, NULL, &own) != 0)
        return;
    sockets = own->sockets != NULL ? own->sockets : it->world->sockets;
    if (sockets->pair(sockets, ends) != 0)
        return;
    source.fd = ends[0];
    if (rouse_evq_check(&evq, own, NULL) != 0 || evq->ops->arm(evq, &source, ROUSE_READABLE) != 0)
        return;
    source.fd = ends[1];
    if (it->forgets)
        evq->ops->forget(evq, &source);
    else
        evq->ops->arm(evq, &source, ROUSE_READABLE);
}

CASE(x8_a_source_that_changed_in_the_callers_hands_is_caught, "X8", NEEDS_NOTHING,
     "a queue is checked; the descriptor in an armed source is overwritten, and the source armed "
     "again or forgotten",
     "the program stops, and says E5")
{
    for (int forgets = 0; forgets < 2; forgets++) {
        struct spoiler it = {world, forgets != 0};

        CHECK_MISUSE(X8, spoil_a_source, &it,
                     "E5: the memory of an armed or idle source has changed");
    }
}

/* Two sources for one descriptor, in a runtime that opened its own queue. */
static void watch_twice(void *argument)
{
    const struct rouse_options options = {.size = sizeof options, .backend = argument};
    const struct rouse_sockets *sockets;
    struct rouse_io ios[2];
    rouse_fd ends[2];
    struct rouse rt;

    if (rouse_open(&rt, &options) != 0)
        return;
    sockets = rt.reactor.evq->sockets != NULL ? rt.reactor.evq->sockets : rouse_host_sockets();
    if (sockets->pair(sockets, ends) != 0)
        return;
    for (int i = 0; i < 2; i++) {
        rouse_io_open(&ios[i], &rt.reactor, ends[0]);
        rouse_io_arm(&ios[i], ROUSE_READABLE);
    }
}

CASE(x8_a_runtime_has_its_queue_checked, "X8", NEEDS_RULES,
     "a runtime opens a queue of its own, and a descriptor is watched twice at once",
     "the program stops, and says E5")
{
    static char name[100];

    snprintf(name, sizeof name, "%s",
             rouse_backend(world->backend->name) != NULL ? world->backend->name : "native");
    CHECK_MISUSE(X8, watch_twice, name, "E5: two sources for one descriptor");
}

CASES(future_x8) = {&x8_leaving_finally_is_caught,
                    &x8_futures_that_ended_or_moved_are_caught,
                    &x8_a_task_that_is_spawned_twice_is_caught,
                    &x8_a_second_joiner_is_caught,
                    &x8_running_or_closing_inside_a_poll_is_caught,
                    &x8_closing_with_a_timer_that_is_armed_is_caught,
                    &x8_closing_with_an_accept_that_starves_is_caught,
                    &x8_a_source_that_changed_in_the_callers_hands_is_caught,
                    &x8_a_runtime_has_its_queue_checked};
