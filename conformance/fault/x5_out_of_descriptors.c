/*
 * x5_out_of_descriptors.c -- X5: when descriptors run out, whoever asks for one is told, and
 * everything that has one goes on.
 */
#include <errno.h>

#include "play.h"

static bool is_shortage(intptr_t error)
{
    return error == -EMFILE || error == -ENFILE;
}

/* Two ends that talk for ever, until they are closed. */
struct talk {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    bool begins;
    char byte;
    int rounds;
    intptr_t error;
};

ROUSE_ASYNC(talk, struct talk)
{
    ROUSE_BEGIN
    self->byte = 'x';
    for (;;) {
        if (self->begins || self->rounds > 0) {
            ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, &self->byte, 1));
            self->error = self->write.future.result - 1;
            if (self->error != 0)
                break;
        }
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, &self->byte, 1));
        self->error = self->read.future.result - 1;
        if (self->error != 0)
            break;
        self->rounds++;
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

static void talk_begin(struct world *world, struct rouse *rt, struct talk talks[2])
{
    rouse_fd ends[2];

    world_pair(world, ends);
    for (int i = 0; i < 2; i++) {
        talks[i] = (struct talk){.begins = i == 0};
        rouse_stream_open(&talks[i].tcp, &rt->reactor, world_give(world, ends[i]));
        rouse_spawn(&rt->executor, &talks[i].task, talk_start(&talks[i]), NULL);
    }
}

/* Whether they have talked since they were last asked, and still do. */
static bool talk_goes_on(struct world *world, struct rouse *rt, struct talk talks[2])
{
    const rouse_time late = world_after(world, WORLD_SOON);
    const int before = talks[0].rounds;

    while (talks[0].rounds < before + 20 && talks[0].error == 0 && world_now(world) < late)
        rouse_turn(rt, world_after(world, 1));
    return talks[0].rounds >= before + 20 && talks[0].error == 0 && talks[1].error == 0;
}

CASE(x5_who_asks_is_told_and_the_others_go_on, "X5", NEEDS_NOTHING,
     "a connect and an accept are made without any descriptor left, beside a pair that talks",
     "they are -EMFILE, the talk goes on, and with descriptors both work")
{
    struct rouse_address address;
    struct rouse_listener listener;
    struct talk talks[2];
    struct rouse rt;
    rouse_fd spare[2];
    rouse_fd fd = world_listen(world, ROUSE_IPV4, 8, &address);

    world_runtime(world, &rt);
    rouse_listener_open(&listener, &rt.reactor, world_give(world, fd));
    world_pair(world, spare);
    talk_begin(world, &rt, talks);
    world_connect(world, &address);
    world_await_ready(world, fd, ROUSE_READABLE);
    world_starve(world);
    for (int round = 0; round < 3; round++) {
        struct rouse_connect connect = rouse_connect_to(&rt.reactor, &address);
        intptr_t result = 0;

        CHECK(X5, world_run(world, &rt, &connect.future, WORLD_SOON, &result),
              "a connect without descriptors pends");
        CHECK(X5, is_shortage(result), "a connect without descriptors is: %s",
              rouse_strerror(result));
        CHECK(X5, talk_goes_on(world, &rt, talks), "the talk beside a connect is disturbed");
        if (round == 0) {
            struct rouse_accept accept = rouse_accept(&listener);

            CHECK(X5, world_run(world, &rt, &accept.future, WORLD_SOON, &result),
                  "the first accept without descriptors pends");
            CHECK(X5, is_shortage(result), "an accept without descriptors is: %s",
                  rouse_strerror(result));
            CHECK(X5, talk_goes_on(world, &rt, talks), "the talk beside an accept is disturbed");
        }
    }
    rouse_fd_close(&rt.reactor, world_give(world, spare[0]));
    world_close(world, spare[1]);
    for (int i = 0; i < 2; i++) {
        struct rouse_accept accept = rouse_accept(&listener);
        struct rouse_connect connect = rouse_connect_to(&rt.reactor, &address);
        struct rouse_future *const future = i == 0 ? &accept.future : &connect.future;
        intptr_t result = -1;

        CHECK(X5, world_run(world, &rt, future, WORLD_SOON, &result) && result == 0,
              "with a descriptor %s is: %s", i == 0 ? "an accept" : "a connect",
              rouse_strerror(result));
        if (result == 0)
            world_take(world, i == 0 ? accept.fd : connect.fd);
    }
    CHECK(X5, talk_goes_on(world, &rt, talks), "the talk is disturbed afterwards");
    rouse_listener_close(&listener);
    rouse_close(&rt);
}

CASE(x5_a_pair_needs_two, "X5", NEEDS_NOTHING,
     "a pair of sockets is asked for with no descriptor left, with one, and with two",
     "it is -EMFILE twice, and the one is still free; then it works")
{
    const struct rouse_sockets *sockets = world->sockets;
    rouse_fd ends[2];

    world_starve(world);
    for (int left = 0; left < 2; left++) {
        const int descriptors = world_open_descriptors(world);
        const int error = sockets->pair(sockets, ends);

        CHECK(X5, is_shortage(error), "with %d descriptors it is: %s", left, rouse_strerror(error));
        CHECK_EQUAL(X5, world_open_descriptors(world), descriptors, "descriptors open");
        world_feed(world, 1);
    }
    CHECK_EQUAL(X5, sockets->pair(sockets, ends), 0, "a pair with two descriptors");
    world_take(world, ends[0]);
    world_take(world, ends[1]);
}

CASE(x5_programs_are_told_or_succeed, "X5 X9", NEEDS_NOTHING,
     "programs of every kind run with 0, 1, 2, ... descriptors left, each before the next is free",
     "each says -EMFILE or succeeds, always if it has what it needs, and leaves nothing")
{
    enum { MOST = 6 };
    struct play play;

    play_open_on(&play, world, world->evq);
    for (int i = 0; programs[i] != NULL; i++)
        if (programs[i]->descriptors <= MOST) /* the system may keep something of its own */
            CHECK_EQUAL(X9, programs[i]->run(&play), 0, programs[i]->name);
    world_starve(world);
    for (int left = 0; left <= MOST; left++) {
        for (int i = 0; programs[i] != NULL; i++) {
            const int descriptors = world_open_descriptors(world);
            const bool enough = programs[i]->descriptors <= left;
            intptr_t result;

            if (programs[i]->descriptors > MOST)
                continue;
            result = programs[i]->run(&play);
            CHECK(X5, result == 0 || (!enough && is_shortage(result)),
                  "%s, with %d descriptors left, is: %s", programs[i]->name, left,
                  rouse_strerror(result));
            CHECK(X5, world_open_descriptors(world) == descriptors,
                  "%s leaves %d descriptors open, %d were before", programs[i]->name,
                  world_open_descriptors(world), descriptors);
        }
        world_feed(world, 1);
    }
    for (int i = 0; programs[i] != NULL; i++)
        if (programs[i]->descriptors <= MOST)
            CHECK_EQUAL(X9, programs[i]->run(&play), 0, programs[i]->name);
    play_close(&play);
}

CASE(x5_a_thread_that_cannot_sleep_is_told, "X5", NEEDS_KERNEL | NEEDS_LIMIT,
     "rouse_wait() is called without any descriptor left, and with some",
     "it is -EMFILE and the future is dropped; then it works")
{
    struct rouse_yield yield = rouse_yield();
    struct memory memory;
    intptr_t result;

    memory_init(&memory);
    world_starve(world);
    result = rouse_wait(&yield.future, &memory.alloc);
    CHECK(X5, is_shortage(result), "rouse_wait() is: %s", rouse_strerror(result));
    CHECK(X5, yield.future.ops == &rouse_future_finished, "its future was not dropped");
    CHECK_EQUAL(X5, memory.live, 0, "blocks of memory left over");
    world_feed(world, 2);
    yield = rouse_yield();
    CHECK_EQUAL(X5, rouse_wait(&yield.future, &memory.alloc), 0, "rouse_wait() with descriptors");
    CHECK_EQUAL(X5, memory.live, 0, "blocks of memory left over");
}

CASES(fault_x5) = {&x5_who_asks_is_told_and_the_others_go_on, &x5_a_pair_needs_two,
                   &x5_programs_are_told_or_succeed, &x5_a_thread_that_cannot_sleep_is_told};
