// SPDX-License-Identifier: Apache-2.0
// Bodies of more than one piece: long ones, and streams.

import { base64Encode, isAscii } from "genapps:native";
import { byteLength, charCode, min, slice, subarray, wellFormed } from "./web/primordials.js";
import { handled } from "./web/promises.js";
import { pairs } from "./turns.js";

/** Bytes of a piece. */
export const PIECE_BYTES = 64 * 1024;
/** What a handler gives in place of an answer whose last piece has left. */
export const SENT = {};

/** The pieces of a text or of bytes, each as the host takes it. */
export function piecesOf(body) {
  const pieces = [];
  if (typeof body !== "string") {
    for (let at = 0; at < byteLength(body); at += PIECE_BYTES) {
      pieces[pieces.length] = { text: undefined, base64: base64Encode(subarray(body, at, at + PIECE_BYTES)) };
    }
    return pieces;
  }
  body = wellFormed(body);
  const most = isAscii(body) ? PIECE_BYTES : PIECE_BYTES / 4; // a unit of UTF-16 has at most 3 bytes in UTF-8
  for (let at = 0; at < body.length; ) {
    let to = min(at + most, body.length);
    const lastCode = charCode(body, to - 1);
    if (to < body.length && lastCode >= 0xd800 && lastCode < 0xdc00) to--; // not between the halves
    pieces[pieces.length] = { text: slice(body, at, to) };
    at = to;
  }
  return pieces;
}

/** Send the pieces of a stream, each when the caller has taken those before; what was written is stored first. */
export async function sendAll(action, { status, headers, stream }) {
  let wanted = null;
  action.whenLeft(() => handled(stream.cancel()));
  const begin = async () => {
    const payload = { status, headers, writes: pairs(action.writes) };
    action.writes = null;
    action.written = 0;
    wanted = await action.call("stream", payload);
  };
  for (let bytes = await stream.next(); bytes !== null; bytes = await stream.next()) {
    const pieces = piecesOf(bytes);
    if (pieces.length === 0) continue;
    if (wanted === null) await begin();
    if (!wanted) {
      await stream.cancel();
      break;
    }
    for (let i = 0; i < pieces.length; i++) await action.call("send", pieces[i]);
  }
  if (wanted === null) await begin();
  return SENT;
}
