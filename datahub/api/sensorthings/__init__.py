"""OGC SensorThings API 1.1 over the hub: sensing, creating, tasking, and its MQTT extension."""
