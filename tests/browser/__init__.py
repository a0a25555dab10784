"""The page of the deployed stack in a real browser: Debian's chromium, driven by Playwright."""
