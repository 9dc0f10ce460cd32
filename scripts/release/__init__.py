"""What `scripts/release-check` looks at: the archives' contents, the extras one by one."""
