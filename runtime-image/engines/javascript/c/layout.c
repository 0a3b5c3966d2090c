// SPDX-License-Identifier: Apache-2.0
// The blocks of QuickJS that every app writes, side by side.
//
// An instance shares the memory of the build, and has its own copy of each page that it writes. To load an app and to
// answer changes a few bytes in many places: a reference is counted in the head of what it leads to. So the engine is
// built twice (tools/engines/snapshot.py). The first one, compiled with TRACED, tells which blocks are written when an
// app is loaded, by the number that they have among all that QuickJS asks for. The second one asks for the same blocks
// in the same order, and puts those on pages of their own.

#include "layout.h"

#include <string.h>

#define PAGE 65536
#define POOL (20 * PAGE) // for all arenas of the build; what is left, an instance begins with
#define CHUNK 4096      // of an arena that is not hot, at most (JS_ARENA_SIZE)
#define ARENA_HEAD 64   // what an arena has beside its blocks, at most
#define SIZES 31        // of small blocks
#define MOST_HOT 8192

// What one build tells of the other one. The numbers of blocks come in order.
static struct {
    uint32_t bytes, count;
    uint32_t by_size[SIZES];
    uint32_t numbers[MOST_HOT];
} hot;

bool laying_out;
static uint32_t blocks, placed; // that were asked for; and how many of them were hot
static char *pool, *next_hot, *next, *pool_end;
static void *taken_back; // a list of chunks: each begins with the place of the next

#ifdef TRACED
// By the place in the pool.
static struct { uint32_t number; uint16_t size; uint8_t size_index, written; } made[POOL / 8];
static bool tracing;
#endif

__attribute__((export_name("layout"))) void *layout(void)
{
    return &hot;
}

void begin_layout(void)
{
    laying_out = true;
    pool = next_hot = (char *)(__builtin_wasm_memory_grow(0, POOL / PAGE) * (size_t)PAGE);
    pool_end = pool + POOL;
    next = pool + (hot.bytes + SIZES * ARENA_HEAD + CHUNK - 1) / CHUNK * CHUNK;
}

char *end_layout(char **end)
{
    if (placed != hot.count)
        __builtin_trap(); // the two builds did not ask for the same blocks
    laying_out = false;
    memset(&hot, 0, sizeof hot);
    *end = pool_end;
    return pool_end = next;
}

bool block_is_hot(void)
{
    bool is = placed < hot.count && hot.numbers[placed] == blocks;
    blocks++;
    placed += is;
    return is;
}

int hot_blocks_of(int size_index)
{
    return hot.by_size[size_index];
}

void *arena_room(size_t size, bool is_hot)
{
    char *place = next;
    if (is_hot) {
        place = next_hot;
        next_hot += (size + 7) & ~(size_t)7;
    } else if (taken_back != NULL) {
        place = taken_back;
        taken_back = *(void **)place;
    } else {
        next += CHUNK;
    }
    if (next > pool_end)
        __builtin_trap(); // POOL is too small
#ifdef TRACED
    memset(&made[(place - pool) / 8], 0, CHUNK / 8 * sizeof made[0]); // of the arena that was here before
#endif
    return place;
}

bool take_back_arena(void *place)
{
    if ((char *)place < pool || (char *)place >= pool_end)
        return false;
    if (laying_out) {
        *(void **)place = taken_back;
        taken_back = place;
    }
    return true;
}

#ifdef TRACED

void block_made(void *block, int size, int size_index)
{
    size_t at = ((char *)block - pool) / 8;
    made[at].number = blocks; // counted from 1
    made[at].size = size;
    made[at].size_index = size_index;
}

// From now on it is noted what is written.
__attribute__((export_name("trace"))) void trace(void)
{
    tracing = true;
}

// Put the blocks that were written into `layout`, in the order of their places.
__attribute__((export_name("traced"))) void traced(void)
{
    tracing = false;
    for (size_t at = 0; at < POOL / 8; at++) {
        if (made[at].number == 0)
            continue;
        bool written = false;
        for (size_t inner = at; inner < at + made[at].size / 8; inner++)
            written = written || made[inner].written;
        if (!written)
            continue;
        if (hot.count == MOST_HOT)
            __builtin_trap();
        hot.numbers[hot.count++] = made[at].number - 1;
        hot.by_size[made[at].size_index]++;
        hot.bytes += made[at].size;
    }
}

#define STORE(size) \
    void __sanitizer_cov_store##size(void *place) \
    { \
        size_t at = (size_t)((char *)place - pool) / 8; \
        if (tracing && at < POOL / 8) \
            made[at].written = 1; \
    }

STORE(1)
STORE(2)
STORE(4)
STORE(8)
STORE(16)

#endif
