"""The console's pages: one module each, registered by ``register(console)``."""
