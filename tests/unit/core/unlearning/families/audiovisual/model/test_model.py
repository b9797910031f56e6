"""Two-branch classifiers: saved and loaded as transformers' own, with either modality missing."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import periodogram
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModel, AutoProcessor

from core.unlearning.errors import ModelLoadError, OutOfMemoryError
from core.unlearning.families.audiovisual.load import load
from core.unlearning.families.audiovisual.model.configuration import AudioVisualConfig
from core.unlearning.families.audiovisual.model.model import UNKNOWN, AudioVisualModel
from core.unlearning.families.audiovisual.model.processor import resample
from core.unlearning.types import Example, ModelSpec
from tests.support.tiny_classifiers import (
    AUDIO,
    LABELS,
    VISION,
    clip,
    examples,
    picture,
    save_tiny,
    tiny_model,
    tiny_processor,
)


def spec(folder: Path) -> ModelSpec:
    return ModelSpec(id="m", family="audiovisual", source=str(folder))


@pytest.fixture
def model() -> AudioVisualModel:
    return AudioVisualModel(tiny_model(), tiny_processor())


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("audio", AUDIO)
def test_any_encoders_are_saved_and_loaded_by_the_auto_classes(tmp_path: Path, vision: str, audio: str) -> None:
    folder = save_tiny(tmp_path, vision, audio)
    saved, loaded = AudioVisualModel(tiny_model(vision, audio), tiny_processor(audio)), load(spec(folder), device="cpu")
    assert isinstance(AutoConfig.from_pretrained(folder), AudioVisualConfig)
    assert type(AutoModel.from_pretrained(folder)).__module__.startswith("core.")
    assert loaded.labels == LABELS
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    torch.testing.assert_close(loaded.predict(examples()).logits, saved.predict(examples()).logits)
    assert [path.name for path in folder.glob("*.bin")] == []


STOCK = """
import sys, json, numpy as np, torch
from PIL import Image
from transformers import AutoModel, AutoProcessor
folder = sys.argv[1]
model = AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
given = np.load(sys.argv[2])
inputs = processor(images=[Image.fromarray(given["image"])], audio=[given["audio"]], sampling_rate=4000)
with torch.no_grad():
    out = model(**inputs)
print(json.dumps([out.logits.tolist(), sorted(name for name in sys.modules if name.split(".")[0] == "core")]))
"""


@pytest.mark.slow
def test_a_process_without_lethe_loads_the_folder_by_the_code_in_it(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model")
    example = Example("held_out", "", "0", picture(1), audio=clip(1))
    assert example.image is not None
    assert example.audio is not None
    np.savez(tmp_path / "given.npz", image=np.asarray(example.image), audio=example.audio.samples)
    run = subprocess.run(
        [sys.executable, "-c", STOCK, str(folder), str(tmp_path / "given.npz")],
        cwd=tmp_path,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, "HF_HOME": str(tmp_path / "hub")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    logits, lethe = json.loads(run.stdout.splitlines()[-1])
    assert lethe == []
    here = AudioVisualModel(tiny_model(), tiny_processor()).predict([example]).logits
    torch.testing.assert_close(torch.tensor(logits), here, atol=1e-5, rtol=1e-4)


def test_the_halves_add_up_and_are_the_heads_of_the_embeddings(model: AudioVisualModel) -> None:
    out = model.predict(examples())
    assert out.visual_logits is not None
    assert out.audio_logits is not None
    assert out.visual_embeds is not None
    torch.testing.assert_close(out.logits, out.visual_logits + out.audio_logits)
    head = model.model.vision_head
    expected = out.visual_embeds.double() @ head.weight.double().T + head.bias.double()
    torch.testing.assert_close(out.visual_logits.double(), expected, atol=1e-5, rtol=1e-5)


def test_the_loss_is_that_of_both_and_half_that_of_each(model: AudioVisualModel) -> None:
    batch = model.encode(examples())
    out = model.model(batch.pixel_values, batch.input_values, labels=batch.labels)
    parts = (out.logits, out.vision_logits, out.audio_logits)
    whole, seen, heard = (cross_entropy(logits.double(), batch.labels) for logits in parts)
    assert out.loss.item() == pytest.approx((whole + 0.5 * seen + 0.5 * heard).item(), abs=1e-5)
    alone = model.model(batch.pixel_values, labels=batch.labels)
    assert alone.loss.item() == pytest.approx(seen.item(), abs=1e-5)


def test_a_missing_modality_says_nothing(model: AudioVisualModel) -> None:
    both, deaf, blind = examples(3)
    deaf, blind = replace(deaf, audio=None), replace(blind, image=None)
    model.batch_size = 1
    apart = model.predict([both, deaf, blind])
    model.batch_size = 8
    together = model.predict([both, deaf, blind])
    for out in (apart, together):
        assert out.visual_logits is not None
        assert out.audio_logits is not None
        assert out.audio_logits[1].abs().max() == 0
        assert out.visual_logits[2].abs().max() == 0
        torch.testing.assert_close(out.logits[1], out.visual_logits[1])
        torch.testing.assert_close(out.logits[2], out.audio_logits[2])
    torch.testing.assert_close(apart.logits, together.logits, atol=1e-5, rtol=1e-4)
    assert model.predict([deaf]).audio_logits is None
    with pytest.raises(ValueError, match="needed"):
        model.model()


def test_a_batch_knows_its_labels_and_its_rows(model: AudioVisualModel) -> None:
    batch = model.encode([*examples(2), replace(examples(1)[0], answer="of no class", audio=None)])
    assert batch.labels.tolist() == [0, 1, UNKNOWN]
    assert batch.has_audio.tolist() == [True, True, False]
    assert batch.input_values is not None
    assert batch.input_values[2].abs().max() == 0
    some = batch.at(torch.tensor([True, False, True]))
    assert some.labels.tolist() == [0, UNKNOWN]
    assert len(some) == 2


def test_memory_that_runs_out_halves_the_batch(model: AudioVisualModel, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = model.predict(examples(6)).logits
    forward = model.model.forward

    def narrow(pixel_values: torch.Tensor, **others: torch.Tensor) -> object:
        if len(pixel_values) > most:
            raise MemoryError
        return forward(pixel_values, **others)

    most = 2
    monkeypatch.setattr(model.model, "forward", narrow)
    torch.testing.assert_close(model.predict(examples(6)).logits, expected, atol=1e-5, rtol=1e-4)
    assert model.batch_size == 2
    most = 0
    with pytest.raises(OutOfMemoryError):
        model.predict(examples(1))


def test_adapters_may_change_the_linear_layers_of_the_visual_side_and_nothing_else() -> None:
    model = AudioVisualModel(tiny_model("vit"), tiny_processor())
    targets = model.visual_targets()
    modules = dict(model.model.named_modules())
    assert all(isinstance(modules[name], torch.nn.Linear) for name in targets)
    assert {name.split(".")[0] for name in targets} == {"vision_model", "vision_head"}
    linear = [n for n, m in modules.items() if n.startswith("vision_") and isinstance(m, torch.nn.Linear)]
    assert sorted(targets) == sorted(linear)
    convolutional = AudioVisualModel(tiny_model("resnet"), tiny_processor()).visual_targets()
    assert len(convolutional) > 3
    assert "vision_head" in convolutional


def test_the_targets_are_named_alike_inside_an_adapter(model: AudioVisualModel) -> None:
    from peft import LoraConfig, get_peft_model

    targets = model.visual_targets()
    wrapped = get_peft_model(model.model, LoraConfig(r=2, target_modules=targets))
    inside = AudioVisualModel(wrapped, model.processor)
    assert sorted(inside.visual_targets()) == sorted(targets)
    assert inside.labels == LABELS
    trained = {name for name, p in wrapped.named_parameters() if p.requires_grad}
    assert trained
    assert not [name for name in trained if "audio" in name]
    batch = inside.encode(examples())
    inside.forward(batch).logits.sum().backward()
    assert all(p.grad is not None for p in wrapped.parameters() if p.requires_grad)


def test_examples_go_to_another_process() -> None:
    example = examples(1)[0]
    again = pickle.loads(pickle.dumps(example))
    assert again.audio is not None
    assert example.audio is not None
    np.testing.assert_array_equal(again.audio.samples, example.audio.samples)


def test_a_clip_of_another_rate_keeps_its_tone() -> None:
    time = np.arange(2000) / 4000
    made = resample(np.sin(2 * np.pi * 700 * time).astype(np.float32), 4000, 16000)
    assert made.shape == (8000,)
    frequencies, power = periodogram(made, 16000)
    assert frequencies[power.argmax()] == pytest.approx(700, abs=2)
    assert power[frequencies > 2000].sum() < 1e-3 * power.sum()


@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", '{"model_type": "vit"}'), ("config.json", "{"), ("model.safetensors", "no tensors")],
)
def test_what_is_no_such_classifier_is_refused_in_one_line(tmp_path: Path, name: str, content: str) -> None:
    folder = save_tiny(tmp_path)
    (folder / name).write_text(content)
    with pytest.raises(ModelLoadError) as caught:
        load(spec(folder), device="cpu")
    assert len(caught.value.detail.splitlines()) == 1


def test_weights_that_lack_a_tensor_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_tiny(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    del tensors["audio_head.bias"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match="lack 1 tensor"):
        load(spec(folder), device="cpu")


def test_a_pickle_beside_the_weights_is_refused(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelLoadError, match="pickle"):
        load(spec(folder), device="cpu")


def test_code_in_the_folder_is_never_run(tmp_path: Path) -> None:
    folder, ran = save_tiny(tmp_path / "model"), tmp_path / "ran"
    for name in ("configuration.py", "modeling.py", "processor.py"):
        (folder / name).write_text(f"open({str(ran)!r}, 'w')\n")
    assert load(spec(folder), device="cpu").labels == LABELS
    assert AutoProcessor.from_pretrained(folder) is not None
    assert not ran.exists()


def test_a_precision_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError) as caught:
        load(spec(save_tiny(tmp_path)), precision="4bit", device="cpu")
    assert caught.value.code == "invalid_option"
