/*
 * x3_a_failed_open.c -- X3: a queue or a runtime that cannot open says why, and leaves
 * nothing open.
 */
#include <errno.h>
#include <string.h>

#include "play.h"

static bool is_shortage(int error)
{
    return error == -EMFILE || error == -ENFILE;
}

CASE(x3_a_queue_without_memory_leaves_nothing, "X3", NEEDS_NOTHING,
     "a queue opens while its allocation 1, 2, 3, ... fails, alone or with all that follow",
     "each time it is -ENOMEM, nothing is left, and it opens when there is memory again")
{
    const int descriptors = world_open_descriptors(world);

    for (int for_ever = 0; for_ever < 2; for_ever++) {
        for (size_t n = 1;; n++) {
            struct rouse_evq *evq = NULL;
            struct memory memory;
            int error;

            memory_init(&memory);
            memory_fail(&memory, n, for_ever);
            error = world_open_queue(world, &memory.alloc, &evq);
            memory_fail(&memory, 0, false);
            if (error == 0) {
                CHECK(X3, memory.failed == 0, "a queue opens without the memory it asked for");
                CHECK(X3, n > 1, "a queue that asks nobody for memory");
                evq->ops->close(evq);
                break;
            }
            CHECK_EQUAL(X3, error, -ENOMEM, "the error of open()");
            CHECK(X3, memory.failed > 0, "no memory was refused");
            CHECK_EQUAL(X3, memory.live, 0, "blocks of memory left over");
            CHECK_EQUAL(X3, world_open_descriptors(world), descriptors, "descriptors open");
            error = world_open_queue(world, &memory.alloc, &evq);
            if (!CHECK(X3, error == 0, "it does not open any more: %s", rouse_strerror(error)))
                break;
            evq->ops->close(evq);
            CHECK_EQUAL(X3, memory.live, 0, "blocks of memory left over by the next one");
        }
    }
}

CASE(x3_a_runtime_without_memory_leaves_nothing, "X3", NEEDS_NOTHING,
     "a runtime opens while its allocation 1, 2, 3, ... fails, alone or with all that follow",
     "each time it is -ENOMEM, nothing is left, and it opens when there is memory again")
{
    const int descriptors = world_open_descriptors(world);

    for (int for_ever = 0; for_ever < 2; for_ever++) {
        int error = -ENOMEM;

        for (size_t n = 1; error != 0; n++) {
            struct memory memory;
            struct play play;

            memory_init(&memory);
            memory_fail(&memory, n, for_ever);
            error = play_open(&play, world, &memory.alloc);
            memory_fail(&memory, 0, false);
            CHECK_EQUAL(X3, error, memory.failed > 0 ? -ENOMEM : 0, "the error of rouse_open()");
            CHECK(X3, error == 0 || memory.live == 0, "%zu blocks of memory are left over",
                  memory.live);
            CHECK(X3, error == 0 || world_open_descriptors(world) == descriptors,
                  "%d descriptors are open, %d were before", world_open_descriptors(world),
                  descriptors);
            if (error == 0 || play_open(&play, world, &memory.alloc) == 0)
                play_close(&play);
            else
                REQUIRE(X3, false, "it does not open any more");
            CHECK_EQUAL(X3, memory.live, 0, "blocks of memory left over by the one that opens");
        }
    }
}

CASE(x3_a_queue_without_descriptors_leaves_nothing, "X3", NEEDS_KERNEL | NEEDS_LIMIT,
     "a queue opens while there is no descriptor to be had, then one, two, ...",
     "it is -EMFILE and leaves nothing, until there are enough and it opens")
{
    struct rouse_evq *evq = NULL;
    struct memory memory;
    int error = -EMFILE, left = 0;

    memory_init(&memory);
    world_starve(world);
    for (; left <= 8 && error != 0; left++) {
        const int descriptors = world_open_descriptors(world);

        error = world_open_queue(world, &memory.alloc, &evq);
        if (error == 0)
            break;
        CHECK(X3, is_shortage(error), "with %d descriptors left it is: %s", left,
              rouse_strerror(error));
        CHECK_EQUAL(X3, memory.live, 0, "blocks of memory left over");
        CHECK_EQUAL(X3, world_open_descriptors(world), descriptors, "descriptors open");
        world_feed(world, 1);
    }
    if (CHECK(X3, error == 0, "with %d descriptors it does not open yet", left))
        evq->ops->close(evq);
}

CASE(x3_a_runtime_without_descriptors_leaves_nothing, "X3", NEEDS_KERNEL | NEEDS_LIMIT,
     "a runtime opens while there is no descriptor to be had, then one, two, ...",
     "it is -EMFILE and leaves nothing, until there are enough and it runs")
{
    struct memory memory;
    struct play play;
    int error = -EMFILE, left = 0;

    memory_init(&memory);
    world_starve(world);
    for (; left <= 8; left++) {
        const int descriptors = world_open_descriptors(world);

        error = play_open(&play, world, &memory.alloc);
        if (error == 0)
            break;
        CHECK(X3, is_shortage(error), "with %d descriptors left it is: %s", left,
              rouse_strerror(error));
        CHECK_EQUAL(X3, memory.live, 0, "blocks of memory left over");
        CHECK_EQUAL(X3, world_open_descriptors(world), descriptors, "descriptors open");
        world_feed(world, 1);
    }
    if (CHECK(X3, error == 0, "with %d descriptors it does not open yet", left)) {
        CHECK_EQUAL(X3, program_timers.run(&play), 0, "a program in the one that opens");
        play_close(&play);
    }
    CHECK_EQUAL(X3, memory.live, 0, "blocks of memory left over by the one that opens");
}

CASE(x3_a_backend_that_is_not_there_is_told, "X3", NEEDS_NOTHING,
     "a runtime opens with a backend's name that nobody has",
     "it is -ENODEV, nothing is left, and its text lists what there is")
{
    static const char *const names[] = {"nonesuch", "",       "epol",      "epolll",
                                        "EPOLL",    " epoll", "epoll,poll"};
    const int descriptors = world_open_descriptors(world);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct rouse_options options = {.size = sizeof options, .backend = names[i]};
        struct memory memory;
        struct rouse rt;
        int error;

        memory_init(&memory);
        options.alloc = &memory.alloc;
        memset(&rt, 0x5a, sizeof rt);
        error = rouse_open(&rt, &options);
        CHECK(X3, error == -ENODEV, "\"%s\" is: %s", names[i], rouse_strerror(error));
        CHECK(X3, rt.reactor.evq == NULL && rt.evq == NULL && rt.executor.ready_tail == NULL,
              "the runtime is not full of zeroes");
        rouse_close(&rt); /* of what did not open there is nothing to close */
        CHECK_EQUAL(X3, memory.live, 0, "blocks of memory left over");
    }
    for (const struct rouse_evq_ops *const *backend = rouse_backends; *backend != NULL; backend++)
        CHECK(X3, strstr(rouse_strerror(-ENODEV), (*backend)->name) != NULL,
              "the text \"%s\" does not mention %s", rouse_strerror(-ENODEV), (*backend)->name);
    CHECK_EQUAL(X3, world_open_descriptors(world), descriptors, "descriptors open");
}

/* Wakes itself in its first poll, and leaves errno as it was told to. */
struct sleeper {
    struct rouse_future future;
    int error;
    bool woken;
};

static enum rouse_poll sleeper_poll(struct rouse_future *self, struct rouse_context *cx)
{
    struct sleeper *sleeper = rouse_container_of(self, struct sleeper, future);

    if (sleeper->woken)
        return rouse_ready(self, 1);
    sleeper->woken = true;
    rouse_wake_by_ref(cx->waker);
    errno = sleeper->error;
    return ROUSE_PENDING;
}

static const struct rouse_future_ops sleeper_ops = {sleeper_poll, NULL, "sleeper"};

/* Opens everything that opens descriptors, and uses it. */
static void open_all(struct world *world, int error_before)
{
    struct sleeper sleeper = {{&sleeper_ops, 0}, error_before, false};
    struct rouse_event event;
    struct rouse_evq *evq;
    rouse_fd ends[2];
    int error;

    errno = error_before;
    error = world->sockets->pair(world->sockets, ends);
    REQUIRE(X3, error == 0, "a pair, after error %d: %s", error_before, rouse_strerror(error));
    for (int i = 0; i < 2; i++)
        world->sockets->close(world->sockets, ends[i]);
    errno = error_before;
    error = world_open_queue(world, NULL, &evq);
    REQUIRE(X3, error == 0, "a queue, after error %d: %s", error_before, rouse_strerror(error));
    for (int i = 0; i < 3; i++) {
        rouse_time start = evq->ops->now(evq);

        errno = error_before;
        evq->ops->wake(evq);
        errno = error_before;
        CHECK_EQUAL(X3, evq->ops->wait(evq, &event, 1, start + ROUSE_MS(WORLD_SOON)), 0,
                    "reports of a queue that was woken");
        CHECK(X3, evq->ops->now(evq) - start < ROUSE_MS(WORLD_SOON), "a wake does not end a wait");
        start = evq->ops->now(evq);
        errno = error_before;
        CHECK_EQUAL(X3, evq->ops->wait(evq, &event, 1, start + ROUSE_MS(1)), 0,
                    "reports of a queue that was not");
        CHECK(X3, evq->ops->now(evq) - start >= ROUSE_MS(1), "a second wait ends by one wake");
    }
    evq->ops->close(evq);
    errno = error_before;
    CHECK_EQUAL(X3, rouse_wait(&sleeper.future, NULL), 1, "a wait on a plain thread");
}

CASE(x3_an_error_of_before_is_not_told_again, "X3", NEEDS_NOTHING,
     "a pair of sockets and a queue are opened, the queue is woken and waited for, and a plain "
     "thread waits, while errno is what an earlier call left",
     "all goes as ever")
{
    static const int errors[] = {0, EINTR, EAGAIN, EMFILE, ENOMEM};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        open_all(world, errors[i]);
}

CASE(x3_every_error_has_words, "X3", NEEDS_NOTHING,
     "each number that is an error somewhere, and some that are none, is put into words",
     "there is a line of them for each, and different ones for those that functions of ours tell; "
     "what is no error is success")
{
    static const int told[] = {EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN,   EBADF,
                               EBUSY,  ECANCELED,  ECONNREFUSED,  EINVAL,   ECONNRESET,
                               EMFILE, ENFILE,     ENOMEM,        ENOTCONN, EPERM,
                               EPIPE,  ETIMEDOUT,  EAFNOSUPPORT,  ENODEV,   EISCONN};
    enum { TOLD = sizeof told / sizeof *told };
    static const intptr_t counts[] = {0, 1, 4096, INTPTR_MAX};

    for (int number = 0; number < 5000; number++) {
        const char *text = rouse_strerror(-number);

        CHECK(X3, text != NULL && text[0] != '\0' && strchr(text, '\n') == NULL, "of %d: \"%s\"",
              number, text != NULL ? text : "nothing");
    }
    for (int i = 0; i < 4; i++)
        CHECK(X3, strcmp(rouse_strerror(counts[i]), "success") == 0, "of %lld: \"%s\"",
              (long long) counts[i], rouse_strerror(counts[i]));
    CHECK(X3, strcmp(rouse_strerror(-ECONNREFUSED), "connection refused") == 0, "of it: \"%s\"",
          rouse_strerror(-ECONNREFUSED));
    for (int i = 0; i < TOLD; i++)
        for (int k = 0; k < i; k++)
            CHECK(X3, strcmp(rouse_strerror(-told[i]), rouse_strerror(-told[k])) != 0,
                  "%d and %d are the same: \"%s\"", told[i], told[k], rouse_strerror(-told[i]));
}

CASES(fault_x3) = {&x3_a_queue_without_memory_leaves_nothing,
                   &x3_a_runtime_without_memory_leaves_nothing,
                   &x3_a_queue_without_descriptors_leaves_nothing,
                   &x3_a_runtime_without_descriptors_leaves_nothing,
                   &x3_a_backend_that_is_not_there_is_told,
                   &x3_an_error_of_before_is_not_told_again,
                   &x3_every_error_has_words};
