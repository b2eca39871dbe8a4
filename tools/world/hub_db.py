# SPDX-License-Identifier: Apache-2.0
"""Writes a hub.db for tests of the plugin alone, from the tables that apps/hub/directory/schema.c makes: also what
busward-hub would not write."""

import base64
import os
import pathlib
import re
import sqlite3

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "apps/hub/directory/schema.c"


def statements() -> str:
    table = SCHEMA.read_text().split("STATEMENTS[] = {", 1)[1].split("\n};", 1)[0]
    code = re.sub(r"^\s*//.*$", "", table, flags=re.M)
    return "".join(re.findall(r'"([^"]*)"', code))


def open_db(path: pathlib.Path | str) -> sqlite3.Connection:
    """Opens it for writing, made if it is not there; every statement is its own transaction."""
    is_new = not os.path.exists(path)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    if is_new:
        db.executescript("BEGIN;" + statements() + "COMMIT;")
    return db


def insert(db: sqlite3.Connection, table: str, **columns) -> None:
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    db.execute(f"INSERT OR REPLACE INTO {table}({names}) VALUES ({marks})", tuple(columns.values()))


def put_device(db: sqlite3.Connection, device: str, keys: list[str], enabled: bool = True) -> None:
    """keys: base64."""
    raw = [base64.b64decode(key, validate=True) for key in keys]
    insert(db, "device", id=device, auth=0, enabled=int(enabled), **{f"key{i}": key for i, key in enumerate(raw, 1)})


def put_devices(db: sqlite3.Connection, devices: dict[str, list[str]]) -> None:
    """Many, in one transaction."""
    db.execute("BEGIN")
    for device, keys in devices.items():
        put_device(db, device, keys)
    db.execute("COMMIT")
