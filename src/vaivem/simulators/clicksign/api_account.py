"""API v3 around the envelopes: templates, folders, people, WhatsApp acceptances, terms; v1's account."""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vaivem.simulators.clicksign.api import Call, Gate, token_of
from vaivem.simulators.clicksign.attributes import Attribute, Schema, read_attributes, read_data, related_id
from vaivem.simulators.clicksign.jsonapi import filters, page, resource, span
from vaivem.simulators.clicksign.problems import (
    bad_request,
    forbidden,
    model_error,
    unprocessable,
)
from vaivem.simulators.clicksign.records import Record, new_id
from vaivem.simulators.clicksign.values import is_cpf, is_date, is_email, is_phone
from vaivem.simulators.kit.answers import json_answer

if TYPE_CHECKING:
    from vaivem.simulators.clicksign.app import ClicksignSimulator

COLORS = ["#1474f5", "#15d3c9", "#05c412", "#fccf00", "#f77c04", "#cf2e58", "#ff86d5", "#8726d9", "#577b8d"]
_TEMPLATE = {
    "name": Attribute(required=True),
    "content_base64": Attribute(required=True),
    "color": Attribute(),
}
_FOLDER = {"name": Attribute(required=True)}
_USER = {"name": Attribute(required=True), "email": Attribute(required=True), "phone_number": Attribute()}
_MEMBERSHIP: Schema = {
    "role": Attribute(
        required=True, choices=("admin", "global", "observer", "downloader", "financial", "manager")
    ),
    "consumption_accessible": Attribute(bool),
    "tracking_accessible": Attribute(bool),
    "folder_management_accessible": Attribute(bool),
}
_ACCEPTANCE = {
    "title": Attribute(required=True),
    "message": Attribute(required=True),
    "sender_name_option": Attribute(
        required=True, choices=("user_name", "account_name", "user_and_account_name")
    ),
    "signer_name": Attribute(required=True),
    "signer_phone": Attribute(required=True),
    "sender_phone": Attribute(),
}
_ACCEPTANCE_CHANGE = {"status": Attribute(required=True, choices=("canceled",))}
_TERM = {name: Attribute(required=True) for name in ("name", "documentation", "birthday", "email")}
_VARIABLE = re.compile(r"\{\{\s*([^{}~]+?)\s*\}\}")


class AccountCalls:
    """The handlers of everything that is not an envelope or a webhook."""

    def __init__(self, simulator: ClicksignSimulator) -> None:
        self._simulator = simulator
        self._account = simulator.account

    def routes(self, gate: Gate) -> list[BaseRoute]:
        templates, members = "/templates/{record}", "/memberships/{record}"
        acceptances = "/acceptance_term/whatsapps"
        return [
            gate.route("/templates", GET=self.list_templates, POST=self.create_template),
            gate.route(
                templates, GET=self.show_template, PATCH=self.edit_template, DELETE=self.drop_template
            ),
            gate.route("/folders", GET=self.list_folders, POST=self.create_folder),
            gate.route("/folders/{record}", GET=self.show_folder),
            gate.route("/users", False, GET=self.list_users, POST=self.create_user),
            gate.route("/users/{record}", False, GET=self.show_user),
            gate.route("/memberships", False, GET=self.list_members, POST=self.create_member),
            gate.route(members, False, PUT=self.edit_member, DELETE=self.drop_member),
            gate.route(acceptances, GET=self.list_acceptances, POST=self.create_acceptance),
            gate.route(f"{acceptances}/{{record}}", GET=self.show_acceptance, PATCH=self.cancel_acceptance),
            gate.route("/auto_signature/terms", POST=self.create_term),
            Route("/api/v1/accounts", self.account_v1),
        ]

    async def account_v1(self, request: Request) -> Response:
        """The old API's account; it takes the token in the query only."""
        settings = self._account.settings
        token = request.query_params.get("access_token") or token_of(request, settings["lenient_bearer"])
        if token not in self._account.tokens or self._simulator.faults.expire_tokens:
            return json_answer({"errors": ["Access Token inválido"]}, 401)
        admins = [{"email": user["email"]} for user in self._account["users"].values()]
        return json_answer({"account": {"name": settings["name"], "admins": admins}})

    # -- templates

    def list_templates(self, call: Call) -> tuple[int, Record]:
        self._need_templates()
        wanted = filters(call.query, ("name", "color", "created", "modified"))
        found = list(self._account["templates"].values())
        for name, value in wanted.items():
            if name in ("created", "modified"):
                start, end = span(name, value)
                found = [t for t in found if start <= t[name] <= end]
            else:
                found = [t for t in found if t[name] == value]
        return 200, page(call.address, call.query, found, lambda t: self._shown_template(call, t))

    def create_template(self, call: Call) -> tuple[int, Record]:
        self._need_templates()
        given = read_attributes(read_data(call.body, "templates"), _TEMPLATE)
        _check_color(given)
        content, text = _document_text(given["content_base64"])
        template = {
            **self._stamps(),
            "name": given["name"],
            "color": given.get("color") or COLORS[0],
            "file": self._account.keep_file(content),
            "text": text,
            "variables": list(dict.fromkeys(_VARIABLE.findall(text))),
        }
        self._account.add("templates", template)
        return 201, {"data": self._shown_template(call, template)}

    def show_template(self, call: Call) -> tuple[int, Record]:
        self._need_templates()
        return 200, {"data": self._shown_template(call, self._record(call, "templates"))}

    def edit_template(self, call: Call) -> tuple[int, Record]:
        self._need_templates()
        template = self._record(call, "templates")
        schema = {name: _TEMPLATE[name] for name in ("name", "color")}
        data = read_data(call.body, "templates", template["id"])
        given = read_attributes(data, schema, creating=False)
        _check_color(given)
        template.update({name: value for name, value in given.items() if value is not None})
        template["modified"] = self._simulator.notifier.now()
        return 200, {"data": self._shown_template(call, template)}

    def drop_template(self, call: Call) -> tuple[int, None]:
        self._need_templates()
        self._account.remove("templates", self._record(call, "templates"))
        return 204, None

    def _need_templates(self) -> None:
        if not self._account.settings["templates_enabled"]:
            raise forbidden("A conta não possui acesso a essa funcionalidade")

    def _shown_template(self, call: Call, template: Record) -> Record:
        address = f"{self._simulator.base_url}/media/{template['file']}/file.docx"
        return resource(call.base, "templates", template, {"original": address})

    # -- folders

    def list_folders(self, call: Call) -> tuple[int, Record]:
        wanted = filters(call.query, ("in_root",))
        found = list(self._account["folders"].values())
        if "in_root" in wanted:
            found = [f for f in found if f["in_root"] == (wanted["in_root"] == "true")]
        return 200, page(call.address, call.query, found, lambda f: resource(call.base, "folders", f))

    def create_folder(self, call: Call) -> tuple[int, Record]:
        data = read_data(call.body, "folders")
        given = read_attributes(data, _FOLDER)
        parent_id = related_id(data, "folder", "folders")
        parent = self._account.find("folders", parent_id) if parent_id else None
        path = f"{parent['path']}/{parent['name']}" if parent else ""
        folder = {**self._stamps(), "name": given["name"], "path": path, "in_root": parent is None}
        self._account.add("folders", folder)
        return 201, {"data": resource(call.base, "folders", folder)}

    def show_folder(self, call: Call) -> tuple[int, Record]:
        return 200, {"data": resource(call.base, "folders", self._record(call, "folders"))}

    # -- users and members

    def list_users(self, call: Call) -> tuple[int, Record]:
        wanted = filters(call.query, ("email",))
        found = list(self._account["users"].values())
        if "email" in wanted:
            found = [user for user in found if user["email"] == wanted["email"]]
        return 200, page(call.address, call.query, found, lambda u: resource(call.base, "users", u))

    def create_user(self, call: Call) -> tuple[int, Record]:
        given = read_attributes(read_data(call.body, "users"), _USER)
        users = self._account["users"].values()
        if not is_email(given["email"]):
            raise unprocessable(model_error("email", "não é válido"))
        if any(user["email"] == given["email"] for user in users):
            raise unprocessable(model_error("email", "O e-mail informado já está em uso. Tente outro"))
        domains = {user["email"].rpartition("@")[2] for user in users}
        if given["email"].rpartition("@")[2] not in domains:
            text = "O domínio do usuário a ser criado precisa ser o mesmo da conta solicitante."
            raise forbidden(text, "Não autorizado")
        user = {**self._stamps(), **given, "phone_number": given.get("phone_number")}
        self._account.add("users", user)
        return 201, {"data": resource(call.base, "users", user)}

    def show_user(self, call: Call) -> tuple[int, Record]:
        return 200, {"data": resource(call.base, "users", self._record(call, "users"))}

    def list_members(self, call: Call) -> tuple[int, Record]:
        wanted = filters(call.query, ("user.id",))
        found = list(self._account["memberships"].values())
        if "user.id" in wanted:
            found = [m for m in found if m["user"] == wanted["user.id"]]
        return 200, page(call.address, call.query, found, lambda m: resource(call.base, "memberships", m))

    def create_member(self, call: Call) -> tuple[int, Record]:
        data = read_data(call.body, "memberships")
        given = read_attributes(data, _MEMBERSHIP)
        user_id = related_id(data, "user", "users")
        if user_id is None:
            raise bad_request("/data/relationships/user", "user deve ser informado(a)")
        user = self._account.find("users", user_id)
        if any(m["user"] == user["id"] for m in self._account["memberships"].values()):
            raise unprocessable(model_error("user_id", "já está em uso"))
        flags = {name: bool(given.get(name)) for name in _MEMBERSHIP if name != "role"}
        member = {**self._stamps(), "user": user["id"], "role": given["role"], **flags}
        self._account.add("memberships", member)
        return 201, {"data": resource(call.base, "memberships", member)}

    def edit_member(self, call: Call) -> tuple[int, Record]:
        member = self._record(call, "memberships")
        data = read_data(call.body, "memberships", member["id"])
        given = read_attributes(data, _MEMBERSHIP, creating=False)
        member.update({name: value for name, value in given.items() if value is not None})
        member["modified"] = self._simulator.notifier.now()
        return 200, {"data": resource(call.base, "memberships", member)}

    def drop_member(self, call: Call) -> tuple[int, None]:
        self._account.remove("memberships", self._record(call, "memberships"))
        return 204, None

    # -- WhatsApp acceptances and automatic signature

    def list_acceptances(self, call: Call) -> tuple[int, Record]:
        table = "acceptance_term_whatsapps"
        wanted = filters(call.query, ("status",))
        found = [a for a in self._account[table].values() if wanted.get("status", a["status"]) == a["status"]]
        return 200, page(call.address, call.query, found, lambda a: resource(call.base, table, a))

    def create_acceptance(self, call: Call) -> tuple[int, Record]:
        table = "acceptance_term_whatsapps"
        given = read_attributes(read_data(call.body, table), _ACCEPTANCE)
        if not is_phone(given["signer_phone"]):
            raise unprocessable(model_error("signer_phone", "não é válido"))
        acceptance = {
            **self._stamps(),
            "sender_phone": None,
            "sent_at": None,
            "status": "enqueued",
            "status_flow": "introduction",
            **given,
        }
        self._account.add(table, acceptance)
        self._simulator.notifier.emit_acceptance(acceptance)
        return 201, {"data": resource(call.base, table, acceptance)}

    def show_acceptance(self, call: Call) -> tuple[int, Record]:
        table = "acceptance_term_whatsapps"
        return 200, {"data": resource(call.base, table, self._record(call, table))}

    def cancel_acceptance(self, call: Call) -> tuple[int, Record]:
        table = "acceptance_term_whatsapps"
        acceptance = self._record(call, table)
        read_attributes(read_data(call.body, table, acceptance["id"]), _ACCEPTANCE_CHANGE)
        if acceptance["status"] not in ("enqueued", "sent", "pending"):
            raise unprocessable(model_error("status", "não pode ser cancelado"))
        acceptance.update(status="canceled", modified=self._simulator.notifier.now())
        self._simulator.notifier.emit_acceptance(acceptance)
        return 200, {"data": resource(call.base, table, acceptance)}

    def create_term(self, call: Call) -> tuple[int, Record]:
        given = read_attributes(read_data(call.body, "auto_signature_terms"), _TERM)
        wrong = [
            model_error(name, "inválido")
            for name, check in (("documentation", is_cpf), ("birthday", is_date), ("email", is_email))
            if not check(given[name])
        ]
        if wrong:
            raise unprocessable(*wrong)
        table = self._account["auto_signature_terms"]
        if any(term["email"] == given["email"] for term in table.values()):
            text = "Já existe um termo de assinatura automática para este signatário e operador."
            error = {
                "title": text,
                "detail": text,
                "code": "100",
                "source": {"pointer": "/data"},
                "status": "422",
            }
            raise unprocessable(error)
        term = {**self._stamps(), **given}
        self._account.add("auto_signature_terms", term)
        return 201, {"data": resource(call.base, "auto_signature_terms", term)}

    def _record(self, call: Call, table: str) -> Record:
        return self._account.find(table, call.path["record"])

    def _stamps(self) -> Record:
        now = self._simulator.notifier.now()
        return {"id": new_id(), "created": now, "modified": now}


def _check_color(given: Record) -> None:
    if given.get("color") is not None and given["color"] not in COLORS:
        raise unprocessable(model_error("color", "não está incluído na lista"))


def _document_text(content_base64: str) -> tuple[bytes, str]:
    """A .docx's bytes and its text, one line a paragraph."""
    wrong = unprocessable(model_error("content", "não é um arquivo .docx válido"))
    try:
        content = base64.b64decode(content_base64.partition(",")[2] or content_base64, validate=True)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            xml = archive.read("word/document.xml").decode()
    except (binascii.Error, zipfile.BadZipFile, KeyError, UnicodeDecodeError):
        raise wrong from None
    return content, re.sub(r"<[^>]+>", "", xml.replace("</w:p>", "\n")).strip()
