"""Which qualifications and authentications there are, and which go together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vaivem.simulators.clicksign.problems import Error, model_error
from vaivem.simulators.clicksign.records import Record

ACTIONS = ("agree", "provide_evidence", "rubricate")
ROLES = (
    "receipt",
    "administrator",
    "lawyer",
    "secured",
    "consenting",
    "consented",
    "approve",
    "sign",
    "associate",
    "guarantor",
    "collateral_provider",
    "transferor",
    "transferee",
    "comforter",
    "borrower",
    "guarantor_spouse",
    "pledged",
    "consignee",
    "contractee",
    "contractor",
    "account_holder",
    "real_estate_broker",
    "insurance_broker",
    "broker",
    "creditor",
    "joint_debtor",
    "debtor",
    "director",
    "distracting",
    "issuer",
    "employee",
    "employer",
    "endorser",
    "endorsee",
    "surety",
    "bailee",
    "franchisee",
    "franchisor",
    "manager",
    "intermediary",
    "intervening",
    "consenting_intervenor",
    "intervening_guarantor",
    "licensed",
    "licensor",
    "lessor",
    "lessee",
    "resident",
    "lender",
    "grantee",
    "grantor",
    "buyer",
    "seller",
    "president",
    "service_provider",
    "attorney",
    "owner",
    "legal_representative",
    "legal_guardian",
    "co_responsible",
    "secretary",
    "insured",
    "building_manager",
    "partner",
    "treasurer",
    "witness",
    "surveyor",
    "party",
)
AUTHS = (
    "email",
    "sms",
    "whatsapp",
    "pix",
    "icp_brasil",
    "handwritten",
    "selfie",
    "official_document",
    "address_proof",
    "liveness",
    "facial_biometrics",
    "identity_biometrics",
    "auto_signature",
    "presential",
    "embedded_signature",
    "biometric",
    "documentscopy",
)

# These send the same thing, a code, by different ways; a signer has one of them.
TOKENS = frozenset({"email", "sms", "whatsapp"})
_NEED_CPF = frozenset({"pix", "biometric", "identity_biometrics"})
_FACES = frozenset({"facial_biometrics", "biometric"})
_EXCLUDED_BY_FACES = frozenset({"official_document", "liveness", "selfie"})


def requirement_problems(
    given: Record, signer: Record, existing: Sequence[Record], with_terms: Collection[str]
) -> list[Error]:
    """What stands against a new requirement beside the ``existing`` ones of the same signer and document.

    ``with_terms`` are the e-mails that have signed a term of automatic signature.
    """
    action = given["action"]
    if action == "provide_evidence":
        return _evidence_problems(given.get("auth"), signer, existing, with_terms)
    problems = []
    if action == "agree" and given.get("role") is None:
        problems.append(model_error("role", "não pode ficar em branco"))
    if action == "rubricate" and not given.get("pages") and not given.get("rubric_field"):
        problems.append(model_error("pages", "Deve informar 'pages' ou 'rubric_field'"))
    if any(requirement["action"] == action for requirement in existing):
        problems.append(model_error("action", "já está em uso"))
    return problems


def _evidence_problems(
    auth: str | None, signer: Record, existing: Sequence[Record], with_terms: Collection[str]
) -> list[Error]:
    if auth is None:
        return [model_error("auth", "não pode ficar em branco")]
    others = {r["auth"] for r in existing if r["action"] == "provide_evidence"}
    problems = []
    if auth in others:
        problems.append(model_error("action", "já está em uso"))
    elif auth in TOKENS and others & TOKENS:
        problems.append(model_error("auth", "signatário já possui autenticação por token"))
    if others and "auto_signature" in {auth, *others}:
        problems.append(model_error("auth", "auto_signature deve ser a única autenticação do signatário"))
    if auth == "auto_signature" and signer["email"] not in with_terms:
        problems.append(model_error("auth", "signatário não possui termo de assinatura automática"))
    if (auth in _FACES and others & _EXCLUDED_BY_FACES) or (auth in _EXCLUDED_BY_FACES and others & _FACES):
        problems.append(model_error("auth", "não pode ser combinada com as autenticações do signatário"))
    return problems + _missing_data(auth, signer)


def _missing_data(auth: str, signer: Record) -> list[Error]:
    problems = []
    if auth == "email" and not signer["email"]:
        problems.append(model_error("email", "não pode ficar em branco"))
    if auth in ("sms", "whatsapp") and not signer["phone_number"]:
        problems.append(model_error("phone_number", "não pode ficar em branco"))
    if auth in _NEED_CPF and not signer["documentation"]:
        problems.append(model_error("documentation", "não pode ficar em branco"))
    return problems
