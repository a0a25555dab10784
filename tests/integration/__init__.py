"""Our adapters and operations on real engines: Amazon's DynamoDB Local and the emulator."""
