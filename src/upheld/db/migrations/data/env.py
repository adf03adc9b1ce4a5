"""Run the migrations of the data store."""

from upheld.db.migrations import run

run("data")
