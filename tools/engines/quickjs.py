# SPDX-License-Identifier: Apache-2.0
"""What is changed in QuickJS before it is compiled.

- `JSON.stringify` looks at each character of a text and appends it to a buffer, which takes 8 ns: 140 us for an answer
  of 16 KiB. What needs no backslash is copied in one piece instead.
- QuickJS sees how deep it is by the stack in its memory. A function of WebAssembly that keeps its values elsewhere
  takes next to nothing of that, and much of the machine's stack, which no program sees. So functions that may call
  themselves keep a little room there.
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


def change(source: Path) -> None:
    """Change the file. Raises SystemExit when it has not one of the places: another version of QuickJS."""
    text = source.read_text(encoding="utf-8")
    head, line, rest = _LOOP.partition("{\n")
    for old, new in ((_LOOP, head + line + _RUN + rest), (_CHECK, _CHECK_WITH_ROOM)):
        if text.count(old) != 1:
            raise SystemExit(f"{source.name} has not the place that tools/engines/quickjs.py changes:\n{old}")
        text = text.replace(old, new)
    source.write_text(text, encoding="utf-8")
