"""What is asked of a proxy that the environment names, and what is not."""

from __future__ import annotations

import os
import urllib.request

import pytest
import requests.utils

from gateway.proxies import spare_loopback

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
PROXY = "http://proxy.example:3128"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without any proxy; what is set is taken back."""
    for name in (*VARIABLES, *map(str.upper, VARIABLES)):
        monkeypatch.setenv(name, "to be taken back")
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/v1", "http://localhost:8080/v1"])
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_this_machine_is_asked_directly_and_others_through_the_proxy(
    environment: pytest.MonkeyPatch, name: str, url: str
) -> None:
    environment.setenv(name, PROXY)
    spare_loopback()
    assert requests.utils.get_environ_proxies(url) == {}
    assert requests.utils.get_environ_proxies("http://provider.example/v1")["http"] == PROXY


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_exceptions_that_were_made_stay(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.setenv("https_proxy", PROXY)
    environment.setenv(name, "intern.example, 127.0.0.1")
    spare_loopback()
    spare_loopback()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "intern.example,127.0.0.1,localhost,::1"


def test_without_a_proxy_and_where_none_is_asked_for_anything_nothing_is_set(environment: pytest.MonkeyPatch) -> None:
    spare_loopback()
    assert not urllib.request.getproxies()
    environment.setenv("http_proxy", PROXY)
    environment.setenv("no_proxy", "*")
    spare_loopback()
    assert os.environ["no_proxy"] == "*"
