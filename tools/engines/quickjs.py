# SPDX-License-Identifier: Apache-2.0
"""What is changed in QuickJS before it is compiled.

- `JSON.stringify` looks at each character of a text and appends it to a buffer, which takes 8 ns: 140 us for an answer
  of 16 KiB. What needs no backslash is copied in one piece instead.
- QuickJS sees how deep it is by the stack in its memory. A function of WebAssembly that keeps its values elsewhere
  takes next to nothing of that, and much of the machine's stack, which no program sees. So functions that may call
  themselves keep a little room there.
- QuickJS looks for garbage in cycles when an object is made and half as much again is in use as after the last time. An
  app may have less memory than that left: it looks for garbage when memory becomes scarce too (`c/memory.c`).
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
_CHANGES = (
    (_LOOP, _LOOP.partition("{\n")[0] + "{\n" + _RUN + _LOOP.partition("{\n")[2]),
    (_CHECK, _CHECK_WITH_ROOM),
    (_COLLECT, _COLLECT_WHEN_SCARCE),
    (_COLLECTED, _COLLECTED_AND_RESERVED),
)


def change(source: Path) -> None:
    """Change the file. Raises SystemExit when it has not one of the places: another version of QuickJS."""
    text = source.read_text(encoding="utf-8")
    for old, new in _CHANGES:
        if text.count(old) != 1:
            raise SystemExit(f"{source.name} has not the place that tools/engines/quickjs.py changes:\n{old}")
        text = text.replace(old, new)
    source.write_text(text, encoding="utf-8")
