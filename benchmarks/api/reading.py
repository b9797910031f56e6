"""Reading one job, reading it again unchanged, and reading lists, with few rows and with many."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from benchmarks.api import rows
from benchmarks.api.load import Load, get
from benchmarks.api.servers import Api
from benchmarks.bars import Bar

FEW = 1000


def jobs(served: Api, plain: int, database: str, rounds: int, seconds: float) -> list[Bar]:
    """Throughput of `GET /v1/jobs/{id}` and of its 304s against the baseline's."""
    ids = rows.fill(database, FEW)
    auth = {"Authorization": f"Bearer {served.key}"}
    loads = {
        "baseline": Load(plain, [get(f"/v1/jobs/{id}") for id in ids], 200),
        "200": Load(served.port, [get(f"/v1/jobs/{id}", **auth) for id in ids], 200),
        "304": Load(served.port, [get(f"/v1/jobs/{id}", **auth, **{"If-None-Match": '"1"'}) for id in ids], 304),
    }
    rates = _alternate(loads, rounds, seconds)
    return [
        Bar("baseline: requests a second", median(rates["baseline"])),
        _ratio("GET /v1/jobs/{id} / baseline", rates["200"], rates["baseline"], 0.5),
        _ratio("304 / baseline", rates["304"], rates["baseline"], 0.7),
    ]


def lists(served: Api, database: str, many: int, rounds: int) -> list[Bar]:
    """The median time of a page with `many` rows in the table, divided by that with a thousand."""
    auth = {"Authorization": f"Bearer {served.key}"}
    paths = {"first page": "/v1/jobs?limit=20", "one status": "/v1/jobs?limit=20&status=cancelled"}
    before = {name: _page_time(served, path, auth, rounds) for name, path in paths.items()}
    rows.fill(database, many, FEW + 1)
    after = {name: _page_time(served, path, auth, rounds) for name, path in paths.items()}
    return [
        Bar(
            f"list, {name}: time over {many} rows / over a thousand",
            after[name] / before[name],
            2,
            note=_ms(after[name]),
        )
        for name in paths
    ]


def _page_time(served: Api, path: str, auth: Mapping[str, str], rounds: int) -> float:
    load = Load(served.port, [get(path, **auth)], 200, connections=1)
    load.latencies(0.5, 0)
    return median(median(load.latencies(0.5, 0)) for _ in range(rounds))


def _alternate(loads: Mapping[str, Load], rounds: int, seconds: float) -> dict[str, list[float]]:
    for load in loads.values():
        load.rate(1.0)
    rates: dict[str, list[float]] = {name: [] for name in loads}
    for _ in range(rounds):
        for name, load in loads.items():
            rates[name].append(load.rate(seconds))
    return rates


def _ratio(name: str, ours: list[float], theirs: list[float], bound: float) -> Bar:
    ratio = median(one / other for one, other in zip(ours, theirs, strict=True))
    return Bar(name, ratio, bound, ">=", n=len(ours), note=f"{median(ours):.0f} a second")


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms"
