"""How a report on language models is put for people. Free of torch."""

from __future__ import annotations

from pathlib import Path

from core.unlearning.evaluation.presentation import Presentation

_LIMITS = (
    "A patch suppresses: it changes how the model answers, not what its base weights hold. Whoever has the base model "
    "can leave the patch out and get the answers back.",
    "Brief further training on facts about the subject can undo suppression. Give out the patched or merged model, not "
    "the base beside it, where that matters.",
    "The numbers hold for the questions, pictures and wordings that were tried. Other ways of asking were not.",
    "They were measured on the packed patch as a stock library loads it, in the precision named here. Quantised or "
    "further tuned copies need a check of their own.",
    "This is a measurement, not a proof of erasure, and does not replace legal advice.",
)
_MEMORY = ("exact", "fact_probability", "refusal_rate")


def presentation(model_class: str, *, pictures: bool) -> Presentation:
    """The wording for models that `model_class` of transformers loads."""
    forgotten = ("forget_image_memory", "forget_text_memory") if pictures else ("forget_text_memory",)
    return Presentation(
        unit="question",
        known="of which the model answered {} originally",
        forgotten=forgotten,
        shown={**dict.fromkeys(forgotten, _MEMORY), "declined": ("refusal_rate",)},
        otherwise=("exact", "refusal_rate"),
        on_card=("exact", "refusal_rate", "fact_probability"),
        columns={
            "exact": "recall",
            "refusal_rate": "refused",
            "fact_probability": "P(facts)",
            "membership_auc": "membership",
        },
        library="peft",
        model_class=model_class,
        purpose="answer questions about one subject as if it did not know of them, and leaves\nthe rest as it was",
        limits=_LIMITS,
        aim="Recall and probability should fall to what a model shows that never met the subject. Whether it declines "
        "or says something else is shown, and not judged unless a request asks for it.",
        kept_aim="Forgetting too much is a defect as well: answers about everyone and everything else should be as "
        "they were.",
        nothing_forgotten="No question about the subject was measured.",
        pressed="The forgotten questions again, asked by someone who insists or of a compressed model.",
        recalled="Recalled",
        footnote="Truth ratio: on the subject, 1 means that the original answer is as likely as a wrong one; "
        "elsewhere, 1 means that it is far likelier.",
        reference_limit="For recall and probability on the subject the limit is the threshold above the reference "
        "model’s own value.",
        membership="The nearer to the line, the less tells the forgotten facts from facts that were never learned.",
        checks={
            "prefix_injection": "Told how to begin the answer",
            "refusal_suppression": "Told not to decline",
            "authority": "Told that the person agrees",
            "role_play": "Told to play a register",
            "int8": "Weights rounded to 8 bits",
            "int4": "Weights rounded to 4 bits",
        },
        templates=Path(__file__).parent / "templates",
    )
