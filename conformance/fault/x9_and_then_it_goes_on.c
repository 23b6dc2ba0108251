/*
 * x9_and_then_it_goes_on.c -- X9: after the last fault everything that was waited for comes
 * to its end, without being asked again.
 */
#include <errno.h>
#include <signal.h>

#include "play.h"
#include "toll.h"

/* -- A queue that fails ------------------------------------------------------ */

/* A program, while the n-th wait() fails. False when there was none, or something is broken
 * already. */
static bool run_failing(struct world *world, const struct program *program, int n)
{
    struct toll toll;
    struct play play;
    intptr_t result;
    bool holds;
    int failed;

    toll_init(&toll, world->evq);
    play_open_on(&play, world, &toll.evq);
    toll_fail_wait(&toll, n, false);
    result = program->run(&play);
    failed = toll.refused;
    toll_fail_wait(&toll, 0, false);
    holds = CHECK(X9, result == (failed > 0 ? -ENOMEM : 0), "%s, wait() %d fails: %s",
                  program->name, n, rouse_strerror(result));
    /* Waits for the tasks of the first run, too. */
    result = holds ? program->run(&play) : 0;
    holds &= CHECK(X9, result == 0, "%s, after wait() %d has failed: %s", program->name, n,
                   rouse_strerror(result));
    play_close(&play);
    return holds && failed > 0;
}

CASE(x9_tasks_live_on_when_a_wait_fails, "X9", NEEDS_NOTHING,
     "programs of every kind run while wait() 1, 2, 3, ... of the queue fails",
     "the run tells the error, and in the next run all that the first one began comes to its end")
{
    for (int i = 0; programs[i] != NULL; i++) {
        int n = 1;

        /* The longest write has more waits than are worth trying. */
        while (n <= 40 && run_failing(world, programs[i], n))
            n++;
    }
}

/* -- No memory, and no descriptors ------------------------------------------- */

/* Waits for one thing, and notes what it was told. */
enum what { TIME, BYTES, ROOM, SIGNAL, END, WHATS };

struct waiter {
    struct rouse_async async;
    struct rouse_task task;
    struct play *play;
    enum what what;
    struct waiter *other; /* whose end it waits for */
    struct rouse_tcp *tcp;
    struct rouse_sleep sleep;
    struct rouse_read read;
    struct rouse_write write;
    struct rouse_signal signal;
    struct rouse_join join;
    char byte;
    intptr_t result;
    bool over;
};

ROUSE_ASYNC(wait, struct waiter)
{
    struct rouse_reactor *reactor = &self->play->rt.reactor;

    ROUSE_BEGIN
    if (self->what == TIME) {
        ROUSE_AWAIT(self->sleep, rouse_sleep(reactor, ROUSE_MS(5)));
        self->result = self->sleep.future.result;
    } else if (self->what == BYTES) {
        ROUSE_AWAIT(self->read, rouse_read(self->tcp, &self->byte, 1));
        self->result = self->read.future.result - 1;
    } else if (self->what == ROOM) {
        ROUSE_AWAIT(self->write, rouse_write(self->tcp, &self->byte, 1));
        self->result = self->write.future.result - 1;
    } else if (self->what == SIGNAL) {
        ROUSE_AWAIT(self->signal, rouse_signal(reactor, SIGTERM));
        self->result = self->signal.future.result;
    } else if (self->what == END) {
        ROUSE_AWAIT(self->join, rouse_join(&self->other->task));
        self->result = self->join.future.result;
    }
    ROUSE_FINALLY
    self->over = true;
    ROUSE_END
}

static bool all_over(const struct waiter *waiters)
{
    for (int i = 0; i < WHATS; i++)
        if (!waiters[i].over)
            return false;
    return true;
}

CASE(x9_what_waits_needs_no_memory, "X9 X2", NEEDS_NOTHING,
     "tasks wait for time, bytes, room, a signal and a task's end; memory runs out for good, and "
     "then all of it comes",
     "every one is READY as it should be")
{
    struct waiter waiters[WHATS] = {0};
    const struct rouse_sockets *sockets;
    struct memory memory;
    struct rouse_tcp tcp;
    struct play play;
    rouse_fd ends[2];
    rouse_time late;
    char bytes[4096] = {0};

    memory_init(&memory);
    if (play_open(&play, world, &memory.alloc) != 0)
        suite_error("nothing opens");
    sockets = play_sockets(&play);
    if (sockets->pair(sockets, ends) != 0)
        suite_error("no pair");
    rouse_stream_open(&tcp, &play.rt.reactor, ends[0]);
    while (sockets->write(sockets, ends[0], bytes, sizeof bytes) > 0)
        continue;
    for (int i = 0; i < WHATS; i++) {
        waiters[i].play = &play;
        waiters[i].what = (enum what) i;
        waiters[i].tcp = &tcp;
        waiters[i].other = &waiters[BYTES];
        rouse_spawn_held(&play.rt.executor, &waiters[i].task, wait_start(&waiters[i]), NULL);
    }
    for (int turn = 0; turn < 3; turn++)
        rouse_turn(&play.rt, 0);
    memory_fail(&memory, 1, true);
    sockets->write(sockets, ends[1], "x", 1);
    while (sockets->read(sockets, ends[1], bytes, sizeof bytes) > 0)
        continue;
    raise(SIGTERM);
    late = rouse_after(&play.rt.reactor, ROUSE_MS(WORLD_SOON));
    while (!all_over(waiters) && rouse_now(&play.rt.reactor) < late)
        rouse_turn(&play.rt, rouse_after(&play.rt.reactor, ROUSE_MS(1)));
    for (int i = 0; i < WHATS; i++) {
        CHECK(X9, waiters[i].over, "waiter %d sleeps on", i);
        CHECK_EQUAL(X2, waiters[i].result, 0, "what a waiter was told");
        rouse_task_unhold(&waiters[i].task);
    }
    memory_fail(&memory, 0, false);
    rouse_tcp_close(&tcp);
    sockets->close(sockets, ends[1]);
    play_close(&play);
    CHECK_EQUAL(X2, memory.live, 0, "blocks of memory left over");
}

struct server {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_reactor *reactor;
    struct rouse_listener listener;
    struct rouse_accept accept;
    int accepted, wanted;
};

ROUSE_ASYNC(serve, struct server)
{
    ROUSE_BEGIN
    while (self->accepted < self->wanted) {
        ROUSE_AWAIT(self->accept, rouse_accept(&self->listener));
        if (self->accept.future.result == 0) {
            self->accepted++;
            rouse_fd_close(self->reactor, self->accept.fd);
        }
    }
    ROUSE_FINALLY
    rouse_listener_close(&self->listener);
    ROUSE_END
}

static bool served(void *with)
{
    struct server *servers = with;

    return servers[0].accepted == servers[0].wanted && servers[1].accepted == servers[1].wanted;
}

static void serve_again(struct world *world, bool elsewhere)
{
    struct server servers[2] = {0};
    struct rouse rt;
    rouse_fd spare[2];

    world_runtime(world, &rt);
    world_pair(world, spare);
    for (int i = 0; i < 2; i++) {
        struct rouse_address address;
        const rouse_fd fd = world_listen(world, ROUSE_IPV4, 8, &address);

        for (int n = 0; n < 3; n++)
            world_connect(world, &address);
        world_await_ready(world, fd, ROUSE_READABLE);
        servers[i].reactor = &rt.reactor;
        servers[i].wanted = 3;
        rouse_listener_open(&servers[i].listener, &rt.reactor, world_give(world, fd));
    }
    world_starve(world);
    for (int i = 0; i < 2; i++)
        rouse_spawn(&rt.executor, &servers[i].task, serve_start(&servers[i]), NULL);
    for (int turn = 0; turn < 5; turn++)
        rouse_turn(&rt, 0);
    CHECK_EQUAL(X9, servers[0].accepted + servers[1].accepted, 0, "accepted without descriptors");
    if (elsewhere)
        world_feed(world, 1);
    else
        rouse_fd_close(&rt.reactor, world_give(world, spare[0]));
    CHECK(X9, world_run_until(world, &rt, served, servers, WORLD_SOON),
          "%d and %d of 3 were accepted", servers[0].accepted, servers[1].accepted);
    rouse_close(&rt);
}

CASE(x9_servers_serve_again_when_the_runtime_closes_one, "X9", NEEDS_NOTHING,
     "two servers accept in a loop without descriptors, until the runtime closes one",
     "all who were waiting are accepted by both")
{
    serve_again(world, false);
}

CASE(x9_servers_serve_again_when_somebody_else_closes_one, "X9", NEEDS_NOTHING,
     "two servers accept in a loop without descriptors, until one is closed elsewhere",
     "all who were waiting are accepted by both")
{
    serve_again(world, true);
}

CASES(fault_x9) = {&x9_tasks_live_on_when_a_wait_fails, &x9_what_waits_needs_no_memory,
                   &x9_servers_serve_again_when_the_runtime_closes_one,
                   &x9_servers_serve_again_when_somebody_else_closes_one};
