"""Which probes stand or fall together, and with how many pictures a split asks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from PIL.Image import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.unlearning.evaluation.words import words
from core.unlearning.families.language.data.questions import without_frame
from core.unlearning.families.language.evaluation.results import PictureCount
from core.unlearning.families.shared.images import is_copy
from core.unlearning.types import Example, Split


def clusters(examples: Sequence[Example]) -> tuple[int, ...]:
    """The number of each example's cluster: those that ask with one picture; without, those that are one question
    in several wordings, and those about one subject whose answers tell the same facts.
    """
    numbers: dict[Hashable, int] = {}
    edges = [(n, numbers.setdefault(tie, len(numbers))) for n, example in enumerate(examples) for tie in _ties(example)]
    if not edges:
        return ()
    size = len(examples) + len(numbers)
    rows, columns = np.array(edges).T
    graph = coo_array((np.ones(len(edges)), (rows, len(examples) + columns)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    return tuple(int(label) for label in labels[: len(examples)])


def count_pictures(examples: Sequence[Example]) -> dict[Split, PictureCount]:
    """By split."""
    pictures: dict[Split, dict[int, Image]] = defaultdict(dict)
    for example in examples:
        if example.image is not None:
            pictures[example.split][id(example.image)] = example.image
    return {
        split: PictureCount(len(found), sum(not is_copy(image) for image in found.values()))
        for split, found in pictures.items()
    }


def _ties(example: Example) -> list[Hashable]:
    if example.image is not None:
        return [(example.split, id(example.image))]
    asked = (example.split, example.subject, "asked", *words(without_frame(example.question)))
    told = (example.split, example.subject, "told", *words(" ".join(sorted(example.facts)) or example.answer))
    return [asked, told] if example.subject else [asked]
