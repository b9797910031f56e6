"""The report as one self-contained HTML page: no script, font or picture from elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined, Template

from core.unlearning.evaluation import svg
from core.unlearning.evaluation.measures import Measures
from core.unlearning.evaluation.presentation import Presentation
from core.unlearning.evaluation.thresholds import parse_key
from core.unlearning.evaluation.verdict import NOTHING_MEASURED

_MEMBERSHIP = "membership_auc"
_STOP_REASONS = {
    "criterion": "its stop criterion was met",
    "max_passes": "the allowed passes over the examples were used up, before its stop criterion was met",
}


def render(report: Mapping[str, Any], measures: Measures, words: Presentation) -> str:
    """The page of a report made by `report.build`. Everything from the report is escaped."""
    pressed = [_robustness(check, measures, words) for check in report["robustness"]]
    judged = {".".join(check["key"].split(".")[:2]) for check in report["verdict"]["checks"]}
    cards = {split: _card(split, data, measures, words, judged) for split, data in report["splits"].items()}
    return _template(words.templates).render(
        report=report,
        words=words,
        forgotten=[card for split, card in cards.items() if split in words.forgotten],
        kept=[card for split, card in cards.items() if split not in words.forgotten],
        has_reference=any("reference" in v for data in report["splits"].values() for v in data["metrics"].values()),
        checks=_by_split([_check(check, measures) for check in report["verdict"]["checks"]]),
        shown=[(measures.title(split), words) for split, words in _shown(report, measures)],
        sweep=_sweep(report["details"]),
        stopped=_stop_reason(report["details"]),
        losses=[(name, values, svg.sparkline(values)) for name, values in _losses(report["details"])],
        table=[_numbers(split, data, measures) for split, data in report["splits"].items()],
        metrics=list(measures.metrics.items()),
        samples=[(measures.title(split), list(group)) for split, group in groupby(report["samples"], _split_of)],
        robustness=pressed,
        declines=any("refusal_rate" in check for check in pressed),
        seconds=sum(report["timings"].values()),
    )


@cache
def _template(of_family: Path) -> Template:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("core.unlearning.evaluation"), FileSystemLoader(of_family)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = svg.percent
    return environment.get_template("report.html.j2")


def _card(
    split: Any, data: Mapping[str, Any], measures: Measures, words: Presentation, judged: Collection[str]
) -> dict[str, Any]:
    """`judged`: the metrics, as `<split>.<metric>`, that a threshold holds for."""
    heading = measures.splits[split]
    rows = [(measures.metrics[metric], data["metrics"][metric]) for metric in words.shown.get(split, words.otherwise)]
    return {
        "title": heading.title,
        "explanation": heading.explanation,
        "count": data["count"],
        "known": data["known"],
        "pictures": data.get("pictures"),
        "picture": svg.bars(rows, narrow=split not in words.forgotten),
        "membership": _membership(data, judged=f"{split}.{_MEMBERSHIP}" in judged),
    }


def _membership(data: Mapping[str, Any], *, judged: bool) -> dict[str, Any] | None:
    """`right` is where the line stands: at the reference's value where there is one, else at a guess."""
    auc, (low, high) = data["metrics"].get(_MEMBERSHIP), data.get("membership_interval", (None, None))
    if auc is None or auc["after"] is None or low is None:
        return None
    of_reference = auc.get("reference")
    right = 0.5 if of_reference is None else of_reference
    picture = svg.interval(auc["after"], low, high, right=right)
    return {"picture": picture, "low": low, "high": high, "right": right, "judged": judged, **auc}


def _check(check: Mapping[str, Any], measures: Measures) -> dict[str, Any]:
    if check["key"] == NOTHING_MEASURED:
        shown = svg.percent(check["value"])
        return {
            **check,
            "shown": shown,
            "split": "Subject",
            "what": "anything measured",
            "limit": "required",
            "aim": None,
        }
    key = parse_key(check["key"], measures)
    share = key.metric not in measures.unbounded
    change = {"drop": ", drop", "rise": ", rise", "gap": ", gap", "upper": ", upper bound"}.get(key.change or "", "")
    limit = f"{'≥' if check['direction'] == 'at_least' else '≤'} {svg.amount(check['bound'], share=share)}"
    shown, what = svg.amount(check["value"], share=share), measures.metrics[key.metric] + change
    aim = None if check["target"] is None else svg.amount(check["target"], share=share)
    return {**check, "shown": shown, "split": measures.title(key.split), "what": what, "limit": limit, "aim": aim}


def _shown(report: Mapping[str, Any], measures: Measures) -> list[tuple[Any, str]]:
    """What the probes show about what had to be forgotten, by split: the first of its checks says it."""
    shown: dict[Any, str] = {}
    for check in report["verdict"]["checks"]:
        split = check["key"].partition(".")[0]
        if split in measures.judged and check["evidence"]:
            shown.setdefault(split, check["evidence"])
    return list(shown.items())


def _by_split(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sorted so that a split's checks stand together; `first` marks where a new split begins."""
    order = list(dict.fromkeys(check["split"] for check in checks))
    together = sorted(checks, key=lambda check: order.index(check["split"]))
    splits = [None, *(check["split"] for check in together)]
    return [{**check, "first": check["split"] != above} for check, above in zip(together, splits, strict=False)]


def _sweep(details: Mapping[str, Any]) -> dict[str, Any] | None:
    """`details["curve"]`: `k_image`, `k_text`, `forget` (recall + probability) and `utility` of each strength tried."""
    points = details.get("curve") or []
    if not points:
        return None
    ks = [(point["k_image"], point["k_text"]) for point in points]
    used = (details.get("k_image"), details.get("k_text"))
    lines = [{"forget": point["forget"] / 2, "utility": point["utility"]} for point in points]
    picture = svg.curve(lines, [_k(*k) for k in ks], ks.index(used) if used in ks else None)
    return {"picture": picture, "chosen": None if used[0] is None else _k(*used)}


def _k(image: float | str | None, text: float | str | None) -> str:
    each = ["∞" if value in ("inf", None) else f"{float(value or 0):g}" for value in dict.fromkeys((image, text))]
    return " / ".join(each)


def _losses(details: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """`details["losses"]`: the losses of each adapter that was trained, by its name."""
    curves = details.get("losses") or {}
    named = ((name, [loss for loss in values if isinstance(loss, int | float)]) for name, values in curves.items())
    return [(name, values) for name, values in named if values]


def _stop_reason(details: Mapping[str, Any]) -> str:
    """Why training stopped; a reason that has no words here as it is."""
    reason = str(details.get("stop_reason", ""))
    return _STOP_REASONS.get(reason, reason)


def _split_of(sample: Mapping[str, Any]) -> Any:
    return sample["split"]


def _numbers(split: Any, data: Mapping[str, Any], measures: Measures) -> dict[str, Any]:
    return {"title": measures.title(split), "count": data["count"], "metrics": data["metrics"]}


def _robustness(check: Mapping[str, Any], measures: Measures, words: Presentation) -> dict[str, Any]:
    recall = measures.recall
    titles = {"title": words.checks[check["check"]], "split": measures.title(check["split"])}
    return {**check, **titles, "recall": check[recall], "recall_before": check[f"{recall}_before"]}
