/*
 * fuzz_threads.c -- three threads that really run at the same time: one has a runtime,
 * two spawn, wake, cancel, join and let go, until it closes, and beyond.
 *
 * Nothing here is in an order that could be predicted, so what is checked holds for all
 * orders: a task is polled and dropped on its own thread (T4), by nobody inside itself (T1), not
 * after its end (T3), released once (T5); at rest each has been polled since it was last woken
 * (W1); a join hears of every end (T9). That a wake from elsewhere ends a sleep (E7) is seen
 * by getting to the end at all.
 *
 *     bytes: the backend; then for each thread in turn a pair, what to do and with what
 */
#include <rouse/rouse.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 2, OWN = 2, BOXES = 4, OPS = 16, POLLS_MAX = 50 };

/* A task. What is atomic is looked at by others. */
struct member {
    struct rouse_future future;
    struct rouse_task task;
    unsigned script; /* what its polls do, two bits for each */
    int polls;
    bool polling, ended;
    atomic_uint woken, seen; /* wakes that began; those of them that a poll came after */
};

/* A place where a waker lies until somebody takes it. */
struct box {
    pthread_mutex_t lock;
    struct rouse_waker waker;
    struct member *member; /* whom it wakes */
};

struct worker {
    pthread_t thread;
    const uint8_t *ops;
    int count;
    struct member *own[OWN]; /* held */
};

/* The future of rouse_run(): READY when both workers are through. */
struct finish {
    struct rouse_future future;
};

static struct rouse rt;
static struct box boxes[BOXES];
static struct worker workers[WORKERS];
static pthread_barrier_t begin, rested, closing, end;
static atomic_int through;       /* workers that have done their operations */
static struct box doorbell;      /* wakes `finish` */
static atomic_int spawned, gone; /* members made, and released */
static const void *home;         /* the runtime's thread */
static _Thread_local char here;

static void fail(const char *guarantee, const char *what)
{
    fprintf(stderr, "==== %s: %s\n", guarantee, what);
    abort();
}

/* -- Boxes --------------------------------------------------------------------- */

static void box_put(struct box *box, const struct rouse_waker *waker, struct member *member)
{
    struct rouse_waker old;

    pthread_mutex_lock(&box->lock);
    old = box->waker;
    box->waker.ops = NULL;
    rouse_waker_keep(&box->waker, waker);
    box->member = member;
    pthread_mutex_unlock(&box->lock);
    rouse_waker_drop(&old); /* may release a task, which is no business for a lock */
}

static struct rouse_waker box_take(struct box *box, struct member **member)
{
    struct rouse_waker taken;

    pthread_mutex_lock(&box->lock);
    taken = box->waker;
    *member = box->member;
    box->waker.ops = NULL;
    box->waker.data = NULL;
    pthread_mutex_unlock(&box->lock);
    return taken;
}

/* Wakes what is in the box, if anything; the waker says that the member is still there. */
static void box_wake(struct box *box, bool consume)
{
    struct member *member;
    struct rouse_waker waker = box_take(box, &member);

    if (waker.ops == NULL)
        return;
    if (member != NULL)
        atomic_fetch_add(&member->woken, 1);
    if (consume) {
        rouse_wake(&waker);
    } else {
        rouse_wake_by_ref(&waker);
        box_put(box, &waker, member);
        rouse_waker_drop(&waker);
    }
}

/* -- Members ------------------------------------------------------------------- */

static void check_home(const struct member *member)
{
    if (&here != home)
        fail("T4", "a future on another thread than its executor's");
    if (member->polling)
        fail("T1", "a future inside itself");
    if (member->ended)
        fail("T3", "a future after its end");
}

static enum rouse_poll member_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct member *member = (struct member *) (void *) self;
    const unsigned act = member->script >> 2 * (member->polls % 8) & 3;
    const int box = (int) (member->script >> 16 & 3);

    check_home(member);
    member->polling = true;
    atomic_store(&member->seen, atomic_load(&member->woken));
    member->polls++;
    if (act == 0 && member->polls < POLLS_MAX)
        cx->yield = true;
    else if (act == 1)
        box_wake(&boxes[box], true);
    if (act != 3 && member->polls < POLLS_MAX)
        box_put(&boxes[(box + member->polls) % BOXES], cx->waker, member);
    member->polling = false;
    if (act != 3 && member->polls < POLLS_MAX)
        return ROUSE_PENDING;
    member->ended = true;
    return rouse_ready(self, member->polls);
}

static void member_drop(struct rouse_future *self)
{
    struct member *member = (struct member *) (void *) self;

    check_home(member);
    member->ended = true;
    box_wake(&boxes[member->script >> 18 & 3], true);
}

static const struct rouse_future_ops member_ops = {member_poll, member_drop, "member"};

static void member_release(struct rouse_task *task)
{
    struct member *member = rouse_container_of(task, struct member, task);

    if (!member->ended)
        fail("T5", "released before its end");
    atomic_fetch_add(&gone, 1);
    free(member);
}

/* -- Workers ------------------------------------------------------------------- */

static void worker_spawn(struct worker *worker, int own, unsigned script)
{
    struct member *member;

    if (worker->own[own] != NULL)
        return;
    member = (struct member *) calloc(1, sizeof *member);
    if (member == NULL)
        abort();
    member->future.ops = &member_ops;
    member->script = script * 2654435761U;
    worker->own[own] = member;
    atomic_fetch_add(&spawned, 1);
    rouse_spawn_held(&rt.executor, &member->task, &member->future, member_release);
}

/* Sleeps until the task has ended, by a join on this thread. */
static void worker_join(struct worker *worker, int own)
{
    struct rouse_join join = rouse_join(&worker->own[own]->task);
    const intptr_t result = rouse_wait(&join.future, NULL);

    if (!rouse_task_ended(&worker->own[own]->task) || (result < 1 && result != -ECANCELED))
        fail("T9", "a join that was none");
}

static void worker_let_go(struct worker *worker, int own)
{
    struct member *member = worker->own[own];

    worker->own[own] = NULL;
    rouse_task_unhold(&member->task);
}

/* What may be done while the runtime is open, and, but for `open`, afterwards. */
static void worker_do(struct worker *worker, unsigned what, unsigned with, bool open)
{
    const int own = (int) (what >> 4) % OWN;
    struct member *unused;
    struct rouse_waker waker;

    switch (what % 8) {
    case 0:
    case 1:
        if (open)
            worker_spawn(worker, own, with);
        break;
    case 2: box_wake(&boxes[with % BOXES], true); break;
    case 3: box_wake(&boxes[with % BOXES], false); break;
    case 4:
        waker = box_take(&boxes[with % BOXES], &unused);
        rouse_waker_drop(&waker);
        break;
    default:
        if (worker->own[own] == NULL)
            return;
        if (what % 8 == 5 || what % 8 == 7)
            rouse_cancel(&worker->own[own]->task);
        if (what % 8 == 7 && open)
            worker_join(worker, own);
        if (what % 8 == 6)
            worker_let_go(worker, own);
        break;
    }
}

static void *worker_main(void *argument)
{
    struct worker *worker = (struct worker *) argument;

    for (;;) {
        pthread_barrier_wait(&begin);
        for (int i = 0; i < worker->count; i++)
            worker_do(worker, worker->ops[4 * i], worker->ops[4 * i + 1], true);
        atomic_fetch_add(&through, 1);
        box_wake(&doorbell, true);
        pthread_barrier_wait(&rested); /* while the other side looks, nobody moves */
        pthread_barrier_wait(&closing);
        for (int i = worker->count; i-- > 0;)
            worker_do(worker, worker->ops[4 * i], worker->ops[4 * i + 1], false);
        for (int i = 0; i < OWN; i++)
            if (worker->own[i] != NULL)
                worker_let_go(worker, i);
        pthread_barrier_wait(&end);
    }
    return NULL;
}

/* -- The runtime's thread -------------------------------------------------------- */

static enum rouse_poll finish_poll(struct rouse_future *self, struct rouse_context *cx)
{
    box_put(&doorbell, cx->waker, NULL); /* before the look, or a ring might be missed */
    if (atomic_load(&through) < WORKERS)
        return ROUSE_PENDING;
    return rouse_ready(self, 0);
}

static void finish_drop(struct rouse_future *self)
{
    (void) self;
}

static const struct rouse_future_ops finish_ops = {finish_poll, finish_drop, "finish"};

static void check_rest(void)
{
    while (rouse_turn(&rt, 0) > 0 || rouse_next_deadline(&rt) == 0) {
    }
    for (int i = 0; i < BOXES; i++) {
        const struct member *member = boxes[i].member;

        if (boxes[i].waker.ops != NULL && !member->ended
            && atomic_load(&member->seen) != atomic_load(&member->woken))
            fail("W1", "a wake that no poll came after");
    }
}

static void prepare(void)
{
    static bool prepared;

    if (prepared)
        return;
    prepared = true;
    home = &here;
    pthread_barrier_init(&begin, NULL, WORKERS + 1);
    pthread_barrier_init(&rested, NULL, WORKERS + 1);
    pthread_barrier_init(&closing, NULL, WORKERS + 1);
    pthread_barrier_init(&end, NULL, WORKERS + 1);
    pthread_mutex_init(&doorbell.lock, NULL);
    for (int i = 0; i < BOXES; i++)
        pthread_mutex_init(&boxes[i].lock, NULL);
    for (int i = 0; i < WORKERS; i++)
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0)
            abort();
}

/* Opens the backend that the input names; the first for one that does not open here. */
static void open_runtime(unsigned which)
{
    struct rouse_options options = {.size = sizeof options};
    int count = 0;

    while (rouse_backends[count] != NULL)
        count++;
    options.backend = rouse_backends[which % (unsigned) count]->name;
    if (rouse_open(&rt, &options) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static uint8_t ops[4 * OPS];
    struct finish finish = {{&finish_ops, 0}};
    struct member *unused;
    struct rouse_waker left;
    int count;

    prepare();
    if (size == 0)
        return 0;
    memset(ops, 0, sizeof ops);
    memcpy(ops, bytes + 1, size - 1 < sizeof ops ? size - 1 : sizeof ops);
    count = (int) (size + 2) / 4 < OPS ? (int) (size + 2) / 4 : OPS;
    for (int i = 0; i < WORKERS; i++) {
        workers[i].ops = ops + 2 * i;
        workers[i].count = count;
    }
    atomic_store(&through, 0);
    atomic_store(&spawned, 0);
    atomic_store(&gone, 0);
    open_runtime(bytes[0]);

    pthread_barrier_wait(&begin);
    if (rouse_run(&rt, &finish.future) != 0)
        fail("L1", "the run ended with an error");
    pthread_barrier_wait(&rested);
    check_rest();
    pthread_barrier_wait(&closing);
    rouse_close(&rt);
    memset(&rt, 0xA5, sizeof rt);
    pthread_barrier_wait(&end);

    left = box_take(&doorbell, &unused);
    rouse_wake(&left);
    for (int i = 0; i < BOXES; i++) {
        left = box_take(&boxes[i], &unused);
        rouse_wake(&left);
    }
    if (atomic_load(&gone) != atomic_load(&spawned))
        fail("T5", "not all tasks were released");
    return 0;
}
