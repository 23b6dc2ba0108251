/*
 * changes.c -- how often the backend kqueue talks to the kernel of a source: two tasks play
 * ping-pong over TCP, and the emulation has counted the changes of each knote.
 *
 * Prints the most that any has got in its life.
 */
#include <rouse/rouse.h>
#include <stdio.h>
#include <sys/event.h>

enum { ROUNDS = 2000 };

struct player {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    bool serves;
    int rounds;
    char buffer[64]; /* larger than a ball, so that each read falls short */
};

ROUSE_ASYNC(player, struct player)
{
    ROUSE_BEGIN
    while (self->rounds < ROUNDS) {
        if (self->serves || self->rounds > 0) {
            ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, "ball", 4));
            if (self->write.future.result != 4)
                break;
        }
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, sizeof self->buffer));
        if (self->read.future.result != 4)
            break;
        self->rounds++;
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

int main(void)
{
    static struct player players[2];
    const struct rouse_options options = {.size = sizeof options, .backend = "kqueue"};
    struct rouse_address address;
    struct rouse rt;
    struct rouse_listener listener;
    struct rouse_accept accept;
    struct rouse_connect connect;

    if (rouse_open(&rt, &options) != 0 || rouse_listen(&listener, &rt.reactor, "127.0.0.1:0") != 0
        || rouse_listener_address(&listener, &address) != 0)
        return 2;
    connect = rouse_connect_to(&rt.reactor, &address);
    if (rouse_run(&rt, &connect.future) != 0)
        return 2;
    accept = rouse_accept(&listener);
    if (rouse_run(&rt, &accept.future) != 0)
        return 2;
    rouse_listener_close(&listener);
    players[0].serves = true;
    rouse_tcp_open(&players[0].tcp, &rt.reactor, connect.fd);
    rouse_tcp_open(&players[1].tcp, &rt.reactor, accept.fd);
    rouse_spawn(&rt.executor, &players[1].task, player_start(&players[1]), NULL);
    rouse_run(&rt, player_start(&players[0]));
    printf("%u\n", kqueue_emulation_most_changes());
    rouse_close(&rt);
    return players[1].rounds == ROUNDS ? 0 : 1;
}
