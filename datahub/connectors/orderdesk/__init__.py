"""The order desk's dialect: work orders as JSON over REST, read on with a cursor."""
