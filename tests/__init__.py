"""All tests, and the local stack they run against."""
