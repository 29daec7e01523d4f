# Commands for development and deployment. `make` without arguments prints them.

DEMO ?= demo
BUILT := $(or $(CARGO_TARGET_DIR),target)
# The command line program of the demo, and that of the tests.
BINARY := $(BUILT)/quick/cloudtrail-inspector
INSPECTOR := $(BUILT)/debug/cloudtrail-inspector
VENVS := $(BUILT)/venv

.PHONY: stack stack-tests e2e e2e-tests emulators emulators-tests build-IngestFunction build-InspectFunction build-DeliverFunction build-WidgetFunction deploy delete
# The SAM CLI, and the processor of the functions if it differs from the last deployment.
SAM ?= sam
OVERRIDES := $(if $(ARCHITECTURE),--parameter-overrides Architecture=$(ARCHITECTURE))

.DEFAULT_GOAL := help
.PHONY: help demo test test-long attacks mutants check fmt lint deny quality judge filter accept bench bench-peers bench-lambda bench-inspect fuzz function build dist clean

help: ## Print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: ## Write a made-up trail into demo/, scan it into demo/trail.db and demo/report.html
	cargo build --locked --profile quick -p cloudtrail-inspector --no-default-features --features cli
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BINARY) generate $(DEMO)/trail
	$(BINARY) scan --db $(DEMO)/trail.db --html $(DEMO)/report.html $(DEMO)/trail

# If clippy is installed, it compiles the crates of this workspace in place of rustc, so that lints need no second build. Warnings
# are errors only with WARNINGS=deny, because a newer compiler has newer lints.
CLIPPY := $(shell command -v clippy-driver 2>/dev/null)
test test-long stack stack-tests e2e e2e-tests emulators emulators-tests quality judge: export RUSTC_WORKSPACE_WRAPPER = $(CLIPPY)
test test-long stack stack-tests e2e e2e-tests emulators emulators-tests quality judge: export CLIPPY_ARGS = $(if $(filter deny,$(WARNINGS)),-Dwarnings__CLIPPY_HACKERY__)

# Runs a command and prints its time: $(call timed,name,command).
timed = @echo '$(2)'; begun=$$(date +%s); $(2) && echo "$(1): $$(($$(date +%s) - begun)) s"

test: ## Run all tests, with lints; tests on real events are skipped if there are none
	$(call timed,build,$(TOOLS) & cargo test --locked --no-run && wait)
	$(call timed,tests,python3 tests/e2e/beside.py $(VENVS) cargo test --locked)
	$(call timed,mutants,python3 tests/mutants.py --check)
	$(call timed,judge,python3 tests/judge.py $(INSPECTOR) tests/cases $(CASES))
	$(call timed,attacks,python3 tests/attacks/run.py $(INSPECTOR) --short $(ATTACK_OPTIONS))
	$(call timed,stack and end to end,$(MAKE) --jobs 2 --output-sync=target stack-tests e2e-tests emulators-tests)

# Installs the packages for the stack tests from PyPI and npm during the build. If that fails, these tests are skipped with a message.
TOOLS = (for tools in sam emulator moto dynalite axe; do python3 infra/tools/environment.py $$tools $(VENVS) >/dev/null || true; done)

# Two of these targets run in parallel, because each waits a part of its time.
stack-tests:
	$(call timed,stack,python3 tests/stack/run.py $(VENVS) $(INSPECTOR))

e2e-tests:
	$(call timed,end to end,PROFILE=$(or $(PROFILE),dev) python3 tests/e2e/run.py $(VENVS) $(INSPECTOR))

emulators-tests:
	$(call timed,emulators,python3 tests/e2e/run.py $(VENVS) $(INSPECTOR) large roles upgrade drill)

# Real events for the attacks; without the folder, generated ones are used.
EVENTS = $(or $(CLOUDTRAIL_CORPUS),../shared/cloudtrail)
ATTACK_OPTIONS = $(if $(SEED),--seed $(SEED)) --events "$(EVENTS)" --keep $(BUILT)/attacks

KILLS = $(if $(SEED),KILL_SEED=$(SEED)) $(if $(ROUNDS),KILL_ROUNDS=$(ROUNDS))

test-long: ## Run the tests with many random cases, ROUNDS=100 kills at random moments (SEED), and the mutants
	@echo "To run one part only:"
	@echo "  EFFORT=whole cargo test --locked --test it laws::"
	@echo "  KILL_ROUNDS=100 KILL_SEED=7 python3 tests/e2e/beside.py $(VENVS) cargo test --locked --test it kills::"
	@echo "  make mutants MUTANT=name    (python3 tests/mutants.py --list prints the names)"
	$(call timed,build,cargo test --locked --no-run)
	$(call timed,unit tests,PROPTEST_CASES=1000 cargo test --locked --lib)
	$(call timed,tests,EFFORT=whole $(KILLS) python3 tests/e2e/beside.py $(VENVS) cargo test --locked --test it)
	$(call timed,emulators,EFFORT=whole python3 tests/e2e/run.py $(VENVS) $(INSPECTOR) large)
	$(call timed,upgrade and way back,EFFORT=whole python3 tests/e2e/run.py $(VENVS) $(INSPECTOR) upgrade)
	$(MAKE) attacks
	$(MAKE) mutants

attacks: ## Attack the program with hostile input; ATTACKS="gzip_files output_places": only these groups, SHORT=1: fewer cases, SEED=7
	cargo build --locked --profile quick -p cloudtrail-inspector --no-default-features --features cli
	$(call timed,attacks,python3 tests/attacks/run.py $(BINARY) $(if $(SHORT),--short) $(ATTACK_OPTIONS) $(ATTACKS))

mutants: ## Break the program in one place after the other (MUTANT=name: only this one); its test must fail
	python3 tests/mutants.py $(BUILT) $(MUTANT)

check: fmt lint deny test ## Run all checks that a change must pass

fmt: ## Check the format
	cargo fmt --check

lint: ## Check with clippy; a warning is an error
	cargo clippy --locked --all-targets -- -D warnings

deny: ## Check licences, sources, advisories and unused dependencies (cargo-deny, cargo-machete); ADVISORIES=clone of the database
	cargo deny --offline check bans licenses sources
	python3 infra/advisories.py $(ADVISORIES)
	cargo machete --with-metadata

quality: ## Score the clustering against labelled errors; print every split and merged template
	cargo build --locked
	python3 tests/quality.py $(INSPECTOR)

judge: ## Compare what the program concludes with what is right, for tests/cases, CASES=folder and labelled errors
	cargo build --locked --bin cloudtrail-inspector
	python3 tests/judge.py $(INSPECTOR) tests/cases $(CASES)

filter: ## Compose the filter patterns in template.yaml; print what each admits and what not
	cargo build --locked -p cloudtrail-inspector --no-default-features --features cli
	python3 infra/filter.py $(INSPECTOR)

stack: ## Check the stack template: permissions, stored data, refused parameters
	cargo build --locked
	$(MAKE) stack-tests

e2e: ## Deploy to an emulator on this machine and check the results; PROFILE=lambda builds as for AWS
	cargo build --locked
	$(MAKE) e2e-tests

emulators: ## Process large batches, follow an error through all functions, and update an older stack, on emulators
	cargo build --locked
	$(MAKE) emulators-tests

accept: ## Accept changes of the expected texts in the tests
	UPDATE_EXPECT=1 cargo test --locked --test it

bench: ## Compare a scan with the least possible work, count instructions; ACCEPT=1 records them, WRITE=1 the table in docs/benchmarks.md
	cargo build --locked --profile dist -p benches $(if $(PROFILED),,-p cloudtrail-inspector) --bins --examples
	$(if $(PROFILED),$(MAKE) dist)
	python3 benches/bench.py --target $(BUILT) --rounds $(or $(ROUNDS),5) \
		$(if $(BENCH_CORPUS),--corpus "$(BENCH_CORPUS)") $(if $(PEERS),--peers) \
		$(if $(ACCEPT),--accept) $(if $(WRITE),--write)

bench-peers: ## Run bench, and compare with other tools from PyPI
	$(MAKE) bench PEERS=1

bench-inspect: ## Measure an inspection of 20,000 clusters, in an emulator on this machine
	cargo test --locked --test it --no-run
	python3 tests/e2e/beside.py $(VENVS) cargo test --locked --test it -- --ignored --nocapture twenty_thousand

bench-lambda: function ## Measure CPU and memory of the function: a start, a batch, a full payload, a gzip bomb
	python3 benches/function.py --target $(BUILT)

fuzz: ## Fuzz the readers and the masking, TIME=60 seconds for each target (TARGET=reader: only this one)
	python3 fuzz/run.py --time $(or $(TIME),60) $(if $(TARGET),--target $(TARGET))

function: ## Build the program of the functions as for a deployment, for this machine's processor
	cargo build --locked --profile lambda -p cloudtrail-inspector --no-default-features --features function --bin bootstrap

build: ## Build the command line program, into target/dist
	cargo build --locked --profile dist -p cloudtrail-inspector --bin cloudtrail-inspector

dist: ## Build it as for a release, into target/dist: twice, the second time optimised by a profile of the first
	python3 infra/dist.py $(BUILT) $(DIST_OPTIONS)

# Targets of "sam build", which passes the output folder. All functions have the same program, so Cargo builds it only for the
# first target.
build-IngestFunction build-InspectFunction build-DeliverFunction build-WidgetFunction:
	python3 infra/build.py $(BUILT) "$(ARTIFACTS_DIR)" $(ARCHITECTURE)

deploy: ## Build and deploy the stack, asking for its name and parameters; ARCHITECTURE=x86_64 for that processor
	ARCHITECTURE=$(ARCHITECTURE) $(SAM) build $(OVERRIDES)
	$(SAM) deploy --guided $(OVERRIDES)

delete: ## Delete a stack, STACK=name; prints what stays (its table and its bucket) and how to delete it
	@python3 infra/delete.py $(SAM) $(or $(STACK),$(error give the name of the stack: make delete STACK=name))

clean: ## Remove all build output and the demo
	cargo clean
	rm -rf $(DEMO)
