"""Access tokens for servers: a JWT signed with a private key is exchanged for one (RFC 7523).

No person signs in and there is no refresh token. Each JWT gives a token of its own, so that two processes
that ask at once do each other no harm.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from vaivem.connectors.sdk import Answer, Call, Connection, Connector
from vaivem.connectors.sdk.manifest import Assertion
from vaivem.core.errors import ReconnectError, RetryError, UncertainError, VaivemError
from vaivem.engine.oauth import token_credentials, token_error
from vaivem.engine.outbound import Outbound

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LASTS_SECONDS = 600  # of the JWT: it is used at once, and clocks differ by little
EARLY_SECONDS = 60  # a vendor whose clock is behind ours must not find it made in the future
SMALLEST_KEY = 2048


async def ask_access(
    outbound: Outbound, connector: Connector, connection: Connection, now: float
) -> dict[str, Any]:
    """Return the connection's credentials with a new access token. `now` is a Unix time.

    Raises ReconnectError when the key, the user or the consent has to be put right by a person, RetryError
    when the vendor cannot be asked now.
    """
    method = connector.manifest.method(connection.method).assertion
    if method is None:
        raise ReconnectError("method_unknown", params={"method": connection.method})
    address = connector.address("token", connection) or method.token_url
    form = (("grant_type", GRANT), ("assertion", signed(method, connection, address, now)))
    headers = (("Accept", "application/json"),)
    call = Call("oauth.token", "POST", address, form=form, headers=headers, authorise=False)
    try:
        answer = await outbound.send(connector, connection, call)
    except UncertainError as error:  # nothing depends on the lost one
        raise RetryError("vendor_unavailable", detail=str(error)) from error
    if not answer.ok:
        raise refusal(connector, connection, method, answer)
    data = answer.json
    if not isinstance(data, dict) or not data.get("access_token"):
        raise RetryError("vendor_unavailable", params={"status": answer.status})
    return token_credentials(data, connection.credentials, method.access_seconds)


def signed(method: Assertion, connection: Connection, address: str, now: float) -> str:
    """Return the JWT (RS256) that asks for access. We make such and never read one, so this is all of it."""
    given = connection.credentials
    claims = {
        "iss": str(given.get(method.issuer) or ""),
        "sub": str(given.get(method.subject) or ""),
        "aud": urlsplit(address).netloc if method.audience == "host" else address,
        "iat": int(now) - EARLY_SECONDS,
        "exp": int(now) + LASTS_SECONDS,
        "scope": " ".join(method.scopes),
    }
    content = b".".join(_coded(orjson.dumps(part)) for part in ({"typ": "JWT", "alg": "RS256"}, claims))
    key = private_key(str(given.get(method.private_key) or ""))
    return (content + b"." + _coded(key.sign(content, padding.PKCS1v15(), hashes.SHA256()))).decode()


def private_key(text: str) -> RSAPrivateKey:
    """Read a pasted RSA private key (PEM). Raises ReconnectError: a person pastes the right one."""
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ReconnectError("private_key_unreadable", detail=type(error).__name__) from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < SMALLEST_KEY:
        raise ReconnectError("private_key_unreadable", detail="not an RSA key of at least 2048 bits")
    return key


def refusal(connector: Connector, connection: Connection, method: Assertion, answer: Answer) -> VaivemError:
    """Say what a refused request means. A consent that is missing comes with the address to give it at."""
    told = answer.json if answer.is_json else None
    if isinstance(told, dict) and told.get("error") == "consent_required":
        return ReconnectError("consent_required", params={"message": _consent(connector, connection, method)})
    return token_error(answer)


def _consent(connector: Connector, connection: Connection, method: Assertion) -> str:
    """Return the vendor's page where the user lets the app act for them, "" where it has none."""
    address = connector.address("authorize", connection)
    asked = {
        "response_type": "code",
        "scope": " ".join(method.scopes),
        "client_id": str(connection.credentials.get(method.issuer) or ""),
    }
    if method.return_url:
        asked["redirect_uri"] = method.return_url
    return f"{address}?{urlencode(asked)}" if address else ""


def _coded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
