/*
 * mutate.c -- mutations of programs, not of bytes.
 *
 * libFuzzer's own change bytes, and find much in a parser. Here what matters is the order
 * of operations and what they are about, so statements are inserted, taken out, moved,
 * doubled, given to somebody else, or made to name the same object as their neighbour, and two
 * programs are spliced. One mutation in eight is libFuzzer's all the same.
 */
#include <stddef.h>
#include <string.h>

#include "harness.h"

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t room);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other,
                                 size_t other_size, uint8_t *out, size_t room, unsigned seed);

/* SplitMix64 (Steele, Lea and Flood, 2014). */
static uint64_t draw(uint64_t *state)
{
    uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);

    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

static int below(uint64_t *state, int limit)
{
    return limit > 0 ? (int) (draw(state) % (uint64_t) limit) : 0;
}

/* Small operands meet more often. */
static uint8_t operand(uint64_t *state)
{
    return (uint8_t) below(state, below(state, 4) == 0 ? 256 : 4);
}

static void op_draw(struct program *program, struct op *op, uint64_t *state)
{
    uint8_t random[9] = {0};
    struct program one;

    random[0] = (uint8_t) below(state, language_verbs(program->language));
    random[1] = (uint8_t) (below(state, 3) == 0 ? SCRIPT : BODY + below(state, 3));
    if (below(state, 8) == 0)
        random[1] = (uint8_t) below(state, ROLES);
    random[1] = (uint8_t) (random[1] | below(state, below(state, 4) == 0 ? 6 : 2) << 4);
    random[2] = operand(state);
    random[3] = operand(state);
    random[4] = program->settings.threads ? 14 : 0;
    program_decode(&one, program->language, random, sizeof random);
    *op = one.ops[0];
}

static void op_insert(struct program *program, int at, const struct op *op)
{
    if (program->count == OPS_MAX)
        return;
    memmove(&program->ops[at + 1], &program->ops[at],
            (size_t) (program->count - at) * sizeof *program->ops);
    program->ops[at] = *op;
    program->count++;
}

static void op_remove(struct program *program, int at, int count)
{
    if (at + count > program->count)
        count = program->count - at;
    memmove(&program->ops[at], &program->ops[at + count],
            (size_t) (program->count - at - count) * sizeof *program->ops);
    program->count -= count;
}

/* Folds what was changed back into a statement. */
static void op_settle(struct program *program, struct op *op)
{
    const uint8_t bytes[9] = {op->verb, (uint8_t) (op->who | op->object << 4), op->a, op->b,
                              program->settings.threads ? 14 : 0};
    struct program one;

    program_decode(&one, program->language, bytes, sizeof bytes);
    *op = one.ops[0];
}

static void mutate_op(struct program *program, struct op *op, uint64_t *state)
{
    switch (below(state, 6)) {
    case 0: op->verb = (uint8_t) below(state, language_verbs(program->language)); break;
    case 1: op->who = (uint8_t) below(state, ROLES); break;
    case 2: op->object = (uint8_t) below(state, 6); break;
    case 3: op->a = operand(state); break;
    case 4: op->b = operand(state); break;
    default: /* about the same object as another */
        op->object = program->ops[below(state, program->count)].object;
        break;
    }
    op_settle(program, op);
}

static void mutate_settings(struct program *program, uint64_t *state)
{
    struct fault *fault;

    switch (below(state, 6)) {
    case 0: program->settings.batch = (uint8_t) below(state, 4); break;
    case 1: program->settings.capacity = (uint8_t) below(state, 8); break;
    case 2: program->settings.seed = (uint8_t) below(state, 4); break;
    case 3: program->settings.inspector = !program->settings.inspector; break;
    case 4: program->settings.threads = below(state, 16) == 0; break;
    default:
        if (below(state, 3) == 0 && program->fault_count > 0) {
            program->fault_count--;
        } else if (program->fault_count < FAULTS_MAX) {
            fault = &program->faults[program->fault_count++];
            fault->kind = (uint8_t) below(state, FAULT_KINDS);
            fault->nth = (uint8_t) below(state, 8);
            fault->times = (uint8_t) (1 + below(state, 4));
        }
        break;
    }
    if (!program->settings.threads)
        for (int i = 0; i < program->count; i++)
            op_settle(program, &program->ops[i]);
}

static void mutate(struct program *program, uint64_t *state)
{
    const int count = program->count;
    struct op op;

    switch (count == 0 ? 0 : below(state, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        op_draw(program, &op, state);
        op_insert(program, below(state, count + 1), &op);
        break;
    case 4: op_remove(program, below(state, count), 1); break;
    case 5: op_remove(program, below(state, count), 1 + below(state, 8)); break;
    case 6: /* again, elsewhere */
        op = program->ops[below(state, count)];
        op_insert(program, below(state, count + 1), &op);
        break;
    case 7: { /* swapped */
        struct op *one = &program->ops[below(state, count)];
        struct op *other = &program->ops[below(state, count)];

        op = *one;
        *one = *other;
        *other = op;
        break;
    }
    case 8: mutate_settings(program, state); break;
    default: mutate_op(program, &program->ops[below(state, count)], state); break;
    }
}

static size_t encode(const struct program *program, uint8_t *bytes, size_t room)
{
    uint8_t all[PROGRAM_BYTES];
    const size_t size = program_encode(program, all);

    if (size > room)
        return 0;
    memcpy(bytes, all, size);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned seed)
{
    uint64_t state = seed;
    struct program program;
    size_t encoded;

    if (below(&state, 8) == 0)
        return LLVMFuzzerMutate(bytes, size, room);
    program_decode(&program, harness_language, bytes, size);
    for (int times = 1 + below(&state, 4); times > 0; times--)
        mutate(&program, &state);
    encoded = encode(&program, bytes, room);
    return encoded > 0 ? encoded : size;
}

/* The beginning of one and the end of the other, with the settings of one. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other,
                                 size_t other_size, uint8_t *out, size_t room, unsigned seed)
{
    uint64_t state = seed;
    struct program program, tail;
    int from;

    program_decode(&program, harness_language, one, one_size);
    program_decode(&tail, harness_language, other, other_size);
    program.count = below(&state, program.count + 1);
    for (from = below(&state, tail.count + 1); from < tail.count && program.count < OPS_MAX;
         from++) {
        struct op op = tail.ops[from];

        op_settle(&program, &op);
        program.ops[program.count++] = op;
    }
    return encode(&program, out, room);
}
