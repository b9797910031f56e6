"""What a request becomes, before any model is loaded. Free of torch: `api` plans with it, and asks nothing else.

`plan` is for a forget request, `plan_consolidation` for the consolidation of earlier jobs, `plan_preparation` for a
retain set that is made by asking the model, `check_model` and `check_source` for the registration of a model; each
raises `PlanError` with a JSON pointer to every fault.
`model_check` says what a registered model allows.
"""

from core.unlearning.planning.consolidation import plan_consolidation
from core.unlearning.planning.faults import Fault, PlanError
from core.unlearning.planning.job_plan import plan
from core.unlearning.planning.model_check import ModelCheck, model_check
from core.unlearning.planning.preparation import PREPARE, plan_preparation
from core.unlearning.planning.registration import check_model, check_source
from core.unlearning.planning.request import PlanRequest

__all__ = [
    "PREPARE",
    "Fault",
    "ModelCheck",
    "PlanError",
    "PlanRequest",
    "check_model",
    "check_source",
    "model_check",
    "plan",
    "plan_consolidation",
    "plan_preparation",
]
