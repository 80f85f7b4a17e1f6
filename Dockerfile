# Every package is pinned by hash, and the embedded servers are left out: here PostgreSQL and Valkey stand beside it.
FROM python:3.11-slim AS build

RUN python -m venv /opt/dunlin
ENV PATH=/opt/dunlin/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/production.txt requirements/
RUN pip install --require-hashes --only-binary :all: --requirement requirements/production.txt
COPY pyproject.toml README.md ./
COPY dunlin dunlin
RUN pip install --no-deps --no-build-isolation .


FROM python:3.11-slim

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin dunlin
COPY --from=build /opt/dunlin /opt/dunlin
ENV PATH=/opt/dunlin/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DUNLIN_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["dunlin"]
CMD ["--help"]
