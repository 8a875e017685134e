"""Claims, states and events over MQTT 5, by a broker."""
