/*
 * world_host.h -- what the world asks of this system. world_posix.c, and one file for
 * each other system.
 */
#ifndef ROUSE_CONFORMANCE_WORLD_HOST_H
#define ROUSE_CONFORMANCE_WORLD_HOST_H

#include <rouse/base.h>
#include <rouse/socket.h>

/* Of enum suite_needs: all that this machine has. */
unsigned host_capabilities(void);

/* Its sockets. Where the system lets nobody lower the limit of descriptors, not rouse's
 * own, but a table around them that host_limit_descriptors() limits. */
const struct rouse_sockets *host_sockets(void);

/* What `fd` is ready for, waiting at most `ms` for one of `directions`. */
unsigned host_ready(rouse_fd fd, unsigned directions, int ms);

/* Waits at most `ms` until the other end has acknowledged what `fd` sent. Until then a full
 * stream may find room by itself. */
void host_settle(rouse_fd fd, int ms);

int host_open_descriptors(void);

/* A number that is no open descriptor, and will not be one. */
rouse_fd host_bad_fd(void);

/* 0 or -errno from here on. */

/* Closes a TCP socket so that its peer is reset. */
int host_reset(rouse_fd fd);
int host_urgent(rouse_fd fd, char byte);

int host_pipe(rouse_fd ends[2]);
int host_file(rouse_fd *fd);
int host_duplicate(rouse_fd fd, rouse_fd *copy);
int host_duplicate_at(rouse_fd fd, rouse_fd at);

/* Reads a byte by a call that blocks; 1 or -errno. */
int host_read_blocked(rouse_fd fd);

/* A socket that talks to the system's router. */
int host_strange(rouse_fd *fd);

/* A datagram socket on a port of its own of the loopback device; and two that are connected
 * to each other. */
int host_datagram(rouse_fd *fd);
int host_datagrams(rouse_fd ends[2]);

/* Whether who sends a datagram to nobody is told, within `ms`. */
bool host_has_icmp(int ms);

/* Closes whatever it is. */
void host_close(rouse_fd fd);

/* The first link-local address of this machine, if it has one. */
bool host_link_local(struct rouse_address *address);

/* A path for a Unix socket that no other process uses, how long one may be without its final
 * zero, and its removal, if it is there. */
int host_path(char *path, size_t size);
size_t host_path_max(void);
int host_bind_path(rouse_fd fd, const char *path);
int host_path_remove(const char *path);

/* Lowers the limit so that few more descriptors can be opened, and back. */
int host_limit_descriptors(void);
void host_unlimit_descriptors(void);

/* Signals the calling thread once a millisecond; see world_storm(). */
int host_storm(void (*then)(void *with), void *with);
int host_calm(void);

#endif /* ROUSE_CONFORMANCE_WORLD_HOST_H */
