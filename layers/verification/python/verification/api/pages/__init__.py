"""The page on which a person types the code: HTML out, forms in."""
