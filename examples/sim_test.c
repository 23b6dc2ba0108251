/*
 * sim_test -- tests a client and a server on the simulated queue. `sim_test` tries a
 * hundred seeds and says which of them fail; `sim_test 7` shows what happens with seed 7.
 */
#include <rouse/rouse.h>
#include <rouse/sim.h>
#include <stdio.h>
#include <stdlib.h>

struct peer {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_reactor *reactor;
    struct rouse_listener listener;
    struct rouse_accept accept;
    struct rouse_sleep pause;
    struct rouse_connect connect;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    char buffer[8];
    size_t got;
};

ROUSE_ASYNC(server, struct peer) /* sends back what it gets, to one after the other */
{
    ROUSE_BEGIN
    for (;;) {
        ROUSE_AWAIT(self->accept, rouse_accept(&self->listener));
        if (self->accept.future.result < 0)
            continue; /* the next accept waits until there is what this one lacked */
        rouse_tcp_open(&self->tcp, self->reactor, self->accept.fd);
        do {
            ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, sizeof self->buffer));
            if (self->read.future.result <= 0)
                break;
            ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, self->buffer,
                                                     (size_t) self->read.future.result));
        } while (self->write.future.result > 0);
        rouse_tcp_close(&self->tcp);
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    rouse_listener_close(&self->listener);
    ROUSE_END
}

ROUSE_ASYNC(client, struct peer) /* wants its five bytes back, and begins anew until it has */
{
    ROUSE_BEGIN
    while (self->got < 5) {
        ROUSE_AWAIT(self->pause, rouse_sleep(self->reactor, ROUSE_MS(1)));
        ROUSE_AWAIT(self->connect, rouse_connect(self->reactor, "127.0.0.1:7007"));
        if (self->connect.future.result < 0)
            continue;
        rouse_tcp_open(&self->tcp, self->reactor, self->connect.fd);
        ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, "hello", 5));
        self->got = 0;
        do {
            ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, 5 - self->got));
            if (self->read.future.result > 0)
                self->got += (size_t) self->read.future.result;
        } while (self->read.future.result > 0 && self->got < 5);
        rouse_tcp_close(&self->tcp);
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

static bool test(uint64_t seed, void (*trace)(void *with, const char *line))
{
    struct rouse_sim_options machine = {.size = sizeof machine, .seed = seed, .trace = trace};
    struct rouse_options options = {.size = sizeof options};
    struct rouse rt;
    struct peer s = {.reactor = &rt.reactor}, c = {.reactor = &rt.reactor};
    struct rouse_sleep storm;
    struct rouse_join join;
    struct rouse_deadline limit;
    bool passed;

    if (rouse_sim_open(&options.evq, &machine, NULL) < 0 || rouse_open(&rt, &options) < 0
        || rouse_listen(&s.listener, &rt.reactor, "127.0.0.1:7007") < 0)
        return false;
    rouse_spawn(&rt.executor, &s.task, server_start(&s), NULL);
    rouse_spawn_held(&rt.executor, &c.task, client_start(&c), NULL);

    /* Faults on: nothing may break. */
    rouse_sim_faults(options.evq, "short-read=500000 would-block=300000 spurious=100000 "
                                  "delay=200000 slow-connect=500000 refused=300000 "
                                  "aborted=300000 reset=300000 no-descriptor=100000");
    storm = rouse_sleep(&rt.reactor, ROUSE_MS(50));
    rouse_run(&rt, &storm.future);

    /* Faults off: everything must come to its end. */
    rouse_sim_faults(options.evq, NULL);
    join = rouse_join(&c.task);
    limit = rouse_deadline(&rt.reactor, &join.future, rouse_after(&rt.reactor, ROUSE_SECONDS(1)));
    passed = rouse_run(&rt, &limit.future) == 0;
    rouse_task_unhold(&c.task);
    rouse_close(&rt);
    passed = passed && rouse_sim_open_count(options.evq) == 0;
    options.evq->ops->close(options.evq);
    return passed;
}

static void print(void *with, const char *line)
{
    (void) with;
    puts(line);
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (argc > 1)
        return test(strtoull(argv[1], NULL, 10), print) ? 0 : 1;
    for (int seed = 1; seed <= 100; seed++)
        if (!test((uint64_t) seed, NULL))
            printf("seed %d fails\n", seed), failed++;
    printf("%d of 100 seeds fail\n", failed);
    return failed != 0;
}
