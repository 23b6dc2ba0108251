/*
 * ear.c -- the listeners of a play: on paths, which cost a kernel nothing to give back, and
 * in the simulation, or in a world, on ports as well.
 */
#include <stdio.h>

#include "player.h"
#include "ready.h"

/* A handle is not opened again until every future made on it has ended (net.h). */
static bool ear_used(const struct play *play, int number)
{
    for (int i = 0; i < FUTURES; i++)
        if (play->slots[i].kind == MODEL_ACCEPT && play->slots[i].target == number)
            return true;
    return false;
}

void ear_listen(struct play *play, int number)
{
    struct ear *ear = &play->ears[number];
    char text[ROUSE_ADDRESS_TEXT];

    if (ear->open || ear_used(play, number))
        return;
    if (play->stage.world != NULL)
        snprintf(text, sizeof text, "127.0.0.1:0");
    else if (!play->stage.simulated)
        ready_path(text, sizeof text, number);
    else if (play->program->settings.seed % 2 == 0)
        snprintf(text, sizeof text, "unix:/l%d", number);
    else
        snprintf(text, sizeof text, "127.0.0.1:%d", 4000 + number); /* not the other's */
    if (rouse_listen(&ear->listener, play->stage.reactor, text) < 0)
        return; /* for want of descriptors, say */
    if (rouse_listener_address(&ear->listener, &ear->address) < 0)
        model_complain(&play->model, "N10", "a listener without an address");
    if (play->stage.world != NULL)
        play->stage.world->listens(play->stage.world, number, ear->listener.io.source.fd);
    ear->open = true;
    model_listen(&play->model, number);
}

void ear_close(struct play *play, int number)
{
    struct ear *ear = &play->ears[number];

    if (!ear->open)
        return;
    ear->open = false;
    model_deafen(&play->model, number);
    rouse_listener_close(&ear->listener);
    if (play->stage.world == NULL && !play->stage.simulated)
        ready_forget_path(number);
}

void ear_make(struct play *play, struct slot *slot, const struct op *op)
{
    struct ear *ear = &play->ears[op->a];

    if (op->verb == VERB_accept) {
        slot->is.accept = rouse_accept(&ear->listener);
        slot->kind = MODEL_ACCEPT;
    } else if (ear->address.family != ROUSE_NO_FAMILY) {
        slot->is.connect = rouse_connect_to(play->stage.reactor, &ear->address);
        slot->kind = MODEL_CONNECT;
    } else {
        return; /* nobody ever listened there */
    }
    slot->target = op->a;
    model_make(&play->model, op->object, slot->kind)->target = op->a;
}

void ear_ended(struct play *play, struct slot *slot, intptr_t result)
{
    if (slot->kind == MODEL_LIMIT)
        ear_ended(play, &play->slots[slot->target], result);
    if (result == 0 && slot->kind == MODEL_ACCEPT)
        rouse_fd_close(play->stage.reactor, slot->is.accept.fd);
    if (result == 0 && slot->kind == MODEL_CONNECT)
        rouse_fd_close(play->stage.reactor, slot->is.connect.fd);
}
