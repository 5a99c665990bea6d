# The image for servers; compose.yaml shows how its processes fit together. PostgreSQL is another container.
FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/vaivem
COPY requirements/traces.lock requirements/
RUN /opt/vaivem/bin/pip install --no-cache-dir --require-hashes -r requirements/traces.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
# Catalogs first: they are packed with the rest.
RUN if ls src/vaivem/locale/*/LC_MESSAGES/*.po >/dev/null 2>&1; then \
        /opt/vaivem/bin/pybabel --quiet compile --directory src/vaivem/locale --domain django; fi \
    && /opt/vaivem/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim
RUN useradd --create-home --home-dir /var/lib/vaivem --shell /usr/sbin/nologin vaivem \
    && chmod 700 /var/lib/vaivem
COPY --from=build /opt/vaivem /opt/vaivem
ENV PATH=/opt/vaivem/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000 VAIVEM_DATA_DIR=/var/lib/vaivem
USER vaivem
VOLUME /var/lib/vaivem
EXPOSE 8000
ENTRYPOINT ["vaivem"]
CMD ["web"]
