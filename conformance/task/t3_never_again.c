/*
 * t3_never_again.c -- what has ended is not polled again; and every event in every state.
 */
#include <stdlib.h>

#include "puppet.h"

enum way { WAKES, WAKES_BY_CLONE, YIELDS, WAKES_AND_YIELDS, CANCELS, ELSEWHERE, WAYS };

static void wake_main(void *argument)
{
    const struct puppet *puppet = argument;

    rouse_wake_by_ref(&puppet->waker);
}

static enum rouse_poll wake_and_finish(struct puppet *self, struct rouse_context *cx)
{
    struct rouse_waker clone = waker_clone(cx->waker);

    puppet_wait(self, cx);
    switch (self->number) {
    case WAKES_BY_CLONE: rouse_wake(&clone); break;
    case YIELDS: cx->yield = true; break;
    case CANCELS: rouse_cancel(&self->task); break;
    case ELSEWHERE: thread_join(thread_start(wake_main, self)); break;
    case WAKES_AND_YIELDS: cx->yield = true; /* fallthrough */
    default: rouse_wake_by_ref(cx->waker);
    }
    rouse_waker_drop(&clone);
    return puppet_finish(self, cx);
}

CASE(t3_a_task_that_wakes_itself_and_finishes_is_not_polled_again, "T3 T1 T4 T5", NEEDS_NOTHING,
     "a task wakes, yields or cancels itself, or is woken by another thread, in the poll that ends "
     "in READY",
     "it is neither polled nor dropped after that, and released once")
{
    for (int held = 0; held < 2; held++) {
        struct stage stage;
        struct puppet *puppets = puppets_make(WAYS, wake_and_finish);

        stage_open(&stage, world);
        for (int i = 0; i < WAYS; i++) {
            if (held)
                puppet_spawn_held(&stage.executor, &puppets[i]);
            else
                puppet_spawn(&stage.executor, &puppets[i]);
        }
        stage_run(&stage);
        stage_run(&stage);
        for (int i = 0; i < WAYS; i++) {
            CHECK_EQUAL(T3, puppets[i].polls, 1, "polls");
            CHECK_EQUAL(T3, puppets[i].drops, 0, "drops of a future that was READY");
            if (held)
                rouse_task_unhold(&puppets[i].task);
        }
        stage_close(&stage);
        puppets_check(puppets, WAYS);
        free(puppets);
    }
}

/* -- Every event in every state of src/task/state.h --------------------------------- */

enum state {
    FRESH,          /* spawned, not polled yet */
    ARRIVING,       /* the same, by another thread */
    IDLE,           /* polled, and nobody has woken it */
    WOKEN,          /* and in the ready list */
    WOKEN_FAR,      /* woken by another thread, and in its inbox */
    YIELDED,        /* in the ready list by its own wish */
    CANCELED,       /* and not dropped yet */
    RUNNING,        /* inside its poll, which will be PENDING */
    RUNNING_WOKEN,  /* the same, and woken already */
    ENDED_QUEUED,   /* READY, woken in that poll, and still in the list */
    ENDED,          /* READY, and in no list */
    ENDED_CANCELED, /* dropped */
    STATES
};

enum event {
    NOTHING,
    WAKE_BY_REF,
    WAKE_CLONE,
    WAKE_TWICE,
    WAKE_LAST, /* by the only waker that there is */
    WAKE_FAR,  /* on another thread */
    CANCEL,
    CANCEL_FAR,
    CANCEL_THEN_WAKE,
    WAKE_THEN_CANCEL,
    HOLD,
    CLONE,
    JOIN_AND_DROP,
    EVENTS
};

struct encounter {
    struct stage stage;
    struct puppet puppet;
    struct rouse_waker waker; /* a clone, where there is one */
    enum state state;
    enum event event;
};

static void hit(struct encounter *it)
{
    struct rouse_task *task = &it->puppet.task;
    struct rouse_waker clone = waker_clone(&it->waker);
    struct rouse_join join = rouse_join(task);

    switch (it->event) {
    case CANCEL_THEN_WAKE: rouse_cancel(task); /* fallthrough */
    case WAKE_FAR:
    case WAKE_BY_REF: rouse_wake_by_ref(&it->waker); break;
    case WAKE_LAST:
        rouse_waker_drop(&clone);
        rouse_wake(&it->waker);
        break;
    case WAKE_TWICE: rouse_wake_by_ref(&it->waker); /* fallthrough */
    case WAKE_CLONE: rouse_wake(&clone); break;
    case WAKE_THEN_CANCEL: rouse_wake_by_ref(&it->waker); /* fallthrough */
    case CANCEL_FAR:
    case CANCEL: rouse_cancel(task); break;
    case HOLD:
        rouse_task_hold(task);
        rouse_task_unhold(task);
        break;
    case JOIN_AND_DROP:
        world_poll(&join.future, NULL);
        rouse_future_drop(&join.future);
        break;
    default: break;
    }
    rouse_waker_drop(&clone);
}

static void hit_main(void *argument)
{
    hit(argument);
}

static void hit_here_or_there(struct encounter *it)
{
    if (it->event == WAKE_FAR || it->event == CANCEL_FAR)
        thread_join(thread_start(hit_main, it));
    else
        hit(it);
}

/* The poll that brings it into its state; those after it wait. */
static enum rouse_poll enter_state(struct puppet *self, struct rouse_context *cx)
{
    struct encounter *it = self->with;

    if (self->polls > 1)
        return ROUSE_PENDING;
    rouse_waker_keep(&it->waker, cx->waker);
    if (it->state == YIELDED)
        cx->yield = true;
    if (it->state == RUNNING_WOKEN || it->state == ENDED_QUEUED)
        rouse_wake_by_ref(cx->waker);
    if (it->state == RUNNING || it->state == RUNNING_WOKEN)
        hit_here_or_there(it);
    return it->state >= ENDED_QUEUED && it->state <= ENDED ? puppet_finish(self, cx)
                                                           : ROUSE_PENDING;
}

static void spawn_main(void *argument)
{
    struct encounter *it = argument;

    puppet_spawn_held(&it->stage.executor, &it->puppet);
}

static void wake_far_main(void *argument)
{
    struct encounter *it = argument;

    rouse_wake_by_ref(&it->waker);
}

static void bring_into_state(struct encounter *it)
{
    if (it->state == ARRIVING)
        thread_join(thread_start(spawn_main, it));
    else
        puppet_spawn_held(&it->stage.executor, &it->puppet);
    if (it->state != FRESH && it->state != ARRIVING)
        rouse_executor_run(&it->stage.executor, 1);
    if (it->state == WOKEN)
        rouse_wake_by_ref(&it->waker);
    if (it->state == WOKEN_FAR)
        thread_join(thread_start(wake_far_main, it));
    if (it->state == CANCELED || it->state == ENDED_CANCELED)
        rouse_cancel(&it->puppet.task);
    if (it->state == ENDED_CANCELED)
        stage_run(&it->stage);
}

/* How many polls and drops the rest of its life must bring, by the rules alone. */
static void foretell(const struct encounter *it, uintptr_t *polls, uintptr_t *drops)
{
    const bool has_waker = it->state != FRESH && it->state != ARRIVING;
    const bool ended = it->state >= ENDED_QUEUED;
    const bool queued = !has_waker || it->state == WOKEN || it->state == WOKEN_FAR
                        || it->state == YIELDED || it->state == RUNNING_WOKEN;
    const bool woken = has_waker
                       && ((it->event >= WAKE_BY_REF && it->event <= WAKE_FAR)
                           || it->event == CANCEL_THEN_WAKE || it->event == WAKE_THEN_CANCEL);
    const bool canceled =
        it->state == CANCELED || (it->event >= CANCEL && it->event <= WAKE_THEN_CANCEL);

    *drops = !ended && canceled;
    *polls = !ended && !canceled && (queued || woken);
}

static void meet(struct world *world, enum state state, enum event event)
{
    struct encounter it = {.state = state, .event = event};
    uintptr_t polls, drops, polls_before, drops_before;

    stage_open(&it.stage, world);
    puppet_make(&it.puppet, enter_state);
    it.puppet.with = &it;
    bring_into_state(&it);
    polls_before = it.puppet.polls;
    drops_before = it.puppet.drops;
    if (state != RUNNING && state != RUNNING_WOKEN)
        hit_here_or_there(&it);
    stage_run(&it.stage);
    foretell(&it, &polls, &drops);
    polls += polls_before;
    drops += drops_before;
    if (state >= ENDED_QUEUED) {
        CHECK(T3, it.puppet.polls == polls && it.puppet.drops == drops,
              "an ended task, state %d, event %d", (int) state, (int) event);
    } else if (drops != 0) {
        CHECK(T9, it.puppet.polls == polls && it.puppet.drops == drops,
              "a canceled task, state %d, event %d: %d polls, %d drops", (int) state, (int) event,
              (int) it.puppet.polls, (int) it.puppet.drops);
    } else {
        CHECK(W1, it.puppet.polls >= polls, "woken and not polled, state %d, event %d", (int) state,
              (int) event);
        CHECK(T7, it.puppet.polls <= polls, "polled and not woken, state %d, event %d", (int) state,
              (int) event);
        CHECK(T7, it.puppet.drops == 0, "dropped, state %d, event %d", (int) state, (int) event);
    }
    rouse_waker_drop(&it.waker);
    stage_close(&it.stage);
    CHECK_EQUAL(T5, it.puppet.releases, 0, "releases while it is held");
    rouse_task_unhold(&it.puppet.task);
    puppets_check(&it.puppet, 1);
}

CASE(t3_every_event_in_every_state, "T3 T9 W1 T1 T4 T5 T7", NEEDS_NOTHING,
     "a task is brought into each of twelve states, and hit there by each of thirteen events: "
     "wakes, "
     "cancels, holds, joins, on this thread and on another",
     "it is polled once if it was woken, dropped once if it was canceled, and left alone if it had "
     "ended")
{
    for (enum state state = FRESH; state < STATES; state++)
        for (enum event event = NOTHING; event < EVENTS; event++)
            meet(world, state, event);
}

CASE(t3_a_canceled_task_is_never_polled, "T3 T1 T4 T5", NEEDS_NOTHING,
     "a hundred tasks are canceled right after their spawn, once or several times",
     "none is polled, and each is dropped once")
{
    struct stage stage;
    struct puppet *puppets = puppets_make(100, puppet_wait);

    stage_open(&stage, world);
    for (int i = 0; i < 100; i++) {
        puppet_spawn(&stage.executor, &puppets[i]);
        for (int n = i % 4; n >= 0; n--)
            rouse_cancel(&puppets[i].task);
    }
    stage_run(&stage);
    for (int i = 0; i < 100; i++) {
        CHECK_EQUAL(T3, puppets[i].polls, 0, "polls of a canceled task");
        CHECK_EQUAL(T3, puppets[i].drops, 1, "drops of a canceled task");
    }
    stage_close(&stage);
    puppets_check(puppets, 100);
    free(puppets);
}

/* How a task comes to its end, and what is done to it afterwards. */
enum ending { FINISHES, FINISHES_WOKEN, IS_CANCELED, IS_CANCELED_WOKEN, ENDINGS };

static enum rouse_poll wait_then_finish(struct puppet *self, struct rouse_context *cx)
{
    if (self->polls == 1)
        return puppet_wait(self, cx);
    rouse_waker_keep(self->with, cx->waker);
    if (self->number == FINISHES_WOKEN)
        rouse_wake_by_ref(cx->waker);
    return puppet_finish(self, cx);
}

CASE(t3_the_memory_of_what_has_ended_is_its_owners, "T3 T1 T4 T5", NEEDS_NOTHING,
     "a task finishes, is woken in the poll that ends it, or is canceled; at once its owner makes "
     "another future where its own was, and the task is woken and canceled time and again",
     "the new future is left alone")
{
    for (int ending = 0; ending < ENDINGS; ending++) {
        struct stage stage;
        struct puppet puppet;
        struct rouse_waker kept = {NULL, NULL};
        uintptr_t polls, drops;

        stage_open(&stage, world);
        puppet_make(&puppet, wait_then_finish);
        puppet.number = ending;
        puppet.with = &kept;
        puppet_spawn_held(&stage.executor, &puppet);
        stage_run(&stage);
        kept = puppet_clone(&puppet);
        if (ending != IS_CANCELED)
            rouse_wake_by_ref(&kept);
        if (ending >= IS_CANCELED)
            rouse_cancel(&puppet.task);
        rouse_executor_run(&stage.executor, 1);
        CHECK(T3, puppet.over, "it has not ended in its turn, ending %d", ending);
        puppet_again(&puppet);
        polls = puppet.polls;
        drops = puppet.drops;
        for (int n = 0; n < 3; n++) {
            stage_run(&stage);
            rouse_wake_by_ref(&kept);
            if (n > 0)
                rouse_cancel(&puppet.task);
        }
        stage_run(&stage);
        CHECK(T3, puppet.polls == polls && puppet.drops == drops,
              "what stands where an ended task's future was is polled, or dropped, ending %d",
              ending);
        rouse_waker_drop(&kept);
        stage_close(&stage);
        CHECK(T3, puppet.polls == polls && puppet.drops == drops,
              "closing has polled or dropped it, ending %d", ending);
        puppet.over = true;
        rouse_task_unhold(&puppet.task);
        puppets_check(&puppet, 1);
    }
}

CASES(task_t3) = {&t3_a_task_that_wakes_itself_and_finishes_is_not_polled_again,
                  &t3_every_event_in_every_state, &t3_a_canceled_task_is_never_polled,
                  &t3_the_memory_of_what_has_ended_is_its_owners};
