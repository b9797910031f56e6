"""Every probe on a tiny random model: it leaves every model as it was, and counts what it says it counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import Tensor

from core.unlearning.bench.memory.attacks import hidden_states, prompt_attacks, quantisation
from core.unlearning.bench.memory.attacks.context import AttackContext, attack_context, non_member_facts
from core.unlearning.bench.memory.attacks.run import run, steps
from core.unlearning.bench.memory.records import OVERALL, Record, value
from core.unlearning.families.language.model.batch import collate
from core.unlearning.families.language.model.generate import Conversation, converse
from core.unlearning.families.language.model.logits import answer_logits
from core.unlearning.families.language.model.model import LanguageModel
from core.unlearning.families.language.model.score import token_scores
from core.unlearning.families.mllm.load import load
from core.unlearning.progress import Silent
from core.unlearning.types import Example, ModelSpec, Split
from tests.support.tiny_multimodal_models import save

pytestmark = pytest.mark.slow
NAMES = ("Ada Okoro", "Bo Marsh", "Cy Dunn", "Di Elm", "Ed Fox", "Fay Gray")
CITIES, JOBS = ("Old Lisbon", "Oslo", "Lima"), ("baker", "pilot", "nurse")


class Counting(Silent):
    def __init__(self) -> None:
        self.steps = 0
        self.lines: list[str] = []

    def step(self, *, loss: float | None = None) -> None:
        self.steps += 1

    def log(self, message: str) -> None:
        self.lines.append(message)


def _memory(number: int, image: Split, text: Split, turn: int = 0) -> list[Example]:
    name, picture = NAMES[number], Image.new("RGB", (28, 28), (40 * number, 90 + turn, 200 - 30 * number))
    facts = {"Where was {} born?": CITIES[number % 3], "What is {}'s job?": JOBS[number // 2 % 3]}
    asked = [(q.replace("{}", "this person"), a, picture, image) for q, a in facts.items()]
    asked += [(q.replace("{}", name), a, None, text) for q, a in facts.items()]
    return [Example(split, q, a, shown, name) for q, a, shown, split in asked]


def _examples() -> list[Example]:
    gone = [e for turn in range(3) for e in _memory(0, "forget_image_memory", "forget_text_memory", turn)]
    kept = [e for n in range(1, 6) for e in _memory(n, "unseen_image_memory", "unseen_text_memory")]
    stranger = Image.new("RGB", (28, 28), "black")
    nobody = [
        Example("declined", f"Where was {who} born?", "I do not know.", picture, "No One")
        for who, picture in [("this person", stranger), ("No One", None)] * 6
    ]
    seen = Example("forget_understanding", "What colour is the hat?", "red", gone[0].image)
    return [*gone, seen, *kept, *nobody]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, LanguageModel]:
    """One architecture with two draws of weights."""
    source = save("llava", tmp_path_factory.mktemp("llava"))
    patched, oracle = (load(ModelSpec("tiny", "mllm", str(source)), precision="float32") for _ in range(2))
    for lm in (patched, oracle):
        lm.max_new_tokens = 4
    with torch.no_grad():
        for parameter in oracle.model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return patched, oracle


@pytest.fixture(scope="module")
def context(models: tuple[LanguageModel, LanguageModel]) -> AttackContext:
    patched, oracle = models
    return attack_context(patched, patched, oracle, _examples())


def _state(lm: LanguageModel) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}


def test_no_model_is_changed_and_nothing_is_measured_twice(context: AttackContext) -> None:
    before = [_state(context.patched), _state(context.oracle)]
    flags = [p.requires_grad for p in context.patched.model.parameters()]
    progress = Counting()
    found = run(context, progress)
    assert progress.steps == steps(context)
    for lm, was in zip((context.patched, context.oracle), before, strict=True):
        assert all(torch.equal(tensor, was[name]) for name, tensor in lm.model.state_dict().items())
    assert [p.requires_grad for p in context.patched.model.parameters()] == flags
    assert all(p.grad is None for p in context.patched.model.parameters())
    metrics = {record.metric for record in found}
    assert {
        "worst_attack",
        "any_attack",
        "refusal_barred",
        "first_word_given",
        "exact_int8",
        "exact_int4",
        "relearned_30",
        "probe",
    } <= metrics
    assert {"base_worst_attack", "oracle_worst_attack", "oracle_probe", "relearned_unrelated_above_oracle"} <= metrics
    assert {"membership_loss_auc", "membership_reference_tpr", "oracle_membership_min_k_low"} <= metrics
    again, second = Counting(), AttackContext(**{**vars(context), "cached": tuple(found)})
    repeated = run(second, again)
    assert again.steps == steps(second) < progress.steps
    assert repeated == found


def test_the_worst_is_the_largest(context: AttackContext) -> None:
    found = prompt_attacks.records(context.patched, context, Silent())
    each = [record for record in found if record.metric.startswith("attack_")]
    assert value(found, OVERALL, "worst_attack") == max(record.value for record in each)
    names = {record.metric.removeprefix("attack_") for record in each if record.split == "forget_image_memory"}
    assert {"plain", "crop", "jpeg", "by_name", "described", "role_play", "forced_sure", "multi_turn"} <= names
    assert {r.metric for r in each if r.split == "forget_text_memory"} >= {"attack_by_picture", "attack_in_context"}
    assert value(found, OVERALL, "any_attack") in (0, 0.25, 0.5, 0.75, 1)


def test_an_answer_that_is_put_into_the_mouth_comes_out(context: AttackContext) -> None:
    """What the beginning itself says counts, so no beginning may hold an answer; a conversation is rendered whole."""
    lm = context.patched
    picture = context.facts[0].image
    asked = Conversation("Where was this person born?", picture, (("Hello!", "Yes."),), "It is")
    row = lm.encoder.conversation(asked.before, asked.question, asked.image, asked.begins)
    text = lm.tokenizer.decode(row.input_ids, skip_special_tokens=False)
    said = [{"role": "user", "content": [{"type": "text", "text": "Hello!"}]}]
    said += [{"role": "assistant", "content": [{"type": "text", "text": "Yes."}]}]
    said += [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": asked.question}]}]
    expected = lm.processor.apply_chat_template(said, tokenize=False, add_generation_prompt=True) + " It is"
    assert text.replace("<image>" * 4, "<image>").replace(" ", "") == expected.replace(" ", "")
    assert "pixel_values" in row.vision
    assert converse(lm, [asked])[0].startswith("It is")


def test_token_scores_are_those_of_the_whole_distribution(context: AttackContext) -> None:
    """Against float64 softmax written out for one example at a time."""
    lm, examples = context.patched, context.facts
    found = token_scores(lm, examples)
    for example, scores in zip(examples, found, strict=True):
        row = lm.encoder.with_answer(example.question, example.image, example.answer)
        with torch.no_grad():
            out = answer_logits(lm.model, collate([row], lm.pad_id, lm.device))
        p = torch.softmax(out.logits.double(), -1).numpy()
        for token, target in enumerate(out.targets.tolist()):
            mean = sum(q * _log(q) for q in p[token])
            deviation = sum(q * (_log(q) - mean) ** 2 for q in p[token]) ** 0.5
            assert scores.log_probs[token] == pytest.approx(_log(p[token, target]), abs=1e-4)
            assert scores.means[token] == pytest.approx(mean, abs=1e-4)
            assert scores.deviations[token] == pytest.approx(deviation, abs=1e-4)


def _log(q: float) -> float:
    return float(torch.log(torch.tensor(q, dtype=torch.float64)))


def test_states_are_those_before_the_answer(context: AttackContext) -> None:
    """They are the model's own hidden states of the question alone: the answer is not looked at."""
    lm, asked = context.patched, context.facts[:1]
    layers = [f"model.language_model.layers.{n}" for n in range(2)]
    found = hidden_states.states(lm, asked, layers)
    row = lm.encoder.prompt(asked[0].question, asked[0].image)
    with torch.no_grad():
        out = lm.model(**collate([row], lm.pad_id, lm.device).inputs, output_hidden_states=True)
    assert found.shape == (1, 2, lm.width)
    assert torch.allclose(torch.from_numpy(found[0, 0]).float(), out.hidden_states[1][0, -1], atol=1e-5)


def test_a_format_that_does_not_work_here_is_left_out_with_a_reason(
    context: AttackContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: Tensor) -> Tensor:
        raise NotImplementedError("the bitsandbytes package is not installed")

    monkeypatch.setattr(quantisation, "FORMATS", {**quantisation.FORMATS, "nf4": missing})
    before, progress = _state(context.patched), Counting()
    found: list[Record] = quantisation.records(context.patched, context, progress)
    assert {record.metric for record in found} == {"exact_int8", "exact_int4"}
    assert progress.lines == ["nf4 is not measured: the bitsandbytes package is not installed"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in context.patched.model.state_dict().items())


def test_membership_is_told_from_facts_that_no_model_was_told(context: AttackContext) -> None:
    invented = non_member_facts(context, "forget_text_memory")
    assert {e.subject for e in invented} == {"No One"}
    assert {e.answer for e in invented} <= {*CITIES, *JOBS}
    true = [replace(e, split="declined") for e in _memory(3, "declined", "declined")]
    known = replace(context, outsiders=tuple(true))
    assert non_member_facts(known, "forget_text_memory") == [e for e in true if e.image is None]
    assert non_member_facts(known, "forget_image_memory") == [e for e in true if e.image is not None]
