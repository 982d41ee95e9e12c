"""profile: tenants, users and the credential store."""
