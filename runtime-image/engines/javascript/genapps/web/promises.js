// SPDX-License-Identifier: Apache-2.0
/** Calling what an app gave: its errors become rejections, as the streams standard asks for. */

import { apply, rejected, resolved, then } from "./primordials.js";

const nothing = () => undefined;

/** What `work` gives, or a rejection with what it throws. */
export function promised(work) {
  try {
    return work();
  } catch (error) {
    return rejected(error);
  }
}

/** A promise of what the function gives. */
export function calling(method, self, values) {
  try {
    return resolved(apply(method, self, values));
  } catch (error) {
    return rejected(error);
  }
}

/** A rejection of it is nobody's surprise. */
export function handled(promise) {
  then(promise, undefined, nothing);
  return promise;
}

/** A member of an object that an app gave, called as its method; undefined when there is none. Throws TypeError. */
export function methodOf(object, name) {
  const method = object?.[name];
  if (method === undefined) return undefined;
  if (typeof method !== "function") throw new TypeError(`${name} is a function`);
  return (...values) => calling(method, object, values);
}
