"""Readers of the past: the event log from a time on, and files of readings, as records that a backtest can be fed."""
