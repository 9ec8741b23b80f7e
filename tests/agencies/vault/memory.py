"""A KeyStore in memory, shared by keyrings that stand for processes. It counts how often it is asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agencies.vault.kek import KeyFolder
from agencies.vault.keys import Keyring, KeyRow, Progress
from agencies.vault.subjects import SubjectKeys


class MemoryStore:
    def __init__(self) -> None:
        self.rows: dict[tuple[int, str, int], KeyRow] = {}
        self.looks = 0
        self.waiting: list[Callable[[], None]] = []
        self.is_open = False

    def load(self, agency: int) -> tuple[KeyRow, ...]:
        self.looks += 1
        return tuple(row for place, row in sorted(self.rows.items()) if place[0] == agency)

    @contextmanager
    def changing(self, agency: int, *, durable: bool = False) -> Iterator[None]:
        assert not (durable and self.is_open)
        yield

    @contextmanager
    def transaction(self, *, commits: bool) -> Iterator[None]:
        before, self.is_open = dict(self.rows), True
        try:
            yield
        finally:
            self.is_open, waiting, self.waiting = False, self.waiting, []
            if commits:
                for act in waiting:
                    act()
            else:
                self.rows = before

    def add(self, row: KeyRow) -> None:
        self.rows[tuple(row.place)] = row

    def retire(self, agency: int, purpose: str, *, below: int) -> None:
        for place, row in self.rows.items():
            if place[:2] == (agency, purpose) and place[2] < below:
                self.rows[place] = row._replace(is_retired=True)

    def destroy(self, agency: int) -> None:
        for place, row in self.rows.items():
            if place[0] == agency:
                self.rows[place] = row._replace(wrapped=b"", is_destroyed=True)

    def on_commit(self, act: Callable[[], None]) -> None:
        if self.is_open:
            self.waiting.append(act)
        else:
            act()

    def is_waiting(self, act: Callable[[], None]) -> bool:
        return act in self.waiting

    def rewrap(self, kek_id: str, wrap: Callable[[KeyRow], bytes | None]) -> Iterator[Progress]:
        for done, (place, row) in enumerate(self.rows.items(), 1):
            wrapped = wrap(row)
            assert wrapped is not None
            self.rows[place] = row._replace(wrapped=wrapped, kek_id=kek_id)
            yield Progress(done, len(self.rows))

    def kek_ids(self) -> set[str]:
        return {row.kek_id for row in self.rows.values() if not row.is_destroyed}


class Clock:
    """Time that passes when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Hub:
    """Processes over one store and one folder of keys."""

    def __init__(self, path: Path) -> None:
        self.folder = KeyFolder(path / "keys")
        self.folder.ensure()
        self.subjects = SubjectKeys(self.folder.path)
        self.store = MemoryStore()
        self.clock = Clock()

    def process(self) -> Keyring:
        return Keyring(self.store, lambda: self.folder, lambda: self.subjects, self.clock)
