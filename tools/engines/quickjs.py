# SPDX-License-Identifier: Apache-2.0
"""The one thing that is changed in QuickJS before it is compiled.

`JSON.stringify` looks at each character of a text and appends it to a buffer, which takes 8 ns: 140 us for an answer of
16 KiB. What needs no backslash is copied in one piece instead.
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


def quote_in_runs(source: Path) -> None:
    """Change the file. Raises SystemExit when it has not the place: another version of QuickJS."""
    text = source.read_text(encoding="utf-8")
    if text.count(_LOOP) != 1:
        raise SystemExit(f"{source.name} has not the loop that tools/engines/quickjs.py changes")
    head, line, rest = _LOOP.partition("{\n")
    source.write_text(text.replace(_LOOP, head + line + _RUN + rest), encoding="utf-8")
