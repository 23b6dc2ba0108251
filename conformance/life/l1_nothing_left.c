/*
 * l1_nothing_left.c -- L1: closing ends every live task, on its thread, and gives back all
 * memory, descriptors and registrations.
 */
#include <signal.h>
#include <stdlib.h>

#include "../fault/play.h"
#include "../task/puppet.h"

/* -- Tasks in every state ---------------------------------------------------- */

enum kind { SLEEPS, LIMITED, YIELDS, READS, LISTENS, JOINS, KINDS };

enum {
    DWELLERS = 5000,
    READERS = 40 /* each needs two descriptors; the rest of their kind sleep */
};

/* Closes, if that comes to an end. */
static void close_within_limit(struct play *play)
{
    struct limit *limit = LIMIT(L1, "closing does not end");

    play_close(play);
    limit_stop(limit);
}

/* A task that never ends by itself. */
struct dweller {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse *rt;
    enum kind kind;
    struct dweller *other; /* whom it joins */
    struct rouse_sleep sleep;
    struct rouse_deadline limit;
    struct rouse_signal signal;
    struct rouse_join join;
    struct rouse_tcp tcp, peer;
    struct rouse_read read;
    char byte;
    int ends, releases; /* how often its FINALLY ran, and its release() */
    bool elsewhere;     /* its FINALLY ran on another thread */
    bool early;         /* it was released before that */
    const void *home;
};

ROUSE_ASYNC(dwell, struct dweller)
{
    struct rouse_reactor *reactor = &self->rt->reactor;

    ROUSE_BEGIN
    if (self->kind == SLEEPS) {
        ROUSE_AWAIT(self->sleep, rouse_sleep(reactor, ROUSE_SECONDS(3600)));
    } else if (self->kind == LIMITED) {
        self->sleep = rouse_sleep(reactor, ROUSE_NEVER);
        ROUSE_AWAIT(self->limit, rouse_deadline(reactor, &self->sleep.future, ROUSE_NEVER));
    } else if (self->kind == READS) {
        ROUSE_AWAIT(self->read, rouse_read(&self->tcp, &self->byte, 1));
    } else if (self->kind == LISTENS) {
        ROUSE_AWAIT(self->signal, rouse_signal(reactor, SIGTERM));
    } else if (self->kind == JOINS) {
        ROUSE_AWAIT(self->join, rouse_join(&self->other->task));
    }
    for (;;)
        ROUSE_YIELD;
    ROUSE_FINALLY
    self->ends++;
    self->elsewhere = thread_here() != self->home;
    rouse_tcp_close(&self->tcp);
    rouse_tcp_close(&self->peer);
    if (self->kind == JOINS)
        rouse_task_unhold(&self->other->task);
    ROUSE_END
}

static void dweller_release(struct rouse_task *task)
{
    struct dweller *dweller = rouse_container_of(task, struct dweller, task);

    dweller->releases++;
    dweller->early = dweller->early || dweller->ends == 0;
}

static void dweller_make(struct play *play, struct dweller *dwellers, int i)
{
    const struct rouse_sockets *sockets = play_sockets(play);
    struct dweller *dweller = &dwellers[i];
    rouse_fd ends[2];

    dweller->rt = &play->rt;
    dweller->home = thread_here();
    dweller->kind = (enum kind)(i % KINDS);
    if (dweller->kind == JOINS) {
        dweller->other = &dwellers[i - 1];
        rouse_task_hold(&dweller->other->task);
    } else if (dweller->kind == READS && i / KINDS < READERS) {
        if (sockets->pair(sockets, ends) != 0)
            suite_error("no pair");
        rouse_stream_open(&dweller->tcp, &play->rt.reactor, ends[0]);
        rouse_stream_open(&dweller->peer, &play->rt.reactor, ends[1]);
    } else if (dweller->kind == READS) {
        dweller->kind = SLEEPS;
    }
    rouse_spawn(&play->rt.executor, &dweller->task, dwell_start(dweller), dweller_release);
}

static void dwellers_check(const struct dweller *dwellers, int count)
{
    for (int i = 0; i < count; i++) {
        const struct dweller *dweller = &dwellers[i];

        if (!CHECK(L1, dweller->ends == 1 && dweller->releases == 1,
                   "task %d of kind %d was ended %d times and released %d times", i, dweller->kind,
                   dweller->ends, dweller->releases)
            || !CHECK(L1, !dweller->elsewhere, "task %d was ended on another thread", i)
            || !CHECK(L1, !dweller->early, "task %d was released before it was ended", i))
            break;
    }
}

CASE(l1_closing_ends_thousands_of_tasks, "L1", NEEDS_NOTHING,
     "5,000 tasks sleep, read, listen for a signal, join each other, yield, or were never polled",
     "closing runs each FINALLY and each release() once, on this thread, and leaves nothing")
{
    struct dweller *dwellers = calloc(DWELLERS, sizeof *dwellers);
    const int descriptors = world_open_descriptors(world);
    struct memory memory;
    struct play play;

    memory_init(&memory);
    if (dwellers == NULL || play_open(&play, world, &memory.alloc) != 0)
        suite_error("nothing opens");
    for (int i = 0; i < DWELLERS; i++) {
        if (i == DWELLERS - 500)
            for (int turn = 0; turn < 100; turn++)
                rouse_turn(&play.rt, 0);
        dweller_make(&play, dwellers, i);
    }
    close_within_limit(&play);
    dwellers_check(dwellers, DWELLERS);
    CHECK(L1, world_open_descriptors(world) == descriptors, "%d descriptors are open, %d were",
          world_open_descriptors(world), descriptors);
    CHECK(L1, memory.live == 0, "%zu blocks of memory are left", memory.live);
    free(dwellers);
}

CASE(l1_closing_ends_what_never_ran, "L1", NEEDS_NOTHING,
     "tasks in every state but polled, in a runtime that never turned, or only ran something else",
     "closing ends each of them once")
{
    for (int ran = 0; ran < 2; ran++) {
        struct dweller dwellers[2 * KINDS] = {0};
        struct play play;

        if (play_open(&play, world, NULL) != 0)
            suite_error("nothing opens");
        if (ran)
            program_sleep.run(&play);
        for (int i = 0; i < 2 * KINDS; i++)
            dweller_make(&play, dwellers, i);
        close_within_limit(&play);
        dwellers_check(dwellers, 2 * KINDS);
    }
}

struct elsewhere {
    struct rouse *rt;
    struct dweller *dwellers;
    int count;
};

static void spawn_elsewhere(void *argument)
{
    struct elsewhere *elsewhere = argument;

    for (int i = 0; i < elsewhere->count; i++)
        rouse_spawn(&elsewhere->rt->executor, &elsewhere->dwellers[i].task,
                    dwell_start(&elsewhere->dwellers[i]), dweller_release);
}

CASE(l1_closing_ends_what_other_threads_spawned, "L1", NEEDS_NOTHING,
     "another thread spawns 100 tasks, and the runtime closes without ever having looked",
     "each is ended once, on the runtime's thread")
{
    enum { COUNT = 100 };
    struct dweller *dwellers = calloc(COUNT, sizeof *dwellers);
    struct play play;
    struct elsewhere elsewhere = {&play.rt, dwellers, COUNT};

    if (dwellers == NULL || play_open(&play, world, NULL) != 0)
        suite_error("nothing opens");
    for (int i = 0; i < COUNT; i++) {
        dwellers[i].rt = &play.rt;
        dwellers[i].home = thread_here();
    }
    thread_join(thread_start(spawn_elsewhere, &elsewhere));
    close_within_limit(&play);
    dwellers_check(dwellers, COUNT);
    free(dwellers);
}

/* -- Ends that begin something ------------------------------------------------ */

/* Spawns two tasks in its FINALLY, and cancels others; some spawn one more when they are
 * released. */
struct hydra {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse *rt;
    struct hydra *heads;
    struct rouse_sleep sleep;
    int place, ends, polls;
};

enum { HEADS = 1023, MORE = HEADS / 3 }; /* one for each third place, behind the others */

static void hydra_grow(struct hydra *heads, int place);

ROUSE_ASYNC(hydra, struct hydra)
{
    ROUSE_BEGIN
    self->polls++;
    ROUSE_AWAIT(self->sleep, rouse_sleep(&self->rt->reactor, ROUSE_NEVER));
    ROUSE_FINALLY
    self->ends++;
    for (int i = 0; i < self->place; i += 7)
        if (self->heads[i].task.executor != NULL && self->heads[i].ends == 0)
            rouse_cancel(&self->heads[i].task);
    if (2 * self->place + 2 < HEADS) {
        hydra_grow(self->heads, 2 * self->place + 1);
        hydra_grow(self->heads, 2 * self->place + 2);
    }
    ROUSE_END
}

static void hydra_release(struct rouse_task *task)
{
    const struct hydra *head = rouse_container_of(task, struct hydra, task);

    if (head->place % 3 == 2 && head->place < HEADS)
        hydra_grow(head->heads, HEADS + head->place / 3);
}

static void hydra_grow(struct hydra *heads, int place)
{
    heads[place].rt = heads->rt;
    heads[place].heads = heads;
    heads[place].place = place;
    rouse_spawn(&heads->rt->executor, &heads[place].task, hydra_start(&heads[place]),
                hydra_release);
}

CASE(l1_what_ends_spawn_is_ended_too, "L1", NEEDS_NOTHING,
     "each of 1,023 FINALLYs that a closing runs spawns two tasks more, and cancels others; each "
     "third release() spawns one",
     "closing ends all of them once, polls none, and comes to an end")
{
    struct hydra *heads = calloc(HEADS + MORE, sizeof *heads);
    struct play play;

    if (heads == NULL || play_open(&play, world, NULL) != 0)
        suite_error("nothing opens");
    heads->rt = &play.rt;
    hydra_grow(heads, 0);
    rouse_turn(&play.rt, 0);
    close_within_limit(&play);
    for (int i = 0; i < HEADS + MORE; i++)
        if (!CHECK(L1, heads[i].ends == 1 && heads[i].polls == (i == 0),
                   "task %d was ended %d times and polled %d times", i, heads[i].ends,
                   heads[i].polls))
            break;
    free(heads);
}

/* -- Everything, again and again --------------------------------------------- */

CASE(l1_opening_and_closing_leaves_nothing, "L1", NEEDS_NOTHING,
     "twenty times a runtime opens, runs programs of every kind, and closes",
     "each time all memory and every descriptor is given back")
{
    const int descriptors = world_open_descriptors(world);

    for (int round = 0; round < 20; round++) {
        struct memory memory;
        struct play play;

        memory_init(&memory);
        if (play_open(&play, world, &memory.alloc) != 0)
            suite_error("nothing opens");
        for (int i = 0; programs[i] != NULL; i++)
            if ((round + i) % 3 != 0)
                programs[i]->run(&play);
        play_close(&play);
        CHECK(L1, memory.live == 0, "round %d leaves %zu blocks", round, memory.live);
        CHECK(L1, world_open_descriptors(world) == descriptors,
              "round %d leaves %d descriptors open, %d were", round, world_open_descriptors(world),
              descriptors);
    }
}

CASE(l1_runtimes_close_beside_each_other, "L1", NEEDS_NOTHING,
     "five runtimes on one thread run programs in turns, and close in mixed order",
     "each gives back what it had when it closes, and the rest go on")
{
    enum { FIVE = 5 };
    static const int order[FIVE] = {2, 0, 4, 1, 3};
    const int descriptors = world_open_descriptors(world);
    struct memory memories[FIVE];
    struct play plays[FIVE];

    for (int i = 0; i < FIVE; i++) {
        memory_init(&memories[i]);
        if (play_open(&plays[i], world, &memories[i].alloc) != 0)
            suite_error("nothing opens");
    }
    for (int closed = 0; closed < FIVE; closed++) {
        for (int i = closed; i < FIVE; i++) {
            CHECK_EQUAL(L1, program_echo.run(&plays[order[i]]), 0, "an echo beside closed ones");
            CHECK_EQUAL(L1, program_timers.run(&plays[order[i]]), 0, "timers beside closed ones");
        }
        play_close(&plays[order[closed]]);
        CHECK_EQUAL(L1, memories[order[closed]].live, 0, "the number of blocks left");
    }
    CHECK_EQUAL(L1, world_open_descriptors(world), descriptors, "the number of descriptors");
}

CASE(l1_the_callers_queue_is_left_open_and_empty, "L1", NEEDS_NOTHING,
     "a runtime on a queue of the caller's closes with streams open, whose peers then write",
     "the queue works on, and reports nothing of what the runtime had")
{
    struct dweller dwellers[KINDS] = {0};
    const int descriptors = world_open_descriptors(world);
    struct rouse_source *source;
    struct play play;
    rouse_fd ends[2];

    play_open_on(&play, world, world->evq);
    CHECK_EQUAL(L1, world_open_descriptors(world), descriptors,
                "descriptors, when it needs no queue of its own");
    for (int i = 0; i < KINDS; i++)
        dweller_make(&play, dwellers, i);
    rouse_turn(&play.rt, 0);
    if (!world->simulated) {
        /* Two duplicates, which keep alive what is not forgotten. */
        world_duplicate(world, dwellers[READS].tcp.io.source.fd);
        ends[1] = world_duplicate(world, dwellers[READS].peer.io.source.fd);
    }
    play_close(&play);
    dwellers_check(dwellers, KINDS);
    if (!world->simulated)
        world_send(world, ends[1], 1);
    CHECK_EQUAL(L1, world_turn(world, WORLD_QUIET), 0, "reports for a runtime that has closed");
    world_pair(world, ends);
    source = world_source(world, ends[0]);
    world_arm(world, source, ROUSE_READABLE);
    world_send(world, ends[1], 1);
    CHECK(L1, world_wait_for(world, source, ROUSE_READABLE, WORLD_SOON) == ROUSE_READABLE,
          "the queue of a runtime that has closed reports nothing more");
}

static void wake_main(void *argument)
{
    rouse_wake_by_ref(argument);
}

CASE(l1_an_executor_gives_back_what_it_was_lent, "L1", NEEDS_NOTHING,
     "an executor without a runtime is closed, with tasks or without, after another thread has "
     "nudged it or not",
     "its nudge is given back")
{
    for (int round = 0; round < 4; round++) {
        struct stage stage;
        struct puppet *puppets = puppets_make(3, puppet_wait);
        struct rouse_waker clone = {NULL, NULL};

        stage_open(&stage, world);
        for (int i = 0; i < 3 && round % 2 != 0; i++)
            puppet_spawn(&stage.executor, &puppets[i]);
        stage_run(&stage);
        if (round == 3) {
            clone = puppet_clone(&puppets[0]);
            thread_join(thread_start(wake_main, &clone));
        }
        stage_close(&stage);
        CHECK_EQUAL(L1, stage.nudge->references, 0, "references to the nudge");
        rouse_waker_drop(&clone);
        free(puppets);
    }
}

CASES(life_l1) = {
    &l1_closing_ends_thousands_of_tasks,          &l1_closing_ends_what_never_ran,
    &l1_closing_ends_what_other_threads_spawned,  &l1_what_ends_spawn_is_ended_too,
    &l1_opening_and_closing_leaves_nothing,       &l1_runtimes_close_beside_each_other,
    &l1_the_callers_queue_is_left_open_and_empty, &l1_an_executor_gives_back_what_it_was_lent};
