"""What a file says about its making: tags for people, IPTC's digital source type as XMP, and a C2PA manifest with the
user's signature.

XMP is plain text that any program can read and anybody can delete; ``exiftool`` shows it as DigitalSourceType. A C2PA
manifest is bound to the content by hashes and a certificate. Neither outlives a platform that strips metadata: that is
what the watermark is for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias
from xml.sax.saxutils import escape

from imagineid_sdk import __version__
from imagineid_sdk.errors import MissingExtraError, OptionError, VideoError

if TYPE_CHECKING:
    from imagineid_sdk.face.persona.identity import Identity

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC NewsCodes: media created by a model that was trained on sampled content."""

SOURCE_TYPES = (
    "algorithmicMedia", "algorithmicallyEnhanced", "compositeCapture", "compositeSynthetic",
    "compositeWithTrainedAlgorithmicMedia", "composite", "computationalCapture", "dataDrivenMedia", "digitalArt",
    "digitalCapture", "digitalCreation", "humanEdits", "minorHumanEdits", "negativeFilm", "positiveFilm", "print",
    "screenCapture", "softwareImage", "trainedAlgorithmicMedia", "virtualRecording",
)  # fmt: skip
"""All of that vocabulary. In a file the word may run into whatever comes next."""

SOURCE_TYPE_ADDRESS = re.compile(rb"(?s)(?<!x.)https?://cv\.iptc\.org/newscodes/digitalsourcetype/(\w{1,64})")
"""Not after an x and a length: so begins a text in the manifest of a gif or png, which is no XMP."""

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""Of the box that holds XMP in mp4 and mov (XMP specification, part 3, 1.2.4)."""

PNG_KEYWORD = "XML:com.adobe.xmp"
GIF_HEADER = b"\x21\xff\x0bXMP DataXMP"
GIF_TRAILER = bytes([1, *range(255, -1, -1), 0])
"""Wherever a reader that skips blocks lands in it, it is led to the end (XMP specification, part 3, 1.1.2)."""

SIGNABLE = (".mp4", ".mov", ".gif", ".png")
"""Endings of files that can hold a manifest."""


def file_tags(identity: Identity) -> dict[str, str]:
    """What players and viewers show as title and comment."""
    return {
        "title": "Synthetic talking face",
        "comment": f"Synthetic: this face was imagined from audio by imagineid-sdk {__version__}, seed {identity.seed}."
        " No such person exists.",
    }


def xmp_packet() -> bytes:
    """The XMP of every file that is written here."""
    tool = escape(f"imagineid-sdk {__version__}")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/">\n'
        f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>\n"
        f"<xmp:CreatorTool>{tool}</xmp:CreatorTool>\n"
        '</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end="r"?>'
    ).encode()


def xmp_box() -> bytes:
    """The same as a box of an mp4 or mov; it may stand between any two boxes at the top of the file."""
    packet = xmp_packet()
    return (24 + len(packet)).to_bytes(4, "big") + b"uuid" + XMP_UUID + packet


def xmp_arguments(suffix: str) -> list[str]:
    """What ffmpeg needs to write the source type into kinds of file that `add_xmp` can't change: webm and mkv."""
    return ["-metadata", f"DIGITAL_SOURCE_TYPE={SOURCE_TYPE}"] if suffix in (".webm", ".mkv") else []


def add_xmp(path: Path, suffix: str) -> None:
    """Add the XMP to a finished mp4, mov or gif; others are left as they are (a png gets it when it is written).

    Raises:
        OSError: the file can't be changed.
    """
    if suffix in (".mp4", ".mov"):
        with open(path, "ab") as file:
            file.write(xmp_box())
    elif suffix == ".gif":
        content = path.read_bytes()
        head = 13 + (3 << (content[10] % 8 + 1) if content[10] & 0x80 else 0)  # header, screen, global palette
        path.write_bytes(content[:head] + GIF_HEADER + xmp_packet() + GIF_TRAILER + content[head:])


class XmpInserter:
    """Passes the boxes of a growing mp4 on, with the XMP before the first fragment, where players expect any box."""

    def __init__(self) -> None:
        self._head = b""
        self._done = False

    def feed(self, part: bytes) -> bytes:
        """The next bytes of the file -> those to be written now."""
        if self._done:
            return part
        self._head += part
        place = 0
        while len(self._head) >= place + 8:
            if self._head[place + 4 : place + 8] == b"moof":
                self._done = True
                return self._head[:place] + xmp_box() + self._head[place:]
            place += max(8, int.from_bytes(self._head[place : place + 4], "big"))
        return b""

    def finish(self) -> bytes:
        """What is left when the file ends without a fragment."""
        return b"" if self._done else self._head


# --- signatures -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signer:
    """A certificate and its key, for C2PA.

    Attributes:
        certificate: path of the chain in PEM: the signer's first, then whoever vouches for it.
        key: path of the private key in PEM, PKCS 8.
        timestamps: address of a timestamp authority; None signs without one and needs no network.
        algorithm: "es256", "es384", "es512", "ps256", "ps384", "ps512" or "ed25519", as the key is.
    """

    certificate: str | os.PathLike[str]
    key: str | os.PathLike[str]
    timestamps: str | None = None
    algorithm: str = "es256"

    def open(self) -> Any:
        """A signer of c2pa-python, which checks that certificate and key can be used."""
        c2pa = load_c2pa()
        try:
            chain, key = (Path(path).read_text() for path in (self.certificate, self.key))
        except (OSError, ValueError, TypeError) as error:
            raise OptionError(f"sign= can't be used: {error}. Give paths of two PEM files.") from error
        try:
            stamps = None if self.timestamps is None else self.timestamps.encode()
            info = c2pa.C2paSignerInfo(self.algorithm.encode(), chain.encode(), key.encode(), stamps)
            return c2pa.Signer.from_info(info)
        except c2pa.C2paError as error:
            raise OptionError(
                f"sign= can't be used: {error}. Give a certificate chain and the PKCS 8 key of its first certificate, "
                f"as PEM, of the kind {self.algorithm}."
            ) from error

    def sign(self, path: Path, suffix: str, title: str) -> None:
        """Sign a finished file in place; it stays as it is if that fails.

        Raises:
            OptionError: certificate or key can't be used.
            VideoError: it can't be signed.
        """
        c2pa = load_c2pa()
        unsigned = path.with_name(path.name + suffix)  # c2pa tells kinds of file by their ending
        whole = path.with_name(path.name + ".signed" + suffix)
        try:
            try:
                os.link(path, unsigned)
            except OSError:  # a file system without links
                shutil.copyfile(path, unsigned)
            with self.open() as signer, c2pa.Builder(manifest(title)) as builder:
                builder.sign_file(unsigned, whole, signer)
            os.replace(whole, path)
        except (c2pa.C2paError, OSError) as error:
            raise VideoError(f"{title!r} could not be signed: {error}. Check the certificate and its chain.") from error
        finally:
            unsigned.unlink(missing_ok=True)
            whole.unlink(missing_ok=True)


Signing: TypeAlias = "Signer | tuple[str | os.PathLike[str], str | os.PathLike[str]] | None"
"""A signer, or the paths of its certificate and key; None leaves a file unsigned."""


def read_signer(option: Signing, target: object) -> Signer | None:
    """Read ``sign=`` for a file that is to be written, before any work is spent on it.

    Raises:
        OptionError: it can't be used, or the target is an open file or of a kind that can't hold a signature.
        MissingExtraError: c2pa-python is not installed.
    """
    if option is None:
        return None
    if not isinstance(target, (str, os.PathLike)):
        raise OptionError("sign= needs a file: a stream has no end that could be signed. Give a path.")
    if Path(target).suffix.lower() not in SIGNABLE:
        raise OptionError(f"sign= can't be used: {Path(target).name!r} holds none. Write .mp4, .mov, .gif or a folder.")
    if not isinstance(option, Signer):
        if not isinstance(option, (tuple, list)) or len(option) != 2:
            raise OptionError(f"sign={option!r} can't be used. Give (certificate.pem, key.pem), or a Signer.")
        option = Signer(*option)
    option.open().close()
    return option


def manifest(title: str) -> dict[str, Any]:
    """What the signature vouches for: created, by a trained model."""
    agent = {"name": "imagineid-sdk", "version": __version__}
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "softwareAgent": agent}
    return {
        "claim_generator_info": [agent],
        "title": title,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }


def load_c2pa() -> Any:
    """The package c2pa.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import c2pa
    except ImportError as error:
        raise MissingExtraError("A C2PA signature", "provenance") from error
    return c2pa


# --- reading it back --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Signature:
    """A C2PA manifest.

    Attributes:
        valid: the content is what was signed. Who signed is not judged: no list of trusted issuers comes with this
            package.
        signer: name and issuer in the certificate.
        source_type: the last part of the digital source type that is vouched for, if there is one.
        problems: codes of what is wrong with it.
    """

    valid: bool
    signer: str
    source_type: str | None
    problems: tuple[str, ...]


def read_signature(path: Path) -> Signature | None:
    """The manifest in a file; None without one, or where the kind of file can't hold any. Nothing is fetched.

    Raises:
        MissingExtraError: c2pa-python is not installed.
    """
    c2pa = load_c2pa()
    try:
        with c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}) as context:
            reader = c2pa.Reader.try_create(path, context=context)
            if reader is None:
                return None
            with reader:
                return _signature(json.loads(reader.json()))
    except (c2pa.C2paError.NotSupported, c2pa.C2paError.ManifestNotFound):
        return None
    except c2pa.C2paError as error:
        return Signature(False, "an unknown signer", None, (str(error),))


def _signature(report: dict[str, Any]) -> Signature:
    active = report.get("manifests", {}).get(report.get("active_manifest"), {})
    info = active.get("signature_info", {})
    failures = report.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    problems = [failure["code"] for failure in failures if failure["code"] != "signingCredential.untrusted"]
    actions = [
        action
        for assertion in active.get("assertions", [])
        if assertion.get("label", "").startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", [])
    ]
    types = [action["digitalSourceType"].rsplit("/", 1)[-1] for action in actions if "digitalSourceType" in action]
    names = [info[name] for name in ("common_name", "issuer") if info.get(name)]
    return Signature(not problems, " of ".join(names) or "an unknown signer", next(iter(types), None), tuple(problems))


def find_source_type(path: Path) -> str | None:
    """The digital source type that the file's XMP or tags name: the last part of its address, such as
    ``trainedAlgorithmicMedia``; None without one."""
    for part in _described(path):
        for match in SOURCE_TYPE_ADDRESS.finditer(part):
            said = match[1].decode("ascii", "replace")
            if word := next((word for word in SOURCE_TYPES if said.startswith(word)), None):
                return word
    return None


def _described(path: Path) -> Iterator[bytes]:
    """Pieces of the file that may hold XMP: of an mp4 or mov its boxes but the media, of others all of it."""
    with open(path, "rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[4:8] in (b"ftyp", b"moov", b"wide", b"mdat"):
            yield from _boxes(file)
            return
        last = b""
        while part := file.read(1 << 20):
            yield last + part
            last = part[-256:]


def _boxes(file: IO[bytes]) -> Iterator[bytes]:
    """XMP of an mp4 or mov at its top and in its user data. A manifest of C2PA, another uuid box, is left out."""
    while len(head := file.read(8)) == 8:
        size, kind = int.from_bytes(head[:4], "big"), head[4:]
        length = size - 8
        if size == 1:
            length = int.from_bytes(file.read(8), "big") - 16
        if size == 0 or length < 0:
            return
        here = file.tell()
        if kind == b"uuid" and file.read(16) == XMP_UUID:
            yield file.read(min(length - 16, 1 << 20))
        elif kind == b"moov":
            yield file.read(min(length, 1 << 26))
        file.seek(here + length)
