"""registry: the hosts, storage places and applications that experiments are made of."""
