"""Delivery reports as each vendor writes them, read into ours."""
