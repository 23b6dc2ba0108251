/*
 * scenarios.c -- scenarios that conformance/ops has no words for: a reset and urgent data,
 * which pairs of sockets do not know; more streams than a program has; and an interval that
 * beats more than once.
 */
#include "trace.h"

#include <errno.h>

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

/* Sleeps again and again, and says each time. */
struct sleeper {
    struct rouse_async async;
    struct actor *me;
    struct rouse_sleep sleep;
    rouse_time pause;
    int times;
};

ROUSE_ASYNC(sleeper, struct sleeper)
{
    ROUSE_BEGIN
    for (; self->times > 0; self->times--) {
        ROUSE_AWAIT(self->sleep, rouse_sleep(trace_reactor(self->me->trace), self->pause));
        actor_says(self->me, "sleep", self->sleep.future.result);
    }
    ROUSE_RETURN(7);
    ROUSE_FINALLY
    ROUSE_END
}

static struct sleeper *spawn_sleeper(struct trace *trace, const char *name, int ms, int times)
{
    struct sleeper *sleeper = (struct sleeper *) trace_lend(trace, sizeof *sleeper);

    sleeper->me = trace_actor(trace, name);
    sleeper->pause = ROUSE_MS(ms);
    sleeper->times = times;
    trace_spawn(sleeper->me, sleeper_start(sleeper));
    return sleeper;
}

/* Takes three ticks of a beat, the last ones late. */
struct beater {
    struct rouse_async async;
    struct actor *me;
    struct rouse_interval beat;
    struct rouse_tick tick;
    int times;
};

ROUSE_ASYNC(beater, struct beater)
{
    ROUSE_BEGIN
    self->beat = rouse_interval(trace_reactor(self->me->trace), ROUSE_MS(3));
    for (; self->times > 0; self->times--) {
        ROUSE_AWAIT(self->tick, rouse_tick(&self->beat));
        actor_says(self->me, "tick came", self->tick.future.result >= 1);
    }
    ROUSE_FINALLY
    ROUSE_END
}

SCENARIO(beat, NEEDS_NOTHING, 0, "an interval beats beside a sleeper")
{
    struct beater *beater = (struct beater *) trace_lend(trace, sizeof *beater);

    beater->me = trace_actor(trace, "beater");
    beater->times = 4;
    trace_spawn(beater->me, beater_start(beater));
    spawn_sleeper(trace, "sleeper", 2, 2);
    trace_rest(trace, "all has ended", 6);
}

REFUSED(reset)
REFUSED(urgent_data)
REFUSED(beat)

CASES(trace_scenarios) = {
    SCENARIO_CASES(reset), SCENARIO_CASES(urgent_data), SCENARIO_CASES(many_streams),
    SCENARIO_CASES(beat),  REFUSED_CASE(reset),         REFUSED_CASE(urgent_data),
    REFUSED_CASE(beat),
};
