"""The command line: options in, plain sentences out. What is done stands in the other files; those that need
more than the standard library are imported only by the command that asks for them."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from . import Refused, __version__
from .archive import Archive
from .bundle import Result, make_bundle
from .facts import organizations, read_export
from .keys import default_key_path, load_or_make_key
from .problems import SENTENCES
from .verify import read_digests, verify_hub

if TYPE_CHECKING:
    from .vaultbox import Vault


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool. 0: done; 1: refused, with a sentence on standard error; 2: wrong options."""
    options = _parser().parse_args(arguments)
    try:
        return _list(options) if getattr(options, "list", False) else _COMMANDS[options.command](options)
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'A file'} can't be read or written: {error.strerror}.\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agency-tool",
        description="Makes a bundle for the casehub from your HMIS CSV export, on this machine. Names, birth "
        "dates and all other identifiers stay here, or leave only as sealed cards. Nothing is sent anywhere.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    hmis = commands.add_parser("hmis", help="check an export and write one organization's bundle")
    check = commands.add_parser("check", help="check an export and write the list of its defects only")
    for command in (hmis, check):
        command.add_argument("source", type=Path, metavar="IN.zip", help="the export, as your HMIS made it")
        command.add_argument("--org", metavar="ID", help="OrganizationID; not needed if there is only one")
    hmis.add_argument("out", type=Path, metavar="OUT", nargs="?", help="a folder, or a file ending in .zip")
    hmis.add_argument("--report", nargs=2, type=_day, metavar=("START", "END"),
                      help="add ages in years for this period (first and last day, yyyy-mm-dd)")  # fmt: skip
    hmis.add_argument(
        "--key", type=Path, metavar="FILE", help="the organization's key, if not in its usual place"
    )
    hmis.add_argument("--list", action="store_true", help="only list the organizations of the export")
    check.add_argument("out", type=Path, metavar="OUT.csv", help="where the list of defects goes")
    cards = commands.add_parser("cards", help="seal names and birth dates for your own staff only")
    cards.add_argument("source", type=Path, metavar="IN", help="the HMIS export, or a CSV file with --code")
    cards.add_argument("out", type=Path, metavar="OUT", help="the sealed file, to be given to the hub")
    cards.add_argument("--org", metavar="ID", help="OrganizationID; not needed if there is only one")
    cards.add_argument("--key", type=Path, metavar="FILE", help="the organization's key of your bundles")
    cards.add_argument("--code", metavar="COLUMN", help="the column of your own codes, for a CSV file")
    join = commands.add_parser("join", help="fill names and birth dates into a file of the hub")
    join.add_argument("source", type=Path, metavar="IN", help="a CSV file, or a zip with Client.csv")
    join.add_argument("out", type=Path, metavar="OUT", help="the joined file: it stays with you")
    join.add_argument("--cards", type=Path, metavar="FILE", required=True, help="the cards, from the hub")
    join.add_argument("--by", metavar="COLUMN", required=True, help="the column of the clients' ids")
    for command in (cards, join):
        command.add_argument("--vault", type=Path, metavar="vault.json", required=True,
                             help="the file from the hub's page of keys")  # fmt: skip
        command.add_argument("--kit", action="store_true", help="open with the kit's 24 words")
        command.add_argument("--sender", metavar="CODE", default="",
                             help="the code a colleague read to you, if the tool asks for it")  # fmt: skip
    tokens = commands.add_parser("tokens", help="make linkage tokens of those whom the hub may count")
    tokens.add_argument("source", type=Path, metavar="IN", help="the HMIS export, or a CSV file with --code")
    tokens.add_argument("out", type=Path, metavar="OUT.tokens", help="the tokens, to be given to the hub")
    tokens.add_argument("--wanted", type=Path, metavar="wanted.json", required=True,
                        help="whose tokens may be made: from the hub's page of tokens")  # fmt: skip
    tokens.add_argument("--holders", type=Path, metavar="FILE", required=True, nargs="+",
                        help="what the key holders gave your agency")  # fmt: skip
    tokens.add_argument("--certificates", type=Path, metavar="FILE",
                        help="certificates to trust instead of this machine's")  # fmt: skip
    tokens.add_argument("--org", metavar="ID", help="OrganizationID; not needed if there is only one")
    tokens.add_argument("--key", type=Path, metavar="FILE", help="the organization's key of your bundles")
    tokens.add_argument("--code", metavar="COLUMN", help="the column of your own codes, for a CSV file")
    verify = commands.add_parser("verify-hub", help="compare a hub's scripts with the published digests")
    verify.add_argument("url", metavar="URL", help="the hub's address")
    verify.add_argument("--digests", type=Path, metavar="DIGESTS.json", required=True,
                        help="the published list")  # fmt: skip
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a day written as yyyy-mm-dd") from None


def _list(options: argparse.Namespace) -> int:
    with Archive(options.source) as archive:
        found = organizations(archive, read_export(archive).version)
    for organization in found:
        _say(f"{organization.id}\t{organization.name}\t{organization.clients} clients, "
             f"{organization.enrollments} enrollments")  # fmt: skip
    return 0


def _check(options: argparse.Namespace) -> int:
    result = make_bundle(
        options.source,
        None,
        organization_id=options.org,
        key=lambda organization: b"",  # hashed ids are made, but never written
        problems_out=options.out,
    )
    _summarize(result)
    return 0


def _hmis(options: argparse.Namespace) -> int:
    if options.out is None:
        raise Refused("Say where the bundle goes: a folder, or a file ending in .zip.")
    new_key: list[Path] = []

    def key(organization: str) -> bytes:
        path = options.key or default_key_path(organization)
        found, is_new = load_or_make_key(path)
        if is_new:
            new_key.append(path)
        return found

    result = make_bundle(
        options.source,
        options.out,
        organization_id=options.org,
        key=key,
        report=tuple(options.report) if options.report else None,
    )
    _summarize(result)
    for path in new_key:
        _say(
            f"A new key was made: {path}. Keep a copy offline and never send it to anyone. "
            "If you have sent a bundle before, use the key of then (--key), or every client will look new."
        )
    return 0


def _vault(options: argparse.Namespace) -> Vault:
    from .vaultfile import VaultFile

    file = VaultFile(options.vault)
    if options.kit:
        return file.open_with_kit(getpass.getpass("The kit's 24 words: "), sender_code=options.sender)
    return file.open_with_passphrase(getpass.getpass("Your passphrase: "), sender_code=options.sender)


def _bundle_key(options: argparse.Namespace) -> Callable[[str], bytes]:
    """The key of the organization's bundles; another one would find none of their clients."""

    def key(organization: str) -> bytes:
        path = options.key or default_key_path(organization)
        if not path.exists():
            raise Refused(
                f"There is no key at {path}. Make your bundle first, or name its key with --key: "
                "with another key nobody would be found."
            )
        return load_or_make_key(path)[0]

    return key


def _cards(options: argparse.Namespace) -> int:
    from .cards import seal_export, seal_sheet

    vault, key = _vault(options), _bundle_key(options)
    if options.code:
        sealed = seal_sheet(options.source, options.out, vault, code_column=options.code)
    else:
        sealed = seal_export(options.source, options.out, vault, organization_id=options.org, key=key)
    _say(f"{sealed.cards} cards sealed into {options.out}. Only your agency's key holders can open them.")
    for reason, count in sorted(sealed.left_out.items()):
        _say(f"  left out: {count} {reason}")
    return 0


def _tokens(options: argparse.Namespace) -> int:
    from .identities import of_export, of_sheet
    from .tokens import Wanted, describe, make, read_network

    wanted, network = Wanted.read(options.wanted), read_network(*options.holders)
    if options.code:
        found = of_sheet(options.source, code_column=options.code)
    else:
        found = of_export(options.source, organization_id=options.org, key=_bundle_key(options))
    made = make(found, options.out, wanted=wanted, network=network, certificates=options.certificates)
    _say(f"Tokens of {made.people} people are in {options.out}. They name nobody; give the file to the hub.")
    _say(f"  left out: {made.not_listed} who are not on the hub's list: no token was made of them")
    for reason, count in sorted(found.left_out.items()):
        _say(f"  left out: {count} {reason}")
    for holder, what in sorted(made.troubles.items()):
        _say(describe(holder, what))
    if made.unanswered:
        _say(f"{made.unanswered} more have no tokens yet: fewer than two key holders answered. Give this "
             "file to the hub, download wanted.json again later, and run this once more.")  # fmt: skip
    return 1 if made.unanswered else 0


def _join(options: argparse.Namespace) -> int:
    from .join import join, open_cards

    joined = join(options.source, options.out, open_cards(options.cards, _vault(options)), by=options.by)
    _say(f"{joined.with_card} of {joined.rows} rows have a card. {options.out} now names people: keep it "
         "as you keep their records, and delete it when the form is sent.")  # fmt: skip
    return 0


def _verify(options: argparse.Namespace) -> int:
    digests = read_digests(options.digests)
    differing = verify_hub(options.url, digests)
    for sentence in differing:
        _say(sentence)
    if differing:
        _say("Don't unlock cards on this hub until its operator has explained every line above.")
        return 1
    _say(f"All {len(digests)} scripts are the published ones, and so are those of the sign-in page.")
    _say("Not looked at: pages behind the sign-in, style sheets, what the hub serves to others, and later.")
    return 0


_COMMANDS = {
    "hmis": _hmis,
    "check": _check,
    "cards": _cards,
    "tokens": _tokens,
    "join": _join,
    "verify-hub": _verify,
}


def _summarize(result: Result) -> None:
    _say(result.organization)
    for name, counts in result.files.items():
        dropped = counts.rows_dropped_unassigned + counts.rows_dropped_broken
        _say(
            f"  {name + '.csv':<28}{counts.rows_in:>9} rows in{counts.rows_out:>9} out"
            f"{counts.rows_dropped_other_org:>9} of others{dropped:>7} left out"
            f"{counts.withheld_free_text:>7} texts withheld"
        )
    if result.problems:
        _say("Defects:")
    for code, count in sorted(result.problems.items(), key=lambda pair: -pair[1]):
        _say(f"  {count:>9}  {SENTENCES[code]}")
    _say(f"Each defect with its row, for your own use: {result.problems_path}")
    if result.path:
        _say(f"The bundle: {result.path} (key {result.key_fingerprint}). It is a zip of CSV files: look in.")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
