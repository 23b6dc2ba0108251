/*
 * x6_a_bad_peer.c -- X6: what a peer does reaches only the futures of its own connection.
 *
 * Fifty good connections talk all the while, byte by byte, so each of them arms, waits and
 * is woken in the same batches as the bad one. What they say is numbered: a byte too many,
 * too few, or of somebody else's is found.
 */
#include <stdlib.h>

#include "../world.h"

enum { GOOD = 50, ROUNDS = 12 };

/* One end of a good connection. */
struct talk {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    bool begins;
    unsigned char byte, number;
    int round;
    bool well; /* all rounds were as they should be */
    bool over;
};

ROUSE_ASYNC(talk, struct talk)
{
    ROUSE_BEGIN
    for (; self->round < ROUNDS; self->round++) {
        if (self->begins) {
            self->byte = (unsigned char) (self->number + self->round);
            ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, &self->byte, 1));
        }
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, &self->byte, 1));
        if (self->read.future.result != 1
            || self->byte != (unsigned char) (self->number + self->round))
            ROUSE_RETURN(-1);
        if (!self->begins) {
            ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, &self->byte, 1));
        }
        if (self->write.future.result != 1)
            ROUSE_RETURN(-1);
    }
    self->well = true;
    ROUSE_FINALLY
    self->over = true;
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

/* Our end of the bad connection: a reader that reads until it is told an end or an error,
 * and a writer that writes until it is told one. */
struct victim {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp *tcp;
    struct rouse_read read;
    struct rouse_write write;
    bool writes;
    bool ended;
    char buffer[4096];
};

ROUSE_ASYNC(victim, struct victim)
{
    ROUSE_BEGIN
    do {
        if (self->writes) {
            ROUSE_AWAIT(self->write, rouse_write(self->tcp, self->buffer, sizeof self->buffer));
        } else {
            ROUSE_AWAIT(self->read, rouse_read(self->tcp, self->buffer, sizeof self->buffer));
        }
    } while ((self->writes ? self->write.future.result : self->read.future.result) > 0);
    self->ended = true;
    ROUSE_FINALLY
    ROUSE_END
}

/* Does as bad peers do, again and again. */
enum misdeed {
    RESETS,
    RESETS_AFTER_DATA,
    CLOSES_HALF,
    CLOSES, /* so far, with an end to be told of */
    SENDS_URGENTLY,
    FLOODS,
    IDLES
};

struct scene {
    struct world *world;
    struct rouse rt;
    struct talk talks[2 * GOOD];
    struct victim victims[2];
    struct rouse_tcp bad;
    rouse_fd peer; /* the bad one's own end */
};

static void scene_open(struct scene *scene, struct world *world)
{
    rouse_fd ends[2];

    scene->world = world;
    world_runtime(world, &scene->rt);
    for (int i = 0; i < 2 * GOOD; i++) {
        struct talk *talk = &scene->talks[i];

        if (i % 2 == 0)
            world_pair(world, ends);
        *talk = (struct talk){.begins = i % 2 == 0, .number = (unsigned char) (5 * (i / 2))};
        rouse_stream_open(&talk->tcp, &scene->rt.reactor, world_give(world, ends[i % 2]));
        rouse_spawn(&scene->rt.executor, &talk->task, talk_start(talk), NULL);
        if (i == GOOD) { /* among them, the bad one */
            rouse_fd bad[2];

            world_tcp_pair(world, bad);
            scene->peer = bad[1];
            rouse_tcp_open(&scene->bad, &scene->rt.reactor, world_give(world, bad[0]));
            for (int v = 0; v < 2; v++) {
                scene->victims[v] = (struct victim){.tcp = &scene->bad, .writes = v == 1};
                rouse_spawn(&scene->rt.executor, &scene->victims[v].task,
                            victim_start(&scene->victims[v]), NULL);
            }
        }
    }
}

static void misbehave(struct scene *scene, enum misdeed misdeed, int turn)
{
    static const char flood[1 << 16];
    struct world *world = scene->world;
    char byte;

    if (misdeed == SENDS_URGENTLY && turn % 3 == 0)
        world_urgent(world, scene->peer, 'u');
    if (misdeed == SENDS_URGENTLY || misdeed == RESETS_AFTER_DATA)
        (void) world_write(world, scene->peer, "data", 4);
    while (misdeed == FLOODS && world_write(world, scene->peer, flood, sizeof flood) > 0)
        continue;
    if (misdeed == FLOODS && turn % 2 == 0)
        (void) world_read(world, scene->peer, &byte, 1);
    if (turn != 5)
        return;
    switch (misdeed) {
    case RESETS:
    case RESETS_AFTER_DATA: world_reset(world, scene->peer); break;
    case CLOSES_HALF: world_shutdown(world, scene->peer); break;
    case CLOSES: world_close(world, scene->peer); break;
    case SENDS_URGENTLY:
    case FLOODS:
    case IDLES: break;
    }
    if (misdeed <= CLOSES && misdeed != CLOSES_HALF)
        scene->peer = ROUSE_NO_FD;
}

static bool all_over(const struct scene *scene)
{
    for (int i = 0; i < 2 * GOOD; i++)
        if (!scene->talks[i].over)
            return false;
    return true;
}

/* Plays the scene, and checks the good ones. Returns which of the bad one's futures have
 * been told an end. */
static unsigned play_scene(struct world *world, enum misdeed misdeed)
{
    struct scene *scene = calloc(1, sizeof *scene);
    rouse_time late;
    unsigned ended;
    int well = 0;

    if (scene == NULL)
        suite_error("no memory");
    scene_open(scene, world);
    late = world_after(world, 4 * WORLD_SOON);
    for (int turn = 0; world_now(world) < late; turn++) {
        const bool over = all_over(scene) && (misdeed >= SENDS_URGENTLY || scene->victims[0].ended);

        if (over && turn > 10)
            break;
        if (scene->peer != ROUSE_NO_FD && turn < 40)
            misbehave(scene, misdeed, turn);
        rouse_turn(&scene->rt, world_after(world, 1));
    }
    for (int i = 0; i < 2 * GOOD; i++)
        well += scene->talks[i].well;
    CHECK(X6, well == 2 * GOOD, "%d of %d good ends were disturbed", 2 * GOOD - well, 2 * GOOD);
    ended = (scene->victims[0].ended ? (unsigned) ROUSE_READABLE : 0)
            | (scene->victims[1].ended ? (unsigned) ROUSE_WRITABLE : 0);
    rouse_tcp_close(&scene->bad);
    rouse_close(&scene->rt);
    free(scene);
    return ended;
}

CASE(x6_a_reset_reaches_its_own_futures, "X6", NEEDS_NOTHING,
     "a peer resets its connection, with data on the way and without, beside fifty good ones",
     "reader and writer of that connection are told, and the good ones come to their ends")
{
    for (enum misdeed misdeed = RESETS; misdeed <= RESETS_AFTER_DATA; misdeed++)
        CHECK_EQUAL(X6, play_scene(world, misdeed), ROUSE_READABLE | ROUSE_WRITABLE,
                    "whom the reset has reached");
}

CASE(x6_urgent_data_reaches_nobody_else, "X6", NEEDS_NOTHING,
     "a peer sends urgent data among its bytes, again and again, beside fifty good connections",
     "nobody is told of an end, and the good ones come to theirs")
{
    CHECK_EQUAL(X6, play_scene(world, SENDS_URGENTLY) & ROUSE_READABLE, 0,
                "who takes urgent data for an end");
}

CASE(x6_a_half_close_ends_its_reader_alone, "X6", NEEDS_NOTHING,
     "a peer says that it has sent all, and reads nothing, beside fifty good connections",
     "the reader of that connection is told, its writer waits on, the good ones come to their ends")
{
    CHECK_EQUAL(X6, play_scene(world, CLOSES_HALF), ROUSE_READABLE,
                "whom the half-close has ended");
}

CASE(x6_a_close_reaches_its_own_futures, "X6", NEEDS_NOTHING,
     "a peer closes with bytes unread, beside fifty good connections",
     "reader and writer of that connection are told, and the good ones come to their ends")
{
    CHECK_EQUAL(X6, play_scene(world, CLOSES), ROUSE_READABLE | ROUSE_WRITABLE,
                "whom the close has reached");
}

CASE(x6_a_flood_or_silence_starves_nobody, "X6", NEEDS_NOTHING,
     "a peer writes as much as it can, or nothing at all, beside fifty good connections",
     "nobody is told of an end, and the good ones come to theirs")
{
    CHECK_EQUAL(X6, play_scene(world, FLOODS), 0, "who takes a flood for an end");
    CHECK_EQUAL(X6, play_scene(world, IDLES), 0, "who takes silence for an end");
}

CASE(x6_who_is_gone_before_the_accept_does_not_reach_it, "X6", NEEDS_SIM,
     "three connect; the first two are reset before anybody accepts, as some systems tell accept()",
     "the accept is READY with the third, and nobody is told of the others")
{
    struct rouse_listener listener;
    struct rouse_address address;
    struct rouse_accept accept;
    struct rouse rt;
    rouse_fd fds[3];
    intptr_t result = -1;

    world_runtime(world, &rt);
    rouse_listener_open(&listener, &rt.reactor,
                        world_give(world, world_listen(world, ROUSE_IPV4, 8, &address)));
    for (int i = 0; i < 3; i++)
        fds[i] = world_connect(world, &address);
    rouse_sim_faults(world->evq, "aborted=xx");
    accept = rouse_accept(&listener);
    if (CHECK(X6, world_run(world, &rt, &accept.future, WORLD_SOON, &result) && result == 0,
              "the accept is told: %s", rouse_strerror(result))) {
        world_take(world, accept.fd);
        world_send(world, fds[2], 1);
        CHECK(X6, (world_ready(world, accept.fd) & ROUSE_READABLE) != 0, "not the third");
    }
    rouse_sim_faults(world->evq, NULL);
    rouse_listener_close(&listener);
    rouse_close(&rt);
}

enum { MIXED = 24 };

CASE(x6_failures_and_bytes_in_one_turn_all_arrive, "X6", NEEDS_NOTHING,
     "of twenty-four connections that are read some are reset, some closed, and some sent a byte, "
     "in all orders, before the runtime turns",
     "each reader is told of its own connection, and of nothing else")
{
    for (int round = 0; round < 6; round++) {
        struct rouse_tcp tcps[MIXED];
        struct rouse_read reads[MIXED];
        struct rouse_task tasks[MIXED];
        char bytes[MIXED];
        rouse_fd peers[MIXED];
        struct rouse_sleep sleep;
        struct rouse rt;

        world_runtime(world, &rt);
        for (int i = 0; i < MIXED; i++) {
            rouse_fd ends[2];

            world_tcp_pair(world, ends);
            peers[i] = ends[1];
            rouse_tcp_open(&tcps[i], &rt.reactor, world_give(world, ends[0]));
            reads[i] = rouse_read(&tcps[i], &bytes[i], 1);
            rouse_spawn_held(&rt.executor, &tasks[i], &reads[i].future, NULL);
        }
        world_settle(world, &rt);
        for (int i = 0; i < MIXED; i++) {
            const int deed = (i + round) * (round < 3 ? 1 : 5) % 3;

            if (deed == 0)
                world_reset(world, peers[i]);
            else if (deed == 1)
                world_send(world, peers[i], 1);
            else
                world_close(world, peers[i]);
        }
        sleep = rouse_sleep(&rt.reactor, ROUSE_MS(WORLD_QUIET));
        world_run(world, &rt, &sleep.future, WORLD_SOON, NULL);
        for (int i = 0; i < MIXED; i++) {
            const int deed = (i + round) * (round < 3 ? 1 : 5) % 3;
            const intptr_t result = rouse_task_ended(&tasks[i]) ? reads[i].future.result : -1;

            CHECK(X6, rouse_task_ended(&tasks[i]), "reader %d was told nothing, of deed %d", i,
                  deed);
            CHECK(X6, deed == 0 ? result < 0 : result == (deed == 1),
                  "reader %d is told %lld, of deed %d", i, (long long) result, deed);
            rouse_cancel(&tasks[i]);
        }
        world_settle(world, &rt);
        for (int i = 0; i < MIXED; i++) {
            rouse_task_unhold(&tasks[i]);
            rouse_tcp_close(&tcps[i]);
        }
        rouse_close(&rt);
    }
}

CASES(fault_x6) = {&x6_a_reset_reaches_its_own_futures,
                   &x6_urgent_data_reaches_nobody_else,
                   &x6_a_half_close_ends_its_reader_alone,
                   &x6_a_close_reaches_its_own_futures,
                   &x6_a_flood_or_silence_starves_nobody,
                   &x6_who_is_gone_before_the_accept_does_not_reach_it,
                   &x6_failures_and_bytes_in_one_turn_all_arrive};
