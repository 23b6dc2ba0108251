/*
 * b2_in_a_strange_loop.c -- B2: a queue that lives in a loop of somebody else's, which may
 * be turned by him as well as by wait().
 *
 * `rouse_evq_options.host` is a uv_loop_t. A backend that lives in none does not look at
 * it, and passes the same cases: then nobody but wait() turns anything.
 */
#include <errno.h>
#include <string.h>

#include "../evq/queue.h"
#include "../fault/calls.h"
#include "../world.h"
#include "strange_loop.h"

struct stay {
    struct world *world;
    void *loop; /* that the queue lives in, or NULL */
    struct memory memory;
    struct rouse_evq *evq;
};

static int stay_open(struct stay *stay, struct world *world)
{
    struct rouse_evq_options options = {.size = sizeof options};

    *stay = (struct stay){.world = world};
    memory_init(&stay->memory);
    options.alloc = &stay->memory.alloc;
    options.host = &options; /* no loop of any kind */
    if (strcmp(world->backend->name, "libuv") == 0)
        options.host = stay->loop = strange_loop_open();
    return world->backend->open(&stay->evq, &options);
}

/* As the loop's owner does it, who knows nothing of queues. */
static void owner_turns(struct stay *stay)
{
    if (stay->loop != NULL)
        strange_loop_turn(stay->loop);
}

static void stay_end(struct stay *stay)
{
    owner_turns(stay);
    CHECK_EQUAL(B2, stay->memory.live, 0, "blocks left over after one more turn");
    if (stay->loop != NULL)
        CHECK_EQUAL(B2, strange_loop_close(stay->loop), 0, "what uv_loop_close() says");
}

static void stay_close(struct stay *stay)
{
    stay->evq->ops->close(stay->evq);
    stay_end(stay);
}

CASE(b2_what_happens_while_the_owner_turns_is_told_by_the_next_wait, "B2", NEEDS_KERNEL,
     "a source is armed both ways in a strange loop, whose owner turns it before and after data "
     "comes",
     "the next wait() reports both directions once, and at once")
{
    struct rouse_source source = {0};
    struct rouse_event event;
    struct stay stay;
    unsigned ready = 0;
    rouse_fd ends[2];

    if (stay_open(&stay, world) != 0)
        suite_error("no queue");
    world_pair(world, ends);
    source.fd = ends[0];
    CHECK_EQUAL(B2, stay.evq->ops->arm(stay.evq, &source, QUEUE_BOTH), 0, "arm()");
    owner_turns(&stay);
    queue_send(world, ends[1], ends[0]);
    owner_turns(&stay);
    owner_turns(&stay);
    for (int waits = 0; waits < 2 && ready != QUEUE_BOTH; waits++)
        if (stay.evq->ops->wait(stay.evq, &event, 1, 0) == 1) {
            CHECK(B2, (ready & event.ready) == 0, "%s twice", queue_name(event.ready));
            ready |= event.ready;
        }
    CHECK_EQUAL(B2, ready, QUEUE_BOTH, "what was reported");
    CHECK_EQUAL(B2, stay.evq->ops->wait(stay.evq, &event, 1, 0), 0, "reports afterwards");
    stay.evq->ops->forget(stay.evq, &source);
    stay_close(&stay);
}

CASE(b2_a_wake_ends_the_turn_of_the_owner, "B2 E7", NEEDS_KERNEL,
     "the owner of a strange loop sleeps in it when a queue that somebody listens to is woken",
     "his turn ends, and the next wait() returns at once")
{
    struct rouse_event event;
    struct stay stay;

    if (stay_open(&stay, world) != 0)
        suite_error("no queue");
    queue_pollable(stay.evq);
    for (int round = 0; round < 3; round++) {
        stay.evq->ops->wake(stay.evq);
        if (stay.loop != NULL)
            strange_loop_turn_once(stay.loop);
        CHECK_EQUAL(E7, stay.evq->ops->wait(stay.evq, &event, 1, ROUSE_NEVER), 0,
                    "what a wait() returns that was woken");
        CHECK_EQUAL(B2, stay.evq->ops->wait(stay.evq, &event, 1, 0), 0, "and the one after it");
    }
    stay_close(&stay);
}

CASE(b2_a_queue_that_does_not_open_leaves_a_strange_loop_as_it_was, "B2 X10",
     NEEDS_KERNEL | NEEDS_FAILURES,
     "a queue opens in a strange loop, and each of its system calls fails in turn",
     "it says so, and the loop closes as if nothing had been")
{
    for (const struct call_failure *call = call_failures; call->call != NULL; call++) {
        struct stay stay;
        int error;

        if (call->how != CALL_FAILS || call->told == 0)
            continue;
        calls_fail(world, call, 1, true);
        error = stay_open(&stay, world);
        calls_end();
        CHECK(X10, error == 0 || error == -call->told, "%s() is %s, and open() says: %s",
              call->call, call->error_name, rouse_strerror(error));
        if (error == 0)
            stay_close(&stay);
        else if (stay.loop != NULL)
            stay_end(&stay);
    }
}

CASES(guest_b2_strange) = {&b2_what_happens_while_the_owner_turns_is_told_by_the_next_wait,
                           &b2_a_wake_ends_the_turn_of_the_owner,
                           &b2_a_queue_that_does_not_open_leaves_a_strange_loop_as_it_was};
