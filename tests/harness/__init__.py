"""Starts and stops the real process for tests."""
