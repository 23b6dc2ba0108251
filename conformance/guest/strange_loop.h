/*
 * strange_loop.h -- a loop of libuv's that is not ours, where libuv is in the process.
 *
 * The kit does not stand on libuv: its functions are looked up by name.
 */
#ifndef ROUSE_CONFORMANCE_GUEST_STRANGE_LOOP_H
#define ROUSE_CONFORMANCE_GUEST_STRANGE_LOOP_H

/* A uv_loop_t, or NULL where there is none to be had. */
void *strange_loop_open(void);

/* uv_run() without waiting, or until something was done: whether handles are left. */
int strange_loop_turn(void *loop);
int strange_loop_turn_once(void *loop);

/* 0, or an error when handles are left. */
int strange_loop_close(void *loop);

#endif /* ROUSE_CONFORMANCE_GUEST_STRANGE_LOOP_H */
