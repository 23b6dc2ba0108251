/*
 * programs_streams.c -- programs that move bytes, for faults to befall.
 *
 * Whatever a body owns its FINALLY closes, and whoever meets an error makes its partners
 * meet one too, by closing: so a program comes to its end by itself whichever of its steps
 * fails. Memory is lent until the runtime has closed, and nothing is said of the time that
 * anything takes.
 */
#include "play.h"

#include <string.h>

/* -- Streams ----------------------------------------------------------------- */

/* Sends back what it reads, until the stream ends. */
struct echo {
    struct rouse_async async;
    struct play *play;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    char buffer[16];
};

ROUSE_ASYNC(echo, struct echo)
{
    intptr_t result;

    ROUSE_BEGIN
    for (;;) {
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, sizeof self->buffer));
        result = self->read.future.result;
        if (result <= 0)
            ROUSE_RETURN(play_told(self->play, result, 0));
        ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, self->buffer, (size_t) result));
        if (!play_told(self->play, self->write.future.result, self->read.future.result))
            ROUSE_RETURN(0);
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

/* Says a word three times, and wants to hear it each time. */
struct caller {
    struct rouse_async async;
    struct play *play;
    struct rouse_tcp tcp;
    struct rouse_read read;
    struct rouse_write_all write;
    char buffer[16];
    size_t got;
    int round;
};

static const char word[] = "hello";
enum { WORD = sizeof word };

ROUSE_ASYNC(caller, struct caller)
{
    ROUSE_BEGIN
    for (self->round = 0; self->round < 3; self->round++) {
        ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, word, WORD));
        if (!play_told(self->play, self->write.future.result, WORD))
            ROUSE_RETURN(0);
        for (self->got = 0; self->got < WORD; self->got += (size_t) self->read.future.result) {
            ROUSE_AWAIT(self->read,
                        rouse_read(&self->tcp, self->buffer + self->got, WORD - self->got));
            if (self->read.future.result <= 0) /* the end, here, is none either */
                ROUSE_RETURN(play_told(self->play, self->read.future.result, WORD));
        }
        play_told(self->play, memcmp(self->buffer, word, WORD), 0);
    }
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

static intptr_t run_echo(struct play *play)
{
    const struct rouse_sockets *sockets = play_sockets(play);
    struct echo *echo = play_lend(play, sizeof *echo);
    struct caller *caller = play_lend(play, sizeof *caller);
    rouse_fd ends[2];
    const int error = sockets->pair(sockets, ends);

    if (error < 0)
        return error;
    echo->play = caller->play = play;
    rouse_stream_open(&echo->tcp, &play->rt.reactor, ends[0]);
    rouse_stream_open(&caller->tcp, &play->rt.reactor, ends[1]);
    play_spawn(play, echo_start(echo));
    play_spawn(play, caller_start(caller));
    return play_gather(play);
}

/* Accepts one connection, and serves it. */
struct doorman {
    struct rouse_async async;
    struct play *play;
    struct rouse_listener listener;
    struct rouse_accept accept;
    struct echo echo;
};

ROUSE_ASYNC(doorman, struct doorman)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->accept, rouse_accept(&self->listener));
    if (!play_told(self->play, self->accept.future.result, 0))
        ROUSE_RETURN(0);
    self->echo.play = self->play;
    rouse_tcp_open(&self->echo.tcp, &self->play->rt.reactor, self->accept.fd);
    ROUSE_AWAIT_ON(echo_start(&self->echo));
    ROUSE_FINALLY
    rouse_listener_close(&self->listener);
    ROUSE_END
}

struct visitor {
    struct rouse_async async;
    struct play *play;
    struct doorman *doorman;
    struct rouse_address address;
    struct rouse_connect connect;
    struct caller caller;
};

ROUSE_ASYNC(visitor, struct visitor)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->connect, rouse_connect_to(&self->play->rt.reactor, &self->address));
    if (!play_told(self->play, self->connect.future.result, 0)) {
        rouse_listener_close(&self->doorman->listener); /* he need not wait for us */
        ROUSE_RETURN(0);
    }
    self->caller.play = self->play;
    rouse_tcp_open(&self->caller.tcp, &self->play->rt.reactor, self->connect.fd);
    ROUSE_AWAIT_ON(caller_start(&self->caller));
    ROUSE_FINALLY
    ROUSE_END
}

static intptr_t run_connect(struct play *play)
{
    struct doorman *doorman = play_lend(play, sizeof *doorman);
    struct visitor *visitor = play_lend(play, sizeof *visitor);
    int error = rouse_listen(&doorman->listener, &play->rt.reactor, "127.0.0.1:0");

    if (error < 0)
        return error;
    error = rouse_listener_address(&doorman->listener, &visitor->address);
    if (error < 0) {
        rouse_listener_close(&doorman->listener);
        return error;
    }
    visitor->play = doorman->play = play;
    visitor->doorman = doorman;
    play_spawn(play, doorman_start(doorman));
    play_spawn(play, visitor_start(visitor));
    return play_gather(play);
}

/* -- Much, and many ---------------------------------------------------------- */

enum { BULK = 300000, CROWD = 40 };

/* Reads `size` bytes, and closes. */
struct drain {
    struct rouse_async async;
    struct play *play;
    struct rouse_tcp tcp;
    struct rouse_read read;
    intptr_t size, got;
    char buffer[4096];
};

ROUSE_ASYNC(drain, struct drain)
{
    ROUSE_BEGIN
    while (self->got < self->size) {
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, self->buffer, sizeof self->buffer));
        if (self->read.future.result <= 0)
            ROUSE_RETURN(play_told(self->play, self->read.future.result, 1));
        self->got += self->read.future.result;
    }
    play_told(self->play, self->got, self->size);
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

static struct drain *drain_make(struct play *play, rouse_fd fd, intptr_t size)
{
    struct drain *drain = play_lend(play, sizeof *drain);

    drain->play = play;
    drain->size = size;
    rouse_stream_open(&drain->tcp, &play->rt.reactor, fd);
    return drain;
}

struct flood {
    struct rouse_async async;
    struct play *play;
    struct rouse_tcp tcp;
    struct rouse_write_all write;
};

ROUSE_ASYNC(flood, struct flood)
{
    static char bytes[BULK]; /* zeroes, which cost nothing */

    ROUSE_BEGIN
    ROUSE_AWAIT(self->write, rouse_write_all(&self->tcp, bytes, BULK));
    play_told(self->play, self->write.future.result, BULK);
    ROUSE_FINALLY
    rouse_tcp_close(&self->tcp);
    ROUSE_END
}

static intptr_t run_bulk(struct play *play)
{
    const struct rouse_sockets *sockets = play_sockets(play);
    struct flood *flood = play_lend(play, sizeof *flood);
    rouse_fd ends[2];
    const int error = sockets->pair(sockets, ends);

    if (error < 0)
        return error;
    flood->play = play;
    rouse_stream_open(&flood->tcp, &play->rt.reactor, ends[0]);
    play_spawn(play, flood_start(flood));
    play_spawn(play, drain_start(drain_make(play, ends[1], BULK)));
    return play_gather(play);
}

/* Once all others wait, writes a byte to each of them, by way of its partner. */
struct postman {
    struct rouse_async async;
    struct play *play;
    struct drain *drains[CROWD];
};

ROUSE_ASYNC(postman, struct postman)
{
    const struct rouse_sockets *sockets = play_sockets(self->play);

    ROUSE_BEGIN
    ROUSE_YIELD;
    for (int i = 0; i < CROWD; i++) {
        struct rouse_tcp *tcp = self->drains[i] != NULL ? &self->drains[i]->tcp : NULL;

        if (tcp != NULL && tcp->io.reactor != NULL
            && !play_told(self->play, sockets->write(sockets, tcp->io.source.fd, "x", 1), 1))
            rouse_tcp_close(tcp); /* nor need its partner wait */
    }
    ROUSE_FINALLY
    ROUSE_END
}

static intptr_t run_crowd(struct play *play)
{
    const struct rouse_sockets *sockets = play_sockets(play);
    struct postman *postman = play_lend(play, sizeof *postman);
    int error = 0;

    for (int i = 0; i < CROWD && error == 0; i += 2) {
        rouse_fd ends[2];

        error = sockets->pair(sockets, ends);
        for (int end = 0; end < 2 && error == 0; end++) {
            postman->drains[i + end] = drain_make(play, ends[end], 1);
            play_spawn(play, drain_start(postman->drains[i + end]));
        }
    }
    if (error < 0)
        play_told(play, error, 0);
    postman->play = play;
    play_spawn(play, postman_start(postman));
    return play_gather(play);
}

const struct program program_echo = {"an echo over a pair", 2, run_echo};
const struct program program_connect = {"a connection", 3, run_connect};
const struct program program_bulk = {"a long write", 2, run_bulk};
const struct program program_crowd = {"forty sources", CROWD, run_crowd};
