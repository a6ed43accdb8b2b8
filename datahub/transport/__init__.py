"""The wire between the city outside and the platform: in the process, or over an MQTT broker."""
