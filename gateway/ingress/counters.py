"""What the ingress counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("kizashi_ingress_events", "Events stored in the log", ["source", "kind"])
REJECTED = Counter("kizashi_ingress_rejected", "Input that was refused, by reason", ["source", "reason"])
IGNORED = Counter("kizashi_ingress_ignored", "Messages passed over: retained, or delivered twice", ["reason"])
BATCH = Histogram("kizashi_ingress_batch_messages", "Messages stored together", buckets=(1, 3, 10, 30, 100, 300, 1000))
STORE_SECONDS = Histogram(
    "kizashi_ingress_store_seconds",
    "From the decoding of a batch to its last acknowledgement by the log",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30),
)
WAITING = Gauge("kizashi_ingress_waiting_messages", "Messages received and not yet stored")
LAG_SECONDS = Gauge("kizashi_ingress_lag_seconds", "Age of the oldest message of the last stored batch")
BROKER_UP = Gauge("kizashi_ingress_broker_up", "1 while subscribed at the broker")
RECONNECTS = Counter("kizashi_ingress_broker_connections", "Connections made to the broker")
