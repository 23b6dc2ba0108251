/*
 * n2_transfers.c -- whatever is sent arrives, whole and in order: more than the buffers hold,
 * both ways at once, on many connections, around urgent data.
 */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

static const enum rouse_family families[] = {ROUSE_NO_FAMILY, ROUSE_IPV4};

CASE(n2_more_than_the_buffers_hold_arrives_whole, "N2", NEEDS_NOTHING,
     "0 bytes to 8 MB go to readers that take 1 byte to 64 KB at a time, over TCP and a pair",
     "they arrive in order, and then the end")
{
    static const struct {
        size_t size, chunk;
    } loads[] = {{0, 10},       {1, 1},        {1, 10},        {1000, 1},        {4096, 4096},
                 {65536, 4095}, {65537, 4096}, {1000000, 777}, {8 << 20, 65536}, {3 << 20, 20000}};
    struct rouse rt;

    world_runtime(world, &rt);
    for (size_t i = 0; i < 2 * sizeof loads / sizeof *loads; i++) {
        struct rouse_tcp near, far;
        const rouse_fd peer = stream_end(world, &rt, families[i % 2], &near);
        const char *wrong;

        stream_open(&far, &rt.reactor, families[i % 2], world_give(world, peer));
        wrong = stream_carry(world, &rt, &near, &far, loads[i / 2].size, loads[i / 2].chunk);
        CHECK(N2, wrong == NULL, "%zu bytes, by %zu: %s", loads[i / 2].size, loads[i / 2].chunk,
              wrong);
        rouse_tcp_close(&near);
        rouse_tcp_close(&far);
    }
    rouse_close(&rt);
}

/* One end that sends a pattern and receives it at the same time. */
struct talker {
    struct rouse_tcp tcp;
    struct rouse_task task;
    struct rouse_write_all write;
    struct receiver receiver;
};

CASE(n2_both_directions_go_on_at_once, "N2", NEEDS_NOTHING,
     "both ends send 1 MB to each other, each through one handle that reads and writes",
     "both arrive whole")
{
    enum { SIZE = 1 << 20 };
    static struct talker talkers[2];
    char *bytes = pattern_make(SIZE);
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 2; i++) {
        const rouse_fd peer = stream_end(world, &rt, families[i], &talkers[0].tcp);
        const rouse_time limit = world_after(world, 5 * WORLD_SOON);

        stream_open(&talkers[1].tcp, &rt.reactor, families[i], world_give(world, peer));
        for (int n = 0; n < 2; n++) {
            struct talker *talker = &talkers[n];

            talker->write = rouse_write_all(&talker->tcp, bytes, SIZE);
            rouse_spawn_held(&rt.executor, &talker->task, &talker->write.future, NULL);
            rouse_spawn_held(&rt.executor, &talker->receiver.task,
                             receiver_make(&talker->receiver, &talker->tcp, 10000), NULL);
        }
        while ((talkers[0].receiver.total < SIZE || talkers[1].receiver.total < SIZE)
               && world_now(world) < limit)
            rouse_turn(&rt, limit);
        few_turns(&rt);
        for (int n = 0; n < 2; n++) {
            struct talker *talker = &talkers[n];

            CHECK(N2, rouse_task_ended(&talker->task) && talker->write.done == SIZE,
                  "%zu bytes went out", talker->write.done);
            CHECK(N2, talker->receiver.total == SIZE && talker->receiver.wrong == 0,
                  "%zu bytes came, %zu of them wrong", talker->receiver.total,
                  talker->receiver.wrong);
            rouse_cancel(&talker->task);
            rouse_cancel(&talker->receiver.task);
            rouse_turn(&rt, 0);
            rouse_task_unhold(&talker->task);
            rouse_task_unhold(&talker->receiver.task);
        }
        rouse_tcp_close(&talkers[0].tcp);
        rouse_tcp_close(&talkers[1].tcp);
    }
    rouse_close(&rt);
    free(bytes);
}

/* Keeps what it reads until the stream ends, but for urgent bytes: one that another
 * followed too soon becomes a byte like any other. */
struct keeper {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_tcp *tcp;
    struct rouse_read read;
    size_t chunk, count;
    char buffer[100];
    char kept[1000];
};

ROUSE_ASYNC(keeper, struct keeper)
{
    ROUSE_BEGIN
    do {
        ROUSE_AWAIT(self->read, rouse_read(self->tcp, self->buffer, self->chunk));
        for (intptr_t i = 0; i < self->read.future.result; i++)
            if (self->buffer[i] != '!' && self->count < sizeof self->kept)
                self->kept[self->count++] = self->buffer[i];
    } while (self->read.future.result > 0);
    ROUSE_RETURN(self->read.future.result);
    ROUSE_FINALLY
    ROUSE_END
}

static void send_letters(struct world *world, rouse_fd fd, char *sent, size_t *count, size_t more)
{
    const size_t from = *count;

    while (*count < from + more) {
        sent[*count] = (char) ('a' + *count % 26);
        ++*count;
    }
    if (world_write(world, fd, sent + from, more) != (intptr_t) more)
        suite_error("%zu bytes do not go out", more);
}

CASE(n2_urgent_data_takes_no_byte_away, "N2 X6", NEEDS_NOTHING,
     "urgent bytes come before, among and after others, to a reader that waits or comes later, "
     "whose buffer is large or small",
     "all that is not urgent is read, in order, and then the end")
{
    static const size_t chunks[] = {1, 2, 3, 100};
    static struct keeper keeper;
    struct rouse rt;

    world_runtime(world, &rt);
    for (int i = 0; i < 4 * 2 * 2; i++) {
        const bool turns = i & 4, waits = i & 8;
        struct rouse_join join;
        struct rouse_tcp tcp;
        const rouse_fd peer = stream_end(world, &rt, ROUSE_IPV4, &tcp);
        char sent[1000];
        size_t count = 0;
        intptr_t result = -1;

        keeper.tcp = &tcp;
        keeper.chunk = chunks[i % 4];
        keeper.count = 0;
        if (waits) {
            rouse_spawn_held(&rt.executor, &keeper.task, keeper_start(&keeper), NULL);
            few_turns(&rt);
        }
        for (int n = 0; n < 12; n++) {
            if (n % 3 != 1)
                send_letters(world, peer, sent, &count, (size_t) (3 + n % 5));
            if (n % 3 != 2)
                world_urgent(world, peer, '!');
            if (turns)
                few_turns(&rt);
        }
        if (i % 2 == 0)
            send_letters(world, peer, sent, &count, 10);
        world_shutdown(world, peer);
        if (!waits)
            rouse_spawn_held(&rt.executor, &keeper.task, keeper_start(&keeper), NULL);
        join = rouse_join(&keeper.task);
        CHECK(N2, world_run(world, &rt, &join.future, WORLD_SOON, &result) && result == 0,
              "after %zu of %zu bytes: %s", keeper.count, count, rouse_strerror(result));
        CHECK(N2, keeper.count == count && memcmp(keeper.kept, sent, count) == 0,
              "\"%.*s\" arrived of \"%.*s\"", (int) keeper.count, keeper.kept, (int) count, sent);
        rouse_cancel(&keeper.task);
        rouse_turn(&rt, 0);
        rouse_task_unhold(&keeper.task);
        rouse_tcp_close(&tcp);
    }
    rouse_close(&rt);
}

CASES(net_n2_transfers) = {&n2_more_than_the_buffers_hold_arrives_whole,
                           &n2_both_directions_go_on_at_once, &n2_urgent_data_takes_no_byte_away};
