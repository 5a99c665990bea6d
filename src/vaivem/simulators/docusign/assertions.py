"""The JWT of a server that acts for a user: read, and held against the app's public keys."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

LONGEST_SECONDS = 3600
SKEW_SECONDS = 60


class WrongAssertionError(ValueError):
    """Not an assertion that the vendor takes; the text is what it says."""


def claims_of(assertion: str) -> tuple[Mapping[str, Any], bytes, bytes]:
    """The claims, the bytes that were signed, and the signature. Nothing is checked yet."""
    try:
        head, body, signature = assertion.split(".")
        header, claims = orjson.loads(_bytes(head)), orjson.loads(_bytes(body))
        proof = _bytes(signature)
    except (ValueError, binascii.Error) as error:
        raise WrongAssertionError("no_valid_keys_or_signatures") from error
    if not isinstance(claims, dict) or not isinstance(header, dict) or header.get("alg") != "RS256":
        raise WrongAssertionError("no_valid_keys_or_signatures")
    return claims, f"{head}.{body}".encode(), proof


def check_signature(signed: bytes, proof: bytes, public_keys: Iterable[str]) -> None:
    """Raise WrongAssertionError unless one of the keys made the signature."""
    for pem in public_keys:
        key = load_pem_public_key(pem.encode())
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(proof, signed, padding.PKCS1v15(), SHA256())
                return
        except InvalidSignature:
            continue
    raise WrongAssertionError("no_valid_keys_or_signatures")


def check_times(claims: Mapping[str, Any]) -> None:
    """Hold `iat` and `exp` against the machine's clock: they are what the client's own clock says."""
    issued, ends = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int | float) or not isinstance(ends, int | float):
        raise WrongAssertionError("expired_client_token")
    now = datetime.now(UTC).timestamp()
    if (
        ends <= now - SKEW_SECONDS
        or issued > now + SKEW_SECONDS
        or ends - issued > LONGEST_SECONDS + SKEW_SECONDS
    ):
        raise WrongAssertionError("expired_client_token")


def new_pair() -> tuple[str, str]:
    """A private and a public RSA key as PEM."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
