"""Who may deliver: the ways a sender proves itself. Everything is compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from vaivem.connectors.sdk import Connection, Delivery
from vaivem.core.errors import SignatureError

ALGORITHMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1, "sha512": hashlib.sha512}


def prove(delivery: Delivery, connection: Connection) -> None:
    """Raise SignatureError unless the delivery carries what the connection's method asks for."""
    if connection.method == "hmac":
        _prove_hmac(delivery, connection)
    elif connection.method == "basic":
        _prove_basic(delivery, connection)
    elif connection.method == "header":
        _prove_header(delivery, connection)
    elif connection.method != "none":
        raise SignatureError("signature_missing")


def covers_query(connection: Connection) -> bool:
    """Say whether the sender also vouches for the query: an HMAC is over the body alone."""
    return connection.method != "hmac"


def _prove_hmac(delivery: Delivery, connection: Connection) -> None:
    secret = _secret(connection.credentials, "secret")
    given = _header(delivery, connection, "signature_header", "x-signature")
    prefix = str(connection.settings.get("signature_prefix") or "")
    algorithm = str(connection.settings.get("signature_algorithm") or "sha256")
    given = given.removeprefix(prefix).strip().removeprefix(f"{algorithm}=")
    if delivery.method == "GET":
        # Nothing of a GET is signed: one signature of an empty body would open the door for any query.
        raise SignatureError("signature_wrong")
    digest = hmac.new(secret, delivery.body, ALGORITHMS[algorithm]).digest()
    in_hex = hmac.compare_digest(digest.hex().encode(), given.lower().encode())
    in_base64 = hmac.compare_digest(base64.b64encode(digest), given.encode())
    if not (in_hex or in_base64):
        raise SignatureError("signature_wrong")


def _prove_basic(delivery: Delivery, connection: Connection) -> None:
    user = str(connection.credentials.get("user") or "").encode()
    expected = user + b":" + _secret(connection.credentials, "password")
    scheme, _, encoded = delivery.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        raise SignatureError("signature_missing")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureError("signature_wrong") from error
    if not hmac.compare_digest(expected, given):
        raise SignatureError("signature_wrong")


def _prove_header(delivery: Delivery, connection: Connection) -> None:
    token = _secret(connection.credentials, "token")
    given = _header(delivery, connection, "token_header", "x-webhook-token")
    if given.lower().startswith("bearer "):
        given = given[7:].strip()
    if not hmac.compare_digest(token, given.encode()):
        raise SignatureError("signature_wrong")


def _header(delivery: Delivery, connection: Connection, setting: str, default: str) -> str:
    name = str(connection.settings.get(setting) or default).strip().lower()
    given = delivery.headers.get(name, "").strip()
    if not given:
        raise SignatureError("signature_missing")
    return given


def _secret(credentials: Mapping[str, object], key: str) -> bytes:
    """Return a stored secret. Without one nobody is let in: an empty secret would let in everybody."""
    secret = str(credentials.get(key) or "").strip()
    if not secret:
        raise SignatureError("signature_missing")
    return secret.encode()
