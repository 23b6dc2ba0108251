/*
 * world_memory.c -- memory that counts and wakers that count.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "../src/base/atomic.h"

/* -- Memory ------------------------------------------------------------------ */

/* Called with the lock of the suite, since memory may be given back on any thread. */
static bool refuse(struct memory *memory)
{
    if (memory->spares)
        return false;
    memory->calls++;
    if (memory->fail_at == 0 || memory->calls < memory->fail_at)
        return false;
    if (memory->calls > memory->fail_at && !memory->fail_on)
        return false;
    memory->failed++;
    return true;
}

static void *resize(struct memory *memory, void *block, size_t old_size, size_t new_size)
{
    void *moved;

    if (new_size > old_size && refuse(memory))
        return NULL;
    if (new_size == 0) {
        free(block);
        moved = NULL;
    } else {
        moved = realloc(block, new_size);
        if (moved == NULL)
            return NULL;
        if (new_size > old_size) /* as memory is that somebody has used before */
            memset((char *) moved + old_size, 0xa5, new_size - old_size);
    }
    memory->live += (size_t) (block == NULL && new_size != 0);
    memory->live -= (size_t) (block != NULL && new_size == 0);
    memory->bytes += new_size - old_size;
    return moved;
}

static void *memory_resize(void *self, void *block, size_t old_size, size_t new_size)
{
    void *moved;

    thread_lock();
    moved = resize(self, block, old_size, new_size);
    thread_unlock();
    return moved;
}

void memory_init(struct memory *memory)
{
    *memory = (struct memory){.alloc = {memory_resize, memory}};
}

void memory_fail(struct memory *memory, size_t n, bool for_ever)
{
    thread_lock();
    memory->fail_at = n != 0 ? memory->calls + n : 0;
    memory->fail_on = for_ever;
    thread_unlock();
}

/* -- Wakers ------------------------------------------------------------------ */

static void wakes_retain(void *data)
{
    struct wakes *wakes = data;

    atomic_fetch_add(&wakes->references, 1);
    atomic_fetch_add(&wakes->retained, 1);
}

static void wakes_release(void *data)
{
    struct wakes *wakes = data;

    atomic_fetch_sub(&wakes->references, 1);
}

static void wakes_wake_by_ref(void *data)
{
    struct wakes *wakes = data;

    atomic_fetch_add(&wakes->count, 1);
    if (wakes->then != NULL)
        wakes->then(wakes->with);
}

static void wakes_wake(void *data)
{
    wakes_wake_by_ref(data);
    wakes_release(data);
}

struct rouse_waker wakes_waker(struct wakes *wakes)
{
    static const struct rouse_waker_ops ops = {wakes_retain, wakes_wake, wakes_wake_by_ref,
                                               wakes_release};

    return (struct rouse_waker){&ops, wakes};
}

int wakes_taken(struct wakes *wakes)
{
    return (int) atomic_exchange(&wakes->count, 0);
}
