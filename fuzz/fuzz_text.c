/*
 * fuzz_text.c -- everything that reads text: programs, rules of faults, addresses.
 *
 * Any bytes are taken or refused. What is taken comes out of the printer as text that means
 * the same; what is refused has changed nothing.
 */
#include <rouse/sim.h>
#include <rouse/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../conformance/ops/program.h"

static void fail(const char *what)
{
    fprintf(stderr, "==== text: %s\n", what);
    abort();
}

static void try_program(const char *text, size_t size)
{
    static struct program program, again;
    static char printed[PROGRAM_TEXT];
    uint8_t bytes[PROGRAM_BYTES];

    if (program_parse(&program, text, size) != 0)
        return;
    if (program_parse(&again, printed, program_print(&program, printed)) != 0
        || !program_equal(&program, &again))
        fail("a program is another one after printing and parsing it");
    program_decode(&again, program.language, bytes, program_encode(&program, bytes));
    if (!program_equal(&program, &again))
        fail("a program is another one after encoding and decoding it");
}

/* Bytes are programs whatever they are, and each has its one text. */
static void try_bytes(const uint8_t *bytes, size_t size)
{
    static struct program program, again;
    static char printed[PROGRAM_TEXT];
    enum language language;

    if (size == 0)
        return;
    language = (enum language)(bytes[0] % LANGUAGES);
    program_decode(&program, language, bytes + 1, size - 1);
    if (program_parse(&again, printed, program_print(&program, printed)) != 0
        || !program_equal(&program, &again))
        fail("bytes print as text that is another program");
}

static void try_faults(const char *text)
{
    static struct rouse_evq *sim;
    int error;

    if (sim == NULL && rouse_sim_open(&sim, NULL, NULL) < 0)
        abort();
    error = rouse_sim_faults(sim, text);
    if (error != 0 && error != -EINVAL)
        fail("rules of faults are refused with another error than -EINVAL");
    if (rouse_sim_faults(sim, NULL) != 0)
        fail("no rules are refused");
}

static void try_address(const char *text)
{
    struct rouse_address address, again;
    char printed[ROUSE_ADDRESS_TEXT];
    const int error = rouse_address_parse(&address, text);

    if (error != 0 && error != -EINVAL)
        fail("an address is refused with another error than -EINVAL");
    if (error != 0)
        return;
    if (rouse_address_format(&address, printed, sizeof printed) != (int) strlen(printed))
        fail("an address that was read cannot be written");
    if (rouse_address_parse(&again, printed) != 0 || memcmp(&address, &again, sizeof address) != 0)
        fail("an address is another one after writing and reading it");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    /* Behind the last byte there is nothing, and a checker of memory knows. */
    char *text;

    if (size == 0)
        return 0;
    text = (char *) malloc(size);
    if (text == NULL)
        abort();
    memcpy(text, bytes + 1, size - 1);
    switch (bytes[0] % 4) {
    case 0: try_program(text, size - 1); break;
    case 1: try_bytes(bytes + 1, size - 1); break;
    case 2:
        text[size - 1] = '\0';
        try_faults(text);
        break;
    default:
        text[size - 1] = '\0';
        try_address(text);
        break;
    }
    free(text);
    return 0;
}
