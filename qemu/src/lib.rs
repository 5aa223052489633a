//! Builds the zlab image, runs it under QEMU and reads what it reports.

