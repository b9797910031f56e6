"""Language models without pictures: any `AutoModelForCausalLM`. Free of torch."""

from __future__ import annotations

from core.unlearning.families.language.info import language_family

INFO = language_family("llm", pictures=False, model_class="AutoModelForCausalLM")
