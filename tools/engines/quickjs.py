# SPDX-License-Identifier: Apache-2.0
"""What is changed in QuickJS before it is compiled.

- `JSON.stringify` looks at each character of a text and appends it to a buffer, which takes 8 ns: 140 us for an answer
  of 16 KiB. What needs no backslash is copied in one piece instead.
- QuickJS sees how deep it is by the stack in its memory. A function of WebAssembly that keeps its values elsewhere
  takes next to nothing of that, and much of the machine's stack, which no program sees. So functions that may call
  themselves keep a little room there.
- QuickJS looks for garbage in cycles when an object is made and half as much again is in use as after the last time. An
  app may have less memory than that left: it looks for garbage when memory becomes scarce too (`c/memory.c`).
- `repeat` and the two functions of padding append character by character, which takes 60 us for 16 KiB. Characters of
  one byte are set at once instead.
- While the engine is built, its small blocks lie where `c/layout.c` says. In an instance that costs a test of a
  variable for each block.
- What exists at the end of the build is left alone: the collector does not look at it, and no new thing is its
  neighbour in a list (docs/design/0068).
"""

from pathlib import Path

_LOOP = """\
    for(i = 0; i < p->len; ) {
        c = string_getc(p, &i);
        switch(c) {
        case '\\t':
            c = 't';
            goto quote;
"""
_RUN = """\
        if (!p->is_wide_char) {
            const uint8_t *from = str8(p) + i, *to = from, *end = str8(p) + p->len;
            while (to < end && *to >= 32 && *to != '"' && *to != '\\\\')
                to++;
            if (to > from) {
                if (string_buffer_write8(b, from, to - from))
                    goto fail;
                i += to - from;
                continue;
            }
        }
"""
_CHECK = """\
static inline bool js_check_stack_overflow(JSRuntime *rt, size_t alloca_size)
{
    uintptr_t sp;
    sp = js_get_stack_pointer() - alloca_size;
"""
_CHECK_WITH_ROOM = """\
static inline __attribute__((always_inline)) bool js_check_stack_overflow(JSRuntime *rt, size_t alloca_size)
{
    uintptr_t sp;
    char room[128]; // a part of the caller's frame
    __asm__ volatile("" : : "r"(room) : "memory");
    sp = (uintptr_t)room - alloca_size;
"""


_COLLECT = """\
    force_gc = ((rt->malloc_state.malloc_size + size) >
                rt->malloc_gc_threshold);
"""
_COLLECT_WHEN_SCARCE = """\
    extern bool memory_scarce;
    extern void memory_reserve(void);
    force_gc = memory_scarce || ((rt->malloc_state.malloc_size + size) > rt->malloc_gc_threshold);
"""
_COLLECTED = """\
        JS_RunGC(rt);
        rt->malloc_gc_threshold = rt->malloc_state.malloc_size +
"""
_COLLECTED_AND_RESERVED = """\
        JS_RunGC(rt);
        if (memory_scarce)
            memory_reserve();
        rt->malloc_gc_threshold = rt->malloc_state.malloc_size +
"""
_FILL = """\
    while (count-- > 0) {
        if (string_buffer_putc16(s, c))
            return -1;
    }
    return 0;
}

static JSValue string_buffer_end(StringBuffer *s)
"""
_FILL_AT_ONCE = """\
    if (!s->is_wide_char && c < 0x100 && count > 0 && s->len + count <= s->size) {
        memset(str8(s->str) + s->len, c, count);
        s->len += count;
        return 0;
    }
"""
_ARENA = """\
static no_inline JSArena *arena_new(JSRuntime *rt, int block_size_idx)
"""
_BUILD = """\
bool block_is_hot(void);
int hot_blocks_of(int size_index);
void *arena_room(size_t size, bool hot);
void block_made(void *block, int size, int size_index);
extern bool laying_out;
static int hot_blocks;

"""
_ROOM = """\
    ar = rt->mf.js_malloc(rt->malloc_state.opaque,
                          sizeof(JSArena) + (size_t)n_blocks * block_size);
    if (!ar)
        return NULL;
    ar->block_size_idx = block_size_idx;
"""
_ROOM_OF_BUILD = """\
    if (laying_out) {
        if (hot_blocks > 0)
            n_blocks = hot_blocks;
        ar = arena_room(sizeof(JSArena) + (size_t)n_blocks * block_size, hot_blocks > 0);
    } else
"""
_LARGE = """\
static no_inline void *arena_malloc_large(JSRuntime *rt, size_t size)
"""
_HOT_ARENA = """\
static JSArena *hot_arenas[JS_ARENA_BLOCK_SIZE_COUNT];

static no_inline JSArena *hot_arena(JSRuntime *rt, int block_size_idx)
{
    JSArena *ar = hot_arenas[block_size_idx];
    if (ar == NULL) {
        hot_blocks = hot_blocks_of(block_size_idx);
        ar = hot_arenas[block_size_idx] = arena_new(rt, block_size_idx);
        hot_blocks = 0;
        list_del(&ar->free_link);
        init_list_head(&ar->free_link);
    }
    if (ar->n_used_blocks == ar->n_blocks)
        abort(); /* the build asked for other blocks before */
    return ar;
}

"""
_FIND = """\
        el = head->next;
        if (unlikely(el == head)) {
            ar = arena_new(rt, block_size_idx);
"""
_FIND_IN_BUILD = """\
        el = head->next;
        if (unlikely(laying_out) && block_is_hot()) {
            ar = hot_arena(rt, block_size_idx);
        } else if (unlikely(el == head)) {
            ar = arena_new(rt, block_size_idx);
"""
_TAKEN = """\
        b->u.block_idx = block_idx;
        ar->n_used_blocks++;
"""
_TRACED = """\
#ifdef TRACED
        if (laying_out)
            block_made(b, block_size, block_size_idx);
#endif
"""
_RUN_GC = """\
void JS_RunGC(JSRuntime *rt)
{
"""
_FREEZE = """\
void JS_Freeze(JSRuntime *rt);

static void move_list(struct list_head *from, struct list_head *to)
{
    init_list_head(to);
    if (!list_empty(from)) {
        *to = *from;
        to->next->prev = to;
        to->prev->next = to;
        init_list_head(from);
    }
}

/* What exists now is never looked at by the collector, as if each of it was referred to once more; and no new thing is
   put beside it in a list, which would write to it. */
void JS_Freeze(JSRuntime *rt)
{
    static struct list_head objects, arenas[JS_ARENA_BLOCK_SIZE_COUNT];
    int i;
    move_list(&rt->gc_obj_list, &objects);
    for (i = 0; i < JS_ARENA_BLOCK_SIZE_COUNT; i++)
        move_list(&rt->arena_state.arena_list[i], &arenas[i]);
    rt->malloc_gc_threshold = rt->malloc_state.malloc_size + (rt->malloc_state.malloc_size >> 1);
}

"""
_CHANGES = (
    (_LOOP, _LOOP.partition("{\n")[0] + "{\n" + _RUN + _LOOP.partition("{\n")[2]),
    (_CHECK, _CHECK_WITH_ROOM),
    (_COLLECT, _COLLECT_WHEN_SCARCE),
    (_COLLECTED, _COLLECTED_AND_RESERVED),
    (_FILL, _FILL_AT_ONCE + _FILL),
    (_ARENA, _BUILD + _ARENA),
    (_ROOM, _ROOM_OF_BUILD + _ROOM),
    (_LARGE, _HOT_ARENA + _LARGE),
    (_FIND, _FIND_IN_BUILD),
    (_TAKEN, _TAKEN + _TRACED),
    (_RUN_GC, _FREEZE + _RUN_GC),
)


def change(source: Path) -> None:
    """Change the file. Raises SystemExit when it has not one of the places: another version of QuickJS."""
    text = source.read_text(encoding="utf-8")
    for old, new in _CHANGES:
        if text.count(old) != 1:
            raise SystemExit(f"{source.name} has not the place that tools/engines/quickjs.py changes:\n{old}")
        text = text.replace(old, new)
    source.write_text(text, encoding="utf-8")
