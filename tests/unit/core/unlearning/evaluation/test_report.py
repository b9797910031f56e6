"""The report says what was measured, nothing of the subject, and stays a page whatever it is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

from core.unlearning.evaluation import html, model_card, report
from core.unlearning.evaluation.redact import BLOCK, HIDDEN, Redactor
from core.unlearning.evaluation.verdict import judge
from core.unlearning.families.language.evaluation.evaluate import evaluate
from core.unlearning.families.language.evaluation.results import Evaluation
from core.unlearning.families.language.evaluation.samples import samples
from core.unlearning.families.mllm.config import INFO
from core.unlearning.methods.smfa.config import INFO as SMFA
from tests.support.known_answers import BASE, FACTS, FORGOTTEN, PATCHED, REFUSAL, RETAINED, STRANGER, UNSEEN, examples

INF = float("inf")
ALIAS = "Madame Zed"
CANARIES = [*FORGOTTEN.split(), *UNSEEN.split(), *STRANGER.split(), "Marsh", "Zed", *FACTS[FORGOTTEN].values()]
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">'


def made(after: Evaluation | None = None, **more: Any) -> dict[str, Any]:
    before = evaluate(BASE, examples(), level="thorough")
    after = after or evaluate(PATCHED, examples(), level="thorough")
    names = (FORGOTTEN, ALIAS)
    curve = [{"k_image": k, "k_text": k, "forget": 0.1 / (k + 1), "utility": 1 - k / 100} for k in (0.0, 1.0, 5.0)]
    fields: dict[str, Any] = {
        "family": "mllm",
        "measures": INFO.measures,
        "job_id": "job_01",
        "model_id": "company-vlm",
        "base_digest": "sha256:" + "ab" * 32,
        "method": "smfa",
        "options": {"rank": 16, "k_image": INF, "target_modules": None},
        "plan": {"training_examples": 12},
        "before": before,
        "after": after,
        "verdict": judge(before, after, INFO.measures, reference=more.get("reference")),
        "details": {"k_image": 1.0, "k_text": 1.0, "curve": curve, "losses": {"forget": [3.0, 1.0, 0.5]}},
        "timings": {"training": 4.0, "evaluating": 2.0},
        "seeds": {"job": 7},
        "samples": samples(more.get("before", before), after, names=names),
        "limits": INFO.presentation.limits,
    }
    return report.build(**{**fields, **more})


def page_of(found: Mapping[str, Any]) -> str:
    return html.render(found, INFO.measures, INFO.presentation)


def card_of(found: Mapping[str, Any]) -> str:
    return model_card.render(found, INFO.measures, INFO.presentation)


def test_numbers_are_those_of_the_evaluations() -> None:
    found = made()
    exact = found["splits"]["forget_text_memory"]["metrics"]["exact"]
    assert exact == {"before": 1.0, "after": 0.0}
    assert found["splits"]["forget_text_memory"]["count"] == 5
    assert found["verdict"]["passed"] is True
    assert found["options"]["k_image"] == "inf"
    assert "suppresses" in found["limits"][0]
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("mode", ["suppression", "erasure"])
def test_the_mode_says_what_it_cannot_promise(mode: str) -> None:
    limits = INFO.presentation.limits_with(SMFA.limits({"mode": mode}))
    assert [limit for limit in limits if limit not in INFO.presentation.limits] == [limits[1]]
    assert limits[1].startswith(f"Mode {mode} was asked for")


def test_the_job_shows_the_same_numbers() -> None:
    found = made()
    public = report.public_evaluation(found)
    assert public["splits"] == found["splits"]
    assert public["missed"] == []
    assert public["thresholds"]["forget_text_memory.exact"] == 0.05
    assert "samples" not in json.dumps(public)


def test_it_says_how_sure_it_is_and_measured_against_what() -> None:
    found = made()
    page, public = page_of(found), report.public_evaluation(found)
    (check,) = [c for c in public["checks"] if c["key"] == "forget_text_memory.exact"]
    assert (check["count"], check["failed"], check["clusters"]) == (5, 0, 5)
    assert check["upper"] == pytest.approx(1 - 0.05**0.2, abs=1e-6)
    assert check["evidence"] == "none of 5 came out; at most 46 in 100 (95 % sure)"
    assert "reason" not in check
    assert "none of 5 came out; at most 46 in 100 (95 % sure)" in page
    assert "none of 5 lost" in page
    assert public["reference"] in page
    assert "with 1 picture." in page
    assert found["splits"]["forget_image_memory"]["pictures"] == {"asked": 1, "unseen": 1}


def test_the_line_of_membership_stands_where_the_text_says_it_does() -> None:
    alone, beside = page_of(made()), page_of(made(reference=evaluate(PATCHED, examples())))
    assert alone.count("The line stands at 0.50, a guess.") == 2
    assert beside.count("The line stands at 0.50, the value of a model that never learned the subject.") == 2
    assert alone.count("it is shown and not judged") == 2
    before, after = evaluate(BASE, examples()), evaluate(PATCHED, examples())
    asked = judge(before, after, INFO.measures, thresholds={"forget_text_memory.membership_auc": 0.6})
    assert page_of(made(verdict=asked)).count("it is shown and not judged") == 1


def test_a_reference_stands_beside() -> None:
    found = made(reference=evaluate(PATCHED, examples()))
    assert found["splits"]["forget_text_memory"]["metrics"]["exact"]["reference"] == 0.0
    assert "never learned the subject" in page_of(found)
    assert "never learned |" in card_of(found)


def test_a_reference_that_was_set_aside_does_not_appear() -> None:
    found = made(reference=evaluate(BASE, examples()))
    assert "reference" not in found["splits"]["forget_text_memory"]["metrics"]["exact"]
    assert "a model that never learned the subject" not in page_of(found)


@pytest.mark.parametrize("after", [PATCHED, BASE], ids=["forgotten", "leaking"])
def test_nothing_of_anybody_is_in_a_redacted_report(after: Any) -> None:
    found = made(evaluate(after, examples(), level="thorough"))
    pages = [json.dumps(found, ensure_ascii=False), page_of(found), card_of(found)]
    assert found["samples"]
    for page in pages:
        assert [word for word in CANARIES if word.lower() in page.lower()] == []


def test_samples_are_few_and_tell_what_happened() -> None:
    shown = [s for s in made()["samples"] if s["split"] == "forget_text_memory"]
    assert len(shown) == 3
    assert all(s["before"] == HIDDEN and s["after"] == REFUSAL for s in shown)
    assert all(s["told_before"] and not s["told_after"] and s["refused_after"] for s in shown)


def test_a_refusal_that_was_one_from_the_start_is_shown_as_such() -> None:
    shown = [s for s in made()["samples"] if s["split"] == "declined"]
    assert {(s["before"], s["after"], s["told_before"], s["refused_before"]) for s in shown} == {
        (REFUSAL, REFUSAL, False, True)
    }


def test_evaluations_of_different_questions_give_no_samples() -> None:
    assert made(evaluate(PATCHED, examples()[1:]))["samples"] == []


def test_redaction_leaves_only_ordinary_words() -> None:
    redactor = Redactor([FORGOTTEN], ["Canary Row", "the baker"])
    assert redactor.strict(
        "Did Zora Quill live at 12 Elm St in 1931?"
    ) == f"Did {BLOCK} live at {BLOCK} {BLOCK} in {BLOCK}?".replace(f"{BLOCK} {BLOCK}", BLOCK)
    assert redactor.strict("I’m sorry, I don't know zora's job.") == f"I’m sorry, I don't know {BLOCK} job."
    assert redactor.strict("где живёт Ада") == BLOCK
    assert redactor.names_only("Paris is no Canary place, says the baker Zora-Quill") == (
        f"Paris is no {BLOCK} place, says the {BLOCK}"
    )


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs


def tags(page: str) -> Tags:
    parser = Tags()
    parser.feed(page)
    return parser


def hostile_report() -> Mapping[str, Any]:
    """As if redaction had let hostile text through."""
    found = made(job_id=HOSTILE, options={HOSTILE: HOSTILE}, details={"losses": {HOSTILE: [1.0]}})
    samples = [{**sample, "question": HOSTILE, "before": HOSTILE, "after": HOSTILE} for sample in found["samples"]]
    return {**found, "samples": samples}


def test_hostile_text_stays_text() -> None:
    page = page_of(hostile_report())
    found = tags(page)
    assert "alert(1)" in page
    assert not {"script", "img", "iframe", "link", "object"} & set(found.names)
    assert not [name for name, _ in found.attributes if name.startswith("on")]


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = page_of(made())
    found = tags(page)
    addresses = [value for name, value in found.attributes if name in ("src", "href", "action", "xlink:href")]
    assert addresses == []
    assert "url(" not in page
    assert "@import" not in page


def test_the_page_shows_a_picture_for_every_split_and_for_the_sweep() -> None:
    found = made()
    titles = [value for name, value in tags(page_of(found)).attributes if name == "aria-label"]
    assert titles.count("Shares before and after") == len(found["splits"])
    assert titles.count("Forgetting and usefulness over k") == 1
    assert titles.count("Training loss") == 1
    assert titles.count("Membership AUC with its interval") == 2


def test_pressure_stands_beside_what_it_did_before() -> None:
    checks = made()["robustness"]
    assert {check["split"] for check in checks} == {"forget_image_memory", "forget_text_memory"}
    assert {(check["exact_before"], check["exact"]) for check in checks} == {(1.0, 0.0)}


def test_a_failed_verdict_leads_with_its_reasons() -> None:
    found = made(evaluate(BASE, examples(), level="thorough"))
    page = page_of(found)
    assert "Thresholds missed" in page
    for reason in found["verdict"]["reasons"]:
        assert reason in page
        assert reason in card_of(found)


def test_a_bare_report_renders() -> None:
    nothing = Evaluation("quick", {})
    found = made(
        nothing,
        before=nothing,
        verdict=judge(nothing, nothing, INFO.measures),
        details={},
        timings={},
        seeds={},
        options={},
    )
    assert "No question about the subject" in page_of(found)
    assert "failed" in card_of(found)


def test_the_card_holds_the_lines_that_load_the_patch() -> None:
    card = card_of(made())
    code = card.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert "PeftModel.from_pretrained(model, " in code
    assert "peft>=0.21" in card
    assert "sha256:" + "ab" * 32 in card
    assert "| Subject, by name | Exact recall | 100.0 % | 0.0 % |\n" in card
    assert RETAINED not in card
