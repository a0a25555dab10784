# `make` lists what there is to do. Everything needs Python 3.13 and make; the rest is fetched.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv/.complete
CHECKOV := .venv/checkov/.complete
PYTHON := .venv/bin/python
TESTS := tests # or some of them: make test TESTS=tests/unit
PORT :=
ROUTES :=
ONLY := # parts of `make bench`: cold callgrind wire sizes load growth money
ROUNDS :=
ACCEPT :=

# The tools find each other, and the layers' Makefiles their Python, in the virtual environment.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# What runs on this machine is never asked through a proxy.
export NO_PROXY := $(NO_PROXY),127.0.0.1,localhost
export SAM_CLI_TELEMETRY := 0
# The layers' Makefiles have their own.
unexport PYTHON

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

# ---------------------------------------------------------------------------- On this machine

.PHONY: up
up: $(VENV) ## Run the whole service on this machine; PORT=4566 unless you say otherwise.
	@$(PYTHON) -m tests.local up $(if $(PORT),--port $(PORT)) $(if $(ROUTES),--routes "$(ROUTES)")

.PHONY: down
down: $(VENV) ## Stop what `make up` started, and forget it: clients, address, credentials.
	@$(PYTHON) -m tests.local down

.PHONY: demo
demo: $(VENV) ## Use the running service as a program would, and print what is said.
	@$(PYTHON) -m tests.local demo

.PHONY: env
env: $(VENV) ## Print what a shell needs to use the running service: eval "$(make -s env)"
	@$(PYTHON) -m tests.local env

# ------------------------------------------------------------------------------ Check and build

.PHONY: test
test: build ## Run every test: unit, template, docs, artifacts, integration, end to end.
	@VERIFY_BUILD_DIR=.aws-sam/build $(PYTHON) -m pytest $(TESTS)

.PHONY: browser
browser: ## Install what tests/browser drives: Debian's chromium, if there is none (as root).
	@command -v chromium >/dev/null || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	  apt-get -qq install --no-install-recommends chromium fonts-dejavu-core >/dev/null; }

.PHONY: screenshots
screenshots: build ## Take the pictures of docs/page.md.
	@VERIFY_SCREENSHOTS=1 VERIFY_BUILD_DIR=.aws-sam/build $(PYTHON) -m pytest tests/browser

.PHONY: soak
soak: build ## Run the long form of the tests that have one: fuzz, faults, load. About two hours.
	@VERIFY_BUILD_DIR=.aws-sam/build $(PYTHON) -m pytest --soak -m soak $(TESTS)

.PHONY: bench
bench: build ## Measure speed and cost beside a tutorial's; ONLY="cold wire" for some parts.
	@$(PYTHON) -m benchmarks $(ONLY) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ACCEPT),--accept)

.PHONY: lint
lint: $(VENV) ## Check style, types and the template.
	ruff check .
	ruff format --check .
	mypy
	cfn-lint template.yaml
	sam validate --lint --region us-east-1

.PHONY: audit
audit: $(VENV) $(CHECKOV) ## Ask checkov about the template, and pip-audit about the packages.
	@$(PYTHON) -m tests.audit template packages

.PHONY: build
build: $(VENV) ## Build functions and layers into .aws-sam/build.
	@$(PYTHON) -m tests.local build

.PHONY: monitoring
monitoring: $(VENV) ## Write the alarms and the dashboard of monitoring.yaml into template.yaml.
	@$(PYTHON) -m tests.monitoring

.PHONY: lock
lock: $(VENV) ## Choose the newest versions of all packages and write them down, with hashes.
	uv pip compile --upgrade $(LOCK) --override tests/overrides.txt tests/requirements.in \
	  --output-file tests/requirements.txt
	uv pip compile --upgrade $(LOCK) --no-emit-package charset-normalizer \
	  layers/dependencies/requirements.in \
	  --constraints tests/requirements.txt --output-file layers/dependencies/requirements.txt
	for lock in tests/audit/requirements layers/countries/node tests/local/java; do \
	  uv pip compile --upgrade $(LOCK) $$lock.in --output-file $$lock.txt || exit 1; done
	@$(MAKE) licences

LOCK := --quiet --universal --python-version 3.13 --generate-hashes --no-annotate --no-header \
  --no-emit-package dnspython

.PHONY: licences
licences: $(VENV) ## Write docs/licences.md, from the packages that are deployed.
	@$(PYTHON) -m tests.audit licences

.PHONY: wheel
wheel: $(VENV) ## Build the client's wheel into dist/, for programs that are no Lambda.
	@uv build --quiet --offline --wheel --out-dir "$(DIST)" layers/client

DIST := dist

# --------------------------------------------------------------------------------------- On AWS

.PHONY: deploy
deploy: $(VENV) ## Build, and deploy to your AWS account; asks what it needs to know.
	sam build
	sam deploy --guided

.PHONY: client
client: $(VENV) ## Create a client, of the running local stack or else on AWS: make client NAME=shop
	@$(if $(NAME),,$(error Give the client a name: make client NAME=shop))
	@if [ -e .local/stack.json ]; then $(PYTHON) -m tests.local client "$(NAME)"; \
	  else echo "No local stack runs: creating it on AWS, in the stack serverless-verify." >&2; \
	    .venv/bin/verifyctl clients create "$(NAME)"; fi

# ------------------------------------------------------------------------------------- Tools

.PHONY: venv
venv: $(VENV) ## Install all tools into .venv.

.PHONY: clean
clean: ## Stop what runs, and remove all that was made.
	@[ ! -e .local ] || [ ! -e $(VENV) ] || $(PYTHON) -m tests.local down
	rm -rf .aws-sam .cache .local .venv dist .coverage htmlcov
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find benchmarks functions layers tests -name __pycache__ -prune -exec rm -rf {} +

# Prints the first Python 3.13 there is: itself, not a virtual environment made of it.
FIND_PYTHON = for command in python3.13 python3 python \
    "$$(pyenv which python3.13 2>/dev/null)" "$$(uv python find --system 3.13 2>/dev/null)"; do \
  "$$command" -c 'import sys; sys.version_info[:2] == (3, 13) or sys.exit(1); \
    print(sys._base_executable)' 2>/dev/null && break; done

# All packages at the versions and hashes of the lock. uv, at its locked hash, takes 3 seconds
# where pip takes 40, and pip steps in where uv cannot, behind a mirror that only pip knows, say.
# --no-deps: the lock is complete but for what it leaves out on purpose.
$(VENV): tests/requirements.txt
	@echo "Installing all tools into .venv ..."
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ] && command -v uv >/dev/null; then \
	  uv python install 3.13 && python="$$($(FIND_PYTHON))"; fi; \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.13 was found: install it, or install uv and run make again." >&2; exit 1; fi; \
	"$$python" -m venv --clear .venv
	@sed -n '/^uv==/,/[^\\]$$/p' tests/requirements.txt > .venv/uv.txt
	@$(PYTHON) -m pip install -qq --require-hashes --no-deps --no-compile -r .venv/uv.txt
	@uv --system-certs pip sync --quiet --python $(PYTHON) --require-hashes tests/requirements.txt || \
	  $(PYTHON) -m pip install --require-hashes --no-deps --no-compile -r tests/requirements.txt
	@echo "$(CURDIR)/layers/verification/python" \
	  > .venv/lib/python3.13/site-packages/verification.pth
	@printf '#!/bin/sh\nexec "$(CURDIR)/$(PYTHON)" -m verification.cli "$$@"\n' > .venv/bin/verifyctl
	@chmod +x .venv/bin/verifyctl
	@touch $@

# checkov asks for exact versions that nothing else agrees to: an environment of its own.
$(CHECKOV): tests/audit/requirements.txt $(VENV)
	@echo "Installing checkov into .venv/checkov ..."
	@$(PYTHON) -m venv --clear --without-pip .venv/checkov
	@uv --system-certs pip sync --quiet --python .venv/checkov/bin/python --require-hashes $< || \
	  $(PYTHON) -m pip --python .venv/checkov/bin/python install --require-hashes --no-deps -r $<
	@touch $@
