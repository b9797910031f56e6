"""Registered models."""

from core.service.models.registry import RegisteredModel, get, list_models, register, register_trusted
from core.service.models.schema import ModelCreate

__all__ = ["ModelCreate", "RegisteredModel", "get", "list_models", "register", "register_trusted"]
