"""OpenID Connect: the providers' keys, fetched and kept, and the tokens verified with them."""
