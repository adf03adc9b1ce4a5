"""A shop's own database, with everything that makes erasing hard: shared rows, a law that keeps, rings, free text."""

from __future__ import annotations

import hashlib
from pathlib import Path

import sqlalchemy as sa

from upheld.services.sql import SqlService, read_map
from upheld.services.sql.live import open_database

TABLES = """
CREATE TABLE addresses (id INTEGER PRIMARY KEY, street VARCHAR(80) NOT NULL, zip VARCHAR(12));
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(400), email VARCHAR(400) NOT NULL UNIQUE, phone VARCHAR(40),
    plan VARCHAR(20), best_order INTEGER, invited_by INTEGER REFERENCES customers (id));
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id),
    ship_to INTEGER REFERENCES addresses (id), recipient VARCHAR(400) NOT NULL, total INTEGER);
CREATE TABLE drafts (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id),
    ship_to INTEGER REFERENCES addresses (id), title VARCHAR(80));
CREATE TABLE visits (email VARCHAR(400), at INTEGER, PRIMARY KEY (email, at));
CREATE TABLE notes (id INTEGER PRIMARY KEY, owner_type VARCHAR(20), owner_id INTEGER, body TEXT);
"""
MAP = """
kind: sql
url: secret:shopdb
stored_in: JP
backups: P35D
tables:
  customers:
    key: [id]
    identity: {email: email, phone: phone, user_id: id}
    fields: {name: name, email: email, phone: phone}
    references: {invited_by: customers.id, best_order: drafts.id}
    not_personal: [plan]
  orders:
    key: [id]
    references: {customer_id: customers.id, ship_to: addresses.id}
    fields: {recipient: name}
    not_personal: [total]
    erase: {keep: tax_records, mask: {recipient: ""}}
  drafts:
    key: [id]
    references: {customer_id: customers.id, ship_to: addresses.id}
    not_personal: [title]
  addresses: {key: [id], shared: true, fields: {street: address, zip: address}, erase: delete_if_orphan}
  visits: {key: [email, at], references: {email: customers.email}, fields: {email: email}}
  notes:
    key: [id]
    references: {owner_id: {when: {owner_type: customer}, to: customers.id}}
    free_text: [body]
    not_personal: [owner_type]
breaks: [customers.best_order]
"""
HANAKO = {"email": ("hanako@example.com",), "phone": ("+81312345678",)}
CANARY = {"email": ("canary@example.com",)}
PEOPLE = [
    (1, "山田花子", "Hanako@Example.com", "03-1234-5678", 5, None),
    (2, "髙橋O'Brien; --%_🙂" + "長" * 300, "hanako2@example.com", None, None, 1),
    (3, "Canary", "canary@example.com", None, None, None),
    (4, "Lena", "lena@example.com", "+491234567", None, None),
]


def make_shop(address: str) -> sa.Engine:
    """Fill a fresh database: HANAKO with a draft, LENA with an order that a law keeps, and look-alikes."""
    engine = open_database(address)
    with engine.begin() as tx:
        for statement in filter(str.strip, TABLES.split(";")):
            tx.exec_driver_sql(statement)
        _put(tx, "addresses", [(1, "1-1 Chiyoda", "100-0001"), (2, "Unter den Linden 1", "10117"), (3, "Shared 3", None)])
        _put(tx, "customers", [(number, name, email, phone, "free", None, by) for number, name, email, phone, _, by in PEOPLE])
        _put(tx, "drafts", [(5, 1, 1, "spring"), (6, 2, 3, "summer"), (7, 1, 3, "autumn")])
        _put(tx, "orders", [(20, 4, 2, "Lena", 1100), (21, 2, 3, "O'Brien", 5)])
        _put(tx, "visits", [("Hanako@Example.com", 1), ("Hanako@Example.com", 2), ("hanako2@example.com", 1)])
        _put(tx, "notes", [(1, "customer", 1, "called"), (2, "order", 1, "not hers"), (3, "customer", 4, "met a colleague")])
        tx.execute(sa.text("UPDATE customers SET best_order = 5 WHERE id = 1"))
    return engine


def _put(tx: sa.Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    for row in rows:
        named = {f"c{at}": value for at, value in enumerate(row)}
        tx.execute(sa.text(f"INSERT INTO {table} VALUES ({', '.join(f':{name}' for name in named)})"), named)


def service(address: str, folder: Path, text: str = MAP) -> SqlService:
    """Open the shop under a map."""
    file = folder / "shopdb.yaml"
    file.write_text(text, "utf-8")
    return SqlService(read_map(file), address)


def everything(engine: sa.Engine) -> dict[str, set[str]]:
    """Give a fingerprint of every row by table."""
    told: dict[str, set[str]] = {}
    with engine.connect() as tx:
        for table in sa.inspect(tx).get_table_names():
            rows = tx.exec_driver_sql(f"SELECT * FROM {table}").all()
            told[table] = {f"{row[0]}:{hashlib.sha256(repr(tuple(row)).encode()).hexdigest()[:12]}" for row in rows}
        tx.rollback()
    return told
