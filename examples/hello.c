/*
 * hello -- two tasks that take turns; a limit on how long one may, and a join with the other.
 */
#include <rouse/rouse.h>
#include <stdio.h>

struct speaker {
    struct rouse_async async;
    struct rouse_task task;
    struct rouse_reactor *reactor;
    struct rouse_sleep sleep;
    const char *word;
    rouse_time pause;
    int times;
};

ROUSE_ASYNC(speaker, struct speaker)
{
    ROUSE_BEGIN
    for (; self->times > 0; self->times--) {
        ROUSE_AWAIT(self->sleep, rouse_sleep(self->reactor, self->pause));
        puts(self->word);
    }
    ROUSE_FINALLY
    ROUSE_END
}

int main(void)
{
    struct rouse rt;
    struct speaker hello = {.word = "hello", .pause = ROUSE_MS(20), .times = 3};
    struct speaker world = {.word = "        world", .pause = ROUSE_MS(30), .times = 2};
    struct rouse_deadline limit;
    struct rouse_join join;
    intptr_t result = rouse_open(&rt, NULL);

    if (result < 0)
        return fprintf(stderr, "hello: %s\n", rouse_strerror(result)), 1;
    hello.reactor = world.reactor = &rt.reactor;
    rouse_spawn(&rt.executor, &world.task, speaker_start(&world), NULL);
    rouse_task_hold(&world.task);
    join = rouse_join(&world.task);
    limit = rouse_deadline(&rt.reactor, speaker_start(&hello),
                           rouse_after(&rt.reactor, ROUSE_SECONDS(5)));
    result = rouse_run(&rt, &limit.future);
    rouse_run(&rt, &join.future);
    rouse_task_unhold(&world.task);
    rouse_close(&rt);
    return result == 0 ? 0 : 1;
}
