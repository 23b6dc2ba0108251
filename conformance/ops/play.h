/*
 * play.h -- plays a program over the public API, under the eyes of the model.
 */
#ifndef ROUSE_CONFORMANCE_OPS_PLAY_H
#define ROUSE_CONFORMANCE_OPS_PLAY_H

#include "program.h"
#include "stage.h"

/* What a play came to. */
struct verdict {
    bool opened;         /* there was a queue to play it on */
    char guarantee[4];   /* of the first complaint, or "" */
    char complaint[128]; /* what was wrong */
    int rests;           /* points of rest that it reached, up to where kernels may differ */
    uint64_t hash;       /* of the normal forms at all of these */
    uint64_t course;     /* of everything that happened, in its order */
};

/* Is told of each state of the model; may be NULL. */
extern void (*play_state)(unsigned hash);

/* If not NULL, gets the normal form of each point of rest, and what led there, in text. */
struct play_log {
    void (*write)(void *to, const char *line);
    void *to;
};

struct verdict program_play(const struct program *program, const struct stage_options *options,
                            const struct play_log *log);

#endif /* ROUSE_CONFORMANCE_OPS_PLAY_H */
