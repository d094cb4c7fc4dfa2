# Everything a developer or CI runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.13
UV_VERSION := 0.13.9
export UV_PYTHON_DOWNLOADS := never
export PYTHONDONTWRITEBYTECODE :=

DEV := .venv
SAM := .local/venv-sam
EMULATOR := .local/venv-emulator
SCAN := .local/venv-scan
SDK := .local/venv-sdk
CONTRACT := .local/venv-contract
CLIENTS := .local/venv-clients
SITE := .local/venv-site
PY := $(DEV)/bin/python
# uv from PATH if there is one, else the one that `make` puts into .venv.
UV := $(if $(shell command -v uv),uv,$(DEV)/bin/uv)

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

IS_OURS := import sys; sys.exit(sys.version_info[:2] != (3, 13))
# What a failed installation ends with.
define ADVICE
What to do: if the package index was not reached, see to the network (HTTPS_PROXY for a proxy, UV_DEFAULT_INDEX and
PIP_INDEX_URL for a mirror). If the disk is full, make room: the local stack takes 0.7 GB, all environments take 2 GB.
Then run the same command again: it goes on where this one stopped.
endef
define NO_PYTHON
This project needs Python 3.13, and '$(PYTHON)' is none.
What to do: install it (Debian 13: apt-get install python3.13-venv; a Mac: brew install python@3.13; anywhere:
uv python install 3.13), or name one: make up PYTHON=/path/to/python3.13
endef
define NO_VENV
What to do: if ensurepip is missing, install Python's venv module (Debian: apt-get install python3.13-venv);
if the disk is full, make room: the local stack takes 0.7 GB. Then run the same command again.
endef
define NOT_OURS
$(DEV) was made with another Python than 3.13, or with one that is gone.
What to do: rm -rf $(DEV), then run the same command again.
endef
export ADVICE NO_PYTHON NO_VENV NOT_OURS
OR_ADVISE := || { echo "$$ADVICE" >&2; exit 1; }

$(DEV)/bin/python:
	@$(PYTHON) -c '$(IS_OURS)' 2>/dev/null || { echo "$$NO_PYTHON" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(DEV) || { rm -rf $(DEV); echo "$$NO_VENV" >&2; exit 1; }

# One that was half installed does not run, and neither may its pip.
.PHONY: uv
uv: $(DEV)/bin/python
	@$(DEV)/bin/python -c '$(IS_OURS)' || { echo "$$NOT_OURS" >&2; exit 1; }
	@$(UV) --version >/dev/null 2>&1 || { $(DEV)/bin/python -m ensurepip >/dev/null && \
	  $(DEV)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall uv==$(UV_VERSION); } $(OR_ADVISE)

$(DEV)/.synced: locks/dev.txt | uv
	@echo "Installing the development environment ..."
	@$(UV) pip sync --quiet --python $(DEV) --require-hashes locks/dev.txt && touch $@ $(OR_ADVISE)

# A quarter of it, which the local stack and ./longcode run on. Nothing is taken out of a whole one.
$(DEV)/.local-synced: locks/local.txt | uv
	@echo "Installing what the local stack runs on ..."
	@$(UV) pip install --quiet --python $(DEV) --require-hashes -r locks/local.txt && touch $@ $(OR_ADVISE)

$(SAM)/.synced: locks/sam.txt | uv
	@echo "Installing the AWS SAM CLI ..."
	@$(UV) venv --quiet --clear --python $(DEV)/bin/python $(SAM) $(OR_ADVISE)
	@$(UV) pip sync --quiet --python $(SAM) --require-hashes locks/sam.txt && touch $@ $(OR_ADVISE)

$(EMULATOR)/.synced: locks/emulator.txt | uv
	@echo "Installing the AWS emulator ..."
	@$(UV) venv --quiet --clear --python $(DEV)/bin/python $(EMULATOR) $(OR_ADVISE)
	@$(UV) pip sync --quiet --python $(EMULATOR) --require-hashes locks/emulator.txt && touch $@ $(OR_ADVISE)

$(SCAN)/.synced: locks/scan.txt | uv
	@echo "Installing the scanners ..."
	@$(UV) venv --quiet --clear --python $(DEV)/bin/python $(SCAN) $(OR_ADVISE)
	@$(UV) pip sync --quiet --python $(SCAN) --require-hashes locks/scan.txt && touch $@ $(OR_ADVISE)

# What the benchmark of cold starts compares with; it asks for this when it is needed.
$(SDK)/.synced: locks/sdk.txt | uv
	@echo "Installing the provider's SDK and Flask ..."
	@$(UV) venv --quiet --clear --python $(DEV)/bin/python $(SDK) $(OR_ADVISE)
	@$(UV) pip sync --quiet --python $(SDK) --require-hashes locks/sdk.txt && touch $@ $(OR_ADVISE)

$(CONTRACT)/.synced: locks/contract.txt | uv
	@echo "Installing what tries the API by its document ..."
	@$(UV) venv --quiet --clear --python $(DEV)/bin/python $(CONTRACT) $(OR_ADVISE)
	@$(UV) pip sync --quiet --python $(CONTRACT) --require-hashes locks/contract.txt && touch $@ $(OR_ADVISE)

# With a Java of its own.
$(CLIENTS)/.synced: locks/clients.txt | uv
	@echo "Installing the generators of clients ..."
	@$(UV) venv --quiet --clear --python $(DEV)/bin/python $(CLIENTS) $(OR_ADVISE)
	@$(UV) pip sync --quiet --python $(CLIENTS) --require-hashes locks/clients.txt && touch $@ $(OR_ADVISE)

$(SITE)/.synced: locks/site.txt | uv
	@echo "Installing the generator of the documentation's site ..."
	@$(UV) venv --quiet --clear --python $(DEV)/bin/python $(SITE)
	@$(UV) pip sync --quiet --python $(SITE) --require-hashes locks/site.txt && touch $@

.PHONY: install
install: $(DEV)/.synced $(SAM)/.synced $(EMULATOR)/.synced $(SCAN)/.synced $(CONTRACT)/.synced $(SITE)/.synced ## Install all six environments from their locks

.PHONY: lock
lock: | uv ## Resolve the locks again (upgrade with UPGRADE=--upgrade)
	@for group in runtime local dev sam emulator scan sdk contract clients site; do \
	  constraint=$$( case $$group in local) echo "-c locks/runtime.txt";; dev) echo "-c locks/local.txt";; sdk) echo "-c locks/dev.txt";; esac ); \
	  $(UV) pip compile --quiet --python $(DEV)/bin/python --universal --generate-hashes --no-header \
	    --no-annotate $(UPGRADE) $$constraint --group $$group -o locks/$$group.txt; done

# ------------------------------------------------------------------------------ the local stack
INSTALLED := $(DEV)/.synced $(SAM)/.synced $(EMULATOR)/.synced
RUNS := $(DEV)/.local-synced $(SAM)/.synced $(EMULATOR)/.synced
LOCAL := $(PY) -m devtools.local_stack
# Another directory is another, independent stack: make up DIR=.local/other
DIR ?=
ON := $(if $(DIR),--dir $(DIR))

.PHONY: build up down demo dashboard invoke
build: $(RUNS) ## Build the functions and layers with SAM
	@$(LOCAL) build

up: $(RUNS) ## Bring the whole service up on this machine (SET="Name=Value ..." for parameters)
	@$(LOCAL) up $(ON) $(foreach pair,$(SET),--set $(pair))

down: $(DEV)/.local-synced ## Stop it; what it holds is there again at the next `make up`
	@$(LOCAL) down $(ON)

demo: $(RUNS) ## Watch real texts go through the deployed API
	@$(LOCAL) demo $(ON)

dashboard: $(RUNS) ## Show the CloudWatch dashboard live, from the local stack's own numbers (ARGS="--demo")
	@$(LOCAL) dashboard $(ON) $(ARGS)

invoke: $(INSTALLED) ## Run one function as Lambda would: make invoke FN=status EVENT=events/status-404-unknown.json
	@[ -n "$(FN)" ] && [ -n "$(EVENT)" ] || { echo "make invoke FN=status EVENT=events/status-404-unknown.json" >&2; exit 2; }
	@$(LOCAL) invoke $(ON) $(FN) $(EVENT)

# ----------------------------------------------------------------------------------------- AWS
ARCHITECTURE ?= arm64
STAGE := $(or $(ENV),dev)

.PHONY: deploy smoke drift destroy
deploy: $(INSTALLED) ## Deploy to AWS: make deploy ENV=dev (or prod; asks the first time, GUIDED=1 again, YES=1 never)
	@UV="$$(realpath "$$(command -v $(UV))")" ./longcode deploy $(STAGE) --architecture $(ARCHITECTURE) \
	  $(if $(GUIDED),--guided) $(if $(YES),--yes)

smoke: $(DEV)/.synced ## Prove a stack with two real texts: make smoke ENV=dev TO=+1… (without ENV the local one)
	@$(if $(ENV),,env -u LONGCODE_STACK) ./longcode smoke $(if $(ENV),--env $(ENV),$(ON)) \
	  $(if $(TO),--to $(TO)) $(if $(YES),--yes)

drift: $(DEV)/.synced ## Tell what was changed by hand: make drift ENV=dev (or prod)
	@./longcode drift --env $(STAGE)

destroy: $(DEV)/.synced ## Delete a stack on AWS, unless something protects it: make destroy ENV=dev (or prod)
	@./longcode destroy --env $(STAGE) $(if $(YES),--yes)

# ---------------------------------------------------------------------------------------- checks
SOURCES := layers functions longcode_cli devtools bench docs examples tests

.PHONY: test test-slow load check format bench cost docs site guarantees walk contract clients pictures
# What is asked for by name, and all with FULL=1, has its slow tests, too.
test: WHICH := $(if $(ARGS)$(FULL),,-m "not slow")
test: $(INSTALLED) $(SCAN)/.synced $(CONTRACT)/.synced $(SITE)/.synced ## Run the tests, but for the slow ones (with ARGS=tests/… all of those)
	@$(RUN_TESTS)

test-slow: WHICH := -m slow
test-slow: $(INSTALLED) $(SCAN)/.synced $(CONTRACT)/.synced $(SITE)/.synced ## Run the slow tests
	@$(RUN_TESTS)

define RUN_TESTS
TMPDIR=$$(mktemp -d); export TMPDIR; trap 'rm -rf "$$TMPDIR"' EXIT; \
  $(PY) -m pytest -n $(or $(JOBS),4) --dist loadfile --no-loadscope-reorder $(WHICH) $(ARGS)
endef

load: $(INSTALLED) ## Queue 660 texts from 8 clients on the local stack, alone on the machine (a fifth of it in make test-slow)
	@LOAD=1 $(PY) -m pytest --quiet -rP tests/stack/test_stack_load.py $(ARGS)

check: $(INSTALLED) $(SCAN)/.synced ## Lint, format, types, import direction, the template, budgets, known faults
	@$(PY) -m ruff check $(SOURCES)
	@$(PY) -m ruff format --check $(SOURCES)
	@$(PY) -m mypy $(SOURCES)
	@PYTHONPATH=layers/longcode/python $(DEV)/bin/lint-imports --no-logo
	@SAM_CLI_TELEMETRY=0 $(SAM)/bin/sam validate --lint --region us-east-1 --template template.yaml
	@$(SAM)/bin/cfn-lint --regions us-east-1 --ignore-checks W3002 -- operations/*.yaml operations/alarms/*.yaml
	@$(PY) -m pytest --quiet tests/template
	@$(PY) -m bench check
	@$(PY) -m devtools.scan

format: $(DEV)/.synced ## Put every file into the one format
	@$(PY) -m ruff check --fix-only --quiet $(SOURCES)
	@$(PY) -m ruff format $(SOURCES)

bench: $(INSTALLED) ## Measure a quick set, or one part (ARGS=cold, ARGS="warm --only send", ARGS=--help)
	@$(PY) -m bench $(ARGS)

cost: $(DEV)/.synced ## Say what a message and a month cost (ARGS="--texts 250000 --json", ARGS=--write for docs/cost.md)
	@PYTHONPATH=layers/longcode/python $(PY) -m devtools.cost $(ARGS)

docs: $(DEV)/.synced ## Write docs/openapi.json, the API reference, llms.txt, the pages of errors, metrics, segments, commands, and the drawings
	@$(PY) docs/errors.py
	@$(PY) docs/metrics.py
	@$(PY) docs/segments.py
	@$(PY) docs/commands.py
	@$(PY) docs/openapi.py
	@PYTHONPATH=layers/longcode/python $(PY) -m devtools.drawings

site: $(SITE)/.synced ## Build the documentation's site into .local/site (ARGS=serve also serves it on 127.0.0.1)
	@$(SITE)/bin/python -m devtools.site $(ARGS)

pictures: $(INSTALLED) ## Film the terminal and the console for docs/, and take a still of each page (ARGS=--no-films)
	@PYTHONPATH=layers/longcode/python $(PY) -m devtools.pictures $(ARGS)

guarantees: $(DEV)/.synced ## Run the fault matrix and the outages, and write docs/guarantees.md from them
	@$(PY) -m tests.faults.table

contract: $(INSTALLED) $(CONTRACT)/.synced ## Try the API by its OpenAPI document, on a stack of its own (EXAMPLES=200 TIME=300 SEED=7)
	@PYTHONPATH=layers/longcode/python $(PY) -m devtools.contract $(if $(EXAMPLES),--examples $(EXAMPLES)) $(if $(TIME),--time $(TIME)) \
	  $(if $(SEED),--seed $(SEED))

clients: $(INSTALLED) $(CLIENTS)/.synced ## Generate clients in Python, TypeScript and Go; each sends a text to a local stack
	@PYTHONPATH=layers/longcode/python $(PY) -m devtools.clients $(ARGS)

walk: $(DEV)/.synced ## Walk at random over all operations and faults: make walk RUNS=20000 (SEED=7 RUNS=1 TELL=1 tells one)
	@PYTHONPATH=layers/longcode/python $(PY) -m tests.faults.walk --runs $(or $(RUNS),1000) \
	  $(if $(SEED),--seed $(SEED)) $(if $(TELL),--tell)
