# SPDX-License-Identifier: Apache-2.0
"""Calls a guest's functions from string to string, with as little as possible around the call.

The argument and the result have a place that is made once and used for each call. What makes that safe:

- The argument is lent: it points into the caller's bytes. wasmtime copies it and frees nothing of it.
- The result belongs to us when the call succeeds. Between calls its kind is BOOL, which owns nothing, because wasmtime
  drops what it finds there before it writes. It is deleted once, at the end of the call that brought it.
- A second call while one runs would use the same places: `ReentrantCallError`.

A call may also run on a fiber, a stack of its own (`begin`): then it pauses every few milliseconds, and `go_on` lets it
run again. It is one call until its end, and the store keeps its places as long.
"""

from ctypes import byref, c_char_p, c_size_t, c_uint8, sizeof

from genapps_runtime.guest.c_api import (
    BOOL,
    RESULT,
    STRING,
    ByteVec,
    ErrorPtr,
    FuturePtr,
    Value,
    WasmtimeError,
    bytes_of,
    call_future_delete,
    call_future_poll,
    func_call,
    func_call_async,
    value_delete,
)
from genapps_runtime.guest.store import ReentrantCallError, Store

TURN_BYTES = 4 * 1024 * 1024
_ONE = c_size_t(1)


class _Call:
    """A guest's function of one string. Strings are bytes here: JSON is parsed from bytes."""

    def __init__(self, store: Store, name: str) -> None:
        """For the export `name` of the store's instance. Raises WasmtimeError when there is none."""
        self._store = store
        self._function = store.function(name)
        self._argument, self._result = Value(), Value()
        self._argument.kind = STRING
        # Views of the two, because each step through a structure makes an object.
        lent = self._argument.of.string
        self._size, self._text = c_size_t.from_buffer(lent), c_char_p.from_buffer(lent, sizeof(c_size_t))
        self._kind = c_uint8.from_buffer(self._result)
        self._answer = self._result.of.string
        self._error = ErrorPtr()
        self._error_place = byref(self._error)
        self._future: FuturePtr | None = None

    def begin(self, text: bytes) -> bool:
        """Call the function on a fiber, until it ends or pauses: see `Store.epoch_reached`.

        Returns whether it has ended: then `answer` must follow, else `go_on`. Raises as a call does.
        """
        store = self._store
        context = store.context
        if store.running:
            raise ReentrantCallError("a call of this guest runs")
        self._text.value, self._size.value = text, len(text)
        store.running = True
        return self._poll(
            func_call_async(self._function, context, self._argument, _ONE, self._result, _ONE, self._error_place)
        )

    def go_on(self) -> bool:
        """Let the call that has paused run until it ends or pauses again; otherwise like `begin`."""
        future, self._future = self._future, None
        if future is None:
            raise ReentrantCallError("no call of this guest has paused")
        self._store.abandon, self._store.slow = None, True
        return self._poll(future)

    def _poll(self, future: FuturePtr) -> bool:
        store = self._store
        store.pausing = True
        ended = call_future_poll(future)
        store.pausing = False
        if not ended:
            self._future, store.abandon = future, self._abandon
            return False
        call_future_delete(future)
        store.running = False
        self._text.value = None
        if self._error:
            error, self._error.value = ErrorPtr(self._error.value), None
            store.check(error)
        return True

    def _abandon(self) -> None:
        """End the call where it has paused. Nothing can be called in the store after that."""
        future, self._future = self._future, None
        call_future_delete(future)

    def _run(self, text: bytes) -> None:
        """Call the function. When this returns, the result belongs to us: `_release` must follow."""
        store = self._store
        context = store.context
        if store.running:
            raise ReentrantCallError("a call of this guest runs")
        self._text.value, self._size.value = text, len(text)
        store.running = True
        error = func_call(self._function, context, self._argument, _ONE, self._result, _ONE)
        store.running = False
        self._text.value = None
        if error:
            store.check(error)

    def _release(self) -> None:
        value_delete(self._result)
        self._kind.value = BOOL


class StringCall(_Call):
    """A guest's `func(string) -> string`."""

    def __call__(self, text: bytes) -> bytes | None:
        """Call the function; returns its answer, or None when that has more than TURN_BYTES.

        `text` must be UTF-8, as all JSON that this process writes: wasmtime ends the process for anything else.
        Raises WasmtimeError, what a host function raised, ValueError when the store is closed, or ReentrantCallError.
        """
        self._run(text)
        return self.answer()

    def answer(self) -> bytes | None:
        """The answer of a call that was begun and has ended; once."""
        try:
            if self._kind.value != STRING:
                raise WasmtimeError("not a string")
            return _bounded(self._answer)
        finally:
            self._release()


class ResultCall(_Call):
    """A guest's `func(string) -> result<string, string>`."""

    def __call__(self, text: bytes) -> tuple[bool, bytes | None]:
        """Call the function as `StringCall` does; returns whether it succeeded, and its answer or its error."""
        self._run(text)
        return self.answer()

    def answer(self) -> tuple[bool, bytes | None]:
        """The answer of a call that was begun and has ended; once."""
        try:
            if self._kind.value != RESULT:
                raise WasmtimeError("not a result")
            result = self._result.of.result
            inner = Value() if result.value is None else Value.from_address(result.value)
            if inner.kind != STRING:
                raise WasmtimeError("not a result of strings")
            return result.is_ok, _bounded(inner.of.string)
        finally:
            self._release()


def _bounded(text: ByteVec) -> bytes | None:
    """The bytes of a string, or None when there are more than TURN_BYTES."""
    size = text.size
    return bytes_of(text, size) if size <= TURN_BYTES else None
