//! Every rule about patches, one row each.
