// SPDX-License-Identifier: Apache-2.0
/** `FormData`: the fields and files of a form. */

import { fileOf, isBlob, isFile } from "./blob.js";
import { iteratePairs, shown } from "./iterators.js";
import { splice, wellFormed } from "./primordials.js";

function entryOf(value, name, given) {
  if (isBlob(value)) {
    if (given) return fileOf(value, wellFormed(`${name}`));
    return isFile(value) ? value : fileOf(value, "blob");
  }
  if (given) throw new TypeError("only a blob has a file's name");
  return wellFormed(`${value}`);
}

function needs(given, count, method) {
  if (given < count) throw new TypeError(`${method} takes ${count === 1 ? "a name" : "a name and a value"}`);
}

/** Name and value in turn. @type {(form: FormData) => (string | File)[]} */
export let fieldsOf;
/** @type {(value: unknown) => boolean} */
export let isForm;
/** @type {(pairs: (string | File)[]) => FormData} */
export let formOf;

/** Names with texts or files, in order; a name may come several times. */
export class FormData {
  /** @type {(string | File)[]} name and value in turn */
  #list = [];

  constructor(form = undefined) {
    if (form !== undefined) throw new TypeError("there are no form elements here: new FormData() takes nothing");
  }

  append(name, value, filename = undefined) {
    needs(arguments.length, 2, "append");
    const own = wellFormed(`${name}`);
    this.#append(own, entryOf(value, filename, arguments.length > 2 && filename !== undefined));
  }

  delete(name) {
    needs(arguments.length, 1, "delete");
    const own = wellFormed(`${name}`);
    const list = this.#list;
    for (let at = 0; at < list.length; ) {
      if (list[at] === own) splice(list, at, 2);
      else at += 2;
    }
  }

  get(name) {
    needs(arguments.length, 1, "get");
    const own = wellFormed(`${name}`);
    const list = this.#list;
    for (let at = 0; at < list.length; at += 2) if (list[at] === own) return list[at + 1];
    return null;
  }

  getAll(name) {
    needs(arguments.length, 1, "getAll");
    const own = wellFormed(`${name}`);
    const list = this.#list;
    const found = [];
    for (let at = 0; at < list.length; at += 2) if (list[at] === own) found[found.length] = list[at + 1];
    return found;
  }

  has(name) {
    needs(arguments.length, 1, "has");
    return this.get(name) !== null;
  }

  set(name, value, filename = undefined) {
    needs(arguments.length, 2, "set");
    const own = wellFormed(`${name}`);
    const entry = entryOf(value, filename, arguments.length > 2 && filename !== undefined);
    const list = this.#list;
    let found = false;
    for (let at = 0; at < list.length; ) {
      if (list[at] === own && found) splice(list, at, 2);
      else {
        if (list[at] === own) {
          list[at + 1] = entry;
          found = true;
        }
        at += 2;
      }
    }
    if (!found) this.#append(own, entry);
  }

  #append(name, value) {
    const list = this.#list;
    list[list.length] = name;
    list[list.length] = value;
  }

  static {
    fieldsOf = (form) => form.#list;
    isForm = (value) => typeof value === "object" && value !== null && #list in value;
    formOf = (pairs) => {
      const form = new FormData();
      form.#list = pairs;
      return form;
    };
  }
}

iteratePairs(FormData, (form) => fieldsOf(form));
shown(FormData.prototype, ["append", "delete", "get", "getAll", "has", "set"], "FormData");
