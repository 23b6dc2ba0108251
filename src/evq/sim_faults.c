/*
 * sim_faults.c -- when a simulated fault happens, and the text of rules.
 */
#include "sim_faults.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { MILLION = 1000000 };

/* Where a rule says no amount: as much as there can be, or this. */
static const struct {
    const char *name;
    int64_t amount;
} known[ROUSE_SIM_FAULTS] = {
    [ROUSE_SIM_INTERRUPT] = {"interrupt", INT64_MAX},
    [ROUSE_SIM_NO_MEMORY] = {"no-memory", 1},
    [ROUSE_SIM_NO_DESCRIPTOR] = {"no-descriptor", 1},
    [ROUSE_SIM_SPURIOUS] = {"spurious", 1},
    [ROUSE_SIM_DELAY] = {"delay", 2},
    [ROUSE_SIM_REORDER] = {"reorder", 1},
    [ROUSE_SIM_SPLIT] = {"split", 2},
    [ROUSE_SIM_SHORT_READ] = {"short-read", INT64_MAX},
    [ROUSE_SIM_SHORT_WRITE] = {"short-write", INT64_MAX},
    [ROUSE_SIM_WOULD_BLOCK] = {"would-block", 1},
    [ROUSE_SIM_FAILED_WAKE] = {"failed-wake", 1},
    [ROUSE_SIM_LATE_CLOCK] = {"late-clock", 1000000},
    [ROUSE_SIM_JUMP] = {"jump", 1000000000},
    [ROUSE_SIM_SLOW_CONNECT] = {"slow-connect", 100000000},
    [ROUSE_SIM_REFUSED] = {"refused", 1},
    [ROUSE_SIM_ABORTED] = {"aborted", 1},
    [ROUSE_SIM_RESET] = {"reset", 1},
    [ROUSE_SIM_LOST] = {"lost", 1},
};

/* -- Rules ------------------------------------------------------------------- */

/* The generator is SplitMix64 (Steele, Lea and Flood, 2014): any state is a good one,
 * so a seed needs no preparation. */
uint64_t rouse__sim_draw(uint64_t *random)
{
    uint64_t bits;

    *random += UINT64_C(0x9e3779b97f4a7c15);
    bits = *random;
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

void rouse__sim_faults_init(struct rouse__sim_faults *faults, uint64_t seed,
                            const struct rouse__sim_trace *trace)
{
    memset(faults, 0, sizeof *faults);
    faults->trace = trace;
    for (int fault = 0; fault < ROUSE_SIM_FAULTS; fault++)
        faults->each[fault].random = rouse__sim_draw(&seed);
}

void rouse__sim_faults_set(struct rouse__sim_faults *faults, enum rouse_sim_fault fault,
                           const struct rouse_sim_rule *rule)
{
    const struct rouse_sim_rule never = {0};
    struct sim_fault *which = &faults->each[fault];

    which->rule = rule != NULL ? *rule : never;
    which->opportunities = which->count = 0;
    rule = &which->rule;
    faults->active &= ~(UINT32_C(1) << fault);
    if (rule->per_million > 0 || rule->script != 0 || rule->ask != NULL)
        faults->active |= UINT32_C(1) << fault;
}

int64_t rouse__sim_fault_decide(struct rouse__sim_faults *faults, enum rouse_sim_fault fault,
                                int64_t most)
{
    struct sim_fault *which = &faults->each[fault];
    const struct rouse_sim_rule *rule = &which->rule;
    const int64_t wanted = rule->amount > 0 ? rule->amount : known[fault].amount;
    const uint64_t amounts = (uint64_t) (wanted < most ? wanted : most);
    const uint64_t opportunity = which->opportunities++;
    const unsigned said = rule->ask != NULL ? rule->ask(rule->with, fault) : 0;
    uint64_t chosen;

    if (said > 0)
        chosen = said - 1;
    else if ((opportunity < 64 && (rule->script >> opportunity & 1) != 0)
             || (rule->per_million > 0
                 && rouse__sim_draw(&which->random) % MILLION < rule->per_million))
        chosen = rouse__sim_draw(&which->random);
    else
        return 0;
    which->count++;
    chosen = chosen % amounts + 1;
    rouse__sim_tell(faults->trace, "%s %" PRIu64, known[fault].name, chosen);
    return (int64_t) chosen;
}

/* -- Text -------------------------------------------------------------------- */

const char *rouse_sim_fault_name(enum rouse_sim_fault fault)
{
    return (unsigned) fault < ROUSE_SIM_FAULTS ? known[fault].name : NULL;
}

/* A decimal number up to `limit`; false if there is none, or it is too large. */
static bool parse_number(const char **at, uint64_t limit, uint64_t *number)
{
    const char *digit = *at;

    *number = 0;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        const uint64_t value = (uint64_t) (*digit - '0');

        if (*number > (limit - value) / 10)
            return false;
        *number = *number * 10 + value;
    }
    if (digit == *at)
        return false;
    *at = digit;
    return true;
}

/* "250000", "..x", and either with ":4" behind it. */
static bool parse_rule(const char **at, struct rouse_sim_rule *rule)
{
    uint64_t number;
    int place = 0;

    memset(rule, 0, sizeof *rule);
    if (**at == '.' || **at == 'x') {
        for (; **at == '.' || **at == 'x'; ++*at, place++) {
            if (place == 64)
                return false;
            rule->script |= (uint64_t) (**at == 'x') << place;
        }
    } else {
        if (!parse_number(at, MILLION, &number))
            return false;
        rule->per_million = (uint32_t) number;
    }
    if (**at != ':')
        return true;
    ++*at;
    if (!parse_number(at, INT64_MAX, &number) || number == 0)
        return false;
    rule->amount = (int64_t) number;
    return true;
}

/* Whether `at` is `name` and "=", which it then passes. */
static bool parse_name(const char **at, const char *name)
{
    const size_t length = strlen(name);

    if (strncmp(*at, name, length) != 0 || (*at)[length] != '=')
        return false;
    *at += length + 1;
    return true;
}

static bool parse_option(const char **at, struct rouse_sim_options *options)
{
    uint64_t number;

    if (parse_name(at, "seed"))
        return parse_number(at, UINT64_MAX, &options->seed);
    if (parse_name(at, "capacity")) {
        if (!parse_number(at, SIZE_MAX, &number))
            return false;
        options->capacity = (size_t) number;
        return true;
    }
    if (parse_name(at, "descriptors")) {
        if (!parse_number(at, INT32_MAX, &number))
            return false;
        options->descriptors = (int) number;
        return true;
    }
    if (parse_name(at, "batch")) {
        if (!parse_number(at, INT32_MAX, &number))
            return false;
        options->batch = (int) number;
        return true;
    }
    return false;
}

static bool parse_item(const char **at, struct rouse_sim_rule *rules,
                       struct rouse_sim_options *options)
{
    for (int fault = 0; fault < ROUSE_SIM_FAULTS; fault++)
        if (parse_name(at, known[fault].name))
            return parse_rule(at, &rules[fault]);
    return options != NULL && parse_option(at, options);
}

int rouse__sim_faults_parse(const char *text, struct rouse_sim_rule rules[ROUSE_SIM_FAULTS],
                            struct rouse_sim_options *options)
{
    static const char between[] = " ,";

    memset(rules, 0, ROUSE_SIM_FAULTS * sizeof *rules);
    text += strspn(text, between);
    while (*text != '\0') {
        if (!parse_item(&text, rules, options) || (*text != '\0' && strchr(between, *text) == NULL))
            return -EINVAL;
        text += strspn(text, between);
    }
    return 0;
}
