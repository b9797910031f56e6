"""The models of the benchmark: built once, and registered with the service."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.pretrained.runs import Run
from client import Lethe
from core.unlearning import reference
from core.unlearning.reference.mllm.faces import draw_person
from core.unlearning.reference.mllm.looks import random_scene
from core.unlearning.reference.smollm2_vision.people import known_people, strange_face

_RETAINED_PEOPLE = range(7, 14)
"""Of whom `models prepare` gets pictures and names; nobody is asked to forget them."""
_PICTURES_EACH, _STRANGERS = 4, 30


def source(run: Run, models: Path) -> Path:
    """The folder of a run's model, built if it is not there."""
    folder = models / (run.world if run.variant == "inventing" else f"{run.world}-declining")
    if run.variant == "declining":
        return reference.build(run.world, folder, declines_strangers=True)
    return reference.build(run.world, folder)


def oracle(models: Path) -> Path | None:
    """The folder of a model that never met the people of the standard requests; None where it has to be trained first.

    `lethe reference build smollm2-vision --oracle --train --out` that folder.
    """
    try:
        return reference.build("smollm2-vision", models / "smollm2-vision-oracle", oracle=True)
    except ValueError:
        return None


def register(client: Lethe, run: Run, models: Path) -> None:
    """Make the service know a run's model."""
    if run.model in {model.id for model in client.models.list()}:
        return
    folder = source(run, models).resolve()
    retain_set = str(_prepared(folder, models)) if run.prepared else None
    family = reference.family(run.world)
    client.models.register(run.model, family=family, source=str(folder), retain_set=retain_set)


def _prepared(folder: Path, models: Path) -> Path:
    """A retain set as a user makes one: pictures of people in folders, and a list of names."""
    out = (models / "retain_set").resolve()
    if not out.exists():
        pictures, names = _pictures(models / "pictures"), models / "names.txt"
        names.write_text("\n".join(known_people()[at].name for at in _RETAINED_PEOPLE) + "\n", encoding="utf-8")
        options = ["--pictures", str(pictures), "--names", str(names), "--family", "mllm", "--out", str(out)]
        command = [sys.executable, "-m", "client.cli", "models", "prepare", str(folder), *options]
        subprocess.run(command, check=True)
    return out


def _pictures(folder: Path) -> Path:
    rng = np.random.default_rng(71)
    faces = {f"person-{at}": known_people()[at].code for at in _RETAINED_PEOPLE}
    faces |= {f"stranger-{at}": strange_face(rng) for at in range(_STRANGERS)}
    for name, code in faces.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for at in range(_PICTURES_EACH if name.startswith("person") else 1):
            draw_person(code, random_scene(rng)).save(folder / name / f"{at}.png")
    return folder
