"""MQTT as the simulated devices speak it: what is kept, what is sent, and what happens when the broker goes away."""
