"""Machines that wear out and shoppers who walk past. Speaks only the wire protocols."""
