/*
 * w5_before.c -- what happened before a wake is seen by the poll that it causes.
 *
 * The data are plain memory: on a machine that keeps stores in order only ThreadSanitizer
 * sees a wake that publishes nothing, and it does.
 */
#include "puppet.h"

/* A store that orders nothing, so that the wake alone can make the data visible. */
#if defined(__GNUC__)
static void store_relaxed(uintptr_t *word, uintptr_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}
#else
static void store_relaxed(uintptr_t *word, uintptr_t value)
{
    *(volatile uintptr_t *) word = value;
}
#endif

enum {
    SIZE = 16,
    ROUNDS = 500,
    FEWER = 100 /* rounds in which a thread may not sleep, since that would order memory */
};

/* By reference, by a clone beside others, or by the last waker that there is. */
enum way { BY_REF, BY_CLONE, BY_THE_LAST, WAYS };

static const char *const way_names[] = {"by reference", "by a clone", "by the last waker"};

/* A thread that writes data and then wakes whoever reads them. */
struct letter {
    struct puppet puppet;
    struct rouse_waker clone; /* the writer's */
    struct rouse_waker own;   /* the reader's, which wakes itself */
    uintptr_t go;             /* atomic: the number of the round that the writer may write */
    uintptr_t woken; /* atomic, but orders nothing: the round that was written, and woken */
    uintptr_t data[SIZE];
    uintptr_t round;  /* of the reader */
    uintptr_t wrong;  /* data that were not those of the round */
    uintptr_t answer; /* atomic: the round that was read */
    enum way way;
    uintptr_t rounds;
};

static enum rouse_poll letter_poll(struct puppet *self, struct rouse_context *cx)
{
    struct letter *letter = self->with;

    if (letter->round != 0) {
        for (int i = 0; i < SIZE; i++)
            letter->wrong += letter->data[i] != letter->round;
        atomic_exchange(&letter->answer, letter->round);
    }
    rouse_waker_keep(&letter->own, cx->waker);
    rouse_waker_keep(&letter->clone, cx->waker);
    return ROUSE_PENDING;
}

static void letter_main(void *argument)
{
    struct letter *letter = argument;

    for (uintptr_t round = 1; round <= letter->rounds && await_word(&letter->go, round); round++) {
        struct rouse_waker clone = {NULL, NULL};

        if (letter->way == BY_CLONE)
            clone = waker_clone(&letter->clone);
        for (int i = 0; i < SIZE; i++)
            letter->data[i] = round;
        if (letter->way == BY_CLONE)
            rouse_wake(&clone);
        else if (letter->way == BY_REF)
            rouse_wake_by_ref(&letter->clone);
        else
            rouse_wake(&letter->clone);
        store_relaxed(&letter->woken, round);
    }
}

static struct thread *letter_begin(struct letter *letter, struct stage *stage)
{
    puppet_make(&letter->puppet, letter_poll);
    letter->puppet.with = letter;
    puppet_spawn(&stage->executor, &letter->puppet);
    stage_run(stage);
    return thread_start(letter_main, letter);
}

static void letter_end(struct letter *letter, struct thread *thread, struct stage *stage)
{
    thread_join(thread);
    CHECK(W5, letter->wrong == 0, "%d stale words were read, woken %s", (int) letter->wrong,
          way_names[letter->way]);
    rouse_waker_drop(&letter->clone);
    rouse_waker_drop(&letter->own);
    stage_close(stage);
}

static bool is_answered(void *with)
{
    const struct letter *letter = with;

    return letter->answer == letter->round;
}

CASE(w5_what_came_before_a_wake_is_seen, "W5", NEEDS_NOTHING,
     "another thread writes plain memory and then wakes, five hundred times, by reference, by a "
     "clone, by the last waker",
     "the poll that follows reads what was written")
{
    for (enum way way = BY_REF; way < WAYS; way++) {
        struct letter letter = {.way = way, .rounds = ROUNDS};
        struct stage stage;
        struct thread *thread;

        stage_open(&stage, world);
        thread = letter_begin(&letter, &stage);
        for (letter.round = 1; letter.round <= letter.rounds; letter.round++) {
            if (way == BY_THE_LAST)
                rouse_waker_drop(&letter.own);
            word_set(&letter.go, letter.round);
            REQUIRE(W5, stage_run_until(&stage, is_answered, &letter),
                    "a wake in round %d led to no poll", (int) letter.round);
        }
        letter_end(&letter, thread, &stage);
    }
}

static bool await_relaxed(const uintptr_t *word, uintptr_t value)
{
    for (int n = 0; n < 10000000; n++) {
        if (atomic_load_relaxed(word) == value)
            return true;
        thread_yield();
    }
    return false;
}

CASE(w5_what_came_before_a_wake_of_a_woken_task_is_seen, "W5", NEEDS_NOTHING,
     "the same with a task that its own thread has already woken, and that waits for its turn",
     "the poll that follows reads what was written")
{
    for (enum way way = BY_REF; way < WAYS; way++) {
        struct letter letter = {.way = way, .rounds = FEWER};
        struct stage stage;
        struct thread *thread;

        stage_open(&stage, world);
        thread = letter_begin(&letter, &stage);
        for (letter.round = 1; letter.round <= letter.rounds; letter.round++) {
            if (way == BY_THE_LAST)
                rouse_wake(&letter.own);
            else
                rouse_wake_by_ref(&letter.own);
            word_set(&letter.go, letter.round);
            REQUIRE(W5, await_relaxed(&letter.woken, letter.round), "the writer does not write");
            stage_run(&stage);
            CHECK_EQUAL(W5, letter.answer, letter.round, "the last round that was read");
        }
        letter_end(&letter, thread, &stage);
    }
}

/* Data that come with the task itself. */
struct parcel {
    struct puppet puppet;
    uintptr_t data[SIZE];
    uintptr_t wrong;
};

static enum rouse_poll parcel_poll(struct puppet *self, struct rouse_context *cx)
{
    struct parcel *parcel = self->with;

    for (int i = 0; i < SIZE; i++)
        parcel->wrong += parcel->data[i] != (uintptr_t) self->number;
    return puppet_finish(self, cx);
}

static void parcel_main(void *argument)
{
    struct parcel *parcel = argument;
    struct stage *stage = parcel->puppet.with;

    parcel->puppet.with = parcel;
    for (int i = 0; i < SIZE; i++)
        parcel->data[i] = (uintptr_t) parcel->puppet.number;
    puppet_spawn(&stage->executor, &parcel->puppet);
}

CASE(w5_what_came_before_a_spawn_is_seen, "W5 T1 T3 T4 T5", NEEDS_NOTHING,
     "another thread writes plain memory and then spawns a task that reads it, three hundred times",
     "its first poll reads what was written")
{
    for (int round = 0; round < 300; round++) {
        struct parcel parcel = {.wrong = 0};
        struct stage stage;
        struct thread *thread;

        stage_open(&stage, world);
        puppet_make(&parcel.puppet, parcel_poll);
        parcel.puppet.number = round + 1;
        parcel.puppet.with = &stage;
        thread = thread_start(parcel_main, &parcel);
        /* Not joined before the poll: that would publish the data as well. */
        CHECK(W5, stage_run_until(&stage, puppet_is_released, &parcel.puppet),
              "a spawn by another thread led to no poll");
        thread_join(thread);
        CHECK(W5, parcel.wrong == 0, "%d stale words were read", (int) parcel.wrong);
        stage_close(&stage);
        puppets_check(&parcel.puppet, 1);
    }
}

/* Inside a poll: wakes itself, lets the writer write and wake, and reads in the next poll. */
static enum rouse_poll read_in_the_next_poll(struct puppet *self, struct rouse_context *cx)
{
    struct letter *letter = self->with;

    if (letter->round != 0) {
        for (int i = 0; i < SIZE; i++)
            letter->wrong += letter->data[i] != letter->round;
    }
    if (letter->round++ == letter->rounds)
        return puppet_finish(self, cx);
    rouse_waker_keep(&letter->clone, cx->waker);
    rouse_wake_by_ref(cx->waker);
    word_set(&letter->go, letter->round);
    if (!await_relaxed(&letter->woken, letter->round))
        letter->wrong = SIZE;
    return ROUSE_PENDING;
}

CASE(w5_what_came_before_a_wake_is_seen_on_a_plain_thread, "W5 B3", NEEDS_NOTHING,
     "a plain thread waits for a future that wakes itself; before it has returned, another thread "
     "writes plain memory and wakes it too",
     "the poll that follows reads what was written")
{
    for (enum way way = BY_REF; way < WAYS; way++) {
        struct letter letter = {.way = way, .rounds = FEWER};
        struct thread *thread;

        puppet_make(&letter.puppet, read_in_the_next_poll);
        letter.puppet.with = &letter;
        thread = thread_start(letter_main, &letter);
        CHECK_EQUAL(B3, rouse_wait(&letter.puppet.future, NULL), 0, "the result of a wait");
        thread_join(thread);
        CHECK(W5, letter.wrong == 0, "%d stale words were read, woken %s", (int) letter.wrong,
              way_names[way]);
        rouse_waker_drop(&letter.clone);
    }
}

/* The same for the last reference to a task, and release(). */
static enum rouse_poll finish_when_let_go(struct puppet *self, struct rouse_context *cx)
{
    struct letter *letter = self->with;

    if (self->polls == 1) {
        rouse_waker_keep(&letter->clone, cx->waker);
        rouse_wake_by_ref(cx->waker);
        return ROUSE_PENDING;
    }
    word_set(&letter->go, 1);
    if (!await_relaxed(&letter->woken, 1))
        letter->wrong = SIZE;
    return puppet_finish(self, cx);
}

static void read_at_release(struct puppet *self)
{
    struct letter *letter = self->with;

    for (int i = 0; i < SIZE; i++)
        letter->wrong += letter->data[i] != letter->round;
}

static void let_go_main(void *argument)
{
    struct letter *letter = argument;

    await_word(&letter->go, 1);
    for (int i = 0; i < SIZE; i++)
        letter->data[i] = letter->round;
    if (letter->round % 2 == 0)
        rouse_task_unhold(&letter->puppet.task);
    else
        rouse_waker_drop(&letter->clone);
    store_relaxed(&letter->woken, 1);
}

CASE(t5_release_sees_what_was_done_with_the_last_reference, "T5 W5", NEEDS_NOTHING,
     "another thread writes plain memory and gives the last waker, or hold, of a task back, just "
     "before the task ends",
     "release() reads what was written")
{
    for (uintptr_t round = 0; round < FEWER; round++) {
        struct letter letter = {.round = round};
        struct stage stage;
        struct thread *thread;

        stage_open(&stage, world);
        puppet_make(&letter.puppet, finish_when_let_go);
        letter.puppet.with = &letter;
        letter.puppet.at_release = read_at_release;
        if (round % 2 == 0)
            puppet_spawn_held(&stage.executor, &letter.puppet);
        else
            puppet_spawn(&stage.executor, &letter.puppet);
        rouse_executor_run(&stage.executor, 1);
        if (round % 2 == 0)
            rouse_waker_drop(&letter.clone);
        thread = thread_start(let_go_main, &letter);
        stage_run(&stage);
        CHECK_EQUAL(T5, letter.puppet.releases, 1, "releases");
        CHECK(W5, letter.wrong == 0, "%d stale words were read", (int) letter.wrong);
        thread_join(thread);
        stage_close(&stage);
    }
}

CASES(task_w5) = {
    &w5_what_came_before_a_wake_is_seen, &w5_what_came_before_a_wake_of_a_woken_task_is_seen,
    &w5_what_came_before_a_spawn_is_seen, &w5_what_came_before_a_wake_is_seen_on_a_plain_thread,
    &t5_release_sees_what_was_done_with_the_last_reference};
