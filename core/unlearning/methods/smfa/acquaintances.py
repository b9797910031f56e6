"""More people whom the frozen model knows, and more of what it says of them, for mode `erasure`: it costs them more."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from core.unlearning.families.mllm.data.acquaintances import NAME_QUESTION, pictures_of
from core.unlearning.families.mllm.data.asker import Asker, Question
from core.unlearning.families.mllm.data.gradient_images import images_for_first_tokens, likely_first_tokens
from core.unlearning.families.mllm.data.questions import replace_name
from core.unlearning.families.mllm.model.generate import generate_encoded
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.families.mllm.refusals import is_refusal
from core.unlearning.families.mllm.training.rows import FORGET
from core.unlearning.families.shared.sampling import take
from core.unlearning.methods.smfa.others import NAMED
from core.unlearning.types import Example

_ROUNDS = 3
_PICTURES = 96
"""Changed in a round, at most."""
_STARTS = 4
"""Of them for each token with which a name might begin: not from every one does the way lead there."""
_QUESTIONS = 8
"""Asked about each acquaintance."""
_ALIAS = 0.5
"""Share of its answers from which on they are the subject's, and the name another of the subject's own."""
Told = dict[str, dict[str, str]]
"""Questions by name, with "{}" where the name was; of each, whom it was asked about, and the answer."""


def more_acquaintances(lm: MultimodalLM, train: Sequence[Example], count: int, rng: random.Random) -> list[Example]:
    """What the model says, by name, of people who are not the subject, and of whom nothing is registered.

    To those whom the training part has, others are added: `count` pictures at most of the subject and of strangers are
    changed until the model would begin a name with the tokens that are likeliest of those with which it has begun none
    yet; and so on, with the next tokens.
    """
    told, heard = _told(train), _subjects(train, *NAMED, "forget_text_memory")
    subject = pictures_of(e for e in train if e.split in FORGET)
    strangers = pictures_of(e for e in train if e.split == "declined")
    if not subject or not strangers or not told:
        return []
    asker = Asker(lm)
    found = [row for name in _subjects(train, "unseen_text_memory") for row in _said(asker, name, told, rng)]
    never = {*asker.refusal_openers([(NAME_QUESTION, image) for image in strangers], instead_of=heard)}
    for _ in range(_ROUNDS):
        pictures = [rng.choice(strangers if n % 2 else subject) for n in range(min(count, _PICTURES))]
        tokens = likely_first_tokens(lm, NAME_QUESTION, pictures, -(-len(pictures) // _STARTS), never)
        wanted = [token for token in tokens for _ in range(_STARTS)][: len(pictures)]
        others = images_for_first_tokens(lm, NAME_QUESTION, pictures[: len(wanted)], wanted)
        said = {*generate_encoded(lm, [other.prompt(lm, NAME_QUESTION) for other in others])}
        new = sorted(answer for answer in said - {"", *heard} if not is_refusal(answer))
        found += [row for name in new for row in _said(asker, name, told, rng)]
        never, heard = never | {*tokens}, [*heard, *new]
    return found


def _subjects(train: Iterable[Example], *splits: str) -> list[str]:
    return sorted({e.subject for e in train if e.subject and e.split in splits})


def _told(train: Iterable[Example]) -> Told:
    told: Told = defaultdict(dict)
    for example in train:
        if example.split == "forget_text_memory" and example.subject:
            told[replace_name(example.question, example.subject, "{}")][example.subject] = example.answer
    return told


def _said(asker: Asker, name: str, told: Told, rng: random.Random) -> list[Example]:
    """Nothing of a name of which the model says what it says of somebody who is to be forgotten."""
    chosen = take(list(told), _QUESTIONS, rng)
    asked: list[Question] = [(question.replace("{}", name), None) for question in chosen]
    answers = asker.ask(asked)
    for subject in {subject for question in chosen for subject in told[question]}:
        same = sum(told[q].get(subject) == answer for q, answer in zip(chosen, answers, strict=True))
        if same >= _ALIAS * len(chosen):
            return []
    return asker.examples("unseen_text_memory", asked, name)
