/*
 * memory.c -- what threads share: atomic words under three models, and plain memory under a
 * race detector.
 *
 * Every thread knows something of every other: up to which of its steps, and up to which
 * store of each word. Publishing (a release) leaves that knowledge with the value stored,
 * taking (an acquire) joins it with one's own. Two uses are made of it:
 *
 *   Plain memory may be touched by two threads, one of them writing, only if the second
 *   knows the step of the first: else it is a data race. This is the vector clocks of DJIT+
 *   and FastTrack (C. Flanagan, S. Freund, PLDI 2009), byte by byte. The compiler tells of
 *   each access, by -fsanitize=thread, whose entry points are at the end of this file.
 *
 *   Under C11 a load may find any store of a word but those that are older than one its
 *   thread knows of, as in the view machines for release and acquire (J. Kang et al., POPL
 *   2017). Words keep their last stores for that. A read-modify-write finds the newest.
 *
 * Under TSO, stores go to a buffer of their thread, and from there, in order, at any moment
 * that the schedule chooses; a thread finds its own in the buffer, and a read-modify-write
 * empties it first (P. Sewell et al., "x86-TSO", 2010; S. Burckhardt, M. Musuvathi, "Effective
 * program verification for relaxed memory models", CAV 2008).
 *
 * Not modelled: stores that take effect before loads that stand above them (load buffering),
 * stores that overtake those of others to the same word, fences, of which there are none,
 * and sequentially consistent operations, of which there are none. A plain store to a word
 * that others read-modify-write, such as the executor's to a task that nobody else has, is
 * seen at once; that cannot be told from a buffered one, since it is no race only when all
 * others come to the word in order.
 */
#include <stdio.h>
#include <string.h>

#include "engine.h"

enum {
    ARENA = 1 << 16,
    WORDS = 64,  /* atomic ones, in one run */
    STORES = 8,  /* of each, that a load may still find */
    BUFFER = 16, /* stores that wait */
    BLOCKS = 64
};

/* What a thread knows, or leaves with a store. */
struct knowledge {
    uint16_t step[EXPLORE_EVERYBODY]; /* of each thread, up to here */
    uint16_t store[WORDS];            /* of each word, up to here */
};

struct store {
    uintptr_t value;
    struct knowledge carries;
};

struct word {
    uintptr_t *at; /* where its newest value is */
    uint16_t newest;
    bool touched; /* a plain store is under way, which is not in `stores` yet */
    /* Steps of the last accesses, by thread, for races with plain ones. */
    uint16_t loaded[EXPLORE_EVERYBODY], changed[EXPLORE_EVERYBODY];
    struct store stores[STORES]; /* the last ones, by number */
};

/* The last accesses to a byte. */
struct shadow {
    uint16_t written; /* the step of `writer`; 0 is never */
    uint8_t writer;
    bool gone; /* given back */
    uint16_t read[EXPLORE_EVERYBODY];
};

struct buffered {
    unsigned word;
    uintptr_t value;
    struct knowledge carries;
};

struct block {
    const char *name;
    size_t at, size;
    bool counted; /* from explore_alloc, and not given back */
};

#ifdef EXPLORE_SEES_RACES
const bool explore_sees_races = true;
const int explore_last_model = EXPLORE_C11;
#else
/* A thread could find a value older than its own plain store, of which nobody told. */
const bool explore_sees_races = false;
const int explore_last_model = EXPLORE_TSO;
#endif

static _Alignas(64) unsigned char arena[ARENA];
static struct shadow shadows[ARENA];
static uint8_t word_at[ARENA / sizeof(uintptr_t)]; /* 1 + its number, or 0 */
static size_t used;
static struct block blocks[BLOCKS];
static unsigned block_count;

static struct word words[WORDS];
static unsigned word_count;
static struct knowledge known[EXPLORE_EVERYBODY];
static struct buffered buffers[EXPLORE_THREADS][BUFFER];
static unsigned buffer_length[EXPLORE_EVERYBODY];
static enum explore_model model;

static void join(struct knowledge *into, const struct knowledge *from)
{
    for (unsigned i = 0; i < EXPLORE_EVERYBODY; i++)
        if (into->step[i] < from->step[i])
            into->step[i] = from->step[i];
    for (unsigned i = 0; i < word_count; i++)
        if (into->store[i] < from->store[i])
            into->store[i] = from->store[i];
}

static struct knowledge *mine(void)
{
    return &known[explore_self()];
}

static uint16_t my_step(void)
{
    return mine()->step[explore_self()];
}

void memory_begin(enum explore_model chosen)
{
    model = chosen;
    memset(arena, 0, used);
    memset(shadows, 0, used * sizeof *shadows);
    memset(word_at, 0, used / sizeof(uintptr_t) + 1);
    used = 0;
    block_count = 0;
    word_count = 0;
    memset(known, 0, sizeof known);
    for (unsigned i = 0; i < EXPLORE_EVERYBODY; i++)
        known[i].step[i] = 1;
    memset(buffer_length, 0, sizeof buffer_length);
}

void memory_start_thread(unsigned thread, unsigned by)
{
    join(&known[thread], &known[by]);
    known[by].step[by]++;
}

void memory_join_thread(unsigned thread, unsigned by)
{
    join(&known[by], &known[thread]);
}

/* ---- blocks */

static struct block *block_of(size_t at)
{
    unsigned i = block_count;

    while (i > 0 && blocks[i - 1].at > at)
        i--;
    return i > 0 ? &blocks[i - 1] : NULL;
}

static void *take(size_t size, const char *name, bool counted)
{
    const size_t room = (size + 15) / 16 * 16;
    struct block *block = &blocks[block_count];

    if (block_count == BLOCKS || used + room > ARENA)
        explore_fail("the explorer's memory is too small");
    block->name = name;
    block->at = used;
    block->size = size;
    block->counted = counted;
    block_count++;
    used += room;
    return &arena[block->at];
}

void *explore_memory(size_t size, const char *name)
{
    return take(size, name, false);
}

/* ---- plain memory */

/* The place of an address in the arena; false when it is elsewhere. */
static bool place_of(const void *address, size_t size, size_t *at)
{
    const uintptr_t place = (uintptr_t) address - (uintptr_t) arena;

    *at = place;
    return place < ARENA && place + size <= ARENA;
}

_Noreturn static void fail_gone(size_t at, size_t size, const char *does)
{
    const struct block *block = block_of(at);

    explore_fail("thread %u %s %zu bytes at %s+%zu, which was given back", explore_self(), does,
                 size, block != NULL ? block->name : "?", block != NULL ? at - block->at : at);
}

_Noreturn static void fail_race(size_t at, size_t size, const char *what, const char *before,
                                unsigned other)
{
    const struct block *block = block_of(at);

    explore_fail("data race: thread %u %s %zu bytes at %s+%zu, which thread %u %s, and nothing "
                 "orders the two",
                 explore_self(), what, size, block != NULL ? block->name : "?",
                 block != NULL ? at - block->at : at, other, before);
}

/* The first thread whose step we do not know; or EXPLORE_EVERYBODY. */
static unsigned unknown(const uint16_t steps[EXPLORE_EVERYBODY])
{
    unsigned i = 0;

    while (i < EXPLORE_EVERYBODY && steps[i] <= mine()->step[i])
        i++;
    return i;
}

static struct word *word_in(size_t at)
{
    const unsigned number = word_at[at / sizeof(uintptr_t)];

    return number != 0 ? &words[number - 1] : NULL;
}

static void plain_read(const void *address, size_t size)
{
    size_t first, i;

    if (!place_of(address, size, &first))
        return;
    for (i = first; i < first + size; i++) {
        struct shadow *byte = &shadows[i];
        struct word *word = word_in(i);

        if (byte->gone)
            fail_gone(first, size, "reads");
        if (byte->written > mine()->step[byte->writer])
            fail_race(first, size, "reads", "wrote", byte->writer);
        if (word != NULL && unknown(word->changed) < EXPLORE_EVERYBODY)
            fail_race(first, size, "reads", "changed as an atomic word", unknown(word->changed));
        byte->read[explore_self()] = my_step();
    }
}

static void plain_write(const void *address, size_t size, const char *does)
{
    size_t first, i;

    if (!place_of(address, size, &first))
        return;
    for (i = first; i < first + size; i++) {
        struct shadow *byte = &shadows[i];
        struct word *word = word_in(i);

        if (byte->gone)
            fail_gone(first, size, does);
        if (byte->written > mine()->step[byte->writer])
            fail_race(first, size, does, "wrote", byte->writer);
        if (unknown(byte->read) < EXPLORE_EVERYBODY)
            fail_race(first, size, does, "read", unknown(byte->read));
        if (word != NULL) {
            if (unknown(word->changed) < EXPLORE_EVERYBODY)
                fail_race(first, size, does, "changed as an atomic word", unknown(word->changed));
            if (unknown(word->loaded) < EXPLORE_EVERYBODY)
                fail_race(first, size, does, "loads as an atomic word", unknown(word->loaded));
            /* The store itself comes after this; the next to look finds its value. */
            word->touched = true;
            mine()->store[word - words] = (uint16_t) (word->newest + 1);
        }
        byte->written = my_step();
        byte->writer = (uint8_t) explore_self();
    }
}

void explore_give_back(void *memory, size_t size)
{
    size_t first, i;

    if (!place_of(memory, size, &first))
        explore_fail("gives back what was not its own");
    plain_write(memory, size, "gives back");
    for (i = first; i < first + size; i++)
        shadows[i].gone = true;
    block_of(first)->counted = false;
}

static void *resize(void *ignored, void *block, size_t old_size, size_t new_size)
{
    void *bigger = NULL;

    (void) ignored;
    if (new_size > 0)
        bigger = take(new_size, "memory of explore_alloc", true);
    if (bigger != NULL && block != NULL)
        memcpy(bigger, block, old_size < new_size ? old_size : new_size);
    if (block != NULL)
        explore_give_back(block, old_size);
    return bigger;
}

const struct rouse_alloc explore_alloc = {resize, NULL};

void explore_check_nothing_left(void)
{
    for (unsigned i = 0; i < block_count; i++)
        if (blocks[i].counted)
            explore_fail("L1: %zu bytes of memory were not given back", blocks[i].size);
    if (kernel_open_count() > 0)
        explore_fail("L1: %u descriptors were not closed", kernel_open_count());
}

/* ---- atomic words */

/* The word at an address, with all its stores. */
static struct word *find(const uintptr_t *address)
{
    struct word *word;
    size_t at;

    if (!place_of(address, sizeof *address, &at))
        explore_fail("an atomic word that is not in explore_memory()");
    if (shadows[at].gone)
        fail_gone(at, sizeof *address, "touches as an atomic word");
    word = word_in(at);
    if (word == NULL) {
        if (word_count == WORDS)
            explore_fail("too many atomic words");
        word = &words[word_count];
        memset(word, 0, sizeof *word);
        word->at = (uintptr_t *) (void *) &arena[at];
        word->stores[0].value = *address;
        for (unsigned i = 0; i < EXPLORE_EVERYBODY; i++)
            known[i].store[word_count] = 0;
        word_at[at / sizeof(uintptr_t)] = (uint8_t) ++word_count;
    } else if (word->touched || *address != word->stores[word->newest % STORES].value) {
        /* A plain store; it publishes nothing. */
        struct store *store = &word->stores[++word->newest % STORES];

        store->value = *address;
        memset(&store->carries, 0, sizeof store->carries);
        word->touched = false;
    }
    if (shadows[at].written > mine()->step[shadows[at].writer])
        fail_race(at, sizeof *address, "touches as an atomic word the", "wrote",
                  shadows[at].writer);
    return word;
}

static void note(uint16_t steps[EXPLORE_EVERYBODY])
{
    steps[explore_self()] = my_step();
}

static void append(struct word *word, uintptr_t value, const struct knowledge *carries)
{
    struct store *store = &word->stores[++word->newest % STORES];

    store->value = value;
    if (carries != &store->carries)
        store->carries = *carries;
    *word->at = value;
}

bool memory_has_buffered(unsigned thread)
{
    return buffer_length[thread] > 0;
}

void memory_flush_one(unsigned thread)
{
    struct buffered *buffer = buffers[thread];
    struct word *word = &words[buffer[0].word];

    append(word, buffer[0].value, &buffer[0].carries);
    known[thread].store[buffer[0].word] = word->newest;
    explore_say("(a store of thread %u to word %u is seen: %#jx)", thread, buffer[0].word,
                (uintmax_t) buffer[0].value);
    memmove(buffer, buffer + 1, --buffer_length[thread] * sizeof *buffer);
}

static void flush_all(void)
{
    while (memory_has_buffered(explore_self()))
        memory_flush_one(explore_self());
}

/* A load, in the thread's turn. */
static uintptr_t load_now(struct word *word, unsigned order)
{
    const unsigned self = explore_self();
    const unsigned number = (unsigned) (word - words);
    unsigned found = word->newest, oldest = mine()->store[number];
    unsigned i;

    note(word->loaded);
    for (i = buffer_length[self]; i > 0; i--)
        if (buffers[self][i - 1].word == number)
            return buffers[self][i - 1].value;
    if (model == EXPLORE_C11 && oldest < found) {
        if (found - oldest >= STORES)
            oldest = found - STORES + 1;
        found -= explore_choose(found - oldest + 1);
    }
    mine()->store[number] = (uint16_t) found;
    if ((order & EXPLORE_ACQUIRE) != 0)
        join(mine(), &word->stores[found % STORES].carries);
    return word->stores[found % STORES].value;
}

static void store_now(struct word *word, uintptr_t value, unsigned order)
{
    static const struct knowledge nothing;
    const unsigned self = explore_self();
    const unsigned number = (unsigned) (word - words);

    note(word->changed);
    if (model == EXPLORE_TSO && self < EXPLORE_THREADS) {
        struct buffered *buffered;

        if (buffer_length[self] == BUFFER)
            memory_flush_one(self);
        buffered = &buffers[self][buffer_length[self]++];
        buffered->word = number;
        buffered->value = value;
        buffered->carries = (order & EXPLORE_RELEASE) != 0 ? *mine() : nothing;
    } else {
        mine()->store[number] = (uint16_t) (word->newest + 1);
        append(word, value, (order & EXPLORE_RELEASE) != 0 ? mine() : &nothing);
    }
    mine()->step[self]++;
}

uintptr_t explore_load(struct explore_site site, const uintptr_t *address, unsigned order)
{
    uintptr_t value;
    bool split;

    order = explore_weaken(&site, order, &split);
    explore_point();
    value = load_now(find(address), order);
    explore_say("%s: %s(%s) is %#jx%s", site.function, site.operation, site.word, (uintmax_t) value,
                value != *address ? " (not the newest)" : "");
    return value;
}

void explore_store(struct explore_site site, uintptr_t *address, uintptr_t value, unsigned order)
{
    explore_point();
    explore_say("%s: %s(%s, %#jx)", site.function, site.operation, site.word, (uintmax_t) value);
    store_now(find(address), value, order);
}

static uintptr_t changed(uintptr_t value, enum explore_change change, uintptr_t operand)
{
    switch (change) {
    case EXPLORE_OR: return value | operand;
    case EXPLORE_AND: return value & operand;
    case EXPLORE_ADD: return value + operand;
    case EXPLORE_SUBTRACT: return value - operand;
    case EXPLORE_SET: break;
    }
    return operand;
}

/* A read-modify-write continues what the store that it replaces has published. */
static void replace(struct word *word, uintptr_t value, unsigned order)
{
    const unsigned number = (unsigned) (word - words);
    struct knowledge carries = word->stores[word->newest % STORES].carries;

    note(word->loaded);
    note(word->changed);
    if ((order & EXPLORE_ACQUIRE) != 0)
        join(mine(), &carries);
    mine()->store[number] = (uint16_t) (word->newest + 1);
    if ((order & EXPLORE_RELEASE) != 0)
        join(&carries, mine());
    append(word, value, &carries);
    mine()->step[explore_self()]++;
}

uintptr_t explore_modify(struct explore_site site, uintptr_t *address, enum explore_change change,
                         uintptr_t operand)
{
    uintptr_t old;
    bool split;
    const unsigned order = explore_weaken(&site, EXPLORE_ACQUIRE | EXPLORE_RELEASE, &split);

    explore_point();
    if (split) {
        old = load_now(find(address), order);
        explore_say("%s: half of %s(%s): is %#jx", site.function, site.operation, site.word,
                    (uintmax_t) old);
        explore_point();
        store_now(find(address), changed(old, change, operand), order);
    } else {
        flush_all();
        old = *find(address)->at;
        replace(find(address), changed(old, change, operand), order);
    }
    explore_say("%s: %s(%s) %#jx -> %#jx", site.function, site.operation, site.word,
                (uintmax_t) old, (uintmax_t) changed(old, change, operand));
    return old;
}

bool explore_compare_exchange(struct explore_site site, uintptr_t *address, uintptr_t *expected,
                              uintptr_t value)
{
    bool split;
    const unsigned order = explore_weaken(&site, EXPLORE_ACQUIRE | EXPLORE_RELEASE, &split);
    struct word *word;
    uintptr_t old;

    explore_point();
    if (!split)
        flush_all();
    word = find(address);
    /* It fails where it must, and may fail for no reason. */
    if (*word->at != *expected || explore_choose(2) == 1) {
        note(word->loaded);
        mine()->store[word - words] = word->newest;
        if ((order & EXPLORE_ACQUIRE) != 0)
            join(mine(), &word->stores[word->newest % STORES].carries);
        old = *word->at;
        explore_say("%s: %s(%s) fails, is %#jx", site.function, site.operation, site.word,
                    (uintmax_t) old);
        *expected = old;
        return false;
    }
    old = *word->at;
    if (split) {
        (void) load_now(word, order);
        explore_point();
        store_now(find(address), value, order);
    } else {
        replace(word, value, order);
    }
    explore_say("%s: %s(%s) %#jx -> %#jx", site.function, site.operation, site.word,
                (uintmax_t) old, (uintmax_t) value);
    return true;
}

/* ---- what the compiler calls, instead of the runtime of -fsanitize=thread */

#define HOOK(name, body)                                                                           \
    void __tsan_##name(void *address);                                                             \
    void __tsan_##name(void *address)                                                              \
    {                                                                                              \
        body;                                                                                      \
    }
#define ACCESS(size)                                                                               \
    HOOK(read##size, plain_read(address, size))                                                    \
    HOOK(write##size, plain_write(address, size, "writes"))                                        \
    HOOK(unaligned_read##size, plain_read(address, size))                                          \
    HOOK(unaligned_write##size, plain_write(address, size, "writes"))                              \
    HOOK(volatile_read##size, plain_read(address, size))                                           \
    HOOK(volatile_write##size, plain_write(address, size, "writes"))                               \
    HOOK(read_write##size, (plain_read(address, size), plain_write(address, size, "writes")))

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    (void) caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *address, size_t size);
void __tsan_read_range(void *address, size_t size)
{
    plain_read(address, size);
}

void __tsan_write_range(void *address, size_t size);
void __tsan_write_range(void *address, size_t size)
{
    plain_write(address, size, "writes");
}

void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memcpy(void *to, const void *from, size_t size)
{
    plain_read(from, size);
    plain_write(to, size, "writes");
    return memcpy(to, from, size);
}

void *__tsan_memset(void *to, int byte, size_t size);
void *__tsan_memset(void *to, int byte, size_t size)
{
    plain_write(to, size, "writes");
    return memset(to, byte, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size)
{
    plain_read(from, size);
    plain_write(to, size, "writes");
    return memmove(to, from, size);
}
