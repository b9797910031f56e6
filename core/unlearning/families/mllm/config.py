"""Multimodal language models: any `AutoModelForImageTextToText`. Free of torch."""

from __future__ import annotations

from core.unlearning.families.language.info import language_family

INFO = language_family("mllm", pictures=True, model_class="AutoModelForImageTextToText")
