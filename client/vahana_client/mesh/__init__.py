"""The mesh on this machine: Kafka, a private SSH server and one process a service, supervised."""
