/*
 * t8_no_starving.c -- tasks that are always ready hold up nobody else.
 *
 * The simulated clock moves by itself only in a wait() that finds nothing, so there a
 * busy task moves it, as its work would move a real one.
 */
#include <stdlib.h>

#include "puppet.h"

enum way { BY_REF, BY_CLONE, YIELD, WAYS };

enum { BUSY_MOST = 100, WAITERS = 64, BOUND = 5000 };

/* Tasks that never rest, and what happens beside them. */
struct bustle {
    struct world *world;
    enum way way;
    intptr_t polls;       /* of all busy tasks together */
    intptr_t send_at;     /* after so many of them a byte is sent */
    intptr_t sent_at;     /* when it was, */
    intptr_t read_at;     /* and when it had been read */
    rouse_fd peer;        /* where to send it */
    struct puppet *busy;  /* BUSY_MOST of them */
    struct rouse_tcp tcp; /* where it arrives */
};

static enum rouse_poll be_busy(struct puppet *self, struct rouse_context *cx)
{
    struct bustle *bustle = self->with;
    struct rouse_waker clone = waker_clone(cx->waker);

    if (bustle->world != NULL && bustle->world->simulated)
        rouse_sim_advance(bustle->world->evq, ROUSE_US(1));
    if (++bustle->polls == bustle->send_at) {
        world_send(bustle->world, bustle->peer, 1);
        bustle->sent_at = bustle->polls;
    }
    if (bustle->way == BY_REF)
        rouse_wake_by_ref(cx->waker);
    else if (bustle->way == BY_CLONE)
        rouse_wake(&clone);
    rouse_waker_drop(&clone);
    cx->yield = bustle->way == YIELD;
    return ROUSE_PENDING;
}

static void bustle_begin(struct bustle *bustle, struct rouse_executor *executor, int count)
{
    bustle->busy = puppets_make(count, be_busy);
    for (int i = 0; i < count; i++) {
        bustle->busy[i].with = bustle;
        puppet_spawn(executor, &bustle->busy[i]);
    }
}

static void wake_main(void *argument)
{
    const struct puppet *puppet = argument;

    rouse_wake_by_ref(&puppet->waker);
}

CASE(t8_a_task_that_wakes_itself_lets_other_tasks_run, "T8", NEEDS_NOTHING,
     "beside a task that always wakes itself, or yields, sixty-four others are woken, and one by "
     "another thread",
     "each has its turn within a bounded number of turns")
{
    for (enum way way = BY_REF; way < WAYS; way++) {
        struct bustle bustle = {.way = way};
        struct puppet *others = puppets_make(WAITERS + 1, puppet_wait);
        struct stage stage;

        stage_open(&stage, world);
        for (int i = 0; i <= WAITERS; i++)
            puppet_spawn(&stage.executor, &others[i]);
        stage_run(&stage);
        bustle_begin(&bustle, &stage.executor, 1);
        for (int round = 1; round <= 20; round++) {
            for (int i = 0; i < WAITERS; i++)
                rouse_wake_by_ref(&others[i].waker);
            thread_join(thread_start(wake_main, &others[WAITERS]));
            for (int n = 0; n < 3; n++)
                rouse_executor_run(&stage.executor, 2 * WAITERS);
            for (int i = 0; i <= WAITERS; i++)
                CHECK_EQUAL(T8, others[i].polls, round + 1, "polls of another task");
        }
        CHECK(T8, bustle.polls >= 20, "the busy task had %d turns", (int) bustle.polls);
        stage_close(&stage);
        free(others);
        free(bustle.busy);
    }
}

/* Reads a byte, and then sleeps. */
struct guest {
    struct rouse_async async;
    struct rouse *rt;
    struct bustle *bustle;
    struct rouse_read read;
    struct rouse_sleep sleep;
    char byte;
};

ROUSE_ASYNC(guest, struct guest)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->read, rouse_read(&self->bustle->tcp, &self->byte, 1));
    self->bustle->read_at = self->bustle->polls;
    ROUSE_AWAIT(self->sleep, rouse_sleep(&self->rt->reactor, ROUSE_MS(2)));
    ROUSE_RETURN(self->read.future.result);
    ROUSE_FINALLY
    ROUSE_END
}

static void open_bustle(struct bustle *bustle, struct world *world, struct rouse *rt)
{
    rouse_fd ends[2];

    world_runtime(world, rt);
    world_pair(world, ends);
    rouse_stream_open(&bustle->tcp, &rt->reactor, world_give(world, ends[0]));
    bustle->peer = ends[1];
    bustle->world = world;
}

CASE(t8_tasks_that_wake_themselves_hold_up_no_socket_and_no_timer, "T8", NEEDS_NOTHING,
     "beside one task, or a hundred, that always wake themselves or yield, a byte is sent, and a "
     "timer set",
     "the byte is read within a bounded number of their polls, and the timer ends the run")
{
    for (enum way way = BY_REF; way < WAYS; way++) {
        for (int count = 1; count <= BUSY_MOST; count += BUSY_MOST - 1) {
            struct rouse rt;
            struct bustle bustle = {.way = way, .send_at = 1000};
            struct guest guest = {.rt = &rt, .bustle = &bustle};

            open_bustle(&bustle, world, &rt);
            bustle_begin(&bustle, &rt.executor, count);
            CHECK_EQUAL(T8, RUN(T8, &rt, guest_start(&guest)), 1, "bytes that were read");
            CHECK(T8, bustle.read_at - bustle.sent_at <= BOUND,
                  "%d busy tasks held up a socket for %d polls", count,
                  (int) (bustle.read_at - bustle.sent_at));
            rouse_tcp_close(&bustle.tcp);
            rouse_close(&rt);
            free(bustle.busy);
        }
    }
}

static bool is_read(void *with)
{
    const struct bustle *bustle = with;

    return bustle->read_at != 0;
}

CASE(t8_a_runtime_that_is_turned_starves_nobody, "T8", NEEDS_NOTHING,
     "the same in a runtime that another loop turns",
     "each turn ends, and the byte is read within a bounded number of them")
{
    for (enum way way = BY_REF; way < WAYS; way++) {
        struct rouse rt;
        struct bustle bustle = {.way = way, .send_at = 500};
        struct guest guest = {.rt = &rt, .bustle = &bustle};
        struct rouse_task task;
        struct limit *limit = LIMIT(T8, "rouse_turn() does not end");

        open_bustle(&bustle, world, &rt);
        bustle_begin(&bustle, &rt.executor, 10);
        rouse_spawn_held(&rt.executor, &task, guest_start(&guest), NULL);
        for (int turn = 0; turn < BOUND && !is_read(&bustle); turn++)
            CHECK(T8, rouse_turn(&rt, ROUSE_NEVER) > 0, "a turn without a poll");
        CHECK(T8, is_read(&bustle), "the byte was not read in %d turns", BOUND);
        limit_stop(limit);
        rouse_tcp_close(&bustle.tcp);
        rouse_close(&rt);
        free(bustle.busy);
    }
}

/* -- Timers of no time ------------------------------------------------------------- */

enum doze { SLEEPS, TICKS, TIMES_OUT, DOZES };

/* Sleeps for no time, again and again. */
struct dozer {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse *rt;
    struct bustle *bustle;
    struct rouse_sleep sleep;
    struct rouse_interval interval;
    struct rouse_tick tick;
    struct rouse_join join; /* of a task that does not end */
    struct rouse_deadline limit;
    enum doze doze;
};

ROUSE_ASYNC(dozer, struct dozer)
{
    ROUSE_BEGIN
    self->interval = rouse_interval(&self->rt->reactor, 1);
    for (;;) {
        if (self->bustle->world->simulated)
            rouse_sim_advance(self->bustle->world->evq, ROUSE_US(1));
        if (++self->bustle->polls == self->bustle->send_at)
            world_send(self->bustle->world, self->bustle->peer, 1);
        self->join = rouse_join(&self->task);
        if (self->doze == SLEEPS)
            ROUSE_AWAIT(self->sleep, rouse_sleep(&self->rt->reactor, 0));
        else if (self->doze == TICKS)
            ROUSE_AWAIT(self->tick, rouse_tick(&self->interval));
        else
            ROUSE_AWAIT(self->limit, rouse_deadline(&self->rt->reactor, &self->join.future, 0));
    }
    ROUSE_FINALLY
    ROUSE_END
}

CASE(t8_a_task_that_sleeps_for_no_time_lets_others_through, "T8 N7", NEEDS_NOTHING,
     "a task in a loop sleeps for no time, awaits the ticks of a nanosecond, or what is too late, "
     "beside a reader",
     "the byte is read, and another timer ends the run")
{
    for (enum doze doze = SLEEPS; doze < DOZES; doze++) {
        struct rouse rt;
        struct bustle bustle = {.send_at = 1000};
        struct guest guest = {.rt = &rt, .bustle = &bustle};
        struct dozer dozer = {.rt = &rt, .bustle = &bustle, .doze = doze};

        open_bustle(&bustle, world, &rt);
        rouse_spawn(&rt.executor, &dozer.task, dozer_start(&dozer), NULL);
        CHECK_EQUAL(T8, RUN(T8, &rt, guest_start(&guest)), 1, "bytes that were read");
        rouse_tcp_close(&bustle.tcp);
        rouse_close(&rt);
    }
}

/* A waker that arms its timer again, for a moment that has passed. */
struct restless {
    struct rouse *rt;
    struct rouse_timer timer;
    rouse_time deadline;
    int wakes;
};

static void ignore(void *data)
{
    (void) data;
}

static void arm_again(void *data);

static const struct rouse_waker_ops restless_ops = {ignore, arm_again, arm_again, ignore};

static void arm_again(void *data)
{
    struct restless *restless = data;
    const struct rouse_waker waker = {&restless_ops, restless};

    restless->wakes++;
    rouse_timer_arm(&restless->rt->reactor, &restless->timer, restless->deadline, &waker);
}

CASE(t8_a_timer_that_arms_itself_again_lets_others_through, "T8", NEEDS_NOTHING,
     "a waker arms its own timer again, for now or for the past, beside a reader",
     "each turn ends, and the byte is read")
{
    for (int past = 0; past < 2; past++) {
        struct rouse rt;
        struct bustle bustle = {.way = YIELD, .send_at = 100};
        struct guest guest = {.rt = &rt, .bustle = &bustle};
        struct restless restless = {.rt = &rt};

        open_bustle(&bustle, world, &rt);
        bustle_begin(&bustle, &rt.executor, 1);
        restless.deadline = past ? 0 : rouse_now(&rt.reactor);
        arm_again(&restless);
        CHECK_EQUAL(T8, RUN(T8, &rt, guest_start(&guest)), 1, "bytes that were read");
        CHECK(T8, restless.wakes >= 2, "the timer came %d times", restless.wakes - 1);
        rouse_timer_cancel(&rt.reactor, &restless.timer);
        rouse_tcp_close(&bustle.tcp);
        rouse_close(&rt);
        free(bustle.busy);
    }
}

CASES(task_t8) = {&t8_a_task_that_wakes_itself_lets_other_tasks_run,
                  &t8_tasks_that_wake_themselves_hold_up_no_socket_and_no_timer,
                  &t8_a_runtime_that_is_turned_starves_nobody,
                  &t8_a_task_that_sleeps_for_no_time_lets_others_through,
                  &t8_a_timer_that_arms_itself_again_lets_others_through};
