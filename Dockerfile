# Two images from one file: `--target api` has no torch, `--target worker` has.
# For workers on NVIDIA GPUs build with --build-arg TORCH_INDEX=https://pypi.org/simple

# Pinned exactly; with a registry at hand pin the digest too: --build-arg PYTHON=python:3.11.14-slim-bookworm@sha256:…
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/lethe
ENV PATH=/opt/lethe/bin:$PATH
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY worker worker
COPY core core
COPY client client
COPY migrations migrations
RUN pip install -q .

FROM build AS build-worker
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install -q --extra-index-url ${TORCH_INDEX} '.[worker]'

FROM ${PYTHON} AS runtime
RUN useradd --uid 10001 --create-home --home-dir /home/lethe lethe && install -d -o lethe -g lethe -m 0700 /data
ENV PATH=/opt/lethe/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LETHE_DATA_DIR=/data
WORKDIR /home/lethe
USER lethe
VOLUME /data
STOPSIGNAL SIGTERM

FROM runtime AS api
COPY --from=build /opt/lethe /opt/lethe
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["python", "-m", "api", "--host", "0.0.0.0", "--port", "8000", "--no-worker"]

FROM runtime AS worker
COPY --from=build-worker /opt/lethe /opt/lethe
CMD ["python", "-m", "worker"]
