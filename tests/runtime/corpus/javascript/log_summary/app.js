const LINE =
  /^(?<ip>\S+) \S+ \S+ \[(?<time>[^\]]+)\] "(?<method>[A-Z]+) (?<path>\S+) [^"]*" (?<status>\d{3}) (?<size>\d+|-)/;

class Counter extends Map {
  add(key) {
    this.set(key, (this.get(key) ?? 0) + 1);
  }
  mostCommon(n) {
    return [...this].sort(([, a], [, b]) => b - a).slice(0, n);
  }
}

const median = (sorted) => {
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

function* lines(text) {
  for (const line of text.split(/\r?\n/)) if (line !== "") yield line;
}

export default {
  async fetch(request) {
    if (request.method !== "POST") return new Response("POST a log", { status: 405 });
    const text = await request.text();
    const [statuses, paths, hours] = [new Counter(), new Counter(), new Counter()];
    const sizes = [];
    let bad = 0;
    for (const line of lines(text)) {
      const groups = LINE.exec(line)?.groups;
      if (!groups) {
        bad++;
        continue;
      }
      statuses.add(groups.status);
      paths.add(groups.path.split("?")[0]);
      hours.add(parseInt(groups.time.split(":")[1], 10));
      sizes.push(groups.size === "-" ? 0 : +groups.size);
    }
    console.log(`${sizes.length} lines parsed, ${bad} bad`);
    const total = sizes.reduce((a, b) => a + b, 0);
    sizes.sort((a, b) => a - b);
    return Response.json({
      statuses: Object.fromEntries(statuses),
      top: paths.mostCommon(2),
      bytes: { total, mean: sizes.length ? total / sizes.length : 0, median: sizes.length ? median(sizes) : 0 },
      hours: Object.fromEntries(hours),
      bad,
    });
  },
};
