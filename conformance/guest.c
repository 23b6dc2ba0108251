/*
 * guest.c -- columns that another program runs.
 *
 * Wine starts its server and its services with the first program, and they inherit its
 * streams and its process group. If that were a case, its end would be theirs. And all end
 * with the last program, which takes seconds: whoever begins meanwhile ends with them, or
 * waits for ever. So a keeper is started first, and stays; a run may begin when it has
 * stayed so long that nothing older can be about to end.
 */
#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "thread.h"

enum { TRIES = 3, COMES_S = 120, SETTLES_MS = 2500, STAYS_S = 6 * 3600 };

static int no_guest(const char *text, const char *why)
{
    return cannot("no guest:", text, why);
}

static int parse_columns(struct guest *guest, char *at, const char *text)
{
    while (at != NULL) {
        char *const next = strchr(at, ',');
        char *backend;

        if (next != NULL)
            *next = '\0';
        backend = strchr(at, '=');
        if (backend != NULL)
            *backend++ = '\0';
        else
            backend = at;
        if (*at == '\0' || *backend == '\0')
            return no_guest(text, "a column lacks its name");
        if (guest->column_count == GUEST_COLUMNS_MAX)
            return no_guest(text, "too many columns");
        guest->columns[guest->column_count++] = (struct guest_column){at, backend};
        at = next != NULL ? next + 1 : NULL;
    }
    return GOOD;
}

/* One word, without its quotes, and its end. */
static char *take_word(char *at)
{
    char *to = at;
    bool quoted = false;

    for (; *at != '\0' && (quoted || *at != ' '); at++) {
        if (*at == '\'')
            quoted = !quoted;
        else
            *to++ = *at;
    }
    at += *at == ' ';
    *to = '\0';
    return at;
}

static int parse_words(struct guest *guest, char *at, const char *text)
{
    int count = 0;

    for (at += strspn(at, " "); *at != '\0'; at += strspn(at, " ")) {
        if (count == GUEST_WORDS_MAX)
            return no_guest(text, "too many words");
        guest->words[count++] = at;
        at = take_word(at);
    }
    return count > 0 ? GOOD : no_guest(text, "nothing to start");
}

int guest_parse(struct guest *guest, const char *text)
{
    const size_t size = strlen(text) + 1;
    char *words;
    int status;

    guest->text = malloc(size);
    if (guest->text == NULL)
        return cannot("out of memory", NULL, NULL);
    memcpy(guest->text, text, size);
    words = strchr(guest->text, ':');
    if (words == NULL)
        return no_guest(text, "it is COLUMN[=BACKEND],...:COMMAND");
    *words++ = '\0';
    status = parse_columns(guest, guest->text, text);
    return status == GOOD ? parse_words(guest, words, text) : status;
}

static void start_keeper(struct guest *guest)
{
    const char *argv[GUEST_WORDS_MAX + 2];
    int count = 0;

    while (guest->words[count] != NULL) {
        argv[count] = guest->words[count];
        count++;
    }
    argv[count++] = "--keep";
    argv[count] = NULL;
    process_start_apart(&guest->keeper, argv, (int64_t) STAYS_S * 1000000000);
}

/* Whether the keeper has said that it is here, within the time that a system may take to be
 * made for the first time. */
static bool has_come(struct guest *guest)
{
    const int64_t late_ns = process_clock_ns() + (int64_t) COMES_S * 1000000000;

    while (guest->keeper.running && guest->keeper.length == 0 && process_clock_ns() < late_ns)
        process_step(&guest->keeper, 1);
    return guest->keeper.length != 0;
}

/* If it never comes, the probes will tell. */
void guest_come(struct guest *guest)
{
    for (int i = 0; i < TRIES; i++) {
        process_free(&guest->keeper);
        start_keeper(guest);
        if (has_come(guest))
            break;
    }
}

void guest_leave(struct guest *guest)
{
    process_free(&guest->keeper);
    free(guest->text);
    *guest = (struct guest){0};
}

static void nothing(void *unused)
{
    (void) unused;
}

/* A thread cannot start where the system has ended meanwhile. */
int guest_keep(void)
{
    thread_sleep(SETTLES_MS);
    thread_join(thread_start(nothing, NULL));
    puts("here");
    fflush(stdout);
    thread_sleep(STAYS_S * 1000);
    return GOOD;
}
