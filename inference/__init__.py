"""Bytes to facts: read DICOM and HL7, decode pixels, detect fractures, label reports."""
