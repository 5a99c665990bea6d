"""What people paste: forgiven what surrounds it."""

from __future__ import annotations

import re
from typing import Any

AROUND = "\"'`<>“”‘’«»‹›"
INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
TOKEN_KEYS = ("token", "key", "client_id", "secret", "client_secret")


def clean_lines(text: str) -> str:
    """Return a pasted text of several lines (a private key) without invisible letters and what surrounds it.

    Line breaks that were written out as ``\\n``, as in a JSON file, become what they stand for.
    """
    plain = INVISIBLE.sub("", text).replace("\u00a0", " ").replace("\\r", "").replace("\\n", "\n")
    lines = (line.strip() for line in plain.strip().strip(AROUND).splitlines())
    return "\n".join(line for line in lines if line)


def clean_many(text: str) -> list[str]:
    """Return what was pasted one a line: each cleaned, none twice."""
    return list(dict.fromkeys(filter(None, map(clean_pasted, text.splitlines()))))


def listed(secrets: Any) -> list[str]:
    """Return a list of secrets as kept: by a form, or as one text with a line for each."""
    return secrets.splitlines() if isinstance(secrets, str) else list(secrets or ())


def clean_pasted(text: str, key: str = "token") -> str:
    """Return a pasted value without invisible letters, line breaks, and the quotes or brackets around it.

    Tokens lose every blank; of what a person may have chosen themselves (a password), the inner ones stay.
    """
    plain = INVISIBLE.sub("", text).replace("\u00a0", " ")
    plain = re.sub(r"[\r\n\t]+", "", plain).strip()
    while plain and (plain[0] in AROUND or plain[-1] in AROUND):
        plain = plain.strip(AROUND).strip()
    return "".join(plain.split()) if key in TOKEN_KEYS else plain
