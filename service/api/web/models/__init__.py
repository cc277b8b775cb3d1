"""The models: facts at a glance, history, promotion, model cards."""
