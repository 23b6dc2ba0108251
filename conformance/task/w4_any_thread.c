/*
 * w4_any_thread.c -- wakers on other threads, and after everything is gone.
 */
#include <stdlib.h>

#include "puppet.h"

enum { THREADS = 4, CLONES = 20000 };

/* Threads that clone, wake and release one task's waker, each from a clone of its own. */
struct crowd {
    struct puppet puppet;
    struct barrier *start;
    struct rouse_waker clones[THREADS];
    uintptr_t numbers; /* atomic: given to threads */
    uintptr_t done;    /* atomic: threads */
    bool awaited;      /* the puppet finishes when all are done */
    bool held;         /* the case holds it, and so may they */
    bool canceled;     /* some of them cancel it */
};

static enum rouse_poll crowd_poll(struct puppet *self, struct rouse_context *cx)
{
    struct crowd *crowd = self->with;

    if (crowd->awaited && atomic_load_acquire(&crowd->done) == THREADS)
        return puppet_finish(self, cx);
    return puppet_wait(self, cx);
}

static void crowd_main(void *argument)
{
    struct crowd *crowd = argument;
    struct rouse_waker waker = crowd->clones[atomic_fetch_add(&crowd->numbers, 1)];
    struct rouse_waker kept = {NULL, NULL};

    barrier_wait(crowd->start);
    for (int n = 0; n < CLONES; n++) {
        struct rouse_waker clone = waker_clone(&waker);

        rouse_waker_keep(&kept, &clone);
        if (n % 3 == 0)
            rouse_wake(&clone);
        else if (n % 3 == 1)
            rouse_wake_by_ref(&kept);
        rouse_waker_drop(&clone);
        if (crowd->held) {
            rouse_task_hold(&crowd->puppet.task);
            rouse_task_unhold(&crowd->puppet.task);
        }
    }
    rouse_waker_drop(&kept);
    atomic_fetch_add(&crowd->done, 1);
    rouse_wake(&waker);
}

/* Spawns its task, and has it polled once. */
static void crowd_open(struct world *world, struct stage *stage, struct crowd *crowd)
{
    stage_open(stage, world);
    puppet_make(&crowd->puppet, crowd_poll);
    crowd->puppet.with = crowd;
    if (crowd->held)
        puppet_spawn_held(&stage->executor, &crowd->puppet);
    else
        puppet_spawn(&stage->executor, &crowd->puppet);
    stage_run(stage);
}

static void crowd_begin(struct crowd *crowd, void (*run)(void *crowd), struct thread **threads)
{
    crowd->start = barrier_make(THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        crowd->clones[i] = puppet_clone(&crowd->puppet);
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start(run, crowd);
}

static void crowd_end(struct crowd *crowd, struct thread **threads)
{
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    barrier_free(crowd->start);
}

CASE(w4_wakers_are_cloned_woken_and_released_on_any_thread, "W4 T1 T3 T4 T5", NEEDS_NOTHING,
     "four threads clone, wake and release wakers of one task, and hold it, while it is polled, "
     "twenty thousand times each",
     "the last wakes lead to its last poll, and it is released once, when all of them are gone")
{
    struct crowd crowd = {.awaited = true, .held = true};
    struct thread *threads[THREADS];
    struct stage stage;

    crowd_open(world, &stage, &crowd);
    crowd_begin(&crowd, crowd_main, threads);
    barrier_wait(crowd.start);
    CHECK(W4, stage_run_until(&stage, puppet_is_over, &crowd.puppet),
          "of the wakes of many threads the last was lost");
    crowd_end(&crowd, threads);
    stage_run(&stage);
    CHECK_EQUAL(W4, crowd.puppet.releases, 0, "releases while it is held");
    rouse_task_unhold(&crowd.puppet.task);
    CHECK_EQUAL(W4, crowd.puppet.releases, 1, "releases when every waker and hold is gone");
    stage_close(&stage);
    puppets_check(&crowd.puppet, 1);
}

CASE(w4_wakers_may_outlive_the_executor, "W4 T1 T3 T4 T5", NEEDS_NOTHING,
     "four threads clone, wake and release wakers of a task whose executor has been closed",
     "nothing happens but that the last one releases the task")
{
    struct crowd crowd = {.awaited = false};
    struct thread *threads[THREADS];
    struct stage stage;

    crowd_open(world, &stage, &crowd);
    crowd_begin(&crowd, crowd_main, threads);
    stage_close(&stage);
    wakes_taken(stage.nudge);
    CHECK_EQUAL(W4, crowd.puppet.releases, 0, "releases while there are wakers");
    barrier_wait(crowd.start);
    crowd_end(&crowd, threads);
    CHECK_EQUAL(W4, crowd.puppet.releases, 1, "releases when every waker is gone");
    CHECK_EQUAL(W4, wakes_taken(stage.nudge), 0, "nudges of a closed executor");
    CHECK_EQUAL(W4, crowd.puppet.polls, 1, "polls");
    puppets_check(&crowd.puppet, 1);
}

CASE(w4_wakers_may_outlive_the_runtime, "W4 L2 T1 T3 T4 T5", NEEDS_NOTHING,
     "the same of a runtime that has been closed, while the threads were about to begin and then "
     "already at it",
     "nothing happens but that the last one releases the task")
{
    for (int round = 0; round < 20; round++) {
        struct crowd crowd = {.awaited = false};
        struct thread *threads[THREADS];
        struct rouse rt;

        world_runtime(world, &rt);
        puppet_make(&crowd.puppet, crowd_poll);
        crowd.puppet.with = &crowd;
        puppet_spawn(&rt.executor, &crowd.puppet);
        rouse_turn(&rt, 0);
        crowd_begin(&crowd, crowd_main, threads);
        if (round % 2 == 0)
            barrier_wait(crowd.start);
        rouse_close(&rt);
        CHECK_EQUAL(L2, crowd.puppet.drops, 1, "drops of a future when its runtime is closed");
        if (round % 2 != 0)
            barrier_wait(crowd.start);
        crowd_end(&crowd, threads);
        CHECK_EQUAL(L2, crowd.puppet.releases, 1, "releases when every waker is gone");
        puppets_check(&crowd.puppet, 1);
    }
}

static enum rouse_poll leave_a_waker(struct puppet *self, struct rouse_context *cx)
{
    rouse_waker_keep(self->with, cx->waker);
    return puppet_finish(self, cx);
}

static void wake_and_let_go(void *argument)
{
    rouse_wake_by_ref(argument);
    rouse_waker_drop(argument);
}

CASE(w4_the_waker_of_a_run_may_outlive_it, "W4 L2", NEEDS_NOTHING,
     "a future keeps the waker of the rouse_run() that it ends; the runtime is closed, and another "
     "thread wakes",
     "nothing happens, and the memory of the run is given back with the waker")
{
    struct rouse rt;
    struct puppet puppet;
    struct rouse_waker kept = {NULL, NULL};
    size_t live;

    world_runtime(world, &rt);
    live = world->memory.live;
    puppet_make(&puppet, leave_a_waker);
    puppet.with = &kept;
    puppet.value = 7;
    CHECK_EQUAL(W4, RUN(W4, &rt, &puppet.future), 7, "the result");
    rouse_close(&rt);
    thread_join(thread_start(wake_and_let_go, &kept));
    CHECK_EQUAL(W4, puppet.polls, 1, "polls");
    CHECK(L2, world->memory.live <= live, "%zu blocks are left of a run, %zu before",
          world->memory.live, live);
}

/* What the other thread has to do with executors: nothing; it has one of its own; or it had
 * one, in the memory where the task's is now. */
enum neighbour { NONE, OWN, SAME_PLACE, NEIGHBOURS };

/* A task that gives its only waker away in each poll, to a thread that spends it. */
struct baton {
    struct puppet puppet, busy;
    struct world *world;
    struct rouse_waker waker;
    uintptr_t given, rounds; /* atomic: how often it was given away */
    struct barrier *start;
    enum neighbour neighbour;
    struct stage stage;
};

static enum rouse_poll give_away(struct puppet *self, struct rouse_context *cx)
{
    struct baton *baton = self->with;

    if (baton->given == baton->rounds)
        return puppet_finish(self, cx);
    rouse_waker_keep(&baton->waker, cx->waker);
    word_add(&baton->given);
    return ROUSE_PENDING;
}

static void baton_main(void *argument)
{
    struct baton *baton = argument;
    struct stage own;

    if (baton->neighbour == OWN)
        stage_open(&own, baton->world);
    if (baton->neighbour == SAME_PLACE) {
        stage_open(&baton->stage, baton->world);
        stage_close(&baton->stage);
    }
    barrier_wait(baton->start);
    for (uintptr_t n = 1; n <= baton->rounds && await_word(&baton->given, n); n++)
        rouse_wake(&baton->waker);
    if (baton->neighbour == OWN)
        stage_close(&own);
}

static enum rouse_poll yield_until_over(struct puppet *self, struct rouse_context *cx)
{
    const struct baton *baton = self->with;

    return baton->puppet.over ? puppet_finish(self, cx) : puppet_yield(self, cx);
}

CASE(w4_the_only_waker_may_be_spent_on_another_thread, "W4 T1 T3 T4 T5", NEEDS_NOTHING,
     "a task has one waker, which another thread spends, a thousand times; in between its executor "
     "sleeps, or runs another task; the thread has an executor of its own, had one, or none",
     "each wake reaches the task's executor, which polls it on its own thread")
{
    for (int kind = 0; kind < 2 * NEIGHBOURS; kind++) {
        struct baton baton = {.world = world,
                              .rounds = 1000,
                              .start = barrier_make(2),
                              .neighbour = (enum neighbour)(kind / 2)};
        struct thread *thread = thread_start(baton_main, &baton);
        bool over;

        barrier_wait(baton.start);
        stage_open(&baton.stage, world);
        puppet_make(&baton.puppet, give_away);
        puppet_make(&baton.busy, yield_until_over);
        baton.puppet.with = baton.busy.with = &baton;
        puppet_spawn(&baton.stage.executor, &baton.puppet);
        if (kind % 2 != 0)
            puppet_spawn(&baton.stage.executor, &baton.busy);
        over = stage_run_until(&baton.stage, puppet_is_over, &baton.puppet);
        CHECK(W4, over, "wake %d was lost, or did not reach the executor's thread",
              (int) baton.given);
        thread_join(thread);
        stage_close(&baton.stage);
        CHECK_EQUAL(W4, baton.puppet.polls, baton.rounds + 1, "polls");
        puppets_check(&baton.puppet, 1);
        if (kind % 2 != 0)
            puppets_check(&baton.busy, 1);
        barrier_free(baton.start);
    }
}

/* Clones wakers and lets go of them, or cancels, and nothing else: no lock of anybody keeps
 * these threads apart. */
static void cloner_main(void *argument)
{
    struct crowd *crowd = argument;
    const uintptr_t number = atomic_fetch_add(&crowd->numbers, 1);
    struct rouse_waker *waker = &crowd->clones[number];
    const bool cancels = crowd->canceled && number % 2 != 0;

    thread_stay((int) number);
    barrier_wait(crowd->start);
    for (int n = 0; n < 10 * CLONES; n++) {
        struct rouse_waker one = waker_clone(waker), other;

        if (cancels)
            rouse_cancel(&crowd->puppet.task);
        other = waker_clone(&one);
        rouse_waker_drop(&one);
        rouse_waker_drop(&other);
    }
    rouse_waker_drop(waker);
}

CASE(w4_wakers_that_are_cloned_at_the_same_time_are_all_counted, "W4 T1 T3 T4 T5", NEEDS_NOTHING,
     "four threads clone wakers of one task and let go of them, four hundred thousand times each, "
     "and nothing else; or two of them cancel it, each time",
     "it is released when it has ended and the last of them is gone, and not before")
{
    for (int canceled = 0; canceled < 2; canceled++) {
        struct crowd crowd = {.canceled = canceled != 0};
        struct thread *threads[THREADS];
        struct stage stage;

        crowd_open(world, &stage, &crowd);
        crowd_begin(&crowd, cloner_main, threads);
        barrier_wait(crowd.start);
        crowd_end(&crowd, threads);
        CHECK_EQUAL(W4, crowd.puppet.releases, 0, "releases of a task that lives");
        crowd.puppet.act = puppet_finish;
        rouse_wake_by_ref(&crowd.puppet.waker);
        stage_run(&stage);
        CHECK_EQUAL(W4, crowd.puppet.drops, canceled, "drops");
        CHECK_EQUAL(W4, crowd.puppet.releases, 1, "releases when every waker is gone");
        stage_close(&stage);
        puppets_check(&crowd.puppet, 1);
    }
}

enum { EACH = 100, PASSES = 300 };

/* A task that notes for which pass it was polled, of those in which a thread wakes it. */
struct woken {
    struct puppet puppet;
    uintptr_t pass; /* atomic */
    uintptr_t seen;
};

/* Threads that wake tasks of their own all the time, all of one executor. */
struct throng {
    struct woken tasks[THREADS * EACH];
    struct barrier *start;
    uintptr_t numbers; /* atomic: given to threads */
    uintptr_t done;    /* atomic: threads */
};

static enum rouse_poll see_pass(struct puppet *self, struct rouse_context *cx)
{
    struct woken *woken = self->with;

    woken->seen = atomic_load_acquire(&woken->pass);
    return puppet_wait(self, cx);
}

static void throng_main(void *argument)
{
    struct throng *throng = argument;
    struct woken *own = &throng->tasks[EACH * atomic_fetch_add(&throng->numbers, 1)];

    barrier_wait(throng->start);
    for (uintptr_t pass = 1; pass <= PASSES; pass++)
        for (int i = 0; i < EACH; i++) {
            atomic_exchange(&own[i].pass, pass);
            rouse_wake_by_ref(&own[i].puppet.waker);
        }
    word_add(&throng->done);
}

CASE(w4_wakes_of_many_tasks_by_many_threads_all_arrive, "W4", NEEDS_NOTHING,
     "four threads wake a hundred tasks each, three hundred times, while those are polled",
     "each is polled after its last wake")
{
    struct throng *throng = calloc(1, sizeof *throng);
    struct thread *threads[THREADS];
    struct stage stage;

    if (throng == NULL)
        suite_error("no memory for tasks");
    throng->start = barrier_make(THREADS + 1);
    stage_open(&stage, world);
    for (int i = 0; i < THREADS * EACH; i++) {
        puppet_make(&throng->tasks[i].puppet, see_pass);
        throng->tasks[i].puppet.with = &throng->tasks[i];
        puppet_spawn(&stage.executor, &throng->tasks[i].puppet);
    }
    stage_run(&stage);
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start(throng_main, throng);
    barrier_wait(throng->start);
    while (atomic_load_acquire(&throng->done) < THREADS)
        if (stage_run(&stage) == 0)
            thread_yield();
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    stage_run(&stage);
    for (int i = 0; i < THREADS * EACH; i++)
        if (!CHECK(W4, throng->tasks[i].seen == PASSES,
                   "task %d was polled for wake %d, and never after that", i,
                   (int) throng->tasks[i].seen))
            break;
    stage_close(&stage);
    barrier_free(throng->start);
    free(throng);
}

enum { OTHERS = 3, CYCLES = 200000, SLEEPS = 3000, ENOUGH_MS = 300 };

/* Another thread wakes without a pause, until it is told to stop; and so does the executor's,
 * in between. */
struct storm {
    struct stage stage;
    struct woken tasks[OTHERS + 1]; /* the other thread's, and one that both wake */
    uintptr_t over;                 /* atomic: stop */
    uintptr_t late;                 /* atomic: the time is over */
    int left;                       /* cycles */
};

static void wake_anew(struct woken *woken)
{
    atomic_fetch_add(&woken->pass, 1);
    rouse_wake_by_ref(&woken->puppet.waker);
}

static void storm_main(void *argument)
{
    struct storm *storm = argument;

    thread_stay(1);
    while (atomic_load_acquire(&storm->over) == 0)
        for (int i = 0; i <= OTHERS; i++)
            wake_anew(&storm->tasks[i]);
}

static void storm_is_late(void *with)
{
    atomic_exchange(&((struct storm *) with)->late, 1);
}

/* Asked once in each cycle. */
static bool storm_is_enough(void *with)
{
    struct storm *storm = with;

    return --storm->left <= 0 || atomic_load_acquire(&storm->late) != 0;
}

static void storm_run(struct storm *storm)
{
    struct limit *limit = LIMIT(W4, "the executor does not come to an end");

    thread_stay(0);
    while (!storm_is_enough(storm)) {
        rouse_executor_run(&storm->stage.executor, OTHERS + 1);
        wake_anew(&storm->tasks[OTHERS]);
    }
    thread_stay(-1);
    limit_stop(limit);
}

CASE(w4_wakes_without_a_pause_all_arrive, "W4 W1 T1 T3 T4 T5 T7 T10", NEEDS_NOTHING,
     "another thread wakes four tasks without a pause, while the executor's runs them, and wakes "
     "one of them too; or sleeps until it is nudged",
     "it is nudged when there is something, and each task polled after its last wake; it closes")
{
    for (int sleeps = 0; sleeps < 2; sleeps++) {
        struct storm storm = {.left = sleeps != 0 ? SLEEPS : CYCLES};
        struct watchdog *watchdog = watchdog_start(ENOUGH_MS, storm_is_late, &storm);
        struct limit *limit;
        struct thread *thread;

        stage_open(&storm.stage, world);
        for (int i = 0; i <= OTHERS; i++) {
            puppet_make(&storm.tasks[i].puppet, see_pass);
            storm.tasks[i].puppet.with = &storm.tasks[i];
            puppet_spawn(&storm.stage.executor, &storm.tasks[i].puppet);
        }
        stage_run(&storm.stage);
        thread = thread_start(storm_main, &storm);
        if (sleeps != 0)
            CHECK(T7, stage_run_until(&storm.stage, storm_is_enough, &storm),
                  "it sleeps on, though another thread wakes");
        else
            storm_run(&storm);
        atomic_exchange(&storm.over, 1);
        thread_join(thread);
        limit = LIMIT(W4, "the executor does not come to an end");
        stage_run(&storm.stage);
        for (int i = 0; i <= OTHERS; i++)
            CHECK(W1, storm.tasks[i].seen == storm.tasks[i].pass,
                  "task %d was polled for wake %llu, and never for the last, %llu", i,
                  (unsigned long long) storm.tasks[i].seen,
                  (unsigned long long) storm.tasks[i].pass);
        limit_stop(limit);
        stage_close(&storm.stage);
        watchdog_stop(watchdog);
        for (int i = 0; i <= OTHERS; i++)
            puppets_check(&storm.tasks[i].puppet, 1);
    }
}

enum { WAKERS = 2, IDLE = 1000, WAVES = 200 };

/* Threads that wake tasks, all of them idle: a half each, or all of them, one thread from the
 * first to the last and the other from the last to the first, so that they meet at one. */
struct wave {
    struct puppet *puppets;
    struct barrier *barrier;
    uintptr_t numbers; /* atomic: given to threads */
};

static void wave_main(void *argument)
{
    struct wave *wave = argument;
    const int number = (int) atomic_fetch_add(&wave->numbers, 1);

    thread_stay(number);
    for (int n = 0; n < WAVES; n++) {
        const int count = n % 2 == 0 ? IDLE / 2 : IDLE;

        barrier_wait(wave->barrier);
        for (int i = 0; i < count; i++)
            rouse_wake_by_ref(&wave->puppets[number == 0 ? i : IDLE - 1 - i].waker);
        barrier_wait(wave->barrier);
    }
}

CASE(w4_wakes_of_idle_tasks_at_the_same_time_all_arrive, "W4 W1 T1 T3 T4 T5 T7 T10", NEEDS_NOTHING,
     "two threads wake a thousand idle tasks at the same time, a half each or all, two hundred "
     "times",
     "the executor is nudged each time, and each task polled once; it closes")
{
    struct wave wave = {.puppets = puppets_make(IDLE, puppet_wait),
                        .barrier = barrier_make(WAKERS + 1)};
    struct thread *threads[WAKERS];
    struct stage stage;

    stage_open(&stage, world);
    for (int i = 0; i < IDLE; i++)
        puppet_spawn(&stage.executor, &wave.puppets[i]);
    stage_run(&stage);
    for (int i = 0; i < WAKERS; i++)
        threads[i] = thread_start(wave_main, &wave);
    for (int n = 0; n < WAVES; n++) {
        struct limit *limit;

        wakes_taken(stage.nudge);
        barrier_wait(wave.barrier); /* now they wake */
        barrier_wait(wave.barrier);
        CHECK(T7, wakes_taken(stage.nudge) > 0, "wave %d: nobody tells the thread", n);
        limit = LIMIT(W1, "the executor does not come to an end");
        CHECK_EQUAL(W1, stage_run(&stage), IDLE, "polls");
        limit_stop(limit);
    }
    for (int i = 0; i < WAKERS; i++)
        thread_join(threads[i]);
    stage_close(&stage);
    puppets_check(wave.puppets, IDLE);
    barrier_free(wave.barrier);
    free(wave.puppets);
}

CASE(w4_a_slot_may_be_emptied_by_a_waker_that_is_empty, "W4", NEEDS_NOTHING,
     "a slot is empty, and one keeps a waker; both are told to keep a waker of zeroes",
     "the one that was kept is released, unwoken, and waking and dropping the slots does nothing")
{
    const struct rouse_waker empty = {NULL, NULL};
    struct wakes *wakes = world_wakes(world);
    const struct rouse_waker waker = wakes_waker(wakes);
    struct rouse_waker slots[2] = {empty, waker_clone(&waker)};

    for (int i = 0; i < 2; i++) {
        rouse_waker_keep(&slots[i], &empty);
        CHECK_EQUAL(W4, wakes->references, i == 0, "references");
        rouse_wake_by_ref(&slots[i]);
        rouse_wake(&slots[i]);
        rouse_waker_drop(&slots[i]);
    }
    CHECK_EQUAL(W4, wakes_taken(wakes), 0, "wakes");
}

CASES(task_w4) = {&w4_the_only_waker_may_be_spent_on_another_thread,
                  &w4_wakers_are_cloned_woken_and_released_on_any_thread,
                  &w4_wakers_that_are_cloned_at_the_same_time_are_all_counted,
                  &w4_wakes_of_many_tasks_by_many_threads_all_arrive,
                  &w4_wakes_without_a_pause_all_arrive,
                  &w4_wakes_of_idle_tasks_at_the_same_time_all_arrive,
                  &w4_wakers_may_outlive_the_executor,
                  &w4_wakers_may_outlive_the_runtime,
                  &w4_the_waker_of_a_run_may_outlive_it,
                  &w4_a_slot_may_be_emptied_by_a_waker_that_is_empty};
