/*
 * s4_a_server_and_its_clients.c -- S4: a whole program under all faults at once.
 *
 * An echo server, and clients that visit it a few times, write and read at the same time,
 * and begin a visit anew whenever they are told an error. While faults are on no byte may be wrong;
 * once they are off every client must come to its end, whatever was happening at that moment.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

enum { CLIENTS = 6, VISITS = 4, BYTES = 300 };

struct town {
    struct rouse rt;
    struct rouse_address address;
    rouse_time patience; /* of clients, before they give up what they wait for */
    int wrong;           /* bytes that are not what was sent */
    int served;          /* clients that have had all their bytes */
    int errors;          /* that clients were told */
};

/* -- The server -------------------------------------------------------------- */

struct guest {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    char buffer[16];
};

ROUSE_TASK_FREE(guest_free, struct guest, task)

ROUSE_ASYNC(guest, struct guest)
{
    ROUSE_BEGIN
    for (;;) {
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, sizeof self->buffer));
        if (self->read.future.result <= 0)
            ROUSE_RETURN(0);
        ROUSE_AWAIT(self->write,
                    rouse_write_all(&self->tcp, self->buffer, (size_t) self->read.future.result));
        if (self->write.future.result < 0)
            ROUSE_RETURN(0);
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

struct server {
    struct rouse_async async;
    struct rouse_task task;
    struct town *town;
    struct rouse_listener listener;
    struct rouse_accept accept;
};

ROUSE_ASYNC(server, struct server)
{
    struct rouse *rt = &self->town->rt;
    struct guest *guest;

    ROUSE_BEGIN
    for (;;) {
        ROUSE_AWAIT(self->accept, rouse_accept(&self->listener));
        if (self->accept.future.result < 0)
            continue; /* nobody, for want of something: the next accept waits for it (N4) */
        guest = calloc(1, sizeof *guest);
        if (guest == NULL)
            suite_error("no memory for a guest");
        rouse_tcp_open(&guest->tcp, &rt->reactor, self->accept.fd);
        rouse_spawn(&rt->executor, &guest->task, guest_start(guest), guest_free);
    }
    ROUSE_FINALLY
    rouse_listener_close(&self->listener);
    ROUSE_END
}

/* -- Clients ----------------------------------------------------------------- */

struct client {
    struct rouse_async async;
    struct rouse_task task;
    struct town *town;
    struct rouse_connect connect;
    struct rouse_sleep sleep;
    struct rouse_deadline limit;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct writing {
        struct rouse_task task;
        struct rouse_write_all future;
    } writing;
    struct rouse_join join;
    char bytes[BYTES]; /* what it sends, which is nobody else's */
    char got[BYTES];
    rouse_time pace; /* how long it rests before a visit */
    size_t count;
    int visits;
};

static struct rouse_future *rest(struct client *client)
{
    client->sleep = rouse_sleep(&client->town->rt.reactor, client->pace);
    return &client->sleep.future;
}

/* Nobody waits for ever: what takes too long is dropped, wherever it stands. */
static struct rouse_future *in_time(struct client *client, struct rouse_future *future)
{
    struct rouse_reactor *reactor = &client->town->rt.reactor;

    client->limit = rouse_deadline(reactor, future, rouse_after(reactor, client->town->patience));
    return &client->limit.future;
}

ROUSE_ASYNC(client, struct client)
{
    struct rouse *rt = &self->town->rt;

    ROUSE_BEGIN
    while (self->visits < VISITS) {
        ROUSE_AWAIT_ON(rest(self));
        self->connect = rouse_connect_to(&rt->reactor, &self->town->address);
        ROUSE_AWAIT_ON(in_time(self, &self->connect.future));
        if (self->limit.future.result < 0) {
            self->town->errors++;
            continue;
        }
        rouse_tcp_open(&self->tcp, &rt->reactor, self->connect.fd);
        self->writing.future = rouse_write_all(&self->tcp, self->bytes, BYTES);
        rouse_spawn_held(&rt->executor, &self->writing.task, &self->writing.future.future, NULL);
        self->count = 0;
        do {
            self->read = rouse_read(&self->tcp, self->got + self->count, BYTES - self->count);
            ROUSE_AWAIT_ON(in_time(self, &self->read.future));
            for (intptr_t i = 0; i < self->limit.future.result; i++, self->count++)
                self->town->wrong += self->got[self->count] != self->bytes[self->count];
        } while (self->limit.future.result > 0 && self->count < BYTES);
        rouse_tcp_close(&self->tcp); /* which ends the writing, too */
        ROUSE_AWAIT(self->join, rouse_join(&self->writing.task));
        rouse_task_unhold(&self->writing.task);
        self->writing.task.future = NULL;
        if (self->count == BYTES)
            self->visits++;
        else /* an error, or an end too early: that visit is made anew */
            self->town->errors++;
    }
    self->town->served++;
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    if (self->writing.task.future != NULL) {
        rouse_cancel(&self->writing.task);
        rouse_task_unhold(&self->writing.task);
    }
    ROUSE_END
}

/* -- Two phases -------------------------------------------------------------- */

static void open_town(struct town *town, struct rouse_evq *evq, const struct rouse_alloc *alloc,
                      struct server *server, struct client *clients)
{
    const struct rouse_options options = {.size = sizeof options, .evq = evq, .alloc = alloc};

    if (rouse_open(&town->rt, &options) != 0)
        suite_error("no runtime");
    server->town = town;
    if (rouse_listen(&server->listener, &town->rt.reactor, "127.0.0.1:7") != 0
        || rouse_listener_address(&server->listener, &town->address) != 0)
        suite_error("no listener");
    rouse_spawn(&town->rt.executor, &server->task, server_start(server), NULL);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].town = town;
        clients[i].pace = ROUSE_US(700 + 170 * i);
        for (int at = 0; at < BYTES; at++)
            clients[i].bytes[at] = (char) (i * 41 + at * 7);
        rouse_spawn(&town->rt.executor, &clients[i].task, client_start(&clients[i]), NULL);
    }
}

/* Lets `ms` pass, or everybody be served. */
static void let_pass(struct town *town, int ms)
{
    const rouse_time end = rouse_after(&town->rt.reactor, ROUSE_MS(ms));

    while (town->served < CLIENTS && rouse_now(&town->rt.reactor) < end)
        rouse_turn(&town->rt, end);
}

/* How many errors clients were told, and how often `fault` happened, are added to. */
static void live(struct world *world, const struct rouse_sim_options *options, const char *faults,
                 rouse_time patience, int *errors, enum rouse_sim_fault fault, uint64_t *happened)
{
    struct rouse_evq *evq = sim_queue(world, options, NULL);
    struct client clients[CLIENTS] = {0};
    struct server server = {0};
    struct town town = {.patience = patience};

    open_town(&town, evq, world->alloc, &server, clients);
    rouse_sim_faults(evq, faults);
    let_pass(&town, 20);
    CHECK_EQUAL(S4, town.wrong, 0, "bytes that are wrong while things go wrong");
    *errors += town.errors;
    *happened += rouse_sim_fault_count(evq, fault);
    rouse_sim_faults(evq, NULL);
    let_pass(&town, 60000);
    CHECK(S4, town.served == CLIENTS, "with %s, seed %llu, and then without: %d of %d are served",
          faults, (unsigned long long) options->seed, town.served, CLIENTS);
    CHECK_EQUAL(S4, town.wrong, 0, "bytes that are wrong at the end");
    rouse_close(&town.rt);
    CHECK_EQUAL(S4, rouse_sim_open_count(evq), 0, "descriptors left open");
    sim_queue_close(evq);
}

static const char little[] =
    "interrupt=200000 spurious=200000 delay=200000 reorder=200000 split=500000 short-read=200000 "
    "short-write=200000 would-block=200000 failed-wake=200000 late-clock=200000 "
    "slow-connect=200000:5000000";
static const char much[] =
    "interrupt=100000 spurious=100000 delay=100000 reorder=100000 split=300000 short-read=100000 "
    "short-write=100000 would-block=100000 late-clock=100000 jump=10000:1000000 "
    "slow-connect=300000:5000000 no-memory=50000 no-descriptor=50000 refused=100000 "
    "aborted=200000 reset=10000";

CASE(s4_a_server_and_its_clients_outlive_all_faults, "S4", NEEDS_SIM,
     "clients write to an echo server and read, under all faults at once, which then end",
     "no byte is wrong; where no fault is an error nobody is told one; in the end all are served")
{
    uint64_t aborted = 0, split = 0;

    for (uint64_t seed = 1; seed <= 60; seed++) {
        const struct rouse_sim_options options = {
            .size = sizeof options, .seed = seed, .capacity = 1 + (size_t) seed % 50};
        int none = 0, some = 0;

        live(world, &options, little, ROUSE_SECONDS(9), &none, ROUSE_SIM_SPLIT, &split);
        CHECK_EQUAL(S4, none, 0, "errors that clients were told where there was none");
        live(world, &options, much, ROUSE_MS(2), &some, ROUSE_SIM_ABORTED, &aborted);
    }
    CHECK(S4, aborted > 0 && split > 0, "some faults had no opportunity");
}

CASE(s4_a_server_and_its_clients_outlive_each_fault, "S4", NEEDS_SIM,
     "the same under one fault at a time, at every opportunity and at one of four",
     "the same; the fault has happened")
{
    for (int i = 0; i < ROUSE_SIM_FAULTS; i++) {
        static const char *const rules[] = {"%s=1000000:100000", "%s=1000000", "%s=250000"};
        const enum rouse_sim_fault fault = (enum rouse_sim_fault) i;
        const bool tells = fault == ROUSE_SIM_NO_MEMORY || fault == ROUSE_SIM_NO_DESCRIPTOR
                           || fault == ROUSE_SIM_REFUSED || fault == ROUSE_SIM_ABORTED
                           || fault == ROUSE_SIM_RESET;

        for (int rule = 0; rule < 3; rule++) {
            const struct rouse_sim_options options = {
                .size = sizeof options, .seed = 1, .capacity = 20};
            uint64_t happened = 0;
            int errors = 0;
            char text[60];

            snprintf(text, sizeof text, rules[rule], rouse_sim_fault_name(fault));
            live(world, &options, text, ROUSE_SECONDS(9), &errors, fault, &happened);
            CHECK(S4, happened > 0 || fault == ROUSE_SIM_FAILED_WAKE || fault == ROUSE_SIM_LOST,
                  "%s never happens", text); /* nobody wakes the queue, or sends datagrams */
            CHECK(S4, errors == 0 || tells, "with %s %d errors were told", text, errors);
        }
    }
}

CASES(sim_s4_town) = {&s4_a_server_and_its_clients_outlive_all_faults,
                      &s4_a_server_and_its_clients_outlive_each_fault};
