# SPDX-License-Identifier: Apache-2.0
"""Components that are written as text: an app whose turns are fixed, and pieces to build hostile ones of."""

from collections.abc import Mapping

from wasmtime import wat2wasm

SPIN, TRAP, GROW, LOG, TELL, ASK = "!spin", "!trap", "!grow", "!log", "!tell", "!ask "
"""Turns that are no texts: compute forever, trap, take memory until there is none, write to the log, answer with the
last field of what it was called with, and with what the host answers at once to the text that follows."""
ROUTES = '{"routes":["GET /hello"]}'
HEAD = "200\0[]\0\0"
HELLO = HEAD + "hello"
ENOUGH = HEAD + "in its place"
TOLD = 65536
"""Where in memory an answer is put together."""
CALL = "(param i32 i32) (result i32)"
HOST = """
  (import "genapps:app/host@0.1.0" (instance $host
    (export "log" (func (param "record" string)))
    (export "answer" (func (param "call" string) (result string)))
    (export "random" (func (param "bytes" u32) (result string)))))"""
MEMORY = """
  (core module $memory_module
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 131072))
    (func (export "reset") (global.set $next (i32.const 131072)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 7)) (i32.const -8)))))
  (core instance $memory (instantiate $memory_module))"""
LOG_LOWERED = """
  (core func $log (canon lower (func $host "log") (memory (core memory $memory "memory"))))
  (core func $answer (canon lower (func $host "answer") (memory (core memory $memory "memory"))
    (realloc (core func $memory "realloc"))))
  (core instance $lowered (export "log" (func $log)) (export "answer" (func $answer)))"""
LIFT = '(memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))'
STRINGS = "(result string)"
EXPORTS = {
    "load": ("bundle", "(result (result string (error string)))"),
    "start": ("action", STRINGS),
    "resume": ("results", STRINGS),
    "fallback": ("action", STRINGS),
}


def app(
    rules: Mapping[str, str], *, load: str = ROUTES, accepted: bool = True, more: str = "", imports: str = ""
) -> bytes:
    """A component that answers a call with the turn of the first rule whose text is in the call, else with HELLO. As a
    fallback it says ENOUGH.

    `load` is what its load says. `more` is in its core module, `imports` among its imports.
    """
    data = _Data()
    answers = "".join(
        f"(if (call $has (local.get 0) (local.get 1) {data.text(needle)}) (then {_turn(data, turn)}))"
        for needle, turn in rules.items()
    )
    load_at = data.result(load, accepted=accepted)
    hello, fallback = data.pair(HELLO), data.pair(ENOUGH)
    core = f"""
  (core module $app
    (import "memory" "memory" (memory 4))
    (import "memory" "reset" (func $reset))
    (import "lowered" "log" (func $log (param i32 i32)))
    (import "lowered" "answer" (func $answer (param i32 i32 i32)))
    (func $last (param $text i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (local.get $size))
      (block $out
        (loop $next
          (br_if $out (i32.eqz (local.get $at)))
          (br_if $out (i32.eqz (i32.load8_u (i32.sub (i32.add (local.get $text) (local.get $at)) (i32.const 1)))))
          (local.set $at (i32.sub (local.get $at) (i32.const 1)))
          (br $next)))
      (local.get $at))
    (func $tell (param $text i32) (param $size i32) (result i32)
      (memory.copy (i32.const {TOLD + 8}) {data.text(HEAD)})
      (memory.copy (i32.const {TOLD + 8 + len(HEAD)}) (local.get $text) (local.get $size))
      (i32.store (i32.const {TOLD}) (i32.const {TOLD + 8}))
      (i32.store (i32.const {TOLD + 4}) (i32.add (local.get $size) (i32.const {len(HEAD)})))
      (i32.const {TOLD}))
    (func $has (param $text i32) (param $size i32) (param $wanted i32) (param $length i32) (result i32)
      (local $at i32) (local $same i32)
      (block $out
        (loop $next
          (br_if $out (i32.gt_s (i32.add (local.get $at) (local.get $length)) (local.get $size)))
          (local.set $same (i32.const 0))
          (block $differs
            (loop $compare
              (if (i32.eq (local.get $same) (local.get $length)) (then (return (i32.const 1))))
              (br_if $differs (i32.ne
                (i32.load8_u (i32.add (i32.add (local.get $text) (local.get $at)) (local.get $same)))
                (i32.load8_u (i32.add (local.get $wanted) (local.get $same)))))
              (local.set $same (i32.add (local.get $same) (i32.const 1)))
              (br $compare)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $next)))
      (i32.const 0))
    (func (export "load") {CALL} (call $reset) (i32.const {load_at}))
    (func (export "call") {CALL} (call $reset) {answers} (i32.const {hello}))
    (func (export "fallback") {CALL} (call $reset) (i32.const {fallback}))
    (data (i32.const 1024) "{data.escaped}")
    {more})
  (core instance $i (instantiate $app
    (with "memory" (instance $memory)) (with "lowered" (instance $lowered))))"""
    return binary(f"{imports}{HOST}{MEMORY}{LOG_LOWERED}{core}{exports(fallback=lifted('fallback', 'fallback'))}")


def binary(content: str) -> bytes:
    """The component with that content."""
    return bytes(wat2wasm(f"(component {content})"))


def exports(**changed: str) -> str:
    """The exports of the world, of the core instance `$i`; `changed` are other definitions, or none."""
    found = []
    for name in EXPORTS:
        usual = lifted(name, "load" if name == "load" else "call")
        found.append(changed.get(name, usual))
    return "\n  ".join(found)


def lifted(name: str, function: str) -> str:
    """The export `name` of the world as that core function."""
    parameter, result = EXPORTS[name]
    return (
        f'(func (export "{name}") (param "{parameter}" string) {result}'
        f' (canon lift (core func $i "{function}") {LIFT}))'
    )


def bare(module: str, *, imports: str = "", **changed: str) -> bytes:
    """A component of our world that says HELLO; `module` is in its core module."""
    pair = b"\x20\0\0\0" + len(HELLO).to_bytes(4, "little")
    result = b"\0\0\0\0\x40\0\0\0" + len(ROUTES).to_bytes(4, "little")
    core = f"""
  (core module $app
    (import "memory" "memory" (memory 4))
    (func (export "load") {CALL} (i32.const 16))
    (func (export "call") {CALL} (i32.const 0))
    (data (i32.const 0) "{_escaped(pair)}")
    (data (i32.const 16) "{_escaped(result)}")
    (data (i32.const 32) "{_escaped(HELLO.encode())}")
    (data (i32.const 64) "{_escaped(ROUTES.encode())}")
    {module})
  (core instance $i (instantiate $app (with "memory" (instance $memory))))"""
    return binary(f"{imports}{MEMORY}{core}{exports(**changed)}")


def arithmetic(functions: int, operations: int) -> str:
    """Core functions that keep a compiler busy."""
    body = (
        "local.get 0 i32.const 7 i32.mul local.get 1 i32.xor local.tee 1 local.get 0 i32.rotl local.set 0 " * operations
    )
    return " ".join(f"(func (param i32 i32) (result i32) {body} local.get 0)" for _ in range(functions))


class _Data:
    """The data segment, which begins at 1024."""

    def __init__(self) -> None:
        self._bytes = b""

    @property
    def escaped(self) -> str:
        return _escaped(self._bytes)

    def _put(self, content: bytes) -> int:
        self._bytes += bytes(-len(self._bytes) % 4)
        self._bytes += content
        return 1024 + len(self._bytes) - len(content)

    def text(self, text: str) -> str:
        """Place and length as two constants."""
        content = text.encode()
        return f"(i32.const {self._put(content)}) (i32.const {len(content)})"

    def pair(self, text: str) -> int:
        """Where place and length of the text are."""
        content = text.encode()
        return self._put(self._put(content).to_bytes(4, "little") + len(content).to_bytes(4, "little"))

    def result(self, text: str, *, accepted: bool) -> int:
        content = text.encode()
        place = self._put(content)
        words = (int(not accepted), place, len(content))
        return self._put(b"".join(word.to_bytes(4, "little") for word in words))


def _turn(data: _Data, turn: str) -> str:
    if turn == SPIN:
        return "(loop $for_ever (br $for_ever))"
    if turn == TRAP:
        return "unreachable"
    if turn == GROW:
        return "(loop $more (br_if $more (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0)))) unreachable"
    if turn == LOG:
        return f"(call $log {data.text('said')}) (return (i32.const {data.pair(HELLO)}))"
    if turn == TELL:
        return """(return (call $tell
          (i32.add (local.get 0) (call $last (local.get 0) (local.get 1)))
          (i32.sub (local.get 1) (call $last (local.get 0) (local.get 1)))))"""
    if turn.startswith(ASK):
        return f"""(call $answer {data.text(turn.removeprefix(ASK))} (i32.const {TOLD}))
          (return (call $tell (i32.load (i32.const {TOLD})) (i32.load (i32.const {TOLD + 4}))))"""
    return f"(return (i32.const {data.pair(turn)}))"


def _escaped(content: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in content)
