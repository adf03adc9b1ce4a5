"""A house with connections to real systems: a shop's database under its map."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.services.sql.shop import MAP, TABLES
from upheld.db import Clock
from upheld.demo import write_connections
from upheld.services.contract import serving
from upheld.services.marketo.fake import Fake as Instance
from upheld.services.marketo.fake import fake_app as fake_instance
from upheld.services.salesforce.fake import Fake as Organisation
from upheld.services.salesforce.fake import fake_app as fake_organisation
from upheld.services.slack.fake import Fake as Space
from upheld.services.slack.fake import fake_app as fake_workspace
from upheld.services.sql.live import open_database


def connect_shop(folder: Path, name: str = "shopdb", *, control: str = "canary@example.com") -> sa.Engine:
    """Put an empty shop with a control behind a connection of the data folder; gives its engine."""
    address = f"sqlite:///{folder / (name + '.db')}"
    engine = open_database(address)
    with engine.begin() as tx:
        for statement in filter(str.strip, TABLES.split(";")):
            tx.exec_driver_sql(statement)
        tx.execute(sa.text("INSERT INTO customers VALUES (1, 'Canary', 'canary@example.com', NULL, 'none', NULL, NULL)"))
    for sub in ("databases", "secrets", "connections"):
        (folder / sub).mkdir(exist_ok=True)
    (folder / "databases" / f"{name}.yaml").write_text(MAP.replace("secret:shopdb", f"secret:{name}"), "utf-8")
    secret = folder / "secrets" / name
    secret.touch(0o600)
    secret.write_text(address + "\n", "utf-8")
    text = f"kind: sql\nmap: databases/{name}.yaml\ncontrol: {{email: {control}}}\n"
    (folder / "connections" / f"{name}.yaml").write_text(text, "utf-8")
    return engine


@contextmanager
def clouds(folder: Path, clock: Clock) -> Iterator[tuple[Organisation, Instance]]:
    """Put a Salesforce organisation that feeds a Marketo instance behind connections of the data folder; both with a control."""
    organisation = fake_organisation(clock)
    instance = fake_instance(clock, source=organisation)
    organisation.put("Lead", LastName="Canary", Company="-", Email="canary@example.com")
    instance.put(email="canary@example.com", lastName="Canary")
    with serving(organisation) as sales, serving(instance) as marketing:
        write_connections(folder, sales.url, marketing.url)
        yield organisation, instance


@contextmanager
def connect_slack(folder: Path, clock: Clock) -> Iterator[Space]:
    """Put a Slack workspace behind a connection of the data folder."""
    workspace = fake_workspace(clock)
    with serving(workspace) as running:
        for sub in ("secrets", "connections"):
            (folder / sub).mkdir(exist_ok=True)
        secret = folder / "secrets" / "slack_bot"
        secret.touch(0o600)
        secret.write_text("xoxb-full", "utf-8")
        text = f"kind: slack\nurl: {running.url}/api/\nbot_token: secret:slack_bot\nstored_in: US\npost_to: C1\nchannels: [C1]\n"
        (folder / "connections" / "slack.yaml").write_text(text, "utf-8")
        yield workspace


def put_customer(engine: sa.Engine, number: int, name: str, email: str, phone: str | None = None, note: str = "called") -> None:
    """Let the shop's own software enter a customer with a draft and a note."""
    with engine.begin() as tx:
        words = {"id": number, "name": name, "email": email, "phone": phone, "note": note}
        tx.execute(sa.text("INSERT INTO customers VALUES (:id, :name, :email, :phone, 'free', NULL, NULL)"), words)
        tx.execute(sa.text("INSERT INTO drafts VALUES (:id, :id, NULL, 'spring')"), words)
        tx.execute(sa.text("INSERT INTO notes VALUES (:id, 'customer', :id, :note)"), words)


def customers(engine: sa.Engine) -> list[str]:
    """Give the addresses that are there."""
    with engine.connect() as tx:
        found = [row[0] for row in tx.execute(sa.text("SELECT email FROM customers ORDER BY id"))]
        tx.rollback()
    return found
