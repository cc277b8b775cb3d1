"""Statistics of the closed loop: intervals and tests that hold however often one looks. numpy only."""
