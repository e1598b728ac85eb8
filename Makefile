# The commands of this project. `make` alone lists them.

TARGET  := $(or $(CARGO_TARGET_DIR),target)
CASES   ?= 20000
MINUTES ?=
JOBS    ?=
ONLY    ?=
SEED    ?=

.DEFAULT_GOAL := help
.PHONY: help demo tour test shuffled bench build fuzz properties soak setup

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## a throwaway world to try everything in; Ctrl-C ends it
	@scripts/setup demo
	cargo build --quiet --workspace --bin portcullis
	@exec "$(TARGET)/debug/portcullis" demo

tour: ## the demo's two stories, played without anybody typing
	@scripts/setup demo
	cargo build --quiet --workspace --bin portcullis
	@exec "$(TARGET)/debug/portcullis" demo --tour

test: ## everything CI checks, cheap checks first
	@scripts/setup test
	cargo xtask layers
	cargo xtask tidy
	cargo deny --log-level warn check bans licenses sources
	cargo clippy --workspace --all-targets -- -D warnings
	cargo nextest run --workspace
	cargo test --quiet --workspace --doc

shuffled: ## all tests in a random order, as they have to pass in any; SEED=1 repeats one
	@scripts/setup test
	cargo xtask shuffle $(if $(SEED),--seed $(SEED))

bench: ## speed, as ratios against OpenSSH and the bare disk of this machine; ONLY="store start" measures less
	@scripts/setup bench
	cargo build --release --workspace --bin portcullis --bin portcullis-benches
	@"$(TARGET)/release/portcullis-benches" "$(TARGET)/bench.json" $(ONLY)

build: ## the release binary, in target/release/portcullis
	@scripts/setup build
	cargo build --release --bin portcullis

fuzz: ## all parsing of ours, ten minutes a target; MINUTES=1 JOBS=1 ONLY="tape task" runs it shorter, alone, fewer
	@scripts/setup fuzz
	cargo xtask fuzz $(if $(MINUTES),--minutes $(MINUTES)) $(if $(JOBS),--jobs $(JOBS)) $(ONLY)

properties: ## the property tests at length; CASES=20000 sets how many cases each
	@scripts/setup test
	PROPTEST_CASES=$(CASES) cargo nextest run --workspace --profile properties -E 'not binary(end_to_end) and not binary(new_member)'

soak: ## fifty clients for an hour, disturbed by kills, policies and rotations; MINUTES=5 is shorter
	@scripts/setup test
	SOAK_MINUTES=$(or $(MINUTES),60) cargo nextest run --workspace --profile soak --no-capture -E 'test(after_much_work_of_many)'

setup: ## install what all of these need
	@scripts/setup all
