//! Telephone numbers: E.164 form, validity, region and candidate zones.
