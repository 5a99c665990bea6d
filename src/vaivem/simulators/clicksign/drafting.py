"""Making an envelope's parts by the vendor's rules; the API, the pages and the control app all come here."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import timedelta
from typing import Any

from vaivem.simulators.clicksign.files import make_pdf
from vaivem.simulators.clicksign.notifier import Notifier
from vaivem.simulators.clicksign.problems import (
    Error,
    ProblemError,
    attribute_pointer,
    bad_request,
    forbidden,
    missing_attribute,
    model_error,
    not_draft,
    unprocessable,
)
from vaivem.simulators.clicksign.records import Account, Record, new_id
from vaivem.simulators.clicksign.requisites import requirement_problems
from vaivem.simulators.clicksign.values import (
    is_cpf,
    is_date,
    is_email,
    is_full_name,
    is_phone,
    read_instant,
    stamp,
)
from vaivem.simulators.kit.clock import Clock

DEFAULT_DAYS = 30
LONGEST_DAYS = 90
LARGEST_FILE = 10 * 1024 * 1024
LARGEST_ENVELOPE = 100 * 1024 * 1024
REMIND_INTERVALS = (1, 2, 3, 7, 14)
MEDIA_TYPES = {
    "text/plain": ".txt",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "application/pdf": ".pdf",
    "application/msword": ".doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
}


class Drafting:
    """Creates and changes envelopes, documents, signers and requirements."""

    def __init__(self, account: Account, clock: Clock, notifier: Notifier) -> None:
        self._account = account
        self._clock = clock
        self._notifier = notifier

    # -- envelopes

    def create_envelope(self, given: Record, folder: str | None = None) -> Record:
        """A draft. ``given`` holds checked attributes."""
        if folder is not None:
            self._account.find("folders", folder)
        deadline = self._clock.now() + timedelta(days=DEFAULT_DAYS)
        envelope: Record = {
            **self._stamps(),
            "name": given["name"],
            "status": "draft",
            "locale": given.get("locale") or "pt-BR",
            "auto_close": given.get("auto_close") is not False,
            "rubric_enabled": True,
            "remind_interval": 3,
            "block_after_refusal": bool(given.get("block_after_refusal")),
            "deadline_at": stamp(deadline),
            "default_subject": given.get("default_subject"),
            "default_message": given.get("default_message"),
            "deadline_partial_signature_action": given.get("deadline_partial_signature_action"),
            "folder": folder,
            "group": 1,
            "paused": False,
            "reminders": 0,
            "next_reminder": None,
            **{part: [] for part in ("documents", "signers", "requirements", "signature_watchers")},
        }
        envelope.update(self._timing(envelope, given))
        return self._account.add("envelopes", envelope)

    def update_envelope(self, envelope: Record, given: Record) -> None:
        """Change what is given; ``status`` is not for here. Running documents report what changed."""
        if envelope["status"] not in ("draft", "running"):
            raise forbidden(f"envelope está com status {envelope['status']}")
        if "default_subject" in given and envelope["status"] != "draft":
            raise unprocessable(model_error("default_subject", "só pode ser alterado com status draft"))
        timing = self._timing(envelope, given)
        before = dict(envelope)
        if given.get("name"):
            self._account.rename_envelope(envelope, given["name"])
        for name in ("locale", "auto_close", "block_after_refusal"):
            if given.get(name) is not None:
                envelope[name] = given[name]
        for name in ("default_subject", "default_message", "deadline_partial_signature_action"):
            if name in given:
                envelope[name] = given[name]
        envelope.update(timing, modified=self._notifier.now())
        if envelope["status"] == "running":
            self._report_changes(before, envelope)

    def _report_changes(self, before: Record, envelope: Record) -> None:
        events = {
            "deadline_at": "update_deadline",
            "auto_close": "update_auto_close",
            "locale": "update_locale",
        }
        for name, event in events.items():
            if before[name] == envelope[name]:
                continue
            for document in self._account.parts(envelope, "documents"):
                if document["status"] == "running":
                    data = {**self._notifier.actor(), name: envelope[name]}
                    self._notifier.emit(document, event, data)

    def _timing(self, envelope: Record, given: Record) -> Record:
        """The deadline and the reminder's interval, where given and right."""
        changes: Record = {}
        if given.get("deadline_at") is not None:
            changes["deadline_at"] = self._deadline(envelope, given["deadline_at"])
        if "remind_interval" in given:
            changes["remind_interval"] = _interval(given["remind_interval"])
        return changes

    def _deadline(self, envelope: Record, text: Any) -> str:
        instant = read_instant(text)
        if instant is None:
            raise bad_request(attribute_pointer("deadline_at"), "deadline_at não está em um formato válido")
        now = self._clock.now()
        if instant <= now:
            least = stamp(now)[:19].replace("T", " ")
            raise unprocessable(model_error("deadline_at", f"deve ser maior ou igual a {least} -0300"))
        created = read_instant(envelope["created"]) or now
        latest = created + timedelta(days=LONGEST_DAYS)
        if instant > latest:
            most = stamp(latest)[:19].replace("T", " ")
            raise unprocessable(model_error("deadline_at", f"deve ser menor ou igual a {most} -0300"))
        return stamp(instant)

    # -- documents

    def create_document(self, envelope: Record, given: Record) -> Record:
        """From bytes, a template or a finished document; exactly one of the three."""
        if envelope["status"] != "draft":
            raise not_draft()
        sources = [
            name for name in ("content_base64", "template", "duplicate") if given.get(name) is not None
        ]
        if len(sources) > 1:
            raise bad_request(
                attribute_pointer(sources[1]), f"{sources[1]} não pode ser usado com {sources[0]}"
            )
        if not sources:
            raise unprocessable(
                model_error("content", "não pode ficar em branco"),
                model_error("content", "deve ser maior ou igual à 1 byte"),
            )
        if "template" in sources:
            content, media_type, template = self._from_template(given)
        elif "duplicate" in sources:
            content, media_type = self._from_finished(given["duplicate"])
            template = None
        else:
            content, media_type = _decoded(given["content_base64"])
            template = None
        return self.add_document(
            envelope, given["filename"], content, media_type, template, given.get("metadata")
        )

    def add_document(
        self,
        envelope: Record,
        filename: str,
        content: bytes,
        media_type: str,
        template: Record | None = None,
        metadata: Record | None = None,
    ) -> Record:
        """Keep a file as a document of a draft."""
        if not content:
            raise unprocessable(model_error("content", "não pode ficar em branco"))
        held = sum(len(self._account.files[d["file"]]) for d in self._account.parts(envelope, "documents"))
        if len(content) > LARGEST_FILE or held + len(content) > LARGEST_ENVELOPE:
            raise unprocessable(model_error("content", "deve ser menor ou igual à 10 MB"))
        document: Record = {
            **self._stamps(),
            "envelope": envelope["id"],
            "status": "draft",
            "filename": filename,
            "path": f"/{filename}",
            "template": template,
            "metadata": {"position_sign_fields": []} if metadata is None else metadata,
            "migrated": False,
            "file": self._account.keep_file(content),
            "media_type": media_type,
            "finished": None,
            "signed_ready": False,
            "events": [],
        }
        self._account.add("documents", document)
        data = {
            **self._notifier.actor(),
            **{name: envelope[name] for name in ("deadline_at", "auto_close", "locale")},
        }
        self._notifier.emit(document, "upload", data)
        return document

    def _from_template(self, given: Record) -> tuple[bytes, str, Record]:
        source = given["template"]
        if not isinstance(source.get("key"), str):
            raise missing_attribute("template/key")
        if not str(given["filename"]).endswith(".docx"):
            raise unprocessable(model_error("filename", "deve possuir extensão .docx"))
        template = self._account["templates"].get(source["key"])
        if template is None:
            raise unprocessable(model_error("template", "não encontrado"))
        data = source.get("data") or {}
        text = template["text"]
        for name in template["variables"]:
            text = text.replace("{{" + name + "}}", str(data.get(name, "")))
        return make_pdf(text.split("\n")), "application/pdf", {"key": template["id"], "data": data}

    def _from_finished(self, source: Record) -> tuple[bytes, str]:
        document = self._account["documents"].get(str(source.get("key")))
        if document is None or document["status"] != "closed":
            raise unprocessable(model_error("duplicate", "documento não finalizado ou não encontrado"))
        return self._account.files[document["file"]], document["media_type"]

    # -- signers

    def create_signer(self, envelope: Record, given: Record) -> Record:
        """A signer of this one envelope."""
        if envelope["status"] not in ("draft", "running"):
            raise not_draft()
        problems = _signer_problems(given)
        if problems:
            raise unprocessable(*problems)
        told = {"document_signed": "email", "signature_request": "email", "signature_reminder": "email"}
        has_documentation = given.get("has_documentation") is not False
        signer: Record = {
            **self._stamps(),
            "envelope": envelope["id"],
            "name": given["name"],
            "birthday": given.get("birthday"),
            "email": given.get("email"),
            "phone_number": given.get("phone_number"),
            "location_required_enabled": bool(given.get("location_required_enabled")),
            "has_documentation": has_documentation,
            "documentation": given.get("documentation"),
            "refusable": bool(given.get("refusable")),
            "group": given.get("group") or 1,
            "communicate_events": {**told, **(given.get("communicate_events") or {})},
            "signature_host": given.get("signature_host"),
            "key": new_id(),
            "code": f"{secrets.randbelow(1_000_000):06d}",
            "list_keys": {},
            "signed": {},
            "refused": {},
            "notified_at": None,
        }
        return self._account.add("signers", signer)

    def remove_signer(self, envelope: Record, signer: Record) -> None:
        """Only before the signer signed anything."""
        if signer["signed"]:
            raise forbidden("Já assinou um documento. Não pode ser excluído")
        documents = [self._account["documents"][document_id] for document_id in signer["list_keys"]]
        self._account.remove("signers", signer)
        for document in documents:
            shown = {"email": signer["email"], "name": signer["name"], "key": signer["id"]}
            self._notifier.emit(document, "remove_signer", {**self._notifier.actor(), "signers": [shown]})

    # -- requirements

    def create_requirement(self, envelope: Record, document_id: str, signer_id: str, given: Record) -> Record:
        """What a signer does on a document; 422 where the rules of authentication are broken."""
        if envelope["status"] not in ("draft", "running"):
            raise not_draft()
        document = self._part(envelope, "document", "Documento", document_id)
        signer = self._part(envelope, "signer", "Signatário", signer_id)
        existing = self._account.requirements_of(document_id, signer_id)
        terms = self._account["auto_signature_terms"].values()
        problems = requirement_problems(given, signer, existing, [t["email"] for t in terms])
        if problems:
            raise unprocessable(*problems)
        requirement: Record = {
            **self._stamps(),
            "envelope": envelope["id"],
            "document": document_id,
            "signer": signer_id,
            "rubric_pages": None,
            **{name: given.get(name) for name in ("action", "role", "auth", "pages", "rubric_field", "kind")},
        }
        self._account.add("requirements", requirement)
        if given["action"] == "agree":
            signer["list_keys"][document_id] = new_id()
            listed = self._notifier.payloads.listed_signer(document, signer, self._notifier.base_url)
            self._notifier.emit(document, "add_signer", {**self._notifier.actor(), "signers": [listed]})
        return requirement

    def remove_requirement(self, envelope: Record, requirement: Record) -> None:
        """Only in a draft."""
        if envelope["status"] != "draft":
            raise not_draft()
        self._account.remove("requirements", requirement)
        if requirement["action"] == "agree":
            signer = self._account["signers"][requirement["signer"]]
            signer["list_keys"].pop(requirement["document"], None)

    def _part(self, envelope: Record, name: str, title: str, record_id: str) -> Record:
        found = self._account[name + "s"].get(record_id)
        if found is None or found["envelope"] != envelope["id"]:
            detail = f"{title} {record_id} não encontrado no envelope"
            raise bad_request(f"/data/relationships/{name}", detail)
        return found

    def _stamps(self) -> Record:
        now = self._notifier.now()
        return {"id": new_id(), "created": now, "modified": now}


def _interval(value: Any) -> int | None:
    """Days between reminders; the vendor's schema has texts, its answers numbers."""
    if value is None or value == "null":
        return None
    text = str(value)
    if isinstance(value, bool) or not text.isdigit() or int(text) not in REMIND_INTERVALS:
        detail = "remind_interval deve estar em: 1, 2, 3, 7, 14, null"
        raise bad_request(attribute_pointer("remind_interval"), detail)
    return int(text)


def _decoded(text: str) -> tuple[bytes, str]:
    """The bytes and media type of a data URI."""
    if not text:
        raise unprocessable(model_error("content", "não pode ficar em branco"))
    head, comma, data = text.partition(",")
    media_type = head.removeprefix("data:").removesuffix(";base64")
    wrong = bad_request(attribute_pointer("content_base64"), "content_base64 não está em um formato válido")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise wrong
    if media_type not in MEDIA_TYPES:
        raise ProblemError(422, [model_error("content", f"tipo {media_type} não é permitido")])
    try:
        return base64.b64decode(data, validate=True), media_type
    except binascii.Error:
        raise wrong from None


def _signer_problems(given: Record) -> list[Error]:
    problems = []
    if not is_full_name(given["name"]):
        problems.append(model_error("name", "não está em um formato válido"))
    if given.get("email") is not None and not is_email(given["email"]):
        problems.append(model_error("email", "não é válido"))
    if given.get("phone_number") is not None and not is_phone(given["phone_number"]):
        problems.append(model_error("phone_number", "não é válido"))
    if given.get("has_documentation") is False:
        for name in ("documentation", "birthday"):
            if given.get(name) is not None:
                problems.append(model_error(name, "deve ficar em branco"))
    if given.get("documentation") is not None and not is_cpf(given["documentation"]):
        problems.append(model_error("documentation", "inválido"))
    if given.get("birthday") is not None and not is_date(given["birthday"]):
        problems.append(model_error("birthday", "não é uma data válida"))
    if given.get("group") is not None and given["group"] < 1:
        problems.append(model_error("group", "deve ser maior que 0"))
    return problems + _contact_problems(given)


def _contact_problems(given: Record) -> list[Error]:
    """Every channel the signer is told by needs its address."""
    told = given.get("communicate_events") or {}
    channels = {
        told.get("signature_request", "email"),
        told.get("signature_reminder", "email"),
        told.get("document_signed", "email"),
    }
    problems = []
    if "email" in channels and not given.get("email"):
        problems.append(model_error("email", "não pode ficar em branco"))
    if channels & {"sms", "whatsapp"} and not given.get("phone_number"):
        problems.append(model_error("phone_number", "não pode ficar em branco"))
    return problems
