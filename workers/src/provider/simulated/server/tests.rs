//! The stand-alone carrier end to end on loopback, with a fake dialer that answers its callbacks.
