"""What a family of models says of itself. Free of torch, so that `api` can plan with it and check registrations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.unlearning.evaluation.measures import Measures
from core.unlearning.evaluation.presentation import Presentation
from core.unlearning.hardware.requirements import MEMORY_GB, Activations, Tokens, is_size
from core.unlearning.types import EntityKind, Level, Modality, Part, RequestSummary, Split

ORACLE = "oracle"
"""The registered default that names a checkpoint which never learned the subjects, to compare with."""

IsValid = Callable[[object], bool]


def is_path(value: object) -> bool:
    """Whether a registered value can name a file or folder."""
    return isinstance(value, str) and bool(value)


def are_paths(value: object) -> bool:
    """Whether it can name one or several."""
    return is_path(value) or (isinstance(value, list) and bool(value) and all(map(is_path, value)))


def is_count(value: object) -> bool:
    """Whether it is a whole number above 0."""
    return is_size(value) and float(value).is_integer()  # type: ignore[arg-type]


@dataclass(frozen=True)
class RetainedRows:
    """So many rows of a retain set have this split, are for this part, and come with a picture or without.

    `clusters`: of how many pictures or questions, each of which counts once in what a share can show.
    """

    split: Split
    part: Part
    count: int
    clusters: int


@dataclass(frozen=True)
class RetainCount:
    """What a retain set holds."""

    rows: tuple[RetainedRows, ...]
    subjects: int
    """Whose data it is, or the concepts in it."""
    pictures: int = 0


@dataclass(frozen=True)
class RetainSetInfo:
    """What a family's retain set is made of."""

    count: Callable[[Path], RetainCount]
    """Reads a registered folder. Raises `ModelLoadError`."""
    purposes: Mapping[Split, str]
    """By split, in a sentence, what its rows are for."""
    measured: Mapping[Level, int]
    """Rows of a split that a report measures at most, with and without pictures."""
    parts: Mapping[Split, tuple[Part, ...]] = field(default_factory=dict)
    """The parts that a split needs rows in; all three where it is not here."""
    measured_part: Mapping[Split, Part] = field(default_factory=dict)
    """The part whose rows a report measures; `test` where the split is not here."""


@dataclass(frozen=True)
class FamilyInfo:
    """A family's entry in the registry (`families/<name>/config.py: INFO`)."""

    name: str
    measures: Measures
    presentation: Presentation
    forgets: tuple[Modality, ...]
    """The modalities in which something can be forgotten; a request that names none means all of them."""
    count_examples: Callable[[RequestSummary], int]
    """How many examples to forget a request becomes, at most."""
    activations: Activations
    """How much memory training keeps beside the weights."""
    retain_set: RetainSetInfo
    tokens: Tokens | None = None
    """How long a row of training is, for families whose training time is known from that."""
    own_defaults: Mapping[str, IsValid] = field(default_factory=dict)
    """What can be registered with a model of this family alone, beside the options of methods."""
    uses_pictures: bool = True
    """Whether pictures of the subject are of any use."""
    uses_sounds: bool = False
    """Whether sound clips of the subject are of any use."""
    is_asked: bool = False
    """Whether its models can be asked about people, so that a retain set can be prepared."""
    uses_prompts: bool = True
    """Whether prompts are of any use."""
    count_rows: Callable[[Path | None, Collection[str], EntityKind], int | None] | None = None
    """How many rows of the training data in a folder are about one of these names; None where it cannot be read. Only
    for families whose training data is registered with the model, so that a name alone says what is to be forgotten."""

    @property
    def knows_names(self) -> bool:
        """Whether a name alone says what is to be forgotten."""
        return self.count_rows is not None

    @property
    def defaults(self) -> Mapping[str, IsValid]:
        """What can be registered with a model beside the options of methods, and whether a value will do."""
        return {MEMORY_GB: is_size, ORACLE: is_path, **self.own_defaults}
