# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
ARCHITECTURE ?= arm64
OUT ?= build/artifact
BUILD = --architecture $(ARCHITECTURE) --out $(OUT) $(if $(UNCOMPILED),--uncompiled)
PARAMETERS ?=
TEMPLATES := template.yaml $(wildcard infra/*.yaml)
NO_ACCOUNT := SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none

.PHONY: run test lint format setup build sam-local lock cloud validate parameters plan deploy destroy clean

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

cloud: .venv-cloud/.installed  ## sam and cfn-lint, in an environment of their own

# These locks are whole, so nothing is left to resolve, and pip stumbles over hashes of a package with extras.
.venv-cloud/.installed .venv-checkov/.installed: .venv-%/.installed: infra/locks/%.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --no-deps --require-hashes -r $<
	@touch $@

validate: cloud .venv-checkov/.installed  ## the templates: sam, cfn-lint and checkov, without an account
	$(NO_ACCOUNT) .venv-cloud/bin/sam validate --lint --template template.yaml
	.venv-cloud/bin/cfn-lint $(TEMPLATES)
	.venv-checkov/bin/checkov --quiet --compact --skip-download --framework cloudformation $(foreach template,$(TEMPLATES),--file $(template))

parameters: setup  ## what CloudFormation would refuse of PARAMETERS="Name=value …"; Architecture by ARCHITECTURE=…
	$(BIN)/python -m local.templates.parameters Architecture=$(ARCHITECTURE) $(PARAMETERS)

plan: parameters cloud  ## upload, and show what a deploy would change, without doing it
	.venv-cloud/bin/sam build
	.venv-cloud/bin/sam deploy --no-execute-changeset --parameter-overrides Architecture=$(ARCHITECTURE) $(PARAMETERS)

deploy: parameters cloud  ## build, upload, show what would change, ask, and do it; PARAMETERS="Name=value …"
	.venv-cloud/bin/sam build
	.venv-cloud/bin/sam deploy --parameter-overrides Architecture=$(ARCHITECTURE) $(PARAMETERS)

destroy: cloud  ## delete the stack; the bucket of documents and a last snapshot of the database stay
	.venv-cloud/bin/sam delete

# `sam build` asks for build-<function>, once each: all get hard links to the one artifact. sam does not tell the
# architecture, so it comes from here: say the same as the template's parameter.
build: setup  ## what Lambda runs, into build/artifact; ARCHITECTURE=arm64|x86_64|host
	$(BIN)/python -m local.artifact $(BUILD) --sizes

build-%: setup
	$(BIN)/python -m local.artifact $(BUILD) --link $(ARTIFACTS_DIR)

sam-local: setup cloud  ## the api in a container, by sam local start-api on port 3001; needs Docker and python3.13
	$(BIN)/piecewise sam-local

lock: setup  ## resolve the four locks anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url pyproject.toml -o infra/locks/run.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url pyproject.toml --extra dev -o infra/locks/dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url infra/locks/cloud.in -o infra/locks/cloud.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url infra/locks/checkov.in -o infra/locks/checkov.txt

clean:
	rm -rf .venv .venv-cloud .venv-checkov build .aws-sam *.egg-info
