"""Image classifiers that recognise concepts: trained checkpoints by kind of concept, or CLIP zero-shot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL.Image import Image
from torch import Tensor

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.shared.safe_folder import require_safe

BATCH = 32
"""Pictures in a batch."""
LABEL_PROMPT = "a picture of {}"


@dataclass(frozen=True)
class Prediction:
    """The classification of one picture: likeliest label, probability of each label, and features `[d]`."""

    label: str
    probabilities: Mapping[str, float]
    features: Tensor


class Classifier(Protocol):
    """A classifier of the concepts of one kind."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Every concept that it can name."""

    def classify(self, images: Sequence[Image]) -> list[Prediction]:
        """Classify each picture."""


@dataclass(frozen=True)
class TrainedClassifier:
    """A stock image classification checkpoint. Its features are the input of the last linear layer."""

    model: Any
    processor: Any

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """In the order of the logits."""
        names = self.model.config.id2label
        return tuple(str(names[index]) for index in sorted(names))

    @torch.no_grad()
    def classify(self, images: Sequence[Image]) -> list[Prediction]:
        """See `Classifier`."""
        found: list[Prediction] = []
        for start in range(0, len(images), BATCH):
            found += self._batch([image.convert("RGB") for image in images[start : start + BATCH]])
        return found

    def _batch(self, images: list[Image]) -> list[Prediction]:
        inputs = self.processor(images=images, return_tensors="pt").to(self.model.device)
        given: list[Tensor] = []
        hook = _last_linear(self.model).register_forward_pre_hook(lambda _, args: given.append(args[0]))
        try:
            shares = self.model(**inputs).logits.float().softmax(-1).cpu()
        finally:
            hook.remove()
        features = given[-1].float().flatten(1).cpu()
        return [_prediction(self.labels, share, feature) for share, feature in zip(shares, features, strict=True)]


@dataclass(frozen=True)
class ZeroShotClassifier:
    """CLIP zero-shot classification among the labels (Radford et al., 2021, section 3.1)."""

    model: Any
    processor: Any
    labels: tuple[str, ...]

    @torch.no_grad()
    def classify(self, images: Sequence[Image]) -> list[Prediction]:
        """See `Classifier`."""
        names = embed_texts(self.model, self.processor, [LABEL_PROMPT.format(label) for label in self.labels])
        pictures = embed_images(self.model, self.processor, images)
        scale = float(self.model.logit_scale.exp())
        shares = (scale * pictures @ names.T).softmax(-1)
        return [_prediction(self.labels, share, picture) for share, picture in zip(shares, pictures, strict=True)]


@torch.no_grad()
def clip_scores(model: Any, processor: Any, images: Sequence[Image], prompts: Sequence[str]) -> list[float]:
    """Cosine of each picture with its own prompt (Hessel et al., 2021, without their factor of 2.5)."""
    pictures, texts = embed_images(model, processor, images), embed_texts(model, processor, prompts)
    return [float(score) for score in (pictures * texts).sum(-1)]


def embed_images(model: Any, processor: Any, images: Sequence[Image]) -> Tensor:
    """Unit vectors, `[n, d]`, on the CPU."""
    rows = []
    for start in range(0, len(images), BATCH):
        batch = [image.convert("RGB") for image in images[start : start + BATCH]]
        pixels = processor(images=batch, return_tensors="pt")["pixel_values"].to(model.device)
        rows.append(model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output).float().cpu())
    return torch.nn.functional.normalize(torch.cat(rows), dim=-1)


def embed_texts(model: Any, processor: Any, texts: Sequence[str]) -> Tensor:
    """Unit vectors, `[n, d]`, on the CPU."""
    tokens = processor(text=list(texts), return_tensors="pt", padding=True, truncation=True).to(model.device)
    vectors = model.text_projection(model.text_model(**tokens).pooler_output)
    return torch.nn.functional.normalize(vectors.float().cpu(), dim=-1)


def load_trained(folder: Path, device: str) -> dict[str, TrainedClassifier]:
    """The classifier of each kind, from a folder with a checkpoint of each. Raises `ModelLoadError`."""
    if not folder.is_dir():
        raise ModelLoadError("the registered folder of classifiers is not there", code="no_classifiers")
    found = {kind.name: _load_one(kind, device) for kind in sorted(folder.iterdir()) if kind.is_dir()}
    if not found:
        raise ModelLoadError("the registered folder of classifiers is empty", code="no_classifiers")
    return found


def load_clip(source: str, device: str) -> tuple[Any, Any]:
    """A CLIP model and its processor. Raises `ModelLoadError`."""
    from transformers import AutoProcessor, CLIPModel

    if Path(source).is_dir():
        require_safe(Path(source))
    models: Any = CLIPModel
    processors: Any = AutoProcessor
    try:
        model = models.from_pretrained(source, dtype=torch.float32, use_safetensors=True).to(device).eval()
        return model.requires_grad_(False), processors.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise ModelLoadError("the registered CLIP model cannot be loaded", code="no_clip") from error


def _load_one(folder: Path, device: str) -> TrainedClassifier:
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    require_safe(folder)
    models: Any = AutoModelForImageClassification
    processors: Any = AutoImageProcessor
    try:
        model = models.from_pretrained(folder, dtype=torch.float32, use_safetensors=True).to(device).eval()
        return TrainedClassifier(model.requires_grad_(False), processors.from_pretrained(folder))
    except (OSError, ValueError) as error:
        what = f"the classifier of kind {folder.name!r} cannot be loaded"
        raise ModelLoadError(what, code="no_classifiers") from error


def _last_linear(model: Any) -> torch.nn.Linear:
    linears = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    classes = [module for module in linears if module.out_features == model.config.num_labels]
    if not classes:
        raise ModelLoadError("a classifier has no linear layer over its labels", code="no_classifiers")
    return classes[-1]


def _prediction(labels: Sequence[str], shares: Tensor, features: Tensor) -> Prediction:
    by_name = dict(zip(labels, shares.tolist(), strict=True))
    return Prediction(max(by_name, key=by_name.__getitem__), by_name, features)
