/*
 * process.c -- what of process.h is the same on every system.
 */
#include "process.h"

#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MAX = 1 << 20 }; /* bytes of one process that are kept */

void process_keep(struct process *process, const char *bytes, size_t count)
{
    char *grown;

    /* Of a flood the end is worth more than the beginning. */
    if (process->length + count > OUTPUT_MAX) {
        process->length /= 2;
        memmove(process->output, process->output + process->length, process->length);
    }
    grown = realloc(process->output, process->length + count + 1);
    if (grown == NULL)
        return;
    memcpy(grown + process->length, bytes, count);
    process->output = grown;
    process->length += count;
    process->output[process->length] = '\0';
}
