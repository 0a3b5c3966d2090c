// SPDX-License-Identifier: Apache-2.0
/** The app that runs all tests of this folder, once for a request: its answer is what came out. */

import "./bodies.js";
import "./byte_streams.js";
import "./crypto.js";
import "./encoding.js";
import "./headers.js";
import "./streams.js";
import "./url.js";
import "./values.js";
import { run } from "./harness.js";

export default {
  async fetch() {
    return Response.json(await run());
  },
};
