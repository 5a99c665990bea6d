"""Forms about people and workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from vaivem.hub.workspaces.access import is_owner_code
from vaivem.hub.workspaces.models import Member, Role, Workspace

if TYPE_CHECKING:  # Django's form classes take no parameter at run time
    MemberModelForm = forms.ModelForm[Member]
    WorkspaceModelForm = forms.ModelForm[Workspace]
else:
    MemberModelForm = WorkspaceModelForm = forms.ModelForm

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
        if values.get("password"):
            person = Member(email=values.get("email", ""), name=values.get("name", ""))
            try:
                validate_password(values["password"], person)
            except forms.ValidationError as error:
                self.add_error("password", error)
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
    zone = forms.ChoiceField(label=_("Time zone"))
    retention_days = forms.IntegerField(
        label=_("Keep the history for"), min_value=30, max_value=3650, help_text=_("In days, 30 at least.")
    )

    class Meta:
        """The fields."""

        model = Workspace
        fields = ("name", "zone", "language", "retention_days")
        labels = {"name": _("Company")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
        brazil = [zone for zone in zones if zone in BRAZIL]
        field = self.fields["zone"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [
            (zone, zone.replace("_", " ")) for zone in brazil + [z for z in zones if z not in BRAZIL]
        ]


BRAZIL = frozenset(
    f"America/{city}"
    for city in (
        "Sao_Paulo", "Manaus", "Cuiaba", "Campo_Grande", "Fortaleza", "Recife", "Bahia", "Belem", "Maceio",
        "Araguaina", "Santarem", "Porto_Velho", "Boa_Vista", "Rio_Branco", "Eirunepe", "Noronha",
    )
)  # fmt: skip


class MemberForm(forms.Form):
    """A new member of a workspace."""

    name = forms.CharField(label=_("Name"), max_length=80)
    email = forms.EmailField(label=_("E-mail"))
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.EDITOR)


class ApiTokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(label=_("What is it for?"), max_length=80)
    scope = forms.ChoiceField(
        label=_("It may"), choices=[("read", _("only read")), ("write", _("read and change"))]
    )
