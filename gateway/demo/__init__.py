"""``kizashi demo``: the whole gateway with simulated machines and shoppers, and stand-ins for the providers."""
