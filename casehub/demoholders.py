"""The demo's three key holders: real ones, on this computer, each in a folder and a process of its own.

A real network has them run by three bodies, and no computer ever has two of their folders.
"""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

from django.conf import settings

from agencies import linknet
from agencies.models import Agency, KeyHolder
from agencies.roles import Permission
from agencies.scope import Actor, acting_as
from casehub import embedded, holders, running
from casehub.synthetic import World
from referrals.linkage.keyholder import dealing
from referrals.linkage.keyholder.folder import Folder

BODIES = ("Alder Law School (invented)", "Birch Bar Fund (invented)", "Cedar Library (invented)")
# A demo makes all its tokens within minutes: a number nobody reaches.
DAILY = 10_000_000
STARTS_IN = 20.0


def network_file(machines: Path, slug: str) -> Path:
    """What an agency asks the holders with, on what stands for its own computer; it holds secrets."""
    return machines / "holders" / f"{slug}.json"


@contextmanager
def serve(world: World, machines: Path) -> Iterator[list[Popen[bytes]]]:
    """The three, answering for as long as this lasts: known to the hub, with every agency's file up to date.

    The first time linkage is turned on; later it is left as it was. Raises SystemExit where it can't be.
    """
    folders = _folders()
    for entry in running.entries().glob("key-holder-*"):  # of a demo that was killed before it could
        embedded.end(entry)
    with ExitStack() as stack:
        children, urls = [], []
        for folder in folders:
            child, url = stack.enter_context(_one(folder))
            children.append(child)
            urls.append(url)
        _let_agencies_ask(world, machines, folders, urls)
        _tell_the_hub(world, urls)
        yield children


def _home() -> Path:
    folder: Path = settings.DATA / "key-holders"
    return folder


def _folders() -> list[Folder]:
    paths = [_home() / str(number) for number in linknet.HOLDERS]
    if paths[-1].exists():
        return [Folder(path) for path in paths]
    _home().mkdir(mode=0o700, exist_ok=True)
    return dealing.begin(paths)


@contextmanager
def _one(folder: Folder) -> Iterator[tuple[Popen[bytes], str]]:
    """One holder's process and its address; the port is whichever is free."""
    name = f"key-holder-{folder.holder}"
    log = settings.DATA / "logs" / f"{name}.log"
    begins = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-m", "referrals.linkage.keyholder", "serve", str(folder.path), "--port", "0"]
    with running.process(*command, log=name) as child:
        ends = time.monotonic() + STARTS_IN
        while child.poll() is None and time.monotonic() < ends:
            if found := re.search(rb" port (\d+)\.\n", log.read_bytes()[begins:]):
                yield child, f"http://127.0.0.1:{int(found[1])}"
                return
            time.sleep(0.05)
        raise SystemExit(f"Key holder {folder.holder} did not come up. See {log}.")


def _let_agencies_ask(world: World, machines: Path, folders: list[Folder], urls: list[str]) -> None:
    known = [folder.agencies() for folder in folders]
    for spec in world.agencies:
        path = network_file(machines, spec.slug)
        if all(spec.slug in names for names in known):
            network = dealing.again(folders, spec.slug, urls=urls)
        else:
            network = dealing.admit(folders, spec.slug, daily=DAILY, urls=urls)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_text(network.text() + "\n")
        beside.replace(path)


def _tell_the_hub(world: World, urls: list[str]) -> None:
    was_off = KeyHolder.objects.exists() and not linknet.is_on()
    office = Agency.objects.get(slug=world.offices[0].slug)
    with acting_as(Actor.hub(office, Permission.NETWORK_MANAGE)):
        for number, url, body in zip(linknet.HOLDERS, urls, BODIES, strict=True):
            linknet.name_holder(number, url=url, body=body)
    said = holders.agreed(holders.standings())
    if said is None:
        raise SystemExit("The three key holders of the demo do not agree. Delete the demo's data.")
    if was_off:
        return
    with acting_as(Actor.hub(office, Permission.NETWORK_MANAGE)):
        try:
            linknet.turn_on(said.epoch, said.fingerprint)
        except linknet.Unfit as wrong:
            raise SystemExit(f"The demo's key holders are not those of its database ({wrong}).") from None
