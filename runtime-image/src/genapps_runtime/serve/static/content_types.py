# SPDX-License-Identifier: Apache-2.0
"""What a file is, by the end of its name. The table is fixed: a host's own would differ from node to node."""

UNKNOWN = b"application/octet-stream"
HTML = b"text/html; charset=utf-8"

_TEXT = {
    "css": "css", "csv": "csv", "htm": "html", "html": "html", "ics": "calendar", "js": "javascript",
    "md": "markdown", "mjs": "javascript", "txt": "plain", "vtt": "vtt",
}  # fmt: skip
_OTHER = {
    "atom": "application/atom+xml", "avif": "image/avif", "bmp": "image/bmp", "eot": "application/vnd.ms-fontobject",
    "gif": "image/gif", "gz": "application/gzip", "ico": "image/x-icon", "jpeg": "image/jpeg", "jpg": "image/jpeg",
    "json": "application/json", "map": "application/json", "mp3": "audio/mpeg", "mp4": "video/mp4",
    "ogg": "audio/ogg", "otf": "font/otf", "pdf": "application/pdf", "png": "image/png", "rss": "application/rss+xml",
    "svg": "image/svg+xml", "ttf": "font/ttf", "wasm": "application/wasm", "wav": "audio/wav", "webm": "video/webm",
    "webmanifest": "application/manifest+json", "webp": "image/webp", "woff": "font/woff", "woff2": "font/woff2",
    "xml": "application/xml", "zip": "application/zip",
}  # fmt: skip
_TYPES = {end: f"text/{kind}; charset=utf-8".encode() for end, kind in _TEXT.items()} | {
    end: kind.encode() for end, kind in _OTHER.items()
}


def content_type(path: str) -> bytes:
    """The value of Content-Type for a file of that name. Text is UTF-8; what is not in the table is bytes."""
    name = path.rpartition("/")[2]
    return _TYPES.get(name.rpartition(".")[2].lower(), UNKNOWN) if "." in name else UNKNOWN
