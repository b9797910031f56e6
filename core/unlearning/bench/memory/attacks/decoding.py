"""Attacks on decoding: refusals are barred, or the answer's first word is prefilled.

Neither is possible by prompting alone: the first needs the weights, the second a part of the answer. A model that never
learned the fact has to guess the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.unlearning.bench.memory.attacks.attack import Attack, conversation_attack, recall_records, run_attack
from core.unlearning.bench.memory.attacks.context import AttackContext
from core.unlearning.bench.memory.records import Record
from core.unlearning.families.language.data.asker import Asker
from core.unlearning.families.language.model.generate import Conversation
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.progress import Progress

REFUSAL_BARRED, FIRST_WORD_GIVEN = "refusal_barred", "first_word_given"


def records(lm: LanguageModel, context: AttackContext, progress: Progress) -> list[Record]:
    """Recall by view. The worst of the prompt attacks does not include these."""
    measured = [
        Record(record.split, attack.name, record.value, record.count)
        for attack in _attacks(context)
        for record in recall_records([run_attack(attack, lm)])
    ]
    progress.step()
    return measured


def _attacks(context: AttackContext) -> Iterator[Attack]:
    facts = tuple(context.facts)
    questions = [(e.question, e.image) for e in facts]
    yield Attack(REFUSAL_BARRED, facts, lambda lm: Asker(lm).ask_without_refusing(questions))
    long = [e for e in facts if len(e.answer.split()) > 1]
    prefilled = [Conversation(e.question, e.image, (), e.answer.split()[0]) for e in long]
    yield conversation_attack(FIRST_WORD_GIVEN, long, prefilled)
