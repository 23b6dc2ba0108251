/*
 * asio.cpp -- the workloads on standalone Asio, one io_context with the hint that one
 * thread runs it.
 *
 *   asio       callbacks: the cheapest way to run something again is post()
 *   asio-coro  C++20 coroutines, the nearest thing to a task
 */
#include "../harness.h"

#include <asio.hpp>
#include <asio/experimental/channel.hpp>
#include <cstdlib>
#include <deque>
#include <memory>

using asio::awaitable;
using asio::use_awaitable;
using asio::ip::tcp;
using channel = asio::experimental::channel<void(asio::error_code, int)>;

namespace
{

asio::io_context context(1);

bool by_coroutine()
{
    return bench_peer_is("asio-coro");
}

/* w1 */

struct yielder {
    long left;

    void operator()()
    {
        if (left-- > 0)
            asio::post(context, *this);
    }
};

awaitable<void> yielder_body(long left)
{
    while (left-- > 0)
        co_await asio::post(context, use_awaitable);
}

void w1(long rounds)
{
    bench_begin();
    for (int i = 0; i < BENCH_TASKS; i++) {
        if (by_coroutine())
            asio::co_spawn(context, yielder_body(rounds), asio::detached);
        else
            asio::post(context, yielder{rounds});
    }
    context.run();
    bench_end(rounds * BENCH_TASKS);
}

/* w2 */

long live;

awaitable<void> single_body()
{
    live--;
    co_return;
}

void w2(long rounds)
{
    bench_begin();
    for (long round = 0; round < rounds; round++) {
        live += BENCH_TASKS;
        for (int i = 0; i < BENCH_TASKS; i++) {
            if (by_coroutine())
                asio::co_spawn(context, single_body(), asio::detached);
            else
                asio::post(context, [] { live--; });
        }
        context.restart();
        context.run();
    }
    bench_end(rounds * BENCH_TASKS);
    bench_require(live == 0, "completing every task");
}

/* w3 */

long hops;

struct hopper {
    void operator()()
    {
        if (hops-- > 0)
            asio::post(context, *this);
    }
};

awaitable<void> hopper_body(channel &own, channel &next, long left)
{
    while (left-- > 0) {
        co_await own.async_receive(use_awaitable);
        next.try_send(asio::error_code{}, 0);
    }
}

void w3(long rounds)
{
    std::deque<channel> ring;

    if (by_coroutine()) {
        for (int i = 0; i < BENCH_TASKS; i++)
            ring.emplace_back(context, 1);
        for (std::size_t i = 0; i < BENCH_TASKS; i++)
            asio::co_spawn(context, hopper_body(ring[i], ring[(i + 1) % BENCH_TASKS], rounds),
                           asio::detached);
        context.poll();
    }
    hops = rounds * BENCH_TASKS;
    bench_begin();
    if (by_coroutine())
        ring[0].try_send(asio::error_code{}, 0);
    else
        asio::post(context, hopper{});
    context.run();
    bench_end(rounds * BENCH_TASKS);
}

/* w4 */

long left;

/* One end of the connection; the client counts the rounds. */
struct end : std::enable_shared_from_this<end> {
    tcp::socket socket;
    bool client;
    char buffer[256];

    end(tcp::socket &&taken, bool is_client) : socket(std::move(taken)), client(is_client)
    {
    }

    void read()
    {
        socket.async_read_some(asio::buffer(buffer), [self = shared_from_this()](
                                                         asio::error_code error, std::size_t size) {
            bench_require(!error && size == BENCH_MESSAGE, "reading a message");
            if (self->client && --left == 0)
                context.stop();
            else
                self->write();
        });
    }

    void write()
    {
        asio::async_write(socket, asio::buffer(buffer, BENCH_MESSAGE),
                          [self = shared_from_this()](asio::error_code error, std::size_t) {
                              bench_require(!error, "async_write");
                              self->read();
                          });
    }
};

awaitable<void> end_body(tcp::socket socket, bool client)
{
    char buffer[256];

    for (;;) {
        const std::size_t size =
            co_await socket.async_read_some(asio::buffer(buffer), use_awaitable);
        bench_require(size == BENCH_MESSAGE, "reading a message");
        if (client && --left == 0) {
            context.stop();
            co_return;
        }
        co_await asio::async_write(socket, asio::buffer(buffer, size), use_awaitable);
    }
}

void w4(long rounds)
{
    static const char message[BENCH_MESSAGE] = {};
    int fds[2];

    bench_tcp_pair(fds);
    left = rounds;
    bench_begin();
    for (int i = 0; i < 2; i++) {
        tcp::socket socket(context, tcp::v4(), fds[i]);

        if (by_coroutine())
            asio::co_spawn(context, end_body(std::move(socket), i == 0), asio::detached);
        else
            std::make_shared<end>(std::move(socket), i == 0)->read();
    }
    bench_send(fds[0], message, BENCH_MESSAGE);
    context.run();
    bench_end(rounds);
}

} // namespace

int main(int argc, char **argv)
{
    static const bench_workload workloads[] = {
        {"w1", w1}, {"w2", w2}, {"w3", w3}, {"w4", w4}, {nullptr, nullptr}};

    return bench_main(argc, argv, workloads);
}
