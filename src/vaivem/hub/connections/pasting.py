"""What people paste: forgiven what surrounds it."""

from __future__ import annotations

import re

AROUND = "\"'`<>“”‘’«»‹›"
INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")
TOKEN_KEYS = ("token", "key", "client_id", "secret", "client_secret")


def clean_pasted(text: str, key: str = "token") -> str:
    """Return a pasted value without invisible letters, line breaks, and the quotes or brackets around it.

    Tokens lose every blank; of what a person may have chosen themselves (a password), the inner ones stay.
    """
    plain = INVISIBLE.sub("", text).replace("\u00a0", " ")
    plain = re.sub(r"[\r\n\t]+", "", plain).strip()
    while plain and (plain[0] in AROUND or plain[-1] in AROUND):
        plain = plain.strip(AROUND).strip()
    return "".join(plain.split()) if key in TOKEN_KEYS else plain
