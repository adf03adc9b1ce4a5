# upheld: the two commands are `make run` and `make test`.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 8765
DATA   ?= data
STORING := $(addprefix tests/,db records ledger notice collection basis security transfers services cookies workflows retention rights amendment app cli_rooms journeys)
export PYTHONDONTWRITEBYTECODE ?=

.PHONY: run test check bench bench-full docs setup lint types imports unit heart postgres kill rows golden migration mutate lock clean help

help:            ## what can be asked for
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:  +##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: .stamps/core  ## build .venv with what upheld itself needs

.stamps/core: requirements/run.txt pyproject.toml
	sh scripts/venv.sh $(PYTHON) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@mkdir -p .stamps && touch $@

run: setup       ## compile the reference policy, fill a data folder with sample people, serve on loopback
	$(BIN)/upheld demo --port $(PORT) --data $(DATA)

.stamps/test: requirements/test.txt .stamps/core
	sh scripts/system.sh
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@mkdir -p .stamps && touch $@

test: .stamps/test lint types imports unit heart  ## lint, types, import contract, clause map, tests, browser tests; then the store on PostgreSQL

lint: .stamps/test
	$(BIN)/ruff check src tests scripts benchmarks

types: .stamps/test
	$(BIN)/mypy

imports: .stamps/test
	$(BIN)/lint-imports

unit: .stamps/test
	$(BIN)/python -m pytest $(PYTEST)

heart: .stamps/test
	$(BIN)/python -m pytest -q --engine postgresql -m "not browser and not slow" tests/db tests/app/test_assembly.py tests/records/test_vault.py $(PYTEST)

postgres: .stamps/test ## the tests of the rooms that store once more, with PostgreSQL as their store
	$(BIN)/python -m pytest -q --engine postgresql -m "not browser and not slow" $(STORING) $(PYTEST)

check: .stamps/test  ## the quick half of `make test`: no browser, no slow tests
	$(BIN)/ruff check src tests scripts benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -m "not browser and not slow"

kill: .stamps/test   ## kill a server fifty times amid its writes, on either engine, and look what is left
	$(BIN)/python -m pytest -q tests/app/test_kill.py --rounds 50 --timeout 3600 $(PYTEST)
	$(BIN)/python -m pytest -q tests/app/test_kill.py --rounds 50 --timeout 3600 --engine postgresql $(PYTEST)

rows: .stamps/test   ## M01 to M98 with their tests and results
	$(BIN)/python scripts/rows.py

mutate: .stamps/test ## change rules and ledger one small step at a time; print what no test noticed
	$(BIN)/python scripts/mutate.py $(MUTATE)

golden: .stamps/test ## write the golden cases again from their changes
	$(BIN)/python scripts/golden.py

migration: .stamps/test ## STORE=data|keys TEXT="Add a column": the next migration from what the tables have become
	$(BIN)/python scripts/migration.py $(STORE) "$(TEXT)"

.stamps/bench: requirements/bench.txt .stamps/test
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@mkdir -p .stamps && touch $@

bench: .stamps/bench  ## ratios against a floor in the same run, at 10,000 records
	$(BIN)/python -m benchmarks

bench-full: .stamps/bench  ## the same at 100,000 records; writes docs/benchmarks.md if the run is clean
	$(BIN)/python -m benchmarks --full --page

docs: .stamps/test   ## write the generated reference pages again
	$(BIN)/python scripts/docs.py

lock:            ## pin requirements again, with hashes and without addresses (needs uv)
	for name in core run test bench; do \
	  uv pip compile -q --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-header --allow-unsafe requirements/$$name.in -o requirements/$$name.txt; done

clean:
	rm -rf $(VENV) .stamps build data .mypy_cache .ruff_cache .pytest_cache .hypothesis
