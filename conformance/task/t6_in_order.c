/*
 * t6_in_order.c -- first woken, first polled.
 *
 * Between wakes by the executor's own thread and wakes by others the order is that in
 * which the executor learns of them, which no case can know; so each case has one kind of them,
 * or all of its own thread's before the first of another.
 */
#include <stdlib.h>

#include "puppet.h"

enum { MOST = 200 };

/* Who had a turn, in order. */
struct order {
    struct stage stage;
    struct puppet *puppets;
    int count;
    int turns[4 * MOST];
    int taken;
    int wanted[MOST]; /* the order in which they are woken */
};

static void note_turn(struct puppet *self)
{
    struct order *order = self->with;

    if (order->taken < 4 * MOST)
        order->turns[order->taken++] = self->number;
}

static enum rouse_poll note_and_wait(struct puppet *self, struct rouse_context *cx)
{
    note_turn(self);
    return puppet_wait(self, cx);
}

static void order_open(struct order *order, struct world *world, int count, puppet_act *act)
{
    stage_open(&order->stage, world);
    order->puppets = puppets_make(count, act);
    order->count = count;
    order->taken = 0;
    for (int i = 0; i < count; i++) {
        order->puppets[i].with = order;
        order->puppets[i].at_drop = note_turn;
        order->wanted[i] = i;
    }
}

static void order_close(struct order *order)
{
    stage_close(&order->stage);
    free(order->puppets);
}

static void spawn_all(struct order *order)
{
    for (int i = 0; i < order->count; i++)
        puppet_spawn(&order->stage.executor, &order->puppets[i]);
}

/* The same sequence each time. */
static void shuffle(struct order *order, uint32_t *seed)
{
    for (int i = order->count - 1; i > 0; i--) {
        int k, swapped;

        *seed = *seed * 1664525u + 1013904223u;
        k = (int) ((*seed >> 8) % (unsigned) (i + 1));
        swapped = order->wanted[i];
        order->wanted[i] = order->wanted[k];
        order->wanted[k] = swapped;
    }
}

/* Runs in slices of `limit`, and compares. */
static void check_order(struct order *order, size_t limit)
{
    order->taken = 0;
    while (rouse_executor_run(&order->stage.executor, limit) == limit)
        continue;
    CHECK_EQUAL(T6, order->taken, order->count, "turns");
    for (int i = 0; i < order->count && i < order->taken; i++)
        if (!CHECK(T6, order->turns[i] == order->wanted[i],
                   "of %d tasks, in slices of %d, turn %d was task %d's, not %d's", order->count,
                   (int) limit, i, order->turns[i], order->wanted[i]))
            break;
}

static const int counts[] = {2, 3, 64, 65, MOST};
static const size_t limits[] = {1, 2, 64, 1000};

CASE(t6_tasks_are_first_polled_in_the_order_of_their_spawn, "T6", NEEDS_NOTHING,
     "2, 3, 64, 65 and 200 tasks are spawned, and run in slices of 1, 2, 64 and 1000",
     "they are polled in the order in which they were spawned")
{
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 4; k++) {
            struct order order;

            order_open(&order, world, counts[i], note_and_wait);
            spawn_all(&order);
            check_order(&order, limits[k]);
            order_close(&order);
        }
    }
}

/* By the only waker that there is, by a clone, or by reference to one. */
static void wake_one(struct puppet *puppet, int how)
{
    struct rouse_waker clone = {NULL, NULL};

    if (how == 2) {
        rouse_wake(&puppet->waker);
        return;
    }
    clone = puppet_clone(puppet);
    if (how == 0)
        rouse_wake(&clone);
    else
        rouse_wake_by_ref(&clone);
    rouse_waker_drop(&clone);
}

CASE(t6_ready_tasks_run_in_the_order_of_their_wakes, "T6", NEEDS_NOTHING,
     "waiting tasks are woken in a shuffled order, over and over, and run in slices",
     "they are polled in that order")
{
    uint32_t seed = 1;

    for (int i = 0; i < 5; i++) {
        struct order order;

        order_open(&order, world, counts[i], note_and_wait);
        spawn_all(&order);
        stage_run(&order.stage);
        for (int round = 0; round < 12; round++) {
            shuffle(&order, &seed);
            for (int k = 0; k < order.count; k++)
                wake_one(&order.puppets[order.wanted[k]], k % 3);
            check_order(&order, limits[round % 4]);
        }
        order_close(&order);
    }
}

CASE(t6_cancels_and_wakes_stand_in_one_line, "T6", NEEDS_NOTHING,
     "of a hundred waiting tasks every third is canceled and the others woken, in a shuffled order",
     "each has its turn, a drop or a poll, in that order")
{
    struct order order;
    uint32_t seed = 7;

    order_open(&order, world, 100, note_and_wait);
    spawn_all(&order);
    stage_run(&order.stage);
    shuffle(&order, &seed);
    for (int k = 0; k < order.count; k++) {
        struct puppet *puppet = &order.puppets[order.wanted[k]];

        if (k % 3 == 0)
            rouse_cancel(&puppet->task);
        else
            wake_one(puppet, k % 3);
    }
    check_order(&order, 64);
    order_close(&order);
}

CASE(t6_a_second_wake_does_not_move_a_task, "T6", NEEDS_NOTHING,
     "tasks are woken in order, and some of them again, in another order, before they run",
     "each keeps the place of its first wake")
{
    struct order order;
    uint32_t seed = 3;

    order_open(&order, world, 65, note_and_wait);
    spawn_all(&order);
    stage_run(&order.stage);
    for (int round = 0; round < 8; round++) {
        shuffle(&order, &seed);
        for (int k = 0; k < order.count; k++) {
            wake_one(&order.puppets[order.wanted[k]], k % 2);
            wake_one(&order.puppets[order.wanted[k / 2]], round % 2);
        }
        for (int k = 0; k < order.count; k += 2)
            wake_one(&order.puppets[k], round % 2);
        check_order(&order, limits[round % 4]);
    }
    order_close(&order);
}

static enum rouse_poll note_and_go_on(struct puppet *self, struct rouse_context *cx)
{
    note_turn(self);
    if (self->polls == 20)
        return puppet_finish(self, cx);
    return self->number % 2 == 0 ? puppet_yield(self, cx) : puppet_wake_itself(self, cx);
}

CASE(t6_whoever_wakes_itself_goes_to_the_end, "T6", NEEDS_NOTHING,
     "seven tasks wake themselves, or yield, in each of their twenty polls", "they take turns")
{
    for (int k = 0; k < 4; k++) {
        struct order order;

        order_open(&order, world, 7, note_and_go_on);
        spawn_all(&order);
        while (rouse_executor_run(&order.stage.executor, limits[k]) == limits[k])
            continue;
        CHECK_EQUAL(T6, order.taken, 7 * 20, "turns");
        for (int i = 0; i < order.taken; i++)
            if (!CHECK(T6, order.turns[i] == i % 7, "turn %d was task %d's", i, order.turns[i]))
                break;
        order_close(&order);
    }
}

/* In its first poll, task 0 wakes task 3, which waits, and spawns task 4, and yields. */
static enum rouse_poll stir(struct puppet *self, struct rouse_context *cx)
{
    struct order *order = self->with;

    note_turn(self);
    if (self->number != 0 || self->polls > 1)
        return puppet_wait(self, cx);
    rouse_wake_by_ref(&order->puppets[3].waker);
    puppet_spawn(&order->stage.executor, &order->puppets[4]);
    cx->yield = true;
    return ROUSE_PENDING;
}

CASE(t6_a_wake_inside_a_poll_goes_behind_those_that_are_ready, "T6", NEEDS_NOTHING,
     "three tasks are ready; the first wakes a fourth, spawns a fifth, and yields",
     "they run in the order first, second, third, fourth, fifth, first")
{
    static const int wanted[] = {0, 1, 2, 3, 4, 0};

    for (int k = 0; k < 4; k++) {
        struct order order;

        order_open(&order, world, 5, stir);
        puppet_spawn(&order.stage.executor, &order.puppets[3]);
        stage_run(&order.stage);
        order.taken = 0;
        for (int i = 0; i < 3; i++)
            puppet_spawn(&order.stage.executor, &order.puppets[i]);
        while (rouse_executor_run(&order.stage.executor, limits[k]) == limits[k])
            continue;
        CHECK_EQUAL(T6, order.taken, 6, "turns");
        for (int i = 0; i < 6; i++)
            CHECK_EQUAL(T6, order.turns[i], wanted[i], "whose turn it was");
        order_close(&order);
    }
}

CASE(t6_two_executors_of_one_thread_keep_their_own_order, "T6 T4", NEEDS_NOTHING,
     "a thread has two executors, and wakes tasks of both in turns; then the newer one is closed, "
     "and it goes on with the older one",
     "each runs its own tasks, in the order of their wakes")
{
    struct order orders[2];
    uint32_t seed = 5;

    for (int i = 0; i < 2; i++) {
        order_open(&orders[i], world, 65, note_and_wait);
        spawn_all(&orders[i]);
    }
    for (int i = 0; i < 2; i++)
        check_order(&orders[i], 64);
    for (int round = 0; round < 12; round++) {
        const int open = round < 8 ? 2 : 1;

        for (int i = 0; i < open; i++)
            shuffle(&orders[i], &seed);
        for (int k = 0; k < 65; k++)
            for (int i = 0; i < open; i++)
                wake_one(&orders[i].puppets[orders[i].wanted[k]], (k + round) % 3);
        for (int i = open - 1; i >= 0; i--)
            check_order(&orders[i], limits[round % 4]);
        if (round == 7)
            stage_close(&orders[1].stage);
    }
    for (int k = 0; k < 65; k++)
        CHECK_EQUAL(T4, orders[1].puppets[k].polls, 9, "polls of a task of the newer one");
    free(orders[1].puppets);
    order_close(&orders[0]);
}

/* -- From other threads ---------------------------------------------------------- */

enum { THREADS = 3 };

struct far {
    struct order *order;
    uintptr_t numbers; /* atomic: given to threads */
    uintptr_t next;    /* atomic: the place in `wanted` that is to be woken next */
    uintptr_t threads; /* that take turns */
    bool spawns;       /* every fifth was not spawned before, and is spawned instead */
};

static void far_main(void *argument)
{
    struct far *far = argument;
    const uintptr_t number = atomic_fetch_add(&far->numbers, 1);
    struct order *order = far->order;

    for (uintptr_t k = number; k < (uintptr_t) order->count; k += far->threads) {
        struct puppet *puppet = &order->puppets[order->wanted[k]];

        await_word(&far->next, k);
        if (far->spawns && puppet->number % 5 == 0)
            puppet_spawn(&order->stage.executor, puppet);
        else if (puppet->number % 7 == 0)
            rouse_cancel(&puppet->task);
        else
            wake_one(puppet, (int) k % 3);
        word_add(&far->next);
    }
}

/* With an order that is all spawned, or but for every fifth. */
static void wake_from_afar(struct order *order, int threads, bool spawns)
{
    struct far far = {.order = order, .threads = (uintptr_t) threads, .spawns = spawns};
    struct thread *running[THREADS];

    for (int i = 0; i < threads; i++)
        running[i] = thread_start(far_main, &far);
    for (int i = 0; i < threads; i++)
        thread_join(running[i]);
}

CASE(t6_wakes_of_other_threads_keep_their_order, "T6", NEEDS_NOTHING,
     "one thread, or three in turns, wake, cancel and spawn tasks in a shuffled order; then they "
     "run",
     "each has its turn in that order")
{
    uint32_t seed = 11;

    for (int round = 0; round < 16; round++) {
        const bool spawns = round % 4 >= 2;
        struct order order;

        order_open(&order, world, counts[round % 5], note_and_wait);
        for (int i = 0; i < order.count; i++)
            if (!spawns || i % 5 != 0)
                puppet_spawn(&order.stage.executor, &order.puppets[i]);
        stage_run(&order.stage);
        shuffle(&order, &seed);
        wake_from_afar(&order, round % 2 == 0 ? 1 : THREADS, spawns);
        check_order(&order, limits[round % 4]);
        order_close(&order);
    }
}

CASE(t6_wakes_of_other_threads_do_not_overtake, "T6", NEEDS_NOTHING,
     "ready tasks stand in line; then another thread wakes as many, before they run, or when half "
     "of them have run",
     "those have their turn behind all that stood there")
{
    uint32_t seed = 13;

    for (int round = 0; round < 32; round++) {
        const int near = 1 + round % 9, early = round % 2 == 0 ? 0 : near / 2;
        struct order order, far;

        order_open(&order, world, 2 * near, note_and_wait);
        spawn_all(&order);
        stage_run(&order.stage);
        shuffle(&order, &seed);
        for (int k = 0; k < near; k++)
            wake_one(&order.puppets[order.wanted[k]], k % 3);
        order.taken = 0;
        rouse_executor_run(&order.stage.executor, (size_t) early);
        far = order;
        far.count = near;
        for (int k = 0; k < near; k++)
            far.wanted[k] = order.wanted[near + k];
        wake_from_afar(&far, 1, false);
        while (rouse_executor_run(&order.stage.executor, limits[round / 2 % 4])
               == limits[round / 2 % 4])
            continue;
        CHECK_EQUAL(T6, order.taken, 2 * near, "turns");
        for (int i = 0; i < order.taken; i++)
            if (!CHECK(T6, order.turns[i] == order.wanted[i],
                       "turn %d of %d was task %d's, not %d's", i, 2 * near, order.turns[i],
                       order.wanted[i]))
                break;
        order_close(&order);
    }
}

CASES(task_t6) = {&t6_tasks_are_first_polled_in_the_order_of_their_spawn,
                  &t6_ready_tasks_run_in_the_order_of_their_wakes,
                  &t6_cancels_and_wakes_stand_in_one_line,
                  &t6_a_second_wake_does_not_move_a_task,
                  &t6_whoever_wakes_itself_goes_to_the_end,
                  &t6_a_wake_inside_a_poll_goes_behind_those_that_are_ready,
                  &t6_two_executors_of_one_thread_keep_their_own_order,
                  &t6_wakes_of_other_threads_keep_their_order,
                  &t6_wakes_of_other_threads_do_not_overtake};
