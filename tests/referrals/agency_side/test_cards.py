"""Cards in bulk from end to end: sealed from an export or a sheet, joined again, and what is refused on the way."""

import csv
import io
import json
import stat
import struct
import uuid
import zipfile
from datetime import date
from pathlib import Path

import pytest

from referrals.agency_side import Refused, vaultbox
from referrals.agency_side.cards import read_sealed
from referrals.agency_side.cli import main
from referrals.agency_side.identities import is_missing
from referrals.agency_side.join import safe
from referrals.agency_side.vaultbox import Shut, code_of, from_text, public_of
from referrals.agency_side.vaultfile import VaultFile
from tests.referrals.agency_side.exports import CANARIES, KEY, Bundle, clean, make, rows, write
from tests.referrals.agency_side.vaults import (
    AGENCY,
    FOUNDER,
    KEYS,
    KIT_WORDS,
    NEWCOMER,
    PASSPHRASES,
    PRIVATE,
    said,
    vault,
    write_vault,
)

OTHER = "0c9a77de-51b2-4f0e-8d3a-9b6e12f4c502"
FOUNDERS_CODE = code_of("member", AGENCY, FOUNDER, public_of(PRIVATE[FOUNDER]))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch):
    """What the person types at the next question."""
    said = {"text": PASSPHRASES[FOUNDER]}
    monkeypatch.setattr("getpass.getpass", lambda prompt: said["text"])
    return said


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_vault(tmp_path / "vault.json")
    (tmp_path / "one.key").write_text(f"casehub-agency-key/1\n{KEY.hex()}\n")
    (tmp_path / "one.key").chmod(0o600)
    return tmp_path


def cards(place: Path, source: Path, *more: str) -> int:
    return main(["cards", str(source), str(place / "cards"), "--vault", str(place / "vault.json"), *more])


def hmis(place: Path, export: dict | None = None, *more: str) -> int:
    source = write(place / "in.zip", export or clean())
    return cards(place, source, "--org", "O1", "--key", str(place / "one.key"), *more)


def bundle_ids(place: Path) -> set[str]:
    made: Bundle = make(place / "bundle", clean())
    return {row["PersonalID"] for row in made.table("Client.csv")}


def test_an_export_becomes_sealed_cards_that_find_the_bundles_clients(place, typed, capsys):
    (place / "bundle").mkdir()
    assert hmis(place) == 0
    found = {source: card for source, code, card in read_sealed(place / "cards", vault()) if not code}
    assert set(found) == bundle_ids(place)
    by_birth = {card["birth"]: card for card in found.values()}
    assert by_birth["1987-03-19"] == {
        "v": 1,
        "name": {
            "legal": "Zyxanariella Quibblefrond Wexmumblethorpe Jnr-Zog",
            "parts": {"first": "Zyxanariella", "middle": "Quibblefrond", "last": "Wexmumblethorpe",
                      "suffix": "Jnr-Zog"},
        },
        "birth": "1987-03-19",
        "ids": {"ssn4": "4320"},
    }  # fmt: skip
    assert by_birth["2010-06-30"]["name"] == {"legal": "Zyxanariella"}
    written = (place / "cards").read_text()
    out = capsys.readouterr()
    assert [canary for canary in CANARIES if canary in written + out.out + out.err] == []
    assert "4320" not in json.loads(written.splitlines()[1])["source"]
    assert stat.S_IMODE((place / "cards").stat().st_mode) == 0o600


def test_what_is_missing_or_doubtful_in_an_export_is_left_out(place, typed, capsys):
    export = clean()
    first, second, _ = export["Client"]
    first |= {"NameDataQuality": "2", "FirstName": "Zog", "MiddleName": "NULL", "LastName": "", "NameSuffix": "n/a",
              "DOBDataQuality": "2", "SSNDataQuality": "2", "SSN": "xxx-xx-1234"}  # fmt: skip
    second |= {"NameDataQuality": "9", "FirstName": "Refused", "SSN": "999999999", "DOB": "1900-01-01"}
    assert hmis(place, export) == 0
    assert [card for _, _, card in read_sealed(place / "cards", vault())] == [
        {"v": 1, "name": {"used": "Zog"}, "ids": {"ssn4": "1234"}}
    ]
    told = capsys.readouterr().out
    assert "1 birth dates that are approximate" in told and "1 clients of whom nothing" in told


@pytest.mark.parametrize(
    "text", ["", " ", "NULL", "N/A", "n/a", "8", "99", "Client doesn't know", "Data not collected", "unknown",
             "REFUSED", "xxx", "-", "?", "Anónima", "se niega", "no contestó", "None", "#"],
)  # fmt: skip
def test_every_language_of_missing_is_nobodys_name(text):
    assert is_missing(text, name=True) == (text != "None")
    assert is_missing(text)


@pytest.mark.parametrize("text", ["Null", "Xu", "Ng", "O", "Test", "李", "Nonez", "de la Ñ"])
def test_a_strange_name_is_one(text):
    assert not is_missing(text, name=True)


def test_hashed_exports_and_a_missing_key_are_refused(place, typed, capsys):
    export = clean()
    for row in export["Client"]:
        row |= {"FirstName": "ab" * 32, "LastName": "cd" * 32}
    assert hmis(place, export) == 1
    assert "hashed" in capsys.readouterr().err
    assert hmis(place, None, "--key", str(place / "no.key")) == 1
    assert "--key" in capsys.readouterr().err and not (place / "no.key").exists()
    assert not (place / "cards").exists()


def test_a_sheet_becomes_cards_by_code(place, typed):
    sheet = place / "sheet.csv"
    sheet.write_bytes(
        "\ufeffOur code;Nombre;Apellidos;Alias;Fecha de nacimiento;Preferred name;Notes\r\n"
        "K-1;Zyxanariella;de la Wex;Zog|Zig;1987-03-19;Zyx;private\r\n"
        ";Nobody;;;;;\r\n"
        "K-2;NULL;;;03/04/1990;;\r\n"
        "K-3;;;;;=Zog();\r\n".encode()
    )
    assert cards(place, sheet, "--code", "our code") == 0
    assert read_sealed(place / "cards", vault()) == [
        ("", "K-1", {"v": 1, "name": {"legal": "Zyxanariella de la Wex", "used": "Zyx", "other": ["Zog", "Zig"],
                                      "parts": {"first": "Zyxanariella", "last": "de la Wex"}},
                     "birth": "1987-03-19"}),
        ("", "K-3", {"v": 1, "name": {"used": "=Zog()"}}),
    ]  # fmt: skip
    assert "Zyx" not in (place / "cards").read_text()
    assert cards(place, sheet, "--code", "Nowhere") == 1
    sheet.write_text("code,x\n1,2\n")
    assert cards(place, sheet, "--code", "code") == 1


def test_a_sealed_file_that_was_changed_fails_loudly(place, typed):
    assert hmis(place) == 0
    path, good = place / "cards", (place / "cards").read_text()
    lines = [json.loads(line) for line in good.splitlines()]

    def spoiled(*changed: dict) -> None:
        path.write_text("\n".join(map(json.dumps, changed)))
        with pytest.raises(Shut):
            read_sealed(path, vault())

    first, one, two = lines
    spoiled(first, {**one, "box": two["box"]}, {**two, "box": one["box"]})
    spoiled(first, {**one, "source": two["source"]}, two)
    spoiled(first, {**one, "source": "", "code": "K-1"}, two)
    spoiled(first, one)
    spoiled({**first, "agency": OTHER}, one, two)
    spoiled(first, {**one, "box": one["box"][:-4]}, two)
    for text in (good[:-10], "", good.replace("casehub-cards/1", "casehub-cards/2")):
        path.write_text(text)
        with pytest.raises(Shut):
            read_sealed(path, vault())
    path.write_text(good)
    for other in (
        vaultbox.Vault(OTHER, KEYS),
        vaultbox.Vault(AGENCY, {2: bytes(32)}),
        vaultbox.Vault(AGENCY, {1: KEYS[1]}),
    ):
        with pytest.raises(Shut):
            read_sealed(path, other)


# The vault's file


def test_the_kit_opens_only_once_its_makers_code_was_heard(place, typed, capsys):
    typed["text"] = KIT_WORDS
    assert hmis(place, None, "--kit") == 1
    assert FOUNDERS_CODE in capsys.readouterr().err
    assert hmis(place, None, "--kit", "--sender", "00000 00000 00000 00000") == 1
    assert "Stop" in capsys.readouterr().err
    assert hmis(place, None, "--kit", "--sender", FOUNDERS_CODE.replace(" ", "-")) == 0
    typed["text"] = KIT_WORDS.replace("abandon", "zoo", 1)
    assert hmis(place, None, "--kit", "--sender", FOUNDERS_CODE) == 1
    write_vault(place / "vault.json", said(agency=OTHER) | {"agency": AGENCY})
    typed["text"] = KIT_WORDS
    assert hmis(place, None, "--kit", "--sender", FOUNDERS_CODE) == 1
    assert "not those of this agency" in capsys.readouterr().err


def test_a_wrong_passphrase_or_another_agencys_file_opens_nothing(place, typed, capsys):
    typed["text"] = "eight invented ducks"
    assert hmis(place) == 1
    assert "passphrase does not open" in capsys.readouterr().err
    typed["text"] = PASSPHRASES[FOUNDER]
    write_vault(place / "vault.json", said() | {"agency": OTHER})
    assert hmis(place) == 1
    write_vault(place / "vault.json", said(memory=8))
    assert hmis(place) == 1
    assert "too weak" in capsys.readouterr().err
    assert not (place / "cards").exists()


def test_a_newcomer_is_let_in_by_whom_their_own_note_knows():
    def opened(file: dict, **options: str) -> vaultbox.Vault:
        return _read(file).open_with_passphrase(PASSPHRASES[NEWCOMER], **options)

    assert opened(said(NEWCOMER)).version == 2
    with pytest.raises(Refused, match=FOUNDERS_CODE):
        opened(said(NEWCOMER, trust=False))
    assert opened(said(NEWCOMER, trust=False), sender_code=FOUNDERS_CODE).version == 2


def _read(file: dict) -> VaultFile:
    class _Given:
        name = "vault.json"

        @staticmethod
        def read_bytes() -> bytes:
            return json.dumps(file).encode()

    return VaultFile(_Given())  # type: ignore[arg-type]


def test_a_hub_that_makes_up_a_key_of_its_own_is_caught():
    """The attack of the whole file: a member of the hub's own invention wraps a key that the hub knows."""
    file, evil = said(NEWCOMER), bytes([66]) * 32
    me = file["me"]
    file["members"].append({"id": OTHER, "user": OTHER, "public": vaultbox.to_text(public_of(evil))})
    where = {"agency": AGENCY, "version": 3, "to": me["id"]}
    sealed, tag = vaultbox.wrap(where, vault_key=evil, sender=evil, receiver=from_text(me["public"]))
    wrap = {"version": 3, "to": me["id"], "sealed": vaultbox.to_text(sealed), "tag": vaultbox.to_text(tag)}
    forged = {
        **file,
        "version": 3,
        "wraps": [*file["wraps"], {**wrap, "sender": vaultbox.to_text(public_of(evil))}],
    }
    with pytest.raises(Refused, match="vouches"):
        _read(forged).open_with_passphrase(PASSPHRASES[NEWCOMER])
    with pytest.raises(Refused, match="Stop"):
        _read(forged).open_with_passphrase(PASSPHRASES[NEWCOMER], sender_code=FOUNDERS_CODE)
    founder = file["wraps"][0]["sender"]
    with pytest.raises(Shut, match="not made by"):
        _read({**forged, "wraps": [{**wrap, "sender": founder}]}).open_with_passphrase(PASSPHRASES[NEWCOMER])
    with pytest.raises(Refused, match="any more"):
        _read({**forged, "members": file["members"][:2]}).open_with_passphrase(PASSPHRASES[NEWCOMER])
    with pytest.raises(Refused, match="older key"):
        _read({**file, "version": 0}).open_with_passphrase(PASSPHRASES[NEWCOMER])
    with pytest.raises(Refused, match="newest key"):
        _read({**file, "version": 3}).open_with_passphrase(PASSPHRASES[NEWCOMER])


@pytest.mark.parametrize(
    "change",
    [{"format": "x"}, {"members": 3}, {"openers": [3]}, {"openers": []}, {"wraps": [{}]}, {"wraps": []}, {"version": "x"},
     {"me": {}}, {"user": "x"},  {"kit": {"number": 1}}],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_a_sentence(change):
    with pytest.raises(Refused):
        if "kit" in change:
            _read(said() | change).open_with_kit(KIT_WORDS)
        else:
            _read(said() | change).open_with_passphrase(PASSPHRASES[FOUNDER])


# Joining

ONE, TWO = uuid.UUID(int=0xA1), uuid.UUID(int=0xA2)
CARD = {"v": 1, "name": {"legal": "Zyxanariella Wexmumblethorpe", "used": "=Zyx"}, "birth": "1987-03-19",
        "ids": {"ssn4": "4320"}}  # fmt: skip


def stream(*given: tuple[uuid.UUID, int, dict]) -> bytes:
    out = b""
    for client, version, card in given:
        where = {
            "client": str(client),
            "revision": 4,
            "saved_at": 1798761600,
            "agency": AGENCY,
            "version": version,
        }
        box = vaultbox.seal_json("card", KEYS[version], where, card)
        out += struct.pack(">16sIQI", client.bytes, 4, 1798761600, len(box)) + box
    return out


def join(place: Path, source: Path, by: str) -> int:
    return main(["join", str(source), str(place / "joined"), "--vault", str(place / "vault.json"),
                 "--cards", str(place / "cards.bin"), "--by", by])  # fmt: skip


@pytest.fixture
def streamed(place: Path) -> Path:
    (place / "cards.bin").write_bytes(stream((ONE, 2, CARD), (TWO, 1, {"v": 1, "name": {"used": "Zog"}})))
    return place


def test_a_sheet_gets_names_and_birth_dates(streamed, typed, capsys):
    source = streamed / "in.csv"
    source.write_text(f"Client,Days,Birth date\n{ONE},-3,\n{TWO.hex.upper()},4,x\n{uuid.UUID(int=9)},5,\n")
    assert join(streamed, source, "client") == 0
    assert list(csv.reader(io.StringIO((streamed / "joined").read_text()))) == [
        ["Client", "Days", "Birth date", "Name used", "Legal name"],
        [str(ONE), "-3", "1987-03-19", "'=Zyx", "Zyxanariella Wexmumblethorpe"],
        [TWO.hex.upper(), "4", "x", "Zog", ""],
        [str(uuid.UUID(int=9)), "5", "", "", ""],
    ]
    assert stat.S_IMODE((streamed / "joined").stat().st_mode) == 0o600
    told = capsys.readouterr().out
    assert "2 of 3 rows" in told and "Zyx" not in told


def test_an_hmis_zip_gets_its_client_file_filled(streamed, typed):
    export = clean()
    blank = {"NameDataQuality": "99", "DOBDataQuality": "99", "SSNDataQuality": "99"}
    export["Client"] = rows("Client", {"PersonalID": ONE.hex, **blank}, {"PersonalID": TWO.hex, **blank})
    source = write(streamed / "hub.zip", export)
    assert join(streamed, source, "PersonalID") == 0
    with zipfile.ZipFile(streamed / "joined") as made, zipfile.ZipFile(source) as given:
        assert made.namelist() == given.namelist()
        assert made.read("Exit.csv") == given.read("Exit.csv")
        one, two = csv.DictReader(io.StringIO(made.read("Client.csv").decode()))
    wanted = {"FirstName": "Zyxanariella", "LastName": "Wexmumblethorpe", "NameDataQuality": "1", "DOB": "1987-03-19",
              "DOBDataQuality": "1", "SSN": "xxxxx4320", "SSNDataQuality": "2"}  # fmt: skip
    assert {name: one[name] for name in wanted} == wanted
    assert (two["FirstName"], two["NameDataQuality"], two["DOB"], two["DOBDataQuality"]) == (
        "Zog",
        "2",
        "",
        "99",
    )


def test_cards_that_do_not_open_stop_the_join(streamed, typed, capsys):
    source, cards_bin = streamed / "in.csv", streamed / "cards.bin"
    source.write_text(f"id,x\n{ONE},1\n")
    good = cards_bin.read_bytes()
    half = len(good) // 2
    swapped = good[half : half + 16] + good[16:half] + good[:16] + good[half + 16 :]
    for spoiled in (good[:-1], good[:20], swapped, good[:-1] + bytes([good[-1] ^ 1]), good + good,
                    good[:27] + bytes([good[27] ^ 1]) + good[28:]):  # fmt: skip
        cards_bin.write_bytes(spoiled)
        assert join(streamed, source, "id") == 1
        assert "Zyx" not in capsys.readouterr().err
    cards_bin.write_bytes(good)
    assert join(streamed, source, "x") == 1
    assert join(streamed, source, "nowhere") == 1
    source.write_text(f"id,x\n{ONE},1,2\n")
    assert join(streamed, source, "id") == 1
    assert not (streamed / "joined").exists()


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", " =1", "\t=1", "\r=1"])
def test_no_joined_cell_is_a_formula(text):
    assert safe(text).startswith("'") and safe("O'Ex\u200bample") == "O'Ex\u200bample"


def test_birth_dates_of_the_future_are_none(place, typed):
    sheet = place / "sheet.csv"
    sheet.write_text(f"code,name,dob\nK,Zog,{date.today().year + 1}-01-01\n")
    assert cards(place, sheet, "--code", "code") == 0
    assert "birth" not in read_sealed(place / "cards", vault())[0][2]
