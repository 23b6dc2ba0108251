/*
 * raw.c -- the floor: the least code that does the work, on the bare kernel. No errors,
 * no cancellation, no ownership.
 *
 *   raw       a run queue for one thread; edge-triggered epoll
 *   raw-mpsc  w1 to w3 with wakers that are safe on any thread, which rouse must have
 *             too: the fairer floor
 *   raw-pool  w2 with tasks from a free list instead of malloc
 *   raw-sync  w4 without an event queue: the four transfers and nothing else
 */
#include "../harness.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A run queue for one thread. */

struct task {
    struct task *next;
    void (*poll)(struct task *task);
    long left;
    bool set, waiting; /* w3: the task's event, and whether it waits for it */
    struct task *neighbour;
};

static struct task *queue_head, **queue_tail = &queue_head;

static inline void queue_push(struct task *task)
{
    task->next = NULL;
    *queue_tail = task;
    queue_tail = &task->next;
}

static void queue_run(void)
{
    while (queue_head != NULL) {
        struct task *const task = queue_head;

        queue_head = task->next;
        if (queue_head == NULL)
            queue_tail = &queue_head;
        task->poll(task);
    }
}

/* A run queue that any thread may push to: D. Vyukov's intrusive queue for many
 * producers and one consumer, with a flag in each task that merges wakes. */

struct shared_task {
    _Atomic(struct shared_task *) next;
    atomic_bool scheduled;
    void (*poll)(struct shared_task *task);
    long left;
    bool set, waiting;
    struct shared_task *neighbour;
};

static struct shared_task stub;
static struct shared_task *shared_head = &stub;
static _Atomic(struct shared_task *) shared_tail = &stub;

static inline void shared_push(struct shared_task *task)
{
    struct shared_task *previous;

    atomic_store_explicit(&task->next, NULL, memory_order_relaxed);
    previous = atomic_exchange_explicit(&shared_tail, task, memory_order_acq_rel);
    atomic_store_explicit(&previous->next, task, memory_order_release);
}

static inline struct shared_task *shared_pop(void)
{
    struct shared_task *head = shared_head;
    struct shared_task *next = atomic_load_explicit(&head->next, memory_order_acquire);

    if (head == &stub) {
        if (next == NULL)
            return NULL;
        shared_head = head = next;
        next = atomic_load_explicit(&head->next, memory_order_acquire);
    }
    if (next == NULL) {
        if (head != atomic_load_explicit(&shared_tail, memory_order_acquire))
            return NULL; /* a push is on its way */
        shared_push(&stub);
        next = atomic_load_explicit(&head->next, memory_order_acquire);
        if (next == NULL)
            return NULL;
    }
    shared_head = next;
    return head;
}

static inline void shared_wake(struct shared_task *task)
{
    if (!atomic_exchange_explicit(&task->scheduled, true, memory_order_acq_rel))
        shared_push(task);
}

static void shared_run(void)
{
    struct shared_task *task;

    while ((task = shared_pop()) != NULL) {
        /* Sequentially consistent: a wake that still sees the flag has published
         * what the poll is about to read. */
        atomic_store(&task->scheduled, false);
        task->poll(task);
    }
}

static struct task tasks[BENCH_TASKS];
static struct shared_task shared_tasks[BENCH_TASKS];

/* w1 */

static void yielder_poll(struct task *task)
{
    if (task->left-- > 0)
        queue_push(task);
}

static void shared_yielder_poll(struct shared_task *task)
{
    if (task->left-- > 0)
        shared_wake(task);
}

static void w1(long rounds)
{
    const bool shared = bench_peer_is("raw-mpsc");
    int i;

    bench_begin();
    for (i = 0; i < BENCH_TASKS; i++) {
        if (shared) {
            shared_tasks[i].poll = shared_yielder_poll;
            shared_tasks[i].left = rounds;
            shared_wake(&shared_tasks[i]);
        } else {
            tasks[i].poll = yielder_poll;
            tasks[i].left = rounds;
            queue_push(&tasks[i]);
        }
    }
    if (shared)
        shared_run();
    else
        queue_run();
    bench_end(rounds * BENCH_TASKS);
}

/* w2 */

static long live;
static struct task *pool;

static void single_poll(struct task *task)
{
    live--;
    free(task);
}

static void pooled_poll(struct task *task)
{
    live--;
    task->next = pool;
    pool = task;
}

static void shared_single_poll(struct shared_task *task)
{
    live--;
    free(task);
}

static void single_spawn(void)
{
    struct task *const task = malloc(sizeof *task);

    bench_require(task != NULL, "malloc");
    task->poll = single_poll;
    queue_push(task);
}

static void pooled_spawn(void)
{
    struct task *task = pool;

    if (task != NULL)
        pool = task->next;
    else
        task = malloc(sizeof *task);
    bench_require(task != NULL, "malloc");
    task->poll = pooled_poll;
    queue_push(task);
}

static void shared_single_spawn(void)
{
    struct shared_task *const task = malloc(sizeof *task);

    bench_require(task != NULL, "malloc");
    atomic_init(&task->scheduled, false);
    task->poll = shared_single_poll;
    shared_wake(task);
}

static void w2(long rounds)
{
    const bool shared = bench_peer_is("raw-mpsc"), pooled = bench_peer_is("raw-pool");
    long round;
    int i;

    bench_begin();
    for (round = 0; round < rounds; round++) {
        live += BENCH_TASKS;
        for (i = 0; i < BENCH_TASKS; i++) {
            if (shared)
                shared_single_spawn();
            else if (pooled)
                pooled_spawn();
            else
                single_spawn();
        }
        if (shared)
            shared_run();
        else
            queue_run();
    }
    bench_end(rounds * BENCH_TASKS);
    bench_require(live == 0, "completing every task");
}

/* w3 */

static inline void event_set(struct task *task)
{
    task->set = true;
    if (task->waiting) {
        task->waiting = false;
        queue_push(task);
    }
}

static void hopper_poll(struct task *task)
{
    while (task->set) {
        task->set = false;
        task->left--;
        event_set(task->neighbour);
        if (task->left == 0)
            return;
    }
    task->waiting = true;
}

static inline void shared_event_set(struct shared_task *task)
{
    task->set = true;
    if (task->waiting) {
        task->waiting = false;
        shared_wake(task);
    }
}

static void shared_hopper_poll(struct shared_task *task)
{
    while (task->set) {
        task->set = false;
        task->left--;
        shared_event_set(task->neighbour);
        if (task->left == 0)
            return;
    }
    task->waiting = true;
}

static void w3_one_thread(long rounds)
{
    int i;

    for (i = 0; i < BENCH_TASKS; i++) {
        tasks[i].poll = hopper_poll;
        tasks[i].left = rounds;
        tasks[i].neighbour = &tasks[(i + 1) % BENCH_TASKS];
        queue_push(&tasks[i]);
    }
    queue_run();
    bench_begin();
    event_set(&tasks[0]);
    queue_run();
    bench_end(rounds * BENCH_TASKS);
    bench_require(tasks[BENCH_TASKS - 1].left == 0, "going round");
}

static void w3_any_thread(long rounds)
{
    int i;

    for (i = 0; i < BENCH_TASKS; i++) {
        shared_tasks[i].poll = shared_hopper_poll;
        shared_tasks[i].left = rounds;
        shared_tasks[i].neighbour = &shared_tasks[(i + 1) % BENCH_TASKS];
        shared_wake(&shared_tasks[i]);
    }
    shared_run();
    bench_begin();
    shared_event_set(&shared_tasks[0]);
    shared_run();
    bench_end(rounds * BENCH_TASKS);
    bench_require(shared_tasks[BENCH_TASKS - 1].left == 0, "going round");
}

static void w3(long rounds)
{
    if (bench_peer_is("raw-mpsc"))
        w3_any_thread(rounds);
    else
        w3_one_thread(rounds);
}

/* w4 */

static char buffer[4096];

/* For raw-sync: on one thread what was written is there to be read. */
static void cross(int from, int to)
{
    bench_send(from, buffer, BENCH_MESSAGE);
    while (read(to, buffer, sizeof buffer) != BENCH_MESSAGE)
        ;
}

static void watch(int epoll, int fd, unsigned number)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = number};

    bench_require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void serve(const int fds[2], long rounds)
{
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[64];
    int count, i;

    bench_require(epoll >= 0, "epoll_create1");
    watch(epoll, fds[0], 0);
    watch(epoll, fds[1], 1);
    bench_send(fds[0], buffer, BENCH_MESSAGE);
    for (;;) {
        count = epoll_wait(epoll, events, 64, -1);
        for (i = 0; i < count; i++) {
            const unsigned end = events[i].data.u32;

            if (read(fds[end], buffer, sizeof buffer) != BENCH_MESSAGE)
                continue;
            if (end == 0 && --rounds == 0)
                return;
            bench_send(fds[end], buffer, BENCH_MESSAGE);
        }
    }
}

static void w4(long rounds)
{
    int fds[2];
    long round;

    bench_tcp_pair(fds);
    bench_begin();
    if (bench_peer_is("raw-sync")) {
        for (round = 0; round < rounds; round++) {
            cross(fds[0], fds[1]);
            cross(fds[1], fds[0]);
        }
    } else {
        serve(fds, rounds);
    }
    bench_end(rounds);
}

int main(int argc, char **argv)
{
    static const struct bench_workload workloads[] = {
        {"w1", w1}, {"w2", w2}, {"w3", w3}, {"w4", w4}, {NULL, NULL}};

    return bench_main(argc, argv, workloads);
}
