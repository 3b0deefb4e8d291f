"""Machines that behave, wear and break by simple physics. Pure: time and randomness are passed in."""
