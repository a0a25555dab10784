"""DynamoDB and Secrets Manager."""
