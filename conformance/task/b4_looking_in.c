/*
 * b4_looking_in.c -- the dump of live tasks, and the inspector.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "puppet.h"

/* -- The dump ---------------------------------------------------------------------- */

enum { LINES = 64, LENGTH = 300 };

struct dump {
    int count;
    bool broken; /* a line without its end, or with two */
    char lines[LINES][LENGTH];
};

static void take_line(void *to, const char *line)
{
    struct dump *dump = to;
    const size_t length = strlen(line);

    if (length == 0 || strchr(line, '\n') != line + length - 1)
        dump->broken = true;
    if (dump->count < LINES)
        snprintf(dump->lines[dump->count++], LENGTH, "%s", line);
}

static void take_dump(struct dump *dump, struct rouse_executor *executor)
{
    dump->count = 0;
    dump->broken = false;
    rouse_executor_dump(executor, take_line, dump);
    CHECK(B4, !dump->broken, "a line of the dump has no end, or two");
}

static void check_line(const struct dump *dump, int index, const char *expected)
{
    const char *line = index < dump->count ? dump->lines[index] : "nothing\n";

    CHECK(B4, strcmp(line, expected) == 0, "line %d is \"%.*s\", not \"%.*s\"", index,
          (int) strlen(line) - 1, line, (int) strlen(expected) - 1, expected);
}

/* Awaits itself `depth` times, and in the end a join; and notes the line of its await. */
struct waiter {
    struct rouse_async async;
    struct rouse_task task;
    struct waiter *inner;
    struct rouse_join join;
    struct rouse_task *joined;
    int line;
};

ROUSE_ASYNC(waiter, struct waiter)
{
    ROUSE_BEGIN
    if (self->inner != NULL) {
        self->line = __LINE__ + 1;
        ROUSE_AWAIT_ON(waiter_start(self->inner));
    } else {
        self->line = __LINE__ + 1;
        ROUSE_AWAIT(self->join, rouse_join(self->joined));
    }
    self->line = __LINE__ + 1;
    ROUSE_YIELD;
    ROUSE_FINALLY
    ROUSE_END
}

CASE(
    b4_the_dump_names_every_live_task_and_what_it_waits_for, "B4", NEEDS_NOTHING,
    "tasks wait for each other three bodies deep, yield, are woken, canceled, fresh, or have ended",
    "one line tells of each live one, oldest first: its name, what it does, and the chain of its "
    "awaits")
{
    struct stage stage;
    struct dump dump;
    struct puppet puppets[4]; /* waits, is woken, canceled, ended */
    struct waiter waiters[4] = {{.inner = &waiters[1]}, {.inner = &waiters[2]}};
    char text[LENGTH];

    stage_open(&stage, world);
    take_dump(&dump, &stage.executor);
    CHECK_EQUAL(B4, dump.count, 0, "lines about no task");
    for (int i = 0; i < 4; i++) {
        puppet_make(&puppets[i], i == 3 ? puppet_finish : puppet_wait);
        puppet_spawn_held(&stage.executor, &puppets[i]);
    }
    waiters[2].joined = &puppets[0].task;
    rouse_spawn(&stage.executor, &waiters[0].task, waiter_start(&waiters[0]), NULL);
    stage_run(&stage);
    rouse_spawn(&stage.executor, &waiters[3].task, waiter_start(&waiters[3]), NULL);
    rouse_wake_by_ref(&puppets[1].waker);
    rouse_cancel(&puppets[2].task);

    take_dump(&dump, &stage.executor);
    CHECK_EQUAL(B4, dump.count, 5, "lines about five live tasks");
    check_line(&dump, 0, "puppet: waiting\n");
    check_line(&dump, 1, "puppet: ready\n");
    check_line(&dump, 2, "puppet: canceled\n");
    snprintf(text, sizeof text, "waiter: waiting at waiter:%d > waiter:%d > waiter:%d > join\n",
             waiters[0].line, waiters[1].line, waiters[2].line);
    check_line(&dump, 3, text);
    CHECK(B4, strncmp(dump.lines[4], "waiter: ready", 13) == 0, "of a fresh task: \"%s\"",
          dump.lines[4]);

    waiters[3].joined = &puppets[0].task;
    rouse_cancel(&waiters[3].task);
    stage_run(&stage);
    rouse_cancel(&puppets[0].task);
    rouse_executor_run(&stage.executor, 2); /* its end, and the innermost yields */
    take_dump(&dump, &stage.executor);
    CHECK_EQUAL(B4, dump.count, 2, "lines about the two that are left");
    check_line(&dump, 0, "puppet: waiting\n");
    snprintf(text, sizeof text, "waiter: ready at waiter:%d > waiter:%d > waiter:%d\n",
             waiters[0].line, waiters[1].line, waiters[2].line);
    check_line(&dump, 1, text);
    stage_close(&stage);
    for (int i = 0; i < 4; i++)
        rouse_task_unhold(&puppets[i].task);
}

CASE(b4_a_long_chain_is_cut_not_spilt, "B4", NEEDS_NOTHING, "a task waits sixty bodies deep",
     "its line begins as it should, and has an end")
{
    struct stage stage;
    struct dump dump;
    struct puppet puppet;
    struct waiter *waiters = calloc(60, sizeof *waiters);

    if (waiters == NULL)
        suite_error("no memory");
    stage_open(&stage, world);
    puppet_make(&puppet, puppet_wait);
    puppet_spawn_held(&stage.executor, &puppet);
    for (int i = 0; i < 59; i++)
        waiters[i].inner = &waiters[i + 1];
    waiters[59].joined = &puppet.task;
    rouse_spawn(&stage.executor, &waiters[0].task, waiter_start(&waiters[0]), NULL);
    stage_run(&stage);
    take_dump(&dump, &stage.executor);
    CHECK_EQUAL(B4, dump.count, 2, "lines");
    CHECK(B4, strncmp(dump.lines[1], "waiter: waiting at waiter:", 26) == 0, "the line is \"%s\"",
          dump.lines[1]);
    stage_close(&stage);
    rouse_task_unhold(&puppet.task);
    free(waiters);
}

/* Looks at the dump in its FINALLY. */
struct mourner {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_join join;
    struct rouse_task *joined;
    struct rouse_executor *executor;
    struct dump *dump;
};

ROUSE_ASYNC(mourner, struct mourner)
{
    ROUSE_BEGIN
    ROUSE_AWAIT(self->join, rouse_join(self->joined));
    ROUSE_FINALLY
    take_dump(self->dump, self->executor);
    ROUSE_END
}

CASE(b4_a_body_in_its_finally_waits_for_nothing, "B4", NEEDS_NOTHING,
     "the dump is taken in the FINALLY of a body whose await is over, and of one that is canceled",
     "its line names nothing that it would wait for")
{
    for (int canceled = 0; canceled < 2; canceled++) {
        struct stage stage;
        struct dump dump = {0};
        struct puppet puppet;
        struct mourner mourner = {
            .joined = &puppet.task, .executor = &stage.executor, .dump = &dump};

        stage_open(&stage, world);
        puppet_make(&puppet, puppet_wait);
        puppet_spawn_held(&stage.executor, &puppet);
        rouse_spawn(&stage.executor, &mourner.task, mourner_start(&mourner), NULL);
        stage_run(&stage);
        rouse_cancel(canceled != 0 ? &mourner.task : &puppet.task);
        stage_run(&stage);
        CHECK_EQUAL(B4, dump.count, canceled + 1, "lines about live tasks");
        CHECK(B4,
              strncmp(dump.lines[canceled], "mourner: ", 9) == 0
                  && strchr(dump.lines[canceled], '>') == NULL,
              "the line is \"%s\"", dump.lines[canceled]);
        stage_close(&stage);
        rouse_task_unhold(&puppet.task);
    }
}

/* -- The inspector ------------------------------------------------------------------ */

struct watch {
    struct rouse_inspector inspector;
    uintptr_t woken; /* atomic */
    int pending, ready, ended;
    intptr_t result;             /* of the last that ended */
    struct rouse_task *about;    /* whom the last call was about */
    struct rouse_future *future; /* as it was when it was last polled */
};

static void hear_woken(struct rouse_inspector *self, struct rouse_task *task)
{
    struct watch *watch = rouse_container_of(self, struct watch, inspector);

    (void) task;
    atomic_fetch_add(&watch->woken, 1);
}

static void hear_polled(struct rouse_inspector *self, struct rouse_task *task, enum rouse_poll poll)
{
    struct watch *watch = rouse_container_of(self, struct watch, inspector);

    watch->pending += poll == ROUSE_PENDING;
    watch->ready += poll == ROUSE_READY;
    watch->about = task;
    watch->future = task->future;
}

static void hear_ended(struct rouse_inspector *self, struct rouse_task *task, intptr_t result)
{
    struct watch *watch = rouse_container_of(self, struct watch, inspector);

    watch->ended++;
    watch->about = task;
    watch->result = result;
}

static void watch_begin(struct watch *watch, struct stage *stage)
{
    *watch =
        (struct watch){.inspector = {sizeof watch->inspector, hear_woken, hear_polled, hear_ended}};
    stage->executor.inspector = &watch->inspector;
}

/* Compares what was heard since the last time. */
static void heard(struct watch *watch, const char *when, int woken, int pending, int ready,
                  int ended)
{
    const int was_woken = (int) atomic_exchange(&watch->woken, 0);

    CHECK(B4,
          was_woken == woken && watch->pending == pending && watch->ready == ready
              && watch->ended == ended,
          "%s: %d woken, %d PENDING, %d READY, %d ended; not %d, %d, %d, %d", when, was_woken,
          watch->pending, watch->ready, watch->ended, woken, pending, ready, ended);
    watch->pending = watch->ready = watch->ended = 0;
}

static void wake_main(void *argument)
{
    const struct puppet *puppet = argument;

    rouse_wake_by_ref(&puppet->waker);
}

static enum rouse_poll yield_once(struct puppet *self, struct rouse_context *cx)
{
    cx->yield = self->polls == 1;
    return puppet_wait(self, cx);
}

CASE(b4_the_inspector_hears_of_every_wake_poll_and_end_once, "B4", NEEDS_NOTHING,
     "a task is spawned, yields, is woken here and elsewhere, and finishes; others are canceled "
     "and closed",
     "each is heard of once, about that task, with its result")
{
    struct stage stage;
    struct watch watch;
    struct puppet puppet, canceled, closed;

    stage_open(&stage, world);
    watch_begin(&watch, &stage);
    puppet_make(&puppet, yield_once);
    puppet.value = 77;
    puppet_spawn(&stage.executor, &puppet);
    heard(&watch, "a spawn", 1, 0, 0, 0);
    stage_run(&stage);
    heard(&watch, "a poll, a yield, a poll", 1, 2, 0, 0);
    CHECK(B4, watch.about == &puppet.task && watch.future == &puppet.future, "about another task");
    rouse_wake_by_ref(&puppet.waker);
    heard(&watch, "a wake", 1, 0, 0, 0);
    stage_run(&stage);
    thread_join(thread_start(wake_main, &puppet));
    heard(&watch, "its poll, and a wake elsewhere", 1, 1, 0, 0);
    puppet.act = puppet_finish;
    stage_run(&stage);
    heard(&watch, "its end", 0, 0, 1, 1);
    CHECK(B4, watch.about == &puppet.task && watch.result == 77, "the end of another task");

    puppet_make(&canceled, puppet_wait);
    puppet_make(&closed, puppet_wait);
    puppet_spawn(&stage.executor, &canceled);
    puppet_spawn(&stage.executor, &closed);
    stage_run(&stage);
    heard(&watch, "two spawns and their polls", 2, 2, 0, 0);
    rouse_cancel(&canceled.task);
    stage_run(&stage);
    heard(&watch, "a cancel and its drop", 1, 0, 0, 1);
    CHECK(B4, watch.about == &canceled.task && watch.result == -ECANCELED, "another end");
    stage_run(&stage);
    heard(&watch, "nothing", 0, 0, 0, 0);
    stage_close(&stage);
    heard(&watch, "the end of one that was closed", 0, 0, 0, 1);
    CHECK(B4, watch.about == &closed.task && watch.result == -ECANCELED, "another end");
}

CASE(b4_the_inspector_may_leave_things_out, "B4", NEEDS_NOTHING,
     "an inspector without any function, and with one at a time, looks on",
     "tasks run as without it, and what it has is called")
{
    for (int which = 0; which < 4; which++) {
        struct stage stage;
        struct watch watch;
        struct puppet puppet;

        stage_open(&stage, world);
        watch_begin(&watch, &stage);
        watch.inspector.woken = which == 1 ? hear_woken : NULL;
        watch.inspector.polled = which == 2 ? hear_polled : NULL;
        watch.inspector.ended = which == 3 ? hear_ended : NULL;
        puppet_make(&puppet, yield_once);
        puppet_spawn(&stage.executor, &puppet);
        stage_run(&stage);
        CHECK_EQUAL(B4, puppet.polls, 2, "polls");
        stage_close(&stage);
        CHECK_EQUAL(B4, puppet.drops, 1, "drops");
        heard(&watch, "two polls and the end", which == 1 ? 2 : 0, which == 2 ? 2 : 0, 0,
              which == 3);
    }
}

/* Awaits for ever what has no name, or something that nobody has made yet. */
static enum rouse_poll pend(struct rouse_future *self, struct rouse_context *cx)
{
    (void) self, (void) cx;
    return ROUSE_PENDING;
}

struct nameless {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_future future;
    int line;
};

ROUSE_ASYNC(nameless, struct nameless)
{
    static const struct rouse_future_ops ops = {pend, NULL, NULL};

    ROUSE_BEGIN
    self->future.ops = &ops;
    self->line = __LINE__ + 1;
    ROUSE_AWAIT_ON(&self->future);
    ROUSE_FINALLY
    ROUSE_END
}

CASE(b4_what_has_no_name_is_called_unnamed, "B4", NEEDS_NOTHING,
     "a task awaits a future without a name", "the dump calls it unnamed")
{
    struct stage stage;
    struct dump dump;
    struct nameless nameless = {.line = 0};
    char text[LENGTH];

    stage_open(&stage, world);
    rouse_spawn(&stage.executor, &nameless.task, nameless_start(&nameless), NULL);
    stage_run(&stage);
    take_dump(&dump, &stage.executor);
    CHECK_EQUAL(B4, dump.count, 1, "lines about one task");
    snprintf(text, sizeof text, "nameless: waiting at nameless:%d > unnamed\n", nameless.line);
    check_line(&dump, 0, text);
    stage_close(&stage);
}

CASE(
    b4_the_inspector_hears_of_tasks_that_nobody_holds, "B4", NEEDS_NOTHING,
    "a task that nobody holds, and whose only waker is its own, yields, is woken by that waker, by "
    "reference and by spending it, and is canceled",
    "each is heard of once")
{
    struct stage stage;
    struct watch watch;
    struct puppet puppet;

    stage_open(&stage, world);
    watch_begin(&watch, &stage);
    puppet_make(&puppet, puppet_yield);
    puppet_spawn(&stage.executor, &puppet);
    heard(&watch, "a spawn", 1, 0, 0, 0);
    for (int n = 0; n < 3; n++) {
        rouse_executor_run(&stage.executor, 1);
        heard(&watch, "a poll that yields", 1, 1, 0, 0);
    }
    puppet.act = puppet_wait;
    stage_run(&stage);
    heard(&watch, "a poll that waits", 0, 1, 0, 0);
    for (int n = 0; n < 4; n++) {
        if (n % 2 == 0)
            rouse_wake(&puppet.waker);
        else
            rouse_wake_by_ref(&puppet.waker);
        heard(&watch, "a wake by the only waker", 1, 0, 0, 0);
        stage_run(&stage);
        heard(&watch, "its poll", 0, 1, 0, 0);
    }
    rouse_cancel(&puppet.task);
    heard(&watch, "a cancel", 1, 0, 0, 0);
    stage_run(&stage);
    heard(&watch, "its turn", 0, 0, 0, 1);
    stage_close(&stage);
}

CASES(task_b4) = {&b4_the_dump_names_every_live_task_and_what_it_waits_for,
                  &b4_a_long_chain_is_cut_not_spilt,
                  &b4_a_body_in_its_finally_waits_for_nothing,
                  &b4_the_inspector_hears_of_every_wake_poll_and_end_once,
                  &b4_the_inspector_may_leave_things_out,
                  &b4_what_has_no_name_is_called_unnamed,
                  &b4_the_inspector_hears_of_tasks_that_nobody_holds};
