//! Translation tables, page-table-entry states and reclaim policy for both granules.
#![no_std]
