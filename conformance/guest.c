/*
 * guest.c -- columns that another program runs.
 *
 * Wine starts its services with the first program, and they inherit its streams and its
 * process group. If that were a case, its end would be theirs, or its output would not end
 * before they do. So a keeper is started first, with its streams on nothing, and stays.
 */
#include "guest.h"

#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "thread.h"

enum { COMES_S = 120, STAYS_S = 6 * 3600 };

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

static void make_argv(const struct guest *guest, const char *option,
                      const char *argv[GUEST_WORDS_MAX + 2])
{
    int count = 0;

    while (guest->words[count] != NULL) {
        argv[count] = guest->words[count];
        count++;
    }
    argv[count++] = option;
    argv[count] = NULL;
}

/* Whether the program can be started at all, its probes will tell. */
void guest_come(struct guest *guest)
{
    const char *argv[GUEST_WORDS_MAX + 2];
    struct process first = {0};

    make_argv(guest, "--keep", argv);
    process_start_apart(&guest->keeper, argv, (int64_t) STAYS_S * 1000000000);
    /* Nobody hears of a keeper that it has come. But who ends has found all that is there,
     * whichever of the two was first. */
    make_argv(guest, "--version", argv);
    process_start_apart(&first, argv, (int64_t) COMES_S * 1000000000);
    while (first.running)
        process_step(&first, 1);
    process_free(&first);
}

void guest_leave(struct guest *guest)
{
    process_free(&guest->keeper);
    free(guest->text);
    *guest = (struct guest){0};
}

static bool never(void *unused)
{
    (void) unused;
    return false;
}

int guest_keep(void)
{
    thread_await(never, NULL, STAYS_S * 1000);
    return GOOD;
}
