// Jobs that can be cancelled: AbortController, AbortSignal.timeout, structuredClone.
const template = { steps: 0, tags: new Set(["new"]), history: [], created: new Date(0), options: { retries: 2 } };

function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

async function run(job, signal) {
  while (job.steps < 3) {
    await wait(5, signal);
    job.steps++;
    job.history.push(job.steps);
  }
  return job;
}

const shown = ({ steps, tags, history, options }) => ({ steps, tags: [...tags], history, options });

export default {
  async fetch(request) {
    const job = structuredClone(template);
    job.self = job;
    switch (new URL(request.url).pathname) {
      case "/run":
        job.tags.add("run");
        return Response.json(shown(await run(job, request.signal)));
      case "/template":
        return Response.json({ ...shown(template), cloned: structuredClone(job).self.self !== job });
      case "/cancel": {
        const controller = new AbortController();
        const [outcome] = await Promise.allSettled([run(job, controller.signal), Promise.resolve().then(() => controller.abort("changed my mind"))]);
        return Response.json({ outcome: outcome.reason, steps: job.steps });
      }
      case "/timeout":
        try {
          await wait(10_000, AbortSignal.timeout(10));
          return new Response("in time");
        } catch (error) {
          return Response.json({ error: error.name }, { status: 504 });
        }
      case "/clone-function":
        try {
          structuredClone({ run });
          return new Response("cloned");
        } catch (error) {
          return Response.json({ error: error.name, dom: error instanceof DOMException }, { status: 422 });
        }
      case "/throw":
        new AbortController().signal.throwIfAborted();
        AbortSignal.abort(new TypeError("stopped")).throwIfAborted();
    }
    return new Response("Not found", { status: 404 });
  },
};
