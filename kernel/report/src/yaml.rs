//! The results as YAML.
