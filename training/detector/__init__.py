"""Training code of the detector that ships with Slipstream."""
