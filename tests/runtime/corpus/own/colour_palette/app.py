import colorsys
import re
from typing import NamedTuple

from genapps import BadRequest, app


class Colour(NamedTuple):
    r: float
    g: float
    b: float

    @classmethod
    def parse(cls, text):
        if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
            raise BadRequest(f"not a colour: {text}")
        return cls(*(int(text.lstrip("#")[i : i + 2], 16) / 255 for i in (0, 2, 4)))

    def __str__(self):
        return "#" + "".join(f"{round(c * 255):02x}" for c in self)

    def rotated(self, degrees):
        h, l, s = colorsys.rgb_to_hls(*self)
        return Colour(*colorsys.hls_to_rgb((h + degrees / 360) % 1, l, s))

    @property
    def luminance(self):
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in self]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@app.get("/palette/{colour}")
async def palette(request, colour):
    base = Colour.parse(colour)
    text = "#000000" if base.luminance > 0.179 else "#ffffff"
    return {"base": str(base), "complement": str(base.rotated(180)), "triad": [str(base.rotated(d)) for d in (120, 240)], "text": text}
