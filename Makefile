# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: run test lint format setup lock cloud clean

run: setup  ## analyse a whole book and show progress and result
	$(BIN)/piecewise analyze local/samples/moby-dick.txt

test: setup  ## every test
	$(BIN)/python -m pytest

lint: setup  ## what CI refuses
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(STAMP)  ## .venv from the machine's python3, pinned and hashed

$(STAMP): infra/locks/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r infra/locks/dev.txt
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e .
	@touch $(STAMP)

cloud: infra/locks/cloud.txt  ## sam and cfn-lint, in an environment of their own
	$(PYTHON) -m venv .venv-cloud
	.venv-cloud/bin/python -m pip install --quiet --require-hashes -r infra/locks/cloud.txt

lock: setup  ## resolve the three locks anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url pyproject.toml -o infra/locks/run.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url pyproject.toml --extra dev -o infra/locks/dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url infra/locks/cloud.in -o infra/locks/cloud.txt

clean:
	rm -rf .venv .venv-cloud build *.egg-info
