// SPDX-License-Identifier: Apache-2.0
/** `TextEncoderStream` and `TextDecoderStream`. */

import { utf8Encode } from "genapps:native";

import { TextDecoder } from "./encoding.js";
import { shown } from "./iterators.js";
import { charCode, slice, uncurry, wellFormed } from "./primordials.js";
import { makeTransform } from "./transform_stream.js";

const decode = uncurry(TextDecoder.prototype.decode);

/** Texts to bytes; a character may be cut between two texts. */
export class TextEncoderStream {
  #ends;

  constructor() {
    let lead = "";
    this.#ends = makeTransform(
      (chunk, put) => {
        let text = lead + `${chunk}`;
        const last = text.length > 0 ? charCode(text, text.length - 1) : 0;
        lead = last >= 0xd800 && last < 0xdc00 ? text[text.length - 1] : "";
        if (lead !== "") text = slice(text, 0, -1);
        if (text !== "") put(utf8Encode(wellFormed(text)));
      },
      (put) => {
        if (lead !== "") put(utf8Encode("\ufffd"));
      },
    );
  }

  get encoding() {
    this.#ends;
    return "utf-8";
  }

  get readable() {
    return this.#ends.readable;
  }

  get writable() {
    return this.#ends.writable;
  }
}

/** Bytes to texts. Throws RangeError for an encoding that is not known. */
export class TextDecoderStream {
  #ends;
  #decoder;

  constructor(label = "utf-8", options = undefined) {
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    this.#ends = makeTransform(
      (chunk, put) => {
        if (chunk === undefined) throw new TypeError("a piece is an ArrayBuffer or a view of one");
        const text = decode(decoder, chunk, { stream: true });
        if (text !== "") put(text);
      },
      (put) => {
        const text = decode(decoder);
        if (text !== "") put(text);
      },
    );
  }

  get encoding() {
    return this.#decoder.encoding;
  }

  get fatal() {
    return this.#decoder.fatal;
  }

  get ignoreBOM() {
    return this.#decoder.ignoreBOM;
  }

  get readable() {
    return this.#ends.readable;
  }

  get writable() {
    return this.#ends.writable;
  }
}

shown(TextEncoderStream.prototype, ["encoding", "readable", "writable"], "TextEncoderStream");
shown(TextDecoderStream.prototype, ["encoding", "fatal", "ignoreBOM", "readable", "writable"], "TextDecoderStream");
