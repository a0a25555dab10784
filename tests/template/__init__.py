"""House rules on template.yaml, checked on what CloudFormation gets after the SAM transform."""
