import re
from collections import Counter, defaultdict
from datetime import datetime
from statistics import mean, median

from genapps import app

LINE = re.compile(
    r'(?P<ip>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<method>[A-Z]+) (?P<path>\S+) [^"]*" (?P<status>\d{3}) (?P<size>\d+|-)'
)


@app.post("/summary")
async def summary(request):
    text = await request.text()
    statuses, paths, sizes, hours, bad = Counter(), Counter(), [], defaultdict(int), 0
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            bad += 1
            continue
        statuses[match["status"]] += 1
        paths[match["path"].partition("?")[0]] += 1
        sizes.append(0 if match["size"] == "-" else int(match["size"]))
        when = datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z")
        hours[when.hour] += 1
    print(f"{sum(statuses.values())} lines parsed, {bad} bad")
    return {
        "statuses": statuses,
        "top": paths.most_common(2),
        "bytes": {"total": sum(sizes), "mean": mean(sizes) if sizes else 0, "median": median(sizes) if sizes else 0},
        "hours": hours,
        "bad": bad,
    }
