/*
 * wire.c -- the streams of a play: pairs of sockets, both ends watched by the runtime.
 */
#include <errno.h>

#include "player.h"

bool wire_used(const struct play *play, int end)
{
    for (int i = 0; i < FUTURES; i++)
        if (model_transfers(play->slots[i].kind) && play->slots[i].target == end)
            return true;
    return false;
}

/* A handle is not opened again until every future made on it has ended (net.h). */
static void wire_pair(struct play *play, int end)
{
    const struct rouse_sockets *sockets = play->stage.base.sockets; /* which may fail */
    struct stage_world *world = play->stage.world;
    rouse_fd fds[2];

    if (sockets == NULL)
        sockets = rouse_host_sockets();
    for (int i = 0; i < 2; i++)
        if (play->wires[end + i].open || wire_used(play, end + i))
            return;
    if (world != NULL)
        world->pair(world, end / 2, fds);
    else if (sockets->pair(sockets, fds) < 0)
        return;
    model_pair(&play->model, end);
    for (int i = 0; i < 2; i++) {
        if (world != NULL)
            rouse_tcp_open(&play->wires[end + i].tcp, play->stage.reactor, fds[i]);
        else
            rouse_stream_open(&play->wires[end + i].tcp, play->stage.reactor, fds[i]);
        play->wires[end + i].open = true;
    }
}

/* A direction that was ready, and is no longer when the queue looks, may be reported or not
 * (E6), until the next point of rest. What comes next may depend on it, so it is not compared. */
static void wire_blinked(struct play *play, int end, unsigned direction)
{
    const struct rouse_source *source = &play->wires[end].tcp.io.source;

    if ((source->armed & direction) != 0
        && (stage_ready(&play->stage, source->fd) & direction) == 0) {
        play->model.doubtful = true;
        play->blinked |= play->model.exact;
        play->model.exact = false;
    }
}

/* What `end` has sent arrives: in a world that takes a while. */
static void wire_sent(struct play *play, int end)
{
    const struct wire *peer = &play->wires[end ^ 1];
    struct stage_world *world = play->stage.world;

    if (world != NULL && peer->open)
        world->sent(world, peer->tcp.io.source.fd);
}

static void wire_send(struct play *play, int end, int size)
{
    const struct rouse_sockets *sockets = stage_sockets(&play->stage);
    static const uint8_t bytes[256];
    intptr_t sent;

    if (size == 0)
        return;
    sent = sockets->write(sockets, play->wires[end].tcp.io.source.fd, bytes, (size_t) size);
    play_say(play, "    sent %ld\n", (long) sent);
    model_sent(&play->model, end, size, sent, sent == -EAGAIN);
    if (sent > 0) {
        wire_blinked(play, end, ROUSE_WRITABLE);
        wire_sent(play, end);
    }
}

static void wire_receive(struct play *play, int end, int size)
{
    const struct rouse_sockets *sockets = stage_sockets(&play->stage);
    uint8_t bytes[256];
    intptr_t received;

    if (size == 0)
        return;
    received = sockets->read(sockets, play->wires[end].tcp.io.source.fd, bytes, (size_t) size);
    play_say(play, "    received %ld\n", (long) received);
    play_result(play, play->model.polling, "recv", received);
    model_received(&play->model, end, size, received);
    if (received > 0)
        wire_blinked(play, end, ROUSE_READABLE);
}

/* Until nothing more goes in; it is not known how much that is, and it is one step. */
static void wire_fill(struct play *play, int end)
{
    const struct rouse_sockets *sockets = stage_sockets(&play->stage);
    const rouse_fd fd = play->wires[end].tcp.io.source.fd;
    struct stage_world *world = play->stage.world;
    static const uint8_t bytes[65536];
    intptr_t sent, all = 0;

    if (world != NULL)
        all = (intptr_t) world->fill(world, fd);
    while ((sent = sockets->write(sockets, fd, bytes, sizeof bytes)) > 0)
        all += sent;
    if (all > 0)
        model_sent(&play->model, end, (int) all, all, sent == -EAGAIN);
    if (all == 0 || sent != -EAGAIN)
        model_sent(&play->model, end, sizeof bytes, sent, sent == -EAGAIN);
    if (all > 0) {
        wire_blinked(play, end, ROUSE_WRITABLE);
        wire_sent(play, end);
    }
}

static void wire_drain(struct play *play, int end)
{
    const struct rouse_sockets *sockets = stage_sockets(&play->stage);
    const rouse_fd fd = play->wires[end].tcp.io.source.fd;
    struct stage_world *world = play->stage.world;
    static uint8_t bytes[65536];
    intptr_t received, all = 0;

    if (world != NULL)
        all = (intptr_t) world->drain(world, fd);
    while ((received = sockets->read(sockets, fd, bytes, sizeof bytes)) > 0)
        all += received;
    if (all > 0)
        model_received(&play->model, end, (int) all, all);
    model_received(&play->model, end, sizeof bytes, received);
    if (all > 0)
        wire_blinked(play, end, ROUSE_READABLE);
}

void wire_close(struct play *play, int end)
{
    struct wire *wire = &play->wires[end];

    if (!wire->open)
        return;
    wire->open = false;
    model_close(&play->model, end);
    rouse_tcp_close(&wire->tcp);
}

void wire_act(struct play *play, const struct op *op)
{
    const int end = op->verb == VERB_pair ? 2 * op->object : op->object;

    if (op->verb != VERB_pair && !play->wires[end].open)
        return;
    switch ((enum verb) op->verb) {
    case VERB_pair: wire_pair(play, end); break;
    case VERB_send: wire_send(play, end, op->a); break;
    case VERB_recv: wire_receive(play, end, op->a); break;
    case VERB_fill: wire_fill(play, end); break;
    case VERB_drain: wire_drain(play, end); break;
    case VERB_shut:
        model_shut(&play->model, end);
        (void) rouse_tcp_shutdown(&play->wires[end].tcp);
        wire_sent(play, end);
        break;
    default: wire_close(play, end); break;
    }
}

void wires_check(struct play *play)
{
    for (int end = 0; end < ENDS; end++) {
        const struct rouse_source *source = &play->wires[end].tcp.io.source;

        if (!play->wires[end].open || source->armed == 0)
            continue;
        if ((source->armed & stage_ready(&play->stage, source->fd)) != 0)
            model_complain(&play->model, "E2", "p%d.%c is armed and ready, and not reported",
                           end / 2, 'a' + end % 2);
    }
}
