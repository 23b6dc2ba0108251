/*
 * t10_threads.c -- T10 while other threads wake, hold, and do not let go.
 */
#include <stdlib.h>
#include <string.h>

#include "puppet.h"

enum { THREADS = 3, TASKS = 20, ROUNDS = 300 };

/* Threads with wakers of every task, for which closing does not wait. */
struct siege {
    struct puppet *puppets;
    struct barrier *start, *stop;
    struct rouse_waker wakers[THREADS][TASKS];
    uintptr_t numbers; /* atomic: given to threads */
    int rounds;
};

static void siege_main(void *argument)
{
    struct siege *siege = argument;
    const uintptr_t number = atomic_fetch_add(&siege->numbers, 1);

    for (int round = 0; round < siege->rounds; round++) {
        barrier_wait(siege->start);
        for (int n = 0; n < round % 5; n++)
            thread_yield();
        for (int i = 0; i < TASKS; i++) {
            struct rouse_waker *waker = &siege->wakers[number][i];

            if ((i + round) % 2 == 0)
                rouse_wake_by_ref(waker);
            else
                rouse_wake(waker);
            rouse_waker_drop(waker);
        }
        barrier_wait(siege->stop);
    }
}

static void siege_begin(struct siege *siege, struct thread **threads)
{
    siege->puppets = puppets_make(TASKS, puppet_wait);
    siege->start = barrier_make(THREADS + 1);
    siege->stop = barrier_make(THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start(siege_main, siege);
}

static void siege_end(struct siege *siege, struct thread **threads)
{
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    barrier_free(siege->start);
    barrier_free(siege->stop);
    free(siege->puppets);
}

/* Spawns the tasks anew and gives their wakers out. */
static void siege_spawn(struct siege *siege, struct rouse_executor *executor)
{
    for (int i = 0; i < TASKS; i++) {
        puppet_make(&siege->puppets[i], puppet_wait);
        puppet_spawn(executor, &siege->puppets[i]);
    }
    rouse_executor_run(executor, TASKS);
    for (int i = 0; i < THREADS * TASKS; i++)
        siege->wakers[i / TASKS][i % TASKS] = puppet_clone(&siege->puppets[i % TASKS]);
}

CASE(t10_wakes_may_be_under_way_while_an_executor_closes, "T10 T1 T3 T4 T5", NEEDS_NOTHING,
     "three threads wake twenty tasks while their executor is run and closed, and its memory used "
     "again",
     "each task is dropped once, and released once when the last waker has gone")
{
    struct siege siege = {.rounds = ROUNDS};
    struct thread *threads[THREADS];

    siege_begin(&siege, threads);
    for (int round = 0; round < ROUNDS; round++) {
        struct stage stage;

        stage_open(&stage, world);
        siege_spawn(&siege, &stage.executor);
        barrier_wait(siege.start);
        rouse_executor_run(&stage.executor, (size_t) (round % 7));
        stage_close(&stage);
        memset(&stage.executor, 0xa5, sizeof stage.executor);
        barrier_wait(siege.stop);
        for (int i = 0; i < TASKS; i++)
            CHECK_EQUAL(T10, siege.puppets[i].drops, 1, "drops");
        puppets_check(siege.puppets, TASKS);
    }
    siege_end(&siege, threads);
}

CASE(t10_wakes_may_be_under_way_while_a_runtime_closes, "T10 L2 T1 T3 T4 T5", NEEDS_NOTHING,
     "the same of a runtime, whose thread the wakes would get out of its wait",
     "each task is dropped and released once, and the runtime's memory is given back")
{
    struct siege siege = {.rounds = 60};
    struct thread *threads[THREADS];

    siege_begin(&siege, threads);
    for (int round = 0; round < siege.rounds; round++) {
        struct rouse_options options = {.size = sizeof options, .alloc = world->alloc};
        const size_t live = world->memory.live;
        struct rouse_evq *evq;
        struct rouse rt;
        struct limit *limit;

        if (world_open_queue(world, world->alloc, &evq) != 0)
            suite_error("no queue");
        options.evq = evq;
        if (rouse_open(&rt, &options) != 0)
            suite_error("no runtime");
        siege_spawn(&siege, &rt.executor);
        barrier_wait(siege.start);
        limit = round % 10 == 0 ? LIMIT(T10, "rouse_close() does not end") : NULL;
        rouse_close(&rt);
        evq->ops->close(evq);
        if (limit != NULL)
            limit_stop(limit);
        barrier_wait(siege.stop);
        for (int i = 0; i < TASKS; i++)
            CHECK_EQUAL(T10, siege.puppets[i].drops, 1, "drops");
        CHECK_EQUAL(L2, world->memory.live, live, "blocks of memory");
        puppets_check(siege.puppets, TASKS);
    }
    siege_end(&siege, threads);
}

/* A thread that holds a task and has its waker, and sleeps. */
struct hostage {
    struct puppet puppet;
    struct rouse_waker waker;
    struct barrier *closed;
};

static void keep_main(void *argument)
{
    struct hostage *hostage = argument;

    barrier_wait(hostage->closed);
    rouse_wake(&hostage->waker);
    rouse_task_unhold(&hostage->puppet.task);
}

CASE(t10_closing_waits_for_nobody, "T10 T1 T3 T4 T5", NEEDS_NOTHING,
     "another thread holds a task, has its waker, and sleeps until the executor has been closed",
     "closing ends all the same; the task is released by the other thread, later")
{
    struct stage stage;
    struct hostage hostage = {.closed = barrier_make(2)};
    struct thread *thread;

    stage_open(&stage, world);
    puppet_make(&hostage.puppet, puppet_wait);
    puppet_spawn_held(&stage.executor, &hostage.puppet);
    stage_run(&stage);
    hostage.waker = puppet_clone(&hostage.puppet);
    thread = thread_start(keep_main, &hostage);
    stage_close(&stage);
    CHECK_EQUAL(T10, hostage.puppet.drops, 1, "drops");
    CHECK_EQUAL(T10, hostage.puppet.releases, 0, "releases while it is held");
    barrier_wait(hostage.closed);
    thread_join(thread);
    CHECK(T10, hostage.puppet.released_on != thread_here(), "released here, not by the last one");
    puppets_check(&hostage.puppet, 1);
    barrier_free(hostage.closed);
}

CASES(task_t10_threads) = {&t10_wakes_may_be_under_way_while_an_executor_closes,
                           &t10_wakes_may_be_under_way_while_a_runtime_closes,
                           &t10_closing_waits_for_nobody};
