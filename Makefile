# What one can do with cloudtrail-inspector. `make` alone prints it.

DEMO ?= demo
BUILT := $(or $(CARGO_TARGET_DIR),target)
# The command line as the demo builds it, and as the tests do.
BINARY := $(BUILT)/quick/cloudtrail-inspector
INSPECTOR := $(BUILT)/debug/cloudtrail-inspector
VENVS := $(BUILT)/venv

.PHONY: stack stack-tests e2e e2e-tests emulators emulators-tests build-IngestFunction build-InspectFunction build-DeliverFunction build-WidgetFunction deploy delete
# The stack: the command that deploys, and the processor of the function where it is not as last time.
SAM ?= sam
OVERRIDES := $(if $(ARCHITECTURE),--parameter-overrides Architecture=$(ARCHITECTURE))

.DEFAULT_GOAL := help
.PHONY: help demo test test-long mutants check fmt lint deny quality accept bench bench-peers bench-lambda bench-inspect fuzz function build clean

help: ## Print what one can do
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: ## Write a made-up trail into demo/, scan it into demo/trail.db and demo/report.html
	cargo build --locked --profile quick -p cloudtrail-inspector --no-default-features --features cli
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BINARY) generate $(DEMO)/trail
	$(BINARY) scan --db $(DEMO)/trail.db --html $(DEMO)/report.html $(DEMO)/trail

# Where clippy is, it compiles our own crates in the place of rustc, so that lints cost no build of their own. A warning
# fails with WARNINGS=deny alone: a newer compiler has newer lints.
CLIPPY := $(shell command -v clippy-driver 2>/dev/null)
test test-long stack stack-tests e2e e2e-tests emulators emulators-tests quality: export RUSTC_WORKSPACE_WRAPPER = $(CLIPPY)
test test-long stack stack-tests e2e e2e-tests emulators emulators-tests quality: export CLIPPY_ARGS = $(if $(filter deny,$(WARNINGS)),-Dwarnings__CLIPPY_HACKERY__)

# Runs a command and says how long it took: $(call timed,its name,the command).
timed = @echo '$(2)'; begun=$$(date +%s); $(2) && echo "$(1): $$(($$(date +%s) - begun)) s"

test: ## Pass all tests, with lints; those on real events are skipped where there are none
	$(call timed,build,$(TOOLS) & cargo test --locked --no-run && wait)
	$(call timed,tests,python3 tests/e2e/beside.py $(VENVS) cargo test --locked)
	$(call timed,mutants,python3 tests/mutants.py --check)
	$(call timed,quality,python3 tests/quality.py $(INSPECTOR))
	$(call timed,stack and end to end,$(MAKE) --jobs 2 --output-sync=target stack-tests e2e-tests emulators-tests)

# What the tests of the stack need from PyPI and npm comes while the build runs. Where it cannot be had, they are skipped and say so.
TOOLS = (for tools in sam emulator moto dynalite; do python3 infra/tools/environment.py $$tools $(VENVS) >/dev/null || true; done)

# Two of them run at a time; one works while the other one waits.
stack-tests:
	$(call timed,stack,python3 tests/stack/run.py $(VENVS) $(INSPECTOR))

e2e-tests:
	$(call timed,end to end,PROFILE=$(or $(PROFILE),dev) python3 tests/e2e/run.py $(VENVS) $(INSPECTOR))

emulators-tests:
	$(call timed,emulators,python3 tests/e2e/run.py $(VENVS) $(INSPECTOR) large roles)

KILLS = $(if $(SEED),KILL_SEED=$(SEED)) $(if $(ROUNDS),KILL_ROUNDS=$(ROUNDS))

test-long: ## Pass the tests with all they can draw, with ROUNDS=100 kills at moments of SEED, and try the mutants
	@echo "To run one part alone:"
	@echo "  EFFORT=whole cargo test --locked --test it laws::"
	@echo "  KILL_ROUNDS=100 KILL_SEED=7 python3 tests/e2e/beside.py $(VENVS) cargo test --locked --test it kills::"
	@echo "  make mutants MUTANT=name    (python3 tests/mutants.py --list prints the names)"
	$(call timed,build,cargo test --locked --no-run)
	$(call timed,unit tests,PROPTEST_CASES=1000 cargo test --locked --lib)
	$(call timed,tests,EFFORT=whole $(KILLS) python3 tests/e2e/beside.py $(VENVS) cargo test --locked --test it)
	$(call timed,emulators,EFFORT=whole python3 tests/e2e/run.py $(VENVS) $(INSPECTOR) large)
	$(call timed,upgrade,$(VENVS)/emulator/bin/python -B tests/e2e/upgrade.py $(abspath $(VENVS))/emulator/bin/ministack)
	$(MAKE) mutants

mutants: ## Break the program in one place at a time (MUTANT=name: there alone); the test for it has to fail
	python3 tests/mutants.py $(BUILT) $(MUTANT)

check: fmt lint deny test ## Everything that must hold before a change goes in

fmt: ## Check the format
	cargo fmt --check

lint: ## Check with clippy; a warning is an error
	cargo clippy --locked --all-targets -- -D warnings

deny: ## Check licences, sources and unused dependencies (cargo-deny and cargo-machete)
	cargo deny --offline check bans licenses sources
	cargo machete --with-metadata

quality: ## Score the identity against labelled errors, with every split and merge
	cargo build --locked
	python3 tests/quality.py $(INSPECTOR)

stack: ## Check the template of the stack: what it may do, keeps and refuses
	cargo build --locked
	$(MAKE) stack-tests

e2e: ## Deploy to an emulator on this machine and look what comes of it; PROFILE=lambda builds as for AWS
	cargo build --locked
	$(MAKE) e2e-tests

emulators: ## Take large batches in, and lead a failure through all functions, beside independent emulators
	cargo build --locked
	$(MAKE) emulators-tests

accept: ## Accept what changed in the expected texts of the tests
	UPDATE_EXPECT=1 cargo test --locked --test it

bench: ## Measure a scan against its floor, count instructions; ACCEPT=1 records them, WRITE=1 the table in docs/benchmarks.md
	cargo build --locked --profile dist -p benches -p cloudtrail-inspector --bins --examples
	python3 benches/bench.py --target $(BUILT) --rounds $(or $(ROUNDS),5) \
		$(if $(BENCH_CORPUS),--corpus "$(BENCH_CORPUS)") $(if $(PEERS),--peers) \
		$(if $(ACCEPT),--accept) $(if $(WRITE),--write)

bench-peers: ## Measure as bench does, side by side with other tools from PyPI
	$(MAKE) bench PEERS=1

bench-inspect: ## Measure what an inspection of twenty thousand clusters takes, in an emulator on this machine
	cargo test --locked --test it --no-run
	python3 tests/e2e/beside.py $(VENVS) cargo test --locked --test it -- --ignored --nocapture twenty_thousand

bench-lambda: function ## Measure what the function takes: a start, a batch, a full payload, a bomb
	python3 benches/function.py --target $(BUILT)

fuzz: ## Feed made-up input to what reads and masks, TIME=60 seconds each (or TARGET=reader alone)
	python3 fuzz/run.py --time $(or $(TIME),60) $(if $(TARGET),--target $(TARGET))

function: ## Build the program of the functions as it is deployed, for this machine's processor
	cargo build --locked --profile lambda -p cloudtrail-inspector --no-default-features --features function --bin bootstrap

build: ## Build the command line as it is released, into target/dist
	cargo build --locked --profile dist -p cloudtrail-inspector --bin cloudtrail-inspector

# What "sam build" calls, with the folder that it takes the function from: one program for all, so that cargo
# builds it for the first of them.
build-IngestFunction build-InspectFunction build-DeliverFunction build-WidgetFunction:
	python3 infra/build.py $(BUILT) "$(ARTIFACTS_DIR)" $(ARCHITECTURE)

deploy: ## Build and deploy the stack, asking for its name and parameters; ARCHITECTURE=x86_64 for that processor
	ARCHITECTURE=$(ARCHITECTURE) $(SAM) build $(OVERRIDES)
	$(SAM) deploy --guided $(OVERRIDES)

delete: ## Delete a stack, STACK=name; says what stays (its table and its bucket) and how to remove it
	@python3 infra/delete.py $(SAM) $(or $(STACK),$(error say which stack: make delete STACK=name))

clean: ## Remove what was built and the demo
	cargo clean
	rm -rf $(DEMO)
