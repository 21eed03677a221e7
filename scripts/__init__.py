"""What `make demo` and `make up` run. Not part of the package."""
