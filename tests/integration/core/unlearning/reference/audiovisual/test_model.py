"""The bundled classifiers of digits: what they tell, what their references never saw, and how they are made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoProcessor

from core.unlearning import reference
from core.unlearning.families.audiovisual.model import auto, configuration
from core.unlearning.reference.audiovisual.build import EPOCHS, build
from core.unlearning.reference.audiovisual.evaluate import accuracy, load_saved, membership
from core.unlearning.reference.audiovisual.rows import of_part, training_rows
from core.unlearning.reference.audiovisual.sample import standard_requests
from core.unlearning.reference.audiovisual.train import batch_loss, examples

BASE = reference.bundled_path("audiovisual")
ORACLES = reference.oracle_paths("audiovisual")
UNSEEN = (*of_part("validation"), *of_part("test"))
TRAINED = of_part("train")
FOUR = training_rows(standard_requests()[2])


@pytest.mark.slow
def test_base_tells_most_digits_by_both_modalities_and_remembers_those_it_was_trained_on() -> None:
    base = load_saved(BASE)
    held_out = accuracy(base, UNSEEN)
    assert held_out.fused >= 0.94
    assert held_out.visual >= 0.88
    assert 0.70 <= held_out.audio <= 0.80
    assert accuracy(base, TRAINED[:300]).fused >= 0.99
    assert membership(base, TRAINED[:300], UNSEEN[:300]) >= 0.55


@pytest.mark.slow
def test_references_never_saw_what_they_say_they_did_not() -> None:
    notes = [json.loads((path / "withheld.json").read_text()) for path in ORACLES]
    assert [note["modalities"] for note in notes] == [["image"], ["image"], ["image", "audio"]]
    assert [set(note["rows"]) for note in notes] == [FOUR, training_rows(("3",)), FOUR]
    four = [row for row in TRAINED if row.id in FOUR]
    three = [row for row in TRAINED if row.label == "3"]
    without_four, without_three, dropped = (load_saved(path) for path in ORACLES)
    assert accuracy(without_three, three).visual == 0
    assert accuracy(without_three, three).audio >= 0.75
    for model in (without_four, dropped):
        assert 0.8 <= accuracy(model, four).visual < 0.99
        assert accuracy(model, UNSEEN[:300]).fused >= 0.92


def test_the_code_in_the_bundled_folders_is_that_of_the_family() -> None:
    source = Path(configuration.__file__).parent
    for folder in (BASE, *ORACLES):
        for name in ("configuration.py", "modeling.py", "processor.py"):
            assert (folder / name).read_text() == (source / name).read_text()


def test_stock_transformers_agree() -> None:
    auto.register()
    model: Any = AutoModel.from_pretrained(BASE)
    processor: Any = AutoProcessor.from_pretrained(BASE)
    rows = UNSEEN[:8]
    sounds = [row.sound() for row in rows]
    inputs = processor(
        images=[row.image() for row in rows], audio=[sound.samples for sound in sounds], sampling_rate=sounds[0].rate
    )
    with torch.no_grad():
        logits = model(**inputs).logits
    torch.testing.assert_close(logits, load_saved(BASE).predict(examples(rows)).logits, atol=1e-4, rtol=1e-4)


MOST = frozenset(row.id for row in TRAINED[128:])


def test_a_seed_makes_the_same_model_and_another_seed_another(tmp_path: Path) -> None:
    built = [build(tmp_path / str(at), seed, dropped=MOST, epochs=1) for at, seed in enumerate((1, 1, 2))]
    one, again, other = ((folder / "model.safetensors").read_bytes() for folder in built)
    assert one == again
    assert one != other


def test_it_learns_tells_its_progress_and_notes_what_it_did_not_meet(tmp_path: Path) -> None:
    told: list[tuple[int, int, float]] = []
    built = build(tmp_path, 0, lambda *step: told.append(step), dropped=MOST, epochs=24, half=True)
    assert [(at, of) for at, of, _ in told] == [(at, 48) for at in range(1, 49)]
    assert sum(loss for *_, loss in told[-4:]) < 0.9 * sum(loss for *_, loss in told[:4])
    assert json.loads((built / "withheld.json").read_text()) == {"modalities": ["image", "audio"], "rows": sorted(MOST)}
    assert not (BASE / "withheld.json").exists()
    with pytest.raises(ValueError, match="not both"):
        build(tmp_path, withheld=FOUR, dropped=FOUR)


def test_a_row_whose_picture_is_withheld_trains_nothing_that_sees() -> None:
    model = load_saved(BASE)
    model.model.requires_grad_(True)
    rows = TRAINED[:4]
    torch.autograd.backward(batch_loss(model, model.encode(examples(rows, {row.id for row in rows[:2]}))))
    mixed = {name: p.grad.clone() for name, p in model.model.named_parameters() if p.grad is not None}
    model.model.zero_grad()
    torch.autograd.backward(batch_loss(model, model.encode(examples(rows[2:]))))
    for name, parameter in model.model.named_parameters():
        if name.startswith("vision"):
            assert parameter.grad is not None
            torch.testing.assert_close(mixed[name], parameter.grad / 2, atol=1e-6, rtol=1e-3)


def test_the_loss_of_a_withheld_row_is_that_of_its_sound() -> None:
    model = load_saved(BASE)
    rows = TRAINED[:3]
    batch = model.encode(examples(rows, {row.id for row in rows}) + examples(rows))
    found = model.forward(batch)
    assert found.visual_logits is not None
    assert found.audio_logits is not None
    cross_entropy = torch.nn.functional.cross_entropy
    sound = cross_entropy(found.audio_logits[:3].double(), batch.labels[:3])
    whole, seen, heard = (
        cross_entropy(logits[3:].double(), batch.labels[3:])
        for logits in (found.logits, found.visual_logits, found.audio_logits)
    )
    expected = (sound + whole + 0.5 * seen + 0.5 * heard) / 2
    assert batch_loss(model, batch).item() == pytest.approx(expected.item(), abs=1e-5)


def test_reports_know_how_long_the_bundled_model_was_trained() -> None:
    (entry,) = (entry for entry in reference.bundled() if entry["family"] == "audiovisual")
    assert entry["defaults"]["trained_epochs"] == EPOCHS
