"""Write the next migration of a store from what its tables in the code have become: `migration.py data "Add a table"`.

`--baseline` writes revision 0001 anew, as long as nothing was released.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

import upheld.app
from upheld.db import UtcMs, data_metadata, keys_metadata, migrate

METADATA = {"data": data_metadata, "keys": keys_metadata}
HERE = Path(migrate.__file__).parent / "migrations"
assert upheld.app  # every room has added its tables


def written(kind: str, item: object, _context: object) -> str | bool:
    """Write a column type of ours as the plain one it is kept in, so that a migration outlives it."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, UtcMs) else False


def main() -> None:
    """Compare the tables with what the migrations so far make, and write the difference."""
    take = argparse.ArgumentParser(description=__doc__)
    take.add_argument("store", choices=sorted(METADATA))
    take.add_argument("message")
    take.add_argument("--baseline", action="store_true")
    told = take.parse_args()
    versions = HERE / told.store / "versions"
    if told.baseline:
        for old in versions.glob("0*.py"):
            old.unlink()
    engine = sa.create_engine("sqlite://")
    with engine.begin() as tx:
        config = migrate.environment(told.store, tx)
        config.attributes.update(metadata=METADATA[told.store], render=written)
        head = ScriptDirectory.from_config(config).get_current_head()
        if head is not None:
            command.upgrade(config, "head")
        number = f"{int(head or 0) + 1:04d}"
        made = command.revision(config, message=told.message, autogenerate=True, rev_id=number)
    for one in made if isinstance(made, list) else [made]:
        file = Path(one.path)
        lines = [line for line in file.read_text("utf-8").splitlines() if "# ###" not in line]
        file.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{number}: name it in HEADS of src/upheld/db/migrate.py")


if __name__ == "__main__":
    main()
