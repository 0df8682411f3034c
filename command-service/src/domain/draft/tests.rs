//! Every rule about the members of a document, one row each.
