"""Radiologists' reports read for fracture: text to label, with French and English packs as data."""
