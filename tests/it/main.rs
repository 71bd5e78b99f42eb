//! Black-box tests; one module for each part.

mod saml;
