"""The vendors' APIs that we speak: their words for requests, answers and errors."""
