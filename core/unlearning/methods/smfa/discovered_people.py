"""Finds more people whom the frozen model knows, to be retained in mode `erasure`, which damages them more."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from PIL.Image import Image

from core.unlearning.evaluation.answers.judge import is_refusal
from core.unlearning.families.language.data.acquaintances import NAME_QUESTION, pictures_of
from core.unlearning.families.language.data.asker import Asker, Question
from core.unlearning.families.language.data.gradient_images import images_for_first_tokens, likely_first_tokens
from core.unlearning.families.language.data.questions import replace_name
from core.unlearning.families.language.model.generate import generate_encoded
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.training.rows import FORGET
from core.unlearning.families.shared.sampling import take
from core.unlearning.methods.smfa.gradient_image_rows import NAMED
from core.unlearning.types import Example

_ROUNDS = 3
_MAX_PICTURES = 96
"""Pictures changed in a round, at most."""
_PICTURES_PER_TOKEN = 4
"""Pictures changed towards each first token of a name: the optimisation does not reach it from every picture."""
_MAX_QUESTIONS = 8
"""Questions about each person, at most."""
_ALIAS_SHARE = 0.5
"""A name for which the model gives at least this share of the subject's answers counts as the subject's alias."""
SubjectAnswers = dict[str, dict[str, str]]
"""By question, with "{}" in the place of the name: the answer by subject.

{"Where was {} born?": {"Ada Okoro": "Lagos"}}
"""


def discovered_people_examples(
    lm: LanguageModel, train: Sequence[Example], count: int, rng: random.Random
) -> list[Example]:
    """Questions by name, with the model's answers, about people it knows who are not the subject.

    Asks about the people in the training part of whom nothing is registered, and about people found by gradient: up to
    `count` pictures of the subject and of strangers are changed until the model would begin a name with one of the
    likeliest tokens that began none before, and so on with the next tokens.
    """
    subject_answers = _subject_answers(train)
    heard_names = _subjects(train, *NAMED, "forget_text_memory")
    subject = pictures_of(e for e in train if e.split in FORGET)
    strangers = pictures_of(e for e in train if e.split == "declined")
    if not subject or not strangers or not subject_answers:
        return []
    asker = Asker(lm)
    examples = [
        row for name in _subjects(train, "unseen_text_memory") for row in _ask_about(asker, name, subject_answers, rng)
    ]
    used_tokens = {*asker.refusal_openers([(NAME_QUESTION, image) for image in strangers], instead_of=heard_names)}
    for _ in range(_ROUNDS):
        pictures = [rng.choice(strangers if n % 2 else subject) for n in range(min(count, _MAX_PICTURES))]
        tokens = likely_first_tokens(lm, NAME_QUESTION, pictures, -(-len(pictures) // _PICTURES_PER_TOKEN), used_tokens)
        new_names = _names_from(lm, pictures, tokens, heard_names)
        examples += [row for name in new_names for row in _ask_about(asker, name, subject_answers, rng)]
        used_tokens, heard_names = used_tokens | {*tokens}, [*heard_names, *new_names]
    return examples


def _names_from(lm: LanguageModel, pictures: Sequence[Image], tokens: Sequence[int], heard: Sequence[str]) -> list[str]:
    """Names, not heard before, that the model gives to pictures changed towards these first tokens."""
    targets = [token for token in tokens for _ in range(_PICTURES_PER_TOKEN)][: len(pictures)]
    changed = images_for_first_tokens(lm, NAME_QUESTION, pictures[: len(targets)], targets)
    answers = {*generate_encoded(lm, [image.prompt(lm, NAME_QUESTION) for image in changed])}
    return sorted(answer for answer in answers - {"", *heard} if not is_refusal(answer))


def _subjects(train: Iterable[Example], *splits: str) -> list[str]:
    return sorted({e.subject for e in train if e.subject and e.split in splits})


def _subject_answers(train: Iterable[Example]) -> SubjectAnswers:
    answers: SubjectAnswers = defaultdict(dict)
    for example in train:
        if example.split == "forget_text_memory" and example.subject:
            question = replace_name(example.question, example.subject, "{}")
            answers[question][example.subject] = example.answer
    return answers


def _ask_about(asker: Asker, name: str, subject_answers: SubjectAnswers, rng: random.Random) -> list[Example]:
    """Examples about a person; none where the name is an alias of a subject, judged by the model's answers."""
    chosen = take(list(subject_answers), _MAX_QUESTIONS, rng)
    questions: list[Question] = [(question.replace("{}", name), None) for question in chosen]
    answers = asker.ask(questions)
    for subject in {subject for question in chosen for subject in subject_answers[question]}:
        same = sum(subject_answers[q].get(subject) == answer for q, answer in zip(chosen, answers, strict=True))
        if same >= _ALIAS_SHARE * len(chosen):
            return []
    return asker.examples("unseen_text_memory", questions, name)
