"""The suite `saml` with a Keycloak of its own."""

from suites.saml import at_keycloak as run  # noqa: F401
