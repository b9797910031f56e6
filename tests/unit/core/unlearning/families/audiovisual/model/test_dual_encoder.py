"""CLIP-type dual encoders as classifiers whose classes are words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.audiovisual.load import load
from core.unlearning.families.audiovisual.model.dual_encoder import DualEncoder
from core.unlearning.types import ModelSpec
from tests.support.audiovisual_lines import line, write
from tests.support.tiny_classifiers import examples
from tests.support.tiny_dual_encoders import CLASSES, clip, siglip


@pytest.mark.parametrize("made", [clip, siglip])
def test_the_logits_are_those_that_the_library_gives(made: Any) -> None:
    model = made()
    pictures = [example.image for example in examples(3)]
    texts = [f"a picture of {name}" for name in CLASSES]
    inputs = model.processor(images=pictures, text=texts, padding="max_length", return_tensors="pt")
    with torch.no_grad():
        expected = model.model(**inputs).logits_per_image
    found = model.predict(examples(3))
    torch.testing.assert_close(found.logits, expected, atol=1e-4, rtol=1e-4)
    assert found.audio_logits is None
    assert found.audio_embeds is None
    torch.testing.assert_close(found.visual_embeds.norm(dim=1), torch.ones(3))


def test_an_example_without_a_picture_says_nothing() -> None:
    deaf, blind = examples(2)
    model = clip()
    model.batch_size = 1
    found = model.predict([deaf, replace(blind, image=None)])
    assert found.logits[0].abs().sum() > 0
    assert found.logits[1].abs().sum() == 0


@pytest.mark.parametrize("made", [clip, siglip])
def test_an_adapter_reaches_the_image_tower_and_leaves_the_texts_alone(made: Any) -> None:
    from peft import LoraConfig, get_peft_model

    model = made()
    targets = model.visual_targets()
    wrapped = get_peft_model(model.model, LoraConfig(r=2, target_modules=targets, init_lora_weights=False))
    inside = DualEncoder(wrapped, model.processor, classes=CLASSES)
    trained = [name for name, p in wrapped.named_parameters() if p.requires_grad]
    assert trained
    assert not [name for name in trained if "text" in name]
    assert sorted(inside.visual_targets()) == sorted(targets)
    patched = inside.predict(examples(2))
    with wrapped.disable_adapter():
        plain = inside.predict(examples(2))
        texts = inside.embed_texts(CLASSES)
    torch.testing.assert_close(inside.embed_texts(CLASSES), texts)
    assert not torch.allclose(patched.logits, plain.logits, atol=1e-3)
    inside.forward(inside.encode(examples(2))).logits.sum().backward()
    gradients = [p.grad is not None for name, p in wrapped.named_parameters() if p.requires_grad and "head" not in name]
    assert all(gradients)


def test_the_classes_are_the_labels_of_the_registered_data_set(tmp_path: Path) -> None:
    model, folder = clip(), tmp_path / "model"
    model.model.save_pretrained(folder)
    model.processor.save_pretrained(folder)
    rows = [line(0, label="pat"), line(1, label="bob"), line(2, label="pat")]
    spec = ModelSpec("m", "audiovisual", str(folder), retain_set=write(tmp_path / "set", rows))
    loaded = load(spec, device="cpu")
    assert isinstance(loaded, DualEncoder)
    assert loaded.labels == CLASSES
    torch.testing.assert_close(loaded.predict(examples(2)).logits, model.predict(examples(2)).logits)
    with pytest.raises(ModelLoadError, match="needs a retain set"):
        load(replace(spec, retain_set=None), device="cpu")
