"""Rules from a file, in the browser: what it would change is shown first, and done when it is confirmed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from vaivem.connectors.sdk.recipes import Recipe, all_recipes
from vaivem.core.errors import Problem, RuleError
from vaivem.hub.messages import connector_text
from vaivem.hub.rules import files, planning, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.combining import offered
from vaivem.hub.rules.editing.pickable import object_names
from vaivem.hub.rules.layout import COLUMNS, written
from vaivem.hub.rules.models import Rule, RuleState
from vaivem.hub.rules.sentences import sentence_of
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role

MAX_SIZE = 500_000  # bytes; the plan's page carries it once more, encoded, within what a form may hold

_MADE_UP = {"combination": "Lead → person", "from": "<account>", "to": "<account>", "object": "person"}
EXAMPLE_ROWS = (
    {**_MADE_UP, "field": "person.name", "source": "lead.name"},
    {**_MADE_UP, "field": "person.email", "source": "lead.email", "write": "empty"},
)


@dataclass(frozen=True, slots=True)
class ChangeShown:
    """One rule of the file: what becomes of it, and what is wrong with it, each with its place."""

    change: files.Change
    sentence: str
    problems: list[str]


@require_http_methods(["GET", "HEAD", "POST"])
@for_role(Role.EDITOR, place="rules")
def from_file(request: MemberRequest) -> HttpResponse:
    """Take a file and show its plan; apply it when the plan that was seen is still the plan."""
    if request.method != "POST":
        return render(request, "rules/file.html")
    try:
        text = text_of(request)
        planned = files.plan(text, request.workspace)
        seen = _fingerprint(planned)
        asked = request.POST.get("seen", "")
        if asked and asked != seen:
            raise files.PlanError("plan_is_old")
        if asked:
            return _applied(request, planned)
    except files.FileError as error:
        return _refused(request, words.sentence(error.whole), error.placed)
    except UnicodeDecodeError:
        return _refused(request, _("The file is not text in UTF-8."))
    except RuleError as error:  # somebody changed a rule meanwhile: the plan is made and shown again
        planned = files.plan(text, request.workspace)
        return _plan_page(request, text, planned, words.sentence(error.problem), 409)
    return _plan_page(request, text, planned)


@require_safe
@for_role(place="rules")
def download(request: MemberRequest) -> HttpResponse:
    """Send the workspace's rules as a file that can be brought back, here or elsewhere."""
    kept = Rule.objects.filter(workspace=request.workspace).exclude(state=RuleState.REMOVED).order_by("id")
    catalog = WorkspaceCatalog(request.workspace)
    text = files.as_file(list(kept), catalog, list(catalog.combinations.values()))
    return _attached(text, f"vaivem-{request.workspace.slug}.yaml")


@require_safe
@for_role(place="rules")
def example(request: MemberRequest) -> HttpResponse:
    """Send a file to fill: each recipe as a rule that stays off, with the workspace's own accounts."""
    catalog = WorkspaceCatalog(request.workspace)
    entries = [_entry(recipe, catalog) for recipe in all_recipes()]
    text = written({"rules": entries})
    note = _("An example: keep the rules that you need, and fill in what stands in angle brackets.")
    return _attached(f"# {note}\n{text}", "vaivem-rules-example.yaml")


@require_safe
@for_role(place="rules")
def table_example(request: MemberRequest) -> HttpResponse:
    """Send a table to fill: the workspace's combinations, or a made-up one when there is none."""
    catalog = WorkspaceCatalog(request.workspace)
    rows = [row for one in catalog.combinations.values() for row in planning.rows(one, catalog)]
    lines = io.StringIO()
    writer = csv.DictWriter(lines, COLUMNS, delimiter=";")
    writer.writeheader()
    writer.writerows(rows or EXAMPLE_ROWS)
    answer = HttpResponse("\ufeff" + lines.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="vaivem-combinations.csv"'
    return answer


def _entry(recipe: Recipe, catalog: WorkspaceCatalog) -> dict[str, object]:
    rows = {row.connector: row.slug for row in reversed(list(catalog.connections.values()))}
    accounts: dict[str, int | str] = {
        one.key: rows.get(one.connector, f"<{one.connector}>") for one in recipe.accounts
    }
    chosen = {
        one.key: f"<{connector_text(recipe.connector, f'recipes.{recipe.key}.{one.key}') or one.key}>"
        for one in recipe.choices
        if one.required and not one.default
    }
    title = connector_text(recipe.connector, f"recipes.{recipe.key}.title") or recipe.key
    return {**recipe.definition(accounts, chosen, title), "enabled": False}


def text_of(request: HttpRequest) -> str:
    """Return the file's text, or what was pasted; raises FileError and UnicodeDecodeError."""
    file = request.FILES.get("file")
    if file is None:
        text = request.POST.get("text", "")
        if len(text.encode()) > MAX_SIZE:
            raise files.FileError("file_too_large", params={"max": MAX_SIZE})
        return text
    if (file.size or 0) > MAX_SIZE:
        raise files.FileError("file_too_large", params={"max": MAX_SIZE})
    content: bytes = file.read()
    return content.decode("utf-8-sig")


def _fingerprint(planned: files.Plan) -> str:
    """Return what two plans that do the same have in common."""
    data = json.dumps([change.to_dict() for change in planned.changes], sort_keys=True, default=str)
    return hashlib.sha256(data.encode()).hexdigest()


def _plan_page(
    request: MemberRequest, text: str, planned: files.Plan, refused: str = "", status: int = 200
) -> HttpResponse:
    catalog = WorkspaceCatalog(request.workspace)
    values = {
        "text": text,
        "seen": _fingerprint(planned),
        "ok": planned.ok,
        "idle": planned.acts[files.Act.UNCHANGED] == len(planned.changes),
        "acts": {act.value: planned.acts[act] for act in files.Act},
        "refused": refused,
        "changes": [shown_change(change, catalog, is_table=planned.is_table) for change in planned.changes],
    }
    status = status if planned.ok or status != 200 else 422
    return render(request, "rules/file_plan.html", values, status=status)


def shown_change(change: files.Change, catalog: WorkspaceCatalog, *, is_table: bool) -> ChangeShown:
    """Return a change in words, each problem with its place in the file."""
    definition = dict(change.definition)
    problems = []
    for problem, line in zip(change.problems, change.lines, strict=True):
        if change.kind is files.Kind.COMBINATION:
            place, text = _field_at(problem.path, definition, catalog), words.sentence(problem)
        else:
            place = words.place(problem.path, definition, catalog)
            text = str(words.explained(problem, definition, catalog))
        places = [_line(line, is_table), place]
        problems.append(": ".join([", ".join(filter(None, places)), text] if any(places) else [text]))
    if change.kind is files.Kind.COMBINATION:
        return ChangeShown(change, _pair(definition, catalog), problems)
    return ChangeShown(change, sentence_of(definition, catalog), problems)


def _line(line: int, is_table: bool) -> str:
    if not line:
        return ""
    return (_("Row %(number)s") if is_table else _("Line %(number)s")) % {"number": line}


def _pair(data: dict[str, Any], catalog: WorkspaceCatalog) -> str:
    source, target = (catalog.connection(str(data.get(key, ""))) for key in ("from", "to"))
    if source is None or target is None:
        return ""
    return f"{source.name} → {target.name}: {object_names(target.connector, str(data.get('object', '')))}"


def _field_at(path: str, data: dict[str, Any], catalog: WorkspaceCatalog) -> str:
    if not path.startswith("fields."):
        return ""
    step = {"kind": "action", "connection": data.get("to"), "action": ""}
    row = catalog.connection(str(data.get("to", "")))
    if row:
        step["action"] = offered(row.pk, str(data.get("object", "")), catalog)[2]
    return words.place(f"then[0].{path}", {"then": [step]}, catalog).partition(", ")[2]


def _refused(request: MemberRequest, reason: str, problems: tuple[Problem, ...] = ()) -> HttpResponse:
    text = request.POST.get("text", "")[:MAX_SIZE]
    found = [(problem.path, words.sentence(problem)) for problem in problems]
    values = {"refused": reason, "problems": found, "text": text}
    return render(request, "rules/file.html", values, status=422)


def _applied(request: MemberRequest, planned: files.Plan) -> HttpResponse:
    files.apply(planned, request.user)
    messages.success(request, _("Done: everything is as the file says."))
    only = not planned.of(files.Kind.RULE)
    return redirect("combinations" if only else "rules", request.workspace.slug)


def _attached(text: str, name: str) -> HttpResponse:
    answer = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
