/*
 * stage.c -- what programs play on.
 */
#include "stage.h"

struct stage *stage;

static enum rouse_poll actor_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct actor *actor = rouse_container_of(self, struct actor, future);
    struct account *account = actor->account;
    enum rouse_poll poll;

    explore_check(rouse__thread() == actor->home, "T4: polled on a foreign thread");
    explore_check(!account->over, "T3: polled after its end");
    account->polls++;
    poll = actor->act(actor, cx);
    account->over = poll == ROUSE_READY;
    return poll;
}

static void actor_drop(struct rouse_future *self)
{
    struct actor *actor = rouse_container_of(self, struct actor, future);

    explore_check(rouse__thread() == actor->home, "T4: dropped on a foreign thread");
    explore_check(!actor->account->over, "T3: dropped after its end");
    actor->account->drops++;
    actor->account->over = true;
}

static const struct rouse_future_ops actor_ops = {actor_poll, actor_drop, "actor"};

struct actor *actor_make(actor_act *act)
{
    struct actor *actor = (struct actor *) explore_memory(sizeof *actor, "an actor");

    actor->future.ops = &actor_ops;
    actor->act = act;
    actor->account = (struct account *) explore_memory(sizeof *actor->account, "an account");
    actor->home = rouse__thread();
    return actor;
}

void actor_hand_over(struct actor *actor, struct rouse_context *cx, unsigned wakers)
{
    if (actor->account->polls != 1)
        return;
    rouse_waker_keep(&actor->waker, cx->waker);
    if (wakers > 1)
        rouse_waker_keep(&actor->second, cx->waker);
    (void) atomic_exchange(&actor->handed, 1);
}

void actor_release(struct rouse_task *task)
{
    struct actor *actor = rouse_container_of(task, struct actor, task);
    struct account *account = actor->account;

    explore_check(account->over, "T5: released before its end");
    account->releases++;
    explore_give_back(actor, sizeof *actor);
}

void actor_check_end(const struct account *account)
{
    explore_check(account->over, "T10: neither finished nor dropped");
    explore_check(account->releases == 1, "T5: not released once");
}

void stage_open(const struct rouse_evq_ops *ops)
{
    const struct rouse_evq_options evq_options = {sizeof evq_options, &explore_alloc, NULL};
    struct rouse_options options = {.size = sizeof options, .alloc = &explore_alloc};
    int error;

    stage = (struct stage *) explore_memory(sizeof *stage, "the runtime");
    error = ops->open(&stage->evq, &evq_options);
    explore_check(error == 0, "no queue");
    options.evq = stage->evq;
    error = rouse_open(&stage->rt, &options);
    explore_check(error == 0, "no runtime");
}

void stage_run_until_polled(const struct account *account, unsigned polls)
{
    for (;;) {
        const bool idle = rouse_executor_run(&stage->rt.executor, 4) < 4;
        int error;

        if (account->over || account->polls >= polls)
            return;
        error = rouse_reactor_turn(&stage->rt.reactor, idle ? ROUSE_NEVER : 0);
        explore_check(error == 0, "E9: wait() failed");
    }
}

void stage_run_until_over(const struct account *account)
{
    stage_run_until_polled(account, 1000);
}

void stage_close(void)
{
    rouse_close(&stage->rt);
    stage->evq->ops->close(stage->evq);
    explore_give_back(stage, sizeof *stage);
}

void actor_spawn(struct actor *actor)
{
    rouse_spawn(&stage->rt.executor, &actor->task, &actor->future, actor_release);
}
