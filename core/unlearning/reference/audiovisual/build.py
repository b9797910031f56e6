"""Trains the reference classifier from scratch, and references without some of the data.

`python -m core.unlearning.reference.audiovisual.build` writes those that come with the package.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path

import torch

from core.unlearning.families.audiovisual.evaluation.references import WITHHELD
from core.unlearning.families.audiovisual.model.model import AudioVisualModel
from core.unlearning.reference.audiovisual.architecture import build_model, build_processor
from core.unlearning.reference.audiovisual.people import STANDARD_CLASS, STANDARD_REQUESTS, people
from core.unlearning.reference.audiovisual.rows import of_part, training_rows
from core.unlearning.reference.audiovisual.train import examples, train
from core.unlearning.types import Modality

EPOCHS = 20

OnProgress = Callable[[int, int, float], None]
"""Called after every step with the step, the number of all steps and the loss."""


def build(
    out_dir: Path,
    seed: int = 0,
    progress_callback: OnProgress | None = None,
    *,
    withheld: Collection[str] = (),
    dropped: Collection[str] = (),
    epochs: int = EPOCHS,
    half: bool = False,
) -> Path:
    """Train a classifier from scratch and save it as an ordinary checkpoint folder, with the code of its class.

    Of training rows with the ids `withheld` it gets the sound without the picture; rows with the ids `dropped` are left
    out. Both are recorded in `withheld.json` next to the weights. `half` saves float16 weights.
    """
    if withheld and dropped:
        raise ValueError("withhold pictures or drop rows, not both")
    # Subnormal numbers slow training down; the caller's process gets them back.
    torch.set_flush_denormal(True)
    try:
        model = trained(seed, progress_callback, withheld, dropped, epochs)
    finally:
        torch.set_flush_denormal(False)
    if half:
        model.model.half()
    model.model.save_pretrained(out_dir)
    model.processor.save_pretrained(out_dir)
    _record_withheld(Path(out_dir), withheld, dropped)
    return Path(out_dir)


def trained(
    seed: int,
    progress_callback: OnProgress | None = None,
    withheld: Collection[str] = (),
    dropped: Collection[str] = (),
    epochs: int = EPOCHS,
) -> AudioVisualModel:
    """The trained model in memory."""
    model = AudioVisualModel(build_model(seed), build_processor())
    rows = [row for row in of_part("train") if row.id not in dropped]
    train(model, examples(rows, withheld), epochs, seed, progress_callback or (lambda *_: None))
    return model


def _record_withheld(folder: Path, withheld: Collection[str], dropped: Collection[str]) -> None:
    modalities: list[Modality] = ["image"] if withheld else ["image", "audio"]
    if withheld or dropped:
        note = {"modalities": modalities, "rows": sorted({*withheld, *dropped})}
        (folder / WITHHELD).write_text(json.dumps(note) + "\n", encoding="utf-8")


def build_all(out: Path, seed: int = 0) -> None:
    """The base model, and three references: without the pictures of four people, without those of a class, and without
    all rows of the four people.
    """
    four = training_rows(tuple(people()[at].name for at in STANDARD_REQUESTS[-1]))
    build(out / "base", seed)
    build(out / "oracle-0", seed, withheld=four, half=True)
    build(out / "oracle-1", seed, withheld=training_rows((STANDARD_CLASS,)), half=True)
    build(out / "oracle-2", seed, dropped=four, half=True)


if __name__ == "__main__":
    build_all(Path(__file__).parent / "data")
