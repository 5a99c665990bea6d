"""What the account refuses, before either API puts it in its own words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One refused value: the field in v2 naming and the vendor's message."""

    field: str
    message: str
    code: str = "INVALID"
    whole: bool = False  # the message is the whole sentence, without the field's label before it


class RefusedError(ValueError):
    """The account refuses a write; all problems at once."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


class MissingError(LookupError):
    """There is no such record, or the user may not see it. `label` is the kind's name, as in "Deal"."""

    def __init__(self, label: str) -> None:
        super().__init__(f"{label} not found.")
        self.label = label
