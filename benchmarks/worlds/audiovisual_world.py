"""What the bundled classifiers of digits get right: rows of `benchmarks.reference`."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bars import Bar
from core.unlearning import reference
from core.unlearning.reference.audiovisual.evaluate import accuracy, membership, saved
from core.unlearning.reference.audiovisual.people import STANDARD_CLASS
from core.unlearning.reference.audiovisual.rows import Row, of_part, training_rows
from core.unlearning.reference.audiovisual.sample import standard_requests

NAME = "digits, seen and heard"
MEGABYTES = 5.0
FUSED, VISUAL, AUDIO, TRAINED = 0.94, 0.88, 0.70, 0.99
REMEMBERED = 0.55
"""AUC of the visual loss, training against the rest: with less, nothing is remembered that could be forgotten."""


def rows() -> Iterator[Bar]:
    """The base model, and what it and its references make of what they never saw."""
    folder = reference.bundled_path("audiovisual")
    base, unseen, trained = saved(folder), (*of_part("validation"), *of_part("test")), of_part("train")
    found = accuracy(base, unseen)
    for name, value, bound in (
        ("both", found.fused, FUSED),
        ("pictures alone", found.visual, VISUAL),
        ("sound alone", found.audio, AUDIO),
    ):
        yield Bar(f"{NAME}: base, held out, {name}", value, bound, ">=", n=len(unseen))
    yield Bar(f"{NAME}: base, trained on, both", accuracy(base, trained).fused, TRAINED, ">=", n=len(trained))
    yield Bar(f"{NAME}: base, membership AUC", membership(base, trained, unseen), REMEMBERED, ">=")
    yield from _references(unseen)
    size = sum(path.stat().st_size for path in folder.parent.rglob("*") if path.is_file())
    yield Bar(f"{NAME}: package data, MB", size / 1e6, MEGABYTES)


def _references(unseen: tuple[Row, ...]) -> Iterator[Bar]:
    four, three = training_rows(standard_requests()[2]), training_rows((STANDARD_CLASS,))
    by_id = {row.id: row for row in of_part("train")}
    without = (("pictures of four people", four), ("pictures of a class", three), ("four people", four))
    for folder, (what, gone) in zip(reference.oracle_paths("audiovisual"), without, strict=True):
        model = saved(folder)
        forgotten = accuracy(model, [by_id[at] for at in sorted(gone)])
        label = f"{NAME}: {folder.name}, without {what}"
        yield Bar(f"{label}, pictures of these", forgotten.visual, n=len(gone))
        yield Bar(f"{label}, sound of these", forgotten.audio, n=len(gone))
        yield Bar(f"{label}, held out, both", accuracy(model, unseen).fused, n=len(unseen))
