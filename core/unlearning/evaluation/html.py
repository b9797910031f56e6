"""The report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from core.unlearning.evaluation import svg
from core.unlearning.evaluation.labels import check_title, metric_title, split_explanation, split_title, stop_words
from core.unlearning.evaluation.measures import Measures, measures_of
from core.unlearning.evaluation.presentation import Presentation, presentation_of
from core.unlearning.evaluation.thresholds import parse_key
from core.unlearning.evaluation.verdict import NOTHING_MEASURED


def render(report: Mapping[str, Any]) -> str:
    """The page of a report made by `report.build`. Everything from the report is escaped."""
    words, measures = presentation_of(report["family"]), measures_of(report["family"])
    pressed = [_pressed(check, measures.recall) for check in report["robustness"]]
    return _template().render(
        report=report,
        words=words,
        forgotten=[_card(split, data, words) for split, data in report["splits"].items() if split in words.forgotten],
        kept=[_card(split, data, words) for split, data in report["splits"].items() if split not in words.forgotten],
        has_reference=any("reference" in v for data in report["splits"].values() for v in data["metrics"].values()),
        checks=_by_split([_check(check, measures) for check in report["verdict"]["checks"]]),
        sweep=_sweep(report["details"]),
        stopped=stop_words(report["details"].get("stop_reason", "")),
        losses=[(name, values, svg.sparkline(values)) for name, values in _losses(report["details"])],
        table=[_numbers(split, data) for split, data in report["splits"].items()],
        metrics=[(metric, metric_title(metric)) for metric in measures.metrics],
        samples=[(split_title(split), list(group)) for split, group in groupby(report["samples"], _split_of)],
        robustness=pressed,
        declines=any("refusal_rate" in check for check in pressed),
        seconds=sum(report["timings"].values()),
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("core.unlearning.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = svg.percent
    return environment.get_template("report.html.j2")


def _card(split: Any, data: Mapping[str, Any], words: Presentation) -> dict[str, Any]:
    rows = [(metric_title(metric), data["metrics"][metric]) for metric in words.shown.get(split, words.otherwise)]
    return {
        "title": split_title(split),
        "explanation": split_explanation(split),
        "count": data["count"],
        "known": data["known"],
        "picture": svg.bars(rows, narrow=split not in words.forgotten),
        "membership": _membership(data),
    }


def _membership(data: Mapping[str, Any]) -> dict[str, Any] | None:
    auc, (low, high) = data["metrics"].get("membership_auc"), data.get("membership_interval", (None, None))
    if auc is None or auc["after"] is None or low is None:
        return None
    right = auc.get("reference")
    picture = svg.interval(auc["after"], low, high, right=0.5 if right is None else right)
    return {"picture": picture, "low": low, "high": high, **auc}


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
    change = {"drop": ", drop", "rise": ", rise", "gap": ", gap"}.get(key.change or "", "")
    limit = f"{'≥' if check['direction'] == 'at_least' else '≤'} {svg.amount(check['bound'], share=share)}"
    shown, what = svg.amount(check["value"], share=share), metric_title(key.metric) + change
    aim = None if check["target"] is None else svg.amount(check["target"], share=share)
    return {**check, "shown": shown, "split": split_title(key.split), "what": what, "limit": limit, "aim": aim}


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


def _split_of(sample: Mapping[str, Any]) -> Any:
    return sample["split"]


def _numbers(split: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"title": split_title(split), "count": data["count"], "metrics": data["metrics"]}


def _pressed(check: Mapping[str, Any], recall: str) -> dict[str, Any]:
    titles = {"title": check_title(check["check"]), "split": split_title(check["split"])}
    return {**check, **titles, "recall": check[recall], "recall_before": check[f"{recall}_before"]}
