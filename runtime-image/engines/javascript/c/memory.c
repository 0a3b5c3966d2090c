// SPDX-License-Identifier: Apache-2.0
// QuickJS's memory: blocks in lists by size, which are merged with their free neighbours.
//
// The compiler's own malloc for WebAssembly keeps what is freed for blocks of the same power of two, for ever: an app
// that once had many blocks of one size could have few of another. QuickJS asks for small blocks by the page, so that
// what is here runs rarely.

#include "memory.h"

#include <stdint.h>
#include <string.h>

#include "layout.h"

#define PAGE 65536
#define STEP 16      // of sizes, and what places are a multiple of
#define HEAD 8       // of a block, before its place
#define USED 1       // in `size`, whose own low bits are zero
#define FINE_BITS 2  // each power of two has 4 lists
#define FINE (1 << FINE_BITS)
#define POWERS 28
#define LARGEST (1u << 30)
#define LARGE 16384          // of blocks that are no page of QuickJS's
#define RESERVE (2 * 65536)  // for what is small at the end of the memory
#define MOST_SMALL 504       // QuickJS asks by the page for blocks up to this size, in steps of:
#define SMALL_STEP 8

struct block {
    uint32_t before; // the size of the block before this one, 0 for the first of a region
    uint32_t size;   // with its head, and USED; the last of a region has none
    struct block *next, *last; // in its list, while it is free
};

bool memory_refused, memory_scarce;

static struct block *lists[POWERS][FINE];
static uint32_t powers;       // which have a list that is not empty
static uint8_t fines[POWERS]; // and which of its lists
static struct block *end;     // the last of the newest region
static void *reserve;         // NULL while it is in use

static uint32_t size_of(const struct block *block)
{
    return block->size & ~(uint32_t)USED;
}

static struct block *at(struct block *block, int64_t offset)
{
    return (struct block *)((char *)block + offset);
}

static struct block *block_of(void *place)
{
    return (struct block *)((char *)place - HEAD);
}

static void find_list(uint32_t size, uint32_t *power, uint32_t *fine)
{
    uint32_t units = size / STEP, top = 31 - __builtin_clz(units);
    *power = top;
    *fine = top < FINE_BITS ? (units << (FINE_BITS - top)) & (FINE - 1) : (units >> (top - FINE_BITS)) & (FINE - 1);
}

static void insert(struct block *block)
{
    uint32_t power, fine;
    find_list(block->size, &power, &fine);
    block->last = NULL;
    block->next = lists[power][fine];
    if (block->next != NULL)
        block->next->last = block;
    lists[power][fine] = block;
    powers |= 1u << power;
    fines[power] |= 1u << fine;
}

static void take_out(struct block *block)
{
    uint32_t power, fine;
    find_list(block->size, &power, &fine);
    if (block->next != NULL)
        block->next->last = block->last;
    if (block->last != NULL)
        block->last->next = block->next;
    else if ((lists[power][fine] = block->next) == NULL && (fines[power] &= ~(1u << fine)) == 0)
        powers &= ~(1u << power);
}

// The size that all blocks of a list have at least in which a block of this size fits.
static uint32_t rounded(uint32_t size)
{
    uint32_t top = 31 - __builtin_clz(size / STEP);
    return top > FINE_BITS ? size + (STEP << (top - FINE_BITS)) - STEP : size;
}

// A free block that has this size at least; NULL if no list has only such blocks.
static struct block *found(uint32_t size)
{
    uint32_t power, fine;
    find_list(rounded(size), &power, &fine);
    uint32_t here = fines[power] & (~0u << fine);
    if (here == 0) {
        uint32_t above = powers & (~0u << power << 1);
        if (above == 0)
            return NULL;
        power = __builtin_ctz(above);
        here = fines[power];
    }
    return lists[power][__builtin_ctz(here)];
}

// Set the size of a block that is in no list, and tell the one behind it.
static void resize(struct block *block, uint32_t size, uint32_t used)
{
    block->size = size | used;
    at(block, size)->before = size;
}

// Free a block, together with its free neighbours.
static void give_back(struct block *block)
{
    uint32_t size = size_of(block);
    struct block *next = at(block, size);
    if (!(next->size & USED)) {
        take_out(next);
        size += next->size;
    }
    if (block->before != 0 && !(at(block, -(int64_t)block->before)->size & USED)) {
        block = at(block, -(int64_t)block->before);
        take_out(block);
        size += block->size;
    }
    resize(block, size, 0);
    insert(block);
}

// Ask the host for a free block of that size at least.
static bool grow(uint32_t size)
{
    uint32_t bytes = (size + 2 * STEP + PAGE - 1) / PAGE * PAGE;
    size_t page = __builtin_wasm_memory_grow(0, bytes / PAGE);
    if (page == SIZE_MAX)
        return false;
    char *from = (char *)(page * PAGE), *to = from + bytes - HEAD;
    struct block *block;
    if (end != NULL && (char *)end + HEAD == from) {
        block = end; // no gap: what was the last becomes the head of the new one
    } else {
        block = (struct block *)(from + STEP - HEAD);
        block->before = 0;
    }
    end = (struct block *)to;
    end->size = USED;
    resize(block, (uint32_t)(to - (char *)block), USED);
    give_back(block);
    return true;
}

// Let a used block have that size, and free the rest.
static void cut(struct block *block, uint32_t size)
{
    uint32_t rest = size_of(block) - size;
    if (rest < 2 * STEP)
        return;
    resize(block, size, USED);
    struct block *other = at(block, size);
    resize(other, rest, USED);
    give_back(other);
}

static uint32_t needed(size_t size)
{
    return size < STEP ? 2 * STEP : (uint32_t)((size + HEAD + STEP - 1) & ~(size_t)(STEP - 1));
}

static void *refused(void)
{
    memory_refused = true;
    return NULL;
}

// Free garbage that holds itself. What asks for a large block (a buffer, a text, the values of a list) has nothing half
// made; what asks for a small one may have, and gets of the reserve, until QuickJS makes its next object.
static bool collect(JSRuntime *runtime, uint32_t wanted)
{
    static bool collecting;
    if (wanted < LARGE) {
        if (reserve == NULL)
            return false;
        give_back(block_of(reserve));
        reserve = NULL;
        memory_scarce = true;
        return true;
    }
    if (runtime == NULL || collecting)
        return false;
    collecting = true;
    JS_RunGC(runtime);
    collecting = false;
    return true;
}

static void *allocate(void *opaque, size_t size)
{
    if (size > LARGEST)
        return refused();
    uint32_t wanted = needed(size);
    struct block *block = found(wanted);
    if (block == NULL && grow(rounded(wanted)))
        block = found(wanted);
    if (block == NULL && collect(opaque == NULL ? NULL : *(JSRuntime **)opaque, wanted))
        block = found(wanted);
    if (block == NULL)
        return refused();
    take_out(block);
    block->size |= USED;
    cut(block, wanted);
    return (char *)block + HEAD;
}

static void *allocate_zeros(void *opaque, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return refused();
    void *place = allocate(opaque, bytes);
    return place == NULL ? NULL : memset(place, 0, bytes);
}

static void release(void *opaque, void *place)
{
    (void)opaque;
    if (place != NULL && !take_back_arena(place))
        give_back(block_of(place));
}

static size_t usable_size(const void *place)
{
    return place == NULL ? 0 : size_of(block_of((void *)place)) - HEAD;
}

static void *allocate_anew(void *opaque, void *place, size_t size)
{
    if (place == NULL)
        return allocate(opaque, size);
    if (size > LARGEST)
        return refused();
    struct block *block = block_of(place), *next = at(block, size_of(block));
    uint32_t wanted = needed(size);
    if (size_of(block) < wanted && !(next->size & USED) && size_of(block) + next->size >= wanted) {
        take_out(next);
        resize(block, size_of(block) + next->size, USED);
    }
    if (size_of(block) >= wanted) {
        cut(block, wanted);
        return place;
    }
    void *other = allocate(opaque, size);
    if (other == NULL)
        return NULL;
    memcpy(other, place, usable_size(place));
    release(opaque, place);
    return other;
}

void memory_reserve(void)
{
    memory_scarce = false;
    if (reserve != NULL)
        return;
    uint32_t wanted = needed(RESERVE);
    struct block *block = found(wanted);
    if (block == NULL && grow(rounded(wanted)))
        block = found(wanted);
    if (block == NULL)
        return;
    take_out(block);
    block->size |= USED;
    cut(block, wanted);
    reserve = (char *)block + HEAD;
}

const JSMallocFunctions MEMORY = {allocate_zeros, allocate, release, allocate_anew, usable_size};

// What is free now is never given out, so that it is never written: it lies between what all instances share.
static void close_large_gaps(void)
{
    for (int power = 0; power < POWERS; power++)
        for (int fine = 0; fine < FINE; fine++)
            while (lists[power][fine] != NULL) {
                struct block *block = lists[power][fine];
                take_out(block);
                block->size |= USED;
            }
}

// Let this room, which is a multiple of pages and in no region, be a free block.
static void adopt(char *from, char *to)
{
    struct block *block = (struct block *)(from + STEP - HEAD), *last = (struct block *)(to - HEAD);
    block->before = 0;
    last->size = USED;
    resize(block, (uint32_t)((char *)last - (char *)block), USED);
    give_back(block);
}

void close_gaps(JSRuntime *runtime)
{
    char *to, *fresh = end_layout(&to);
    close_large_gaps();
    adopt(fresh, to);
    for (size_t size = MOST_SMALL; size > 0; size -= SMALL_STEP) {
        char *place;
        do
            place = js_malloc_rt(runtime, size);
        while (place < fresh || place >= to);
        js_free_rt(runtime, place);
    }
}
