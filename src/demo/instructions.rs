//! What the demo prints when everything is up.
