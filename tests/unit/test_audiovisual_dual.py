"""CLIP-type dual encoders as classifiers whose classes are words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from audiovisual_support import examples
from diffusion_support import tokenizer
from test_audiovisual_dataset import line, write
from transformers import CLIPConfig, CLIPModel, CLIPProcessor, SiglipConfig, SiglipModel, SiglipProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.audiovisual.dual import DualEncoder
from core.unlearning.families.audiovisual.load import load
from core.unlearning.types import ModelSpec

CLASSES = ("bob", "pat")
_TINY = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_TEXT = {**_TINY, "vocab_size": 64, "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1}
_VISION = {**_TINY, "image_size": 16, "patch_size": 8}
# Their constructors carry no types.
_Clip: Any = CLIPConfig
_Siglip: Any = SiglipConfig


def images() -> Any:
    made: Any = CLIPImageProcessorPil
    return made(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})


def clip() -> DualEncoder:
    torch.manual_seed(0)
    model = CLIPModel(_Clip(text_config=_TEXT, vision_config=_VISION, projection_dim=8)).eval()
    return DualEncoder(model, CLIPProcessor(images(), tokenizer()), classes=CLASSES)


def siglip() -> DualEncoder:
    torch.manual_seed(0)
    model: Any = SiglipModel(_Siglip(text_config=_TEXT, vision_config=_VISION)).eval()
    torch.nn.init.constant_(model.logit_bias, -3.0)
    words = tokenizer()
    words.model_input_names = ["input_ids"]
    return DualEncoder(model, SiglipProcessor(images(), words), classes=CLASSES)


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
