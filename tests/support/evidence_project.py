"""The evidence on a small model, and keys to sign it with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from loop_project import LoopProject


class Evidence(NamedTuple):
    """The project, the evidence on its model, and the keys that it is signed with."""

    project: LoopProject
    folder: Path
    private_key: Path
    public_key: Path

    @property
    def bundle(self) -> Path:
        return self.project.root / "bundle"

    @property
    def test_rows(self) -> Path:
        return self.project.root / "checkpoint" / "test.jsonl"


def write_keys(folder: Path) -> tuple[Path, Path]:
    """Write a new pair of keys; returns the private and the public one."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    folder.mkdir(parents=True, exist_ok=True)
    private, public = folder / "key.pem", folder / "key.pub"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public
