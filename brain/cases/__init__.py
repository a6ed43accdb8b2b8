"""Grid cases (案件): the seven steps of urban management from a device's finding to the appraisal."""
