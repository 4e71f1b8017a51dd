#include "compiler/facts.h"

#include <stdlib.h>

void mw_facts_free(mw_facts *facts)
{
    free(facts->table);
    free(facts->log);
}

/* The entry of `value`, or the empty one where it belongs. */
static mw_fact *find(const mw_facts *facts, LLVMValueRef value, uint32_t about)
{
    uint32_t mask = facts->capacity - 1;
    uint32_t i = (uint32_t)((((uintptr_t)value >> 4) + about) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (facts->table[i].value && (facts->table[i].value != value || facts->table[i].about != about))
        i = (i + 1) & mask;
    return &facts->table[i];
}

const mw_fact *mw_facts_about(const mw_facts *facts, LLVMValueRef value, uint32_t about)
{
    const mw_fact *fact = facts->capacity ? find(facts, value, about) : NULL;
    return fact && fact->anchor ? fact : NULL;
}

static void grow(mw_facts *facts)
{
    mw_facts old = *facts;
    facts->capacity = old.capacity ? 2 * old.capacity : 64;
    facts->table = mw_calloc(facts->capacity, sizeof *facts->table);
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.table[i].value)
            *find(facts, old.table[i].value, old.table[i].about) = old.table[i];
    free(old.table);
}

/* Does `new` serve all sums that `old` serves, and more? */
static bool is_better(const mw_fact *new, const mw_fact *old)
{
    if (!old->anchor)
        return true;
    if (new->anchor == old->anchor)
        return new->headroom > old->headroom;
    uint64_t below = old->distance - new->distance;
    if (new->about == MW_FACTS_32)
        below = (uint32_t)below;
    return below != 0 && below <= new->headroom;
}

void mw_facts_learn(mw_facts *facts, const mw_fact *fact)
{
    if (2 * facts->used >= facts->capacity)
        grow(facts);
    mw_fact *known = find(facts, fact->value, fact->about);
    if (!is_better(fact, known))
        return;
    if (!known->value) {
        known->value = fact->value;
        known->about = fact->about;
        facts->used++;
    }
    mw_reserve(&facts->log, &facts->log_capacity, facts->height + 1, sizeof *facts->log);
    facts->log[facts->height++] = *known;
    *known = *fact;
}

void mw_facts_forget(mw_facts *facts, uint32_t height)
{
    while (facts->height > height) {
        const mw_fact *old = &facts->log[--facts->height];
        *find(facts, old->value, old->about) = *old;
    }
}
