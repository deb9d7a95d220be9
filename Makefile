# Each target sets up what it needs in .venv; nothing else on the machine is changed.

PYTHON ?= python3
PORT ?= 8000
DOCTORS ?= 10000
export PORT

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes
COMPILE := $(PY) -m uv pip compile --quiet --no-emit-index-url --generate-hashes

# The Python that made .venv may have been removed since; then .venv is made anew.
ifneq ($(shell $(PY) -c '' 2>/dev/null || echo broken),)
$(shell rm -f $(VENV)/.created)
endif

.DEFAULT_GOAL := help
.PHONY: help run test check bench faults gallery messages requirements

help: ## Show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

run: $(VENV)/.runtime ## Set up and run DocPort with demo data on 127.0.0.1 (PORT=8000)
	@exec $(PY) manage.py run

# Waiting for the disk at each commit buys tests nothing.
test: export PGOPTIONS = -c synchronous_commit=off
test: check ## Set up, then every check and every test
	.ci/chromium
	.ci/samples
	@mkdir -p var && rm -f var/junit.xml
	$(PY) -m pytest -n 2 --dist worksteal --cov --cov-report=term --junitxml=var/junit.xml; \
	  code=$$?; $(PY) .ci/summary var/junit.xml; exit $$code

check: $(VENV)/.dev ## Set up, then lint, types, architecture, migrations and deployment checks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy .
	$(PY) $(VENV)/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) .ci/check-deploy

bench: $(VENV)/.dev ## Measure against a floor of the same run (DOCTORS=10000, PROFILE=1)
	@.ci/wrk
	@$(PY) -m bench --doctors $(DOCTORS) $(if $(PROFILE),--profile)

faults: $(VENV)/.dev ## Break DocPort on purpose and judge what it kept (FAULT="none redis-away")
	@$(PY) -m faults $(if $(FAULT),--only $(FAULT))

gallery: $(VENV)/.dev ## Take a picture of every screen into var/gallery/
	.ci/chromium
	$(PY) -m docport.tests.gallery

messages: $(VENV)/.dev ## Collect the words of pages and mails for translation (needs GNU gettext)
	$(PY) manage.py makemessages --locale hi --no-wrap --no-obsolete --add-location file \
	  --ignore $(VENV) --ignore var --ignore bench --ignore faults --ignore "*/tests/*" \
	  --ignore "templates/admin/*" --ignore "templates/integrations/*"
	$(PY) manage.py compilemessages --locale hi --ignore $(VENV)

requirements: $(VENV)/.dev ## Compile the requirement files anew from pyproject.toml
	$(COMPILE) pyproject.toml -o requirements.txt --python-version 3.11
	$(COMPILE) pyproject.toml --extra dev -c requirements.txt -o .ci/requirements-dev.txt --python-version 3.11

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "DocPort needs Python 3.11 or newer, and $(PYTHON) is: $$($(PYTHON) --version 2>&1 || true)"; \
	  echo "Name another one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments."; \
	  echo "On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PY) -c '' 2>/dev/null || { echo "Creating $(VENV) …"; $(PYTHON) -m venv --clear $(VENV); }
	@touch $@

$(VENV)/.runtime: requirements.txt $(VENV)/.created
	@echo "Installing what DocPort needs into $(VENV), once …"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.dev: .ci/requirements-dev.txt $(VENV)/.runtime
	@echo "Installing what the checks need into $(VENV), once …"
	@$(PIP) -r .ci/requirements-dev.txt
	@touch $@
