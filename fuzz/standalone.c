/*
 * standalone.c -- runs a harness over files, without a fuzzer: for compilers that have
 * none, for other sanitizers, and for the tests.
 *
 *     replay_threads FILE|FOLDER...
 *
 * Ends with a line of totals. A finding ends the process before it.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int passed, failed;

static void run_file(const char *path)
{
    static uint8_t bytes[1 << 16];
    FILE *file = fopen(path, "rb");
    uint8_t *exact; /* no longer than the input, so that reading beyond it shows */
    size_t size;

    if (file == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        failed++;
        return;
    }
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    exact = (uint8_t *) malloc(size > 0 ? size : 1);
    if (exact == NULL)
        abort();
    for (size_t i = 0; i < size; i++)
        exact[i] = bytes[i];
    (void) LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    passed++;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        const struct dirent *entry;
        char path[4096];

        if (folder == NULL) {
            run_file(argv[i]);
            continue;
        }
        while ((entry = readdir(folder)) != NULL) {
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            run_file(path);
        }
        closedir(folder);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
