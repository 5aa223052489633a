//! Memory of tables on the host.
