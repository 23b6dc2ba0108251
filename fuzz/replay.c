/*
 * replay.c -- plays programs without a fuzzer: corpora, regressions, and whatever crashed.
 *
 *     rouse-replay FILE|FOLDER...      plays each on an executor and on every backend, and
 *                                      compares where it comes to rest
 *       --backend NAME                 on this one only ("alone" is an executor)
 *       --show                         prints the course of each play
 *       --enumerate N                  plays all programs of at most N statements
 *       --to-text LANGUAGE FILE        prints the text of bytes, such as a crash
 *       --to-bytes FILE OUT            and back
 *       --shrink FILE                  prints the smallest part of a text that still fails
 *
 * Files that end in .txt are text. A program of one language is played on all that can play it.
 * Ends with a line of totals.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../conformance/ops/play.h"
#include "compare.h"
#include "enumerate.h"
#include "shrink.h"

static const char *only;
static bool show;
static long passed, failed;

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* The whole file; NULL, and a line, if it cannot be read. */
static uint8_t *file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 16);

    if (file == NULL || bytes == NULL) {
        fprintf(stderr, "rouse-replay: cannot read %s\n", path);
        free(bytes);
        if (file != NULL)
            fclose(file);
        return NULL;
    }
    *size = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return bytes;
}

static void write_line(void *to, const char *line)
{
    fputs(line, (FILE *) to);
}

static void count(bool holds, const char *path, const char *where, const char *guarantee,
                  const char *complaint)
{
    if (holds)
        passed++;
    else
        failed++;
    if (!holds)
        printf("fail  %s on %s: %s: %s\n", path, where, guarantee, complaint);
}

static void play_on(const struct program *program, const char *path,
                    const struct rouse_evq_ops *backend)
{
    const struct stage_options options = {.backend = backend};
    const struct play_log log = {write_line, stdout};
    const char *name = backend != NULL ? backend->name : "alone";
    struct verdict verdict;

    if (only != NULL && strcmp(only, name) != 0)
        return;
    if (show)
        printf("==== %s on %s\n", path, name);
    verdict = program_play(program, &options, show ? &log : NULL);
    if (!verdict.opened)
        printf("skip  %s: %s does not open here\n", path, name);
    else
        count(verdict.guarantee[0] == '\0', path, name, verdict.guarantee, verdict.complaint);
}

/* Text, bytes and text again are one program. */
static void check_forms(const struct program *program, const char *path)
{
    static char text[PROGRAM_TEXT];
    static struct program again;
    uint8_t bytes[PROGRAM_BYTES];
    const size_t length = program_print(program, text);

    if (only != NULL)
        return;
    count(program_parse(&again, text, length) == 0 && program_equal(program, &again), path, "paper",
          "text", "the program is another one after printing and parsing it");
    program_decode(&again, program->language, bytes, program_encode(program, bytes));
    count(program_equal(program, &again), path, "paper", "bytes",
          "the program is another one after encoding and decoding it");
}

static void play_program(const struct program *program, const char *path)
{
    const struct rouse_evq_ops *const *backend;

    check_forms(program, path);
    if (program->language == LANGUAGE_WAKERS)
        play_on(program, path, NULL);
    for (backend = rouse_backends; *backend != NULL; backend++)
        play_on(program, path, *backend);
    if (only == NULL) {
        const struct comparison comparison = program_compare(program);

        count(comparison.verdict.guarantee[0] == '\0', path, "all", comparison.verdict.guarantee,
              comparison.verdict.complaint);
    }
}

static void play_file(const char *path)
{
    static struct program program;
    size_t size;
    uint8_t *bytes = file_read(path, &size);

    if (bytes == NULL) {
        failed++;
    } else if (ends_with(path, ".txt")) {
        const int line = program_parse(&program, (const char *) bytes, size);

        if (line != 0) {
            printf("fail  %s: line %d is no statement\n", path, line);
            failed++;
        } else {
            play_program(&program, path);
        }
    } else {
        /* Bytes do not say what language they are of: they are one of each. */
        for (int language = 0; language < LANGUAGES; language++) {
            program_decode(&program, (enum language) language, bytes, size);
            play_program(&program, path);
        }
    }
    free(bytes);
}

static int by_name(const void *one, const void *other)
{
    return strcmp(*(char *const *) one, *(char *const *) other);
}

static bool is_folder(const char *path)
{
    DIR *folder = opendir(path);

    if (folder != NULL)
        closedir(folder);
    return folder != NULL;
}

static void play_path(const char *path)
{
    static char *names[4096];
    DIR *folder = opendir(path);
    const struct dirent *entry;
    int names_count = 0;

    if (folder == NULL) {
        play_file(path);
        return;
    }
    while ((entry = readdir(folder)) != NULL && names_count < 4096) {
        const size_t size = strlen(path) + strlen(entry->d_name) + 2;

        if (entry->d_name[0] == '.')
            continue;
        names[names_count] = malloc(size);
        if (names[names_count] == NULL)
            abort();
        snprintf(names[names_count++], size, "%s/%s", path, entry->d_name);
    }
    closedir(folder);
    qsort(names, (size_t) names_count, sizeof *names, by_name);
    for (int i = 0; i < names_count; i++) {
        if (!is_folder(names[i]))
            play_file(names[i]);
        free(names[i]);
    }
}

static int to_text(const char *language, const char *path)
{
    static const char *const names[LANGUAGES] = {"wakers", "time", "streams"};
    static char text[PROGRAM_TEXT];
    static struct program program;
    size_t size;
    uint8_t *bytes = file_read(path, &size);
    int i = 0;

    if (bytes == NULL)
        return 2;
    while (i < LANGUAGES && strcmp(names[i], language) != 0)
        i++;
    if (i == LANGUAGES) {
        fprintf(stderr, "rouse-replay: no language %s; there are wakers, time, streams\n",
                language);
        free(bytes);
        return 2;
    }
    program_decode(&program, (enum language) i, bytes, size);
    free(bytes);
    (void) program_print(&program, text);
    fputs(text, stdout);
    return 0;
}

static int to_bytes(const char *path, const char *out)
{
    static struct program program;
    uint8_t encoded[PROGRAM_BYTES];
    size_t size;
    uint8_t *bytes = file_read(path, &size);
    FILE *file;
    int line;

    if (bytes == NULL)
        return 2;
    line = program_parse(&program, (const char *) bytes, size);
    free(bytes);
    if (line != 0) {
        fprintf(stderr, "rouse-replay: %s: line %d is no statement\n", path, line);
        return 2;
    }
    file = fopen(out, "wb");
    size = program_encode(&program, encoded);
    if (file == NULL || fwrite(encoded, 1, size, file) != size || fclose(file) != 0) {
        fprintf(stderr, "rouse-replay: cannot write %s\n", out);
        return 2;
    }
    return 0;
}

/* On the first stage where it fails. */
static int shrink(const char *path)
{
    static struct program program;
    static char text[PROGRAM_TEXT];
    struct stage_options options = {0};
    size_t size;
    uint8_t *bytes = file_read(path, &size);
    int line, i;

    if (bytes == NULL)
        return 2;
    line = program_parse(&program, (const char *) bytes, size);
    free(bytes);
    if (line != 0) {
        fprintf(stderr, "rouse-replay: %s: line %d is no statement\n", path, line);
        return 2;
    }
    for (i = program.language == LANGUAGE_WAKERS ? -1 : 0; i < 0 || rouse_backends[i] != NULL;
         i++) {
        options.backend = i < 0 ? NULL : rouse_backends[i];
        if (!program_shrink(&program, &options))
            continue;
        (void) program_print(&program, text);
        printf("# fails on %s\n%s", i < 0 ? "an executor alone" : options.backend->name, text);
        return 0;
    }
    if (program_shrink(&program, NULL)) {
        (void) program_print(&program, text);
        printf("# differs between backends\n%s", text);
        return 0;
    }
    fprintf(stderr, "rouse-replay: %s does not fail by itself\n", path);
    return 1;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--backend") == 0 && i + 1 < argc) {
            only = argv[++i];
        } else if (strcmp(argv[i], "--show") == 0) {
            show = true;
        } else if (strcmp(argv[i], "--to-text") == 0 && i + 2 < argc) {
            return to_text(argv[i + 1], argv[i + 2]);
        } else if (strcmp(argv[i], "--to-bytes") == 0 && i + 2 < argc) {
            return to_bytes(argv[i + 1], argv[i + 2]);
        } else if (strcmp(argv[i], "--shrink") == 0 && i + 1 < argc) {
            return shrink(argv[i + 1]);
        } else if (strcmp(argv[i], "--enumerate") == 0 && i + 1 < argc) {
            long played;
            const long wrong = enumerate(atoi(argv[++i]), &played);

            passed += wrong == 0; /* one check: they would drown all others */
            failed += wrong;
        } else if (argv[i][0] == '-') {
            fprintf(stderr, "rouse-replay: no option %s; see the top of fuzz/replay.c\n", argv[i]);
            return 2;
        } else {
            play_path(argv[i]);
        }
    }
    printf("%ld passed, %ld failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
