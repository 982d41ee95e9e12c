"""What every service stands on: settings, database, bus, RPC, logs. It knows no word of the domain."""
