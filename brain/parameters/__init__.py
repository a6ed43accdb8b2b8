"""Numbers of policy and thresholds, as dated tables with unit and source."""
