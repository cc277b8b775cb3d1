from __future__ import annotations

import pytest

from glossator.service.errors import ConfigError
from glossator.service.jobs.webhooks.urls import Target, check_url

HOSTS = ["a.test", "b.test:8443", "127.0.0.1:9", "[::1]:9"]


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://a.test/x", Target(True, "a.test", 443, "/x"), "a.test"),
        ("https://A.test", Target(True, "a.test", 443, "/"), "a.test"),
        ("https://a.test:443/", Target(True, "a.test", 443, "/"), "a.test"),
        ("https://b.test:8443/x?y=%0A#z", Target(True, "b.test", 8443, "/x?y=%0A"), "b.test:8443"),
        ("http://127.0.0.1:9/x", Target(False, "127.0.0.1", 9, "/x"), "127.0.0.1:9"),
        ("http://[::1]:9/x", Target(False, "::1", 9, "/x"), "[::1]:9"),
    ],
)
def test_named_hosts_may_be_called(url: str, target: Target, authority: str) -> None:
    found = check_url(url, HOSTS)
    assert (found, found.authority) == (target, authority)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/", "http://a.test/", "https://a.test:81/", "https://a.test:22/", "https://b.test/",
        "ftp://a.test/", "", "https://user@a.test/", "https://user:word@a.test/", "https://@a.test/",
        "https://a.test@evil.test/", "https://a.test.evil.test/", "https://[", "//a.test/", "https://a.test:99999/",
        "https://a.test:0/", "https://a.test:x/", "http://127.0.0.1:10/", "http://169.254.169.254/latest",
        "https://a.test/x\r\nHost: evil.test", "https://a.test/\nx", "https://a.te\tst/", " https://a.test/",
        "https://a.test/x y", "https://a.test/\x00", "https://a.test/\x1b[2J", "https://a.test\\@evil.test/",
        "https://a.test/é", "https://a。test/", "https://a.test/\u2028", "https://a.test/" + "x" * 2_048,
    ],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is not allowed") as caught:
        check_url(url, HOSTS)
    assert all(line.isprintable() for line in str(caught.value).split("\n"))


def test_message_lists_the_allowed_hosts() -> None:
    with pytest.raises(ConfigError) as caught:
        check_url("https://evil.test/", HOSTS)
    assert caught.value.expected == "one of 127.0.0.1:9, [::1]:9, a.test, b.test:8443"
    with pytest.raises(ConfigError) as none:
        check_url("https://evil.test/", [])
    assert none.value.expected == "no webhook: the operator has allowed no host"
