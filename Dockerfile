# All images of the project: `docker build --target gateway .`, or all at once by `make images`. Targets: gateway, user, product,
# order, notification, shop (the whole shop in one process), shopctl and operator; and template, the example of a service that
# people add, which is no part of a release.
#
# Needs BuildKit (Docker 23 or newer, or DOCKER_BUILDKIT=1). Each final image is BASE and one program: no shell, not root, and
# nothing is written outside of volumes and /tmp. Programs that are built here carry the list of their dependencies (cargo-auditable),
# which scanners and `docker buildx build --sbom=true` read.
#
#   BUILDER   where Rust is: an image with the Rust of Cargo.toml's `rust-version` or newer, a C compiler, and glibc 2.36 or newer
#             (Debian 12, Ubuntu 23.04)
#   BASE      what the programs run on: glibc of the builder's version or newer, libgcc, certificates, the user 65532
#   BINARIES  `built`, or `prebuilt`: the context is then a folder with the programs and nothing is compiled
#   PROGRAMS  what is built: all at once, since they have most of their dependencies in common
ARG BUILDER=docker.io/library/rust:1.95-bookworm
ARG BASE=gcr.io/distroless/cc-debian12:nonroot
ARG BINARIES=built

FROM ${BUILDER} AS tools
RUN cargo install --locked cargo-chef@0.1.78 cargo-auditable@0.7.7
# Relocations take a hundredth of their room (DT_RELR, which glibc reads from 2.36 on); a linker that does not know this only warns.
ENV RUSTFLAGS="-C link-arg=-Wl,-z,pack-relative-relocs"
WORKDIR /src

# What the dependencies are; the same for most changes of the code, and then the layer after it is, too.
FROM tools AS plan
COPY . .
RUN cargo chef prepare --recipe-path /recipe.json

FROM tools AS built
# What is to be built is told to both commands alike, or other features of dependencies would be chosen and all built again.
ARG PROFILE=release
ARG PROGRAMS="gateway user product order notification shop shopctl operator template"
COPY --from=plan /recipe.json /recipe.json
RUN cargo chef cook --locked --profile "$PROFILE" $(printf -- '-p %s ' $PROGRAMS) --recipe-path /recipe.json
COPY . .
RUN cargo auditable build --locked --profile "$PROFILE" $(printf -- '-p %s ' $PROGRAMS) --bins \
	&& mkdir -p /out/data \
	&& cd "target/$([ "$PROFILE" = dev ] && echo debug || echo "$PROFILE")" \
	&& cp $PROGRAMS /out/ \
	&& strip $(find /out -type f)

# With an empty folder `data` beside the programs.
FROM scratch AS prebuilt
COPY . /out/

FROM ${BINARIES} AS binaries

FROM ${BASE} AS base
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.licenses="MIT" \
	org.opencontainers.image.source="https://github.com/shop-platform/shop-platform" \
	org.opencontainers.image.vendor="Shop platform" \
	org.opencontainers.image.version="${VERSION}" \
	org.opencontainers.image.revision="${REVISION}"
USER 65532:65532
WORKDIR /

FROM base AS gateway
LABEL org.opencontainers.image.title="gateway" \
	org.opencontainers.image.description="The one entry of the shop: routes, limits and authenticates requests"
COPY --from=binaries /out/gateway /gateway
EXPOSE 3000 9000
ENTRYPOINT ["/gateway"]

FROM base AS user
LABEL org.opencontainers.image.title="user" \
	org.opencontainers.image.description="Accounts, sign-in and access tokens of the shop"
COPY --from=binaries /out/user /user
EXPOSE 3001 9001
ENTRYPOINT ["/user"]

FROM base AS product
LABEL org.opencontainers.image.title="product" \
	org.opencontainers.image.description="Catalog and stock of the shop"
COPY --from=binaries /out/product /product
EXPOSE 3002 9002
ENTRYPOINT ["/product"]

FROM base AS order
LABEL org.opencontainers.image.title="order" \
	org.opencontainers.image.description="Orders of the shop"
COPY --from=binaries /out/order /order
EXPOSE 3003 9003
ENTRYPOINT ["/order"]

FROM base AS notification
LABEL org.opencontainers.image.title="notification" \
	org.opencontainers.image.description="Mails and live notifications of the shop"
COPY --from=binaries /out/notification /notification
# For mails while there is no mail server: a new volume takes over whose the folder is.
COPY --from=binaries --chown=65532:65532 /out/data /mail
EXPOSE 3004 9004
ENTRYPOINT ["/notification"]

FROM base AS shop
LABEL org.opencontainers.image.title="shop" \
	org.opencontainers.image.description="The whole shop in one process on embedded stores"
COPY --from=binaries /out/shop /shop
# A new volume takes over whose the folder is.
COPY --from=binaries --chown=65532:65532 /out/data /data
VOLUME /data
ENV SHOP__GATEWAY__HTTP__HOST=0.0.0.0
EXPOSE 3000
ENTRYPOINT ["/shop", "--data", "/data"]

FROM base AS shopctl
LABEL org.opencontainers.image.title="shopctl" \
	org.opencontainers.image.description="Sets up, inspects and repairs a shop"
COPY --from=binaries /out/shopctl /shopctl
ENTRYPOINT ["/shopctl"]

FROM base AS operator
LABEL org.opencontainers.image.title="operator" \
	org.opencontainers.image.description="The Kubernetes operator of ShopPlatforms"
COPY --from=binaries /out/operator /operator
EXPOSE 9010
ENTRYPOINT ["/operator"]

FROM base AS template
LABEL org.opencontainers.image.title="template" \
	org.opencontainers.image.description="An example of a service that people add to the shop: reviews of products"
COPY --from=binaries /out/template /template
EXPOSE 8080
ENTRYPOINT ["/template"]
