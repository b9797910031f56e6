"""`python -m benchmarks.api [--check] [--quick] [--without-training]`.

API, PostgreSQL and client share one machine. Every ratio comes from measurements that alternate within this run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.api import polling, reading, rows, writing
from benchmarks.api.servers import api, baseline, postgres
from benchmarks.bars import Bar, publish

TEXT = """One API process (two where it says so), PostgreSQL 18 (with fsync) and the client on one machine, with default
settings but for the rate limit and the length of the queue. The baseline is the smallest FastAPI application that does
one indexed read (`benchmarks/api/baseline.py`): no key, no tenant, no entity tag. Ratios are medians of {rounds}
alternating rounds."""


def main() -> int:
    """Run, measure, print. Exit status 1 while a bar is missed and `--check` is given."""
    options = _arguments()
    rounds, seconds = (3, 1.0) if options.quick else (9, 3.0)
    table: list[Bar] = []
    with tempfile.TemporaryDirectory() as scratch, postgres() as database:
        with api(Path(scratch) / "data", database) as served, baseline(database) as plain:
            table += reading.jobs(served, plain, database, rounds, seconds)
            with api(Path(scratch) / "data", database) as second:
                table += writing.jobs(served, second, seconds * 2)
            table += reading.lists(served, database, 100_000 if options.quick else 1_000_000, rounds)
        rows.cancel_queued(database)
        if not options.without_training:
            with api(Path(scratch) / "data", database, worker=True) as served:
                table += polling.while_training(served, Path(scratch))
    raw = {"quick": options.quick, "rounds": rounds, "seconds": seconds}
    if options.quick:
        sys.stdout.write(json.dumps([[bar.name, round(bar.value, 4), bar.note] for bar in table], indent=1) + "\n")
        return 0 if all(bar.met is not False for bar in table) or not options.check else 1
    met = publish("api", "The API under load", table, text=TEXT.format(rounds=rounds), raw=raw)
    return 0 if met or not options.check else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.api", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 while a bar is missed")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds; writes no results")
    parser.add_argument("--without-training", action="store_true", help="leave out polling beside a job that trains")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
