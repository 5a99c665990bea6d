"""Forms made from a connector's manifest: what is pasted and chosen, and how the connection is called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from typing_extensions import override

from vaivem.connectors.sdk import Connector
from vaivem.connectors.sdk.manifest import AuthField, AuthMethod, Setting
from vaivem.core.fields import Option
from vaivem.hub.connections.models import Connection
from vaivem.hub.connections.names import MAX_NAME, is_taken
from vaivem.hub.connections.pasting import clean_lines, clean_many, clean_pasted, listed
from vaivem.hub.messages import connector_text
from vaivem.hub.workspaces.models import Workspace

MOST_PASTED = 10_000  # letters: a private key of 8192 bits, or many signing keys
NUMBERS = {"integer": forms.IntegerField, "number": forms.FloatField, "money": forms.FloatField}


def settings_of(connector: Connector, method: str) -> list[Setting]:
    """Return the settings that this way to connect has."""
    return [one for one in connector.manifest.settings if not one.methods or method in one.methods]


class SettingsForm(forms.Form):
    """A connection's settings. `lists` holds the live lists that could be read, by their source.

    A setting that is chosen from a list which was not read yet is left alone.
    """

    def __init__(
        self,
        connector: Connector,
        method: str,
        *args: Any,
        values: Mapping[str, Any] | None = None,
        lists: Mapping[str, Sequence[Option]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.connector = connector
        self.method = method
        self.values = {**connector.manifest.defaults(), **(values or {})}
        self.lists = lists or {}
        self.chosen = [
            one for one in settings_of(connector, method) if not one.source or one.source in self.lists
        ]
        for setting in self.chosen:
            self.fields[f"set_{setting.key}"] = self._field(setting)

    def _field(self, setting: Setting) -> forms.Field:
        key = self.connector.key
        common: dict[str, Any] = {
            "label": connector_text(key, f"settings.{setting.key}") or setting.key,
            "help_text": connector_text(key, f"settings.{setting.key}.help"),
            "required": False,
            "initial": self.values.get(setting.key),
        }
        if setting.source:
            options = [
                (str(option.value), option.label or str(option.value))
                for option in self.lists[setting.source]
            ]
            return forms.ChoiceField(choices=[("", _("– none –")), *options], **common)
        if setting.choices:
            named = [
                (one, connector_text(key, f"settings.{setting.key}.{one}") or one) for one in setting.choices
            ]
            return forms.ChoiceField(choices=named, **common)
        if setting.type == "boolean":
            return forms.BooleanField(**common)
        if setting.type in NUMBERS:
            return NUMBERS[setting.type](min_value=0, **common)
        if setting.type == "url":
            return forms.URLField(assume_scheme="https", **common)
        widget = forms.Textarea(attrs={"rows": 3}) if setting.type == "long_text" else None
        return forms.CharField(max_length=2000, widget=widget, **common)

    def open_settings(self) -> Iterator[forms.BoundField]:
        """Return the settings that are shown at once."""
        return (self[f"set_{setting.key}"] for setting in self.chosen if not setting.folded)

    def folded_settings(self) -> Iterator[forms.BoundField]:
        """Return the settings that few people need."""
        return (self[f"set_{setting.key}"] for setting in self.chosen if setting.folded)

    def settings(self) -> dict[str, Any]:
        """Return the chosen settings; what is at its default is left out, so that a better one reaches it."""
        defaults = self.connector.manifest.defaults()
        given = {setting.key: self.cleaned_data.get(f"set_{setting.key}") for setting in self.chosen}
        kept = {key: value for key, value in self.values.items() if key not in given}
        every = {**kept, **given}
        return {
            key: value
            for key, value in every.items()
            if value != defaults.get(key) and value not in ("", None)
        }


class SecretLines(forms.Textarea):
    """A place to paste a secret of several lines: as with a password, what was entered is not shown again."""

    @override
    def format_value(self, value: Any) -> str | None:
        return None


def pasted_field(
    connector: Connector, method: AuthMethod, field: AuthField, *, required: bool
) -> forms.CharField:
    """Return the form field of something that is pasted."""
    several = field.lines or field.many
    kind = SecretLines if several else forms.PasswordInput if field.secret else forms.TextInput
    attrs = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
    return forms.CharField(
        label=connector_text(connector.key, f"auth.{method.key}.{field.key}") or field.key,
        help_text=connector_text(connector.key, f"auth.{method.key}.{field.key}.help"),
        required=required,
        max_length=MOST_PASTED,
        strip=False,
        widget=kind(attrs=attrs | ({"rows": "6" if field.lines else "2"} if several else {})),
    )


def cleaned(field: AuthField, text: str) -> str | list[str]:
    """Return what was pasted, forgiven what surrounds it: a list for a field of several."""
    if field.many:
        return clean_many(text)
    return clean_lines(text) if field.lines else clean_pasted(text, field.key)


class ConnectForm(SettingsForm):
    """The connect page's form: credentials, name, settings. `kept` are credentials pasted a moment ago."""

    def __init__(
        self,
        connector: Connector,
        method: AuthMethod,
        workspace: Workspace,
        *args: Any,
        row: Connection | None = None,
        kept: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(connector, method.key, *args, **kwargs)
        self.workspace = workspace
        self.row = row
        self.kept = dict(kept or {})
        self.auth = method
        for field in method.fields:
            required = field.required and field.key not in self.kept
            self.fields[f"cred_{field.key}"] = pasted_field(connector, method, field, required=required)
        if row is None:
            self.fields["name"] = forms.CharField(
                label=_("Name of the connection"),
                max_length=MAX_NAME,
                required=False,
                help_text=_("How it appears in the rules. Leave it empty and we take the account's name."),
            )

    def credential_fields(self) -> Iterator[forms.BoundField]:
        """Return what is pasted."""
        return (self[f"cred_{field.key}"] for field in self.auth.fields)

    @override
    def clean(self) -> dict[str, Any]:
        """Clean what was pasted; a value that was nothing but quotes is missing."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        for field in self.auth.fields:
            name = f"cred_{field.key}"
            values[name] = cleaned(field, values.get(name) or "")
            if not values[name] and field.required and field.key not in self.kept and name not in self.errors:
                self.add_error(name, _("Paste it here; what came had nothing in it but blanks or quotes."))
        return values

    def clean_name(self) -> str:
        """Refuse a name that is taken."""
        name = str(self.cleaned_data.get("name") or "").strip()
        if name and is_taken(self.workspace, name):
            raise forms.ValidationError(
                _("Another connection is already called “%(name)s”.") % {"name": name}
            )
        return name

    def credentials(self) -> dict[str, Any]:
        """Return what was pasted now, or a moment ago."""
        pasted = {field.key: self.cleaned_data[f"cred_{field.key}"] for field in self.auth.fields}
        return {**self.kept, **{key: value for key, value in pasted.items() if value}}


class ChangeForm(SettingsForm):
    """The settings of a connection that is there, with its lists of secrets, to be added to and shortened.

    `kept` are the opened credentials; no secret of them is shown, only its end.
    """

    def __init__(
        self, connector: Connector, method: AuthMethod, *args: Any, kept: Mapping[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(connector, method.key, *args, **kwargs)
        self.secrets = {field.key: listed(kept.get(field.key)) for field in method.fields if field.many}
        self.labels: dict[str, Any] = {}
        named = {field.key: field for field in method.fields}
        for key, known in self.secrets.items():
            field = pasted_field(connector, method, named[key], required=False)
            self.labels[key], field.label = field.label, _("Add, one a line")
            self.fields[f"add_{key}"] = field
            shown = [(secret_name(one), one[-4:]) for one in known]
            self.fields[f"drop_{key}"] = forms.MultipleChoiceField(
                choices=shown, required=False, widget=forms.CheckboxSelectMultiple
            )

    def key_parts(self) -> Iterator[Mapping[str, Any]]:
        """Return what the page shows of each list of secrets."""
        for key, known in self.secrets.items():
            yield {
                "label": self.labels[key],
                "kept": known,
                "add": self[f"add_{key}"],
                "drop": self[f"drop_{key}"],
            }

    def changed_secrets(self) -> dict[str, list[str]]:
        """Return the lists that a person changed, as they are to be."""
        changed: dict[str, list[str]] = {}
        for key, known in self.secrets.items():
            dropped = set(self.cleaned_data[f"drop_{key}"])
            left = [one for one in known if secret_name(one) not in dropped]
            added = clean_many(self.cleaned_data.get(f"add_{key}") or "")
            wanted = list(dict.fromkeys([*left, *added]))
            if wanted != known:
                changed[key] = wanted
        return changed


def secret_name(secret: str) -> str:
    """Return what a page calls a secret by without showing it."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


class NameForm(forms.Form):
    """A new name for a connection."""

    name = forms.CharField(label=gettext_lazy("Name of the connection"), max_length=MAX_NAME)

    def __init__(self, row: Connection, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].initial = row.name
        self.row = row

    def clean_name(self) -> str:
        """Refuse a name that is taken."""
        name = str(self.cleaned_data["name"]).strip()
        if is_taken(self.row.workspace, name, self.row.pk):
            raise forms.ValidationError(
                _("Another connection is already called “%(name)s”.") % {"name": name}
            )
        return name


class OAuthAppForm(forms.Form):
    """The client id and secret of an app at a vendor."""

    client_id = forms.CharField(label="Client ID", max_length=300, strip=False)
    client_secret = forms.CharField(
        label="Client secret",
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def clean_client_id(self) -> str:
        """Forgive what surrounds it."""
        return clean_pasted(self.cleaned_data["client_id"], "client_id")

    def clean_client_secret(self) -> str:
        """Forgive what surrounds it."""
        return clean_pasted(self.cleaned_data["client_secret"], "client_secret")
