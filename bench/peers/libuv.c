/*
 * libuv.c -- the workloads on libuv.
 *
 *   libuv        w1 and w2 by idle handles, w3 by async handles, its only wake; w4 by
 *                uv_try_write()
 *   libuv-idle   w3 by starting the neighbour's idle handle
 *   libuv-write  w4 by uv_write()
 *
 * Idle handles are called in every iteration, nobody wakes them: w1 is no yield of a
 * task, but the nearest thing.
 */
#include "../harness.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

static uv_loop_t loop;

static void loop_run(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
}

/* w1 */

struct yielder {
    uv_idle_t idle;
    long left;
};

static void yielder_turn(uv_idle_t *idle)
{
    if (--((struct yielder *) idle)->left == 0)
        uv_idle_stop(idle);
}

static void w1(long rounds)
{
    static struct yielder yielders[BENCH_TASKS];
    int i;

    bench_begin();
    for (i = 0; i < BENCH_TASKS; i++) {
        yielders[i].left = rounds;
        uv_idle_init(&loop, &yielders[i].idle);
        uv_idle_start(&yielders[i].idle, yielder_turn);
    }
    loop_run();
    bench_end(rounds * BENCH_TASKS);
}

/* w2 */

static long live;

static void single_closed(uv_handle_t *handle)
{
    live--;
    free(handle);
}

static void single_turn(uv_idle_t *idle)
{
    uv_close((uv_handle_t *) idle, single_closed);
}

static void w2(long rounds)
{
    long round;
    int i;

    bench_begin();
    for (round = 0; round < rounds; round++) {
        live += BENCH_TASKS;
        for (i = 0; i < BENCH_TASKS; i++) {
            uv_idle_t *const idle = malloc(sizeof *idle);

            bench_require(idle != NULL, "malloc");
            uv_idle_init(&loop, idle);
            uv_idle_start(idle, single_turn);
        }
        loop_run();
    }
    bench_end(rounds * BENCH_TASKS);
    bench_require(live == 0, "completing every task");
}

/* w3 */

static uv_async_t asyncs[BENCH_TASKS];
static uv_idle_t idles[BENCH_TASKS];
static long hops;

static void async_hop(uv_async_t *async)
{
    if (hops-- == 0)
        uv_stop(&loop);
    else
        uv_async_send(&asyncs[(async - asyncs + 1) % BENCH_TASKS]);
}

static void idle_hop(uv_idle_t *idle)
{
    uv_idle_stop(idle);
    if (hops-- > 0)
        uv_idle_start(&idles[(idle - idles + 1) % BENCH_TASKS], idle_hop);
}

static void w3(long rounds)
{
    const bool by_idle = bench_peer_is("libuv-idle");
    int i;

    hops = rounds * BENCH_TASKS;
    for (i = 0; i < BENCH_TASKS; i++) {
        if (by_idle)
            uv_idle_init(&loop, &idles[i]);
        else
            uv_async_init(&loop, &asyncs[i], async_hop);
    }
    bench_begin();
    if (by_idle)
        uv_idle_start(&idles[0], idle_hop);
    else
        uv_async_send(&asyncs[0]);
    loop_run();
    bench_end(rounds * BENCH_TASKS);
}

/* w4 */

struct end {
    uv_tcp_t tcp;
    uv_write_t write;
    char in[256];
    char out[BENCH_MESSAGE]; /* what uv_write() is writing */
};

static struct end ends[2]; /* the first counts the rounds */
static long left;

static void end_send(struct end *end, const char *bytes)
{
    uv_buf_t buffer = uv_buf_init((char *) (uintptr_t) bytes, BENCH_MESSAGE);

    if (bench_peer_is("libuv-write")) {
        memcpy(end->out, bytes, BENCH_MESSAGE);
        buffer.base = end->out;
        uv_write(&end->write, (uv_stream_t *) &end->tcp, &buffer, 1, NULL);
    } else {
        bench_require(uv_try_write((uv_stream_t *) &end->tcp, &buffer, 1) == BENCH_MESSAGE,
                      "uv_try_write");
    }
}

static void end_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct end *const end = (struct end *) handle;

    (void) suggested;
    *buffer = uv_buf_init(end->in, sizeof end->in);
}

static void end_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct end *const end = (struct end *) stream;

    if (count == 0)
        return;
    bench_require(count == BENCH_MESSAGE, "reading a message");
    if (end == &ends[0] && --left == 0)
        uv_stop(&loop);
    else
        end_send(end, buffer->base);
}

static void w4(long rounds)
{
    static const char message[BENCH_MESSAGE];
    int fds[2];
    int i;

    bench_tcp_pair(fds);
    left = rounds;
    bench_begin();
    for (i = 0; i < 2; i++) {
        uv_tcp_init(&loop, &ends[i].tcp);
        uv_tcp_open(&ends[i].tcp, fds[i]);
        uv_read_start((uv_stream_t *) &ends[i].tcp, end_alloc, end_read);
    }
    end_send(&ends[0], message);
    loop_run();
    bench_end(rounds);
}

int main(int argc, char **argv)
{
    static const struct bench_workload workloads[] = {
        {"w1", w1}, {"w2", w2}, {"w3", w3}, {"w4", w4}, {NULL, NULL}};

    bench_require(uv_loop_init(&loop) == 0, "uv_loop_init");
    return bench_main(argc, argv, workloads);
}
