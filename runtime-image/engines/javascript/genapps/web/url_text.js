// SPDX-License-Identifier: Apache-2.0
/** URLs as texts, from their parts (url_parser.js). */

import { join } from "./primordials.js";

/** @param {import("./url_parser.js").Parts} url @returns {string} */
export function pathText(url) {
  if (url.plain !== null) return url.plain;
  const { path } = url;
  return typeof path === "string" ? path : path.length === 0 ? "" : `/${join(path, "/")}`;
}

/** @param {import("./url_parser.js").Parts} url @returns {string} */
export function serializeUrl(url) {
  let text = `${url.scheme}:`;
  if (url.host !== null) {
    text += "//";
    if (url.username !== "" || url.password !== "") {
      text += url.username;
      if (url.password !== "") text += `:${url.password}`;
      text += "@";
    }
    text += url.host;
    if (url.port !== null) text += `:${url.port}`;
  } else if (url.plain === null && typeof url.path !== "string" && url.path.length > 1 && url.path[0] === "") text += "/.";
  text += pathText(url);
  if (url.query !== null) text += `?${url.query}`;
  if (url.fragment !== null) text += `#${url.fragment}`;
  return text;
}
