// SPDX-License-Identifier: Apache-2.0
// What apps in JavaScript find beside the language itself (ES2023). There is no DOM and no Node here: compile with
// `"lib": ["ES2023"]` and this file, and what is not in it is not there.

// ---- The app ----

/** `export default { fetch(request, env, ctx) { … } } satisfies ExportedHandler` */
interface ExportedHandler {
  /** Answer a request. */
  fetch(request: Request, env: Env, ctx: ExecutionContext): Response | Promise<Response>;
  /** Run a tick of a schedule; without it a tick is a request to `fetch`. */
  scheduled?(controller: ScheduledController, env: Env, ctx: ExecutionContext): unknown;
  /** Answer while the app cannot: its own fallback, where the envelope has one. */
  fallback?(request: Request, env: Env, ctx: ExecutionContext): Response | Promise<Response>;
}

interface ExecutionContext {
  readonly props: Record<string, unknown>;
  /** The request is answered when this has settled too: within its time, and before its writes are stored. */
  waitUntil(promise: Promise<unknown>): void;
  /** Nothing: there is nothing behind the app. */
  passThroughOnException(): void;
}

interface ScheduledController {
  /** Milliseconds since 1970. */
  readonly scheduledTime: number;
  /** The schedule's name. */
  readonly cron: string;
  noRetry(): void;
}

/** The state, the log, and each granted connector in upper case: `fx-rates` is `env.FX_RATES`. */
interface Env {
  readonly STATE: State;
  readonly LOG: Log;
  readonly [connector: string]: Connector & any;
}

/** The tools of a connector are its methods: `await env.FX_RATES.latest({ currency: "EUR" })`. */
interface Connector {
  /** Call a tool by its name. Rejects with an error that has code, class, detail and retryAfter. */
  call(tool: string, args?: object): Promise<any>;
  /** The pieces of an answer that comes piece by piece. */
  stream(tool: string, args?: object): AsyncGenerator<any>;
  [tool: string]: (...args: any[]) => any;
}

/** Keys and JSON values. What a request writes is stored together when it succeeds, and not at all when it fails. */
interface State {
  /** The value, or null. */
  get<Value = any>(key: string): Promise<Value | null>;
  /** At most 256 KiB as JSON. */
  put(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** The first keys with that prefix, sorted: 100 without a limit, at most 1000. */
  list(options?: { prefix?: string; limit?: number; cursor?: string | null }): Promise<Map<string, any> & { cursor: string | null }>;
  /** One statement, with `?` for the parameters in order, or `:name` with one object of them. */
  sql(text: string, ...parameters: unknown[]): Promise<Record<string, any>[] & { columns: string[]; changes: number; lastRowId: number | null }>;
}

interface Log {
  debug(message: unknown, fields?: object): void;
  info(message: unknown, fields?: object): void;
  warning(message: unknown, fields?: object): void;
  warn(message: unknown, fields?: object): void;
  error(message: unknown, fields?: object): void;
}

// ---- Requests and answers ----

type BodyInit = string | ArrayBuffer | ArrayBufferView | Blob | FormData | URLSearchParams | ReadableStream<Uint8Array>;
type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>;

declare class Headers {
  constructor(init?: HeadersInit);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

/** What Request and Response have in common. A body is taken once. */
interface Body {
  readonly body: ReadableStream<Uint8Array> | null;
  readonly bodyUsed: boolean;
  text(): Promise<string>;
  /** A malformed body of a caller ends the request with 400, unless the app catches the error. */
  json(): Promise<any>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  /** At most 1000 fields. */
  formData(): Promise<FormData>;
}

interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  signal?: AbortSignal | null;
  // Libraries copy these. They decide nothing here: an app sends no request of its own.
  cache?: "default" | "no-store" | "reload" | "no-cache" | "force-cache" | "only-if-cached";
  credentials?: "same-origin" | "omit" | "include";
  integrity?: string;
  keepalive?: boolean;
  mode?: "cors" | "same-origin" | "no-cors";
  redirect?: "follow" | "error" | "manual";
}

interface Request extends Body {}
declare class Request {
  /** The URL is whole: there is no page that it could be relative to. */
  constructor(input: Request | URL | string, init?: RequestInit);
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  readonly cache: string;
  readonly credentials: string;
  readonly destination: string;
  readonly duplex: string;
  readonly integrity: string;
  readonly keepalive: boolean;
  readonly mode: string;
  readonly redirect: string;
  readonly referrer: string;
  readonly referrerPolicy: string;
  clone(): Request;
}

interface ResponseInit {
  /** 200 to 599. */
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

interface Response extends Body {}
declare class Response {
  constructor(body?: BodyInit | null, init?: ResponseInit);
  static error(): Response;
  static json(data: unknown, init?: ResponseInit): Response;
  static redirect(url: URL | string, status?: 301 | 302 | 303 | 307 | 308): Response;
  readonly type: "default" | "error";
  readonly url: string;
  readonly redirected: boolean;
  readonly status: number;
  readonly ok: boolean;
  readonly statusText: string;
  readonly headers: Headers;
  clone(): Response;
}

declare class FormData {
  constructor();
  append(name: string, value: string | Blob, filename?: string): void;
  delete(name: string): void;
  get(name: string): string | File | null;
  getAll(name: string): (string | File)[];
  has(name: string): boolean;
  set(name: string, value: string | Blob, filename?: string): void;
  forEach(callback: (value: string | File, name: string, form: FormData) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string | File]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string | File>;
  [Symbol.iterator](): IterableIterator<[string, string | File]>;
}

declare class Blob {
  constructor(parts?: Iterable<string | ArrayBuffer | ArrayBufferView | Blob>, options?: { type?: string; endings?: "transparent" | "native" });
  readonly size: number;
  readonly type: string;
  slice(start?: number, end?: number, type?: string): Blob;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array>;
  stream(): ReadableStream<Uint8Array>;
}

declare class File extends Blob {
  constructor(parts: Iterable<string | ArrayBuffer | ArrayBufferView | Blob>, name: string, options?: { type?: string; lastModified?: number });
  readonly name: string;
  readonly lastModified: number;
}

// ---- URLs ----

/** Domains beyond ASCII are lower-cased, normalised and written in Punycode, without the other rules of UTS #46. */
declare class URL {
  constructor(url: URL | string, base?: URL | string);
  static canParse(url: URL | string, base?: URL | string): boolean;
  static parse(url: URL | string, base?: URL | string): URL | null;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  readonly searchParams: URLSearchParams;
  hash: string;
  toString(): string;
  toJSON(): string;
}

declare class URLSearchParams {
  constructor(init?: string | Iterable<readonly [string, string]> | Record<string, string>);
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  toString(): string;
  forEach(callback: (value: string, name: string, params: URLSearchParams) => void, self?: unknown): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

// ---- Streams ----

interface QueuingStrategy<Piece = any> {
  highWaterMark?: number;
  size?: (piece: Piece) => number;
}

declare class CountQueuingStrategy {
  constructor(init: { highWaterMark: number });
  readonly highWaterMark: number;
  readonly size: (piece?: any) => number;
}

declare class ByteLengthQueuingStrategy {
  constructor(init: { highWaterMark: number });
  readonly highWaterMark: number;
  readonly size: (piece: ArrayBufferView) => number;
}

interface UnderlyingSource<Piece> {
  start?(controller: ReadableStreamDefaultController<Piece>): unknown;
  pull?(controller: ReadableStreamDefaultController<Piece>): unknown;
  cancel?(reason: any): unknown;
}

/** A source of bytes: readers may give the memory that it fills. */
interface UnderlyingByteSource {
  type: "bytes";
  /** Bytes that are allocated for a reader that gives no memory. */
  autoAllocateChunkSize?: number;
  start?(controller: ReadableByteStreamController): unknown;
  pull?(controller: ReadableByteStreamController): unknown;
  cancel?(reason: any): unknown;
}

interface PipeOptions {
  preventAbort?: boolean;
  preventCancel?: boolean;
  preventClose?: boolean;
  signal?: AbortSignal;
}

declare class ReadableStream<Piece = any> {
  constructor(source: UnderlyingByteSource, strategy?: { highWaterMark?: number });
  constructor(source?: UnderlyingSource<Piece>, strategy?: QueuingStrategy<Piece>);
  static from<Piece>(iterable: Iterable<Piece> | AsyncIterable<Piece>): ReadableStream<Piece>;
  readonly locked: boolean;
  cancel(reason?: any): Promise<void>;
  getReader(options: { mode: "byob" }): ReadableStreamBYOBReader;
  getReader(): ReadableStreamDefaultReader<Piece>;
  pipeThrough<Other>(pair: { readable: ReadableStream<Other>; writable: WritableStream<Piece> }, options?: PipeOptions): ReadableStream<Other>;
  pipeTo(target: WritableStream<Piece>, options?: PipeOptions): Promise<void>;
  tee(): [ReadableStream<Piece>, ReadableStream<Piece>];
  values(options?: { preventCancel?: boolean }): AsyncIterableIterator<Piece>;
  [Symbol.asyncIterator](options?: { preventCancel?: boolean }): AsyncIterableIterator<Piece>;
}

declare class ReadableStreamDefaultController<Piece = any> {
  private constructor();
  readonly desiredSize: number | null;
  close(): void;
  enqueue(piece?: Piece): void;
  error(reason?: any): void;
}

declare class ReadableByteStreamController {
  private constructor();
  /** The memory that a reader has given, or null. */
  readonly byobRequest: ReadableStreamBYOBRequest | null;
  readonly desiredSize: number | null;
  close(): void;
  /** The view's memory moves to the stream. */
  enqueue(piece: ArrayBufferView): void;
  error(reason?: any): void;
}

declare class ReadableStreamBYOBRequest {
  private constructor();
  readonly view: Uint8Array | null;
  /** So many bytes have been written into the view. */
  respond(count: number): void;
  respondWithNewView(view: ArrayBufferView): void;
}

declare class ReadableStreamBYOBReader {
  constructor(stream: ReadableStream<Uint8Array>);
  readonly closed: Promise<void>;
  cancel(reason?: any): Promise<void>;
  /** Reads into the view, whose memory moves to the stream and comes back as the value's. */
  read<View extends ArrayBufferView>(view: View, options?: { min?: number }): Promise<{ value: View; done: false } | { value: View | undefined; done: true }>;
  releaseLock(): void;
}

declare class ReadableStreamDefaultReader<Piece = any> {
  constructor(stream: ReadableStream<Piece>);
  readonly closed: Promise<void>;
  cancel(reason?: any): Promise<void>;
  read(): Promise<{ value: Piece; done: false } | { value: undefined; done: true }>;
  releaseLock(): void;
}

interface UnderlyingSink<Piece> {
  start?(controller: WritableStreamDefaultController): unknown;
  write?(piece: Piece, controller: WritableStreamDefaultController): unknown;
  close?(): unknown;
  abort?(reason: any): unknown;
}

declare class WritableStream<Piece = any> {
  constructor(sink?: UnderlyingSink<Piece>, strategy?: QueuingStrategy<Piece>);
  readonly locked: boolean;
  abort(reason?: any): Promise<void>;
  close(): Promise<void>;
  getWriter(): WritableStreamDefaultWriter<Piece>;
}

declare class WritableStreamDefaultController {
  private constructor();
  readonly signal: AbortSignal;
  error(reason?: any): void;
}

declare class WritableStreamDefaultWriter<Piece = any> {
  constructor(stream: WritableStream<Piece>);
  readonly closed: Promise<void>;
  readonly ready: Promise<void>;
  readonly desiredSize: number | null;
  abort(reason?: any): Promise<void>;
  close(): Promise<void>;
  write(piece?: Piece): Promise<void>;
  releaseLock(): void;
}

interface Transformer<In, Out> {
  start?(controller: TransformStreamDefaultController<Out>): unknown;
  transform?(piece: In, controller: TransformStreamDefaultController<Out>): unknown;
  flush?(controller: TransformStreamDefaultController<Out>): unknown;
  cancel?(reason: any): unknown;
}

declare class TransformStream<In = any, Out = any> {
  constructor(transformer?: Transformer<In, Out>, writable?: QueuingStrategy<In>, readable?: QueuingStrategy<Out>);
  readonly readable: ReadableStream<Out>;
  readonly writable: WritableStream<In>;
}

declare class TransformStreamDefaultController<Piece = any> {
  private constructor();
  readonly desiredSize: number | null;
  enqueue(piece?: Piece): void;
  error(reason?: any): void;
  terminate(): void;
}

// ---- Text ----

declare class TextEncoder {
  constructor();
  readonly encoding: "utf-8";
  encode(text?: string): Uint8Array;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}

/** UTF-8, UTF-16 and windows-1252 (latin1); other encodings are refused with a RangeError. */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(bytes?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
}

declare class TextEncoderStream {
  constructor();
  readonly encoding: "utf-8";
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<string>;
}

declare class TextDecoderStream {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  readonly readable: ReadableStream<string>;
  readonly writable: WritableStream<ArrayBuffer | ArrayBufferView>;
}

declare function atob(text: string): string;
declare function btoa(text: string): string;

// ---- Events ----

declare class Event {
  constructor(type: string, init?: { bubbles?: boolean; cancelable?: boolean; composed?: boolean });
  static readonly NONE: 0;
  static readonly CAPTURING_PHASE: 1;
  static readonly AT_TARGET: 2;
  static readonly BUBBLING_PHASE: 3;
  readonly NONE: 0;
  readonly CAPTURING_PHASE: 1;
  readonly AT_TARGET: 2;
  readonly BUBBLING_PHASE: 3;
  readonly type: string;
  readonly target: EventTarget | null;
  readonly srcElement: EventTarget | null;
  readonly currentTarget: EventTarget | null;
  readonly eventPhase: number;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly defaultPrevented: boolean;
  readonly returnValue: boolean;
  readonly isTrusted: boolean;
  readonly timeStamp: number;
  composedPath(): EventTarget[];
  preventDefault(): void;
  stopPropagation(): void;
  stopImmediatePropagation(): void;
}

declare class CustomEvent<Detail = any> extends Event {
  constructor(type: string, init?: { bubbles?: boolean; cancelable?: boolean; composed?: boolean; detail?: Detail });
  readonly detail: Detail;
}

type Listener = ((event: any) => unknown) | { handleEvent(event: any): unknown } | null;

declare class EventTarget {
  constructor();
  addEventListener(type: string, listener: Listener, options?: boolean | { capture?: boolean; once?: boolean; passive?: boolean; signal?: AbortSignal }): void;
  removeEventListener(type: string, listener: Listener, options?: boolean | { capture?: boolean }): void;
  dispatchEvent(event: Event): boolean;
}

declare class AbortSignal extends EventTarget {
  private constructor();
  static abort(reason?: any): AbortSignal;
  static any(signals: Iterable<AbortSignal>): AbortSignal;
  static timeout(millis: number): AbortSignal;
  readonly aborted: boolean;
  readonly reason: any;
  onabort: ((event: Event) => unknown) | null;
  throwIfAborted(): void;
}

declare class AbortController {
  constructor();
  readonly signal: AbortSignal;
  abort(reason?: any): void;
}

declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  readonly code: number;
  readonly message: string;
  readonly name: string;
}

// ---- Randomness, digests and HMAC ----

type HashAlgorithm = "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";
type Bytes = ArrayBuffer | ArrayBufferView;
interface HmacParameters {
  name: "HMAC";
  hash: HashAlgorithm | { name: HashAlgorithm };
  /** In bits, a multiple of 8. */
  length?: number;
}

declare class CryptoKey {
  private constructor();
  readonly type: "secret";
  readonly extractable: boolean;
  readonly algorithm: { name: "HMAC"; length: number; hash: { name: HashAlgorithm } };
  readonly usages: readonly ("sign" | "verify")[];
}

/** What is not named here rejects with a NotSupportedError. */
interface JsonWebKey {
  kty?: string;
  /** The bytes as base64url. */
  k?: string;
  alg?: string;
  use?: string;
  key_ops?: string[];
  ext?: boolean;
}

declare class SubtleCrypto {
  private constructor();
  digest(algorithm: HashAlgorithm | { name: HashAlgorithm }, data: Bytes): Promise<ArrayBuffer>;
  importKey(format: "jwk", data: JsonWebKey, algorithm: HmacParameters, extractable: boolean, uses: Iterable<"sign" | "verify">): Promise<CryptoKey>;
  importKey(format: "raw", data: Bytes, algorithm: HmacParameters, extractable: boolean, uses: Iterable<"sign" | "verify">): Promise<CryptoKey>;
  generateKey(algorithm: HmacParameters, extractable: boolean, uses: Iterable<"sign" | "verify">): Promise<CryptoKey>;
  exportKey(format: "jwk", key: CryptoKey): Promise<JsonWebKey>;
  exportKey(format: "raw", key: CryptoKey): Promise<ArrayBuffer>;
  sign(algorithm: "HMAC" | { name: "HMAC" }, key: CryptoKey, data: Bytes): Promise<ArrayBuffer>;
  verify(algorithm: "HMAC" | { name: "HMAC" }, key: CryptoKey, signature: Bytes, data: Bytes): Promise<boolean>;
}

declare class Crypto {
  private constructor();
  readonly subtle: SubtleCrypto;
  /** At most 64 KiB at once. */
  getRandomValues<View extends ArrayBufferView>(view: View): View;
  randomUUID(): string;
}

declare const crypto: Crypto;

// ---- What is left ----

/** A deep copy. `transfer` has buffers that move into it. */
declare function structuredClone<Value>(value: Value, options?: { transfer?: Iterable<ArrayBuffer> }): Value;

/** Timers are of the request that sets them, of at most a day, and end with it. While a module loads there are none. */
declare function setTimeout<Values extends any[]>(callback: (...values: Values) => unknown, millis?: number, ...values: Values): number;
declare function setInterval<Values extends any[]>(callback: (...values: Values) => unknown, millis?: number, ...values: Values): number;
declare function clearTimeout(id?: number): void;
declare function clearInterval(id?: number): void;
declare function queueMicrotask(callback: () => void): void;

declare const self: typeof globalThis;
declare const performance: { now(): number; readonly timeOrigin: number };

/** Records of the app's log, each of at most 2000 characters. */
declare const console: {
  log(...values: unknown[]): void;
  info(...values: unknown[]): void;
  debug(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
  trace(...values: unknown[]): void;
  assert(condition?: unknown, ...values: unknown[]): void;
  dir(value?: unknown): void;
  dirxml(...values: unknown[]): void;
  table(...values: unknown[]): void;
  count(label?: string): void;
  countReset(label?: string): void;
  time(label?: string): void;
  timeLog(label?: string, ...values: unknown[]): void;
  timeEnd(label?: string): void;
  group(...values: unknown[]): void;
  groupCollapsed(...values: unknown[]): void;
  groupEnd(): void;
};

/** Always rejects: apps reach the outside by the connectors of `env`. */
declare function fetch(...values: unknown[]): Promise<never>;
