//! Zone arithmetic: windows as interval algebra, business days, preferred times.
