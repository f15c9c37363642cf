"""Every file says what it is, a certificate vouches for it, and `verify` tells what is left of that."""

from __future__ import annotations

import datetime
import io
import json
import subprocess

import numpy as np
import pytest
from PIL import Image

from imagineid_sdk import cli
from imagineid_sdk.errors import MissingExtraError, OptionError, VideoReadError
from imagineid_sdk.export import check_targets
from imagineid_sdk.files import find_ffmpeg
from imagineid_sdk.options import GenerateOptions
from imagineid_sdk.video import Signer, provenance, verify
from imagineid_sdk.video.picture import write_png
from imagineid_sdk.video.pictures import names_folder, write_pictures
from imagineid_sdk.video.provenance import GIF_HEADER, add_xmp, xmp_arguments
from imagineid_sdk.video.recorder import write_mp4
from imagineid_sdk.video.watermark import Watermark

TRAINED = "trainedAlgorithmicMedia"


def frames(count: int = 10) -> np.ndarray:
    return np.full((count, 256, 256, 3), (140, 148, 158), np.uint8)


def marked_frames(count: int = 10) -> np.ndarray:
    marked = frames(count)
    Watermark(marked[0]).add(marked)
    return marked


def film(path, **options):
    return write_mp4(path, options.pop("frames", frames()), fps=25, audio=None, metadata={"title": "T"}, **options)


@pytest.fixture
def plain_file(tmp_path):
    """A foreign video: without mark, metadata or signature."""
    path = tmp_path / "plain.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25:duration=0.4"]
    subprocess.run([find_ffmpeg(), "-v", "error", *source, "-pix_fmt", "yuv420p", path], check=True)
    return path


# --- metadata ---------------------------------------------------------------------------------------------------------


def test_an_mp4_says_that_a_trained_model_made_it_and_ffmpeg_reads_that(tmp_path):
    path = film(tmp_path / "a.mp4")
    assert verify(path).source_type == TRAINED
    command = [find_ffmpeg(), "-v", "error", "-export_xmp", "1", "-i", path, "-f", "ffmetadata", "pipe:1"]
    tags = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert f"digitalsourcetype/{TRAINED}" in tags and "title=T" in tags


def test_a_live_mp4_says_so_before_its_first_fragment(tmp_path, media):
    file = io.BytesIO()
    film(file)
    content = file.getvalue()
    assert content.index(b"moov") < content.index(TRAINED.encode()) < content.index(b"moof")
    (tmp_path / "live.mp4").write_bytes(content)
    assert len(media.frames(tmp_path / "live.mp4")) == 10


def test_pictures_and_gifs_say_so_and_still_open(tmp_path):
    assert verify(write_png(tmp_path / "a.png", frames(1)[0])).source_type == TRAINED
    gif = tmp_path / "a.gif"
    Image.fromarray(frames(1)[0]).save(gif, save_all=True, append_images=[Image.fromarray(frames(1)[0] // 2)])
    add_xmp(gif, ".gif")
    assert GIF_HEADER in gif.read_bytes() and verify(gif).source_type == TRAINED
    with Image.open(gif) as opened:
        assert opened.n_frames == 2


def test_a_webm_says_so_in_a_tag(tmp_path):
    source = ["-f", "lavfi", "-i", "color=gray:size=64x64:duration=0.2"]
    path = tmp_path / "a.webm"
    subprocess.run([find_ffmpeg(), "-v", "error", *source, *xmp_arguments(".webm"), path], check=True)
    result = verify(path)
    assert result.source_type == TRAINED and result.signature is None


KINDS = ["a.mp4", "a.mov", "a.webm", "a.gif", "a"]


def save(path, pictures: np.ndarray, **options):
    """Any kind of file that a video is saved as."""
    if names_folder(path):
        return write_pictures(path, pictures, audio=None, metadata={"Title": "T"}, **options)
    return film(path, frames=pictures, **options)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_says_so_and_keeps_the_mark(tmp_path, name):
    result = verify(save(tmp_path / name, marked_frames(10)))
    assert result.source_type == TRAINED and result.watermark.found and result.frames == 10
    plain = verify(save(tmp_path / f"plain{name[1:]}", frames(2)))
    assert plain.source_type == TRAINED and not plain.watermark.found


@pytest.mark.parametrize("name", KINDS[1:])
def test_a_person_before_nothing_is_marked_too(tmp_path, name):
    rows, columns = np.mgrid[:256, :256]
    alpha = np.hypot((rows - 150) / 1.3, columns - 128) < 100
    clear = np.dstack([frames(1)[0], alpha * np.uint8(255)]) * alpha[..., None]
    pictures = np.repeat(clear[None], 10, axis=0)
    Watermark(pictures[0]).add(pictures)
    assert not pictures[:, ~alpha].any()
    result = verify(save(tmp_path / name, pictures))
    assert result.source_type == TRAINED and result.watermark.found


# --- signatures -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Paths of a chain and a key, made for this test."""
    pytest.importorskip("c2pa")
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.timezone.utc)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def name(text: str):
        oid = x509.NameOID
        return x509.Name(
            [x509.NameAttribute(oid.COMMON_NAME, text), x509.NameAttribute(oid.ORGANIZATION_NAME, "Test house")]
        )

    def certify(subject: str, public_key, authority: bool):
        uses = ("digital_signature", "key_cert_sign", "crl_sign", "content_commitment", "key_encipherment",
                "data_encipherment", "key_agreement", "encipher_only", "decipher_only")  # fmt: skip
        allowed = uses[1:3] if authority else uses[:1]
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("Test root"))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.KeyUsage(**{use: use in allowed for use in uses}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        )
        if not authority:
            purpose = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purpose, critical=False)
        return builder.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    folder = tmp_path_factory.mktemp("certificate")
    chain = certify("Test signer", key.public_key(), False) + certify("Test root", root_key.public_key(), True)
    (folder / "chain.pem").write_bytes(chain)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(secret)
    return folder / "chain.pem", folder / "key.pem"


def test_a_certificate_vouches_for_a_video_until_a_byte_of_it_changes(tmp_path, certificate, media):
    path = film(tmp_path / "signed.mp4", sign=certificate)
    assert sorted(tmp_path.iterdir()) == [path]
    result = verify(path)
    assert result.signature is not None and result.signature.valid and not result.signature.problems
    assert result.signature.source_type == TRAINED and "Test signer" in result.signature.signer
    assert result.source_type == TRAINED and len(media.frames(path)) == 10 and "title" in media.describe(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"mdat") + 100] ^= 1
    path.write_bytes(content)
    broken = verify(path).signature
    assert broken is not None and not broken.valid and broken.problems


def test_a_file_that_can_not_be_signed_stays_as_it_is(tmp_path, certificate):
    path = film(tmp_path / "plain.mp4")
    content = path.read_bytes()
    with pytest.raises(OptionError, match="sign="):
        Signer(tmp_path / "no.pem", tmp_path / "no.key").sign(path, ".mp4", "plain.mp4")
    assert path.read_bytes() == content and [one.name for one in tmp_path.iterdir()] == ["plain.mp4"]


@pytest.mark.parametrize("name", ["a.mov", "a.gif", "a"])
def test_other_kinds_are_signed_too(tmp_path, certificate, name):
    path = save(tmp_path / name, frames(2), sign=certificate)
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        result = verify(file)
        assert result.signature is not None and result.signature.valid, file.name
        assert result.source_type == result.signature.source_type == TRAINED


def test_an_export_is_signed_where_something_is_shown(certificate):
    settings = GenerateOptions()
    check_targets(["a.mp4", "a.csv", "frames/"], settings, certificate)
    for paths, name in ((["a.mp4", "a.webm"], "a.webm"), (["a.csv"], "a.csv")):
        with pytest.raises(OptionError, match=f"sign=.*{name}"):
            check_targets(paths, settings, certificate)


def test_what_cannot_be_signed_is_refused_before_a_frame_is_made(tmp_path, certificate):
    chain, key = certificate
    for sign in (chain, (chain,), (chain, tmp_path / "none.pem"), (key, chain), Signer(chain, key, algorithm="ps256x")):
        with pytest.raises(OptionError, match="sign="):
            film(tmp_path / "a.mp4", frames=iter(lambda: pytest.fail("a frame was made"), None), sign=sign)
    with pytest.raises(OptionError, match="stream"):
        film(io.BytesIO(), sign=certificate)
    for name, sign in (("a.webm", certificate), ("a", (chain, tmp_path / "none.pem"))):
        with pytest.raises(OptionError, match="sign="):
            save(tmp_path / name, frames(1), sign=sign)
    assert not list(tmp_path.iterdir())


def test_without_the_extra_signing_names_it_and_verifying_says_so(tmp_path, monkeypatch):
    def missing():
        raise MissingExtraError("A C2PA signature", "provenance")

    monkeypatch.setattr(provenance, "load_c2pa", missing)
    with pytest.raises(MissingExtraError, match=r"imagineid-sdk\[provenance\]"):
        film(tmp_path / "a.mp4", sign=("chain.pem", "key.pem"))
    result = verify(film(tmp_path / "a.mp4"))
    assert not result.signature_checked and "imagineid-sdk[provenance]" in str(result)


# --- verify -----------------------------------------------------------------------------------------------------------


def test_verify_finds_the_mark_where_the_metadata_was_stripped(tmp_path, capsys):
    path = film(tmp_path / "a.mp4", frames=marked_frames(30))
    stripped = tmp_path / "stripped.mov"
    command = [find_ffmpeg(), "-v", "error", "-i", path, "-map_metadata", "-1", "-c", "copy", stripped]
    subprocess.run(command, check=True)
    result = verify(stripped)
    assert result.source_type is None and result.watermark.found and result.synthetic
    assert cli.main(["verify", str(stripped)]) == 0
    assert "watermark  found" in capsys.readouterr().out


def test_verify_finds_nothing_in_a_foreign_video_and_says_so_by_its_status(plain_file, capsys):
    assert cli.main(["verify", str(plain_file), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["synthetic"] and said["source_type"] is None and said["watermark"]["false_positive"] > 1e-4


def test_a_folder_of_pictures_is_a_video(tmp_path):
    for index, frame in enumerate(marked_frames(3)):
        Image.fromarray(frame).save(tmp_path / f"{index:03}.png")
    result = verify(tmp_path)
    assert result.watermark.found and result.frames == 3


def test_what_is_no_video_gets_a_typed_error_and_status_two(tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty").mkdir()
    for name in ("none.mp4", "text.mp4", "empty"):
        with pytest.raises(VideoReadError):
            verify(tmp_path / name)
        assert cli.main(["verify", str(tmp_path / name)]) == 2
        assert "error" in capsys.readouterr().err


def test_the_command_leaves_pixels_unmarked_if_asked(monkeypatch):
    options = cli.build_parser().parse_args(["generate", "a.wav", "-o", "a.mp4", "--no-watermark"])
    assert options.watermark is False and "watermark" in options.passed_on
    assert cli.build_parser().parse_args(["generate", "a.wav", "-o", "a.mp4"]).watermark is None
