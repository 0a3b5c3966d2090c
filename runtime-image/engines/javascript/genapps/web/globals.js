// SPDX-License-Identifier: Apache-2.0
/** What apps find beside the language itself. */

import { AbortController, AbortSignal } from "./abort.js";
import { Blob, File } from "./blob.js";
import { ReadableByteStreamController, ReadableStreamBYOBReader, ReadableStreamBYOBRequest } from "./byte_stream.js";
import { structuredClone } from "./clone.js";
import { console } from "./console.js";
import { Crypto, CryptoKey, SubtleCrypto, crypto } from "./crypto.js";
import { TextDecoder, TextEncoder } from "./encoding.js";
import { TextDecoderStream, TextEncoderStream } from "./encoding_streams.js";
import { CustomEvent, Event, EventTarget } from "./events.js";
import { FormData } from "./form_data.js";
import { Headers } from "./headers.js";
import { defineProperty } from "./primordials.js";
import { ByteLengthQueuingStrategy, CountQueuingStrategy } from "./queues.js";
import { ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader } from "./readable_stream.js";
import { Request } from "./request.js";
import { Response } from "./response.js";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "./timers.js";
import { TransformStream, TransformStreamDefaultController } from "./transform_stream.js";
import { URL } from "./url.js";
import { URLSearchParams } from "./url_search_params.js";
import { WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter } from "./writable_stream.js";

const members = {
  AbortController, AbortSignal, Blob, ByteLengthQueuingStrategy, CountQueuingStrategy, Crypto, CryptoKey, CustomEvent, Event,
  EventTarget, File, FormData, Headers, ReadableByteStreamController, ReadableStream, ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest, ReadableStreamDefaultController, ReadableStreamDefaultReader,
  Request, Response, SubtleCrypto, TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream, TransformStream,
  TransformStreamDefaultController, URL, URLSearchParams, WritableStream, WritableStreamDefaultController,
  WritableStreamDefaultWriter, clearInterval, clearTimeout, console, crypto, setInterval, setTimeout, structuredClone,
};

/**
 * Define them, as browsers do: they can be replaced, and a loop does not see them.
 * @param {object} target the global object
 */
export function installGlobals(target) {
  for (const name in members) {
    defineProperty(target, name, { value: members[name], writable: true, configurable: true });
  }
  defineProperty(target, "self", { value: target, writable: true, configurable: true });
}
