"""What is published of options, fields and settings is sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from core.service.settings import Settings
from core.unlearning.bench import baselines
from tests.support.openapi_document import PATH

_SENTENCES = re.compile(r"[A-Z0-9`/].*[.`]", re.DOTALL)
_WORDS = 3


def is_sentences(text: str) -> bool:
    """It begins like one, ends like one, and says more than a word or two."""
    return _SENTENCES.fullmatch(text) is not None and len(text.split()) >= _WORDS


def fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every property of a JSON Schema that has a description, and the description."""
    for name, field in schema.get("properties", {}).items():
        if "description" in field:
            yield name, field["description"]


@pytest.mark.parametrize("name", baselines.compared())
def test_every_option_of_a_method_is_described_in_sentences(name: str) -> None:
    schema = baselines.compared()[name].options.model_json_schema()
    described = dict(fields(schema))
    assert described.keys() == schema["properties"].keys()
    assert [field for field, text in described.items() if not is_sentences(text)] == []


def test_fields_and_parameters_of_the_api_are_described_in_sentences() -> None:
    document = json.loads(PATH.read_text(encoding="utf-8"))
    described = [pair for schema in document["components"]["schemas"].values() for pair in fields(schema)]
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    for operation in operations:
        described += [(p["name"], p["description"]) for p in operation.get("parameters", []) if "description" in p]
    assert described
    assert [pair for pair in described if not is_sentences(pair[1])] == []


def test_every_setting_is_described_in_a_sentence() -> None:
    missing = [name for name, field in Settings.model_fields.items() if not is_sentences(field.description or "")]
    assert missing == []
