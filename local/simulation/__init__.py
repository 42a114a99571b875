"""Deterministic simulation: the real rooms and the real store in virtual time, with everything around them failing.

One seed gives one history. `world.play` plays it; `campaign.run` plays many.
"""
