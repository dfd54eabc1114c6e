"""The recipe of the ten minutes, run: at the bank, and then on a machine that has nothing of ours.

Her machine is an empty folder, a plain Python that sees no library, and where the kernel allows it no
network at all.
"""

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from daybook.evidence.publishing import FolderPublisher
from daybook.main import main
from tests.bank import Bank, deposit
from tests.evidence.sealing import keys_in, seal
from tests.running_api import running_api
from tests.test_recipes import follow

RECIPE: Final = Path(__file__).parents[2] / "docs" / "recipes" / "proving-the-books.md"
AT_THE_BANK: Final = re.compile(r"```bank\n(.*?)```\n", re.DOTALL)
ON_HER_MACHINE: Final = re.compile(r"```console\n(.*?)```\n", re.DOTALL)
NO_NETWORK: Final = ("unshare", "--map-root-user", "--net")


def daybook(line: str, folder: Path) -> None:
    """A command of the recipe, with what it prints in the file that it names."""
    words = shlex.split(line)
    said = io.StringIO()
    name = words[words.index(">") + 1] if ">" in words else None
    arguments = [
        str(folder / word) if word.endswith(".jsonl") else word
        for word in (words[1 : words.index(">")] if name else words[1:])
    ]
    with contextlib.redirect_stdout(said):
        assert words[0] == "daybook"
        assert main(arguments) == 0
    if name:
        (folder / name).write_text(said.getvalue())


def publish(conninfo: str, data: Path, to: Path) -> None:
    """What the sealer does where it is told of a folder."""
    seal(conninfo, keys_in(data), [FolderPublisher(data / "published")])
    (data / "published" / "checkpoint").rename(to)


def forge(conninfo: str, data: Path, folder: Path) -> None:
    """A copy of the bank in which a euro more was paid in, signed with the bank's own keys."""
    name = f"{conninfo_to_dict(conninfo)['dbname']}_false"
    with psycopg.connect(make_conninfo(conninfo, dbname="postgres"), autocommit=True) as server:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        original = str(conninfo_to_dict(conninfo)["dbname"])
        server.execute(made.format(sql.Identifier(name), sql.Identifier(original)))
        false = make_conninfo(conninfo, dbname=name)
        try:
            with psycopg.connect(false) as connection:
                # What came after the first deposit is cut off, and what was signed is forgotten.
                connection.execute("SET session_replication_role = replica")
                last = (
                    "SELECT last_position FROM commits WHERE last_position >= 12 ORDER BY 1 LIMIT 1"
                )
                (cut,) = connection.execute(last).fetchone() or (0,)
                head = "SELECT max(last_position) FROM commits"
                (size,) = connection.execute(head).fetchone() or (0,)
                connection.execute("DELETE FROM daybook_events WHERE notification_id > %s", [cut])
                connection.execute("DELETE FROM commits WHERE last_position > %s", [cut])
                for table in ("checkpoints", "open_leaves", "tiles"):
                    connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            (data / "keys" / "last-checkpoint").unlink()
            with Bank(false) as bank:
                while bank.log()[-1].position < size:
                    assert bank.submit(deposit(1, "1.00")).status == 201
            publish(false, data, folder / "forked-checkpoint")
            os.environ["DAYBOOK_DATABASE_URL"] = false
            daybook("daybook audit export forked.jsonl", folder)
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def seen_by_her_witness(conninfo: str, proof: Path) -> str:
    """The checkpoint that was the newest when the proof was asked for, as it was signed then."""
    size = json.loads(proof.read_bytes())["checkpoint"]["size"]
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT note FROM checkpoints WHERE size = %s", [size]).fetchone()
    assert row is not None
    return str(row[0])


def without_network() -> tuple[str, ...]:
    try:
        allowed = subprocess.run([*NO_NETWORK, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return ()
    return NO_NETWORK if allowed.returncode == 0 else ()


def test_the_ten_minutes(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, hers = tmp_path / "bank", tmp_path / "hers"
    data.mkdir()
    hers.mkdir()
    text = RECIPE.read_text()
    monkeypatch.setattr("daybook.bank_database.check_server", lambda conninfo: [])
    monkeypatch.setenv("DAYBOOK_DATA", str(data))
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", database)
    with running_api(database, data) as api:
        follow(RECIPE, api, hers)
    (commands,) = AT_THE_BANK.findall(text)
    for line in commands.splitlines():
        daybook(line, hers)
    publish(database, data, hers / "checkpoint")
    (hers / "seen").write_text(seen_by_her_witness(database, hers / "proof.json"))
    forge(database, data, hers)

    told = ON_HER_MACHINE.findall(text)
    prompts = [line for block in told for line in block.splitlines() if line.startswith("$ ")]
    assert len(prompts) == 14
    for block in told:
        run_on_her_machine(block, hers)


def run_on_her_machine(block: str, folder: Path) -> None:
    """Every command of a block says what is written below it, where … stands for anything."""
    plain = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8"}
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, written = part.partition("\n")
        done = subprocess.run(
            [*without_network(), "sh", "-c", command],
            cwd=folder,
            env=plain,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        pattern = ".*".join(map(re.escape, written.split("…")))
        assert re.fullmatch(pattern, done.stdout, re.DOTALL), (command, done.stdout, done.stderr)
        assert done.stderr == ""
        assert ("WRONG" in done.stdout) == (done.returncode == 1)
