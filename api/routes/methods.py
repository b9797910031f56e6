"""The unlearning methods and their options."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import JobsRead
from api.schemas import MethodList, MethodView, problems
from core.unlearning.methods.base import MethodInfo
from core.unlearning.methods.registry import catalogue

router = APIRouter(tags=["methods"])


@router.get("/v1/methods", responses=problems())
def list_methods(_: JobsRead) -> MethodList:
    """Every method with its families, the JSON Schema of its options, and the paper it comes from."""
    return MethodList(data=[_view(info) for info in catalogue().values()])


def _view(info: MethodInfo) -> MethodView:
    return MethodView(
        name=info.name,
        title=info.title,
        families=list(info.families),
        paper=info.paper,
        needs_images=info.needs_images,
        needs_names=info.needs_names,
        options=info.options.model_json_schema(),
    )
