/*
 * s3_faults_by_rule.c -- S3: when each fault happens, what it does, and to whom.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* -- When -------------------------------------------------------------------- */

/* One bit for each of `count` reads of two bytes, set where only one came. */
static uint64_t short_reads(struct rouse_evq *evq, rouse_fd ends[2], int count)
{
    const struct rouse_sockets *sockets = evq->sockets, *peer = rouse_sim_peer(evq);
    uint64_t bits = 0;
    char bytes[2] = {0};

    for (int i = 0; i < count; i++) {
        peer->write(peer, ends[1], bytes, 2);
        if (sockets->read(sockets, ends[0], bytes, 2) == 1) {
            bits |= UINT64_C(1) << i;
            peer->read(peer, ends[0], bytes, 1);
        }
    }
    return bits;
}

struct oracle {
    uint64_t says;
    int asked;
};

static unsigned ask_oracle(void *with, enum rouse_sim_fault fault)
{
    struct oracle *oracle = with;

    CHECK(S3, fault == ROUSE_SIM_SHORT_READ, "it is asked about %s", rouse_sim_fault_name(fault));
    return (unsigned) (oracle->says >> oracle->asked++ & 1);
}

CASE(s3_a_fault_happens_as_its_rule_says, "S3", NEEDS_SIM,
     "short reads: by script, by asking, by certainty, by chance, and without a rule",
     "they are short where the rule says, and are counted")
{
    static const uint64_t scripts[] = {1, 6, 0x8000000000000000, 0xf0f0, ~UINT64_C(0), 0};
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    struct rouse_sim_rule rule = {0};
    struct oracle oracle = {0x1234567, 0};
    uint64_t bits;
    rouse_fd ends[2];
    int ones = 0;

    sim_pair(evq, ends);
    for (int i = 0; i < 6; i++) {
        rule.script = scripts[i];
        rouse_sim_fault(evq, ROUSE_SIM_SHORT_READ, &rule);
        CHECK(S3, short_reads(evq, ends, 64) == scripts[i], "script %d", i);
        CHECK(S3, short_reads(evq, ends, 64) == 0, "behind script %d", i);
    }
    rule = (struct rouse_sim_rule){.ask = ask_oracle, .with = &oracle};
    rouse_sim_fault(evq, ROUSE_SIM_SHORT_READ, &rule);
    CHECK(S3, short_reads(evq, ends, 64) == 0x1234567, "asking");
    CHECK_EQUAL(S3, oracle.asked, 64, "how often it was asked");
    CHECK_EQUAL(S3, rouse_sim_fault_count(evq, ROUSE_SIM_SHORT_READ), 12, "how often it happened");
    CHECK_EQUAL(S3, rouse_sim_fault_opportunities(evq, ROUSE_SIM_SHORT_READ), 64,
                "how often it might have");
    rouse_sim_fault(evq, ROUSE_SIM_SHORT_READ, NULL);
    rouse_sim_fault(evq, ROUSE_SIM_SHORT_WRITE, NULL);
    CHECK(S3, short_reads(evq, ends, 64) == 0, "without a rule");
    CHECK_EQUAL(S3, rouse_sim_fault_opportunities(evq, ROUSE_SIM_SHORT_READ), 0, "without a rule");
    CHECK_EQUAL(S3, rouse_sim_faults(evq, "short-read=1"), 0, "a chance of a millionth");
    short_reads(evq, ends, 64);
    CHECK_EQUAL(S3, rouse_sim_fault_opportunities(evq, ROUSE_SIM_SHORT_READ), 64,
                "opportunities for it");
    CHECK_EQUAL(S3, rouse_sim_faults(evq, "short-read=1000000"), 0, "certainty");
    CHECK(S3, short_reads(evq, ends, 64) == ~UINT64_C(0), "certainty");
    rouse_sim_faults(evq, "short-read=500000");
    for (int i = 0; i < 50; i++)
        for (bits = short_reads(evq, ends, 64); bits != 0; bits &= bits - 1)
            ones++;
    CHECK(S3, ones > 1400 && ones < 1800, "%d of 3,200 with a chance of a half", ones);
    evq->sockets->close(evq->sockets, ends[0]);
    evq->sockets->close(evq->sockets, ends[1]);
    sim_queue_close(evq);
}

CASE(s3_rules_are_read_from_text, "S3", NEEDS_SIM, "rules as text, and what is none",
     "they are set, all at once or not at all")
{
    static const char *const wrong[] = {
        "delay",
        "delay=",
        "delay=x=",
        "delay=1000001",
        "delay=-1",
        "delay=1:",
        "delay=1:0",
        "delay=1:x",
        "nonsense=1",
        "delay=1;split=1",
        "delay=1split=1",
        "delay=xdelay=x",
        "seed=1",
        "delay=1 x",
        "delay=x5",
        " delay =1",
        "delays=1",
        "split=1,delay",
        "delay=1:9223372036854775808",
        "delay=.................................................................",
    };
    static const char full[] =
        "short-read=x..............................................................x:1";
    struct rouse_evq *evq = sim_queue(world, NULL, "short-read=1000000");
    rouse_fd ends[2];

    sim_pair(evq, ends);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_EQUAL(S3, rouse_sim_faults(evq, wrong[i]), -EINVAL, wrong[i]);
    CHECK(S3, short_reads(evq, ends, 8) == 0xff, "a text that is none has ended a rule");
    CHECK_EQUAL(S3, rouse_sim_faults(evq, ", reorder=5 short-read=.x.x:1,delay=0:9 ,"), 0,
                "a text");
    CHECK(S3, short_reads(evq, ends, 8) == 0xa, "a script from text");
    CHECK_EQUAL(S3, rouse_sim_faults(evq, full), 0, "as long a script as there can be");
    CHECK(S3, short_reads(evq, ends, 64) == UINT64_C(0x8000000000000001), "what it says");
    CHECK_EQUAL(S3, rouse_sim_faults(evq, "short-read=xx short-read=0:3,short-read=..x"), 0,
                "three rules for one fault");
    CHECK(S3, short_reads(evq, ends, 8) == 4, "the last one does not count, or another does");
    CHECK_EQUAL(S3, rouse_sim_faults(evq, "short-read=..x:1 short-read=1000000"), 0, "two rules");
    CHECK(S3, short_reads(evq, ends, 8) == 0xff, "the last one does not count");
    CHECK_EQUAL(S3, rouse_sim_faults(evq, "reorder=1000000"), 0, "another text");
    CHECK(S3, short_reads(evq, ends, 8) == 0, "a rule that a text does not name goes on");
    CHECK_EQUAL(S3, rouse_sim_faults(evq, NULL), 0, "no text");
    for (int fault = 0; fault < ROUSE_SIM_FAULTS; fault++) {
        const char *name = rouse_sim_fault_name((enum rouse_sim_fault) fault);
        char text[40];

        for (int other = 0; other < fault; other++)
            CHECK(S3, strcmp(name, rouse_sim_fault_name((enum rouse_sim_fault) other)) != 0,
                  "%s is there twice", name);
        snprintf(text, sizeof text, "%s=1", name);
        CHECK_EQUAL(S3, rouse_sim_faults(evq, text), 0, name);
    }
    CHECK(S3, rouse_sim_fault_name(ROUSE_SIM_FAULTS) == NULL, "one fault too many has a name");
    evq->sockets->close(evq->sockets, ends[0]);
    evq->sockets->close(evq->sockets, ends[1]);
    sim_queue_close(evq);
}

/* -- What: events ------------------------------------------------------------ */

/* A queue with one pair, watched at its first end. */
struct spot {
    struct rouse_evq *evq;
    const struct rouse_sockets *sockets, *peer;
    struct rouse_source source;
    rouse_fd ends[2];
};

static void spot_open(struct spot *spot, struct world *world, const char *faults)
{
    *spot = (struct spot){.evq = sim_queue(world, NULL, faults)};
    spot->sockets = spot->evq->sockets;
    spot->peer = rouse_sim_peer(spot->evq);
    sim_pair(spot->evq, spot->ends);
    spot->source.fd = spot->ends[0];
}

static void spot_close(struct spot *spot)
{
    spot->evq->ops->forget(spot->evq, &spot->source);
    spot->peer->close(spot->peer, spot->ends[0]);
    spot->peer->close(spot->peer, spot->ends[1]);
    sim_queue_close(spot->evq);
}

CASE(s3_a_delayed_report_comes_turns_later, "S3", NEEDS_SIM,
     "a source is ready and its report held back: waits that only look, waits that last, the end "
     "of the fault",
     "it comes after some turns, a millisecond each where there is time; and at once without")
{
    struct spot spot;
    unsigned ready;
    rouse_time before;
    int waits;

    spot_open(&spot, world, "delay=1000000:5");
    for (int i = 0; i < 20; i++) {
        sim_arm(spot.evq, &spot.source, ROUSE_WRITABLE);
        before = spot.evq->ops->now(spot.evq);
        waits = sim_waits(spot.evq, &spot.source, 0, 99, &ready);
        CHECK(S3, waits >= 2 && waits <= 6, "%d waits", waits);
        CHECK_EQUAL(S3, spot.evq->ops->now(spot.evq), before, "time where there is none");
        sim_arm(spot.evq, &spot.source, ROUSE_WRITABLE);
        CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 50, 1, &ready), 1, "waits with time");
        before = spot.evq->ops->now(spot.evq) - before;
        CHECK(S3, before >= ROUSE_MS(1) && before <= ROUSE_MS(5), "%lld ns", (long long) before);
    }
    /* What is ready no more, and then again, is a report of its own. */
    rouse_sim_faults(spot.evq, "delay=xx:1");
    sim_arm(spot.evq, &spot.source, ROUSE_READABLE);
    for (int i = 0; i < 2; i++) {
        char byte;

        spot.peer->write(spot.peer, spot.ends[1], "x", 1);
        CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 0, 1, &ready), 0, "held back");
        if (i == 0)
            spot.peer->read(spot.peer, spot.ends[0], &byte, 1);
    }
    CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 0, 1, &ready), 1, "in the next turn");
    rouse_sim_faults(spot.evq, "delay=1000000:5");
    sim_arm(spot.evq, &spot.source, ROUSE_WRITABLE);
    CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 0, 1, &ready), 0, "held back");
    rouse_sim_fault(spot.evq, ROUSE_SIM_DELAY, NULL);
    CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 0, 1, &ready), 1, "let go");
    spot_close(&spot);
}

CASE(s3_a_spurious_report_names_what_is_armed_and_not_ready, "S3", NEEDS_SIM,
     "one direction is armed and not ready, or ready, or idle; a wait() has time, or none",
     "only what is armed is reported; where nothing else is, a millisecond goes by")
{
    struct spot spot;
    unsigned ready;

    spot_open(&spot, world, "spurious=1000000");
    CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 5, 1, &ready), 0, "an idle source");
    sim_arm(spot.evq, &spot.source, ROUSE_READABLE);
    CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 0, 1, &ready), 1, "without time");
    CHECK_EQUAL(S3, ready, ROUSE_READABLE, "what is reported");
    CHECK_EQUAL(S3, spot.evq->ops->now(spot.evq), ROUSE_MS(5), "the time");
    CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 5, 1, &ready), 0, "once for each arm()");
    sim_arm(spot.evq, &spot.source, ROUSE_READABLE);
    sim_waits(spot.evq, &spot.source, 5, 1, &ready);
    CHECK_EQUAL(S3, spot.evq->ops->now(spot.evq), ROUSE_MS(11), "the time, with some");
    sim_arm(spot.evq, &spot.source, ROUSE_WRITABLE);
    CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 5, 1, &ready), 1, "what is ready anyway");
    CHECK_EQUAL(S3, spot.evq->ops->now(spot.evq), ROUSE_MS(11), "the time of a true report");
    CHECK_EQUAL(S3, rouse_sim_fault_count(spot.evq, ROUSE_SIM_SPURIOUS), 2, "how many there were");
    spot_close(&spot);
}

CASE(s3_every_direction_that_waits_in_vain_is_an_opportunity, "S3", NEEDS_SIM,
     "six ends of streams are armed for both directions, and nothing can be read; three are full",
     "all that is armed and not ready is reported by mistake, with what is ready, and counted")
{
    const struct rouse_sim_options options = {.size = sizeof options, .capacity = 4};
    struct rouse_evq *evq = sim_queue(world, &options, NULL);
    const struct rouse_sockets *peer = rouse_sim_peer(evq);
    struct rouse_source sources[6] = {0};
    struct rouse_event events[12];
    unsigned reported[6] = {0};
    rouse_fd ends[2];
    int count;

    for (int i = 0; i < 6; i += 2) {
        sim_pair(evq, ends);
        peer->write(peer, ends[0], "full", 4);
        sources[i].fd = ends[0];
        sources[i + 1].fd = ends[1];
        sim_arm(evq, &sources[i], ROUSE_READABLE | ROUSE_WRITABLE);
        sim_arm(evq, &sources[i + 1], ROUSE_WRITABLE);
    }
    rouse_sim_faults(evq, "spurious=1000000");
    count = evq->ops->wait(evq, events, 12, 0);
    for (int i = 0; i < count; i++)
        reported[events[i].source - sources] |= events[i].ready;
    for (int i = 0; i < 6; i++)
        CHECK_EQUAL(S3, reported[i], i % 2 == 0 ? ROUSE_READABLE | ROUSE_WRITABLE : ROUSE_WRITABLE,
                    "what is reported of one");
    CHECK_EQUAL(S3, rouse_sim_fault_count(evq, ROUSE_SIM_SPURIOUS), 6, "how many mistakes");
    CHECK_EQUAL(S3, rouse_sim_fault_opportunities(evq, ROUSE_SIM_SPURIOUS), 6, "opportunities");
    for (int i = 0; i < 6; i++) {
        evq->ops->forget(evq, &sources[i]);
        peer->close(peer, sources[i].fd);
    }
    sim_queue_close(evq);
}

CASE(s3_batches_come_in_reverse_and_directions_apart, "S3", NEEDS_SIM,
     "two sources are ready in one batch, one of them for both directions",
     "they come in reverse; the directions come apart, in both orders, and each once")
{
    struct spot spot;
    struct rouse_source other = {0};
    struct rouse_event events[4];
    unsigned first = 0;

    spot_open(&spot, world, "reorder=1000000");
    other.fd = spot.ends[1];
    sim_arm(spot.evq, &spot.source, ROUSE_WRITABLE);
    sim_arm(spot.evq, &other, ROUSE_WRITABLE);
    CHECK_EQUAL(S3, spot.evq->ops->wait(spot.evq, events, 4, 0), 2, "reports");
    CHECK(S3, events[0].source == &other && events[1].source == &spot.source, "not in reverse");
    rouse_sim_faults(spot.evq, NULL);
    sim_arm(spot.evq, &other, ROUSE_WRITABLE);
    sim_arm(spot.evq, &spot.source, ROUSE_WRITABLE);
    CHECK_EQUAL(S3, spot.evq->ops->wait(spot.evq, events, 4, 0), 2, "reports without a rule");
    CHECK(S3, events[0].source == &other && events[1].source == &spot.source,
          "not in the order in which they became ready");
    rouse_sim_faults(spot.evq, "reorder=x");
    for (int count = 0; count < 3; count++) {
        if (count > 0)
            sim_arm(spot.evq, &spot.source, ROUSE_WRITABLE);
        if (count > 1)
            sim_arm(spot.evq, &other, ROUSE_WRITABLE);
        CHECK_EQUAL(S3, spot.evq->ops->wait(spot.evq, events, 4, 0), count, "reports of so many");
        CHECK_EQUAL(S3, (intptr_t) rouse_sim_fault_opportunities(spot.evq, ROUSE_SIM_REORDER),
                    count > 1, "opportunities in all; one report has no order");
    }
    CHECK(S3, events[0].source == &other && events[1].source == &spot.source, "not in reverse");
    rouse_sim_faults(spot.evq, "split=1000000");
    spot.peer->write(spot.peer, spot.ends[1], "x", 1);
    for (int i = 0; i < 20; i++) {
        sim_arm(spot.evq, &spot.source, ROUSE_READABLE | ROUSE_WRITABLE);
        CHECK_EQUAL(S3, spot.evq->ops->wait(spot.evq, events, 4, 0), 2, "reports of one source");
        CHECK_EQUAL(S3, events[0].ready | events[1].ready, ROUSE_READABLE | ROUSE_WRITABLE,
                    "both of them");
        first |= events[0].ready;
        sim_arm(spot.evq, &spot.source, ROUSE_READABLE | ROUSE_WRITABLE);
        CHECK_EQUAL(S3, spot.evq->ops->wait(spot.evq, events, 1, 0), 1,
                    "where there is room for one");
        CHECK_EQUAL(S3, spot.evq->ops->wait(spot.evq, events + 1, 3, 0), 1, "the other");
        CHECK_EQUAL(S3, events[0].ready | events[1].ready, ROUSE_READABLE | ROUSE_WRITABLE,
                    "both of them");
    }
    CHECK_EQUAL(S3, first, ROUSE_READABLE | ROUSE_WRITABLE, "which come first");
    spot.evq->ops->forget(spot.evq, &other);
    spot_close(&spot);
}

/* -- What: calls ------------------------------------------------------------- */

CASE(
    s3_transfers_are_short_by_rule, "S3", NEEDS_SIM,
    "a hundred bytes are written and read, with rules of several amounts",
    "at least one byte moves and less than there is, by the amount at most; of one byte always one")
{
    struct spot spot;
    char bytes[100] = {0};
    intptr_t count, total = 0;

    spot_open(&spot, world, "short-write=1000000 short-read=1000000:7");
    for (int i = 0; i < 50; i++) {
        count = spot.sockets->write(spot.sockets, spot.ends[0], bytes, 100);
        CHECK(S3, count >= 1 && count <= 99, "a write moves %lld", (long long) count);
        total += count;
    }
    while (total > 1) {
        count = spot.sockets->read(spot.sockets, spot.ends[1], bytes, 100);
        CHECK(S3, count >= 1 && count <= 7 && count < total, "a read moves %lld",
              (long long) count);
        total -= count;
    }
    rouse_sim_faults(spot.evq, "short-write=1000000 short-read=1000000:7");
    CHECK_EQUAL(S3, spot.sockets->read(spot.sockets, spot.ends[1], bytes, 100), 1, "the last one");
    CHECK_EQUAL(S3, spot.sockets->read(spot.sockets, spot.ends[1], bytes, 100), -EAGAIN, "no more");
    CHECK_EQUAL(S3, (intptr_t) rouse_sim_fault_opportunities(spot.evq, ROUSE_SIM_SHORT_READ), 0,
                "opportunities where one byte moves, or none");
    CHECK_EQUAL(S3, spot.sockets->write(spot.sockets, spot.ends[1], bytes, 1), 1, "one byte");
    spot_close(&spot);
}

CASE(
    s3_a_try_after_a_report_would_block_once, "S3", NEEDS_SIM,
    "reads and writes with and without a report before them, by the program and a peer",
    "the program's first after a report is -EAGAIN, the next one is not, nor after the next report")
{
    struct spot spot;
    unsigned ready;
    char bytes[4];

    spot_open(&spot, world, "would-block=1000000");
    spot.peer->write(spot.peer, spot.ends[1], "abcdef", 6);
    CHECK_EQUAL(S3, spot.sockets->read(spot.sockets, spot.ends[0], bytes, 1), 1, "unreported");
    for (int round = 0; round < 2; round++) {
        sim_arm(spot.evq, &spot.source, ROUSE_READABLE | ROUSE_WRITABLE);
        sim_waits(spot.evq, &spot.source, 0, 1, &ready);
        CHECK_EQUAL(S3, spot.sockets->read(spot.sockets, spot.ends[0], bytes, 1),
                    round == 0 ? -EAGAIN : 1, "a read after a report");
        CHECK_EQUAL(S3, spot.sockets->write(spot.sockets, spot.ends[0], bytes, 1),
                    round == 0 ? -EAGAIN : 1, "a write after a report");
    }
    for (int n = 0; n < 2; n++)
        CHECK_EQUAL(S3, spot.sockets->read(spot.sockets, spot.ends[0], bytes, 1), 1,
                    "a read after that, without another report");
    sim_arm(spot.evq, &spot.source, ROUSE_READABLE | ROUSE_WRITABLE);
    sim_waits(spot.evq, &spot.source, 0, 1, &ready);
    CHECK_EQUAL(S3, spot.peer->read(spot.peer, spot.ends[0], bytes, 1), 1, "a peer's read");
    CHECK_EQUAL(S3, spot.sockets->read(spot.sockets, spot.ends[0], bytes, 1), -EAGAIN, "ours");
    CHECK_EQUAL(S3, spot.sockets->read(spot.sockets, spot.ends[0], bytes, 1), 1, "ours again");
    spot_close(&spot);
}

CASE(s3_accept_and_connected_would_block_once_too, "S3", NEEDS_SIM,
     "a listener and who connects to it are reported, and then asked",
     "the first accept() is -EAGAIN and the first connected() -EINPROGRESS, and the next is not")
{
    struct rouse_evq *evq = sim_queue(world, NULL, "would-block=1000000");
    const struct rouse_sockets *sockets = evq->sockets, *peer = rouse_sim_peer(evq);
    struct rouse_address address = sim_loopback(9);
    struct rouse_source sources[2] = {0};
    rouse_fd accepted;
    unsigned ready;

    for (int i = 0; i < 2; i++)
        sockets->open(sockets, ROUSE_IPV4, &sources[i].fd);
    sockets->listen(sockets, sources[0].fd, &address, 8);
    CHECK_EQUAL(S3, sockets->connect(sockets, sources[1].fd, &address), -EINPROGRESS, "connect()");
    CHECK_EQUAL(S3, sockets->connected(sockets, sources[1].fd), 0, "connected(), unreported");
    sim_arm(evq, &sources[1], ROUSE_WRITABLE);
    sim_waits(evq, &sources[1], 0, 1, &ready);
    CHECK_EQUAL(S3, peer->connected(peer, sources[1].fd), 0, "a peer's connected()");
    CHECK_EQUAL(S3, sockets->connected(sockets, sources[1].fd), -EINPROGRESS, "ours");
    CHECK_EQUAL(S3, sockets->connected(sockets, sources[1].fd), 0, "ours again");
    sim_arm(evq, &sources[0], ROUSE_READABLE);
    sim_waits(evq, &sources[0], 0, 1, &ready);
    CHECK_EQUAL(S3, sockets->accept(sockets, sources[0].fd, &accepted), -EAGAIN, "accept()");
    CHECK_EQUAL(S3, sockets->accept(sockets, sources[0].fd, &accepted), 0, "accept() again");
    for (int i = 0; i < 2; i++) {
        evq->ops->forget(evq, &sources[i]);
        sockets->close(sockets, sources[i].fd);
    }
    sim_queue_close(evq);
}

CASE(s3_each_direction_would_block_by_itself_and_not_twice_running, "S3", NEEDS_SIM,
     "both directions are reported one after the other, and then tried; and a reader forgets after "
     "each report, tries, and arms again",
     "each direction's first try is -EAGAIN; nobody is refused twice running, whoever forgets")
{
    struct spot spot;
    unsigned ready;
    char byte = 'x';

    spot_open(&spot, world, "would-block=1000000");
    spot.peer->write(spot.peer, spot.ends[1], "abcdef", 6);
    for (unsigned direction = ROUSE_READABLE; direction <= ROUSE_WRITABLE; direction++) {
        sim_arm(spot.evq, &spot.source, direction);
        CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 0, 1, &ready), 1, "waits for a report");
    }
    CHECK_EQUAL(S3, spot.sockets->read(spot.sockets, spot.ends[0], &byte, 1), -EAGAIN, "a read");
    CHECK_EQUAL(S3, spot.sockets->write(spot.sockets, spot.ends[0], &byte, 1), -EAGAIN, "a write");
    for (int round = 0; round < 4; round++) {
        sim_arm(spot.evq, &spot.source, ROUSE_READABLE);
        CHECK_EQUAL(S3, sim_waits(spot.evq, &spot.source, 0, 1, &ready), 1, "waits for a report");
        if (round % 2 != 0)
            spot.evq->ops->forget(spot.evq, &spot.source);
        CHECK_EQUAL(S3, spot.sockets->read(spot.sockets, spot.ends[0], &byte, 1),
                    round % 2 != 0 ? -EAGAIN : 1, "a read after it");
        spot.evq->ops->forget(spot.evq, &spot.source);
    }
    spot_close(&spot);
}

CASE(s3_a_shortage_is_told_and_nothing_else_happens, "S3", NEEDS_SIM,
     "no memory, or no descriptors, for each call that may want some, once",
     "it is told -ENOMEM or -EMFILE, has done nothing, and works the next time")
{
    static const struct {
        const char *rule;
        int error;
    } shortages[] = {{"no-memory=x", -ENOMEM}, {"no-descriptor=x", -EMFILE}};

    for (int i = 0; i < 2; i++) {
        struct rouse_evq *evq = sim_queue(world, NULL, NULL);
        const struct rouse_sockets *sockets = evq->sockets;
        struct rouse_address address = sim_loopback(9);
        struct rouse_source source = {0}, other = {0};
        rouse_fd listener, fd, accepted, ends[2];

        rouse_sim_faults(evq, shortages[i].rule);
        CHECK_EQUAL(S3, sockets->open(sockets, ROUSE_IPV4, &listener), shortages[i].error,
                    "open()");
        CHECK_EQUAL(S3, sockets->open(sockets, ROUSE_IPV4, &listener), 0, "open() again");
        sockets->listen(sockets, listener, &address, 4);
        sockets->open(sockets, ROUSE_IPV4, &fd);
        rouse_sim_faults(evq, shortages[i].rule);
        CHECK_EQUAL(S3, sockets->connect(sockets, fd, &address), i == 0 ? -ENOMEM : -EINPROGRESS,
                    "connect()");
        if (i == 0)
            CHECK_EQUAL(S3, sockets->connect(sockets, fd, &address), -EINPROGRESS,
                        "connect() again");
        rouse_sim_faults(evq, shortages[i].rule);
        CHECK_EQUAL(S3, sockets->accept(sockets, listener, &accepted), shortages[i].error,
                    "accept()");
        CHECK_EQUAL(S3, sockets->accept(sockets, listener, &accepted), 0, "accept() again");
        rouse_sim_faults(evq, shortages[i].rule);
        CHECK_EQUAL(S3, sockets->accept(sockets, listener, &ends[0]), -EAGAIN,
                    "accept() of nobody");
        CHECK_EQUAL(S3, sockets->pair(sockets, ends), shortages[i].error, "pair()");
        CHECK_EQUAL(S3, sockets->pair(sockets, ends), 0, "pair() again");
        rouse_sim_faults(evq, shortages[i].rule);
        source.fd = fd;
        CHECK_EQUAL(S3, evq->ops->arm(evq, &source, ROUSE_READABLE), i == 0 ? -ENOMEM : 0, "arm()");
        rouse_sim_faults(evq, shortages[i].rule);
        if (i == 0)
            CHECK_EQUAL(S3, evq->ops->arm(evq, &source, ROUSE_READABLE), -ENOMEM,
                        "arm() once more");
        CHECK_EQUAL(S3, evq->ops->arm(evq, &source, ROUSE_READABLE), 0, "arm() again");
        rouse_sim_faults(evq, shortages[i].rule);
        other.fd = listener;
        CHECK_EQUAL(S3, evq->ops->arm(evq, &other, ROUSE_READABLE), i == 0 ? -ENOMEM : 0,
                    "arm() of what is not ready");
        evq->ops->forget(evq, &other);
        rouse_sim_faults(evq, "no-memory=1000000");
        CHECK_EQUAL(S3, evq->ops->arm(evq, &source, ROUSE_WRITABLE), 0, "arm() of what is known");
        evq->ops->forget(evq, &source);
        for (fd = 0; fd < 5; fd++)
            sockets->close(sockets, fd);
        CHECK_EQUAL(S3, rouse_sim_open_count(evq), 0, "descriptors left open");
        sim_queue_close(evq);
    }
}

CASE(s3_connections_fail_by_rule, "S3", NEEDS_SIM,
     "of three connects one is refused, one aborted, one reset; a peer has none of it",
     "the connect, the accept and both ends are told; the peer's are as they should be")
{
    struct rouse_evq *evq = sim_queue(world, NULL, "refused=x aborted=x reset=.x");
    const struct rouse_sockets *sockets = evq->sockets, *peer = rouse_sim_peer(evq);
    struct rouse_address address = sim_loopback(9);
    rouse_fd listener, fds[4], accepted;
    char byte;

    peer->open(peer, ROUSE_IPV4, &listener);
    peer->listen(peer, listener, &address, 8);
    for (int i = 0; i < 4; i++) {
        const struct rouse_sockets *who = i == 0 ? peer : sockets;

        who->open(who, ROUSE_IPV4, &fds[i]);
        CHECK_EQUAL(S3, who->connect(who, fds[i], &address), -EINPROGRESS, "connect()");
        CHECK_EQUAL(S3, who->connected(who, fds[i]), i == 1 ? -ECONNREFUSED : 0, "its end");
    }
    CHECK_EQUAL(S3, peer->accept(peer, listener, &accepted), 0, "a peer's accept()");
    peer->close(peer, accepted);
    CHECK_EQUAL(S3, sockets->accept(sockets, listener, &accepted), -ECONNABORTED, "accept()");
    CHECK_EQUAL(S3, peer->read(peer, fds[2], &byte, 1), -ECONNRESET, "who was aborted");
    CHECK_EQUAL(S3, sockets->accept(sockets, listener, &accepted), 0, "the next accept()");
    CHECK_EQUAL(S3, sockets->write(sockets, accepted, "x", 1), 1, "the first transfer");
    CHECK_EQUAL(S3, peer->read(peer, fds[3], &byte, 1), 1, "a peer's");
    CHECK_EQUAL(S3, sockets->read(sockets, accepted, &byte, 1), -ECONNRESET, "the second");
    CHECK_EQUAL(S3, sockets->read(sockets, accepted, &byte, 1), 0, "after it");
    CHECK_EQUAL(S3, peer->read(peer, fds[3], &byte, 1), -ECONNRESET, "the other end");
    CHECK_EQUAL(S3, peer->write(peer, fds[3], &byte, 1), -EPIPE, "after that");
    for (int i = 0; i < 4; i++)
        peer->close(peer, fds[i]);
    peer->close(peer, accepted);
    peer->close(peer, listener);
    CHECK_EQUAL(S3, rouse_sim_open_count(evq), 0, "descriptors left open");
    sim_queue_close(evq);
}

CASE(s3_a_connect_is_interrupted_and_goes_on, "S3", NEEDS_SIM,
     "a connect over a Unix socket is interrupted, and one is not",
     "the first is in progress, and connected when asked; the second is connected at once")
{
    struct rouse_evq *evq = sim_queue(world, NULL, "interrupt=x");
    const struct rouse_sockets *sockets = evq->sockets, *peer = rouse_sim_peer(evq);
    struct rouse_address address = {ROUSE_UNIX, 2, 0, 0, {'/', 'x'}};
    struct rouse_source source = {0};
    rouse_fd listener, fds[2];
    unsigned ready;

    peer->open(peer, ROUSE_UNIX, &listener);
    peer->listen(peer, listener, &address, 8);
    for (int i = 0; i < 2; i++) {
        sockets->open(sockets, ROUSE_UNIX, &fds[i]);
        CHECK_EQUAL(S3, sockets->connect(sockets, fds[i], &address), i == 0 ? -EINPROGRESS : 0,
                    "connect()");
    }
    source.fd = fds[0];
    sim_arm(evq, &source, ROUSE_WRITABLE);
    CHECK_EQUAL(S3, sim_waits(evq, &source, 0, 1, &ready), 1, "waits for it");
    CHECK_EQUAL(S3, sockets->connected(sockets, fds[0]), 0, "how it ends");
    evq->ops->forget(evq, &source);
    peer->close(peer, listener);
    for (int i = 0; i < 2; i++)
        peer->close(peer, fds[i]);
    sim_queue_close(evq);
}

CASE(
    s3_connects_are_slow_by_rule, "S3", NEEDS_SIM,
    "some connect over TCP, and take 5, 3, 3 and 1 ns; others connect over a Unix socket, or again",
    "each arrives in its time, and of two that arrive at once the one that left first; the others "
    "are no opportunity")
{
    enum { CONNECTS = 4 };
    static const unsigned took[CONNECTS] = {5, 3, 3, 1}, order[CONNECTS] = {3, 1, 2, 0};
    unsigned late = 0;
    const struct rouse_sim_rule rule = {.ask = sim_say, .with = &late};
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    const struct rouse_sockets *sockets = evq->sockets;
    struct rouse_address address = sim_loopback(9), local[CONNECTS], peer;
    struct rouse_address path = {ROUSE_UNIX, 2, 0, 0, {'/', 'x'}};
    struct rouse_source source = {0};
    rouse_fd listener, unix_listener, fds[CONNECTS], fd;

    rouse_sim_advance(evq, 5000);
    rouse_sim_fault(evq, ROUSE_SIM_SLOW_CONNECT, &rule);
    sockets->open(sockets, ROUSE_IPV4, &listener);
    sockets->listen(sockets, listener, &address, 8);
    for (int i = 0; i < CONNECTS; i++) {
        late = took[i];
        sockets->open(sockets, ROUSE_IPV4, &fds[i]);
        CHECK_EQUAL(S3, sockets->connect(sockets, fds[i], &address), -EINPROGRESS, "connect()");
        CHECK_EQUAL(S3, sockets->connected(sockets, fds[i]), -EINPROGRESS, "on its way it is");
        sockets->local(sockets, fds[i], &local[i]);
    }
    source.fd = listener;
    for (int i = 0; i < CONNECTS; i++) {
        struct rouse_event event;

        sim_arm(evq, &source, ROUSE_READABLE);
        CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, ROUSE_NEVER), 1, "what it brings");
        CHECK_EQUAL(S3, evq->ops->now(evq), 5000 + took[order[i]], "when one arrives");
        CHECK_EQUAL(S3, sockets->accept(sockets, listener, &fd), 0, "accept()");
        sockets->peer(sockets, fd, &peer);
        CHECK_EQUAL(S3, peer.port, local[order[i]].port, "the port of who arrives");
        sockets->close(sockets, fd);
    }
    rouse_sim_faults(evq, "slow-connect=1000000 refused=1000000");
    CHECK_EQUAL(S3, sockets->connect(sockets, fds[0], &address), -EISCONN, "connect() again");
    sockets->open(sockets, ROUSE_UNIX, &unix_listener);
    sockets->listen(sockets, unix_listener, &path, 8);
    sockets->open(sockets, ROUSE_UNIX, &fd);
    CHECK_EQUAL(S3, sockets->connect(sockets, fd, &path), 0, "connect() over a Unix socket");
    CHECK_EQUAL(S3, (intptr_t) rouse_sim_fault_opportunities(evq, ROUSE_SIM_SLOW_CONNECT), 0,
                "opportunities to be slow");
    CHECK_EQUAL(S3, (intptr_t) rouse_sim_fault_opportunities(evq, ROUSE_SIM_REFUSED), 0,
                "opportunities to be refused");
    evq->ops->forget(evq, &source);
    sim_queue_close(evq);
}

/* -- What: time -------------------------------------------------------------- */

struct handler {
    struct rouse_evq *evq;
    int calls;
    bool wakes;
};

static void handle(void *with)
{
    struct handler *handler = with;

    handler->calls++;
    if (handler->wakes)
        handler->evq->ops->wake(handler->evq);
}

CASE(s3_an_interruption_comes_in_the_middle_of_a_wait, "S3", NEEDS_SIM,
     "waits are interrupted, once each: by a handler that does nothing, and by one that wakes",
     "the first lasts until its deadline, the second ends before it; without time there is none")
{
    struct handler handler = {0};
    struct rouse_sim_options options = {
        .size = sizeof options, .interrupted = handle, .interrupted_with = &handler};
    struct rouse_evq *evq = sim_queue(world, &options, "interrupt=1000000");
    struct rouse_event event;
    rouse_time before;

    handler.evq = evq;
    CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, ROUSE_MS(7)), 0, "reports");
    CHECK_EQUAL(S3, evq->ops->now(evq), ROUSE_MS(7), "the time after a wait()");
    CHECK_EQUAL(S3, handler.calls, 1, "interruptions");
    evq->ops->wait(evq, &event, 1, 0);
    CHECK_EQUAL(S3, handler.calls, 1, "interruptions where nothing is waited for");
    handler.wakes = true;
    before = evq->ops->now(evq);
    CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, ROUSE_MS(100)), 0, "reports");
    CHECK(S3, evq->ops->now(evq) >= before && evq->ops->now(evq) < ROUSE_MS(100), "woken at %lld",
          (long long) evq->ops->now(evq));
    before = evq->ops->now(evq);
    CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, ROUSE_NEVER), 0, "reports, without limit");
    CHECK_EQUAL(S3, evq->ops->now(evq), before, "the time, where there is none to go to");
    CHECK_EQUAL(S3, handler.calls, 3, "interruptions in all");
    sim_queue_close(evq);
}

CASE(s3_an_interruption_comes_at_any_moment_of_a_wait, "S3", NEEDS_SIM,
     "waits of two nanoseconds are interrupted by a handler that wakes; then one without limit",
     "each ends with the first or with the second, both happen, and none at its deadline; where "
     "nothing else would end a wait it takes no time")
{
    struct handler handler = {.wakes = true};
    struct rouse_sim_options options = {
        .size = sizeof options, .interrupted = handle, .interrupted_with = &handler};
    struct rouse_evq *evq = sim_queue(world, &options, "interrupt=1000000");
    struct rouse_event event;
    rouse_time before;
    int ended[2] = {0, 0};

    handler.evq = evq;
    for (int i = 0; i < 50; i++) {
        before = evq->ops->now(evq);
        CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, before + 2), 0, "reports");
        before = evq->ops->now(evq) - before;
        if (CHECK(S3, before == 0 || before == 1, "it ends after %lld ns", (long long) before))
            ended[before]++;
    }
    CHECK(S3, ended[0] > 5 && ended[1] > 5, "%d waits end at once, and %d later", ended[0],
          ended[1]);
    before = evq->ops->now(evq);
    evq->ops->wait(evq, &event, 1, ROUSE_NEVER);
    CHECK_EQUAL(S3, evq->ops->now(evq) - before, 0, "how long a wait without limit takes");
    sim_queue_close(evq);
}

CASE(s3_clocks_are_late_and_leap_by_rule, "S3 E9", NEEDS_SIM,
     "waits for a deadline with a clock that is late, time that leaps, and wakes that fail once",
     "now() reaches the deadline, never goes back, and is behind or ahead by the amount at most")
{
    struct rouse_evq *evq = sim_queue(world, NULL, "late-clock=1000000:1000");
    struct rouse_event event;
    rouse_time now, deadline = 0;
    int late = 0;

    for (int i = 0; i < 50; i++) {
        deadline += 5000;
        evq->ops->wait(evq, &event, 1, deadline);
        now = evq->ops->now(evq);
        CHECK(E9, now >= deadline && now <= deadline + 1000, "%lld at %lld", (long long) now,
              (long long) deadline);
        rouse_sim_advance(evq, 2000);
        now = evq->ops->now(evq);
        CHECK(S3, now >= deadline + 1000 && now <= deadline + 3000, "%lld, 2,000 after %lld",
              (long long) now, (long long) deadline);
        late += now < evq->ops->now(evq);
    }
    CHECK(S3, late > 25, "the clock was late %d times of 50", late);
    rouse_sim_faults(evq, "jump=.x:4000");
    deadline = evq->ops->now(evq);
    evq->ops->wait(evq, &event, 1, deadline);
    CHECK_EQUAL(S3, evq->ops->now(evq), deadline, "the time without a jump");
    evq->ops->wait(evq, &event, 1, deadline);
    now = evq->ops->now(evq);
    CHECK(S3, now > deadline && now <= deadline + 4000, "%lld, from %lld", (long long) now,
          (long long) deadline);
    rouse_sim_faults(evq, "failed-wake=x");
    deadline = now + ROUSE_MS(20);
    evq->ops->wake(evq);
    CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, deadline), 0, "reports");
    CHECK_EQUAL(S3, evq->ops->now(evq), now + ROUSE_MS(1), "when the wake is known");
    evq->ops->wait(evq, &event, 1, deadline);
    CHECK_EQUAL(S3, evq->ops->now(evq), deadline, "when the next wait() ends");
    sim_queue_close(evq);
}

static void wake_a_sleeper(void *argument)
{
    struct rouse_evq *evq = argument;

    thread_yield();
    evq->ops->wake(evq);
}

CASE(s3_a_clock_is_late_once_for_each_moment, "S3 E9", NEEDS_SIM,
     "a clock is a nanosecond late, or as much as it may, or as good as never, and is asked again "
     "and again; waits have deadlines that are over",
     "the second answer is what the time is, and asking on is no opportunity; it never goes back, "
     "and a wait that may not last takes no time")
{
    static const char *const rules[] = {"late-clock=1000000:1", "late-clock=1000000",
                                        "late-clock=1"};
    const struct rouse_sim_options options = {.size = sizeof options};

    for (int i = 0; i < 3; i++) {
        struct rouse_event event;
        struct rouse_evq *evq; /* not wrapped, for a wrapper asks for the time as well */
        rouse_time time = 0;

        if (rouse_sim_open(&evq, &options, world->alloc) != 0
            || rouse_sim_faults(evq, rules[i]) != 0)
            suite_error("no simulated queue");
        CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, 0), 0, "a wait() that may not last");
        CHECK_EQUAL(S3, evq->ops->now(evq), 0, "the time after it");
        for (int n = 0; n < 50; n++) {
            const rouse_time before = time, step = n % 2 ? ROUSE_MS(1) : 2;
            rouse_time told;

            CHECK_EQUAL(S3, (intptr_t) rouse_sim_fault_opportunities(evq, ROUSE_SIM_LATE_CLOCK), n,
                        "opportunities, one for each moment");
            rouse_sim_advance(evq, step);
            time += step;
            told = evq->ops->now(evq);
            CHECK(E9, told >= before, "it goes back from %lld to %lld", (long long) before,
                  (long long) told);
            CHECK(S3, i == 2 ? told == time : told < time && (i == 1 || told == time - 1),
                  "%lld at %lld", (long long) told, (long long) time);
            for (int again = 0; again < 3; again++)
                CHECK_EQUAL(S3, evq->ops->now(evq), time, "when it is asked again");
            CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, n % 3 ? 0 : time), 0,
                        "a wait() that may not last");
        }
        sim_queue_close(evq);
    }
}

CASE(s3_a_wake_that_fails_ends_its_wait_late, "S3", NEEDS_SIM,
     "wakes fail: of a wait() whose deadline is over, of one with a connect on its way, and by "
     "another thread of one that sleeps",
     "time does not go back; what comes meanwhile is reported; each wake is an opportunity")
{
    struct rouse_evq *evq = sim_queue(world, NULL, "failed-wake=1000000 slow-connect=1000000:900");
    const struct rouse_sockets *sockets = evq->sockets;
    struct rouse_address address = sim_loopback(9);
    struct rouse_source source = {0};
    struct rouse_event event;
    rouse_time time = ROUSE_MS(5);

    rouse_sim_advance(evq, time);
    evq->ops->wake(evq);
    CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, ROUSE_MS(2)), 0, "reports");
    rouse_sim_advance(evq, 1);
    CHECK_EQUAL(S3, evq->ops->now(evq), time + 1, "the time, a nanosecond later");
    sockets->open(sockets, ROUSE_IPV4, &source.fd);
    sockets->connect(sockets, source.fd, &address);
    sim_arm(evq, &source, ROUSE_WRITABLE);
    evq->ops->wake(evq);
    CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, ROUSE_NEVER), 1, "what came meanwhile");
    evq->ops->forget(evq, &source);
    sockets->close(sockets, source.fd);
    time = evq->ops->now(evq);
    for (int i = 1; i <= 50; i++) {
        struct thread *thread = thread_start(wake_a_sleeper, evq);

        CHECK_EQUAL(S3, evq->ops->wait(evq, &event, 1, ROUSE_NEVER), 0, "reports");
        thread_join(thread);
        CHECK_EQUAL(S3, evq->ops->now(evq), time + i * ROUSE_MS(1), "when the wake is known");
    }
    CHECK_EQUAL(S3, (intptr_t) rouse_sim_fault_opportunities(evq, ROUSE_SIM_FAILED_WAKE), 52,
                "opportunities");
    sim_queue_close(evq);
}

CASE(s3_datagrams_are_lost_by_rule, "S3", NEEDS_SIM,
     "the program and its peer send four messages each, and the second and third are to be lost",
     "the program's are, and it is told nothing; its peer's all come")
{
    struct rouse_evq *evq = sim_queue(world, NULL, NULL);
    const struct rouse_sockets *sockets = evq->sockets, *peer = rouse_sim_peer(evq);
    rouse_fd ends[2];
    char byte;

    REQUIRE(S3, rouse_sim_datagrams(evq, ends) == 0, "no datagram sockets");
    rouse_sim_faults(evq, "lost=.xx");
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(S3, sockets->write(sockets, ends[0], &"abcd"[i], 1), 1, "the program's write");
        CHECK_EQUAL(S3, peer->write(peer, ends[1], &"abcd"[i], 1), 1, "the peer's write");
    }
    CHECK_EQUAL(S3, (intptr_t) rouse_sim_fault_count(evq, ROUSE_SIM_LOST), 2, "how many are lost");
    for (int i = 0; i < 4; i += 3)
        CHECK(S3, peer->read(peer, ends[1], &byte, 1) == 1 && byte == "abcd"[i], "message %d", i);
    CHECK_EQUAL(S3, peer->read(peer, ends[1], &byte, 1), -EAGAIN, "a read behind the last one");
    for (int i = 0; i < 4; i++)
        CHECK(S3, sockets->read(sockets, ends[0], &byte, 1) == 1 && byte == "abcd"[i],
              "message %d of the peer", i);
    sockets->close(sockets, ends[0]);
    sockets->close(sockets, ends[1]);
    rouse_sim_faults(evq, "lost=1000000");
    CHECK_EQUAL(S3, rouse_sim_datagrams(evq, ends), 0, "another pair");
    CHECK_EQUAL(S3, sockets->write(sockets, ends[0], &byte, 65508), -EMSGSIZE,
                "what does not go out, and so is not lost");
    CHECK_EQUAL(S3, (intptr_t) rouse_sim_fault_opportunities(evq, ROUSE_SIM_LOST), 0,
                "opportunities");
    sockets->close(sockets, ends[0]);
    sockets->close(sockets, ends[1]);
    sim_queue_close(evq);
}

CASE(s3_messages_are_whole_whatever_happens_to_streams, "S3 S2", NEEDS_SIM,
     "datagrams are written and read while every transfer is to be short, and every connection to "
     "be reset",
     "each arrives as it was sent: these are no streams")
{
    struct rouse_evq *evq =
        sim_queue(world, NULL, "short-read=1000000 short-write=1000000 reset=1000000");
    const struct rouse_sockets *sockets = evq->sockets;
    rouse_fd ends[2];
    char bytes[20];

    REQUIRE(S3, rouse_sim_datagrams(evq, ends) == 0, "no datagram sockets");
    for (int i = 0; i < 10; i++) {
        CHECK_EQUAL(S2, sockets->write(sockets, ends[0], "0123456789", 10), 10, "a write");
        CHECK_EQUAL(S2, sockets->read(sockets, ends[1], bytes, sizeof bytes), 10, "a read");
        CHECK(S2, memcmp(bytes, "0123456789", 10) == 0, "another message");
    }
    CHECK_EQUAL(S3, rouse_sim_fault_opportunities(evq, ROUSE_SIM_SHORT_READ), 0, "short reads");
    CHECK_EQUAL(S3, rouse_sim_fault_opportunities(evq, ROUSE_SIM_SHORT_WRITE), 0, "short writes");
    CHECK_EQUAL(S3, rouse_sim_fault_opportunities(evq, ROUSE_SIM_RESET), 0, "resets");
    sockets->close(sockets, ends[0]);
    sockets->close(sockets, ends[1]);
    sim_queue_close(evq);
}

CASE(
    s3_a_reset_wakes_both_ends, "S3 E4", NEEDS_SIM,
    "both ends of a pair wait for bytes; one of them writes, and is reset; or would block, besides",
    "the write is told, or refused, and both ends are reported")
{
    for (int blocks = 0; blocks < 2; blocks++) {
        struct rouse_event events[4] = {{NULL, 0}};
        struct rouse_source other = {0};
        struct spot spot;
        unsigned ready;

        spot_open(&spot, world, blocks ? "reset=1000000 would-block=1000000" : "reset=1000000");
        other.fd = spot.ends[1];
        sim_arm(spot.evq, &spot.source, ROUSE_WRITABLE);
        CHECK_EQUAL(E4, sim_waits(spot.evq, &spot.source, 0, 1, &ready), 1, "waits for room");
        sim_arm(spot.evq, &spot.source, ROUSE_READABLE);
        sim_arm(spot.evq, &other, ROUSE_READABLE);
        CHECK_EQUAL(S3, spot.sockets->write(spot.sockets, spot.ends[0], "x", 1),
                    blocks ? -EAGAIN : -ECONNRESET, "the write");
        CHECK_EQUAL(E4, spot.evq->ops->wait(spot.evq, events, 4, 0), 2, "how many are woken");
        for (int i = 0; i < 2; i++)
            CHECK_EQUAL(E4, events[i].ready, ROUSE_READABLE, "for what");
        spot.evq->ops->forget(spot.evq, &other);
        spot_close(&spot);
    }
}

CASE(s3_what_was_split_off_is_not_held_back_again, "S3", NEEDS_SIM,
     "a report of both directions is always held back for a turn, and always comes as two",
     "the first one comes in the second turn, and the other one in the next")
{
    struct spot spot;
    unsigned both = 0;

    spot_open(&spot, world, "delay=1000000:1 split=1000000");
    spot.peer->write(spot.peer, spot.ends[1], "a", 1);
    sim_arm(spot.evq, &spot.source, ROUSE_READABLE | ROUSE_WRITABLE);
    for (int wait = 0; wait < 3; wait++) {
        struct rouse_event event = {NULL, 0};

        CHECK_EQUAL(S3, spot.evq->ops->wait(spot.evq, &event, 1, 0), wait > 0, "reports");
        CHECK_EQUAL(S3, both & event.ready, 0, "what comes twice");
        both |= event.ready;
    }
    CHECK_EQUAL(S3, both, ROUSE_READABLE | ROUSE_WRITABLE, "what came, in two reports");
    /* Nor if the fault ends while it is held back, and begins anew between the two. */
    rouse_sim_faults(spot.evq, "delay=1000000:9 split=1000000");
    sim_arm(spot.evq, &spot.source, ROUSE_READABLE | ROUSE_WRITABLE);
    for (int wait = 0; wait < 3; wait++) {
        const struct rouse_sim_rule always = {.per_million = 1000000, .amount = 9};
        struct rouse_event event;

        rouse_sim_fault(spot.evq, ROUSE_SIM_DELAY, wait != 1 ? &always : NULL);
        CHECK_EQUAL(S3, spot.evq->ops->wait(spot.evq, &event, 1, 0), wait > 0, "reports");
    }
    spot_close(&spot);
}

CASE(s3_who_is_asked_says_how_much, "S3", NEEDS_SIM,
     "reads of five bytes are short when somebody says so, who says 0 to 9",
     "0 is no; 1 to 4 are that many bytes; then it begins anew")
{
    unsigned said = 0;
    const struct rouse_sim_rule rule = {.ask = sim_say, .with = &said};
    struct spot spot;

    spot_open(&spot, world, "");
    rouse_sim_fault(spot.evq, ROUSE_SIM_SHORT_READ, &rule);
    for (; said < 10; said++) {
        char bytes[5] = {0};
        intptr_t count;

        spot.peer->write(spot.peer, spot.ends[1], bytes, 5);
        count = spot.sockets->read(spot.sockets, spot.ends[0], bytes, 5);
        CHECK_EQUAL(S3, count, said == 0 ? 5 : 1 + (said - 1) % 4, "what a read brings");
        if (count < 5)
            spot.peer->read(spot.peer, spot.ends[0], bytes, 5);
    }
    rouse_sim_fault(spot.evq, ROUSE_SIM_SHORT_READ, NULL);
    spot_close(&spot);
}

CASES(sim_s3) = {&s3_a_fault_happens_as_its_rule_says,
                 &s3_rules_are_read_from_text,
                 &s3_a_delayed_report_comes_turns_later,
                 &s3_a_spurious_report_names_what_is_armed_and_not_ready,
                 &s3_batches_come_in_reverse_and_directions_apart,
                 &s3_transfers_are_short_by_rule,
                 &s3_a_try_after_a_report_would_block_once,
                 &s3_accept_and_connected_would_block_once_too,
                 &s3_a_shortage_is_told_and_nothing_else_happens,
                 &s3_connections_fail_by_rule,
                 &s3_a_connect_is_interrupted_and_goes_on,
                 &s3_connects_are_slow_by_rule,
                 &s3_an_interruption_comes_in_the_middle_of_a_wait,
                 &s3_an_interruption_comes_at_any_moment_of_a_wait,
                 &s3_clocks_are_late_and_leap_by_rule,
                 &s3_a_clock_is_late_once_for_each_moment,
                 &s3_a_wake_that_fails_ends_its_wait_late,
                 &s3_datagrams_are_lost_by_rule,
                 &s3_every_direction_that_waits_in_vain_is_an_opportunity,
                 &s3_each_direction_would_block_by_itself_and_not_twice_running,
                 &s3_messages_are_whole_whatever_happens_to_streams,
                 &s3_a_reset_wakes_both_ends,
                 &s3_what_was_split_off_is_not_held_back_again,
                 &s3_who_is_asked_says_how_much};
