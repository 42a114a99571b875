"""An extractive analysis of a text, in the standard library alone: what it is, its weightiest sentences, what it names.

Pure and deterministic: no clock, no randomness, and nothing depends on the order of a set. Time and memory are linear
in the text, whatever it holds: no pattern repeats a repetition, and every repetition inside a match is bounded.
"""
