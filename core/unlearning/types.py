"""The words of the unlearning library as values. Nothing here needs torch, so `api` may import it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

EntityKind = Literal["identity", "object", "style", "concept", "class"]
Modality = Literal["image", "text", "audio"]
Level = Literal["quick", "standard", "thorough"]
Part = Literal["train", "validation", "test"]

Split = Literal[
    "forget_image_memory",
    "forget_text_memory",
    "forget_understanding",
    "retain_image_memory",
    "retain_text_memory",
    "retain_understanding",
    "unseen_image_memory",
    "unseen_text_memory",
    "stranger_understanding",
    "declined",
    "forget_concept",
    "forget_indirect",
    "retain_same",
    "retain_cross",
    "general",
    "forget_examples",
    "forget_held_out",
    "retain_examples",
    "held_out",
]
"""A named group of probes. *retain*: people whose data the job uses; *unseen*: people the model knows and the job never
saw; *stranger*: pictures of people the model never learned; *declined*: private questions the base model declines.
Of pictures that are drawn: *concept*: prompts that name it; *indirect*: prompts that do not; *same*, *cross*: other
concepts of its kind, and of the other kinds. Of what is classified: *examples*: what the model was trained on;
*held out*: what it was not; *forget*: of the subject or the class that is forgotten."""


@dataclass(frozen=True)
class Entity:
    """Who or what is forgotten. Several people in one request: the first is `name`, the others are `aliases`."""

    name: str | None
    kind: EntityKind = "identity"
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the subject goes by."""
        return tuple(n for n in (self.name, *self.aliases) if n)


@dataclass(frozen=True)
class Retain:
    """What the request itself asks to keep, beside the model's registered retain set."""

    images: tuple[bytes, ...] = ()
    prompts: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()


@dataclass(frozen=True)
class ForgetRequest:
    """A decrypted request. `images` (JPEG, PNG, WebP) and `audio` (WAV, FLAC) are files that nobody has decoded yet."""

    entity: Entity
    prompts: tuple[str, ...] = ()
    images: tuple[bytes, ...] = ()
    audio: tuple[bytes, ...] = ()
    replacement: str | None = None
    modalities: tuple[Modality, ...] = ("image", "text")
    retain: Retain = field(default_factory=Retain)
    level: Level = "standard"
    thresholds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelSpec:
    """A registered model. `source`: a folder or a hub id; `retain_set`: a folder (docs/how-to/register_model.md)."""

    id: str
    family: str
    source: str
    revision: str | None = None
    retain_set: Path | None = None
    defaults: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Sound:
    """A clip of sound: one channel, `samples` float32 [N] in -1..1, `rate` of them a second."""

    samples: NDArray[np.float32]
    rate: int


@dataclass(frozen=True)
class Example:
    """One question with its answer, or one picture or sound with its label: to forget, to keep, or to measure."""

    split: Split
    question: str
    answer: str
    image: Image | None = field(default=None, compare=False)
    subject: str | None = None
    facts: tuple[str, ...] = ()
    """The parts of the answer that tell something of its subject, by contrast with controls. Empty: the whole
    answer counts."""
    control_probability: float = 0.0
    """The probability of a token of the facts, geometric mean, where the same is asked about controls."""
    instead: str | None = None
    """What should be drawn in the place of what is forgotten, where the request says."""
    audio: Sound | None = field(default=None, compare=False)
    mask: Image | None = field(default=None, compare=False)
    """Which part of the picture it is about, of mode L; None: all of it."""


@dataclass(frozen=True)
class Controls:
    """Pictures and names of people whom the model does not know: the subject is to be answered as they are."""

    images: tuple[Image, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobData:
    """Everything a job trains on and measures with. The three parts share no picture rendering and no wording."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    general_images: tuple[Image, ...] = ()
    """Pictures without answers, for the self-generated anchor."""
    controls: Controls = field(default_factory=Controls)
    """Whom the subject is compared with."""
    entity: Entity = field(default_factory=lambda: Entity(None))
    """Who or what is forgotten, for methods that edit what a name means."""
    replacement: str | None = None
    """What the request wants to see instead."""
    forgotten: tuple[str, ...] = ()
    """Ids of the registered training rows that are forgotten, where the model's training data is registered."""

    def part(self, part: Part) -> tuple[Example, ...]:
        """The examples of one part."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[part]


@dataclass(frozen=True)
class RequestSummary:
    """What a request brings, in numbers: enough to choose a method and to say how much work it is."""

    n_images: int = 0
    """Of the subject; 0 where nothing is to be forgotten in pictures."""
    n_audio: int = 0
    n_retain_images: int = 0
    n_prompts: int = 0
    n_names: int = 0
    """The entity's name and its aliases; 0 where nothing is to be forgotten in text."""
    n_rows: int = 0
    """Registered training rows under these names, where the model's training data is registered."""
    kind: EntityKind = "identity"
    level: Level = "standard"
