"""Between the domain and its protobuf form."""
