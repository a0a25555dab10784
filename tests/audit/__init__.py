"""What `make audit` looks at: the template, by checkov; the packages, their holes and licences."""
