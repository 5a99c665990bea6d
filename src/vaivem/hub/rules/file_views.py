"""Rules from a file, in the browser: what it would change is shown first, and done when it is confirmed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import yaml
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from vaivem.connectors.sdk.recipes import Recipe, all_recipes
from vaivem.core.errors import RuleError
from vaivem.hub.messages import connector_text
from vaivem.hub.rules import files, words
from vaivem.hub.rules.catalog import WorkspaceCatalog
from vaivem.hub.rules.models import Rule, RuleState
from vaivem.hub.rules.sentences import sentence_of
from vaivem.hub.workspaces.guard import MemberRequest, for_role
from vaivem.hub.workspaces.models import Role

MAX_SIZE = 500_000  # bytes; the plan's page carries it once more, encoded, within what a form may hold


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
        text = _text_of(request)
        planned = files.plan(text, request.workspace)
        seen = _fingerprint(planned)
        asked = request.POST.get("seen", "")
        if asked and asked != seen:
            raise files.PlanError("plan_is_old")
        if asked:
            return _applied(request, files.apply(planned, request.user))
    except files.FileError as error:
        return _refused(request, words.sentence(error.problem))
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
    text = files.as_file(list(kept), WorkspaceCatalog(request.workspace))
    return _attached(text, f"vaivem-{request.workspace.slug}.yaml")


@require_safe
@for_role(place="rules")
def example(request: MemberRequest) -> HttpResponse:
    """Send a file to fill: each recipe as a rule that stays off, with the workspace's own accounts."""
    catalog = WorkspaceCatalog(request.workspace)
    entries = [_entry(recipe, catalog) for recipe in all_recipes()]
    text = yaml.safe_dump({"rules": entries}, allow_unicode=True, sort_keys=False, width=110)
    note = _("An example: keep the rules that you need, and fill in what stands in angle brackets.")
    return _attached(f"# {note}\n{text}", "vaivem-rules-example.yaml")


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


def _text_of(request: HttpRequest) -> str:
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
        "changes": [_shown(change, catalog) for change in planned.changes],
    }
    status = status if planned.ok or status != 200 else 422
    return render(request, "rules/file_plan.html", values, status=status)


def _shown(change: files.Change, catalog: WorkspaceCatalog) -> ChangeShown:
    definition = dict(change.definition)
    problems = []
    for problem in change.problems:
        place = words.place(problem.path, definition, catalog)
        text = str(words.explained(problem, definition, catalog))
        problems.append(f"{place}: {text}" if place else text)
    return ChangeShown(change, sentence_of(definition, catalog), problems)


def _refused(request: MemberRequest, reason: str) -> HttpResponse:
    values = {"refused": reason, "text": request.POST.get("text", "")[:MAX_SIZE]}
    return render(request, "rules/file.html", values, status=422)


def _applied(request: MemberRequest, made: list[Rule]) -> HttpResponse:
    done = ngettext(
        "Done: %(number)s rule is as the file says.",
        "Done: %(number)s rules are as the file says.",
        len(made),
    )
    messages.success(request, done % {"number": len(made)})
    return redirect("rules", request.workspace.slug)


def _attached(text: str, name: str) -> HttpResponse:
    answer = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
