# SPDX-License-Identifier: Apache-2.0
"""Runs inside a pod, handed over as `python3 -c`: a model server with canned answers. Standard library only.

POST /v1/chat/completions answers as OpenAI's API does, with a word that it looks up. It knows nothing of genapps, and
refuses what a real server would refuse: another model, and an answer without a bound.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "small-1"
ANSWERS = {"train": "travel", "hotel": "travel", "paper": "office", "lunch": "food"}


class Model(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """One completion."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self._answer(404, {"error": {"message": "no such operation"}})
        elif asked.get("model") != MODEL or "max_tokens" not in asked:
            self._answer(400, {"error": {"message": "no such model, or max_tokens is missing"}})
        else:
            self._answer(200, completion(asked["messages"][-1]["content"]))

    def log_message(self, *_: object) -> None:
        """Nothing: what it is asked for is shown elsewhere."""

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def completion(question: str) -> dict[str, Any]:
    """The answer to a question, and what it cost: a token is a word here."""
    word = next((answer for known, answer in ANSWERS.items() if known in question.lower()), "I do not know")
    sent, got = len(question.split()), len(word.split())
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": word}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": sent, "completion_tokens": got, "total_tokens": sent + got},
    }


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1])), Model).serve_forever()
