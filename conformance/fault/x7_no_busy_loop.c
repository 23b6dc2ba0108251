/*
 * x7_no_busy_loop.c -- X7: no fault and no peer makes a runtime turn without end: waits and
 * polls stay bounded by what happened.
 *
 * A loop at full load passes every other test, so this one counts. Waits are counted by a
 * queue around the queue; what a backend does inside one wait() shows as processor time,
 * of which a thread that sleeps uses none.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "play.h"
#include "toll.h"

enum {
    IDLE_MS = 80, /* how long nothing happens */
    A_FEW = 8     /* waits that nobody minds */
};

struct watch {
    struct world *world;
    struct toll toll;
    struct rouse rt;
    struct rouse_inspector inspector;
    int polls;
};

static void count_poll(struct rouse_inspector *self, struct rouse_task *task, enum rouse_poll poll)
{
    (void) task;
    (void) poll;
    rouse_container_of(self, struct watch, inspector)->polls++;
}

static void watch_open(struct watch *watch, struct world *world)
{
    struct rouse_options options = {.size = sizeof options, .alloc = world->alloc};

    *watch = (struct watch){.world = world};
    toll_init(&watch->toll, world->evq);
    options.evq = &watch->toll.evq;
    if (rouse_open(&watch->rt, &options) != 0)
        suite_error("no runtime");
    watch->inspector.size = sizeof watch->inspector;
    watch->inspector.polled = count_poll;
    watch->rt.executor.inspector = &watch->inspector;
}

/* Lets `ms` pass, in which nobody wants more than `waits` waits and `polls` polls; but for
 * each arm() a queue may report what is not ready, once (E6). */
static void check_idle(struct watch *watch, int ms, int waits, int polls, const char *what)
{
    struct rouse_sleep sleep = rouse_sleep(&watch->rt.reactor, ROUSE_MS(ms));
    const struct toll before = watch->toll;
    const int polls_before = watch->polls, cpu_before = toll_cpu_ms();
    int waited, polled, armed, cpu;

    rouse_run(&watch->rt, &sleep.future);
    waited = watch->toll.waits - before.waits;
    armed = watch->toll.arms - before.arms;
    polled = watch->polls - polls_before - 2; /* two are our own */
    cpu = toll_cpu_ms_since(cpu_before);
    CHECK(X7, waited <= waits + armed, "%s: %d waits in %d ms", what, waited, ms);
    CHECK(X7, polled <= polls + armed, "%s: %d polls in %d ms", what, polled, ms);
    CHECK(X7, cpu <= 4 + ms / 4 || armed > waits, "%s: %d ms of processor time in %d ms", what, cpu,
          ms);
}

CASE(x7_an_idle_runtime_sleeps, "X7", NEEDS_NOTHING,
     "nothing happens; then nothing happens beside sleeps of an hour, and for ever",
     "a few waits, and no processor time")
{
    static const rouse_time naps[] = {ROUSE_NEVER, ROUSE_NEVER - 1, ROUSE_NEVER / 2,
                                      ROUSE_SECONDS(86400) * 30, ROUSE_SECONDS(3600)};
    struct rouse_sleep sleeps[5];
    struct rouse_task tasks[5];
    struct watch watch;

    watch_open(&watch, world);
    check_idle(&watch, IDLE_MS, A_FEW, 0, "an empty runtime");
    for (int i = 0; i < 5; i++) {
        sleeps[i] = rouse_sleep(&watch.rt.reactor, naps[i]);
        rouse_spawn(&watch.rt.executor, &tasks[i], &sleeps[i].future, NULL);
    }
    check_idle(&watch, IDLE_MS, A_FEW, 5, "far deadlines");
    rouse_close(&watch.rt);
}

/* -- Peers ------------------------------------------------------------------- */

/* Reads, or writes, until there is an end or an error, and then no more. */
struct user {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp *tcp;
    struct rouse_read read;
    struct rouse_write write;
    bool writes;
    char buffer[4096];
};

ROUSE_ASYNC(user, struct user)
{
    ROUSE_BEGIN
    do {
        if (self->writes) {
            ROUSE_AWAIT(self->write, rouse_write(self->tcp, self->buffer, sizeof self->buffer));
        } else {
            ROUSE_AWAIT(self->read, rouse_read(self->tcp, self->buffer, sizeof self->buffer));
        }
    } while ((self->writes ? self->write.future.result : self->read.future.result) > 0);
    ROUSE_FINALLY
    ROUSE_END
}

struct connection {
    struct rouse_tcp tcp;
    struct user users[2]; /* who reads, and who writes */
    rouse_fd peer;
};

/* With `readers` and `writers` that wait on our end. */
static void connection_open(struct watch *watch, struct connection *connection, bool reads,
                            bool writes)
{
    rouse_fd ends[2];

    world_tcp_pair(watch->world, ends);
    connection->peer = ends[1];
    rouse_tcp_open(&connection->tcp, &watch->rt.reactor, world_give(watch->world, ends[0]));
    for (int i = 0; i < 2; i++) {
        connection->users[i] = (struct user){.tcp = &connection->tcp, .writes = i == 1};
        if (i == 0 ? reads : writes)
            rouse_spawn(&watch->rt.executor, &connection->users[i].task,
                        user_start(&connection->users[i]), NULL);
    }
}

enum ending { HALF_CLOSES, CLOSES, RESETS, URGENT, ENDINGS };

static void end_it(struct watch *watch, struct connection *connection, enum ending ending)
{
    switch (ending) {
    case HALF_CLOSES: world_shutdown(watch->world, connection->peer); break;
    case CLOSES: world_close(watch->world, connection->peer); break;
    case RESETS: world_reset(watch->world, connection->peer); break;
    case URGENT: world_urgent(watch->world, connection->peer, 'u'); break;
    case ENDINGS: break;
    }
}

CASE(x7_a_peer_that_ends_costs_a_few_turns, "X7", NEEDS_NOTHING,
     "a peer closes half or all, resets, or sends urgent data, while a reader, a writer, both or "
     "nobody waits; then nothing happens",
     "a few waits and polls, and no processor time")
{
    static const char *const names[] = {"a half-close", "a close", "a reset", "urgent data"};
    struct connection *all = calloc(ENDINGS * 4, sizeof *all);
    struct watch watch;

    if (all == NULL)
        suite_error("no memory");
    watch_open(&watch, world);
    for (enum ending ending = HALF_CLOSES; ending < ENDINGS; ending++) {
        struct connection *connections = &all[ending * 4];
        struct rouse_sleep filling = rouse_sleep(&watch.rt.reactor, ROUSE_MS(30));

        for (int i = 0; i < 4; i++)
            connection_open(&watch, &connections[i], i & 1, i & 2);
        rouse_run(&watch.rt, &filling.future);
        for (int i = 0; i < 4; i++)
            end_it(&watch, &connections[i], ending);
        check_idle(&watch, IDLE_MS, 60, 60, names[ending]);
        /* A few polls too, for on a busy machine TCP may still be making room. */
        check_idle(&watch, IDLE_MS, A_FEW, A_FEW, names[ending]);
        for (int i = 0; i < 4; i++)
            rouse_tcp_close(&connections[i].tcp);
    }
    rouse_close(&watch.rt);
    free(all);
}

CASE(x7_bytes_that_nobody_reads_cost_a_turn_each, "X7", NEEDS_NOTHING,
     "a peer writes 50 times; the one who read the first byte reads no more",
     "a few waits for each, no poll, and then none")
{
    struct watch watch;
    struct rouse_tcp tcp;
    struct rouse_read read;
    rouse_fd ends[2];
    char byte;

    watch_open(&watch, world);
    world_tcp_pair(world, ends);
    rouse_tcp_open(&tcp, &watch.rt.reactor, world_give(world, ends[0]));
    read = rouse_read(&tcp, &byte, 1);
    world_poll(&read.future, NULL); /* armed now, with nobody to wake */
    rouse_future_drop(&read.future);
    for (int i = 0; i < 50; i++) {
        world_send(world, ends[1], 1);
        check_idle(&watch, 2, A_FEW, 0, "a byte that nobody reads");
    }
    check_idle(&watch, IDLE_MS, A_FEW, 0, "fifty bytes that nobody reads");
    rouse_tcp_close(&tcp);
    rouse_close(&watch.rt);
}

/* -- Faults, and tasks that do not stop -------------------------------------- */

struct server {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_reactor *reactor;
    struct rouse_listener listener;
    struct rouse_accept accept;
    int errors, accepted;
};

ROUSE_ASYNC(server, struct server)
{
    ROUSE_BEGIN
    for (;;) {
        ROUSE_AWAIT(self->accept, rouse_accept(&self->listener));
        if (self->accept.future.result == 0) {
            self->accepted++;
            rouse_fd_close(self->reactor, self->accept.fd);
        } else {
            self->errors++;
        }
    }
    ROUSE_FINALLY
    rouse_listener_close(&self->listener);
    ROUSE_END
}

CASE(x7_a_server_without_descriptors_does_not_spin, "X7", NEEDS_NOTHING,
     "a server accepts in a loop, whatever it is told, while three connections wait and no "
     "descriptor is left for 350 ms",
     "it is told a few times, in a few waits; with a descriptor it accepts all three")
{
    struct server server = {0};
    struct rouse_address address;
    struct watch watch;
    rouse_fd fd = world_listen(world, ROUSE_IPV4, 8, &address);

    watch_open(&watch, world);
    for (int i = 0; i < 3; i++)
        world_connect(world, &address);
    world_await_ready(world, fd, ROUSE_READABLE);
    world_starve(world);
    server.reactor = &watch.rt.reactor;
    rouse_listener_open(&server.listener, &watch.rt.reactor, world_give(world, fd));
    rouse_spawn(&watch.rt.executor, &server.task, server_start(&server), NULL);
    check_idle(&watch, 350, 40, 40, "a server without descriptors");
    CHECK(X7, server.errors >= 1 && server.errors <= 10, "it is told %d times", server.errors);
    world_feed(world, 1);
    check_idle(&watch, 250, 40, 40, "a server with a descriptor again");
    CHECK_EQUAL(X7, server.accepted, 3, "connections accepted afterwards");
    rouse_close(&watch.rt);
}

/* Accepts inside its wake, as a waker may (W6), until it is left waiting. */
struct eager {
    struct world *world;
    struct rouse_listener listener;
    struct rouse_accept accept;
    struct wakes *wakes;
    int polls;
};

static void accept_at_once(void *with)
{
    struct eager *eager = with;
    const struct rouse_waker waker = wakes_waker(eager->wakes);

    while (++eager->polls < 100 && world_poll(&eager->accept.future, &waker) == ROUSE_READY) {
        if (eager->accept.future.result == 0)
            world_take(eager->world, eager->accept.fd);
        eager->accept = rouse_accept(&eager->listener);
    }
}

CASE(x7_accepts_inside_their_wakes_do_not_spin, "X7", NEEDS_NOTHING,
     "two servers without descriptors accept inside the wake that a closing brings, and one of "
     "them takes the descriptor that was closed",
     "each polls a few times, and the closing returns")
{
    struct eager servers[2];
    struct watch watch;
    rouse_fd spare[2];

    watch_open(&watch, world);
    world_pair(world, spare);
    for (int i = 0; i < 2; i++) {
        struct rouse_address address;
        const rouse_fd fd = world_listen(world, ROUSE_IPV4, 8, &address);

        for (int n = 0; n < 3; n++)
            world_connect(world, &address);
        world_await_ready(world, fd, ROUSE_READABLE);
        servers[i] = (struct eager){.world = world, .wakes = world_wakes(world)};
        rouse_listener_open(&servers[i].listener, &watch.rt.reactor, world_give(world, fd));
    }
    world_starve(world);
    for (int i = 0; i < 2; i++) {
        servers[i].accept = rouse_accept(&servers[i].listener);
        servers[i].wakes->then = accept_at_once;
        servers[i].wakes->with = &servers[i];
        accept_at_once(&servers[i]);
    }
    for (int i = 0; i < 2; i++)
        rouse_fd_close(&watch.rt.reactor, world_give(world, spare[i]));
    for (int i = 0; i < 2; i++) {
        CHECK(X7, servers[i].polls <= 12, "server %d polls %d times", i, servers[i].polls);
        rouse_future_drop(&servers[i].accept.future);
        rouse_listener_close(&servers[i].listener);
    }
    rouse_close(&watch.rt);
}

struct restless {
    struct rouse_future future;
    struct rouse_task task;
    int left;
    bool yields; /* else it wakes itself */
};

static enum rouse_poll restless_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct restless *restless = rouse_container_of(self, struct restless, future);

    if (--restless->left == 0)
        return rouse_ready(self, 0);
    if (restless->yields)
        cx->yield = true;
    else
        rouse_wake_by_ref(cx->waker);
    return ROUSE_PENDING;
}

CASE(x7_tasks_that_wake_themselves_come_to_rest, "X7", NEEDS_NOTHING,
     "twenty tasks wake themselves, or yield, 500 times each, and end",
     "as many polls as that, fewer waits, and then none")
{
    static const struct rouse_future_ops ops = {restless_poll, NULL, "restless"};
    enum { TASKS = 20, TIMES = 500 };
    struct restless tasks[TASKS] = {0};
    struct watch watch;

    watch_open(&watch, world);
    for (int i = 0; i < TASKS; i++) {
        tasks[i].future.ops = &ops;
        tasks[i].left = TIMES;
        tasks[i].yields = i % 2 == 0;
        rouse_spawn(&watch.rt.executor, &tasks[i].task, &tasks[i].future, NULL);
    }
    for (int turns = 0; turns < TASKS * TIMES && !rouse_executor_idle(&watch.rt.executor); turns++)
        rouse_turn(&watch.rt, 0);
    CHECK_EQUAL(X7, watch.polls, TASKS * TIMES, "polls of tasks that wake themselves");
    CHECK(X7, watch.toll.waits <= TASKS * TIMES, "%d waits for %d polls", watch.toll.waits,
          watch.polls);
    check_idle(&watch, IDLE_MS, A_FEW, 0, "tasks that have ended");
    rouse_close(&watch.rt);
}

CASE(x7_wakes_and_signals_cost_a_turn_each, "X7", NEEDS_NOTHING,
     "the runtime is nudged 100 times, and a signal comes 100 times, at once or one by one",
     "as many waits at most, and then none")
{
    void (*const before)(int) = signal(SIGTERM, SIG_IGN);
    struct watch watch;
    struct rouse_signal waits;

    watch_open(&watch, world);
    waits = rouse_signal(&watch.rt.reactor, SIGTERM);
    world_poll(&waits.future, NULL);
    for (int i = 0; i < 100; i++) {
        rouse_wake_by_ref(&watch.rt.reactor.nudge);
        raise(SIGTERM);
    }
    check_idle(&watch, IDLE_MS, A_FEW, 0, "wakes and signals that have merged");
    for (int i = 0; i < 100; i++) {
        if (i % 2 == 0)
            rouse_wake_by_ref(&watch.rt.reactor.nudge);
        else
            raise(SIGTERM);
        rouse_turn(&watch.rt, 0);
    }
    check_idle(&watch, IDLE_MS, A_FEW, 0, "wakes and signals that are over");
    rouse_future_drop(&waits.future);
    rouse_close(&watch.rt);
    signal(SIGTERM, before);
}

static enum rouse_poll yield_for_ever(struct rouse_future *self, struct rouse_context *cx)
{
    (void) self;
    cx->yield = true;
    return ROUSE_PENDING;
}

CASE(x7_a_failed_wait_ends_a_run_with_much_to_do, "X7 X9", NEEDS_NOTHING,
     "more than a thousand tasks yield for ever, and the queue fails, once",
     "the run says so, and ends; and the next one runs as if nothing had been")
{
    enum { TASKS = 1100 };
    static const struct rouse_future_ops ops = {yield_for_ever, NULL, "yielding"};
    static struct rouse_future futures[TASKS];
    static struct rouse_task tasks[TASKS];
    struct rouse_yield yield;
    struct rouse_sleep sleep;
    struct toll toll;
    struct play play;

    toll_init(&toll, world->evq);
    play_open_on(&play, world, &toll.evq);
    for (int i = 0; i < TASKS; i++) {
        futures[i] = (struct rouse_future){&ops, 0};
        rouse_spawn(&play.rt.executor, &tasks[i], &futures[i], NULL);
    }
    toll_fail_wait(&toll, 1, false);
    sleep = rouse_sleep(&play.rt.reactor, ROUSE_SECONDS(60));
    CHECK_EQUAL(X7, rouse_run(&play.rt, &sleep.future), -ENOMEM, "what the run says");
    CHECK_EQUAL(X7, toll.refused, 1, "waits that failed");
    yield = rouse_yield();
    CHECK_EQUAL(X9, rouse_run(&play.rt, &yield.future), 0, "what the next run says");
    play_close(&play);
}

CASES(fault_x7) = {&x7_an_idle_runtime_sleeps,
                   &x7_a_peer_that_ends_costs_a_few_turns,
                   &x7_bytes_that_nobody_reads_cost_a_turn_each,
                   &x7_a_server_without_descriptors_does_not_spin,
                   &x7_accepts_inside_their_wakes_do_not_spin,
                   &x7_tasks_that_wake_themselves_come_to_rest,
                   &x7_wakes_and_signals_cost_a_turn_each,
                   &x7_a_failed_wait_ends_a_run_with_much_to_do};
