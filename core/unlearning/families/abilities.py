"""What a request to models of a family may bring, and what it can ask of them. Free of torch: `api` plans with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.unlearning.types import Modality


@dataclass(frozen=True)
class Abilities:
    """`forgets`: the modalities in which something can be forgotten; a request that names none means all of them."""

    forgets: tuple[Modality, ...]
    hears: bool = False
    """Whether sound clips of the subject are of any use."""
    knows_names: bool = False
    """Whether a name alone says what is to be forgotten, because the training data is registered with the model."""
    reads: bool = True
    """Whether prompts are of any use."""


_OF: Mapping[str, Abilities] = {
    "mllm": Abilities(("image", "text")),
    "diffusion": Abilities(("image", "text")),
    "audiovisual": Abilities(("image",), hears=True, knows_names=True, reads=False),
}


def abilities(family: str) -> Abilities:
    """Those of a family; an unknown one has none."""
    return _OF.get(family, Abilities(()))
