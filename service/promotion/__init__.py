"""Promotion and rollback: a challenger replaces the champion when reviewed disagreements show that it is no worse."""
