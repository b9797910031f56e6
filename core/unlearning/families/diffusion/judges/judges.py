"""Judge a model's pictures with its registered classifiers, or else CLIP, or else not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL.Image import Image
from torch import Tensor

from core.unlearning.errors import ModelLoadError
from core.unlearning.families.diffusion.config import FORGET
from core.unlearning.families.diffusion.judges.classifiers import (
    Classifier,
    ZeroShotClassifier,
    load_clip,
    load_trained,
)
from core.unlearning.types import EntityKind, Example, ModelSpec

OTHER_LABELS = ("a person", "a thing", "an empty picture")
"""Labels that CLIP can choose besides the concepts."""
_MAJORITY = 0.5


@dataclass(frozen=True)
class Judgement:
    """Whether one concept is recognised in a picture, its probability, the classifier's kind, and features `[d]`."""

    recognised: bool
    confidence: float
    kind: str
    features: Tensor


@dataclass(frozen=True)
class Judges:
    """`classifiers` by the kind of concept that they know. `clip`: a model and its processor."""

    classifiers: Mapping[str, Classifier] = field(default_factory=dict)
    clip: tuple[Any, Any] | None = None

    def classifier_for(self, label: str) -> tuple[Classifier, str, str] | None:
        """The classifier that has a label, its spelling of the label, and its kind of concept."""
        for kind, classifier in self.classifiers.items():
            for known in classifier.labels:
                if known.casefold() == label.casefold():
                    return classifier, known, kind
        return None

    def judge(self, pictures: Sequence[Image], labels: Sequence[str]) -> list[Judgement | None]:
        """Judge each picture for one concept; None for a concept that no classifier has."""
        classifiers, found = (
            [self.classifier_for(label) for label in labels],
            list[Judgement | None]([None] * len(labels)),
        )
        for kind, classifier in self.classifiers.items():
            places = [(n, judge[1]) for n, judge in enumerate(classifiers) if judge is not None and judge[2] == kind]
            seen = classifier.classify([pictures[n] for n, _ in places]) if places else []
            for (n, label), each in zip(places, seen, strict=True):
                found[n] = Judgement(each.label == label, each.probabilities[label], kind, each.features)
        return found

    def for_examples(self, examples: Sequence[Example]) -> Judges:
        """Judges for the concepts of these examples: where there is no classifier, CLIP zero-shot among them."""
        if self.classifiers or self.clip is None:
            return self
        one_kind = (*FORGET, "retain_same")
        named = [name for e in examples if e.split in one_kind for name in (e.answer, e.instead)]
        same = dict.fromkeys(name for name in named if name)
        cross = dict.fromkeys(e.answer for e in examples if e.answer and e.split == "retain_cross")
        groups = {"same": same, "cross": cross}
        made = {
            kind: ZeroShotClassifier(*self.clip, (*names, *OTHER_LABELS)) for kind, names in groups.items() if names
        }
        return replace(self, classifiers=made)

    def majority_label(self, images: Sequence[Image], kind: EntityKind) -> str | None:
        """The label of more than half of the pictures, by the classifier of that kind; None where there is none."""
        classifier = self.classifiers.get(kind)
        if classifier is None or not images:
            return None
        labels = [seen.label for seen in classifier.classify(images)]
        likeliest = max(dict.fromkeys(labels), key=labels.count)
        return likeliest if labels.count(likeliest) > _MAJORITY * len(labels) else None


def load(spec: ModelSpec, device: str) -> Judges:
    """Load the model defaults `classifiers` and `clip`. Raises `ModelLoadError`."""
    folder, clip = _text(spec, "classifiers"), _text(spec, "clip")
    trained: Mapping[str, Classifier] = load_trained(Path(folder), device) if folder else {}
    return Judges(trained, load_clip(clip, device) if clip else None)


def _text(spec: ModelSpec, name: str) -> str | None:
    value = spec.defaults.get(name)
    if value is not None and not isinstance(value, str):
        raise ModelLoadError(f"{name} of model {spec.id!r} is not a path", code="invalid_option")
    return value
