"""Registered models."""

from core.service.models.registry import RegisteredModel, get, list_models, register, register_trusted
from core.service.models.schema import ModelCheckView, ModelCreate

__all__ = ["ModelCheckView", "ModelCreate", "RegisteredModel", "get", "list_models", "register", "register_trusted"]
