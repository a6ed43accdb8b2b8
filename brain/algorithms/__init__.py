"""Pure methods that the stages share: graphs, hydraulics, location, sun."""
