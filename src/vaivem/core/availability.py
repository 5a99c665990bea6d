"""Which paths a step may read: what the trigger offers, and the steps that have run before it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from vaivem.core.fields import Field, FieldType
from vaivem.core.paths import EACH, PathError, split_path
from vaivem.core.templates import is_known

ALWAYS_KNOWN = frozenset({"today", "rule.id", "rule.title"})
_OPEN_TYPES = frozenset({FieldType.OBJECT, FieldType.LIST, FieldType.RECORD})


def known_paths(fields: Iterable[Field] | None) -> frozenset[str]:
    """Return the paths that a trigger's fields offer; None (the trigger is not known) means any."""
    if fields is None:
        return frozenset({"*"})
    paths = set(ALWAYS_KNOWN)
    for field in fields:
        paths.add(field.key)
        if field.type in _OPEN_TYPES:
            paths.add(f"{field.key}.*")
    return frozenset(paths)


@dataclass(frozen=True, slots=True)
class Available:
    """What can be read at one point of a rule. `ran` are the steps that have run, or may have (branches)."""

    paths: frozenset[str]
    ran: frozenset[str]

    def after(self, step_id: str) -> Available:
        """Return what is available once a step has run."""
        return Available(self.paths | {f"steps.{step_id}.*"}, self.ran | {step_id})

    def joined(self, other: Available) -> Available:
        """Return what is available after either of two branches."""
        return Available(self.paths | other.paths, self.ran | other.ran)

    def within(self, over: str, name: str) -> Available:
        """Return what is available to a group that is repeated over a list."""
        prefix = f"{over}{EACH}."
        inner = {f"{name}.{path.removeprefix(prefix)}" for path in self.paths if path.startswith(prefix)}
        open_list = f"{over}.*" in self.paths or over.startswith("steps.") or "*" in self.paths
        return replace(self, paths=self.paths | inner | ({f"{name}.*"} if open_list or not inner else set()))

    def trouble(self, path: str, step_ids: Collection[str]) -> str | None:
        """Return the code of what is wrong with reading `path` here, None when it is right."""
        try:
            segments = split_path(path)
        except PathError:
            return "path_unknown"
        if segments[0] == "steps":
            step_id = segments[1] if len(segments) > 1 else ""
            if step_id in self.ran:
                return None
            return "step_not_before" if step_id in step_ids else "step_unknown"
        return None if is_known(path, self.paths) else "path_unknown"
