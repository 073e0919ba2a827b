//! The registry's client against a twin of the original and against our own server.
