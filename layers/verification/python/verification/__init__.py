"""Serverless Verify: does this person hold this phone number or e-mail address?"""
