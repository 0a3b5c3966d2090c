// SPDX-License-Identifier: Apache-2.0
/**
 * What a browser decides by when it sends a request: libraries read and copy it, and here it decides nothing, as apps
 * reach the outside by connectors only.
 */

import { freeze, includes, jsonStringify, slice } from "./primordials.js";

const CHOICES = {
  __proto__: null,
  cache: ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"],
  credentials: ["same-origin", "omit", "include"],
  mode: ["cors", "same-origin", "no-cors"],
  redirect: ["follow", "error", "manual"],
};
const GIVEN = ["cache", "credentials", "integrity", "keepalive", "mode", "redirect"];

/** What all requests have that say nothing else. */
export const USUAL_OPTIONS = freeze({
  __proto__: null, cache: "default", credentials: "same-origin", destination: "", duplex: "half", integrity: "",
  keepalive: false, mode: "cors", redirect: "follow", referrer: "about:client", referrerPolicy: "",
});
/** Their names. */
export const FETCH_OPTIONS = freeze([
  "cache", "credentials", "destination", "duplex", "integrity", "keepalive", "mode", "redirect", "referrer", "referrerPolicy",
]);

/**
 * Those of a new request.
 * @param {object} init what the app gave
 * @param {object | undefined} before those of the request that it is made of
 * @returns {object | undefined} undefined where they are the usual ones. Throws TypeError for a value that there is not.
 */
export function fetchOptions(init, before) {
  let made = before;
  for (let at = 0; at < GIVEN.length; at += 1) {
    const name = GIVEN[at];
    const given = init[name];
    if (given === undefined) continue;
    if (made === before) made = { __proto__: null, ...(before ?? USUAL_OPTIONS) };
    made[name] = name === "keepalive" ? !!given : choice(name, `${given}`);
  }
  return made;
}

function choice(name, given) {
  const known = CHOICES[name];
  if (known === undefined || includes(known, given)) return given;
  throw new TypeError(`a request's ${name} is one of ${jsonStringify(known)}, not ${jsonStringify(slice(given, 0, 40))}`);
}
