# SPDX-License-Identifier: Apache-2.0
"""The picture of the architecture: `docs/architecture.svg` from boxes, rooms and arrows in `docs/architecture.yaml`.

The SVG is plain: no script, no external font, colours for light and dark pages by `prefers-color-scheme`, on a
background of its own. A text that does not fit into its box is an error here and not a blemish in the picture.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCE = "docs/architecture.yaml"
TARGET = "docs/architecture.svg"
FOLDERS = ()

UNIT = 10
"""Pixels of one step of the grid."""
_TITLE_PIXELS, _LINE_PIXELS = 8.2, 6.9
"""Widest average of a character at 15 and at 13 pixels, of the fonts that browsers take for sans-serif."""
_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_LEADING = 18
_ARROW = 7
_STEP_RADIUS = 9

_LIGHT = {
    "page": "#ffffff", "band": "#f3f5f8", "ink": "#1b2430", "soft": "#5b6878", "line": "#8390a0", "arrow": "#3c4a5c",
    "box": "#ffffff", "tenant": "#2f6fb0", "run": "#2c8a5a", "system": "#7652b3", "outside": "#8390a0",
    "trusted": "#efe8fa", "guest": "#fdeeda", "fence": "#e6f5ec", "grey": "#eef1f4",
    "step": "#1b2430", "digit": "#ffffff",
}  # fmt: skip
_DARK = {
    "page": "#12171e", "band": "#1a212b", "ink": "#e8edf3", "soft": "#a3b0bf", "line": "#66758a", "arrow": "#b4c0ce",
    "box": "#232c38", "tenant": "#6ba8e6", "run": "#5cc490", "system": "#b496ec", "outside": "#8390a0",
    "trusted": "#352b4a", "guest": "#4a3820", "fence": "#1d3a2b", "grey": "#2a323d",
    "step": "#e8edf3", "digit": "#12171e",
}  # fmt: skip


class PictureError(ValueError):
    """The source says something that cannot be drawn."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Box":
        """From `at` and `size` in steps of the grid."""
        return cls(*(value * UNIT for value in (*entry["at"], *entry["size"])))

    def side(self, name: str, shift: float) -> tuple[float, float]:
        """The middle of a side, moved along it by `shift` pixels."""
        middle, centre = self.x + self.width / 2 + shift, self.y + self.height / 2 + shift
        return {
            "left": (self.x, centre),
            "right": (self.x + self.width, centre),
            "top": (middle, self.y),
            "bottom": (middle, self.y + self.height),
        }[name]


def files() -> dict[str, str]:
    """The picture."""
    return {TARGET: drawn(yaml.safe_load((ROOT / SOURCE).read_text(encoding="utf-8")))}


def drawn(source: Mapping[str, Any]) -> str:
    """The SVG of one source; raises PictureError."""
    width, height = (side * UNIT for side in source["size"])
    boxes = {entry["id"]: Box.of(entry) for entry in source["boxes"]}
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title" font-family="{_FONTS}">'
    )
    parts = [
        head,
        f"<!-- Drawn from {SOURCE} by make manifests: do not edit. -->",
        f'<title id="title">{escape(source["title"])}</title>',
        _style(),
        f'<rect class="page" width="{width}" height="{height}" rx="12"/>',
        f'<text class="head" x="{width / 2:g}" y="36">{escape(source["title"])}</text>',
        *(line for entry in source["bands"] for line in _band(entry)),
        *(line for entry in source["rooms"] for line in _room(entry)),
        *(line for entry in source["boxes"] for line in _box(entry, boxes[entry["id"]])),
        *(line for entry in source["arrows"] for line in _arrow(entry, boxes)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _style() -> str:
    return f"<style>\n{_rules(_LIGHT)}\n@media (prefers-color-scheme: dark) {{\n{_rules(_DARK)}\n}}\n</style>"


def _rules(colour: Mapping[str, str]) -> str:
    halo = f"paint-order: stroke; stroke-width: 5px; stroke-linejoin: round; stroke: {colour['page']}"
    rules = {
        ".page": f"fill: {colour['page']}",
        ".head": f"fill: {colour['ink']}; font-size: 18px; font-weight: 600; text-anchor: middle",
        ".band": f"fill: {colour['band']}",
        ".plane": f"fill: {colour['soft']}; font-size: 12px; font-weight: 700; letter-spacing: 1.5px; text-anchor: end",
        ".room": "fill: none; stroke-width: 1.5; stroke-dasharray: 6 4",
        ".name": "font-size: 13px; font-weight: 600",
        ".box": f"fill: {colour['box']}; stroke: {colour['line']}; stroke-width: 1.25",
        ".title": f"fill: {colour['ink']}; font-size: 15px; font-weight: 600; text-anchor: middle",
        ".line": f"fill: {colour['soft']}; font-size: 13px; text-anchor: middle",
        ".arrow": f"fill: none; stroke: {colour['arrow']}; stroke-width: 1.5",
        ".tip": f"fill: {colour['arrow']}",
        ".label": f"fill: {colour['ink']}; font-size: 13px; text-anchor: middle; {halo}",
        ".step": f"fill: {colour['step']}",
        ".digit": f"fill: {colour['digit']}; font-size: 11px; font-weight: 700; text-anchor: middle",
    }
    rules |= {f".fill-{tone}": f"fill: {colour[tone]}" for tone in ("trusted", "guest", "fence")}
    rules[".fill-outside"] = f"fill: {colour['grey']}; stroke-dasharray: 4 3"
    for tone in ("tenant", "run", "system"):
        rules |= {f".edge-{tone}": f"stroke: {colour[tone]}", f".name-{tone}": f"fill: {colour[tone]}"}
    return "\n".join(f"{selector} {{ {declarations} }}" for selector, declarations in rules.items())


def _band(entry: Mapping[str, Any]) -> Iterator[str]:
    box = Box.of(entry)
    yield _rect("band", box, radius=10)
    yield _text("plane", box.x + box.width - 14, box.y + 21, entry["title"].upper())


def _room(entry: Mapping[str, Any]) -> Iterator[str]:
    box = Box.of(entry)
    yield _rect(f"room edge-{entry['tone']}", box, radius=8)
    yield _text(f"name name-{entry['tone']}", box.x + 12, box.y + 19, entry["title"])


def _box(entry: Mapping[str, Any], box: Box) -> Iterator[str]:
    tone = entry.get("tone")
    yield _rect(f"box fill-{tone}" if tone else "box", box, radius=6)
    lines = entry["lines"]
    for text, pixels in ((entry["title"], _TITLE_PIXELS), *((line, _LINE_PIXELS) for line in lines)):
        if len(text) * pixels > box.width:
            raise PictureError(f"box {entry['id']} is too narrow for {text!r}")
    if (len(lines) + 1) * _LEADING > box.height:
        raise PictureError(f"box {entry['id']} is too low for its lines")
    middle = box.x + box.width / 2
    top = box.y + 19 if tone == "fence" else box.y + box.height / 2 - len(lines) * _LEADING / 2 + 5
    yield _text("title", middle, top, entry["title"])
    for number, line in enumerate(lines, 1):
        yield _text("line", middle, top + number * _LEADING, line)


def _arrow(entry: Mapping[str, Any], boxes: Mapping[str, Box]) -> Iterator[str]:
    shift = entry.get("shift", 0) * UNIT
    first, second = (_named(entry[end], boxes) for end in ("from", "to"))
    side = entry["from"].partition(".")[2]
    level = side in ("left", "right")
    narrow = min((first, second), key=lambda box: box.height if level else box.width)
    (x1, y1), (x2, y2) = first.side(side, shift), second.side(entry["to"].partition(".")[2], shift)
    if level:
        y1 = y2 = narrow.side("left", shift)[1]
    else:
        x1 = x2 = narrow.side("top", shift)[0]
    sign = (x2 > x1) - (x2 < x1) or (y2 > y1) - (y2 < y1)
    # The line ends where its tip begins.
    end = (x2 - sign * _ARROW, y2) if level else (x2, y2 - sign * _ARROW)
    dashed = ' stroke-dasharray="5 4"' if entry.get("dashed") else ""
    yield f'<path class="arrow" d="M{x1:g} {y1:g}L{end[0]:g} {end[1]:g}"{dashed}/>'
    half = _ARROW * 0.6
    corners = (
        [(x2, y2), (end[0], y2 - half), (end[0], y2 + half)]
        if level
        else [(x2, y2), (x2 - half, end[1]), (x2 + half, end[1])]
    )
    yield f'<path class="tip" d="M{"L".join(f"{x:g} {y:g}" for x, y in corners)}Z"/>'
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    yield from _caption(entry, middle, level=level)


def _caption(entry: Mapping[str, Any], middle: tuple[float, float], *, level: bool) -> Iterator[str]:
    x, y = middle
    lines, step = entry["label"], entry.get("step")
    if step is not None:
        yield f'<circle class="step" cx="{x:g}" cy="{y:g}" r="{_STEP_RADIUS}"/>'
        yield _text("digit", x, y + 4, str(step))
    if level:
        for number, line in enumerate(lines):
            yield _text("label", x, y - _STEP_RADIUS - 5 - (len(lines) - 1 - number) * _LEADING, line)
        return
    wide = max((len(line) for line in lines), default=0) * _LINE_PIXELS
    for number, line in enumerate(lines):
        offset = (number - (len(lines) - 1) / 2) * _LEADING + 4
        yield _text("label", x + _STEP_RADIUS + 8 + wide / 2, y + offset, line)


def _named(end: str, boxes: Mapping[str, Box]) -> Box:
    identifier = end.partition(".")[0]
    if identifier not in boxes:
        raise PictureError(f"an arrow names the box {identifier}, which does not exist")
    return boxes[identifier]


def _rect(kind: str, box: Box, *, radius: int) -> str:
    sides = f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'
    return f'<rect class="{kind}" {sides} rx="{radius}"/>'


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'
