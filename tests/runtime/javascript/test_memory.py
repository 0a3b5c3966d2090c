# SPDX-License-Identifier: Apache-2.0
"""What an app in JavaScript frees it can have again, in blocks of any size."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from genapps_runtime.guest.engine import Language
from tests.runtime.javascript.served import Served

SOURCE = """
let seed = 1;
const random = (below) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
const size = () => 2 ** random(20) + random(1000);

const lasting = new AbortController();

/** Blocks of any size come and go, each filled with its own number: nobody writes into another's. */
function shuffled(rounds) {
  const held = new Map();
  for (let round = 0; round < rounds; round++) {
    const place = random(60);
    const known = held.get(place);
    if (known?.some((byte) => byte !== place)) return `block ${place} was changed`;
    if (random(3) === 0) held.delete(place);
    else held.set(place, new Uint8Array(size()).fill(place));
  }
  return "own";
}

const fill = (bytes) => {
  const held = [];
  try {
    for (;;) held.push(new Uint8Array(bytes));
  } catch (error) {
    return held.length;
  }
};

const pages = {
  shuffled: () => shuffled(1000),
  texts() {
    let text = "";
    for (let i = 0; i < 100_000; i++) text += i;
    return String(text.length);
  },
  // 16 MiB for a guest: 8 of them in one block, after all of them in blocks of any size
  again: () => [1_000_000, 3_000, 70_000, 5_000_000, 1_000_000].map((bytes) => fill(bytes) * bytes > 8_000_000) + "",
  whole: () => String(new Uint8Array(8_000_000).length),
  // garbage that holds itself, as large blocks and as small objects beside much that lives
  large() {
    for (let i = 0; i < 20; i++) {
      const large = { bytes: new Uint8Array(5_000_000) };
      large.self = large;
    }
    return "large";
  },
  small() {
    const lives = new Uint8Array(6_000_000);
    for (let i = 0; i < 100_000; i++) {
      const small = { list: [i, i, i, i] };
      small.self = small;
    }
    return `${lives.length}`;
  },
  signals() {
    for (let i = 0; i < 20_000; i++) {
      AbortSignal.any([lasting.signal]);
      new Request("http://a.example/", { signal: lasting.signal });
    }
    return "signals";
  },
};

export default { fetch: ({ url }) => new Response(pages[url.split("/").pop()]()) };
"""


@pytest.fixture
async def served(javascript: Language, tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(javascript, tmp_path / "state")
    served.write({"app.js": SOURCE.encode()}, limits={"guestMemoryBytes": 16 * 1024 * 1024})
    await served.start()
    yield served
    await served.stop()


async def test_blocks_of_any_size_come_and_go_and_keep_their_content(served: Served) -> None:
    for path, text in (("shuffled", b"own"), ("texts", b"488890"), ("shuffled", b"own")):
        assert (await served.call("GET", f"/{path}")).body == text, served.log()[-1]


async def test_garbage_that_holds_itself_is_collected_before_memory_ends(served: Served) -> None:
    for path, text in (("small", b"6000000"), ("small", b"6000000"), ("large", b"large"), ("large", b"large")):
        assert (await served.call("GET", f"/{path}")).body == text, served.log()[-1]


async def test_a_signal_that_lasts_does_not_keep_those_that_nobody_has(served: Served) -> None:
    for _ in range(2):
        assert (await served.call("GET", "/signals")).body == b"signals", served.log()[-1]


async def test_memory_that_was_filled_with_blocks_of_one_size_holds_those_of_another(served: Served) -> None:
    for path, text in (
        ("again", b"true,true,true,true,true"),
        ("whole", b"8000000"),
        ("again", b"true,true,true,true,true"),
    ):
        assert (await served.call("GET", f"/{path}")).body == text, served.log()[-1]
