"""The edges and the wiring: ingress, log, worker, delivery, storage, API, console, embedded stack."""

__version__ = "0.1.0"
