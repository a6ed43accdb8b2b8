"""From what arrives to what is known: attribute, check, deduplicate, make durable, evaluate."""
