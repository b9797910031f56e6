"""Prepares a retain set by asking a registered model, and packs it: a job that trains nothing."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from core.unlearning.families.registry import load_family
from core.unlearning.jobs.work import JobSetup, Outcome, OutputFile

RETAIN_SET = "retain_set.zip"
Person = tuple[str, Sequence[str]]
"""A name, and questions about whom it names."""


def prepare_job(setup: JobSetup, pictures: Sequence[Sequence[bytes]], names: Sequence[Person], seed: int) -> Outcome:
    """`pictures`: encoded, by person. Writes `RETAIN_SET` and returns how many rows it has.

    Raises `InvalidInputError` where nothing can be asked, and what loading raises.
    """
    phases, family, workdir = setup.begin(), load_family(setup.spec.family), setup.workdir
    phases.phase("loading")
    model = setup.load(setup.spec, "auto")
    phases.phase("evaluating")
    asked = _write(pictures, workdir / "pictures") if pictures else None
    rows = family.prepare(model, workdir / "retain_set", pictures=asked, names=names, seed=seed, alive=phases.alive)
    phases.phase("packaging")
    packed = Path(shutil.make_archive(str(workdir / "retain_set"), "zip", workdir / "retain_set"))
    return Outcome("passed", {"rows": dict(rows)}, (OutputFile(RETAIN_SET, packed, "application/zip"),))


def _write(pictures: Sequence[Sequence[bytes]], folder: Path) -> Path:
    """A folder for each person."""
    for number, several in enumerate(pictures):
        person = folder / f"{number:04d}"
        person.mkdir(parents=True)
        for at, data in enumerate(several):
            (person / f"{at:04d}").write_bytes(data)
    return folder
