"""What a deployment costs on AWS: prices of a dated file x the template's numbers x what was counted and measured."""
