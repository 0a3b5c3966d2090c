// SPDX-License-Identifier: Apache-2.0
/** `FormData`: the fields and files of a form. */

import { fileOf, isBlob, isFile } from "./blob.js";
import { iteratePairs, shown } from "./iterators.js";
import { allOf, append, firstOf, needs, remove, replace } from "./pairs.js";
import { wellFormed } from "./primordials.js";

function entryOf(value, name, given) {
  if (isBlob(value)) {
    if (given) return fileOf(value, wellFormed(`${name}`));
    return isFile(value) ? value : fileOf(value, "blob");
  }
  if (given) throw new TypeError("only a blob has a file's name");
  return wellFormed(`${value}`);
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
    append(this.#list, own, entryOf(value, filename, arguments.length > 2 && filename !== undefined));
  }

  delete(name) {
    needs(arguments.length, 1, "delete");
    remove(this.#list, wellFormed(`${name}`));
  }

  get(name) {
    needs(arguments.length, 1, "get");
    return firstOf(this.#list, wellFormed(`${name}`));
  }

  getAll(name) {
    needs(arguments.length, 1, "getAll");
    return allOf(this.#list, wellFormed(`${name}`));
  }

  has(name) {
    needs(arguments.length, 1, "has");
    return this.get(name) !== null;
  }

  set(name, value, filename = undefined) {
    needs(arguments.length, 2, "set");
    const own = wellFormed(`${name}`);
    const entry = entryOf(value, filename, arguments.length > 2 && filename !== undefined);
    replace(this.#list, own, entry);
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
