"""The closed loop: live accuracy from few labels."""
