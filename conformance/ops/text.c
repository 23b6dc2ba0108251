/*
 * text.c -- programs as text, and back.
 *
 *     language time          wakers, time or streams; comes first
 *     set batch 1            also capacity, seed, inspector, threads
 *     fault short-read 3 2   the fourth time that it could happen, and the fifth
 *     script: spawn a
 *     a: sleep f0 10
 *     a: await f0            a statement of a's body
 *     a.end: wake w1         what a does when it ends
 *
 * A # begins a comment. The parser takes any bytes, and never more than it is given.
 */
#include "program.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const language_names[LANGUAGES] = {"wakers", "time", "streams"};

const char *const fault_names[FAULT_KINDS] = {
#define FAULT(name, id) name,
#include "faults.def"
#undef FAULT
};

/* -- Writing ------------------------------------------------------------------ */

struct out {
    char *text;
    size_t length;
};

static void out(struct out *to, const char *format, ...)
{
    const size_t room = PROGRAM_TEXT - to->length;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(to->text + to->length, room, format, arguments);
    va_end(arguments);
    to->length += (size_t) length < room ? (size_t) length : room - 1;
}

static void out_operand(struct out *to, enum operand operand, unsigned value)
{
    switch (operand) {
    case OPERAND_NONE: break;
    case OPERAND_TASK: out(to, " %c", 'a' + (int) value); break;
    case OPERAND_WAKER: out(to, " w%u", value); break;
    case OPERAND_FUTURE: out(to, " f%u", value); break;
    case OPERAND_PAIR: out(to, " p%u", value); break;
    case OPERAND_LISTENER: out(to, " l%u", value); break;
    case OPERAND_END: out(to, " p%u.%c", value / 2, 'a' + (int) (value % 2)); break;
    case OPERAND_NUMBER:
    case OPERAND_COUNT: out(to, " %u", value); break;
    case OPERAND_DIRECTION: out(to, value == 0 ? " readable" : " writable"); break;
    case OPERAND_WHERE: out(to, value == ABROAD ? " abroad" : ""); break;
    }
}

static void out_op(struct out *to, const struct op *op)
{
    const struct verb_info *info = &verb_infos[op->verb];

    if (op->who == SCRIPT)
        out(to, "script:");
    else if (op->who < END)
        out(to, "%c:", 'a' + op->who - BODY);
    else
        out(to, "%c.end:", 'a' + op->who - END);
    out(to, " %s", info->name);
    out_operand(to, info->object, op->object);
    out_operand(to, info->a, op->a);
    out_operand(to, info->b, op->b);
    out(to, "\n");
}

size_t program_print(const struct program *program, char text[PROGRAM_TEXT])
{
    const struct settings *settings = &program->settings;
    struct out to = {text, 0};

    out(&to, "language %s\n", language_names[program->language]);
    if (settings->batch != 0)
        out(&to, "set batch %d\n", settings->batch);
    if (settings->capacity != 0)
        out(&to, "set capacity %d\n", settings->capacity);
    if (settings->seed != 0)
        out(&to, "set seed %d\n", settings->seed);
    if (settings->inspector)
        out(&to, "set inspector 1\n");
    if (settings->threads)
        out(&to, "set threads 1\n");
    for (int i = 0; i < program->fault_count; i++)
        out(&to, "fault %s %d %d\n", fault_names[program->faults[i].kind], program->faults[i].nth,
            program->faults[i].times);
    for (int i = 0; i < program->count; i++)
        out_op(&to, &program->ops[i]);
    return to.length;
}

/* -- Reading ------------------------------------------------------------------ */

enum { WORDS_MAX = 5, WORD_MAX = 16 };

/* A line in words; `count` is -1 if it has too many, or too long ones. */
struct line {
    int count;
    char words[WORDS_MAX][WORD_MAX];
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct line line_split(const char *text, size_t size)
{
    struct line line = {0};
    size_t at = 0;

    for (;;) {
        size_t begin;

        while (at < size && is_space(text[at]))
            at++;
        if (at == size || text[at] == '#')
            return line;
        begin = at;
        while (at < size && !is_space(text[at]) && text[at] != '#')
            at++;
        if (line.count == WORDS_MAX || at - begin >= WORD_MAX) {
            line.count = -1;
            return line;
        }
        memcpy(line.words[line.count++], text + begin, at - begin);
    }
}

/* A number below `range`, all of the text; or -1. */
static int number_parse(const char *text, int range)
{
    int number = 0;

    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || number >= range)
            return -1;
        number = 10 * number + (*text - '0');
    }
    return number < range ? number : -1;
}

static int letter_parse(const char *text, int range)
{
    const int letter = text[0] - 'a';

    return letter >= 0 && letter < range && text[1] == '\0' ? letter : -1;
}

static int name_find(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static int end_parse(const char *text)
{
    if (text[0] != 'p' || text[1] < '0' || text[1] >= '0' + PAIRS || text[2] != '.')
        return -1;
    return letter_parse(text + 3, 2) < 0 ? -1 : 2 * (text[1] - '0') + letter_parse(text + 3, 2);
}

static int operand_parse(enum operand operand, const char *text)
{
    static const char *const directions[] = {"readable", "writable"};
    const int range = (int) operand_range(operand);

    switch (operand) {
    case OPERAND_NONE: return -1;
    case OPERAND_TASK: return letter_parse(text, range);
    case OPERAND_WAKER: return text[0] == 'w' ? number_parse(text + 1, range) : -1;
    case OPERAND_FUTURE: return text[0] == 'f' ? number_parse(text + 1, range) : -1;
    case OPERAND_PAIR: return text[0] == 'p' ? number_parse(text + 1, range) : -1;
    case OPERAND_LISTENER: return text[0] == 'l' ? number_parse(text + 1, range) : -1;
    case OPERAND_END: return end_parse(text);
    case OPERAND_NUMBER:
    case OPERAND_COUNT: return number_parse(text, range);
    case OPERAND_DIRECTION: return name_find(directions, 2, text);
    case OPERAND_WHERE: return strcmp(text, "abroad") == 0 ? ABROAD : -1;
    }
    return -1;
}

/* The next operand, from the next word. One that says where may be left out. */
static bool operand_take(const struct line *line, int *word, enum operand operand, uint8_t *value)
{
    int parsed;

    *value = 0;
    if (operand == OPERAND_NONE || (operand == OPERAND_WHERE && *word == line->count))
        return true;
    if (*word == line->count)
        return false;
    parsed = operand_parse(operand, line->words[(*word)++]);
    *value = (uint8_t) parsed;
    return parsed >= 0;
}

/* "script:", "a:" or "a.end:"; or -1. */
static int who_parse(const char *word)
{
    char name[WORD_MAX] = {0};
    const size_t length = strlen(word);

    if (length < 2 || word[length - 1] != ':')
        return -1;
    memcpy(name, word, length - 1);
    if (strcmp(name, "script") == 0)
        return SCRIPT;
    if (letter_parse(name, TASKS) >= 0)
        return BODY + letter_parse(name, TASKS);
    if (strcmp(name + 1, ".end") != 0)
        return -1;
    name[1] = '\0';
    return letter_parse(name, TASKS) < 0 ? -1 : END + letter_parse(name, TASKS);
}

static bool op_parse(struct program *program, const struct line *line)
{
    struct op *op = &program->ops[program->count];
    const int who = who_parse(line->words[0]);
    const struct verb_info *info;
    int verb = 0, word = 2;

    if (program->count == OPS_MAX || who < 0 || line->count < 2)
        return false;
    while (verb < language_verbs(program->language)
           && strcmp(verb_infos[verb].name, line->words[1]) != 0)
        verb++;
    if (verb == language_verbs(program->language))
        return false;
    info = &verb_infos[verb];
    op->verb = (uint8_t) verb;
    op->who = (uint8_t) who;
    if (!op_allowed(op) || !operand_take(line, &word, info->object, &op->object)
        || !operand_take(line, &word, info->a, &op->a)
        || !operand_take(line, &word, info->b, &op->b) || word != line->count)
        return false;
    if (info->a == OPERAND_WHERE && op->a == ABROAD && !program->settings.threads)
        return false; /* there is no abroad */
    program->count++;
    return true;
}

static bool set_parse(struct settings *settings, const struct line *line)
{
    const int value = line->count == 3 ? number_parse(line->words[2], 256) : -1;
    const char *name = line->words[1];

    if (value < 0)
        return false;
    if (strcmp(name, "batch") == 0 && value < 4)
        settings->batch = (uint8_t) value;
    else if (strcmp(name, "capacity") == 0 && value < 8)
        settings->capacity = (uint8_t) value;
    else if (strcmp(name, "seed") == 0)
        settings->seed = (uint8_t) value;
    else if (strcmp(name, "inspector") == 0 && value < 2)
        settings->inspector = value != 0;
    else if (strcmp(name, "threads") == 0 && value < 2)
        settings->threads = value != 0;
    else
        return false;
    return true;
}

static bool fault_parse(struct program *program, const struct line *line)
{
    struct fault *fault = &program->faults[program->fault_count];
    int kind, nth, times;

    if (program->fault_count == FAULTS_MAX || line->count != 4)
        return false;
    kind = name_find(fault_names, FAULT_KINDS, line->words[1]);
    nth = number_parse(line->words[2], FAULT_NTH);
    times = number_parse(line->words[3], FAULT_NTH);
    if (kind < 0 || nth < 0 || times < 0)
        return false;
    fault->kind = (uint8_t) kind;
    fault->nth = (uint8_t) nth;
    fault->times = (uint8_t) times;
    program->fault_count++;
    return true;
}

static bool line_parse(struct program *program, const struct line *line)
{
    if (line->count <= 0)
        return line->count == 0;
    if (strcmp(line->words[0], "set") == 0)
        return set_parse(&program->settings, line);
    if (strcmp(line->words[0], "fault") == 0)
        return fault_parse(program, line);
    if (strcmp(line->words[0], "language") == 0) {
        const int language = name_find(language_names, LANGUAGES, line->words[1]);

        if (language < 0 || program->count > 0 || line->count != 2)
            return false;
        program->language = (enum language) language;
        return true;
    }
    return op_parse(program, line);
}

int program_parse(struct program *program, const char *text, size_t size)
{
    size_t at = 0;

    memset(program, 0, sizeof *program);
    for (int number = 1; at < size; number++) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t length = end != NULL ? (size_t) (end - text) - at : size - at;
        const struct line line = line_split(text + at, length);

        if (!line_parse(program, &line))
            return number;
        at += length + 1;
    }
    return 0;
}
