"""Controls: people whom the model does not know. From the retain set, and where that has none, made by Lethe."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from statistics import fmean

from PIL import ImageFilter
from PIL.Image import Image, merge
from PIL.ImageOps import mirror

from core.unlearning.families.language.data.asker import Asker
from core.unlearning.families.language.data.bundled.control_names import control_names
from core.unlearning.families.language.data.retain_set import RetainRow
from core.unlearning.families.language.model.score import score_encoded
from core.unlearning.types import Controls, Entity

Change = Callable[[Image], Image]
_NAMES = 24
"""Names of whom the model does not know; where the retain set lists fewer, the others are made up."""
_PICTURES = 6
"""Pictures of nobody that are made, where the retain set has fewer of people whom the model does not know."""
_BLURS = (0.02, 0.04, 0.08, 0.16)
"""Radii of the blurs that are tried, as shares of a picture's shorter side."""
_GONE = 0.9
"""A picture shows nobody when so much of what the heaviest blur takes from the answers' log-probability is gone."""


def find_controls(
    asker: Asker,
    entity: Entity,
    retained: Sequence[RetainRow],
    pictures: Sequence[Image],
    questions: Sequence[str],
    rng: random.Random,
) -> Controls:
    """Controls for a subject who is in these pictures, where `questions` are asked about pictures."""
    train = [row for row in retained if row.part == "train"]
    names = list({k.subject: None for k in train if k.group == "declined" and k.image is None and k.subject})
    strangers = [k.image for k in train if k.group in ("declined", "stranger") and k.image is not None]
    images = list({id(image): image for image in strangers}.values())
    avoid = {k.subject for k in retained if k.subject}
    # Beside few nobody stands out beyond chance, so that they are joined by made-up ones.
    if len(names) < _NAMES:
        names += control_names(entity.names, _NAMES - len(names), rng, avoid=avoid, kind=entity.kind)
    if len(images) < _PICTURES:
        images += _nobody(asker, pictures, questions)
    return Controls(tuple(images), tuple(names))


def _nobody(asker: Asker, pictures: Sequence[Image], questions: Sequence[str]) -> list[Image]:
    """`_PICTURES` pictures, each blurred until what the model says of it is as unlikely as of a smear of colours.

    Of few pictures several are made of each: mirrored, and with their colours exchanged.
    """
    if not pictures or not questions:
        return []
    turns = [(picture, change) for change in _CHANGES for picture in pictures][:_PICTURES]
    return [_blurred_away(asker, picture, change, questions[:3]) for picture, change in turns]


def _blurred_away(asker: Asker, picture: Image, change: Change, questions: Sequence[str]) -> Image:
    lm, answers = asker.lm, asker.ask([(question, picture) for question in questions])
    changed = change(picture.convert("RGB"))
    blurred = [changed.filter(ImageFilter.GaussianBlur(share * min(picture.size))) for share in _BLURS]
    rows = [
        lm.encoder.with_answer(question, image, answer)
        for image in (picture, *blurred)
        for question, answer in zip(questions, answers, strict=True)
    ]
    totals, several = [scored.total for scored in score_encoded(lm, rows)], len(questions)
    means = [fmean(totals[at : at + several]) for at in range(0, len(totals), several)]
    gone = means[0] - _GONE * (means[0] - means[-1])
    return next((image for image, mean in zip(blurred, means[1:], strict=True) if mean <= gone), blurred[-1])


def _exchange(picture: Image, order: tuple[int, int, int]) -> Image:
    """The colour channels in another order."""
    bands = picture.split()
    return merge("RGB", [bands[n] for n in order])


_CHANGES: tuple[Change, ...] = (
    lambda picture: picture,
    mirror,
    lambda picture: _exchange(picture, (1, 2, 0)),
    lambda picture: mirror(_exchange(picture, (2, 0, 1))),
    lambda picture: _exchange(picture, (2, 1, 0)),
    lambda picture: mirror(_exchange(picture, (1, 0, 2))),
)
