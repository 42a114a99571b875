"""Random faults on a real stack under load, and the proof afterwards that nothing was lost."""
