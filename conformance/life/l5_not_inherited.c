/*
 * l5_not_inherited.c -- L5: the programs that a process starts inherit no descriptor that
 * rouse has opened.
 *
 * What a child has is listed before and after rouse has opened some. Whatever else this
 * process was started with is in both lists.
 */
#include <string.h>

#include "../world.h"
#include "inherited.h"

enum { LIST = 1000 };

static void check_inherited(const char *before, const char *what)
{
    char after[LIST];

    inherited_list(after, sizeof after);
    CHECK(L5, strcmp(before, after) == 0, "a child inherits %s: it has %.200swhere it had %.200s",
          what, after, before);
}

CASE(l5_no_child_inherits_a_queue, "L5", NEEDS_NOTHING,
     "a queue and a runtime are open while a child is started",
     "it has the descriptors that it had without them")
{
    struct rouse_options options = {.size = sizeof options};
    struct rouse_evq *evq;
    struct rouse rt;
    char before[LIST];

    inherited_list(before, sizeof before);
    if (world_open_queue(world, NULL, &evq) != 0)
        suite_error("no queue");
    options.evq = evq;
    if (rouse_open(&rt, &options) != 0)
        suite_error("no runtime");
    rouse_pollable(&rt);
    check_inherited(before, "a queue");
    rouse_close(&rt);
    evq->ops->close(evq);
}

CASE(l5_no_child_inherits_a_socket, "L5", NEEDS_KERNEL,
     "a listener, a connection's two ends, and a pair are open while a child is started",
     "it has the descriptors that it had without them")
{
    const struct rouse_sockets *sockets = world->sockets;
    struct rouse_listener listener;
    struct rouse_address address;
    struct rouse_connect connect;
    struct rouse_accept accept;
    struct rouse rt;
    rouse_fd pair[2];
    intptr_t result = -1;
    char before[LIST];

    world_runtime(world, &rt);
    inherited_list(before, sizeof before);
    if (rouse_listen(&listener, &rt.reactor, "127.0.0.1:0") != 0
        || rouse_listener_address(&listener, &address) != 0)
        suite_error("no listener");
    check_inherited(before, "a listener");
    connect = rouse_connect_to(&rt.reactor, &address);
    if (!world_run(world, &rt, &connect.future, WORLD_SOON, &result) || result != 0)
        suite_error("no connection");
    world_take(world, connect.fd);
    check_inherited(before, "a connection");
    accept = rouse_accept(&listener);
    if (!world_run(world, &rt, &accept.future, WORLD_SOON, &result) || result != 0)
        suite_error("no connection was accepted");
    world_take(world, accept.fd);
    check_inherited(before, "an accepted connection");
    if (sockets->pair(sockets, pair) != 0)
        suite_error("no pair");
    world_take(world, pair[0]);
    world_take(world, pair[1]);
    check_inherited(before, "a pair");
    rouse_listener_close(&listener);
    rouse_close(&rt);
}

/* READY at once, after a child has looked around. */
struct look {
    struct rouse_future future;
    const char *before;
};

static enum rouse_poll look_poll(struct rouse_future *self, struct rouse_context *cx)
{
    (void) cx;
    check_inherited(rouse_container_of(self, struct look, future)->before,
                    "what rouse_wait() sleeps on");
    return rouse_ready(self, 0);
}

CASE(l5_no_child_inherits_what_a_thread_sleeps_on, "L5", NEEDS_NOTHING,
     "a child is started inside rouse_wait()", "it has the descriptors that it had outside")
{
    static const struct rouse_future_ops ops = {look_poll, NULL, "look"};
    char before[LIST];
    struct look look = {{&ops, 0}, before};

    inherited_list(before, sizeof before);
    CHECK_EQUAL(L5, rouse_wait(&look.future, NULL), 0, "the result of rouse_wait()");
}

CASE(l5_what_is_inherited_is_seen, "L5", NEEDS_KERNEL,
     "a descriptor that was not opened by rouse, and is inherited, is open while a child starts",
     "the child has it: the cases beside this one can fail")
{
    rouse_fd ends[2];
    rouse_fd at;
    char before[LIST], after[LIST];

    world_pair(world, ends);
    inherited_list(before, sizeof before);
    at = world_duplicate(world, ends[0]);
    world_close(world, at);
    world_duplicate_at(world, ends[0], at);
    inherited_list(after, sizeof after);
    CHECK(L5, strcmp(before, after) != 0, "the child does not see what it inherits: %.200s", after);
}

CASES(life_l5) = {&l5_no_child_inherits_a_queue, &l5_no_child_inherits_a_socket,
                  &l5_no_child_inherits_what_a_thread_sleeps_on, &l5_what_is_inherited_is_seen};
