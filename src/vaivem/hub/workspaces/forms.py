"""Forms about people and workspaces."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from babel.core import get_global
from babel.numbers import get_currency_name, get_territory_currencies
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from vaivem.hub.shell.long_select import LongSelect
from vaivem.hub.shell.numbers import babel_locale
from vaivem.hub.workspaces.access import is_owner_code
from vaivem.hub.workspaces.models import Member, Role, Workspace
from vaivem.hub.workspaces.scopes import AREAS

if TYPE_CHECKING:  # Django's form classes take no parameter at run time
    MemberModelForm = forms.ModelForm[Member]
    WorkspaceModelForm = forms.ModelForm[Workspace]
else:
    MemberModelForm = WorkspaceModelForm = forms.ModelForm

FIRST_CURRENCIES = ("BRL", "USD", "EUR")
LANGUAGE_CHOICES = list(settings.LANGUAGE_NAMES.items())


class OwnerForm(forms.Form):
    """The first owner and their workspace."""

    code = forms.CharField(label=_("Code shown when Vaivém started"), max_length=40)
    workspace = forms.CharField(label=_("Company"), max_length=80)
    name = forms.CharField(label=_("Your name"), max_length=80)
    email = forms.EmailField(label=_("Your e-mail"))
    password = forms.CharField(label=_("Choose a password"), widget=forms.PasswordInput, strip=False)

    def clean_code(self) -> str:
        """Refuse a wrong code."""
        code: str = self.cleaned_data["code"]
        if not is_owner_code(code):
            raise forms.ValidationError(
                _("This is not the code. It stands in the terminal where Vaivém was started, "
                  "and in the file owner.code of the data folder.")
            )  # fmt: skip
        return code

    @override
    def clean(self) -> dict[str, Any]:
        """Check the password against what else was entered."""
        values: dict[str, Any] = super().clean() or {}
        check_password(self, values, values.get("email", ""))
        return values


class ProfileForm(MemberModelForm):
    """What a member decides for themselves."""

    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGE_CHOICES)
    theme = forms.ChoiceField(label=_("Theme"), choices=settings.THEMES)

    class Meta:
        """The fields."""

        model = Member
        fields = ("name", "language", "theme", "keyboard")
        labels = {"name": _("Your name"), "keyboard": _("Single-key shortcuts")}


class WorkspaceForm(WorkspaceModelForm):
    """A workspace's own settings."""

    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGE_CHOICES)
    zone = forms.ChoiceField(label=_("Time zone"), widget=LongSelect)
    currency = forms.ChoiceField(label=_("Currency"), widget=LongSelect)
    retention_days = forms.IntegerField(
        label=_("Keep the history for"), min_value=30, max_value=3650, help_text=_("In days, 30 at least.")
    )
    late_minutes = forms.IntegerField(
        label=_("Alert when an event waits for"), min_value=5, max_value=10080, help_text=_("In minutes.")
    )
    decision_hours = forms.IntegerField(
        label=_("Alert when a decision waits for"), min_value=1, max_value=720, help_text=_("In hours.")
    )

    record_changes = forms.IntegerField(
        label=_("Hold a rule that changes one record more than"), min_value=1, max_value=1_000_000,
        help_text=_("Times in an hour. A rule may have its own limit."),
    )  # fmt: skip
    busy_runs = forms.IntegerField(
        label=_("Runs of a rule in an hour that are never too many"), min_value=1, max_value=100_000_000,
        help_text=_(
            "Above it, a rule is held that runs ten times as often as in its busiest hour of 14 days."
        ),
    )  # fmt: skip

    class Meta:
        """The fields."""

        model = Workspace
        fields = (
            "name", "zone", "language", "currency", "number_format", "retention_days", "late_minutes",
            "decision_hours", "record_changes", "busy_runs",
        )  # fmt: skip
        labels = {"name": _("Company"), "number_format": _("Numbers")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_zones(self.fields["zone"])
        field = self.fields["currency"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = currencies()


BRAZIL = frozenset(
    f"America/{city}"
    for city in (
        "Sao_Paulo", "Manaus", "Cuiaba", "Campo_Grande", "Fortaleza", "Recife", "Bahia", "Belem", "Maceio",
        "Araguaina", "Santarem", "Porto_Velho", "Boa_Vista", "Rio_Branco", "Eirunepe", "Noronha",
    )
)  # fmt: skip


class MailLinkForm(forms.Form):
    """Where a sign-in link is sent."""

    email = forms.EmailField(label=_("E-mail"), max_length=254)


class InvitationForm(forms.Form):
    """An invitation to a workspace."""

    email = forms.EmailField(label=_("E-mail"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.EDITOR)


class NewAccountForm(forms.Form):
    """The account of somebody who was invited; `email` is the invited address."""

    name = forms.CharField(label=_("Your name"), max_length=80)
    password = forms.CharField(label=_("Choose a password"), widget=forms.PasswordInput, strip=False)

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    @override
    def clean(self) -> dict[str, Any]:
        """Check the password against what else was entered."""
        values: dict[str, Any] = super().clean() or {}
        check_password(self, values, self.email)
        return values


class NewWorkspaceForm(forms.Form):
    """A workspace to be made."""

    name = forms.CharField(label=_("Company"), max_length=80)
    zone = forms.ChoiceField(label=_("Time zone"), widget=LongSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_zones(self.fields["zone"])


class ApiTokenForm(forms.Form):
    """A new API token: what for, until when, and what it may do in each area (`may_rules` and so on)."""

    name = forms.CharField(label=_("What is it for?"), max_length=80)
    days = forms.TypedChoiceField(
        label=_("It works for"),
        coerce=int,
        initial=90,
        choices=[
            (30, _("30 days")),
            (90, _("90 days")),
            (365, _("one year")),
            (0, _("until it is revoked")),
        ],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for area, label in AREAS.items():
            self.fields[f"may_{area}"] = forms.ChoiceField(
                label=label,
                required=False,
                choices=[("", _("nothing")), ("read", _("read")), ("write", _("read and change"))],
            )

    @property
    def areas(self) -> list[forms.BoundField]:
        """Return the fields of the areas."""
        return [self[f"may_{area}"] for area in AREAS]

    @override
    def clean(self) -> dict[str, Any]:
        """Refuse a token that may do nothing."""
        values: dict[str, Any] = super().clean() or {}
        if not self.errors and not self.scopes():
            self.add_error(None, _("Choose at least one thing that the token may do."))
        return values

    def scopes(self) -> tuple[str, ...]:
        """Return what was chosen, as scopes."""
        found: list[str] = []
        for area in AREAS:
            chosen = self.cleaned_data.get(f"may_{area}")
            found += [f"{area}:read"] if chosen else []
            found += [f"{area}:write"] if chosen == "write" else []
        return tuple(found)


def check_password(form: forms.Form, values: dict[str, Any], email: str) -> None:
    """Note on a form's password what makes it weak."""
    if not values.get("password"):
        return
    try:
        validate_password(values["password"], Member(email=email, name=values.get("name", "")))
    except forms.ValidationError as error:
        form.add_error("password", error)


def _offer_zones(field: forms.Field) -> None:
    assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared as one
    field.choices = _zones()


@cache
def _zones() -> list[tuple[str, str]]:
    """Return all time zones with their names, Brazil's first; once, because it reads a whole folder."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
    zones.sort(key=lambda zone: zone not in BRAZIL)
    return [(zone, zone.replace("_", " ")) for zone in zones]


def currencies() -> list[tuple[str, str]]:
    """Return the currencies in use, by name, those of most of our readers first."""
    locale = babel_locale()
    names = {code: get_currency_name(code, locale=locale) for code in _used_currencies()}
    rest = sorted(names.keys() - set(FIRST_CURRENCIES), key=lambda code: names[code].lower())
    return [(code, f"{code} · {names[code]}") for code in (*FIRST_CURRENCIES, *rest)]


@cache
def _used_currencies() -> frozenset[str]:
    territories = get_global("territory_currencies")
    return frozenset(code for territory in territories for code in get_territory_currencies(territory))
