/*
 * world_sockets.c -- the sockets of a case, the same on a kernel and in the simulation.
 */
#include "world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "world_host.h"
#include "world_things.h"

enum { CHUNK = 4096, LARGE = 1 << 16, FULL_MS = 5, PROBED_MS = 250 };

/* -- What is open ------------------------------------------------------------ */

rouse_fd world_take(struct world *world, rouse_fd fd)
{
    struct world_things *things = world->things;

    things->fds =
        world_room(things->fds, &things->fd_room, things->fd_count + 1, sizeof *things->fds);
    things->fds[things->fd_count++] = fd;
    return fd;
}

rouse_fd world_give(struct world *world, rouse_fd fd)
{
    struct world_things *things = world->things;

    for (int i = things->fd_count; i-- > 0;) {
        if (things->fds[i] == fd) {
            memmove(&things->fds[i], &things->fds[i + 1],
                    (size_t) (things->fd_count - i - 1) * sizeof *things->fds);
            things->fd_count--;
            return fd;
        }
    }
    suite_error("descriptor %lld is not the world's", (long long) fd);
    return fd;
}

void world_close(struct world *world, rouse_fd fd)
{
    world->sockets->close(world->sockets, world_give(world, fd));
}

void world_starve_end(struct world *world)
{
    world_feed(world, world->things->starving_count);
    free(world->things->starving);
    world->things->starving = NULL;
    if (world->things->limited)
        host_unlimit_descriptors();
    world->things->limited = false;
}

void world_sockets_end(struct world *world)
{
    struct world_things *things = world->things;

    world_starve_end(world);
    while (things->fd_count > 0)
        world_close(world, things->fds[things->fd_count - 1]);
    if (things->path[0] != '\0')
        host_path_remove(things->path);
    world_zero_end(world);
}

/* -- Pairs and connections --------------------------------------------------- */

void world_pair(struct world *world, rouse_fd ends[2])
{
    world_expect(world->sockets->pair(world->sockets, ends), "a pair of sockets");
    world_take(world, ends[0]);
    world_take(world, ends[1]);
}

void world_tcp_pair(struct world *world, rouse_fd ends[2])
{
    world_connected_pair(world, ROUSE_IPV4, ends);
}

/* The ends of a connection that `listener` accepts, at `address`. */
static void connect_and_accept(struct world *world, rouse_fd listener,
                               const struct rouse_address *address, rouse_fd ends[2])
{
    ends[0] = world_connect(world, address);
    ends[1] = world_accept(world, listener);
    world_await_ready(world, ends[0], ROUSE_WRITABLE);
    world_expect(world->sockets->connected(world->sockets, ends[0]), "connect()");
}

void world_connected_pair(struct world *world, enum rouse_family family, rouse_fd ends[2])
{
    struct rouse_address address;
    const rouse_fd listener = world_listen(world, family, 1, &address);

    connect_and_accept(world, listener, &address, ends);
    world_close(world, listener);
}

/* The stream that was accepted is on that port, too, and while it is nobody is given it. */
void world_keep_port(struct world *world, rouse_fd listener)
{
    struct rouse_address address;
    rouse_fd ends[2];

    world_expect(world->sockets->local(world->sockets, listener, &address),
                 "the address of a listener");
    connect_and_accept(world, listener, &address, ends);
}

void world_nowhere(struct world *world, enum rouse_family family, struct rouse_address *address)
{
    const rouse_fd listener = world_listen(world, family, 1, address);

    world_keep_port(world, listener);
    world_close(world, listener);
}

/* A new path, which the world removes. */
static const char *new_path(struct world *world, size_t length)
{
    struct world_things *things = world->things;
    size_t at;

    if (things->path[0] != '\0')
        host_path_remove(things->path);
    world_expect(host_path(things->path, sizeof things->path), "a path for a socket");
    for (at = strlen(things->path); at < length; at++)
        things->path[at] = 'p';
    things->path[at] = '\0';
    /* A process of our number may have left it, when it was killed. */
    world_expect(host_path_remove(things->path), "a path for a socket");
    return things->path;
}

void world_address(struct world *world, enum rouse_family family, struct rouse_address *address)
{
    char text[ROUSE_ADDRESS_TEXT] = "unix:";

    if (family == ROUSE_IPV4) {
        strcpy(text, "127.0.0.1:0");
    } else if (family == ROUSE_IPV6) {
        strcpy(text, "[::1]:0");
    } else {
        strcat(text, new_path(world, 0));
    }
    world_expect(rouse_address_parse(address, text), text);
}

void world_long_path(struct world *world, struct rouse_address *address)
{
    char text[ROUSE_ADDRESS_TEXT] = "unix:";

    strcat(text, new_path(world, host_path_max()));
    world_expect(rouse_address_parse(address, text), text);
}

void world_name(struct world *world, rouse_fd fd, struct rouse_address *address)
{
    const size_t length = host_path_max() + 1;
    const char *path = new_path(world, length);

    world_expect(host_bind_path(fd, path), "a name for a socket");
    *address = (struct rouse_address){.family = ROUSE_UNIX, .length = (uint8_t) length};
    memcpy(address->bytes, path, length);
}

bool world_link_local(struct world *world, struct rouse_address *address)
{
    if (!world->simulated)
        return host_link_local(address);
    world_expect(rouse_address_parse(address, "[fe80::1%2]:0"), "a link-local address");
    return true; /* where every address belongs to the machine */
}

rouse_fd world_listen(struct world *world, enum rouse_family family, int backlog,
                      struct rouse_address *address)
{
    const struct rouse_sockets *sockets = world->sockets;
    rouse_fd fd;

    world_address(world, family, address);
    world_expect(sockets->open(sockets, family, &fd), "a socket");
    world_take(world, fd);
    world_expect(sockets->listen(sockets, fd, address, backlog), "listen()");
    world_expect(sockets->local(sockets, fd, address), "the address of a listener");
    return fd;
}

rouse_fd world_connect(struct world *world, const struct rouse_address *address)
{
    const struct rouse_sockets *sockets = world->sockets;
    rouse_fd fd;
    int error;

    world_expect(sockets->open(sockets, (enum rouse_family) address->family, &fd), "a socket");
    world_take(world, fd);
    error = sockets->connect(sockets, fd, address);
    if (error != -EINPROGRESS)
        world_expect(error, "connect()");
    return fd;
}

rouse_fd world_accept(struct world *world, rouse_fd listener)
{
    rouse_fd fd;

    world_await_ready(world, listener, ROUSE_READABLE);
    world_expect(world->sockets->accept(world->sockets, listener, &fd), "accept()");
    return world_take(world, fd);
}

/* -- Bytes ------------------------------------------------------------------- */

intptr_t world_write(struct world *world, rouse_fd fd, const void *data, size_t size)
{
    return world->sockets->write(world->sockets, fd, data, size);
}

intptr_t world_read(struct world *world, rouse_fd fd, void *data, size_t size)
{
    return world->sockets->read(world->sockets, fd, data, size);
}

intptr_t world_read_blocked(struct world *world, rouse_fd fd)
{
    (void) world;
    return host_read_blocked(fd);
}

void world_send(struct world *world, rouse_fd fd, size_t count)
{
    static const char chunk[CHUNK];

    while (count > 0)
        count -= (size_t) world_expect(world_write(world, fd, chunk, count < CHUNK ? count : CHUNK),
                                       "a write");
}

/* Large pieces first: where a stream takes megabytes, a call may be dear. */
static size_t fill_once(struct world *world, rouse_fd fd)
{
    static const char chunk[LARGE];
    size_t total = 0;
    intptr_t count;

    while ((count = world_write(world, fd, chunk, LARGE)) > 0)
        total += (size_t) count;
    while ((count = world_write(world, fd, chunk, CHUNK)) > 0)
        total += (size_t) count;
    if (count != -EAGAIN)
        world_expect(count, "a write");
    return total;
}

/* What `fd` is ready for, given a moment to become so. */
static unsigned ready_within(struct world *world, rouse_fd fd, unsigned directions, int ms)
{
    return world->simulated ? world_ready(world, fd) : host_ready(fd, directions, ms);
}

size_t world_fill(struct world *world, rouse_fd fd)
{
    size_t total = 0, count;

    /* TCP moves bytes on to its peer in its own time, and has room again: a little, which
     * the kernel does not even call writable, or enough. */
    do {
        total += count = fill_once(world, fd);
        if (!world->simulated)
            host_settle(fd, WORLD_SOON);
    } while (count > 0 || (ready_within(world, fd, ROUSE_WRITABLE, FULL_MS) & ROUSE_WRITABLE));
    return total;
}

/* Where a peer had no room, TCP asks it once more after a fifth of a second, and it may find
 * some then: not enough to be called writable, but enough for a write. */
size_t world_fill_for_good(struct world *world, rouse_fd fd)
{
    const struct rouse_sockets *sockets = world->sockets;
    const size_t total = world_fill(world, fd);
    struct rouse_address address;

    if (world->simulated || sockets->local(sockets, fd, &address) != 0
        || address.family == ROUSE_UNIX)
        return total;
    ready_within(world, fd, 0, PROBED_MS);
    return total + world_fill(world, fd);
}

size_t world_drain(struct world *world, rouse_fd fd)
{
    char chunk[LARGE];
    size_t total = 0;
    intptr_t count;

    while ((count = world_read(world, fd, chunk, LARGE)) > 0)
        total += (size_t) count;
    return total;
}

void world_shutdown(struct world *world, rouse_fd fd)
{
    world_expect(world->sockets->shutdown(world->sockets, fd), "shutdown()");
}

void world_reset(struct world *world, rouse_fd fd)
{
    world_give(world, fd);
    world_expect(world->simulated ? rouse_sim_reset(world->evq, fd) : host_reset(fd), "a reset");
}

void world_urgent(struct world *world, rouse_fd fd, char byte)
{
    world_expect(world->simulated ? rouse_sim_urgent(world->evq, fd, byte) : host_urgent(fd, byte),
                 "urgent data");
}

unsigned world_ready(struct world *world, rouse_fd fd)
{
    if (!world->simulated)
        return host_ready(fd, ROUSE_READABLE | ROUSE_WRITABLE, 0);
    return (unsigned) world_expect(rouse_sim_ready(world->evq, fd), "a look at a socket");
}

static void never_ready(rouse_fd fd)
{
    suite_error("the kernel says that descriptor %lld does not become ready", (long long) fd);
}

void world_await_ready(struct world *world, rouse_fd fd, unsigned directions)
{
    unsigned missing = directions;

    while (missing != 0) {
        const unsigned ready = ready_within(world, fd, missing, WORLD_SOON);

        if ((ready & missing) == 0)
            never_ready(fd);
        missing &= ~ready;
    }
}

/* TCP brings what has been sent in its own time: a reader that stops at the first refusal
 * may leave its window as shut as it was. */
void world_make_room(struct world *world, rouse_fd from, rouse_fd to)
{
    for (int ms = 0; ms < WORLD_SOON; ms++) {
        world_drain(world, to);
        if (ready_within(world, from, ROUSE_WRITABLE, 1) & ROUSE_WRITABLE)
            return;
    }
    never_ready(from);
}

/* -- Descriptors ------------------------------------------------------------- */

int world_open_descriptors(struct world *world)
{
    return host_open_descriptors() + (world->simulated ? rouse_sim_open_count(world->evq) : 0);
}

rouse_fd world_bad_fd(struct world *world)
{
    (void) world;
    return host_bad_fd();
}

void world_pipe(struct world *world, rouse_fd ends[2])
{
    world_expect(host_pipe(ends), "a pipe");
    world_take(world, ends[0]);
    world_take(world, ends[1]);
}

rouse_fd world_file(struct world *world)
{
    rouse_fd fd;

    world_expect(host_file(&fd), "a file");
    return world_take(world, fd);
}

rouse_fd world_duplicate(struct world *world, rouse_fd fd)
{
    rouse_fd copy;

    world_expect(host_duplicate(fd, &copy), "a duplicate");
    return world_take(world, copy);
}

void world_duplicate_at(struct world *world, rouse_fd fd, rouse_fd at)
{
    world_expect(host_duplicate_at(fd, at), "a duplicate");
    world_take(world, at);
}

rouse_fd world_strange(struct world *world)
{
    rouse_fd fd;

    world_expect(host_strange(&fd), "a socket of a strange family");
    return world_take(world, fd);
}

void world_zero_free(struct world *world)
{
    struct world_things *things = world->things;

    world_expect(host_duplicate(0, &things->zero), "a duplicate of the standard input");
    host_close(0);
    things->zero_is_free = true;
}

void world_zero_end(struct world *world)
{
    struct world_things *things = world->things;

    if (!things->zero_is_free)
        return;
    host_duplicate_at(things->zero, 0);
    host_close(things->zero);
    things->zero_is_free = false;
}

void world_datagrams(struct world *world, rouse_fd ends[2])
{
    world_expect(world->simulated ? rouse_sim_datagrams(world->evq, ends) : host_datagrams(ends),
                 "a pair of datagram sockets");
    world_take(world, ends[0]);
    world_take(world, ends[1]);
}

rouse_fd world_refused_datagram(struct world *world)
{
    rouse_fd ends[2];

    world_datagrams(world, ends);
    world_close(world, ends[1]);
    world_send(world, ends[0], 1);
    world_await_ready(world, ends[0], ROUSE_READABLE);
    return ends[0];
}

void world_starve(struct world *world)
{
    const struct rouse_sockets *sockets = world->sockets;
    struct world_things *things = world->things;
    rouse_fd fd;
    int error;

    if (!world->simulated && !things->limited) {
        world_expect(host_limit_descriptors(), "a limit on descriptors");
        things->limited = true;
    }
    while ((error = sockets->open(sockets, ROUSE_IPV4, &fd)) == 0) {
        things->starving = world_room(things->starving, &things->starving_room,
                                      things->starving_count + 1, sizeof *things->starving);
        things->starving[things->starving_count++] = fd;
    }
    if (error != -EMFILE)
        world_expect(error, "a socket");
}

void world_feed(struct world *world, int count)
{
    struct world_things *things = world->things;

    for (; count > 0 && things->starving_count > 0; count--)
        world->sockets->close(world->sockets, things->starving[--things->starving_count]);
}
