/*
 * enumerate.c -- all programs of the smallest language: a script, two tasks, a waker, and
 * what one of them does when it ends.
 *
 * What counts in a program is what each says, in its order, not how they are interleaved.
 * So a program is told once: the script's statements first, then those of a, a's end, b.
 * The first statement of the script is always to spawn a, without which nothing
 * happens, and is not counted.
 */
#include "enumerate.h"

#include <stdio.h>
#include <string.h>

#include "../conformance/ops/play.h"

struct role {
    uint8_t who;
    int count;
    struct op ops[7];
};

#define ABOUT(who, verb, object)                                                                   \
    {                                                                                              \
        VERB_##verb, (who), (object), 0, 0                                                         \
    }

enum { A = 0, B = 1, A_BODY = BODY + A, A_END = END + A, B_BODY = BODY + B };

#define JOIN_B                                                                                     \
    {                                                                                              \
        VERB_join, A_BODY, 0, B, 0                                                                 \
    }

static const struct role roles[] = {
    {SCRIPT,
     6,
     {ABOUT(SCRIPT, spawn, B), ABOUT(SCRIPT, wake, 0), ABOUT(SCRIPT, release, 0),
      ABOUT(SCRIPT, cancel, A), ABOUT(SCRIPT, hold, A), ABOUT(SCRIPT, turn, 0)}},
    {A_BODY,
     7,
     {ABOUT(A_BODY, keep, 0), ABOUT(A_BODY, wake, 0), ABOUT(A_BODY, pend, 0),
      ABOUT(A_BODY, yield, 0), ABOUT(A_BODY, cancel, B), JOIN_B, ABOUT(A_BODY, await, 0)}},
    {A_END, 2, {ABOUT(A_END, wake, 0), ABOUT(A_END, spawn, B)}},
    {B_BODY,
     5,
     {ABOUT(B_BODY, keep, 0), ABOUT(B_BODY, wake, 0), ABOUT(B_BODY, pend, 0),
      ABOUT(B_BODY, cancel, A), ABOUT(B_BODY, await, 0)}},
};

enum { ROLES_HERE = sizeof roles / sizeof *roles };

struct search {
    struct program program;
    long played, failed;
};

static void try(struct search *search)
{
    const struct stage_options alone = {0};
    const struct verdict verdict = program_play(&search->program, &alone, NULL);
    static char text[PROGRAM_TEXT];

    search->played++;
    if (verdict.guarantee[0] == '\0' || search->failed++ > 0)
        return;
    (void) program_print(&search->program, text);
    printf("%s%s: %s\n", text, verdict.guarantee, verdict.complaint);
}

/* Plays what there is, and then all that begin with it, of at most `left` statements more,
 * said by `role` or later ones. */
static void extend(struct search *search, int role, int left)
{
    struct program *program = &search->program;

    try(search);
    if (left == 0)
        return;
    for (; role < ROLES_HERE; role++)
        for (int i = 0; i < roles[role].count; i++) {
            program->ops[program->count++] = roles[role].ops[i];
            extend(search, role, left - 1);
            program->count--;
        }
}

long enumerate(int length, long *played)
{
    static struct search search;
    const struct op spawn = ABOUT(SCRIPT, spawn, A);

    memset(&search, 0, sizeof search);
    search.program.language = LANGUAGE_WAKERS;
    search.program.ops[search.program.count++] = spawn;
    extend(&search, 0, length);
    printf("all %ld programs of at most %d statements, made of %d, were played\n", search.played,
           length, roles[0].count + roles[1].count + roles[2].count + roles[3].count);
    *played = search.played;
    return search.failed;
}
