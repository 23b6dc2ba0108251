/*
 * n9_unix_backlog.c -- N9 at the sockets of a queue: a connect that nothing will end.
 *
 * When a Unix listener's backlog is full, Linux answers a connect with EAGAIN, and never
 * again says anything about it. Whoever takes that for "in progress" waits for ever.
 */
#include "queue.h"

#include <errno.h>

CASE(n9_a_full_backlog_is_an_error_of_connect, "N9", NEEDS_UNIX,
     "a Unix listener that accepts nothing, and connections until one is not made at once",
     "that one is told an error, or is reported later; when there is room another is made")
{
    enum { MANY = 100 };
    const struct rouse_sockets *sockets = world->sockets;
    struct rouse_address address;
    const rouse_fd listener = world_listen(world, ROUSE_UNIX, 1, &address);
    rouse_fd fd = ROUSE_NO_FD;
    int error = 0;

    for (int i = 0; i < MANY && error == 0; i++) {
        error = sockets->open(sockets, ROUSE_UNIX, &fd);
        if (error != 0)
            suite_error("no socket: %s", rouse_strerror(error));
        world_take(world, fd);
        error = sockets->connect(sockets, fd, &address);
    }
    if (error == 0)
        suite_error("%d connections fit in a backlog for one", MANY);
    if (error == -EINPROGRESS) {
        struct rouse_source *source = world_source(world, fd);

        world_arm(world, source, ROUSE_WRITABLE);
        world_accept(world, listener);
        REQUIRE(N9, queue_reports(world, source, ROUSE_WRITABLE),
                "a connection that is said to be in progress never ends");
    } else {
        CHECK(N9, error < 0, "connect() says %d", error);
        world_accept(world, listener);
        CHECK_EQUAL(N9, sockets->connect(sockets, fd, &address), 0, "connect() when there is room");
    }
}

CASES(evq_n9) = {
    &n9_a_full_backlog_is_an_error_of_connect,
};
