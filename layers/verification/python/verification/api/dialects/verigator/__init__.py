"""Messente's Verigator: services, their users, and whether a user is who they say."""
