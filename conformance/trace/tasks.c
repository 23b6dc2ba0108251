/*
 * tasks.c -- scenarios of tasks, time and connections.
 */
#include "trace.h"

#include <errno.h>

/* Sleeps again and again, and says each time. */
struct sleeper {
    struct rouse_async async;
    struct actor *me;
    struct rouse_sleep sleep;
    rouse_time pause;
    int times;
};

ROUSE_ASYNC(sleeper, struct sleeper)
{
    ROUSE_BEGIN
    for (; self->times > 0; self->times--) {
        ROUSE_AWAIT(self->sleep, rouse_sleep(trace_reactor(self->me->trace), self->pause));
        actor_says(self->me, "sleep", self->sleep.future.result);
    }
    ROUSE_RETURN(7);
    ROUSE_FINALLY
    ROUSE_END
}

static struct sleeper *spawn_sleeper(struct trace *trace, const char *name, int ms, int times)
{
    struct sleeper *sleeper = (struct sleeper *) trace_lend(trace, sizeof *sleeper);

    sleeper->me = trace_actor(trace, name);
    sleeper->pause = ROUSE_MS(ms);
    sleeper->times = times;
    trace_spawn(sleeper->me, sleeper_start(sleeper));
    return sleeper;
}

/* Joins a task, and says how that ended. */
struct joiner {
    struct rouse_async async;
    struct actor *me;
    struct rouse_task *task;
    struct rouse_join join;
};

ROUSE_ASYNC(joiner, struct joiner)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->join, rouse_join(self->task));
    actor_says(self->me, "join", self->join.future.result);
    ROUSE_FINALLY
    ROUSE_END
}

static struct joiner *spawn_joiner(struct trace *trace, const char *name, struct rouse_task *task)
{
    struct joiner *joiner = (struct joiner *) trace_lend(trace, sizeof *joiner);

    joiner->me = trace_actor(trace, name);
    joiner->task = task;
    trace_spawn(joiner->me, joiner_start(joiner));
    return joiner;
}

SCENARIO(sleeps_and_joins, NEEDS_NOTHING, 0, "sleepers are joined, one is canceled")
{
    struct sleeper *brief = spawn_sleeper(trace, "brief", 2, 3);
    struct sleeper *long_ = spawn_sleeper(trace, "long", 600000, 1);

    spawn_joiner(trace, "joins brief", &brief->me->task);
    spawn_joiner(trace, "joins long", &long_->me->task);
    trace_rest(trace, "brief is done", 4);
    trace_step(trace, "long is canceled");
    rouse_cancel(&long_->me->task);
    trace_rest(trace, "its joiner knows", 1);
    spawn_joiner(trace, "late", &brief->me->task);
    trace_rest(trace, "who joins later knows too", 1);
}

/* Hands a turn round a ring: wakes the next one, through a slot of one waker. */
struct runner {
    struct rouse_future future;
    struct actor *me;
    struct runner *next;
    struct rouse_waker waker;
    int turns; /* that were handed to us */
    int laps;  /* still to run */
};

static enum rouse_poll runner_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct runner *runner = (struct runner *) (void *) self;

    if (runner->turns > 0) {
        runner->turns--;
        runner->laps--;
        actor_says(runner->me, "turn", runner->laps);
        runner->next->turns++;
        rouse_wake(&runner->next->waker);
    }
    if (runner->laps == 0)
        return rouse_ready(self, 0);
    rouse_waker_keep(&runner->waker, cx->waker);
    return ROUSE_PENDING;
}

static void runner_drop(struct rouse_future *self)
{
    rouse_waker_drop(&((struct runner *) (void *) self)->waker);
}

static const struct rouse_future_ops runner_ops = {runner_poll, runner_drop, "runner"};

SCENARIO(ring, NEEDS_NOTHING, 0, "three tasks hand a turn round and round")
{
    static const char *const names[] = {"one", "two", "three"};
    struct runner *ring[3];
    int i;

    for (i = 0; i < 3; i++) {
        ring[i] = (struct runner *) trace_lend(trace, sizeof *ring[i]);
        ring[i]->future.ops = &runner_ops;
        ring[i]->me = trace_actor(trace, names[i]);
        ring[i]->laps = 4;
    }
    for (i = 0; i < 3; i++) {
        ring[i]->next = ring[(i + 1) % 3];
        trace_spawn(ring[i]->me, &ring[i]->future);
    }
    trace_rest(trace, "all wait", 0);
    trace_step(trace, "the first gets the turn");
    ring[0]->turns = 1;
    rouse_wake(&ring[0]->waker);
    trace_rest(trace, "four laps were run", 12);
}

static void wake_elsewhere(void *waker)
{
    rouse_wake((struct rouse_waker *) waker);
}

SCENARIO(woken_elsewhere, NEEDS_NOTHING, 0, "another thread wakes a task")
{
    struct runner *runner = (struct runner *) trace_lend(trace, sizeof *runner);
    struct runner *sink = (struct runner *) trace_lend(trace, sizeof *sink);
    int round;

    runner->future.ops = &runner_ops;
    runner->me = trace_actor(trace, "woken");
    runner->next = sink;
    runner->laps = 3;
    trace_spawn(runner->me, &runner->future);
    trace_rest(trace, "it waits", 0);
    for (round = 0; round < 3; round++) {
        struct thread *thread;

        trace_step(trace, "another thread wakes it");
        runner->turns = 1;
        thread = thread_start(wake_elsewhere, &runner->waker);
        thread_join(thread);
        trace_rest(trace, "it had its turn", 1);
    }
}

/* Reads with a limit, until there was something to read. */
struct patient {
    struct rouse_async async;
    struct actor *me;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_deadline limit;
    rouse_time patience;
    char buffer[16];
};

ROUSE_ASYNC(patient, struct patient)
{
    struct rouse_reactor *reactor = trace_reactor(self->me->trace);

    ROUSE_BEGIN
    do {
        self->read = rouse_read(&self->tcp, self->buffer, sizeof self->buffer);
        ROUSE_AWAIT(self->limit, rouse_deadline(reactor, &self->read.future,
                                                rouse_after(reactor, self->patience)));
        actor_says(self->me, "read in time", self->limit.future.result);
        self->patience = ROUSE_SECONDS(600);
    } while (self->limit.future.result == -ETIMEDOUT);
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

SCENARIO(deadline_then_bytes, NEEDS_NOTHING, 0,
         "a read runs into its deadline, and the next one gets the bytes")
{
    struct world *world = trace_world(trace);
    struct patient *patient = (struct patient *) trace_lend(trace, sizeof *patient);
    rouse_fd ends[2];

    world_tcp_pair(world, ends);
    trace_name(trace, "ours", ends[0]);
    rouse_tcp_open(&patient->tcp, trace_reactor(trace), world_give(world, ends[0]));
    patient->me = trace_actor(trace, "patient");
    patient->patience = ROUSE_MS(5);
    trace_spawn(patient->me, patient_start(patient));
    trace_rest(trace, "the deadline passed", 1);
    world_send(world, ends[1], 8);
    trace_rest(trace, "the bytes were read", 1);
}

/* Connects, says so, and closes. */
struct caller {
    struct rouse_async async;
    struct actor *me;
    struct rouse_connect connect;
    struct rouse_address address;
};

ROUSE_ASYNC(caller, struct caller)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->connect, rouse_connect_to(trace_reactor(self->me->trace), &self->address));
    actor_says(self->me, "connect", self->connect.future.result);
    if (self->connect.future.result == 0)
        rouse_fd_close(trace_reactor(self->me->trace), self->connect.fd);
    ROUSE_FINALLY
    ROUSE_END
}

static struct caller *spawn_caller(struct trace *trace, const char *name,
                                   const struct rouse_address *address)
{
    struct caller *caller = (struct caller *) trace_lend(trace, sizeof *caller);

    caller->me = trace_actor(trace, name);
    caller->address = *address;
    trace_spawn(caller->me, caller_start(caller));
    return caller;
}

/* Accepts, and closes what it got. */
struct host {
    struct rouse_async async;
    struct actor *me;
    struct rouse_listener listener;
    struct rouse_accept accept;
};

ROUSE_ASYNC(host, struct host)
{
    ROUSE_BEGIN
    for (;;) {
        ROUSE_AWAIT(self->accept, rouse_accept(&self->listener));
        actor_says(self->me, "accept", self->accept.future.result);
        if (self->accept.future.result < 0)
            ROUSE_RETURN(self->accept.future.result);
        rouse_fd_close(trace_reactor(self->me->trace), self->accept.fd);
    }
    ROUSE_FINALLY
    ROUSE_END
}

SCENARIO(calls, NEEDS_NOTHING, 3, "three connect, are accepted, and the fourth is refused")
{
    struct host *host = (struct host *) trace_lend(trace, sizeof *host);
    struct rouse_address address;

    if (rouse_listen(&host->listener, trace_reactor(trace), "127.0.0.1:0") < 0)
        suite_error("no port to listen on");
    trace_name(trace, "listener", host->listener.io.source.fd);
    if (rouse_listener_address(&host->listener, &address) < 0)
        suite_error("a listener without an address");
    host->me = trace_actor(trace, "host");
    trace_spawn(host->me, host_start(host));
    trace_rest(trace, "it listens", 0);
    spawn_caller(trace, "one", &address);
    trace_rest(trace, "one was accepted", 2);
    spawn_caller(trace, "two", &address);
    spawn_caller(trace, "three", &address);
    trace_rest(trace, "two more were", 4);
    trace_step(trace, "the listener closes");
    rouse_listener_close(&host->listener);
    trace_rest(trace, "the host was told", 1);
    spawn_caller(trace, "four", &address);
    trace_rest(trace, "the fourth was refused", 1);
}

/* Takes three ticks of a beat, the last ones late. */
struct beater {
    struct rouse_async async;
    struct actor *me;
    struct rouse_interval beat;
    struct rouse_tick tick;
    int times;
};

ROUSE_ASYNC(beater, struct beater)
{
    ROUSE_BEGIN
    self->beat = rouse_interval(trace_reactor(self->me->trace), ROUSE_MS(3));
    for (; self->times > 0; self->times--) {
        ROUSE_AWAIT(self->tick, rouse_tick(&self->beat));
        actor_says(self->me, "tick came", self->tick.future.result >= 1);
    }
    ROUSE_FINALLY
    ROUSE_END
}

SCENARIO(beat, NEEDS_NOTHING, 0, "an interval beats beside a sleeper")
{
    struct beater *beater = (struct beater *) trace_lend(trace, sizeof *beater);

    beater->me = trace_actor(trace, "beater");
    beater->times = 4;
    trace_spawn(beater->me, beater_start(beater));
    spawn_sleeper(trace, "sleeper", 2, 2);
    trace_rest(trace, "all has ended", 6);
}

REFUSED(ring)
REFUSED(woken_elsewhere)
REFUSED(deadline_then_bytes)
REFUSED(calls)
REFUSED(beat)

CASES(trace_tasks) = {SCENARIO_CASES(sleeps_and_joins),
                      SCENARIO_CASES(ring),
                      SCENARIO_CASES(woken_elsewhere),
                      SCENARIO_CASES(deadline_then_bytes),
                      SCENARIO_CASES(calls),
                      SCENARIO_CASES(beat),
                      REFUSED_CASE(ring),
                      REFUSED_CASE(woken_elsewhere),
                      REFUSED_CASE(deadline_then_bytes),
                      REFUSED_CASE(calls),
                      REFUSED_CASE(beat)};
