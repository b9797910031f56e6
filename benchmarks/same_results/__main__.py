"""Whether a change of the code left every result as it was: small seeded jobs of every family and method.

    python -m benchmarks.same_results --write before.json     # on the code as it was
    python -m benchmarks.same_results --against before.json   # after the change; exit code 1 where anything differs

Of each job it records the SHA-256 of every file of the patch that stock libraries load (`adapter/`) and of what
sculpting again needs (`recipe/`), and every number and key of the report. A record holds on the machine that made it:
other processors round otherwise. `--processes 2` runs two jobs beside each other, each on one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.same_results.jobs import jobs, run_one
from benchmarks.same_results.record import Record, differences


def main() -> int:
    """Run the jobs, write or compare. Exit status 1 where a job's record differs."""
    options = _arguments()
    records: Record = {}
    for name, record in _run_all([name for name in jobs() if options.only in name], options.processes):
        sys.stderr.write(f"{name}\n")
        records[name] = json.loads(json.dumps(record))
    if options.write:
        options.write.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return _compare(records, options.against) if options.against else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.same_results",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--write", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--only", default="", help="jobs whose names hold this")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _run_all(names: Sequence[str], processes: int) -> Iterator[tuple[str, Record]]:
    """Each process runs several jobs, as a worker's process does."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from zip(names, pool.map(run_one, names), strict=True)


def _compare(records: Record, path: Path) -> int:
    before = json.loads(path.read_text(encoding="utf-8"))
    lines = list(differences({name: before.get(name) for name in records}, records))
    sys.stdout.write("\n".join([*lines, f"{len(records)} jobs, {len(lines)} differences"]) + "\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
