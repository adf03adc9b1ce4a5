"""Run the migrations of the keys store."""

from upheld.db.migrations import run

run("keys")
