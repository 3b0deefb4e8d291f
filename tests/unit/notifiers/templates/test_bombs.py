"""Small templates that would fill the memory, or never end, inside a single step of Python's own.

They run in a process of their own that the system ends if they take more memory or time than they may.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from notifiers.templates import RenderError, Templates
from notifiers.templates.preview import preview
from notifiers.templates.weight import weight
from tests.unit.notifiers.templates.folders import CONTEXT, custom, folder

CPU_SECONDS = 1.0
"""For one rendering."""
MEMORY = 192 << 20
"""Bytes of address space beyond what the interpreter and the shipped templates take."""
BACKSTOP_SECONDS = 60

EMOJI = "\U0001f600"


def doubled(name: str, first: str, times: int) -> str:
    """A text that is ``first`` so many times doubled."""
    return f"{{% set {name} = '{first}' %}}" + f"{{% set {name} = {name} ~ {name} %}}" * times


def nested(name: str, how: str, first: str = "[1]", times: int = 60) -> str:
    """A value that holds the one before it twice, and so on."""
    return f"{{% set {name} = {first} %}}" + f"{{% set {name} = {how} %}}" * times


BOMBS = {
    "printed": nested("x", "[x, x]") + "{{ x }}",
    "joined": nested("x", "(x, x)") + "{{ x ~ '' }}",
    "dicts": nested("x", "{'a': x, 'b': x}") + "{{ x }}",
    "filtered": nested("x", "[x, x]") + "{{ x|upper }}",
    "compared": nested("x", "[x, x]") + nested("y", "[y, y]") + "{{ x == y }}",
    "hashed": nested("x", "(x, x)", "(1, 2)") + "{{ {x: 1} }}",
    "looked-up": nested("x", "(x, x)", "(1, 2)") + "{{ {1: 2}[x]|default('') }}",
    "namespaces": nested("x", "namespace(a=x, b=x)") + "{{ x }}",
    "arguments": "{% set n = namespace(x=1) %}{% macro m() %}{% set n.x = varargs %}{% endmacro %}"
    + "{% set a = m(n.x, n.x) %}" * 60 + "{{ {n.x: 1} }}",
    "appended": nested("x", "x + [x, x]") + "{{ x }}",
    "itself": "{% set n = namespace() %}{% set n.a = [n, n] %}{% set n.b = [n.a, n.a] %}{{ n }}",
    "sliced": doubled("s", EMOJI, 15) + "".join(f"{{% set a{i} = s[1:] %}}" for i in range(1_000)),
    "filled": doubled("s", "{a}", 14) + doubled("w", "x", 15) + "{% set z = s|fill(a=w) %}",
    "called": "{% macro m() %}" + "x" * 50_000 + "{% endmacro %}{% set n = namespace(x=1) %}"
    "{% for i in range(90) %}{% for j in range(90) %}{% set n.x = [n.x, m()] %}{% endfor %}{% endfor %}",
    "included": "{% include ['included/push.en.j2'] %}" * 2,
    "clipped": doubled("s", EMOJI, 15) + "{% set a = s|clip(30000) %}" * 9,
    "tested": doubled("s", "a", 14) + "{% set a = s is japanese %}" * 600,
    "searched": doubled("s", "ab", 14) + "{% set a = s ~ 'b' %}" + "{% set b = a in s %}" * 600,
}  # fmt: skip


def files() -> dict[str, str]:
    """Each as a template of its own, named after it."""
    return {f"{name}/push.en.j2": f"title\n{text}end" for name, text in BOMBS.items()}


def set_off(root: Path) -> dict[str, Any]:
    """What became of each when it is sent, previewed and checked; CPU seconds and memory bounded."""
    templates = Templates.load(folder(root, files()))
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CPU, (BACKSTOP_SECONDS, BACKSTOP_SECONDS))
    return {
        "sent": {name: ended(partial(templates.render, name, "push", "en", CONTEXT)) for name in BOMBS},
        "previewed": {name: ended(partial(preview, templates, name, "push", "en", CONTEXT)) for name in BOMBS},
        "checked": sorted({Path(each.file).parent.name for each in templates.check()}),
    }


def ended(render: Callable[[], object]) -> float | str:
    """CPU seconds until it was refused; or what came instead."""
    begun = time.thread_time()
    try:
        render()
    except RenderError:
        return time.thread_time() - begun
    return "rendered"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc to know how much is taken")
def test_none_takes_more_than_a_second_or_fills_the_memory(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-m", __name__, tmp_path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout)
    for way in ("sent", "previewed"):
        slow = {name: took for name, took in found[way].items() if not isinstance(took, float) or took > CPU_SECONDS}
        assert not slow, way
    assert found["checked"] == sorted(BOMBS)


def test_large_readings_of_a_device_keep_no_template_from_being_sent(tmp_path: Path) -> None:
    large = {**CONTEXT, "values": {"temperature": 9.4, "log": "x" * 120_000}}
    text = "title\n" + "{% macro m(all) %}{{ all|readings|length }}{% endmacro %}" + "{{ m(values) }}" * 5
    assert custom(tmp_path, text).render("own", "push", "en", large).text == "1" * 5
    shipped = Templates.load()
    for channel in ("push", "sms", "email"):
        assert shipped.render("alert", channel, "en", large).text


def test_a_value_weighs_what_it_is_written_out() -> None:
    assert weight("four", 10) == 4
    assert weight(1, 10) == 1
    inner = ["ab", "cd"]
    assert weight([inner, inner], 100) == weight([["ab", "cd"], ["ab", "cd"]], 100) > 8
    assert weight({"a": 1, "b": {"c": "d"}}.items(), 100) > weight({"a": 1}.items(), 100) > 0


def test_counting_ends_at_the_limit() -> None:
    value: list[Any] = [1]
    for _ in range(60):
        value = [value, value]
    assert 1_000 < weight(value, 1_000) < 2_000
    value.append(value)
    assert weight(value, 1_000) < 2_000


if __name__ == "__main__":
    sys.stdout.write(json.dumps(set_off(Path(sys.argv[1]))))
