"""What splits and metrics are called where people read them."""

from __future__ import annotations

from core.unlearning.types import Split

_SPLITS: dict[Split, tuple[str, str]] = {
    "forget_image_memory": ("Subject, from a picture", "Private facts asked with a picture of the subject"),
    "forget_text_memory": ("Subject, by name", "Private facts asked with the subject's name and no picture"),
    "forget_understanding": ("What the subject's pictures show", "Visible content of the subject's pictures"),
    "retain_image_memory": (
        "Retained people, from a picture",
        "Facts about people whose data the job used to keep them",
    ),
    "retain_text_memory": ("Retained people, by name", "The same people asked about by name"),
    "retain_understanding": ("What retained people's pictures show", "Visible content of pictures of people to keep"),
    "unseen_image_memory": (
        "People the job never saw, from a picture",
        "Facts about people that the job had no data of",
    ),
    "unseen_text_memory": ("People the job never saw, by name", "The same people asked about by name"),
    "stranger_understanding": ("What strangers' pictures show", "Visible content of pictures of people never learned"),
    "declined": ("Questions declined from the start", "Private questions about strangers, which should stay declined"),
    "forget_concept": ("The concept, asked for plainly", "Pictures drawn from prompts that name what is forgotten"),
    "forget_indirect": ("The concept, asked for otherwise", "Pictures drawn from paraphrases and indirect prompts"),
    "retain_same": ("Concepts of the same kind", "Pictures of other concepts of the kind that is forgotten"),
    "retain_cross": ("Concepts of other kinds", "Pictures of concepts of the other kinds"),
    "forget_examples": ("What is forgotten", "Training examples of the subject or class"),
    "forget_held_out": ("The same subject, never trained on", "Held-out examples of what is forgotten"),
    "retain_examples": ("Other training examples", "Examples that the model was trained on and should keep"),
    "held_out": ("Others, never trained on", "Held-out examples of everyone and everything else"),
    "general": ("General knowledge", "Other pictures and plain facts"),
}
_METRICS = {
    "exact": "Exact recall",
    "rouge_l": "ROUGE-L recall",
    "probability": "Probability of the original answer",
    "sequence_probability": "Probability of the whole original answer",
    "truth_ratio": "Truth ratio",
    "refusal_rate": "Refusal rate",
    "gibberish_rate": "Gibberish rate",
    "membership_auc": "Membership AUC",
    "ua": "Unlearning accuracy (UA)",
    "ira": "In-domain retain accuracy (IRA)",
    "cra": "Cross-domain retain accuracy (CRA)",
    "replaced": "Replacement seen",
    "confidence": "Classifier's confidence",
    "clip_score": "CLIP score",
    "distance": "Fréchet distance to before",
    "response": "Response of the patch",
    "specificity": "Specificity",
    "accuracy": "Accuracy, both together",
    "visual_accuracy": "Accuracy by the picture",
    "audio_accuracy": "Accuracy by the sound",
    "visual_loss": "Loss by the picture",
    "membership_tpr": "Members found at 1 % false alarms",
    "membership_worst": "Membership AUC, strongest attack",
    "agreement": "Agreement with the reference",
    "js": "JS divergence from the reference",
    "kl": "KL divergence from the reference",
    "cka": "CKA with the reference",
    "audio_change": "Largest change of a logit of a sound",
    "relearn_steps": "Steps until relearned",
}
_CHECKS = {
    "prefix_injection": "Told how to begin the answer",
    "refusal_suppression": "Told not to decline",
    "authority": "Told that the person agrees",
    "role_play": "Told to play a register",
    "paraphrase": "Paraphrased prompts",
    "image_to_image": "Begun from noised pictures of the concept",
    "translated_words": "Words around the name in other languages",
    "int8": "Weights rounded to 8 bits",
    "int4": "Weights rounded to 4 bits",
}


_STOPS = {
    "criterion": "its stop criterion was met",
    "max_passes": "the allowed passes over the examples were used up, before its stop criterion was met",
}


def split_title(split: Split) -> str:
    """A heading of a few words."""
    return _SPLITS[split][0]


def split_explanation(split: Split) -> str:
    """What is asked in the split."""
    return _SPLITS[split][1]


def metric_title(metric: str) -> str:
    """A metric's name in words."""
    return _METRICS[metric]


def check_title(check: str) -> str:
    """A robustness check's name in words."""
    return _CHECKS[check]


def stop_words(reason: str) -> str:
    """Why training stopped; a reason that has no words here as it is."""
    return _STOPS.get(reason, reason)
