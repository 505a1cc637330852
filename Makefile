# offhook: build, run, test and measure. Everything that a target needs on a
# fresh Debian machine, it installs.

export CGO_ENABLED = 0

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: build run test race bench amd fuzz lint docs clean

build: ## bin/offhook
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/offhook ./cmd/offhook

run: build ## serve examples/demo.yaml, dial its menu once, stay up
	@./scripts/need espeak-ng
	bin/offhook demo

test: ## every test, with real sipp and baresip
	@./scripts/need espeak-ng flite sipp:sip-tester baresip ffmpeg lame pg_ctlcluster:postgresql \
		pocketsphinx_continuous:pocketsphinx /usr/share/pocketsphinx/model:pocketsphinx-en-us
	go vet ./...
	go test -p 1 -timeout 20m ./...
	go test -tags purego ./media/codec ./media/fir ./amd

race: ## the race detector; needs a C compiler
	@./scripts/need gcc espeak-ng sipp:sip-tester baresip ffmpeg lame
	CGO_ENABLED=1 go test -race -short -timeout 30m ./...

bench: build ## benchmarks, then a load with RTP against bin/offhook
	@./scripts/need espeak-ng
	go test -run '^$$' -bench . -benchmem ./media/... ./bridge/... ./recorder/... ./amd/... ./sip/... ./flow/... ./store/...
	go run ./cmd/offhook/load

amd: ## docs/amd.md: the detector measured on a corpus that is made for it
	@./scripts/need espeak-ng flite festival
	go run ./amd/measure > docs/amd.md.new
	mv docs/amd.md.new docs/amd.md

fuzz: ## every fuzz target for ten seconds
	@./scripts/fuzz

lint: ## staticcheck and gofumpt, fetched as Go modules
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	test -z "$$(go run mvdan.cc/gofumpt@v0.12.0 -l .)"

docs: ## pages that are derived from code
	go generate ./...

clean:
	rm -rf bin data
