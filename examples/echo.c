/*
 * echo -- sends back what it gets, to any number of clients. SIGINT or SIGTERM stops
 * it: every connection is closed by its own FINALLY.
 */
#include <errno.h>
#include <rouse/rouse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct client {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    char buffer[4096];
};

ROUSE_TASK_FREE(client_free, struct client, task)

ROUSE_ASYNC(client, struct client)
{
    ROUSE_BEGIN
    for (;;) {
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, sizeof self->buffer));
        if (self->read.future.result <= 0)
            ROUSE_RETURN(self->read.future.result);
        ROUSE_AWAIT(self->write,
                    rouse_write_all(&self->tcp, self->buffer, (size_t) self->read.future.result));
        if (self->write.future.result < 0)
            ROUSE_RETURN(self->write.future.result);
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

struct server {
    struct rouse_async async;
    struct rouse *rt;
    struct rouse_listener listener;
    struct rouse_accept accept;
};

ROUSE_ASYNC(server, struct server)
{
    struct client *c;

    ROUSE_BEGIN
    for (;;) {
        ROUSE_AWAIT(self->accept, rouse_accept(&self->listener));
        if (self->accept.future.result == -EMFILE || self->accept.future.result == -ENFILE)
            continue; /* the next accept waits until a descriptor is free */
        if (self->accept.future.result < 0)
            ROUSE_RETURN(self->accept.future.result);
        c = (struct client *) calloc(1, sizeof *c);
        if (c == NULL) { /* this client is turned away; the others go on */
            rouse_fd_close(&self->rt->reactor, self->accept.fd);
            continue;
        }
        rouse_tcp_open(&c->tcp, &self->rt->reactor, self->accept.fd);
        rouse_spawn(&self->rt->executor, &c->task, client_start(c), client_free);
    }
    ROUSE_FINALLY
    rouse_listener_close(&self->listener);
    ROUSE_END
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "127.0.0.1:7007";
    struct rouse rt;
    struct server s = {0};
    intptr_t result = rouse_open(&rt, NULL);

    if (result < 0)
        return fprintf(stderr, "echo: %s\n", rouse_strerror(result)), 1;
    s.rt = &rt;
    rouse_stop_on(&rt, SIGINT);
    rouse_stop_on(&rt, SIGTERM);
    result = rouse_listen(&s.listener, &rt.reactor, address);
    if (result == 0)
        result = rouse_run(&rt, server_start(&s));
    rouse_close(&rt);
    if (result == -ECANCELED)
        return 0;
    return fprintf(stderr, "echo: %s: %s\n", address, rouse_strerror(result)), 1;
}
