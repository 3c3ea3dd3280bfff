"""Provenance: a C2PA manifest in each PNG that the wall serves, and what such a manifest says.

C2PA 2.x (https://spec.c2pa.org): the manifest stands in a PNG chunk `caBX`. It is signed over all other bytes, so that
only this chunk is kept; with the stored picture it makes the signed one again, the recipe inside untouched.
"""

import io
import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import c2pa
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from PIL import Image

from bot.domain.wall import Provenance
from bot.settings import BadSettings
from bot.wall.shelf import digest

MADE_BY_A_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SOURCES = {"trainedAlgorithmicMedia": "drawn by a trained model"}
PNG_FORMAT = "image/png"
CHUNK = b"caBX"
AFTER_HEADER = 8 + 25
"""Behind a PNG's signature and its IHDR, which is always 13 bytes of data and 12 around it."""
# No thumbnail (150 KB in each picture) and nothing fetched, whatever a file names.
SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
CURVES = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}
NEEDED = (
    "It needs an end-entity certificate first (version 3, key usage digitalSignature, extended key usage "
    "emailProtection, an authority key identifier, basic constraints without CA), then those that issued it"
)


class Signer:
    """Signs PNGs. `fingerprint` tells one certificate from another. Safe to use from several threads."""

    def __init__(self, certificates: bytes, key: bytes, algorithm: bytes) -> None:
        self.fingerprint = digest(certificates)[:16]
        self._context = c2pa.Context.from_dict(SETTINGS)
        self._signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, certificates, key, None))

    def manifest(self, png: bytes, drawn_at: datetime) -> bytes:
        """The chunk that signs this PNG as drawn by a model at that moment. Raises c2pa.C2paError."""
        signed = io.BytesIO()
        with c2pa.Builder(_claim(drawn_at), context=self._context) as builder:
            builder.sign(self._signer, PNG_FORMAT, io.BytesIO(png), signed)
        whole = signed.getvalue()
        (length,) = struct.unpack_from(">I", whole, AFTER_HEADER)
        chunk = whole[AFTER_HEADER : AFTER_HEADER + 12 + length]
        if chunk[4:8] != CHUNK or with_manifest(png, chunk) != whole:
            raise c2pa.C2paError("the manifest was put where it is not looked for")
        return chunk


def with_manifest(png: bytes, chunk: bytes) -> bytes:
    """The signed PNG: the picture with its manifest behind the header."""
    whole = memoryview(png)  # copied once, as this is done for each picture that comes from the disk
    return b"".join((whole[:AFTER_HEADER], chunk, whole[AFTER_HEADER:]))


def signer_of(certificate: str, key: str) -> Signer | None:
    """The signer of these two PEM files; None where neither is named. Raises BadSettings. Reads the disk."""
    if not certificate and not key:
        return None
    if not certificate or not key:
        missing = "C2PA_KEY" if certificate else "C2PA_CERTIFICATE"
        raise BadSettings(f"{missing}: pictures are signed with both files, and this one is not named.")
    chain, private = _file(certificate, "C2PA_CERTIFICATE"), _file(key, "C2PA_KEY")
    loaded = _key(private, key)
    leaf = _leaf(chain, certificate)
    public = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public != loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        raise BadSettings(f"C2PA_KEY: {key} is not the key of the first certificate in {certificate}.")
    if not leaf.not_valid_before_utc <= datetime.now(UTC) <= leaf.not_valid_after_utc:
        told = f"{leaf.not_valid_before_utc:%Y-%m-%d} to {leaf.not_valid_after_utc:%Y-%m-%d}"
        raise BadSettings(f"C2PA_CERTIFICATE: {certificate} is valid from {told} only; have it renewed.")
    try:
        signer = Signer(chain, private, _algorithm(loaded, key))
        _try(signer)
    except c2pa.C2paError as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise BadSettings(f"C2PA_CERTIFICATE: {certificate} cannot sign pictures ({said}). {NEEDED}.") from error
    return signer


def read_provenance(png: bytes) -> Provenance | None:
    """What a PNG says of its origin; None where it says nothing that can be read."""
    try:
        with c2pa.Reader(PNG_FORMAT, io.BytesIO(png), context=c2pa.Context.from_dict(SETTINGS)) as reader:
            told = json.loads(reader.json())
            state = reader.get_validation_state()
    except c2pa.C2paError:
        return None
    active: Mapping[str, Any] = told.get("manifests", {}).get(told.get("active_manifest"), {})
    signature = active.get("signature_info", {})
    # A certificate that no list of trusted ones names is "Valid": the signature fits the bytes.
    return Provenance(
        valid=state in ("Valid", "Trusted"),
        signer=signature.get("common_name") or signature.get("issuer") or "",
        signed_at=signature.get("time") or _when(active, "c2pa.published"),
        facts=tuple(_facts(active, signature, state)),
    )


def _claim(drawn_at: datetime) -> dict[str, object]:
    console = {"name": "Atelier", "version": version("atelier")}
    created = {
        "action": "c2pa.created",
        "when": _moment(drawn_at),
        "digitalSourceType": MADE_BY_A_MODEL,
        "softwareAgent": console,
    }
    published = {"action": "c2pa.published", "when": _moment(datetime.now(UTC)), "softwareAgent": console}
    return {
        "claim_generator_info": [console],
        "format": PNG_FORMAT,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [created, published]}}],
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _actions(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    assertions = manifest.get("assertions", [])
    told = [each.get("data", {}) for each in assertions if each.get("label", "").startswith("c2pa.actions")]
    return [action for data in told for action in data.get("actions", [])]


def _when(manifest: Mapping[str, Any], name: str) -> str:
    return next((str(each.get("when", "")) for each in _actions(manifest) if each.get("action") == name), "")


def _facts(manifest: Mapping[str, Any], signature: Mapping[str, Any], state: str | None) -> list[tuple[str, str]]:
    source = next((each["digitalSourceType"] for each in _actions(manifest) if "digitalSourceType" in each), "")
    term = source.rpartition("/")[2]
    claimed = (manifest.get("claim_generator_info") or [{}])[0]
    facts = [
        ("Origin", f"{SOURCES[term]} ({term})" if term in SOURCES else term),
        ("Created", _when(manifest, "c2pa.created")),
        ("Made with", f"{claimed.get('name', '')} {claimed.get('version', '')}".strip()),
        ("Organisation", signature.get("issuer") or ""),
        ("Signature", signature.get("alg") or ""),
        ("Certificate number", signature.get("cert_serial_number") or ""),
        ("Trust", "on a list of trusted issuers" if state == "Trusted" else "on no list of trusted issuers here"),
    ]
    return [(name, value) for name, value in facts if value]


def _file(path: str, setting: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadSettings(f"{setting}: {path} cannot be read ({error.strerror}).") from error


def _key(pem: bytes, path: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem, None)
    except TypeError as error:
        raise BadSettings(f"C2PA_KEY: {path} is encrypted; give a key without a passphrase.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadSettings(f"C2PA_KEY: {path} holds no private key in PEM form.") from error


def _leaf(pem: bytes, path: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError as error:
        raise BadSettings(f"C2PA_CERTIFICATE: {path} holds no certificate in PEM form.") from error


def _algorithm(key: PrivateKeyTypes, path: str) -> bytes:
    match key:
        case ec.EllipticCurvePrivateKey() if key.curve.name in CURVES:
            return CURVES[key.curve.name]
        case ed25519.Ed25519PrivateKey():
            return b"ed25519"
        case rsa.RSAPrivateKey() if key.key_size >= 2048:
            return b"ps256"
    raise BadSettings(
        f"C2PA_KEY: {path} is of a kind that C2PA does not allow; take an elliptic curve (P-256, P-384, P-521), "
        "Ed25519, or RSA of 2048 bits or more."
    )


def _try(signer: Signer) -> None:
    """Sign a picture and read it again. Raises c2pa.C2paError where that would not go well."""
    blank = io.BytesIO()
    Image.new("RGB", (8, 8)).save(blank, "PNG")
    signed = with_manifest(blank.getvalue(), signer.manifest(blank.getvalue(), datetime.now(UTC)))
    said = read_provenance(signed)
    if said is None or not said.valid:
        raise c2pa.C2paError("what it signs cannot be validated")
