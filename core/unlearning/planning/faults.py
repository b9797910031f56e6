"""What is wrong with a request that cannot be planned."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from core.json_pointer import json_pointer


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request. `pointer` is a JSON pointer into it."""

    pointer: str
    code: str
    detail: str


class PlanError(ValueError):
    """The request cannot be planned. `code` names the error as a whole."""

    def __init__(self, *faults: Fault, code: str = "validation_error") -> None:
        super().__init__("; ".join(fault.detail for fault in faults))
        self.faults, self.code = faults, code

    @classmethod
    def one(cls, fault: Fault) -> PlanError:
        """A single fault, whose code names the error as a whole."""
        return cls(fault, code=fault.code)


def invalid_options(error: ValidationError, member: str) -> PlanError:
    """The faults that pydantic found in the options under `member` of the request."""
    # A union's members appear in the location ("float", "literal[...]"); a pointer holds only what the client wrote.
    faults = (
        Fault(json_pointer(member, *e["loc"][:1]), e["type"], e["msg"].removeprefix("Value error, "))
        for e in error.errors(include_input=False, include_url=False)
    )
    return PlanError(*faults)
