"""The key holders' commands: `python -m referrals.linkage.keyholder init|agency|serve|rotate|status`, and
`deal|take|begin` where the three are apart.
"""

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
from referrals.linkage.keyholder.folder import Broken, Folder, Packet, destroy, write_private
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

    deal = commands.add_parser("deal", help="draw an epoch's key for three who are apart: a packet each")
    deal.add_argument("epoch", type=int)
    deal.add_argument("out", type=Path, help="a new folder for the packets")
    deal.set_defaults(run=_deal)

    take = commands.add_parser("take", help="keep a packet's share, and destroy the packet")
    take.add_argument("folder", type=Path, help="the holder's; for epoch 1 a new one")
    take.add_argument("packet", type=Path)
    take.set_defaults(run=_take)

    begin = commands.add_parser("begin", help="answer for an epoch that all three have taken")
    begin.add_argument("folder", type=Path)
    begin.add_argument("epoch", type=int)
    begin.add_argument("--overlap", type=float, default=14, help="days the old one is still answered")
    begin.set_defaults(run=_begin)

    agency = commands.add_parser("agency", help="let an agency ask (at all three, or at one)")
    agency.add_argument("name", help="the agency's slug at the hub")
    agency.add_argument("folders", nargs="+", type=Path)
    agency.add_argument(
        "--records",
        type=int,
        help="a day; about twice what it usually takes in. Without it: a new file for one that is known, "
        "with the secret and quota it has, such as after a rotation",
    )
    agency.add_argument("--urls", nargs="+", required=True, help="where they listen, in the folders' order")
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
    rotate.add_argument("folders", nargs="+", type=Path, help="of all three; with --end any")
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


def _deal(chosen: argparse.Namespace) -> int:
    chosen.out.mkdir(mode=0o700)
    dealt = dealing.packets(chosen.epoch)
    for packet in dealt:
        write_private(chosen.out / f"holder-{packet.holder}.json", packet.text())
    _say("Bring each holder its packet by hand; each destroys it by `take`. Read this to each other:")
    _say(f"  epoch {chosen.epoch}: {oprf.fingerprint(dealt[0].commitments)}")
    return 0


def _take(chosen: argparse.Namespace) -> int:
    packet = Packet.read(chosen.packet)
    if packet.epoch == 1:
        Folder.make(chosen.folder, packet)
    else:
        Folder(chosen.folder).take_packet(packet)
    destroy(chosen.packet)
    _say(f"Holder {packet.holder}, epoch {packet.epoch}: {oprf.fingerprint(packet.commitments)}")
    return 0


def _begin(chosen: argparse.Namespace) -> int:
    ends = datetime.now(UTC) + timedelta(days=chosen.overlap)
    Folder(chosen.folder).begin(chosen.epoch, ends=ends)
    _say(f"Epoch {chosen.epoch} has begun.")
    return 0


def _agency(chosen: argparse.Namespace) -> int:
    if chosen.out.exists():
        raise Broken(f"{chosen.out} is there already.")
    if len(chosen.urls) != len(chosen.folders):
        raise Broken("It takes an address for each folder.")
    folders = [Folder(path) for path in chosen.folders]
    if chosen.records is None:
        network, told = dealing.again(folders, chosen.name, urls=chosen.urls), "asks as before"
    else:
        network = dealing.admit(folders, chosen.name, daily=chosen.records * A_RECORD, urls=chosen.urls)
        told = f"may ask for {chosen.records} records a day"
    write_private(chosen.out, network.text() + "\n")
    _say(f"{chosen.name} {told}. Bring it {chosen.out}; delete it here.")
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
