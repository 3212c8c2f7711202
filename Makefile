# The commands of the house. `make test` needs Go and a C compiler.
.PHONY: build test lint fuzz bench bench-zran e2e conformance patch minor major

export CGO_ENABLED ?= 0

# The static binary ./vitrine; its version is the git tag that Go finds in the checkout.
build:
	go build -trimpath -buildvcs=auto -ldflags='-s -w' -o vitrine ./cmd/vitrine

# Everything that runs without root and without clients from outside. The race detector needs cgo.
# Two packages for each processor: their tests often wait for disks and for each other.
test:
	CGO_ENABLED=1 go test -race -p $$((2 * $$(getconf _NPROCESSORS_ONLN))) ./...

lint:
	@out=$$(gofmt -l .); test -z "$$out" || { echo "not formatted:"; echo "$$out"; exit 1; }
	go vet ./...
	GOOS=darwin go vet ./cmd/... ./registry/... ./storage/...

# Each fuzz target for FUZZTIME.
FUZZTIME ?= 20s
fuzz:
	@for pkg in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

# Side by side with a bare net/http program; docs/benchmarks.md tells how to add other registries.
bench:
	go run ./conformance/bench $(BENCH)

# Random access into layers, as ratios to compress/gzip; BENCH='-root DIR' takes a system that debootstrap made. See docs/zran.md.
bench-zran:
	go run ./conformance/benchzran $(BENCH)

# Real clients, crashes, power cuts, full disks. As root on Linux; see CONTRIBUTING.md for what it needs.
e2e:
	VITRINE_E2E=1 go test -count=1 -v -timeout 40m ./conformance/e2e

# The OCI suite, built by whoever runs it: make conformance CONFORMANCE=/path/to/binary
conformance:
	go test -count=1 -v ./conformance/ocisuite -args -suite=$(abspath $(CONFORMANCE)) -suite-v1=$(abspath $(CONFORMANCE_V1))

# Tag the next version.
LAST = $(shell git tag --list 'v[0-9]*' --sort=-v:refname | head -n 1)
NEXT = awk -F. -v part=$@ '{ sub(/^v/, ""); a = $$1+0; b = $$2+0; c = $$3+0; \
	if (part == "major") { a++; b = c = 0 } else if (part == "minor") { b++; c = 0 } else c++; \
	printf "v%d.%d.%d\n", a, b, c }'
patch minor major:
	@next=$$(echo "$(LAST)" | $(NEXT)); git tag -a "$$next" -m "$$next" && echo "$$next"
