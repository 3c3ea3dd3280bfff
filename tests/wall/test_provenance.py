"""Pictures on the wall say in a signed manifest that a model made them; a page reads what the served bytes say."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import c2pa
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from bot.domain.wall import Query
from bot.settings import BadSettings
from bot.wall.provenance import MADE_BY_A_MODEL, Signer, read_provenance, signer_of, with_manifest
from sweeps.recipe import resolve
from tests.wall.certificates import Certified, certified
from tests.wall.gallery import STRANGER, VISITOR, Studio, png, until

ALL = Query()
RECIPE = resolve({"prompt": "a harbour"}, seed=1)


def signer(files: Certified) -> Signer:
    made = signer_of(str(files.certificate), str(files.key))
    assert made is not None
    return made


async def test_the_picture_that_is_served_carries_a_manifest_and_its_recipe(
    studio: Studio, certificate: Certified
) -> None:
    await studio.draw(png(1, recipe=RECIPE))
    async with studio.showing(signer=signer(certificate)) as wall:
        await until(lambda: wall.find(VISITOR, ALL).total)
        (picture,) = wall.find(VISITOR, ALL).pictures
        media = wall.full(picture)
        blob = await wall.blob(VISITOR, media.name)
        assert blob is not None and blob.content_type == "image/png"
        assert media.name != f"{picture.image}.png" and (media.width, media.height) == (96, 64)
        served = Image.open(io.BytesIO(blob.data))
        assert '"prompt": "a harbour"' in served.text["atelier"]  # type: ignore[attr-defined]
        assert served.tobytes() == Image.open(io.BytesIO(png(1))).tobytes()
        told = c2pa.Reader("image/png", io.BytesIO(blob.data))
        assert told.get_validation_state() == "Valid" and MADE_BY_A_MODEL in told.json()
        said = await wall.provenance(picture)
        assert said is not None and said.valid
        assert (said.signer, said.signed_at[:2]) == ("The wall", "20")
        assert ("Origin", "drawn by a trained model (trainedAlgorithmicMedia)") in said.facts
        assert await wall.provenance(picture) == said
        assert await wall.blob(STRANGER, media.name) is None


async def test_without_a_signer_the_stored_file_is_served_as_it_is(studio: Studio) -> None:
    await studio.draw(png(1, recipe=RECIPE))
    async with studio.showing() as wall:
        await until(lambda: wall.find(VISITOR, ALL).total)
        (picture,) = wall.find(VISITOR, ALL).pictures
        blob = await wall.blob(VISITOR, wall.full(picture).name)
        assert blob is not None and blob.data == png(1, recipe=RECIPE)
        assert await wall.provenance(picture) is None
        assert read_provenance(blob.data) is None


async def test_it_is_signed_once_and_found_again_with_the_same_address(studio: Studio, certificate: Certified) -> None:
    job = await studio.draw(png(1), png(2))
    served = []
    for _ in range(2):
        async with studio.showing(signer=signer(certificate), budget=0) as wall:
            await until(lambda: wall.find(VISITOR, ALL).total == 2)
            name = wall.full(wall.of_job(VISITOR, job.name)[0]).name
            served.append((name, await wall.blob(VISITOR, name)))
    assert served[0] == served[1] and served[0][1] is not None
    manifests = [path for path in studio.cached() if path.suffix == ".c2pa"]
    assert len(manifests) == 2 and all(path.stat().st_size < 10_000 for path in manifests)


async def test_a_broken_manifest_is_signed_anew_under_another_address(studio: Studio, certificate: Certified) -> None:
    job = await studio.draw(png(1))
    async with studio.showing(signer=signer(certificate), budget=0) as wall:
        await until(lambda: wall.find(VISITOR, ALL).total)
        old = wall.full(wall.of_job(VISITOR, job.name)[0]).name
        (manifest,) = [path for path in studio.cached() if path.suffix == ".c2pa"]
        manifest.write_bytes(manifest.read_bytes()[:-9] + b"tampering")
        assert await wall.blob(VISITOR, old) is None
        new = wall.full(wall.of_job(VISITOR, job.name)[0]).name
        blob = await wall.blob(VISITOR, new)
        said = read_provenance(blob.data) if blob else None
        assert new != old and said is not None and said.valid


async def test_another_certificate_signs_anew_and_no_certificate_leaves_nothing(
    studio: Studio, certificate: Certified, tmp_path: Path
) -> None:
    job = await studio.draw(png(1))
    names = []
    for files in (certificate, certified(tmp_path / "other"), None):
        async with studio.showing(signer=signer(files) if files else None) as wall:
            await until(lambda: wall.find(VISITOR, ALL).total)
            names.append(wall.full(wall.of_job(VISITOR, job.name)[0]).name)
            assert len([path for path in studio.cached() if path.suffix == ".c2pa"]) == (files is not None)
    assert len(set(names)) == 3


async def test_what_is_forgotten_leaves_no_signed_copy(studio: Studio, certificate: Certified) -> None:
    job = await studio.draw(png(1))
    async with studio.showing(signer=signer(certificate)) as wall:
        await until(lambda: wall.find(VISITOR, ALL).total)
        (picture,) = wall.of_job(VISITOR, job.name)
        name = wall.full(picture).name
        assert len(studio.cached()) == 2 and await wall.blob(VISITOR, name) is not None
        await wall.forget([picture.image or ""])
        assert studio.cached() == [] and await wall.blob(VISITOR, name) is None


def test_a_picture_that_was_changed_behind_its_manifest_is_told(certificate: Certified) -> None:
    picture = png(1)
    signed = with_manifest(picture, signer(certificate).manifest(picture, datetime.now(UTC)))
    said = read_provenance(signed)
    assert said is not None and said.valid
    changed = bytearray(signed)
    changed[-30] ^= 1
    said = read_provenance(bytes(changed))
    assert said is not None and not said.valid


@pytest.mark.parametrize("kind", ["p384", "p521", "ed25519", "rsa"])
def test_every_kind_of_key_that_c2pa_knows_signs(tmp_path: Path, kind: str) -> None:
    keys: dict[str, Callable[[], CertificateIssuerPrivateKeyTypes]] = {
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
    }
    assert signer(certified(tmp_path, keys[kind]())).fingerprint


def test_without_files_nothing_is_signed() -> None:
    assert signer_of("", "") is None


def test_files_that_cannot_sign_are_told_at_the_start_with_what_is_needed(
    tmp_path: Path, certificate: Certified
) -> None:
    good, other = certificate, certified(tmp_path / "other")
    old, web = certified(tmp_path / "old", days=-1), certified(tmp_path / "web", usage=ExtendedKeyUsageOID.SERVER_AUTH)
    locked = certified(tmp_path / "locked", passphrase="secret")
    curve = certified(tmp_path / "curve", ec.generate_private_key(ec.SECP256K1()))
    text = tmp_path / "text"
    text.write_text("hello")
    for chain, key, sentence in (
        (good.certificate, "", "C2PA_KEY: pictures are signed with both files, and this one is not named."),
        ("", good.key, "C2PA_CERTIFICATE: pictures are signed with both files, and this one is not named."),
        (tmp_path / "none", good.key, f"C2PA_CERTIFICATE: {tmp_path / 'none'} cannot be read (No such file"),
        (text, good.key, f"C2PA_CERTIFICATE: {text} holds no certificate in PEM form."),
        (good.certificate, text, f"C2PA_KEY: {text} holds no private key in PEM form."),
        (good.certificate, other.key, f"C2PA_KEY: {other.key} is not the key of the first certificate in"),
        (locked.certificate, locked.key, f"C2PA_KEY: {locked.key} is encrypted; give a key without a passphrase."),
        (old.certificate, old.key, f"C2PA_CERTIFICATE: {old.certificate} is valid from "),
        (web.certificate, web.key, f"C2PA_CERTIFICATE: {web.certificate} cannot sign pictures ("),
        (web.certificate, web.key, "extended key usage emailProtection"),
        (curve.certificate, curve.key, f"C2PA_KEY: {curve.key} is of a kind that C2PA does not allow"),
    ):
        with pytest.raises(BadSettings) as caught:
            signer_of(str(chain), str(key))
        assert sentence in str(caught.value)
