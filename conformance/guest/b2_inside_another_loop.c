/*
 * b2_inside_another_loop.c -- B2: a runtime inside somebody else's loop. Where there is a
 * descriptor to watch it is readable when a turn would find something.
 *
 * The loop of the cases is the strictest that there can be: it sleeps until the descriptor
 * is readable or the deadline has come, and turns only then. Where a backend has no such
 * descriptor the loop turns every millisecond, and the deadline is all that is checked.
 */
#include "../../src/base/atomic.h"
#include "../fault/play.h"
#include "../process.h"
#include "../world_host.h"

enum { IDLE_MS = 60, A_FEW = 8 };

struct host {
    struct world *world;
    struct rouse *rt;
    rouse_fd fd; /* ROUSE_NO_FD where there is none */
    int turns;
};

static struct host host_make(struct world *world, struct rouse *rt)
{
    return (struct host){world, rt, rouse_pollable(rt), 0};
}

static int milliseconds_until(rouse_time next, rouse_time now, int limit)
{
    if (next <= now)
        return 0;
    if (next - now >= ROUSE_MS(limit))
        return limit;
    return (int) ((next - now + ROUSE_MS(1) - 1) / ROUSE_MS(1));
}

/* Sleeps until something asks for a turn, and turns. False if nothing did for `ms`. */
static bool host_step(struct host *host, int ms)
{
    const rouse_time next = rouse_next_deadline(host->rt);
    const rouse_time now = rouse_now(&host->rt->reactor);

    if (host->fd == ROUSE_NO_FD) {
        rouse_turn(host->rt, next < now + ROUSE_MS(1) ? next : now + ROUSE_MS(1));
        return true;
    }
    if (host_ready(host->fd, ROUSE_READABLE, milliseconds_until(next, now, ms)) == 0
        && rouse_now(&host->rt->reactor) < next)
        return false;
    host->turns++;
    rouse_turn(host->rt, 0);
    return true;
}

static intptr_t drive_by_host(struct play *play, struct rouse_future *future)
{
    struct host host = host_make(play->world, &play->rt);
    struct rouse_task *task = play_lend(play, sizeof *task);
    intptr_t result;

    rouse_spawn_held(&play->rt.executor, task, future, NULL);
    while (!rouse_task_ended(task))
        if (!CHECK(B2, host_step(&host, WORLD_SOON),
                   "neither the descriptor nor the deadline asks for a turn, and a task waits"))
            rouse_turn(&play->rt, 0);
    result = task->result;
    rouse_task_unhold(task);
    return result;
}

CASE(b2_programs_run_inside_another_loop, "B2", NEEDS_NOTHING,
     "programs of every kind run in a loop that sleeps on the descriptor, until the deadline",
     "each succeeds, and no turn finds what the loop was not told of")
{
    for (int round = 0; round < 3; round++) {
        struct play play;

        play_open_on(&play, world, world->evq);
        play.drive = drive_by_host;
        for (int i = 0; programs[i] != NULL; i++)
            if (programs[i] != &program_stop) /* it is rouse_run() that is stopped */
                CHECK_EQUAL(B2, programs[i]->run(&play), 0, programs[i]->name);
        play_close(&play);
    }
}

/* A task that another thread wakes, again and again. */
enum { WAKES = 300 };

struct remote {
    struct rouse_future future;
    struct rouse_task task;
    struct rouse_waker waker;
    uintptr_t waiting; /* atomic: polled, since the last wake */
    int polls;
};

static enum rouse_poll remote_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct remote *remote = rouse_container_of(self, struct remote, future);

    rouse_waker_keep(&remote->waker, cx->waker);
    if (++remote->polls > WAKES) {
        rouse_waker_drop(&remote->waker);
        return rouse_ready(self, 0);
    }
    atomic_exchange(&remote->waiting, 1);
    return ROUSE_PENDING;
}

static void wake_remote(void *argument)
{
    struct remote *remote = argument;

    for (int i = 0; i < WAKES; i++) {
        while (atomic_exchange(&remote->waiting, 0) == 0)
            thread_yield();
        rouse_wake_by_ref(&remote->waker);
    }
}

CASE(b2_a_wake_from_another_thread_ends_the_hosts_sleep, "B2", NEEDS_NOTHING,
     "a thread wakes a task 300 times, while the host sleeps on the descriptor or turns",
     "each wake reaches it in time")
{
    static const struct rouse_future_ops ops = {remote_poll, NULL, "remote"};
    const int64_t late = process_clock_ns() + (int64_t) 4 * WORLD_SOON * 1000000;
    struct remote remote = {.future = {&ops, 0}};
    struct thread *thread;
    struct rouse rt;
    struct host host;

    world_runtime(world, &rt);
    host = host_make(world, &rt);
    rouse_spawn_held(&rt.executor, &remote.task, &remote.future, NULL);
    rouse_turn(&rt, 0);
    thread = thread_start(wake_remote, &remote);
    while (!rouse_task_ended(&remote.task) && process_clock_ns() < late)
        CHECK(B2, host_step(&host, WORLD_SOON), "the descriptor does not tell of a wake");
    REQUIRE(B2, rouse_task_ended(&remote.task), "a wake has not reached the host's loop");
    thread_join(thread);
    rouse_task_unhold(&remote.task);
    rouse_close(&rt);
}

CASE(b2_an_idle_runtime_leaves_its_host_alone, "B2 X7", NEEDS_NOTHING,
     "after programs, wakes, and bytes that nobody reads, nothing happens",
     "the host turns a few times, and then sleeps")
{
    struct play play;
    struct host host;
    struct rouse_read read;
    struct rouse_tcp tcp;
    rouse_fd ends[2];
    rouse_time end;
    char byte;

    world_pair(world, ends);
    play_open_on(&play, world, world->evq);
    host = host_make(world, &play.rt);
    if (host.fd == ROUSE_NO_FD)
        suite_note("no descriptor to watch");
    play.drive = drive_by_host;
    CHECK_EQUAL(B2, program_echo.run(&play), 0, "an echo");
    rouse_stream_open(&tcp, &play.rt.reactor, world_give(world, ends[0]));
    read = rouse_read(&tcp, &byte, 1);
    world_poll(&read.future, NULL);
    rouse_future_drop(&read.future);
    world_send(world, ends[1], 100);
    for (int i = 0; i < 50; i++)
        rouse_wake_by_ref(&play.rt.reactor.nudge);
    host.turns = 0;
    end = world_after(world, IDLE_MS);
    while (world_now(world) < end && host.turns < 10000)
        host_step(&host, IDLE_MS);
    CHECK(X7, host.turns <= A_FEW || host.fd == ROUSE_NO_FD, "the host turned %d times in %d ms",
          host.turns, IDLE_MS);
    rouse_tcp_close(&tcp);
    play_close(&play);
}

CASES(guest_b2_inside) = {&b2_programs_run_inside_another_loop,
                          &b2_a_wake_from_another_thread_ends_the_hosts_sleep,
                          &b2_an_idle_runtime_leaves_its_host_alone};
