/*
 * program.c -- programs from bytes, and back.
 *
 *     statements...  faults...  threads+inspector  seed  capacity  batch  how many faults
 *
 * A statement is four bytes (verb; object and who; a; b), a fault three. What there is no
 * room for is 0. A statement that its speaker may not say belongs to somebody who may.
 */
#include "program.h"

#include <string.h>

#define S MAY_SCRIPT
#define T MAY_BODY
#define E MAY_END
const struct verb_info verb_infos[VERBS] = {
#define VERB(language, verb, who, object, a, b)                                                    \
    {#verb, LANGUAGE_##language, (who), OPERAND_##object, OPERAND_##a, OPERAND_##b},
#include "verbs.def"
#undef VERB
};

int language_verbs(enum language language)
{
    static int counts[LANGUAGES];
    int verb;

    if (counts[language] == 0)
        for (verb = 0; verb < VERBS; verb++)
            if (verb_infos[verb].language <= language)
                counts[language] = verb + 1;
    return counts[language];
}

unsigned operand_range(enum operand operand)
{
    switch (operand) {
    case OPERAND_NONE: return 1;
    case OPERAND_TASK: return TASKS;
    case OPERAND_WAKER: return WAKERS;
    case OPERAND_FUTURE: return FUTURES;
    case OPERAND_PAIR: return PAIRS;
    case OPERAND_END: return ENDS;
    case OPERAND_LISTENER: return LISTENERS;
    case OPERAND_NUMBER: return 16;
    case OPERAND_COUNT: return 256;
    case OPERAND_DIRECTION: return 2;
    case OPERAND_WHERE: return 2;
    }
    return 1;
}

static unsigned role_of(unsigned who)
{
    return who == SCRIPT ? MAY_SCRIPT : who < END ? MAY_BODY : MAY_END;
}

bool op_allowed(const struct op *op)
{
    return (verb_infos[op->verb].who & role_of(op->who)) != 0;
}

static uint8_t fold(unsigned byte, enum operand operand)
{
    return (uint8_t) (byte % operand_range(operand));
}

static struct op op_decode(const uint8_t bytes[4], enum language language, bool threads)
{
    struct op op;
    const struct verb_info *info;

    op.verb = (uint8_t) (bytes[0] % language_verbs(language));
    op.who = (uint8_t) ((bytes[1] & 15) % ROLES);
    info = &verb_infos[op.verb];
    op.object = fold(bytes[1] >> 4, info->object);
    op.a = fold(bytes[2], info->a);
    op.b = fold(bytes[3], info->b);
    if (info->a == OPERAND_WHERE && !threads)
        op.a = HERE;
    if (!op_allowed(&op)) {
        if ((info->who & MAY_BODY) == 0)
            op.who = SCRIPT;
        else if (op.who == SCRIPT)
            op.who = BODY;
        else
            op.who = (uint8_t) (op.who - TASKS);
    }
    return op;
}

/* The byte before those that were taken from the end already. */
static uint8_t take_last(const uint8_t *bytes, size_t *size)
{
    return *size > 0 ? bytes[--*size] : 0;
}

void program_decode(struct program *program, enum language language, const uint8_t *bytes,
                    size_t size)
{
    unsigned flags;
    size_t at;

    memset(program, 0, offsetof(struct program, ops));
    program->language = language;
    program->fault_count = take_last(bytes, &size) % (FAULTS_MAX + 1);
    program->settings.batch = take_last(bytes, &size) % 4;
    program->settings.capacity = take_last(bytes, &size) % 8;
    program->settings.seed = take_last(bytes, &size);
    flags = take_last(bytes, &size);
    program->settings.inspector = (flags & 1) != 0;
    program->settings.threads = (flags & 14) == 14; /* seldom, for it is slow */
    for (int i = 0; i < program->fault_count; i++) {
        struct fault *fault = &program->faults[i];

        fault->kind = take_last(bytes, &size) % FAULT_KINDS;
        fault->nth = take_last(bytes, &size) % FAULT_NTH;
        fault->times = take_last(bytes, &size) % FAULT_NTH;
    }
    for (at = 0; at < size && program->count < OPS_MAX; at += 4) {
        uint8_t whole[4] = {0};

        memcpy(whole, bytes + at, size - at < 4 ? size - at : 4);
        program->ops[program->count++] = op_decode(whole, language, program->settings.threads);
    }
}

size_t program_encode(const struct program *program, uint8_t *bytes)
{
    uint8_t *end = bytes;

    for (int i = 0; i < program->count; i++) {
        const struct op *op = &program->ops[i];

        *end++ = op->verb;
        *end++ = (uint8_t) (op->who | op->object << 4);
        *end++ = op->a;
        *end++ = op->b;
    }
    for (int i = program->fault_count; i-- > 0;) {
        *end++ = program->faults[i].times;
        *end++ = program->faults[i].nth;
        *end++ = program->faults[i].kind;
    }
    *end++ = (uint8_t) (program->settings.inspector + (program->settings.threads ? 14 : 0));
    *end++ = program->settings.seed;
    *end++ = program->settings.capacity;
    *end++ = program->settings.batch;
    *end++ = (uint8_t) program->fault_count;
    return (size_t) (end - bytes);
}

bool program_equal(const struct program *one, const struct program *other)
{
    uint8_t bytes[2][PROGRAM_BYTES];
    const size_t size = program_encode(one, bytes[0]);

    return size == program_encode(other, bytes[1]) && memcmp(bytes[0], bytes[1], size) == 0;
}
