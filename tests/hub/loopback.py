"""A small Hub on loopback: what huggingface_hub asks for when it downloads and uploads, with faults on demand.

Large files (.safetensors) are served as the real Hub serves them: the answer to HEAD names size and SHA-256, and the
content lies behind a redirect. Every request is kept in `requests`, so tests can say what was NOT asked for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

Content = bytes | Path


@dataclass
class Repository:
    """`branches`: name -> files by path. `token` None is public; another token than it gets `refusal` as status."""

    branches: dict[str, dict[str, Content]]
    token: str | None = None
    refusal: int = 401
    gated: bool = False

    def files(self, revision: str) -> dict[str, Content] | None:
        if revision in self.branches:
            return self.branches[revision]
        return {commit_of(files): files for files in self.branches.values()}.get(revision)


def commit_of(files: Mapping[str, Content]) -> str:
    """A hash that names this state of the files, as git's does."""
    digest = hashlib.sha1()
    for name in sorted(files):
        digest.update(f"{name}\0{sha256(files[name])}\n".encode())
    return digest.hexdigest()


def read(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


@lru_cache(maxsize=4096)  # asked for with every request; published content never changes
def sha256(content: Content) -> str:
    return hashlib.sha256(read(content)).hexdigest()


def folder_files(folder: Path) -> dict[str, Content]:
    """What a folder holds, as the files of a branch."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


@dataclass
class LoopbackHub:
    """`faults`: file name (without folders) -> "cut" (the connection breaks once in the middle), "short" (the content
    ends early), "flipped" (a byte differs), "slow" (a pause of 3 seconds in the middle), "broken" (500)."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    connections: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        # Another host's name, as on the real Hub: nobody's token is sent there.
        self.content_url = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def publish(self, repo: str, files: Mapping[str, Content], branch: str = "main") -> Repository:
        repository = self.repositories.setdefault(repo, Repository({}))
        repository.branches[branch] = dict(files)
        return repository

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
        for connection in self.connections:  # those that a client keeps open for its next request
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def asked_for(self, ending: str) -> list[str]:
        """Requests whose path ends so."""
        return [request for request in self.requests if request.endswith(ending)]


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.hub.connections.append(self.connection)

    def log_message(self, *_: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_HEAD(self) -> None:
        self._get()

    def do_GET(self) -> None:
        self._get()

    def _get(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.requests.append(f"{self.command} {path}")
        parts = path.split("/")
        if parts[0] == "cdn":
            return self._send_file(parts[-1], read(self._large_file(parts[1])), {})
        api = parts[:2] == ["api", "models"]
        repo = "/".join(parts[2:4] if api else parts[:2])
        repository = self.hub.repositories.get(repo)
        if refusal := self._refusal(repository):
            return self._answer(*refusal)
        assert repository is not None
        revision = parts[5] if api and len(parts) > 5 else "main" if api else parts[3]
        files = repository.files(revision)
        if files is None:
            return self._answer(404, {"X-Error-Code": "RevisionNotFound"})
        if api:
            siblings = [{"rfilename": name} for name in files]
            return self._json({"id": repo, "modelId": repo, "sha": commit_of(files), "siblings": siblings, "tags": []})
        name, commit = "/".join(parts[4:]), {"X-Repo-Commit": commit_of(files)}
        if name not in files:
            return self._answer(404, {"X-Error-Code": "EntryNotFound", **commit})
        if self.hub.faults.get(parts[-1]) == "broken":
            return self._answer(500, {})
        if not name.endswith(".safetensors"):
            tag = hashlib.sha1(read(files[name])).hexdigest()
            return self._send_file(parts[-1], read(files[name]), commit | {"ETag": f'"{tag}"'})
        digest, size = sha256(files[name]), len(read(files[name]))
        linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(size)}
        self._answer(302, commit | linked | {"Location": f"{self.hub.content_url}/cdn/{digest}/{parts[-1]}"})

    def _refusal(self, repository: Repository | None) -> tuple[int, dict[str, str]] | None:
        """Status and headers for someone who may not see the repository."""
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repository is None:
            return 401, {"X-Error-Code": "RepoNotFound"}
        if repository.token is None or given == repository.token:
            return None
        if repository.gated:
            return 403, {"X-Error-Code": "GatedRepo"}
        return repository.refusal, {"X-Error-Code": "RepoNotFound"} if repository.refusal == 401 else {}

    def _large_file(self, digest: str) -> Content:
        files = [f for r in self.hub.repositories.values() for b in r.branches.values() for f in b.values()]
        return next(content for content in files if sha256(content) == digest)

    def _send_file(self, name: str, content: bytes, headers: dict[str, str]) -> None:
        fault = self.hub.faults.get(name) if self.command == "GET" else None
        if fault == "short":
            content = content[: len(content) // 2]
        if fault == "flipped":
            content = content[:-1] + bytes([content[-1] ^ 1])
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        total, content = len(content), content[first:]
        if first:
            headers = headers | {"Content-Range": f"bytes {first}-{total - 1}/{total}"}
        if fault == "cut":
            del self.hub.faults[name]
            self._answer(200, headers, content[: len(content) // 2], length=len(content))
            self.close_connection = True
            return
        if fault == "slow":
            self._answer(200, headers, content[: len(content) // 2], length=len(content))
            time.sleep(3)
            self.wfile.write(content[len(content) // 2 :])
            return
        self._answer(206 if first else 200, headers, content)

    # --- uploads ------------------------------------------------------------------------------------------------------

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.requests.append(f"POST {path}")
        body = (
            self.rfile.read(int(self.headers["Content-Length"])) if "Content-Length" in self.headers else self._chunks()
        )
        if path == "api/repos/create":
            made = json.loads(body)
            repo = f"{made['organization']}/{made['name']}"
            self.hub.publish(repo, {})
            return self._json({"url": f"{self.hub.url}/{repo}", "name": repo})
        if path == "api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if path.endswith(".git/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            upload = [o | {"actions": {"upload": {"href": f"{self.hub.url}/upload/{o['oid']}"}}} for o in wanted]
            return self._json({"transfer": "basic", "objects": upload})
        repo, (action, revision) = "/".join(path.split("/")[2:4]), path.split("/")[4:6]
        if action == "preupload":
            modes = [
                {
                    "path": f["path"],
                    "shouldIgnore": False,
                    "uploadMode": "lfs" if f["path"].endswith("s") else "regular",
                }
                for f in json.loads(body)["files"]
            ]
            return self._json({"files": modes})
        assert action == "commit"
        files = self._committed([json.loads(line) for line in body.splitlines() if line])
        self.hub.publish(repo, self.hub.repositories[repo].branches.get(revision, {}) | files, revision)
        commit = commit_of(files)
        self._json({"success": True, "commitOid": commit, "commitUrl": f"{self.hub.url}/{repo}/commit/{commit}"})

    def _committed(self, lines: list[dict]) -> dict[str, Content]:
        files: dict[str, Content] = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
        return files

    def do_PUT(self) -> None:
        body = (
            self.rfile.read(int(self.headers["Content-Length"])) if "Content-Length" in self.headers else self._chunks()
        )
        self.hub.uploads[self.path.rsplit("/", 1)[-1]] = body
        self._answer(200, {})

    def _chunks(self) -> bytes:
        """A body in chunked transfer encoding (RFC 9112, 7.1)."""
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _json(self, answer: dict) -> None:
        self._answer(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"", length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
