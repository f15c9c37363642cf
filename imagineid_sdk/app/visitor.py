"""What is kept of a visitor: one clip, some faces, one film; forgotten when the page is closed."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

from imagineid_sdk.app.live import LiveTalk

if TYPE_CHECKING:
    from imagineid_sdk.audio import AudioClip
    from imagineid_sdk.face.persona.identity import Identity
    from imagineid_sdk.output import ImaginedFace


@dataclass(eq=False)
class Visitor:
    """One open page.

    Attributes:
        folder: for the files that are offered as downloads.
        clip: the sound that faces were imagined for.
        faces: the ones to choose from, with seeds counted from `first_seed`.
        chosen: who was chosen, before any wish.
        uploads: files that came from the browser.
        cancelled: set when the video that is made, or waits to be, is not wanted any more.
        gone: set when the page was closed: nothing is wanted any more.
        talk: the conversation that is going on.
    """

    folder: Path
    clip: AudioClip | None = None
    faces: Sequence[ImaginedFace] = ()
    first_seed: int = 0
    chosen: Identity | None = None
    uploads: set[Path] = field(default_factory=set)
    cancelled: Event = field(default_factory=Event)
    gone: Event = field(default_factory=Event)
    talk: LiveTalk | None = None


class Visitors:
    """All open pages, by the session that gradio names them with.

    Args:
        root: the folder that every file of theirs lies in.

    Attributes:
        talks: the conversations that are going on, by name.
    """

    def __init__(self, root: Path) -> None:
        self.talks: dict[str, LiveTalk] = {}
        self._root, self._open, self._lock = root, dict[str, Visitor](), Lock()

    def __getitem__(self, session: str) -> Visitor:
        with self._lock:
            if session not in self._open:
                self._open[session] = Visitor(Path(tempfile.mkdtemp(prefix="visitor-", dir=self._root)))
            return self._open[session]

    @contextmanager
    def talking(self, visitor: Visitor, talk: LiveTalk) -> Iterator[tuple[str, LiveTalk]]:
        """The conversation, findable within the block by a name that nobody can guess."""
        name = secrets.token_urlsafe(16)
        self.talks[name] = visitor.talk = talk
        try:
            yield name, talk
        finally:
            talk.close()
            self.talks.pop(name, None)

    def forget(self, session: str) -> None:
        """Stops the work for somebody who has left, and deletes their files."""
        with self._lock:
            if (visitor := self._open.pop(session, None)) is None:
                return
            # Gradio names uploads by content: a file may be somebody else's as well.
            others: set[Path] = set().union(*(other.uploads for other in self._open.values()))
        visitor.gone.set()
        if visitor.talk is not None:
            visitor.talk.close()
        shutil.rmtree(visitor.folder, ignore_errors=True)
        for path in visitor.uploads - others:
            path.unlink(missing_ok=True)
