/*
 * l3_closing_nothing.c -- L3: closing a runtime that never opened, or is full of zeroes, or
 * was closed, does nothing.
 */
#include <errno.h>
#include <string.h>

#include "../fault/play.h"

static bool is_zero(const struct rouse *rt)
{
    const unsigned char *bytes = (const unsigned char *) rt;

    for (size_t i = 0; i < sizeof *rt; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

CASE(l3_a_runtime_full_of_zeroes_closes, "L3", NEEDS_NOTHING,
     "rouse_close() of zeroes, three times, and rouse_open() afterwards",
     "nothing changes, and the runtime works")
{
    const int descriptors = world_open_descriptors(world);
    struct rouse rt;

    memset(&rt, 0, sizeof rt);
    for (int i = 0; i < 3; i++) {
        rouse_close(&rt);
        CHECK(L3, is_zero(&rt), "closing nothing has written something");
    }
    world_runtime(world, &rt);
    rouse_close(&rt);
    CHECK_EQUAL(L3, world_open_descriptors(world), descriptors, "the number of descriptors");
}

CASE(l3_closing_twice_is_closing_once, "L3", NEEDS_NOTHING,
     "a runtime with work done and a task alive is closed twice, opened again, and so on",
     "the second closing does nothing, and each opening works")
{
    const int descriptors = world_open_descriptors(world);
    struct play play;

    for (int round = 0; round < 5; round++) {
        struct rouse *rt = &play.rt;

        if (play_open(&play, world, NULL) != 0)
            suite_error("nothing opens");
        CHECK_EQUAL(L3, program_echo.run(&play), 0, "an echo in a runtime opened again");
        for (int i = 0; i < 3; i++) {
            rouse_close(rt);
            REQUIRE(L3, is_zero(rt), "a closed runtime is not full of zeroes");
        }
        play_close(&play);
    }
    CHECK_EQUAL(L3, world_open_descriptors(world), descriptors, "the number of descriptors");
}

/* Fails to open in memory full of garbage. False if it opened. */
static bool fail_to_open(const struct rouse_options *options, int expected)
{
    struct rouse rt;
    int error;

    memset(&rt, 0xa5, sizeof rt);
    error = rouse_open(&rt, options);
    if (error == 0) {
        rouse_close(&rt);
        return false;
    }
    CHECK_EQUAL(L3, error, expected, "the result of rouse_open()");
    for (int i = 0; i < 2; i++) {
        REQUIRE(L3, is_zero(&rt), "a runtime that did not open is not full of zeroes");
        rouse_close(&rt);
    }
    return true;
}

CASE(l3_a_runtime_that_did_not_open_closes, "L3", NEEDS_NOTHING,
     "rouse_open() of memory full of garbage fails: no such backend, or one of its allocations",
     "it leaves zeroes, and rouse_close() of them does nothing")
{
    const bool named = rouse_backend(world->backend->name) == world->backend;
    struct rouse_options options = {.size = sizeof options, .backend = "nonesuch"};
    struct memory memory;
    size_t n = 1;

    memory_init(&memory);
    options.alloc = &memory.alloc;
    CHECK(L3, fail_to_open(&options, -ENODEV), "a backend that nobody has opens");
    options.backend = named ? world->backend->name : "native";
    do
        memory_fail(&memory, n++, false);
    while (fail_to_open(&options, -ENOMEM));
    CHECK(L3, n > 2, "it opens without memory");
    CHECK_EQUAL(L3, memory.live, 0, "blocks of memory left over");
}

CASES(life_l3) = {&l3_a_runtime_full_of_zeroes_closes, &l3_closing_twice_is_closing_once,
                  &l3_a_runtime_that_did_not_open_closes};
