/*
 * subject.c -- how each kind of future is made, and what it waits for.
 */
#include "subject.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum { SHORT_MS = 20, TRIES = 100 };

/* -- Time ------------------------------------------------------------------------ */

static void make_sleep(struct subject *self)
{
    self->room.sleep = rouse_sleep(&self->rt->reactor, ROUSE_MS(SHORT_MS));
}

static void make_tick(struct subject *self)
{
    self->interval = rouse_interval(&self->rt->reactor, ROUSE_MS(SHORT_MS));
    self->room.tick = rouse_tick(&self->interval);
}

/* -- Tasks ------------------------------------------------------------------------ */

enum { RESULT = 5 };

static void open_target(struct subject *self)
{
    puppet_make(&self->target, puppet_wait);
    self->target.value = RESULT;
    puppet_spawn_held(&self->rt->executor, &self->target);
    world_settle(self->world, self->rt);
}

/* Cases cause a subject once; the next future finds that its target has ended. */
static void renew_target(struct subject *self)
{
    if (!self->target.over)
        return;
    rouse_task_unhold(&self->target.task);
    open_target(self);
}

static void end_target(struct subject *self)
{
    self->target.act = puppet_finish;
    rouse_wake_by_ref(&self->target.waker);
}

static void make_join(struct subject *self)
{
    renew_target(self);
    self->room.join = rouse_join(&self->target.task);
}

static void make_time_out(struct subject *self)
{
    renew_target(self);
    self->child = rouse_join(&self->target.task);
    self->room.deadline = rouse_deadline(&self->rt->reactor, &self->child.future,
                                         rouse_after(&self->rt->reactor, ROUSE_MS(SHORT_MS)));
}

static void make_deadline(struct subject *self)
{
    renew_target(self);
    self->child = rouse_join(&self->target.task);
    self->room.deadline = rouse_deadline(&self->rt->reactor, &self->child.future,
                                         rouse_after(&self->rt->reactor, ROUSE_SECONDS(3600)));
}

ROUSE_ASYNC(subject_body, struct subject_body)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->join, rouse_join(self->task));
    ROUSE_RETURN(self->join.future.result);
    ROUSE_FINALLY
    ROUSE_END
}

static void make_body(struct subject *self)
{
    renew_target(self);
    self->room.body.task = &self->target.task;
    subject_body_start(&self->room.body);
}

/* -- Sockets ---------------------------------------------------------------------- */

static void open_pair(struct subject *self)
{
    rouse_fd ends[2];

    world_pair(self->world, ends);
    self->fd = ends[0];
    self->peer = ends[1];
}

static void open_io(struct subject *self)
{
    open_pair(self);
    rouse_io_open(&self->io, &self->rt->reactor, self->fd);
}

static void open_stream(struct subject *self)
{
    open_pair(self);
    rouse_stream_open(&self->tcp, &self->rt->reactor, world_give(self->world, self->fd));
}

static rouse_fd own_fd(const struct subject *self)
{
    return self->tcp.io.reactor != NULL ? self->tcp.io.source.fd : self->fd;
}

/* Nothing is there to be read, and no room to write: so that it is PENDING. */
static void make_readable(struct subject *self)
{
    world_drain(self->world, own_fd(self));
    self->room.readiness = rouse_readiness(&self->io, ROUSE_READABLE);
}

static void make_writable(struct subject *self)
{
    world_fill(self->world, own_fd(self));
    self->room.readiness = rouse_readiness(&self->io, ROUSE_WRITABLE);
}

static void make_read(struct subject *self)
{
    world_drain(self->world, own_fd(self));
    self->room.read = rouse_read(&self->tcp, &self->byte, 1);
}

static void make_write(struct subject *self)
{
    world_fill_for_good(self->world, own_fd(self));
    self->room.write = rouse_write(&self->tcp, &self->byte, 1);
}

static void make_write_all(struct subject *self)
{
    world_fill_for_good(self->world, own_fd(self));
    self->room.write_all = rouse_write_all(&self->tcp, &self->byte, 1);
}

static void send_byte(struct subject *self)
{
    world_send(self->world, self->peer, 1);
}

static void make_room(struct subject *self)
{
    world_drain(self->world, self->peer);
}

static void open_listener(struct subject *self)
{
    const rouse_fd fd = world_listen(self->world, ROUSE_IPV4, 128, &self->address);

    rouse_listener_open(&self->listener, &self->rt->reactor, world_give(self->world, fd));
}

static void make_accept(struct subject *self)
{
    self->room.accept = rouse_accept(&self->listener);
}

static void connect_to_it(struct subject *self)
{
    world_connect(self->world, &self->address);
}

static void make_connect(struct subject *self)
{
    self->room.connect = rouse_connect_to(&self->rt->reactor, &self->address);
}

/* -- Signals ---------------------------------------------------------------------- */

static void make_signal(struct subject *self)
{
    self->room.signal = rouse_signal(&self->rt->reactor, SIGTERM);
}

static void raise_it(struct subject *self)
{
    (void) self;
    raise(SIGTERM);
}

const struct subject_kind subject_kinds[SUBJECT_KINDS] = {
    {"sleep", NULL, make_sleep, NULL, 0, 0},
    {"tick", NULL, make_tick, NULL, 1, INTPTR_MAX},
    {"deadline that times out", open_target, make_time_out, NULL, -ETIMEDOUT, -ETIMEDOUT},
    {"deadline of a join", open_target, make_deadline, end_target, RESULT, RESULT},
    {"join", open_target, make_join, end_target, RESULT, RESULT},
    {"body", open_target, make_body, end_target, RESULT, RESULT},
    {"readiness to read", open_io, make_readable, send_byte, 0, 0},
    {"readiness to write", open_io, make_writable, make_room, 0, 0},
    {"read", open_stream, make_read, send_byte, 1, 1},
    {"write", open_stream, make_write, make_room, 1, 1},
    {"write_all", open_stream, make_write_all, make_room, 1, 1},
    {"accept", open_listener, make_accept, connect_to_it, 0, 0},
    {"connect", open_listener, make_connect, NULL, 0, 0},
    {"signal", NULL, make_signal, raise_it, 0, 0},
};

/* -- All of them ------------------------------------------------------------------- */

void subjects_open(struct subjects *subjects, struct world *world)
{
    memset(subjects, 0, sizeof *subjects);
    subjects->world = world;
    world_runtime(world, &subjects->rt);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects->all[i];

        subject->kind = &subject_kinds[i];
        subject->world = world;
        subject->rt = &subjects->rt;
        subject->wakes = world_wakes(world);
        subject->fd = subject->peer = ROUSE_NO_FD;
        if (subject->kind->open != NULL)
            subject->kind->open(subject);
    }
}

void subjects_close(struct subjects *subjects)
{
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        struct subject *subject = &subjects->all[i];

        if (subject->target.task.future == NULL)
            continue;
        rouse_cancel(&subject->target.task);
        rouse_task_unhold(&subject->target.task);
    }
    world_settle(subjects->world, &subjects->rt);
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        rouse_io_close(&subjects->all[i].io);
        rouse_tcp_close(&subjects->all[i].tcp);
        rouse_listener_close(&subjects->all[i].listener);
    }
    rouse_close(&subjects->rt);
}

void subject_pend(struct subject *subject, const struct rouse_waker *waker)
{
    /* What waits for time may be late already when it is first polled. */
    for (int n = 0; n < TRIES; n++) {
        subject->kind->make(subject);
        if (world_poll(&subject->room.future, waker) == ROUSE_PENDING)
            return;
        subject_take(subject);
    }
    suite_error("%s was never PENDING", subject->kind->name);
}

void subject_cause(struct subject *subject)
{
    if (subject->kind->cause != NULL)
        subject->kind->cause(subject);
}

static bool was_woken(void *with)
{
    const struct wakes *wakes = with;

    return atomic_load_acquire(&wakes->count) != 0;
}

bool subject_woken(struct subject *subject, struct wakes *wakes)
{
    return world_run_until(subject->world, subject->rt, was_woken, wakes, WORLD_SOON);
}

bool subject_finish(struct subject *subject, const struct rouse_waker *waker, struct wakes *wakes)
{
    struct rouse_future *future = &subject->room.future;

    while (subject_woken(subject, wakes)) {
        wakes_taken(wakes);
        if (world_poll(future, waker) == ROUSE_PENDING)
            continue;
        CHECK(F3, future->result >= subject->kind->least && future->result <= subject->kind->most,
              "the result of %s is %lld", subject->kind->name, (long long) future->result);
        subject_take(subject);
        return true;
    }
    return false;
}

void subject_take(struct subject *subject)
{
    if (subject->room.future.result != 0)
        return;
    if (subject->kind->make == make_accept)
        world_take(subject->world, subject->room.accept.fd);
    if (subject->kind->make == make_connect)
        world_take(subject->world, subject->room.connect.fd);
}

void subjects_turn(struct subjects *subjects, int ms)
{
    struct rouse_sleep sleep = rouse_sleep(&subjects->rt.reactor, ROUSE_MS(ms));

    world_run(subjects->world, &subjects->rt, &sleep.future, WORLD_SOON, NULL);
}
