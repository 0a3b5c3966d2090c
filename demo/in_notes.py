# SPDX-License-Identifier: Apache-2.0
"""Runs inside a pod, handed over as `python3 -c`: an MCP server that keeps notes. Standard library only.

POST /mcp answers `tools/call` of the Model Context Protocol, version 2026-07-28, for `add_note` and `find_notes`. It
has a third tool, `delete_notes`, which the demo's connector does not have. It knows nothing of genapps.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NOTES: list[str] = []


class Notes(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """One message."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/mcp" or asked.get("method") != "tools/call":
            self._answer(404, asked, {"error": {"code": -32601, "message": "no such method"}})
            return
        found = called(asked["params"]["name"], asked["params"]["arguments"])
        content = {"content": [{"type": "text", "text": json.dumps(found)}], "structuredContent": found}
        self._answer(200, asked, {"result": {"resultType": "complete", **content}})

    def log_message(self, *_: object) -> None:
        """Nothing: what it is asked for is shown elsewhere."""

    def _answer(self, status: int, asked: dict[str, Any], content: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": asked.get("id"), **content}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def called(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a tool brings."""
    if tool == "add_note":
        NOTES.append(arguments["text"])
    elif tool == "delete_notes":
        NOTES.clear()
    return {"notes": [note for note in NOTES if arguments.get("word", "") in note]}


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1])), Notes).serve_forever()
