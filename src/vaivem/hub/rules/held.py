"""Rules that the breaker holds: why, in words, and the limits that a rule may have of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from vaivem.hub.messages import Explained, explain
from vaivem.hub.rules.models import Rule, RuleState
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.models import Member

if TYPE_CHECKING:  # Django's form classes take no parameter at run time
    RuleModelForm = forms.ModelForm[Rule]
else:
    RuleModelForm = forms.ModelForm


class LimitsForm(RuleModelForm):
    """A rule's own limits; an empty one leaves it to the workspace's."""

    record_changes = forms.IntegerField(
        label=_("Changes of one record in an hour, at most"), min_value=1, max_value=1_000_000, required=False
    )
    busy_runs = forms.IntegerField(
        label=_("Runs in an hour that are never too many"), min_value=1, max_value=100_000_000, required=False
    )

    class Meta:
        """The fields."""

        model = Rule
        fields = ("record_changes", "busy_runs")


def limits_form(rule: Rule, data: object = None) -> LimitsForm:
    """Return the form of a rule's limits; the workspace's show where it has none."""
    form = LimitsForm(data, instance=rule)  # type: ignore[arg-type]
    for name in LimitsForm.Meta.fields:
        form.fields[name].widget.attrs["placeholder"] = str(getattr(rule.workspace, name))
    return form


def save_limits(form: LimitsForm, member: Member | None) -> None:
    """Keep a valid form's limits; the engine reads them at its next look."""
    rule: Rule = form.instance
    before = {name: form.initial.get(name) for name in form.changed_data}
    rule.save(update_fields=[*LimitsForm.Meta.fields, "updated"])
    if before:
        after = {name: form.cleaned_data[name] for name in before}
        audit.note(rule.workspace, member, "rule.limits", rule.title, before=before, after=after)


def held_rules(workspace: int) -> QuerySet[Rule]:
    """Return the rules of a workspace that are held, the longest held first."""
    rows = Rule.objects.filter(workspace=workspace, state=RuleState.PAUSED, held__isnull=False)
    return rows.order_by("held_since", "pk")


def why_held(rule: Rule) -> Explained | None:
    """Return why a rule is held and what to do; None when it is not."""
    if rule.state != RuleState.PAUSED or not rule.held:
        return None
    return explain(str(rule.held.get("code")), _named(rule.held.get("params") or {}))


def _named(params: dict[str, object]) -> dict[str, object]:
    return {**params, "name": params.get("name") or params.get("object") or ""}
