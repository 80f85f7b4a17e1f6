# Every target is a plain command that you could type yourself.
PYTHON ?= python3
BIN = .venv/bin
# Over more processes than two processors need, because some tests wait for other processes most of the time.
SPREAD = --numprocesses 3 --dist loadfile --no-loadscope-reorder
# What the many processes of a test run import is compiled once.
export PYTHONDONTWRITEBYTECODE =

.PHONY: run test test-fault check format bench schema released-schema migration lock clean

run: .venv/.ready-run
	$(if $(PORT),DUNLIN_PORT=$(PORT)) $(BIN)/dunlin dev

test: .venv/.ready-dev examples/typescript/node_modules/.installed-from
	$(BIN)/python -m pytest $(SPREAD)

test-fault: .venv/.ready-dev
	$(BIN)/python -m pytest tests/fault --full-load

check: .venv/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/unit

format: .venv/.ready-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.ready-dev
	$(BIN)/python -m bench

schema: .venv/.ready-dev
	$(BIN)/dunlin schema > schema.graphql

# What clients rely on from the release on that is being made; see DECISIONS.md.
released-schema: schema
	cp schema.graphql tests/released.graphql

migration: .venv/.ready-dev
	$(BIN)/tortoise -c dunlin.runtime.database.OFFLINE makemigrations -n $(NAME)

lock: .venv/.ready-dev
	$(BIN)/uv pip compile pyproject.toml --extra embedded --group build --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --extra embedded --group build --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet --constraint requirements/run.txt --output-file requirements/dev.txt
	$(BIN)/uv pip compile pyproject.toml --group build --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --quiet --constraint requirements/run.txt --output-file requirements/production.txt

clean:
	rm -rf .venv var build *.egg-info examples/typescript/node_modules examples/typescript/build

# Where Node or its packages are out of reach, the tests that need them are skipped and say so.
examples/typescript/node_modules/.installed-from: examples/typescript/package-lock.json
	if cd $(<D) && npm ci --ignore-scripts --fetch-retries 1 --fetch-timeout 20000 --loglevel error; then \
	  cp $(<F) node_modules/$(@F); fi

.venv/.ready-run: requirements/run.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Dunlin needs Python 3.11 or newer; this is %d.%d. Choose another with PYTHON=..." % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

.venv/.ready-dev: .venv/.ready-run requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	touch $@
