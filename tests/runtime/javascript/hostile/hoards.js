// Memory without end.
function forever(step) {
  const hoard = [];
  for (let i = 0; ; i++) hoard.push(step(i));
}

export const hoards = {
  "hoard-of-arrays": () => forever(() => new Array(1000).fill(0)),
  "hoard-of-texts": () => forever((i) => "€".repeat(1_000_000) + i),
  "hoard-of-bytes": () => forever(() => new Uint8Array(1_000_000)),
  "hoard-of-promises": () => forever(() => new Promise(() => {})),
  "hoard-of-records": () => forever(() => Symbol("x".repeat(1000))),
  "hoard-at-once": () => new Response(new Uint8Array(1_000_000_000)),
  "hoard-in-a-text"() {
    let text = "x";
    for (;;) text = `${text}${text}`;
  },
  "hoard-in-a-map"() {
    const map = new Map();
    for (let i = 0; ; i++) map.set(i, "x".repeat(1000) + i);
  },
  "hoard-in-closures"() {
    let chain = () => 0;
    for (;;) chain = ((inner) => () => inner())(chain);
  },
  "hoard-in-json": () => new Response(JSON.stringify(new Array(30_000_000).fill(0))),
  "hoard-in-a-replacement": () => new Response("x".repeat(10_000_000).replace(/x/g, "0123456789".repeat(100))),
  "hoard-in-async-recursion"() {
    const deeper = async () => {
      await null;
      return deeper();
    };
    return deeper();
  },
  "hoard-in-a-stream": () => new Response(new ReadableStream({
    start(controller) {
      for (;;) controller.enqueue(new Uint8Array(1_000_000));
    },
  })),
  "hoard-that-is-given-up"() {
    try {
      forever(() => new Uint8Array(1_000_000));
    } catch (error) {
      return new Response(error.message);
    }
  },
};
