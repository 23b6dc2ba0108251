/*
 * streams.c -- scenarios of streams: bytes, ends, resets, closing, cancelling.
 */
#include "trace.h"

#include <errno.h>
#include <string.h>

/* Reads until the stream ends, and says each read. */
struct reader {
    struct rouse_async async;
    struct actor *me;
    struct rouse_tcp *tcp;
    struct rouse_read read;
    bool latecomer; /* somebody was told of a reset: he is told too, or finds the end (N2) */
    char buffer[64];
};

static intptr_t reader_result(const struct reader *reader)
{
    const intptr_t result = reader->read.future.result;

    return reader->latecomer && result == -ECONNRESET ? 0 : result;
}

ROUSE_ASYNC(reader, struct reader)
{
    ROUSE_BEGIN
    do {
        ROUSE_AWAIT(self->read, rouse_read(self->tcp, self->buffer, sizeof self->buffer));
        actor_says(self->me, "read", reader_result(self));
    } while (self->read.future.result > 0);
    ROUSE_RETURN(reader_result(self));
    ROUSE_FINALLY
    ROUSE_END
}

static struct reader *spawn_reader(struct trace *trace, const char *name, struct rouse_tcp *tcp)
{
    struct reader *reader = (struct reader *) trace_lend(trace, sizeof *reader);

    reader->me = trace_actor(trace, name);
    reader->tcp = tcp;
    trace_spawn(reader->me, reader_start(reader));
    return reader;
}

/* Writes all of a buffer, and says so. */
struct writer {
    struct rouse_async async;
    struct actor *me;
    struct rouse_tcp *tcp;
    struct rouse_write_all write;
    const char *bytes;
    size_t size;
};

ROUSE_ASYNC(writer, struct writer)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->write, rouse_write_all(self->tcp, self->bytes, self->size));
    actor_says(self->me, "write", self->write.future.result);
    ROUSE_RETURN(self->write.future.result);
    ROUSE_FINALLY
    ROUSE_END
}

static struct writer *spawn_writer(struct trace *trace, const char *name, struct rouse_tcp *tcp,
                                   const char *bytes, size_t size)
{
    struct writer *writer = (struct writer *) trace_lend(trace, sizeof *writer);

    writer->me = trace_actor(trace, name);
    writer->tcp = tcp;
    writer->bytes = bytes;
    writer->size = size;
    trace_spawn(writer->me, writer_start(writer));
    return writer;
}

/* One end of a TCP connection for the runtime, which closes it; the other for the script. */
static struct rouse_tcp *open_end(struct trace *trace, const char *name, rouse_fd *peer)
{
    struct rouse_tcp *tcp = (struct rouse_tcp *) trace_lend(trace, sizeof *tcp);
    rouse_fd ends[2];

    world_tcp_pair(trace_world(trace), ends);
    trace_name(trace, name, ends[0]);
    rouse_tcp_open(tcp, trace_reactor(trace), world_give(trace_world(trace), ends[0]));
    *peer = ends[1];
    return tcp;
}

SCENARIO(bytes_then_end, NEEDS_NOTHING, 0, "a peer writes three times and ends its stream")
{
    rouse_fd peer;
    struct rouse_tcp *tcp = open_end(trace, "ours", &peer);

    spawn_reader(trace, "reader", tcp);
    trace_rest(trace, "nothing came yet", 0);
    trace_step(trace, "the peer writes 5");
    world_send(trace_world(trace), peer, 5);
    trace_rest(trace, "5 came", 1);
    trace_step(trace, "the peer writes 64, a full buffer");
    world_send(trace_world(trace), peer, 64);
    trace_rest(trace, "64 came", 1);
    trace_step(trace, "the peer writes 1 and ends its stream");
    world_send(trace_world(trace), peer, 1);
    world_shutdown(trace_world(trace), peer);
    trace_rest(trace, "the end came", 2);
    rouse_tcp_close(tcp);
}

SCENARIO(bytes_before_the_reader, NEEDS_NOTHING, 0,
         "bytes and the end of the stream are there before anybody reads")
{
    rouse_fd peer;
    struct rouse_tcp *tcp = open_end(trace, "ours", &peer);

    world_send(trace_world(trace), peer, 100);
    world_shutdown(trace_world(trace), peer);
    world_await_ready(trace_world(trace), tcp->io.source.fd, ROUSE_READABLE);
    trace_step(trace, "a reader comes");
    spawn_reader(trace, "reader", tcp);
    trace_rest(trace, "all was read", 3);
    rouse_tcp_close(tcp);
}

SCENARIO(both_directions, NEEDS_NOTHING, 2,
         "a reader waits while a writer fills the stream, until the peer drains it")
{
    static const char bytes[3000];
    struct world *world = trace_world(trace);
    rouse_fd peer;
    struct rouse_tcp *tcp = open_end(trace, "ours", &peer);
    rouse_time limit;
    struct writer *writer;

    spawn_reader(trace, "reader", tcp);
    world_fill(world, tcp->io.source.fd);
    trace_step(trace, "the stream is full; a writer comes");
    writer = spawn_writer(trace, "writer", tcp, bytes, sizeof bytes);
    trace_rest(trace, "both wait", 0);
    trace_step(trace, "the peer writes 7");
    world_send(world, peer, 7);
    trace_rest(trace, "the reader got 7, the writer waits", 1);
    trace_step(trace, "the peer drains");
    limit = world_after(world, WORLD_SOON);
    while (!rouse_task_ended(&writer->me->task) && world_now(world) < limit) {
        world_drain(world, peer);
        rouse_turn(trace_runtime(trace), world_after(world, 1));
    }
    trace_rest(trace, "the writer is done, the reader waits", 1);
    rouse_tcp_close(tcp);
    trace_rest(trace, "the reader was told", 1);
}

SCENARIO(half_closed_and_writing, NEEDS_NOTHING, 0,
         "the peer has ended its stream, and ours goes on writing")
{
    rouse_fd peer;
    struct rouse_tcp *tcp = open_end(trace, "ours", &peer);

    spawn_reader(trace, "reader", tcp);
    world_shutdown(trace_world(trace), peer);
    trace_rest(trace, "the end came", 1);
    trace_step(trace, "a writer comes");
    spawn_writer(trace, "writer", tcp, "still here", 10);
    trace_rest(trace, "it wrote", 1);
    world_fill(trace_world(trace), tcp->io.source.fd);
    spawn_writer(trace, "second writer", tcp, "and here", 8);
    trace_rest(trace, "the stream is full, and nobody spins", 0);
    rouse_tcp_close(tcp);
    trace_rest(trace, "the second writer was told", 1);
}

SCENARIO(reset, NEEDS_NOTHING, 1, "the peer resets while a reader waits")
{
    rouse_fd peer;
    struct rouse_tcp *tcp = open_end(trace, "ours", &peer);

    spawn_reader(trace, "reader", tcp);
    trace_rest(trace, "the reader waits", 0);
    trace_step(trace, "the peer resets");
    world_reset(trace_world(trace), peer);
    trace_rest(trace, "the reader was told", 1);
    spawn_reader(trace, "next reader", tcp)->latecomer = true;
    trace_rest(trace, "and the next finds the end", 1);
    rouse_tcp_close(tcp);
}

SCENARIO(canceled_reader, NEEDS_NOTHING, 0,
         "a reader is canceled while it waits, and another reads what then comes")
{
    rouse_fd peer;
    struct rouse_tcp *tcp = open_end(trace, "ours", &peer);
    struct reader *first = spawn_reader(trace, "first", tcp);

    trace_rest(trace, "the first waits", 0);
    trace_step(trace, "it is canceled");
    rouse_cancel(&first->me->task);
    trace_rest(trace, "it has ended", 0);
    world_send(trace_world(trace), peer, 9);
    trace_rest(trace, "nobody reads what came", 0);
    spawn_reader(trace, "second", tcp);
    trace_rest(trace, "the second read it", 1);
    rouse_tcp_close(tcp);
    trace_rest(trace, "and was told of the closing", 1);
}

SCENARIO(second_reader, NEEDS_NOTHING, 0, "two readers of one stream")
{
    rouse_fd peer;
    struct rouse_tcp *tcp = open_end(trace, "ours", &peer);

    spawn_reader(trace, "first", tcp);
    trace_rest(trace, "the first waits", 0);
    spawn_reader(trace, "second", tcp);
    trace_rest(trace, "the second was turned away", 1);
    world_send(trace_world(trace), peer, 3);
    trace_rest(trace, "the first got what came", 1);
    rouse_tcp_close(tcp);
    trace_rest(trace, "and was told of the closing", 1);
}

SCENARIO(same_number_again, NEEDS_NOTHING, 0,
         "a connection is closed with bytes in it, and the next one gets its number")
{
    struct world *world = trace_world(trace);
    rouse_fd peer, ends[2];
    struct rouse_tcp *tcp = open_end(trace, "old", &peer);
    struct rouse_tcp *next = (struct rouse_tcp *) trace_lend(trace, sizeof *next);

    spawn_reader(trace, "old reader", tcp);
    trace_rest(trace, "it waits", 0);
    world_send(world, peer, 4);
    trace_step(trace, "the old one is closed with a report on its way");
    rouse_tcp_close(tcp);
    world_tcp_pair(world, ends);
    trace_name(trace, "new", ends[0]);
    rouse_tcp_open(next, trace_reactor(trace), world_give(world, ends[0]));
    trace_rest(trace, "the old reader was told", 1);
    spawn_reader(trace, "new reader", next);
    trace_rest(trace, "the new one waits", 0);
    world_send(world, ends[1], 6);
    trace_rest(trace, "and got its own bytes", 1);
    rouse_tcp_close(next);
    trace_rest(trace, "done", 1);
}

SCENARIO(urgent_data, NEEDS_NOTHING, 2, "urgent data stops a read short, with bytes behind it")
{
    struct world *world = trace_world(trace);
    rouse_fd peer;
    struct rouse_tcp *tcp = open_end(trace, "ours", &peer);

    world_send(world, peer, 3);
    world_urgent(world, peer, '!');
    world_send(world, peer, 4);
    world_await_ready(world, tcp->io.source.fd, ROUSE_READABLE);
    spawn_reader(trace, "reader", tcp);
    trace_rest(trace, "both parts were read", 2);
    world_shutdown(world, peer);
    trace_rest(trace, "and the end", 1);
    rouse_tcp_close(tcp);
}

SCENARIO(many_streams, NEEDS_NOTHING, 0, "twenty readers, all served from one wait")
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                        "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
    struct world *world = trace_world(trace);
    struct rouse_tcp *tcps[20];
    rouse_fd peers[20];
    int i;

    for (i = 0; i < 20; i++) {
        tcps[i] = open_end(trace, names[i], &peers[i]);
        spawn_reader(trace, names[i], tcps[i]);
    }
    trace_rest(trace, "all wait", 0);
    for (i = 0; i < 20; i++)
        world_send(world, peers[i], (size_t) i + 1);
    trace_rest(trace, "all got theirs", 20);
    for (i = 0; i < 20; i += 2)
        world_shutdown(world, peers[i]);
    trace_rest(trace, "half of them ended", 10);
    for (i = 0; i < 20; i++)
        rouse_tcp_close(tcps[i]);
    trace_rest(trace, "and the others were told", 10);
}

/* Waits for readability, as for another library's descriptor, and reads by itself. */
struct watcher {
    struct rouse_async async;
    struct actor *me;
    struct rouse_io io;
    struct rouse_readiness ready;
    struct world *world;
    int left;
};

ROUSE_ASYNC(watcher, struct watcher)
{
    char byte;

    ROUSE_BEGIN
    for (; self->left > 0; self->left--) {
        ROUSE_AWAIT(self->ready, rouse_readiness(&self->io, ROUSE_READABLE));
        actor_says(self->me, "readiness", self->ready.future.result);
        actor_says(self->me, "byte", world_read(self->world, self->io.source.fd, &byte, 1));
    }
    ROUSE_FINALLY
    rouse_io_close(&self->io);
    ROUSE_END
}

SCENARIO(foreign_reader, NEEDS_NOTHING, 0,
         "somebody else reads the descriptor, a byte at a time, and leaves some")
{
    struct world *world = trace_world(trace);
    struct watcher *watcher = (struct watcher *) trace_lend(trace, sizeof *watcher);
    rouse_fd ends[2];

    world_pair(world, ends);
    trace_name(trace, "foreign", ends[0]);
    rouse_io_open(&watcher->io, trace_reactor(trace), ends[0]);
    watcher->me = trace_actor(trace, "watcher");
    watcher->world = world;
    watcher->left = 4;
    trace_spawn(watcher->me, watcher_start(watcher));
    trace_rest(trace, "it waits", 0);
    world_send(world, ends[1], 3);
    trace_rest(trace, "three bytes, three reports", 6);
    world_shutdown(world, ends[1]);
    trace_rest(trace, "and the end", 2);
}

REFUSED(bytes_then_end)
REFUSED(bytes_before_the_reader)
REFUSED(reset)
REFUSED(canceled_reader)
REFUSED(second_reader)
REFUSED(same_number_again)
REFUSED(urgent_data)

CASES(trace_streams) = {SCENARIO_CASES(bytes_then_end),
                        SCENARIO_CASES(bytes_before_the_reader),
                        SCENARIO_CASES(both_directions),
                        SCENARIO_CASES(half_closed_and_writing),
                        SCENARIO_CASES(reset),
                        SCENARIO_CASES(canceled_reader),
                        SCENARIO_CASES(second_reader),
                        SCENARIO_CASES(same_number_again),
                        SCENARIO_CASES(urgent_data),
                        SCENARIO_CASES(many_streams),
                        SCENARIO_CASES(foreign_reader),
                        REFUSED_CASE(bytes_then_end),
                        REFUSED_CASE(bytes_before_the_reader),
                        REFUSED_CASE(reset),
                        REFUSED_CASE(canceled_reader),
                        REFUSED_CASE(second_reader),
                        REFUSED_CASE(same_number_again),
                        REFUSED_CASE(urgent_data)};
