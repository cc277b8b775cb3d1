"""Signatures in the format of OpenSSF Model Signing, with a key of one's own: nothing is sent or fetched."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from glossator.service.errors import ConfigError, ExtraMissing

_PACKAGES = ("model_signing", "OpenSSL", "cryptography")


def can_verify() -> bool:
    """Whether the packages that sign and verify are installed."""
    return all(find_spec(name) is not None for name in _PACKAGES)


def require_signing() -> None:
    """Raise ExtraMissing unless the packages are installed."""
    if not can_verify():
        raise ExtraMissing(
            "the packages that sign and verify are not installed", hint="pip install 'glossator[signing]'"
        )


def public_key_of(private_key: Path) -> bytes:
    """Return the public key of a private key, as PEM. Raises ConfigError unless it is an elliptic-curve key."""
    require_signing()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    try:
        key = serialization.load_pem_private_key(private_key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            "the private key cannot be read",
            found=f"{private_key}: {error}",
            expected="an elliptic-curve key in a PEM file without a password",
            hint=f"openssl ecparam -name prime256v1 -genkey -noout -out {private_key}",
        ) from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ConfigError("this key cannot sign", found=private_key, expected="an elliptic-curve key")
    public = key.public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def sign_folder(folder: Path, signature: Path, private_key: Path, *, without: Iterable[str] = ()) -> None:
    """Sign every file in a folder except those named `without`. `without` and the signature may be inside it."""
    require_signing()
    from model_signing import hashing, signing

    folder = folder.resolve()  # paths to leave out are only found if all are absolute
    hashed = hashing.Config().set_ignored_paths(paths=[folder / name for name in without], ignore_git_paths=False)
    signer = signing.Config().use_elliptic_key_signer(private_key=private_key).set_hashing_config(hashed)
    signer.sign(folder, signature.resolve())


def signature_fault(folder: Path, signature: Path, public_key: Path, *, without: Iterable[str] = ()) -> str | None:
    """Return why a signature does not fit the folder and the key; None if it does."""
    require_signing()
    from model_signing import hashing, verifying

    folder = folder.resolve()
    hashed = hashing.Config().set_ignored_paths(paths=[folder / name for name in without], ignore_git_paths=False)
    try:
        verifier = verifying.Config().use_elliptic_key_verifier(public_key=public_key).set_hashing_config(hashed)
        verifier.verify(folder, signature.resolve())
    except Exception as error:  # whatever a forged signature makes the libraries raise
        return str(error) or type(error).__name__
    return None
