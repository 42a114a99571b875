"""What Piecewise costs on this machine, each figure beside something measured in the same run."""
