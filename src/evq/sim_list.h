/*
 * sim_list.h -- a list whose links live in what is listed.
 *
 * A list is a ring through its own head. A link full of zeroes is in no list, and any
 * link can leave its list without knowing which one that is.
 */
#ifndef ROUSE_EVQ_SIM_LIST_H
#define ROUSE_EVQ_SIM_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct sim_link {
    struct sim_link *next, *prev; /* NULL when in no list */
};

static inline void sim_list_init(struct sim_link *list)
{
    list->next = list->prev = list;
}

static inline bool sim_list_empty(const struct sim_link *list)
{
    return list->next == list;
}

static inline bool sim_link_listed(const struct sim_link *item)
{
    return item->next != NULL;
}

static inline void sim_list_append(struct sim_link *list, struct sim_link *item)
{
    item->prev = list->prev;
    item->next = list;
    list->prev->next = item;
    list->prev = item;
}

/* Does nothing to a link that is in no list. */
static inline void sim_link_remove(struct sim_link *item)
{
    if (item->next == NULL)
        return;
    item->prev->next = item->next;
    item->next->prev = item->prev;
    item->next = item->prev = NULL;
}

#endif /* ROUSE_EVQ_SIM_LIST_H */
