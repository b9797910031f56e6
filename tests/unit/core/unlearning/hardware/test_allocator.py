"""Large blocks are kept between the steps of a job, and given back after it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource, sys
from pathlib import Path
import numpy as np
from core.unlearning.hardware import allocator

def steps(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        blocks = [np.ones(2_000_000, np.float32) for _ in range(4)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

if sys.argv[1] == "keep":
    allocator.keep_freed_blocks()
first, others, held = steps(1), steps(10), resident()
allocator.release_free_blocks()
print(json.dumps({"first": first, "others": others, "given": held - resident()}))
"""
PAGES = 4 * 8_000_000 // 4096
"""Of one step's blocks."""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have other allocators")
def test_blocks_are_kept_and_given_back() -> None:
    def found(how: str) -> dict[str, int]:
        done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        numbers: dict[str, int] = json.loads(done.stdout)
        return numbers

    kept = found("keep")
    assert kept["others"] < min(PAGES, found("as it is")["others"]) / 4
    assert kept["given"] > PAGES * 3 / 4
