"""Templates that nobody would write: each ends soon, small, and with a reason when it cannot."""

from __future__ import annotations

import contextlib
import os
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaivem.core.errors import VaivemError
from vaivem.core.templates import render

EXAMPLES = int(os.environ.get("VAIVEM_FUZZ", "150"))
SECONDS = 5.0  # on a loaded machine
BYTES = 200 * 1024 * 1024
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="VAIVEM_FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
PIECES = st.sampled_from(
    [
        *(
            "{{ name }}",
            "{{ name | append: name }}",
            "{{ list | join: name }}",
            "{{ 'x' | times: 99999999 }}",
        ),
        *(
            "{% for a in list %}",
            "{% for a in (1..99999999) %}",
            "{% endfor %}",
            "{% if name %}",
            "{% endif %}",
        ),
        *("{% assign name = name | append: name %}", "{% capture name %}", "{% endcapture %}"),
        *("{% include 'a' %}", "{% render 'a' %}", "{{ name | replace: '', name }}", "{% cycle 1, 2 %}"),
        *("{% tablerow a in list %}", "{% endtablerow %}", "{{ now | date: '%Y' }}"),
        *("{% raw %}", "{% endraw %}"),
        *("{{", "}}", "{%", "|", "\x00"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=10), max_size=12).map("".join)
VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


@FUZZ
@given(TEXTS, st.dictionaries(st.sampled_from(["name", "list", "now"]), VALUES))
def test_a_template_ends(text: str, scope: dict[str, object]) -> None:
    begun = time.process_time()
    with contextlib.suppress(VaivemError):
        assert isinstance(render(text, scope), str)
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in list %}" * 8 + "{{ name }}" + "{% endfor %}" * 8,
        "{% assign name = name | append: name %}" * 60 + "{{ name }}",
        "{% for a in list %}{% assign name = name | append: name %}{% endfor %}{{ name }}",
        "{% for a in (1..99999999) %}x{% endfor %}",
        "{{ name | replace: 'x', name | replace: 'x', name | replace: 'x', name }}",
        "{% capture name %}{{ name }}{{ name }}{% endcapture %}" * 60 + "{{ name }}",
        "{% if name %}" * 500 + "{% endif %}" * 500,
    ],
)
def test_a_template_that_grows_is_stopped(text: str) -> None:
    scope = {"name": "x" * 1000, "list": list(range(1000))}
    tracemalloc.start()
    begun = time.process_time()
    try:
        with pytest.raises(VaivemError):
            render(text, scope)
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()
    assert time.process_time() - begun < 10 * SECONDS
