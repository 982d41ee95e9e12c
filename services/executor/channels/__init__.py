"""Ways to run scripts on a compute resource."""
