"""What the model would say if it did not decline at once: where refusals are barred, or the first word is said for it.

Neither is a prompt: who bars refusals holds the weights, who says the first word knows a part of the answer already. A
model that never knew has to guess the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.unlearning.bench.memory.attacks.attack import Asking, asked, recalls, within
from core.unlearning.bench.memory.attacks.context import Robust
from core.unlearning.bench.memory.records import Record
from core.unlearning.families.mllm.data.asker import Asker
from core.unlearning.families.mllm.model.generate import Conversation
from core.unlearning.families.mllm.model.model import MultimodalLM
from core.unlearning.progress import Progress

BARRED, BEGUN = "refusal_barred", "first_word_given"


def records(lm: MultimodalLM, context: Robust, progress: Progress) -> list[Record]:
    """Recall by view. These do not count in the worst of the attacks."""
    found = [
        Record(record.split, asking.name, record.value, record.count)
        for asking in _askings(context)
        for record in recalls([asked(asking, lm)])
    ]
    progress.step()
    return found


def _askings(context: Robust) -> Iterator[Asking]:
    facts = tuple(context.facts)
    yield Asking(BARRED, facts, lambda model: Asker(model).ask_without_refusing([(e.question, e.image) for e in facts]))
    long = [e for e in facts if len(e.answer.split()) > 1]
    yield within(BEGUN, long, [Conversation(e.question, e.image, (), e.answer.split()[0]) for e in long])
