# One image for all roles: docker run IMAGE server, docker run IMAGE worker. `make image` builds it, and so does a plain
# `docker build .`. test/unit/image/dockerfile.test.ts sees that what is said twice is said alike.

# The Node.js that package.json pins.
ARG BASE=docker.io/library/node:24.21.0-bookworm-slim

FROM ${BASE} AS build
WORKDIR /build
# Settings and certificates of one's own for npm, where there are any (hack/image/build.sh). They stay out of the image.
COPY package.json package-lock.json ./
RUN --mount=type=secret,id=npmrc --mount=type=secret,id=certificates \
  export NPM_CONFIG_USERCONFIG=/run/secrets/npmrc; \
  if [ -e /run/secrets/certificates ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/certificates; fi; \
  npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY hack/copy-assets.js hack/
COPY src src
COPY monitoring monitoring
# npm leaves empty folders behind, and a clone may be readable by its owner alone.
RUN npm run build \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && find node_modules -type d -empty -delete \
  && chmod -R a+rX dist monitoring

FROM ${BASE}
WORKDIR /disroom
COPY --chmod=644 LICENSE package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
# What the operator makes monitoring objects of.
COPY --from=build /build/monitoring monitoring

# How Node.js and glibc use memory: src/cluster/process-settings.ts says why. Others reach a container only from outside.
ENV GLIBC_TUNABLES="glibc.malloc.hugetlb=1:glibc.malloc.trim_threshold=268435456:glibc.malloc.mmap_threshold=33554432" \
  DISROOM_HOST="0.0.0.0" \
  DISROOM_HTTP_HOST="0.0.0.0"
# The chat port, and the one of /metrics, /livez and /readyz.
EXPOSE 8080 9090
# A number, so that Kubernetes can tell that it is not root. Nobody in the base has it.
USER 65532:65532
# Node.js itself is process 1 and gets the signals; it starts no other processes.
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=4", "--external-memory-accounted-in-global-limit", "--initial-heap-size=64", "/disroom/dist/main.js"]
CMD ["--help"]

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="DisRoom" \
  org.opencontainers.image.description="Distributed text chat for nc, on NATS JetStream and Redis" \
  org.opencontainers.image.source="https://github.com/disroom/disroom" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
