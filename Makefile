# SPDX-License-Identifier: Apache-2.0
# Every target does its own set-up: virtual environment, system packages, builds.
# Builds are kept outside the checkout, in $GENAPPS_CACHE (default ~/.cache/genapps).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
UV := $(VENV)/bin/uv
UV_VERSION := 0.13.9
CLUSTER ?= local
export CLUSTER IMAGES
export UV_PYTHON_DOWNLOADS := never
LOCK := $(UV) pip compile $(UPGRADE) --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: demo
demo: venv ## Apps applied, called, fenced, suspended and resumed on a real Kubernetes
	@$(RUN) -m demo

.PHONY: test
test: venv lint verify engines oracles node-up images ## All tests: unit, golden, contract, oracles, runtime, cluster
	@$(RUN) -m tests

.PHONY: test-unit
test-unit: venv ## The tests that need neither a cluster nor an engine
	@$(RUN) -m pytest tests/unit tests/golden

.PHONY: test-long
test-long: venv engines node-up images ## Long profiles: 2,000 histories of kills, of a broken outside and of budgets, lost gateways, about half an hour
	@GENAPPS_HISTORIES=2000 $(RUN) -m pytest tests/runtime/test_journal_histories.py \
		tests/unit/gateway/budgets/test_never_overspent.py --timeout 7200
	@GENAPPS_CALLS=1000 $(RUN) -m pytest tests/cluster/test_system_gateways.py --timeout 1800

.PHONY: coverage
coverage: venv engines ## Unit, golden and contract tests; fails below the lower bound of coverage in pyproject.toml
	@$(RUN) -m pytest tests/unit tests/golden tests/contract --cov --cov-report=term

.PHONY: lint
lint: venv ## Style, types, import layers, file lengths
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/mypy --config-file runtime-image/engines/mypy.ini
	@$(VENV)/bin/lint-imports
	@$(RUN) -m tools.file_length
	@$(RUN) -m tools.prose
	@$(RUN) -m tools.spdx

.PHONY: manifests
manifests: venv ## Write the CRDs and every other generated file
	@$(RUN) -m tools.generate

.PHONY: verify
verify: venv ## Fail when a generated file differs from its source
	@$(RUN) -m tools.generate --check

.PHONY: engines
engines: venv ## Build and precompile the guest language engines for this host
	@$(RUN) -m tools.engines

.PHONY: oracles
oracles: venv ## Build or fetch the independent judges of the tests (cyclonus, Pod Security, kstatus, requests, URLs, servers, Node.js)
	@$(RUN) -m tests.oracles

.PHONY: images
images: venv ## Build the images, and load them into the local node when it runs
	@$(RUN) -m tools.images

.PHONY: node-up
node-up: venv ## Start the local Kubernetes node (built from source at the first run)
	@$(RUN) -m tools.node up

.PHONY: node-down
node-down: venv ## Stop it and leave no trace but the build cache
	@$(RUN) -m tools.node down

.PHONY: bench
bench: venv engines ## Measure: a table, and build/bench.json
	@$(RUN) -m bench

.PHONY: release
release: venv verify ## Dry run of a release into build/release (RELEASE=--skip-images needs no root)
	@$(RUN) -m tools.release $(RELEASE)

.PHONY: lock
lock: $(UV) ## Resolve the dependencies into locks/; UPGRADE=--upgrade raises them
	@$(LOCK) pyproject.toml -o locks/genapps.txt
	@$(LOCK) runtime-image/pyproject.toml -o locks/runtime.txt
	@$(LOCK) pyproject.toml runtime-image/pyproject.toml verify/pyproject.toml --extra typescript --group dev -o locks/dev.txt
	@$(LOCK) --group chart-judges -o locks/chart-judges.txt
	@$(LOCK) --group bench-peers -o locks/bench-peers.txt
	@$(LOCK) --no-emit-package litellm-enterprise --group litellm -o locks/litellm.txt
	@$(LOCK) --group http-corpus -o locks/http-corpus.txt
	@$(LOCK) --no-deps --group web-platform -o locks/web-platform.txt
	@$(LOCK) --group engine-build -o locks/engine-build.txt
	@$(LOCK) --group connector-peers -o locks/connector-peers.txt
	@$(LOCK) --no-deps --group typescript-peers -o locks/typescript-peers.txt

.PHONY: venv
venv: $(VENV)/.installed

$(UV): 
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "genapps needs Python 3.11 or newer, this is " + sys.version)'
	@echo "virtual environment: creating $(VENV) (about 30 s the first time)"
	@$(PYTHON) -m venv $(VENV) || { \
	  if [ -f /etc/debian_version ] && [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); \
	  else echo "Python's venv module is missing: install it (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; fi; }
	@$(VENV)/bin/pip install --quiet uv==$(UV_VERSION)

$(VENV)/.installed: $(UV) locks/dev.txt pyproject.toml runtime-image/pyproject.toml verify/pyproject.toml
	@$(UV) pip sync --quiet --require-hashes locks/dev.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable . --editable runtime-image --editable verify
	@touch $@
