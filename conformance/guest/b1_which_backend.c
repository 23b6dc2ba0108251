/*
 * b1_which_backend.c -- B1: a backend is found by its name, the same one every time, and a
 * name that is not there is an error that lists what there is; never another backend.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fault/calls.h"
#include "../world.h"
#include "environment.h"

#define VARIABLE "ROUSE_BACKEND"

/* What the variable was before the case. */
struct before {
    bool set;
    char value[200];
};

static struct before environment_begin(void)
{
    struct before before = {.set = getenv(VARIABLE) != NULL};

    if (before.set)
        snprintf(before.value, sizeof before.value, "%s", getenv(VARIABLE));
    environment_set(VARIABLE, NULL);
    return before;
}

static void environment_end(const struct before *before)
{
    environment_set(VARIABLE, before->set ? before->value : NULL);
}

static bool is_listed(const struct rouse_evq_ops *ops)
{
    for (const struct rouse_evq_ops *const *backend = rouse_backends; *backend != NULL; backend++)
        if (*backend == ops)
            return true;
    return false;
}

/* Names that are almost those of backends. */
static const char *const strangers[] = {"nonesuch", "",      "epol",  "epolll",     "EPOLL",
                                        " epoll",   "poll ", "sim\n", "epoll,poll", "Native"};
enum { STRANGERS = sizeof strangers / sizeof *strangers };

CASE(b1_a_backend_is_found_by_its_name, "B1", NEEDS_NOTHING,
     "every backend of the library is asked for by its name, three times",
     "it is the one that bears it; all names differ, and the text lists them in order")
{
    char names[400] = "";

    for (int i = 0; rouse_backends[i] != NULL; i++) {
        const char *name = rouse_backends[i]->name;

        for (int n = 0; n < 3; n++)
            CHECK(B1, rouse_backend(name) == rouse_backends[i], "\"%s\" is another one", name);
        for (int j = 0; j < i; j++)
            CHECK(B1, strcmp(name, rouse_backends[j]->name) != 0, "two are called \"%s\"", name);
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? ", " : "",
                 name);
    }
    CHECK(B1, strcmp(rouse_backend_names(), names) == 0, "the names are \"%s\", told as \"%s\"",
          names, rouse_backend_names());
}

/* The name under which a runtime can be opened on the backend under test, or NULL. The
 * others are left alone: one may keep descriptors for good once it has been used. */
static const char *own_name(const struct world *world)
{
    return is_listed(world->backend) ? world->backend->name : NULL;
}

static void check_opens(const struct rouse_options *options, const char *name)
{
    struct rouse rt;
    const int error = rouse_open(&rt, options);

    if (!CHECK(B1, error == 0, "a runtime on %s does not open: %s", name, rouse_strerror(error)))
        return;
    CHECK(B1, strcmp(rt.reactor.evq->ops->name, name) == 0, "a runtime on %s is on %s", name,
          rt.reactor.evq->ops->name);
    rouse_close(&rt);
}

CASE(b1_an_open_queue_bears_its_name, "B1", NEEDS_NOTHING,
     "the backend is opened, and a runtime by its name", "both bear that name, wrapped or not")
{
    struct rouse_options options = {.size = sizeof options, .backend = own_name(world)};

    CHECK(B1, strcmp(world->evq->ops->name, world->backend->name) == 0,
          "the queue under test is called \"%s\"", world->evq->ops->name);
    if (options.backend != NULL)
        check_opens(&options, options.backend);
}

CASE(b1_a_strange_name_is_no_backend, "B1", NEEDS_NOTHING,
     "backends and runtimes are asked for by names that nobody has",
     "there is none, and the runtime's error lists what there is")
{
    const struct before before = environment_begin();

    for (int i = 0; i < STRANGERS; i++) {
        struct rouse_options options = {.size = sizeof options, .backend = strangers[i]};
        struct rouse rt;

        CHECK(B1, rouse_backend(strangers[i]) == NULL, "\"%s\" is found", strangers[i]);
        CHECK_EQUAL(B1, rouse_open(&rt, &options), -ENODEV, "rouse_open() of a strange name");
    }
    CHECK(B1, strstr(rouse_strerror(-ENODEV), rouse_backend_names()) != NULL,
          "the text of the error is \"%s\"", rouse_strerror(-ENODEV));
    environment_end(&before);
}

CASE(b1_the_environment_names_the_default, "B1", NEEDS_NOTHING,
     VARIABLE " names each backend, nobody, or nothing, and one is asked for without a name",
     "it is the one that was named; for nobody it is -ENODEV; for nothing the library's default")
{
    const struct before before = environment_begin();
    const struct rouse_evq_ops *usual = rouse_backend(NULL);
    struct rouse rt;

    CHECK(B1, is_listed(usual), "without a name there is none");
    for (int i = 0; rouse_backends[i] != NULL; i++) {
        environment_set(VARIABLE, rouse_backends[i]->name);
        CHECK(B1, rouse_backend(NULL) == rouse_backends[i], "%s is not taken from " VARIABLE,
              rouse_backends[i]->name);
        for (int j = 0; rouse_backends[j] != NULL; j++)
            CHECK(B1, rouse_backend(rouse_backends[j]->name) == rouse_backends[j],
                  "%s, asked for by name, is changed by " VARIABLE, rouse_backends[j]->name);
        if (rouse_backends[i] == world->backend)
            check_opens(NULL, world->backend->name);
    }
    for (int i = 0; i < STRANGERS; i++) {
        environment_set(VARIABLE, strangers[i]);
        if (strangers[i][0] == '\0') {
            CHECK(B1, rouse_backend(NULL) == usual, "an empty " VARIABLE " is not the default");
            continue;
        }
        CHECK(B1, rouse_backend(NULL) == NULL, "\"%s\" in " VARIABLE " is found", strangers[i]);
        CHECK_EQUAL(B1, rouse_open(&rt, NULL), -ENODEV, "rouse_open() with a strange " VARIABLE);
    }
    environment_set(VARIABLE, NULL);
    CHECK(B1, rouse_backend(NULL) == usual, "the default has changed");
    environment_end(&before);
}

CASE(b1_native_is_one_that_opens, "B1", NEEDS_NOTHING,
     "\"native\" is asked for, by name and in the environment", "it is in the list, and opens")
{
    const struct before before = environment_begin();

    for (int how = 0; how < 2; how++) {
        const struct rouse_evq_ops *native;
        struct rouse_evq *evq;

        if (how == 1)
            environment_set(VARIABLE, "native");
        native = rouse_backend(how == 0 ? "native" : NULL);
        CHECK(B1, is_listed(native), "it is not in the list");
        if (native != NULL && CHECK(B1, native->open(&evq, NULL) == 0, "it does not open"))
            native->close(evq);
    }
    environment_end(&before);
}

/* What "native" has to be: the first in the list that opens, but for the simulation; or the
 * first of all, where none does. */
static const struct rouse_evq_ops *first_that_opens(void)
{
    for (const struct rouse_evq_ops *const *backend = rouse_backends; *backend != NULL; backend++) {
        struct rouse_evq *evq;

        if (strcmp((*backend)->name, "sim") != 0 && (*backend)->open(&evq, NULL) == 0) {
            (*backend)->close(evq);
            return *backend;
        }
    }
    return rouse_backends[0];
}

CASE(b1_native_is_the_first_that_opens, "B1", NEEDS_FAILURES,
     "\"native\" is asked for while a call of every kind fails, and so the best backend at times",
     "it is the best of those that open")
{
    const struct rouse_evq_ops *best = rouse_backend("native");
    bool all = true;

    CHECK(B1, best == first_that_opens(), "%s is not the best", best->name);
    for (const struct call_failure *failure = call_failures; failure->call != NULL; failure++) {
        const struct rouse_evq_ops *native, *expected;

        if (failure->how != CALL_FAILS)
            continue;
        calls_fail(world, failure, 1, true);
        native = rouse_backend("native");
        expected = first_that_opens();
        calls_end();
        CHECK(B1, native == expected, "where %s() is %s, native is %s, and %s opens", failure->call,
              failure->error_name, native != NULL ? native->name : "none",
              expected != NULL ? expected->name : "none");
        all &= expected == best;
    }
    if (all)
        suite_note("%s opens whatever fails", best->name);
}

CASE(b1_native_is_never_the_simulation, "B1", NEEDS_KERNEL | NEEDS_LIMIT,
     "\"native\" is asked for while there is no descriptor for any queue",
     "it is the best of the system's, which says why it does not open")
{
    const struct rouse_evq_ops *native;
    struct rouse_evq *evq;
    int error;

    world_starve(world);
    native = rouse_backend("native");
    REQUIRE(B1, native == rouse_backends[0], "it is %s", native != NULL ? native->name : "none");
    error = native->open(&evq, NULL);
    CHECK(B1, error == -EMFILE || error == -ENFILE, "%s, without any descriptor, says: %s",
          native->name, rouse_strerror(error));
    if (error == 0)
        native->close(evq);
}

/* Options that have grown. */
struct newer {
    struct rouse_options options;
    char more[10000];
};

CASE(b1_options_of_an_older_program_count_as_far_as_they_go, "B1", NEEDS_NOTHING,
     "a runtime opens by options that end behind the backend's name, by options without a size, by "
     "some that are longer than we know, and with options for the queue",
     "the backend is the one that was named, its queue has its memory from where it was told, and "
     "what lies behind the end does not count")
{
    const struct rouse_evq_ops *named = rouse_backend(world->backend->name);
    struct memory memory;
    struct rouse_evq_options evq_options = {.size = sizeof evq_options};
    struct rouse_options options = {.size = sizeof options};
    struct newer newer;
    struct rouse rt;

    if (named == NULL) /* a plug-in has a name for its own use only */
        named = rouse_backend("native");
    memory_init(&memory);
    evq_options.alloc = &memory.alloc;
    options.backend = named->name;
    options.evq_options = &evq_options;
    CHECK_EQUAL(B1, rouse_open(&rt, &options), 0, "rouse_open() with options for the queue");
    CHECK(B1, memory.live > 0, "the queue has its memory from elsewhere");
    rouse_close(&rt);
    CHECK_EQUAL(B1, memory.live, 0, "blocks left over");

    options = (struct rouse_options){.size = 0, .backend = named->name};
    check_opens(&options, named->name);

    newer = (struct newer){.options = {.size = sizeof newer, .backend = named->name}};
    memset(newer.more, 0xa5, sizeof newer.more);
    check_opens(&newer.options, named->name);

    options.size = offsetof(struct rouse_options, evq_options);
    options.evq_options =
        (const struct rouse_evq_options *) (const void *) &memory; /* no options */
    CHECK_EQUAL(B1, rouse_open(&rt, &options), 0, "rouse_open() by an older program");
    rouse_close(&rt);
}

CASES(guest_b1) = {
    &b1_a_backend_is_found_by_its_name, &b1_an_open_queue_bears_its_name,
    &b1_a_strange_name_is_no_backend,   &b1_the_environment_names_the_default,
    &b1_native_is_one_that_opens,       &b1_native_is_the_first_that_opens,
    &b1_native_is_never_the_simulation, &b1_options_of_an_older_program_count_as_far_as_they_go};
