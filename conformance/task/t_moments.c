/*
 * t_moments.c -- what other threads do at moments that last a few instructions.
 *
 * The inspector is called in the middle of them, and the nudge as well: so that a thread can
 * be held there, or let act there, for as long as a case needs.
 */
#include <errno.h>
#include <string.h>

#include "puppet.h"

/* -- Inside a wake ------------------------------------------------------------------ */

enum place {
    BEFORE_THE_INBOX, /* the task is marked as woken, and in no list yet */
    IN_THE_NUDGE,     /* it is in the inbox, and the executor's thread is being told */
    PLACES
};

struct doorway {
    struct stage stage;
    struct rouse_inspector inspector;
    struct puppet puppet;
    struct rouse_waker waker;
    enum place place;
    bool cancels;
    uintptr_t inside;  /* atomic: the other thread is inside its wake */
    uintptr_t closing; /* atomic: this one is about to close */
    uintptr_t closed;  /* atomic: it has */
    bool waited_for;   /* it had not, as long as the other one was inside */
};

static bool is_closed(void *with)
{
    const struct doorway *doorway = with;

    return atomic_load_acquire(&doorway->closed) != 0;
}

static void linger(struct doorway *doorway)
{
    if (doorway->puppet.home == thread_here() || doorway->inside != 0)
        return;
    word_set(&doorway->inside, 1);
    await_word(&doorway->closing, 1);
    doorway->waited_for = !thread_await(is_closed, doorway, WORLD_QUIET);
}

static void linger_before_the_inbox(struct rouse_inspector *self, struct rouse_task *task)
{
    (void) task;
    linger(rouse_container_of(self, struct doorway, inspector));
}

static void linger_in_the_nudge(void *with)
{
    linger(with);
}

static void pass_main(void *argument)
{
    struct doorway *doorway = argument;

    if (doorway->cancels)
        rouse_cancel(&doorway->puppet.task);
    else
        rouse_wake(&doorway->waker);
    rouse_waker_drop(&doorway->waker);
    rouse_task_unhold(&doorway->puppet.task);
}

CASE(t10_closing_waits_for_whoever_is_inside_a_wake, "T10 T1 T3 T4 T5", NEEDS_NOTHING,
     "another thread is in the middle of a wake, or a cancel, when the executor is closed and its "
     "memory overwritten",
     "closing ends when that thread has gone on, and not before; the task is dropped and released "
     "once")
{
    for (int kind = 0; kind < 2 * PLACES; kind++) {
        struct doorway doorway = {.place = (enum place)(kind / 2), .cancels = kind % 2 != 0};
        struct thread *thread;

        stage_open(&doorway.stage, world);
        puppet_make(&doorway.puppet, puppet_wait);
        puppet_spawn_held(&doorway.stage.executor, &doorway.puppet);
        stage_run(&doorway.stage);
        doorway.waker = puppet_clone(&doorway.puppet);
        doorway.inspector.size = sizeof doorway.inspector;
        if (doorway.place == BEFORE_THE_INBOX) {
            doorway.inspector.woken = linger_before_the_inbox;
            doorway.stage.executor.inspector = &doorway.inspector;
        } else {
            doorway.stage.nudge->then = linger_in_the_nudge;
            doorway.stage.nudge->with = &doorway;
        }
        thread = thread_start(pass_main, &doorway);
        REQUIRE(T10, await_word(&doorway.inside, 1), "a wake by another thread tells nobody");
        word_set(&doorway.closing, 1);
        stage_close(&doorway.stage);
        memset(&doorway.stage.executor, 0xa5, sizeof doorway.stage.executor);
        word_set(&doorway.closed, 1);
        thread_join(thread);
        CHECK(T10, doorway.waited_for, "closed while another thread was inside a wake, at place %d",
              (int) doorway.place);
        CHECK_EQUAL(T10, doorway.puppet.drops, 1, "drops");
        puppets_check(&doorway.puppet, 1);
    }
}

/* -- At the end of a task ------------------------------------------------------------- */

enum deed {
    WAKE_BY_REF,
    WAKE,
    RELEASE,
    CANCEL,
    UNHOLD,
    HOLD,
    JOIN,
    JOIN_AND_DROP,
    JOIN_AGAIN,
    DEEDS
};

enum moment {
    POLLED, /* the last poll has returned */
    ENDED,  /* it is known how the task ended, and nobody has been told */
    MOMENTS
};

struct deathbed {
    struct stage stage;
    struct rouse_inspector inspector;
    struct puppet puppet;
    struct rouse_waker waker;
    struct rouse_join join;
    struct wakes *wakes[2];
    enum deed deed;
    enum moment moment;
    bool cancels; /* it is canceled, not finished */
    enum rouse_poll joined;
    int done;
};

static void do_deed(void *argument)
{
    struct deathbed *bed = argument;
    struct rouse_task *task = &bed->puppet.task;
    const struct rouse_waker wakers[2] = {wakes_waker(bed->wakes[0]), wakes_waker(bed->wakes[1])};

    switch (bed->deed) {
    case WAKE_BY_REF: rouse_wake_by_ref(&bed->waker); break;
    case WAKE: rouse_wake(&bed->waker); break;
    case RELEASE: rouse_waker_drop(&bed->waker); break;
    case CANCEL: rouse_cancel(task); break;
    case UNHOLD: rouse_task_unhold(task); break;
    case HOLD:
        rouse_task_hold(task);
        rouse_task_unhold(task);
        break;
    default:
        bed->joined = world_poll(&bed->join.future, &wakers[0]);
        if (bed->deed == JOIN_AND_DROP)
            rouse_future_drop(&bed->join.future);
        if (bed->deed == JOIN_AGAIN && bed->joined == ROUSE_PENDING)
            bed->joined = world_poll(&bed->join.future, &wakers[1]);
        break;
    }
}

static void act_elsewhere(struct deathbed *bed)
{
    if (bed->done++ == 0)
        thread_join(thread_start(do_deed, bed));
}

static void see_polled(struct rouse_inspector *self, struct rouse_task *task, enum rouse_poll poll)
{
    struct deathbed *bed = rouse_container_of(self, struct deathbed, inspector);

    (void) task;
    if (bed->moment == POLLED && poll == ROUSE_READY)
        act_elsewhere(bed);
}

static void see_ended(struct rouse_inspector *self, struct rouse_task *task, intptr_t result)
{
    struct deathbed *bed = rouse_container_of(self, struct deathbed, inspector);

    (void) task;
    (void) result;
    if (bed->moment == ENDED)
        act_elsewhere(bed);
}

static void bed_open(struct deathbed *bed, struct world *world)
{
    stage_open(&bed->stage, world);
    bed->wakes[0] = world_wakes(world);
    bed->wakes[1] = world_wakes(world);
    bed->inspector = (struct rouse_inspector){sizeof bed->inspector, NULL, see_polled, see_ended};
    bed->stage.executor.inspector = &bed->inspector;
    puppet_make(&bed->puppet, puppet_wait);
    bed->puppet.value = 9;
    puppet_spawn_held(&bed->stage.executor, &bed->puppet);
    stage_run(&bed->stage);
    bed->join = rouse_join(&bed->puppet.task);
    bed->waker = puppet_clone(&bed->puppet);
    bed->puppet.act = puppet_finish;
    if (bed->cancels)
        rouse_cancel(&bed->puppet.task);
    else
        rouse_wake(&bed->puppet.waker);
}

static void check_join(struct deathbed *bed)
{
    const bool pending = bed->joined == ROUSE_PENDING && bed->deed != JOIN_AND_DROP;
    const int last = bed->deed == JOIN_AGAIN;

    CHECK_EQUAL(T9, wakes_taken(bed->wakes[last]), pending, "wakes of whoever joined then");
    CHECK_EQUAL(T9, wakes_taken(bed->wakes[1 - last]), 0, "wakes of a waker polled before");
    CHECK_EQUAL(T9, bed->wakes[0]->references + bed->wakes[1]->references, 0, "references");
    if (bed->deed == JOIN_AND_DROP)
        return;
    if (pending)
        CHECK_EQUAL(T9, world_poll(&bed->join.future, NULL), ROUSE_READY, "the join");
    CHECK_EQUAL(T9, bed->join.future.result, bed->cancels ? -ECANCELED : 9, "its result");
}

CASE(t3_another_thread_may_act_at_the_moment_of_the_end, "T3 T1 T4 T5 T9", NEEDS_NOTHING,
     "a task has been polled to its end, or canceled, and nobody told, when another thread wakes, "
     "cancels, holds, lets go of, or joins it",
     "it is not polled again, nor dropped, and is released once; a join that waits is woken")
{
    for (enum deed deed = WAKE_BY_REF; deed < DEEDS; deed++) {
        for (int kind = 0; kind < 3; kind++) { /* POLLED, ENDED, and ENDED by a cancel */
            struct deathbed bed = {
                .deed = deed, .moment = kind == 0 ? POLLED : ENDED, .cancels = kind == 2};

            bed_open(&bed, world);
            stage_run(&bed.stage);
            CHECK_EQUAL(T3, bed.done, 1, "ends");
            CHECK_EQUAL(T3, bed.puppet.polls, bed.cancels ? 1 : 2, "polls");
            CHECK_EQUAL(T3, bed.puppet.drops, bed.cancels, "drops");
            if (deed >= JOIN)
                check_join(&bed);
            if (deed < JOIN_AND_DROP)
                rouse_future_drop(&bed.join.future);
            rouse_waker_drop(&bed.waker);
            CHECK_EQUAL(T5, bed.puppet.releases, deed == UNHOLD, "releases while it is held");
            if (deed != UNHOLD)
                rouse_task_unhold(&bed.puppet.task);
            stage_close(&bed.stage);
            puppets_check(&bed.puppet, 1);
        }
    }
}

/* -- In the middle of a join's poll ------------------------------------------------------ */

/* A waker that ends the task when it is retained, or given back. */
struct trap {
    struct stage *stage;
    struct puppet *puppet;
    bool at_retain, at_release;
    int references, wakes;
};

static void spring(struct trap *trap)
{
    trap->at_retain = trap->at_release = false;
    rouse_wake_by_ref(&trap->puppet->waker);
    stage_run(trap->stage);
}

static void trap_retain(void *data)
{
    struct trap *trap = data;

    trap->references++;
    if (trap->at_retain)
        spring(trap);
}

static void trap_release(void *data)
{
    struct trap *trap = data;

    trap->references--;
    if (trap->at_release)
        spring(trap);
}

static void trap_wake_by_ref(void *data)
{
    struct trap *trap = data;

    trap->wakes++;
}

static void trap_wake(void *data)
{
    trap_wake_by_ref(data);
    trap_release(data);
}

static const struct rouse_waker_ops trap_ops = {trap_retain, trap_wake, trap_wake_by_ref,
                                                trap_release};

CASE(t9_a_task_may_end_in_the_middle_of_a_joins_poll, "T9 T1 T3 T4 T5", NEEDS_NOTHING,
     "the task ends while a join keeps its first waker, keeps another one, gives the old one back, "
     "or is dropped",
     "the join is READY with the result, and keeps no waker")
{
    for (int moment = 0; moment < 4; moment++) {
        struct stage stage;
        struct puppet puppet;
        struct rouse_join join;
        struct trap traps[2] = {{&stage, &puppet, moment == 0, moment >= 2, 0, 0},
                                {&stage, &puppet, moment == 1, false, 0, 0}};
        const struct rouse_waker wakers[2] = {{&trap_ops, &traps[0]}, {&trap_ops, &traps[1]}};
        enum rouse_poll poll;

        stage_open(&stage, world);
        puppet_make(&puppet, puppet_wait);
        puppet.value = 13;
        puppet_spawn_held(&stage.executor, &puppet);
        stage_run(&stage);
        puppet.act = puppet_finish;
        join = rouse_join(&puppet.task);
        poll = world_poll(&join.future, &wakers[0]);
        if (moment > 0)
            CHECK_EQUAL(T9, poll, ROUSE_PENDING, "a join before the end");
        if (moment == 1 || moment == 2)
            poll = world_poll(&join.future, &wakers[1]);
        if (moment < 3 && CHECK(T9, poll == ROUSE_READY, "it ended at moment %d, unseen", moment))
            CHECK_EQUAL(T9, join.future.result, 13, "the result");
        rouse_future_drop(&join.future);
        CHECK(T9, rouse_task_ended(&puppet.task), "the waker was never kept, or never given back");
        CHECK_EQUAL(T9, traps[0].references + traps[1].references, 0, "references");
        CHECK_EQUAL(T9, traps[0].wakes + traps[1].wakes, 0, "wakes of a join that was READY");
        rouse_task_unhold(&puppet.task);
        stage_close(&stage);
        puppets_check(&puppet, 1);
    }
}

CASES(task_moments) = {&t10_closing_waits_for_whoever_is_inside_a_wake,
                       &t3_another_thread_may_act_at_the_moment_of_the_end,
                       &t9_a_task_may_end_in_the_middle_of_a_joins_poll};
