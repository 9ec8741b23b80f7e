"""The key holders' commands: `python -m referrals.linkage.keyholder init|agency|serve|rotate|status`."""

import argparse
import asyncio
import os
import ssl
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from referrals.linkage import oprf
from referrals.linkage.keyholder import dealing, wire
from referrals.linkage.keyholder.folder import Broken, Folder
from referrals.linkage.keyholder.service import Service

# A record has about 13 keys and is filled up to this many elements.
A_RECORD = wire.GROUP


def main(given: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 if it could not be done, in words on stderr."""
    chosen = _parser().parse_args(given)
    # Nothing that is made here may be read by others, whatever the shell says.
    os.umask(0o077)
    try:
        return chosen.run(chosen)
    except (Broken, OSError, ValueError) as wrong:
        sys.stderr.write(f"keyholder: {wrong}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keyholder", description="Hold a share of the tokens' key.")
    commands = parser.add_subparsers(required=True)

    init = commands.add_parser("init", help="draw a key and deal it to three new folders")
    init.add_argument("folders", nargs=3, type=Path)
    init.set_defaults(run=_init)

    agency = commands.add_parser("agency", help="let an agency ask the three, or change its quota")
    agency.add_argument("name", help="the agency's slug at the hub")
    agency.add_argument("folders", nargs=3, type=Path)
    agency.add_argument(
        "--records", type=int, required=True, help="a day; about twice what it usually takes in"
    )
    agency.add_argument(
        "--urls", nargs=3, required=True, help="where the three listen, in the folders' order"
    )
    agency.add_argument("--out", type=Path, required=True, help="what the agency needs; it holds secrets")
    agency.set_defaults(run=_agency)

    more = commands.add_parser("raise", help="a higher quota for some days, at one holder")
    more.add_argument("name")
    more.add_argument("folder", type=Path)
    more.add_argument("--records", type=int, required=True, help="a day")
    more.add_argument("--until", required=True, help="the last day, YYYY-MM-DD (UTC)")
    more.set_defaults(run=_raise)

    serve = commands.add_parser("serve", help="answer, until stopped")
    serve.add_argument("folder", type=Path)
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, required=True)
    serve.add_argument("--certificate", type=Path, help="TLS: the chain, with --key")
    serve.add_argument("--key", type=Path)
    serve.set_defaults(run=_serve)

    rotate = commands.add_parser("rotate", help="deal a new epoch, begin it, and let the old one run out")
    rotate.add_argument("folders", nargs=3, type=Path)
    rotate.add_argument(
        "--overlap", type=float, default=14, help="days in which the old one is still answered"
    )
    rotate.add_argument("--end", action="store_true", help="no new epoch: end the overlap and destroy now")
    rotate.set_defaults(run=_rotate)

    status = commands.add_parser("status", help="epochs, quotas, alarms; checks the audit's chain")
    status.add_argument("folders", nargs="+", type=Path)
    status.set_defaults(run=_status)
    return parser


def _init(chosen: argparse.Namespace) -> int:
    folders = dealing.begin(chosen.folders)
    _say("Dealt by this computer, which knew the key until now and has forgotten it. Now carry each folder")
    _say("to its holder's computer, delete it here, and read this to each other over the telephone:")
    _say(f"  epoch 1: {oprf.fingerprint(folders[0].epochs()[1])}")
    return 0


def _agency(chosen: argparse.Namespace) -> int:
    if chosen.out.exists():
        raise Broken(f"{chosen.out} is there already.")
    folders = [Folder(path) for path in chosen.folders]
    network = dealing.admit(folders, chosen.name, daily=chosen.records * A_RECORD, urls=chosen.urls)
    descriptor = os.open(chosen.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(network.text() + "\n")
    _say(f"{chosen.name} may ask for {chosen.records} records a day. Bring it {chosen.out}; delete it here.")
    return 0


def _raise(chosen: argparse.Namespace) -> int:
    folder, until = Folder(chosen.folder), datetime.fromisoformat(chosen.until).date().isoformat()
    agency = folder.agencies().get(chosen.name)
    if agency is None:
        raise Broken(f"{chosen.name} is not known here.")
    folder.admit(chosen.name, agency._replace(raised=chosen.records * A_RECORD, until=until))
    _say(f"{chosen.name} may ask for {chosen.records} records a day until {until}.")
    return 0


def _serve(chosen: argparse.Namespace) -> int:
    tls = None
    if chosen.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(chosen.certificate, chosen.key)
    elif chosen.host not in ("127.0.0.1", "::1", "localhost"):
        _say("Without --certificate: let something else in front of it speak TLS.")
    asyncio.run(Service(Folder(chosen.folder)).run(chosen.host, chosen.port, tls=tls))
    return 0


def _rotate(chosen: argparse.Namespace) -> int:
    folders = [Folder(path) for path in chosen.folders]
    if chosen.end:
        for folder in folders:
            folder.end_now()
            for epoch in folder.destroy_ended():
                _say(f"Holder {folder.holder}: the share of epoch {epoch} is destroyed.")
        return 0
    epoch = dealing.rotate(folders, overlap=timedelta(days=chosen.overlap))
    _say(f"Epoch {epoch} has begun: {oprf.fingerprint(folders[0].epochs()[epoch])}")
    _say(f"The one before is answered for {chosen.overlap:g} days, then each holder destroys its share.")
    return 0


def _status(chosen: argparse.Namespace) -> int:
    day = datetime.now(UTC).date().isoformat()
    for path in chosen.folders:
        folder = Folder(path)
        _say(f"Holder {folder.holder}, {path}")
        for epoch, commitments in folder.epochs().items():
            _say(f"  epoch {epoch}, {folder.standing(epoch)}: {oprf.fingerprint(commitments)}")
        used = folder.used(day=day)
        for name, agency in sorted(folder.agencies().items()):
            _say(f"  {name}: {used.get(name, 0)} of {agency.allowed(day)} elements today")
        entries = folder.entries()
        for entry in entries:
            if entry["what"] in ("quota refused", "quota nearly used"):
                _say(f"  ALARM {entry['day']}: {entry['what']} by {entry['agency']}")
        _say(f"  audit: {len(entries)} entries, unbroken; head {folder.head()[:16]}")
    return 0


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
