from __future__ import annotations

import ipaddress
import threading
from collections.abc import Sequence

import pytest

from glossator.service.jobs.webhooks.addresses import AddressRefused, allowed_addresses


def resolved(host: str, answers: Sequence[str], *networks: str) -> list[str]:
    """What is left of the answers of a resolver."""
    return allowed_addresses(
        host, 443, [ipaddress.ip_network(each) for each in networks], seconds=5, resolve=lambda *_: answers
    )


@pytest.mark.parametrize(
    ("host", "answers", "networks"),
    [
        ("a.test", ["8.8.8.8", "2606:4700::1111"], ()),
        ("a.test", ["10.1.2.3"], ("10.0.0.0/8",)),
        ("a.test", ["fd00::1"], ("fd00::/8", "10.0.0.0/8")),
        ("a.test", ["::ffff:10.1.2.3"], ("10.0.0.0/8",)),
        ("localhost", ["127.0.0.1", "::1"], ()),
    ],
)
def test_public_addresses_and_allowed_networks_are_used(
    host: str, answers: list[str], networks: tuple[str, ...]
) -> None:
    assert resolved(host, answers, *networks) == answers


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1%eth0", "not an address",
    ],
)  # fmt: skip
def test_name_that_leads_into_the_network_of_the_server_is_refused(address: str) -> None:
    """DNS rebinding: the operator allowed the name, and its owner changes the address."""
    with pytest.raises(AddressRefused, match=r"a\.test resolves to"):
        resolved("a.test", [address])
    with pytest.raises(AddressRefused):  # even next to a public one
        resolved("a.test", ["8.8.8.8", address])


def test_localhost_leads_to_this_machine_only() -> None:
    with pytest.raises(AddressRefused):
        resolved("localhost", ["8.8.8.8"])


def test_address_that_the_operator_allowed_is_not_resolved() -> None:
    assert resolved("10.0.0.7", []) == ["10.0.0.7"]


def test_resolver_that_does_not_answer_is_given_up() -> None:
    over = threading.Event()

    def hang(*_: object) -> list[str]:
        over.wait(60)
        return []

    with pytest.raises(TimeoutError):
        allowed_addresses("a.test", 443, [], seconds=0.05, resolve=hang)
    over.set()
