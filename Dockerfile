FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt pyproject.toml README.md LICENSE ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY devices devices
COPY rules rules
COPY notifiers notifiers
COPY gateway gateway
COPY firmware_sim firmware_sim
RUN pip install --no-cache-dir --no-deps --no-build-isolation . && useradd --system kizashi
USER kizashi
CMD ["kizashi", "serve", "--role", "api"]
