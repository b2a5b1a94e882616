# DisRoom's tasks; `make help` lists them. Everything runs on the Node.js of node_modules.

tools := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/disroom/bin
# What hack/setup.sh has built or linked, after what the machine has itself.
export PATH := $(PATH):$(tools)

node := node_modules/.bin/node
results := node_modules/.cache/test-results.json

.DEFAULT_GOAL := help
.PHONY: help setup up test chaos chaos-mutants power-failure bench check format build clean

##@ Run

up: setup dist/.built ## Run a whole chat cluster on this machine; flags: make up ARGS="--port 9000 --workers 2"
	@exec $(node) dist/main.js up $(ARGS)

##@ Work on it

setup: ## Install what is missing
	@hack/setup.sh

build: setup dist/.built ## Compile src/ to dist/

# What was compiled last may have been renamed since, so that dist/ begins empty.
dist/.built: package-lock.json tsconfig.json tsconfig.build.json $(shell find src) | setup
	@rm -rf dist
	@npm run --silent build
	@touch $@

chaos: setup dist/.built ## Let faults happen to a cluster under load: make chaos ARGS="--seed 7 --faults 50"
	@exec $(node) test/chaos/run.ts --role-command "$(node) dist/main.js" $(ARGS)

chaos-mutants: setup ## See that chaos finds what is wrong, with the fence taken out for example
	@exec $(node) test/chaos/run-mutants.ts $(ARGS)

power-failure: setup dist/.built ## Take the power off NATS and its disks, and count what is lost: make power-failure ARGS="--nats 3 --no-sync"
	@exec $(node) test/power/run.ts --role-command "$(node) dist/main.js" $(ARGS)

bench: setup dist/.built ## Measure DisRoom beside ngIRCd, about 35 minutes; a part of it: make bench ARGS="--workloads A,B --rounds 3"
	@hack/setup.sh bench
	@exec $(node) bench/main.ts $(ARGS)

check: setup ## Check format, lint and types
	@npm run --silent check

format: setup ## Format the files
	@npm run --silent format

test: ## Check, build and run all tests on this machine
	@hack/setup.sh test
	@npm run --silent check
	@$(MAKE) --no-print-directory dist/.built
	@rm -f $(results)
	@npm exec -- vitest run --reporter=default --reporter=json --outputFile.json=$(results); \
	  status=$$?; $(node) hack/test-summary.js $(results); exit $$status

clean: ## Remove dist/; messages in .disroom/ and installed packages stay
	rm -rf dist

help: ## Show this
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
