"""A simulator of radiology sites that knows the truth: drawn radiographs, reports, broken inputs, history."""
