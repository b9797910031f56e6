"""Accuracy of the bundled classifiers of digits: rows of `benchmarks.worlds.reference`."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bars import Bar
from core.unlearning import reference
from core.unlearning.reference.audiovisual.evaluate import accuracy, load_saved, membership
from core.unlearning.reference.audiovisual.people import STANDARD_CLASS
from core.unlearning.reference.audiovisual.rows import DigitRow, of_part, training_rows
from core.unlearning.reference.audiovisual.sample import standard_requests

NAME = "digits, seen and heard"
MEGABYTES = 5.0
FUSED, VISUAL, AUDIO, TRAINED = 0.94, 0.88, 0.70, 0.99
MIN_MEMBERSHIP = 0.55
"""AUC of membership by the visual loss: below this bar the model memorises nothing that could be forgotten."""


def rows() -> Iterator[Bar]:
    """The bars of the base model and of its oracles."""
    folder = reference.bundled_path("audiovisual")
    base, unseen, trained = load_saved(folder), (*of_part("validation"), *of_part("test")), of_part("train")
    held_out = accuracy(base, unseen)
    for name, value, bound in (
        ("both", held_out.fused, FUSED),
        ("pictures alone", held_out.visual, VISUAL),
        ("sound alone", held_out.audio, AUDIO),
    ):
        yield Bar(f"{NAME}: base, held out, {name}", value, bound, ">=", n=len(unseen))
    yield Bar(f"{NAME}: base, trained on, both", accuracy(base, trained).fused, TRAINED, ">=", n=len(trained))
    yield Bar(f"{NAME}: base, membership AUC", membership(base, trained, unseen), MIN_MEMBERSHIP, ">=")
    yield from _oracle_bars(unseen)
    size = sum(path.stat().st_size for path in folder.parent.rglob("*") if path.is_file())
    yield Bar(f"{NAME}: package data, MB", size / 1e6, MEGABYTES)


def _oracle_bars(unseen: tuple[DigitRow, ...]) -> Iterator[Bar]:
    four, three = training_rows(standard_requests()[2]), training_rows((STANDARD_CLASS,))
    by_id = {row.id: row for row in of_part("train")}
    without = (("pictures of four people", four), ("pictures of a class", three), ("four people", four))
    for folder, (what, ids) in zip(reference.oracle_paths("audiovisual"), without, strict=True):
        model = load_saved(folder)
        forgotten = accuracy(model, [by_id[at] for at in sorted(ids)])
        label = f"{NAME}: {folder.name}, without {what}"
        yield Bar(f"{label}, pictures of these", forgotten.visual, n=len(ids))
        yield Bar(f"{label}, sound of these", forgotten.audio, n=len(ids))
        yield Bar(f"{label}, held out, both", accuracy(model, unseen).fused, n=len(unseen))
