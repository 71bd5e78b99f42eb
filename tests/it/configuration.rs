//! The configuration: each rule once, every mistake in one report, the example kept true.

use std::path::Path;

use hubgate::config::{
    self, BodyUnknown, ClientAuth, Config, Issuer, Provider, Upstream, known_keys,
};

use crate::documents::{Document, Folder};

/// The mistakes of a text, one line each; `SECRET` is the only variable.
fn mistakes(text: &str) -> Vec<String> {
    mistakes_with(text, &[])
}

fn mistakes_with(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    match parse(text, environment) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, config::Problems> {
    let variables = [("SECRET", "hunter2"), ("KEY", "0123456789abcdef0123456789abcdef")];
    let variables = variables.iter().chain(environment);
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    config::parse(text, Path::new("hub.toml"), variables)
}

#[track_caller]
fn accept(document: &Document) -> Config {
    parse(&document.text(), &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Sets one key and expects exactly one mistake.
#[track_caller]
fn check(key: &str, value: &str, expected: &str) {
    refuse(&Document::minimal().set(key, value), expected);
}

#[track_caller]
fn refuse(document: &Document, expected: &str) {
    assert_eq!(mistakes(&document.text()), [expected], "{}", document.text());
}

#[test]
fn the_shortest_configuration_has_the_documented_defaults() {
    let config = accept(&Document::minimal());
    assert_eq!(config.public_url.origin(), "https://hub.example.com");
    assert_eq!(config.server.listen, ["0.0.0.0:8080".parse().unwrap()]);
    assert_eq!(config.server.admin, Some("127.0.0.1:9090".parse().unwrap()));
    assert!(config.server.trusted_proxies.is_empty());
    let upstream = Upstream::Http { authority: "127.0.0.1:3000".to_owned() };
    assert_eq!(config.hub.upstream, Some(upstream));
    assert_eq!(config.session.timeout.as_secs(), 7 * 24 * 60 * 60);
    assert_eq!(config.session.cookie.name, "__Host-hubgate");
    let [acme] = &*config.organizations else { panic!("one organization") };
    assert_eq!(acme.policy.namespaces[0].as_str(), "acme");
    assert_eq!(acme.policy.display_name, "acme");
    assert_eq!(acme.policy.session_timeout, config.session.timeout);
    assert!(acme.policy.public.is_empty());
    let Provider::Oidc(oidc) = &acme.provider else { panic!() };
    assert_eq!(oidc.issuer, Issuer::Exact("https://acme.okta.com".to_owned()));
    assert!(
        matches!(&oidc.client_auth, ClientAuth::SecretPost(s) if s.expose_secret() == "hunter2")
    );
}

#[test]
fn every_mistake_is_reported_in_one_go() {
    let document = Document::minimal()
        .set("public_url", "\"http://hub.example.com\"")
        .set("server.lisen", "[]")
        .set("hub.upstream", "3000")
        .set("session.timeout", "\"7 fortnights\"")
        .set("organization.namespaces", "[\"api\"]")
        .set("organization.role_mapping.roles.admin", "[]")
        .set("organization.oidc.issuer", "\"http://acme.okta.com\"")
        .set("organization.oidc.client_secret", "\"hunter2\"")
        .and("[[organization]]\nid = \"globex\"\nnamespaces = [\"API\", \"acme\"]");
    let found = mistakes(&document.text());
    let keys: Vec<&str> = found.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        keys,
        [
            "public_url",
            "server.lisen",
            "hub.upstream",
            "session.timeout",
            "organization[acme].namespaces[0]",
            "organization[acme].oidc.client_secret",
            "organization[acme].oidc.issuer",
            "organization[acme].role_mapping.roles.admin",
            "organization[globex].namespaces[0]",
            "organization[globex]",
            "organization[globex].namespaces",
        ],
        "{found:#?}"
    );
}

#[test]
fn each_key_of_telemetry_says_what_is_wrong_with_it() {
    let traced = || Document::minimal().set("telemetry.otlp_endpoint", "\"https://c.example\"");
    accept(&traced());
    let remedy = "write the collector's address for OTLP by HTTP, such as \"https://collector.example:4318\"";
    for address in [
        "collector.example:4318",
        "grpc://collector.example:4317",
        "https://user:word@collector.example",
        "https://collector.example/v1/traces?key=1",
        "https://collector.example/#there",
    ] {
        let what = "is no http or https address without credentials and query";
        let expected = format!("telemetry.otlp_endpoint: {what}; {remedy}");
        check("telemetry.otlp_endpoint", &format!("{address:?}"), &expected);
    }
    let plain = Document::minimal().set("telemetry.otlp_endpoint", "\"http://c.example:4318\"");
    refuse(
        &plain,
        "telemetry.otlp_endpoint: is not https: spans name organizations and paths; \
         write https://, or allow it with insecure_plaintext = true",
    );
    accept(&plain.set("telemetry.insecure_plaintext", "true"));
    accept(&Document::minimal().set("telemetry.otlp_endpoint", "\"http://127.0.0.1:4318\""));
    for (key, value, expected) in [
        ("sampling", "1.5", "1.5 is out of range; write a number from 0 to 1, such as 0.1"),
        ("sampling", "-1", "-1 is out of range; write a number from 0 to 1, such as 0.1"),
        ("sampling", "nan", "NaN is out of range; write a number from 0 to 1, such as 0.1"),
        ("sampling", "\"all\"", "is a string; write a number from 0 to 1, such as 0.1"),
        ("service_name", "\"\"", "is empty; write a value or remove the key"),
        ("insecure_plaintext", "\"yes\"", "is a string; write true or false"),
        ("organization_labels", "-1", "-1 is out of range; write a whole number from 0 to 100000"),
        (
            "organization_labels",
            "100001",
            "100001 is out of range; write a whole number from 0 to 100000",
        ),
        (
            "headers",
            "{ \"x key\" = { env = \"SECRET\" } }",
            "\"x key\" is no name of a header; write one such as authorization",
        ),
    ] {
        let expected = format!("telemetry.{key}: {expected}");
        refuse(&traced().set(&format!("telemetry.{key}"), value), &expected);
    }
    refuse(
        &traced().set("telemetry.headers", "{ authorization = \"hunter2\" }"),
        "telemetry.headers.authorization: is a literal secret; a configuration file must not hold \
         any; write { file = \"…\" } or { env = \"…\" }",
    );
    refuse(
        &traced().set("telemetry.ca_certificates", "[\"no-such.pem\"]"),
        "telemetry.ca_certificates[0]: no-such.pem cannot be read: No such file or directory (os \
         error 2); check the path, the mount and its permissions",
    );
    let broken = traced().set("telemetry.headers", "{ authorization = { env = \"BROKEN\" } }");
    let found = mistakes_with(&broken.text(), &[("BROKEN", "one\ntwo")]);
    let what = "holds what no header can; check the file or variable";
    assert_eq!(found, [format!("telemetry.headers.authorization: {what}")]);
    for (key, value) in [
        ("sampling", "0.5"),
        ("service_name", "\"gate\""),
        ("headers", "{ authorization = { env = \"SECRET\" } }"),
        ("insecure_plaintext", "true"),
    ] {
        let remedy = format!("write the collector's address, or remove {key}");
        let expected = format!("telemetry.otlp_endpoint: is missing; {remedy}");
        check(&format!("telemetry.{key}"), value, &expected);
    }
}

#[test]
fn mistakes_in_telemetry_are_reported_in_one_go() {
    let document = Document::minimal()
        .set("telemetry.otlp_endpoint", "\"ftp://collector.example\"")
        .set("telemetry.headers", "{ \"x key\" = { env = \"SECRET\" }, a = { env = \"NONE\" } }")
        .set("telemetry.sampling", "7")
        .set("telemetry.service_name", "\"\"")
        .set("telemetry.ca_certificates", "[\"no-such.pem\"]")
        .set("telemetry.insecure_plaintext", "1")
        .set("telemetry.organization_labels", "\"some\"")
        .set("telemetry.endpoint", "\"https://collector.example\"");
    let found = mistakes(&document.text());
    let mut keys: Vec<&str> = found.iter().filter_map(|line| line.split(": ").next()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "telemetry.ca_certificates[0]",
            "telemetry.endpoint",
            "telemetry.headers",
            "telemetry.headers.a.env",
            "telemetry.insecure_plaintext",
            "telemetry.organization_labels",
            "telemetry.otlp_endpoint",
            "telemetry.sampling",
            "telemetry.service_name",
        ],
        "{found:#?}"
    );
}

/// `organization.id` as it is called in a mistake.
fn label(key: &str, organization: &str) -> String {
    key.replace("organization.", &format!("organization[{organization}]."))
        .replace("hub.rule.", "hub.rule[0].")
        .replace(".service_account.", ".service_account[0].")
        .replace(".workload.", ".workload[0].")
}

#[test]
fn a_key_of_the_wrong_type_is_a_mistake_wherever_it_stands() {
    for key in known_keys() {
        let found = mistakes(&Document::minimal().set(&key, "1979-05-27").text());
        let id = if key == "organization.id" { "0" } else { "acme" };
        let at = format!("{}: ", label(&key, id));
        assert!(found.iter().any(|line| line.starts_with(&at)), "{key}: {found:#?}");
    }
}

#[test]
fn no_mistake_hides_another() {
    let mut document = Document::minimal();
    for key in known_keys() {
        document = document.set(&key, "1979-05-27");
    }
    let found = mistakes(&document.text());
    for key in &known_keys() {
        let at = format!("{}: ", label(key, "0"));
        assert!(found.iter().any(|line| line.starts_with(&at)), "{key}: {found:#?}");
    }
}

#[test]
fn an_unknown_key_is_a_mistake_that_names_the_one_that_was_meant() {
    check("server.lisen", "[]", "server.lisen: is no known key; did you mean listen?");
    check("timeout", "\"7d\"", "timeout: is no known key; did you mean session.timeout?");
    check("server.colour", "1", "server.colour: is no known key; remove it");
    check(
        "organization.oidc.client_secert",
        "\"hunter2\"",
        "organization[acme].oidc.client_secert: is no known key; did you mean client_secret?",
    );
}

#[test]
fn what_is_not_built_yet_is_refused_and_not_ignored() {
    for (key, value) in [
        ("session.store", "{ disk = \"/var/lib/hubgate\" }"),
        ("session.store", "{ redis = \"rediss://:hunter2@redis\" }"),
    ] {
        let found = mistakes(&Document::minimal().set(key, value).text());
        let [line] = found.as_slice() else { panic!("{key}: {found:#?}") };
        assert!(line.contains("not available in this version"), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[test]
fn what_must_be_there_is_asked_for() {
    for (key, label) in [
        ("public_url", "public_url"),
        ("hub.upstream", "hub.upstream"),
        ("organization.id", "organization[0].id"),
        ("organization.oidc.issuer", "organization[acme].oidc.issuer"),
        ("organization.oidc.client_id", "organization[acme].oidc.client_id"),
        ("organization.oidc.client_secret", "organization[acme].oidc.client_secret"),
    ] {
        let found = mistakes(&Document::minimal().without(key).text());
        let [line] = found.as_slice() else { panic!("{key}: {found:#?}") };
        assert!(line.starts_with(&format!("{label}: is missing; write ")), "{line}");
    }
}

#[test]
fn the_public_url_is_an_https_origin_or_http_on_loopback() {
    const REMEDY: &str = "write the origin that people see, such as \"https://hub.example.com\"";
    for (value, what) in [
        ("\"http://hub.example.com\"", "is not https; http is for loopback hosts only"),
        (
            "\"https://hub.example.com/hub\"",
            "is no origin: scheme, host and perhaps a port, nothing else",
        ),
        (
            "\"https://me@hub.example.com\"",
            "is no origin: scheme, host and perhaps a port, nothing else",
        ),
        (
            "\"ftp://hub.example.com\"",
            "is no origin: scheme, host and perhaps a port, nothing else",
        ),
        ("\"hub.example.com\"", "is no URL"),
        ("\"\"", "is empty"),
    ] {
        let remedy = if what == "is empty" { "write a value or remove the key" } else { REMEDY };
        check("public_url", value, &format!("public_url: {what}; {remedy}"));
    }
    let loopback = accept(&Document::minimal().set("public_url", "\"http://127.0.0.1:8080/\""));
    assert_eq!(loopback.public_url.origin(), "http://127.0.0.1:8080");
    assert_eq!(loopback.session.cookie.name, "hubgate");
}

#[test]
fn addresses_and_networks_are_read_or_refused() {
    let config = accept(
        &Document::minimal()
            .set("server.listen", "\"127.0.0.1:0\"")
            .set("server.admin", "\"\"")
            .set("server.trusted_proxies", "[\"10.0.0.0/8\", \"::1\"]"),
    );
    assert_eq!(config.server.listen, ["127.0.0.1:0".parse().unwrap()]);
    assert_eq!(config.server.admin, None);
    assert_eq!(config.server.trusted_proxies[1].to_string(), "::1/128");
    const ADDRESS: &str = "write one such as \"0.0.0.0:8080\" or \"[::]:8080\"";
    check(
        "server.listen",
        "[\"8080\"]",
        &format!("server.listen[0]: \"8080\" is no address with a port; {ADDRESS}"),
    );
    check(
        "server.listen",
        "[]",
        "server.listen: is empty; write an address such as \"0.0.0.0:8080\"",
    );
    check(
        "server.listen",
        "[\"127.0.0.1:9090\"]",
        "server.listen[0]: 127.0.0.1:9090 is taken twice; choose another port",
    );
    check(
        "server.listen",
        "[\"0.0.0.0:9090\"]",
        "server.listen[0]: 0.0.0.0:9090 is taken twice; choose another port",
    );
    check(
        "organization.id",
        "\"authz\"",
        "organization[authz].id: \"authz\" stands where proxies ask (/-/sso/authz/…); choose another id",
    );
    check(
        "server.trusted_proxies",
        "[\"10.1.2.3/8\"]",
        "server.trusted_proxies[0]: 10.1.2.3/8 has bits beyond its length; write 10.0.0.0/8",
    );
    check(
        "server.trusted_proxies",
        "[\"everyone\"]",
        "server.trusted_proxies[0]: \"everyone\" is no network; write one such as \"10.0.0.0/8\"",
    );
}

#[test]
fn the_upstream_is_an_address_without_a_path() {
    for (text, expected) in [
        ("http://hub", Upstream::Http { authority: "hub:80".into() }),
        ("http://[::1]:3000/", Upstream::Http { authority: "[::1]:3000".into() }),
        ("h2c://127.0.0.1:3000", Upstream::H2c { authority: "127.0.0.1:3000".into() }),
        (
            "https://hub.internal",
            Upstream::Https {
                authority: "hub.internal:443".into(),
                server_name: "hub.internal".into(),
            },
        ),
        ("unix:/run/hub.sock", Upstream::Unix("/run/hub.sock".into())),
    ] {
        let document = Document::minimal().set("hub.upstream", &format!("{text:?}"));
        assert_eq!(accept(&document).hub.upstream, Some(expected), "{text}");
    }
    for bad in [
        "127.0.0.1:3000",
        "http://",
        "http://:80",
        "http://hub:0",
        "http://hub:99999",
        "http://hub:80/path",
        "http://hub:80?x",
        "http://me:hunter2@hub",
        "ftp://hub",
        "unix:hub.sock",
    ] {
        let found = mistakes(&Document::minimal().set("hub.upstream", &format!("{bad:?}")).text());
        let [line] = found.as_slice() else { panic!("{bad}: {found:#?}") };
        assert!(line.starts_with("hub.upstream: is no address of a hub; write http://"), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[test]
fn a_rule_speaks_of_whole_segments() {
    let rules = |path: &str| Document::minimal().set("hub.rule.path", &format!("{path:?}"));
    let config = accept(
        &rules("/api/{org}/{repo}/*/x/**")
            .set("hub.rule.methods", "[\"PUT\"]")
            .set("hub.rule.needs", "\"write\""),
    );
    assert_eq!(config.hub.rules[0].path.as_str(), "/api/{org}/{repo}/*/x/**");
    const PLAIN: &str = "holds a segment that is no plain word, {org}, {repo}, * or **; write segments whole and decoded";
    for (path, what) in [
        ("org/repo", "does not begin with a slash"),
        ("/{org}/**/x", "has ** before its end"),
        ("/{org}/../x", "holds a dot segment"),
        ("/{org}//x", "holds an empty segment"),
        ("/{org}/x*", PLAIN),
        ("/{org}/{name}", PLAIN),
        ("/{org}/{org}", "names {org} twice"),
    ] {
        let remedy = "write one such as \"/{org}/{repo}/**\"";
        refuse(&rules(path), &format!("hub.rule[0].path: {what}; {remedy}"));
    }
    refuse(
        &rules("/healthz"),
        "hub.rule[0].path: names no {org}, whose members could be meant; write {org} where the namespace stands",
    );
    accept(&rules("/healthz").set("hub.rule.access", "\"public\""));
    refuse(
        &rules("/{org}").set("hub.rule.methods", "[\"get\"]"),
        "hub.rule[0].methods[0]: \"get\" is no method; write one such as \"GET\"",
    );
}

#[test]
fn durations_and_numbers_have_limits() {
    check(
        "session.timeout",
        "\"0s\"",
        "session.timeout: \"0s\" is out of range; write a duration from 1s to 400d",
    );
    check(
        "organization.session_timeout",
        "\"401d\"",
        "organization[acme].session_timeout: \"401d\" is out of range; write a duration from 1s to 400d",
    );
    check(
        "session.timeout",
        "\"soon\"",
        "session.timeout: \"soon\" is no duration; write one such as \"30s\", \"12h\" or \"7d\"",
    );
    check(
        "session.timeout",
        "7",
        "session.timeout: is a number; write a duration in quotes, such as \"30s\" or \"7d\"",
    );
    check(
        "server.max_headers",
        "3",
        "server.max_headers: 3 is out of range; write a whole number from 32 to 1024",
    );
    check(
        "server.threads",
        "-1",
        "server.threads: -1 is out of range; write a whole number from 0 to 1024",
    );
}

#[test]
fn the_cookie_fits_the_origin() {
    let loopback = |key: &str, value: &str| {
        Document::minimal().set("public_url", "\"http://localhost:8080\"").set(key, value)
    };
    check(
        "session.cookie.name",
        "\"hubgate\"",
        "session.cookie.name: lacks the prefix __Host-, without which a neighbouring subdomain can plant one; write __Host-hubgate",
    );
    for name in ["\"__Host-hubgate\"", "\"__host-x\"", "\"__Secure-x\""] {
        refuse(
            &loopback("session.cookie.name", name),
            "session.cookie.name: has a prefix that browsers refuse without https; write \"hubgate\", or remove the key",
        );
    }
    check(
        "session.cookie.name",
        "\"__Host-a;b\"",
        "session.cookie.name: is no cookie name; write letters, digits, '-' and '_' (RFC 6265 section 4.1.1)",
    );
    refuse(
        &loopback("session.cookie.same_site", "\"none\""),
        "session.cookie.same_site: \"none\" is refused by browsers without https; write \"lax\", or make public_url https",
    );
    accept(&Document::minimal().set("session.cookie.same_site", "\"none\""));
}

#[test]
fn header_names_come_from_a_preset_and_can_be_changed_one_by_one() {
    let config = accept(
        &Document::minimal()
            .set("headers.preset", "\"remote-user\"")
            .set("headers.name", "\"\"")
            .set("headers.role", "\"X-Role\""),
    );
    assert_eq!(config.headers.user.unwrap(), "remote-user");
    assert_eq!(config.headers.name, None);
    assert_eq!(config.headers.role.unwrap(), "x-role");
    assert_eq!(config.headers.assertion, None);
    assert_eq!(config.headers.audience, "http://127.0.0.1:3000");
    for preset in ["webauth", "auth-request"] {
        let document = Document::minimal().set("headers.preset", &format!("{preset:?}"));
        assert!(accept(&document).headers.user.is_some());
    }
    const NAME: &str = "write letters, digits and '-', or \"\" for not sent";
    check(
        "headers.user",
        "\"X_User\"",
        &format!("headers.user: \"X_User\" is no header name; {NAME}"),
    );
    check(
        "headers.user",
        "\"Authorization\"",
        "headers.user: authorization means something else; choose a name of its own, such as X-Auth-User",
    );
    check(
        "headers.email",
        "\"x-auth-user\"",
        "headers.email: x-auth-user is the name of two headers; choose another, or write \"\" for what is not to be sent",
    );
}

#[test]
fn an_organization_has_an_id_and_namespaces_of_its_own() {
    check(
        "organization.id",
        "\"Acme\"",
        "organization[Acme].id: \"Acme\" may hold only a-z, 0-9, '-' and '_', and begins with a letter or digit; choose another id",
    );
    check(
        "organization.namespaces",
        "[]",
        "organization[acme].namespaces: is empty; write at least one, or remove the key",
    );
    check(
        "organization.namespaces",
        "[\"acme\", \"Datasets\"]",
        "organization[acme].namespaces[1]: \"Datasets\" is a reserved path of the hub; choose another name; no repository can live there",
    );
    check(
        "organization.namespaces",
        "[\"acme\", \"-\"]",
        "organization[acme].namespaces[1]: \"-\" is a reserved path of the hub; choose another name; no repository can live there",
    );
    check(
        "organization.namespaces",
        "[\"acme\", \"ACME\"]",
        "organization[acme].namespaces[1]: acme is there twice; remove one of them",
    );
    let globex = |lines: &str| Document::minimal().and(&Document::organization("globex", lines));
    accept(&globex(""));
    refuse(
        &globex("namespaces = [\"globex\", \"ACME\"]"),
        "organization[globex].namespaces: acme belongs to the organization \"acme\" already; remove it from one of them",
    );
    refuse(
        &Document::minimal().and(&Document::organization("acme", "namespaces = [\"other\"]")),
        "organization[acme].id: \"acme\" is the id of another organization too; give each its own id",
    );
    // The default namespace, the id, counts too.
    refuse(
        &Document::minimal()
            .set("organization.namespaces", "[\"globex\"]")
            .and(&Document::organization("globex", "")),
        "organization[globex].namespaces: globex belongs to the organization \"acme\" already; remove it from one of them",
    );
}

#[test]
fn the_generic_profile_reserves_little_and_never_our_own_prefix() {
    let generic = Document::minimal().set("hub.profile", "\"generic\"");
    accept(&generic.clone().set("organization.namespaces", "[\"datasets\"]"));
    refuse(
        &generic.set("organization.namespaces", "[\"-\"]"),
        "organization[acme].namespaces[0]: \"-\" is a reserved path of the hub; choose another name; no repository can live there",
    );
}

#[test]
fn a_role_mapping_names_an_admin_role() {
    const ADMIN: &str = "organization[acme].role_mapping.roles.admin: maps no value to the role admin; write at least one value, such as roles = { admin = [\"hub-admins\"] }; without it nobody could administer the organization";
    refuse(&Document::minimal().set("organization.role_mapping.roles.admin", "[]"), ADMIN);
    refuse(
        &Document::minimal()
            .without("organization.role_mapping.roles.admin")
            .set("organization.role_mapping.roles.read", "[\"everyone\"]"),
        ADMIN,
    );
    refuse(
        &Document::minimal()
            .without("organization.role_mapping.roles.admin")
            .set("organization.role_mapping.missing", "\"default\""),
        &ADMIN.replace(".admin: maps no value to the role admin", ": is missing"),
    );
    check(
        "organization.role_mapping.roles.owner",
        "[\"x\"]",
        "organization[acme].role_mapping.roles.owner: is no known key; remove it",
    );
    check(
        "organization.role_mapping.attribute",
        "\"$.[\"",
        "organization[acme].role_mapping.attribute: is not a JSONPath (RFC 9535): at position 2, in dot member name, must start with lowercase alpha or '_'; write a JSONPath such as \"$.groups\", a dotted path or an attribute's name",
    );
    // Without a mapping at all, everyone who signs in has the default role.
    let none = accept(&Document::minimal().without("organization.role_mapping.roles.admin"));
    assert!(none.organizations[0].policy.role_mapping.roles.is_empty());
}

#[test]
fn an_organization_has_exactly_one_provider() {
    refuse(
        &Document::minimal().without("organization.oidc"),
        "organization[acme]: names no identity provider, so nobody could sign in for acme; write [organization.oidc] or [organization.saml]",
    );
    let both = mistakes(&Document::minimal().and("[organization.saml]").text());
    assert!(
        both.contains(&"organization[acme]: has both oidc and saml; remove one of them".to_owned()),
        "{both:#?}"
    );
}

#[test]
fn domains_and_patterns_are_read_or_refused() {
    check(
        "organization.email_domains",
        "[\"@acme.com\"]",
        "organization[acme].email_domains[0]: \"@acme.com\" is no domain; write one such as \"acme.com\", without @ and without *",
    );
    check(
        "organization.public",
        "[\"a/b/c\"]",
        "organization[acme].public[0]: \"a/b/c\" is no pattern; write one such as \"demo\", \"datasets/open-*\" or \"*/*\"",
    );
    check(
        "organization.enforcement",
        "\"enforce\"",
        "organization[acme].enforcement: \"enforce\" is none of off, optional, enforced; did you mean \"enforced\"?",
    );
    check(
        "organization.enforcement",
        "\"on\"",
        "organization[acme].enforcement: \"on\" is none of off, optional, enforced; write one of off, optional, enforced",
    );
    check(
        "organization.default_role",
        "\"none\"",
        "organization[acme].default_role: \"none\" is none of read, contributor, write, admin; write one of read, contributor, write, admin",
    );
}

#[test]
fn a_provider_is_known_and_reached_by_https() {
    check(
        "organization.oidc.provider",
        "\"oktaa\"",
        "organization[acme].oidc.provider: \"oktaa\" is none of okta, onelogin, entra, google, keycloak, auth0, ping, gitlab, authentik, generic; did you mean \"okta\"?",
    );
    check(
        "organization.oidc.issuer",
        "\"http://acme.okta.com\"",
        "organization[acme].oidc.issuer: is not https; http is for loopback addresses only; write https://",
    );
    check(
        "organization.oidc.discovery_url",
        "\"http://acme.okta.com\"",
        "organization[acme].oidc.discovery_url: is no https address; write the address of the metadata; http is for loopback addresses only",
    );
    let pasted = Document::minimal().set(
        "organization.oidc.issuer",
        "\"https://acme.okta.com/.well-known/openid-configuration\"",
    );
    let config = accept(&pasted);
    let Provider::Oidc(oidc) = &config.organizations[0].provider else { panic!() };
    assert_eq!(oidc.issuer.as_str(), "https://acme.okta.com");
    accept(&Document::minimal().set("organization.oidc.issuer", "\"http://127.0.0.1:4100\""));
}

#[test]
fn a_provider_that_serves_many_must_be_narrowed_down() {
    let google = Document::minimal()
        .set("organization.oidc.provider", "\"google\"")
        .without("organization.oidc.issuer");
    refuse(
        &google.clone().set("organization.email_domains", "[\"corp.example\", \"b.example\"]"),
        "organization[acme].oidc.required_claims: names no Workspace, so everybody with a Google account could sign in; write { hd = \"corp.example\" }, your Workspace",
    );
    accept(&google.clone().set("organization.oidc.required_claims", "{ hd = \"corp.example\" }"));
    let one = accept(&google.set("organization.email_domains", "[\"corp.example\"]"));
    let Provider::Oidc(oidc) = &one.organizations[0].provider else { panic!() };
    assert_eq!(oidc.required_claims, [("hd".to_owned(), "corp.example".to_owned())]);

    let entra = Document::minimal()
        .set("organization.oidc.provider", "\"entra\"")
        .set("organization.oidc.issuer", "\"https://login.microsoftonline.com/common/v2.0\"");
    refuse(
        &entra,
        "organization[acme].oidc.tenants: does not name the tenants of an issuer that serves many; write their GUIDs in a list, or the issuer of one tenant",
    );
    let named =
        entra.set("organization.oidc.tenants", "[\"9188040d-6c67-4c5b-b112-36a304b66dad\"]");
    accept(&named);
    refuse(
        &named.set("organization.oidc.email_trust", "\"always\""),
        "organization[acme].oidc.email_trust: \"always\" would let each of several tenants assert any address; write \"if-verified\"",
    );
    check(
        "organization.oidc.tenants",
        "[\"9188040d-6c67-4c5b-b112-36a304b66dad\"]",
        "organization[acme].oidc.tenants: is for Entra's issuers that serve many tenants; remove it",
    );
}

#[test]
fn the_client_shows_who_it_is_in_one_way() {
    let method = |method: &str| {
        Document::minimal().set("organization.oidc.client_auth", &format!("{method:?}"))
    };
    accept(&method("client_secret_basic"));
    refuse(
        &method("none"),
        "organization[acme].oidc.client_secret: is not used with client_auth = \"none\"; remove it, or choose another client_auth",
    );
    accept(&method("none").without("organization.oidc.client_secret"));
    let key = method("private_key_jwt").without("organization.oidc.client_secret");
    refuse(
        &key,
        "organization[acme].oidc.private_key: is missing; write { file = \"…\" }, a PEM file with the key",
    );
    refuse(
        &key.set("organization.oidc.private_key", "{ env = \"SECRET\" }"),
        "organization[acme].oidc.private_key: holds no private key that can be used; write one there in PEM, not encrypted: RSA of at least 2048 bits, or EC P-256",
    );
    check(
        "organization.oidc.key_id",
        "\"1\"",
        "organization[acme].oidc.key_id: is not used with client_auth = \"client_secret_post\"; remove it, or choose another client_auth",
    );
}

#[test]
fn the_callback_is_the_organizations_own() {
    let callback = |path: &str| {
        Document::minimal().set("organization.oidc.callback_path", &format!("{path:?}"))
    };
    accept(&callback("/organizations/acme/oidc/consume"));
    accept(&callback("/-/sso/acme/oidc/callback"));
    for path in ["/organizations/globex/oidc/consume", "/-/sso/acme/login", "https://evil.example"]
    {
        refuse(
            &callback(path),
            "organization[acme].oidc.callback_path: is no address that is served for this organization's provider; write \"/organizations/acme/oidc/consume\", or leave it out",
        );
    }
    let generic = callback("/organizations/acme/oidc/consume").set("hub.profile", "\"generic\"");
    assert_eq!(mistakes(&generic.text()).len(), 1);
}

#[test]
fn protocol_parameters_cannot_be_shadowed() {
    for name in ["state", "nonce", "redirect_uri", "Response_Type", "code_challenge", "scope"] {
        check(
            "organization.oidc.extra_parameters",
            &format!("{{ {name} = \"x\" }}"),
            &format!(
                "organization[acme].oidc.extra_parameters.{name}: is a parameter of the protocol, which the gate writes itself; remove it"
            ),
        );
    }
    let prompt =
        Document::minimal().set("organization.oidc.extra_parameters", "{ prompt = \"login\" }");
    accept(&prompt);
}

#[test]
fn what_contradicts_itself_is_a_mistake() {
    refuse(
        &Document::minimal()
            .set("organization.email_domains", "[\"acme.com\"]")
            .set("organization.oidc.email_trust", "\"never\""),
        "organization[acme].oidc.email_trust: \"never\" leaves nobody an address in email_domains; write \"if-verified\", or remove email_domains",
    );
    refuse(
        &Document::minimal()
            .set("organization.email_domains", "[\"acme.com\"]")
            .set("organization.oidc.email_claim", "\"upn\""),
        "organization[acme].oidc.email_trust: \"if-verified\" speaks of the claim email alone, so it leaves nobody an address in email_domains; write \"always\" if the directory vouches for it, or remove email_claim",
    );
    check(
        "organization.oidc.group_overage",
        "\"microsoft-graph\"",
        "organization[acme].oidc.group_overage: \"microsoft-graph\" is for the provider entra only; remove it",
    );
    check(
        "organization.oidc.algorithms",
        "[]",
        "organization[acme].oidc.algorithms: is empty; write one such as \"RS256\", or remove the key",
    );
    for algorithm in ["none", "HS256"] {
        let found = mistakes(
            &Document::minimal()
                .set("organization.oidc.algorithms", &format!("[{algorithm:?}]"))
                .text(),
        );
        assert!(found[0].contains("is none of RS256"), "{found:#?}");
    }
}

#[test]
fn a_secret_is_a_reference_and_is_never_shown() {
    const REMEDY: &str = "write { file = \"…\" } or { env = \"…\" }";
    let key = "organization.oidc.client_secret";
    let label = "organization[acme].oidc.client_secret";
    for (value, expected) in [
        (
            "\"hunter2\"",
            format!(
                "{label}: is a literal secret; a configuration file must not hold any; {REMEDY}"
            ),
        ),
        ("7", format!("{label}: is no reference to a secret; {REMEDY}")),
        ("{}", format!("{label}: names neither a file nor a variable; {REMEDY}")),
        (
            "{ file = \"x\", env = \"SECRET\" }",
            format!("{label}: names both a file and a variable; remove one of them"),
        ),
        (
            "{ env = \"hunter2\" }",
            format!(
                "{label}.env: names a variable that is not in the environment; set it, and write its name here, not its value"
            ),
        ),
    ] {
        check(key, value, &expected);
    }
    check(
        "session.keys",
        "[{ env = \"SECRET\" }]",
        "session.keys[0]: is shorter than 32 characters; write a random one, for example from: openssl rand -hex 32",
    );
    accept(&Document::minimal().set("session.keys", "[{ env = \"KEY\" }]"));
}

#[test]
fn a_secret_file_is_read_without_its_last_line_end() {
    let folder = Folder::new();
    let read = |content: &[u8]| {
        folder.write("secret", content);
        let text = Document::minimal()
            .set("organization.oidc.client_secret", "{ file = \"secret\" }")
            .text();
        let config = config::parse(&text, &folder.path("hub.toml"), Vec::new())?;
        let Provider::Oidc(oidc) = &config.organizations[0].provider else { panic!() };
        let ClientAuth::SecretPost(secret) = &oidc.client_auth else { panic!("a secret") };
        Ok::<String, config::Problems>(secret.expose_secret().to_owned())
    };
    assert_eq!(read(b"hunter2").unwrap(), "hunter2");
    assert_eq!(read(b"hunter2\n").unwrap(), "hunter2");
    assert_eq!(read(b"hunter2\r\n").unwrap(), "hunter2");
    assert_eq!(read(b" hunter2 \n\n").unwrap(), " hunter2 \n");
    for bad in [&b""[..], b"\n", b"\xff\xfe", &[b'x'; 70_000]] {
        let problems = read(bad).unwrap_err().to_string();
        assert!(problems.contains("client_secret.file: "), "{problems}");
        assert!(!problems.contains("xxx"), "{problems}");
    }
    folder.remove("secret");
    let text = Document::minimal().set("organization.oidc.client_secret", "{ file = \"secret\" }");
    let problems = config::parse(&text.text(), &folder.path("hub.toml"), Vec::new()).unwrap_err();
    assert!(problems.to_string().contains("cannot be read: "), "{problems}");
}

#[test]
fn a_syntax_error_is_placed_and_its_line_is_not_shown() {
    let text = "public_url = \"https://hub.example.com\"\nclient_secret = \"hunter2\nhunter2 = [\n";
    let found = mistakes(text);
    assert!(found[0].starts_with("line 2, column "), "{found:#?}");
    assert!(!found.concat().contains("hunter2"), "{found:#?}");
    let twice = mistakes("hunter2 = 1\nhunter2 = 2\n");
    assert!(twice[0].starts_with("line 2, column 1: duplicate key"), "{twice:#?}");
    assert!(!twice.concat().contains("hunter2"), "{twice:#?}");
    assert_eq!(mistakes("threads = 99999999999999999999999").len(), 1);
}

#[test]
fn the_environment_goes_before_the_file() {
    let text = Document::minimal().and(&Document::organization("big-lab", "")).text();
    let config = parse(
        &text,
        &[
            ("HUBGATE__SERVER__DRAIN", "5s"),
            ("HUBGATE__SERVER__THREADS", "3"),
            ("HUBGATE__SERVER__LISTEN", "127.0.0.1:1"),
            ("HUBGATE__SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
            ("HUBGATE__SESSION__COOKIE__NAME", "__Host-x"),
            ("HUBGATE__ORGANIZATION__ACME__OIDC__CLIENT_ID", "0123"),
            ("HUBGATE__ORGANIZATION__ACME__OIDC__CLIENT_SECRET__ENV", "KEY"),
            ("HUBGATE__ORGANIZATION__BIG_LAB__DISPLAY_NAME", "\"Big Lab\""),
            ("HUBGATE__ORGANIZATION__1__OIDC__EXTRA_PARAMETERS__PROMPT", "login"),
            ("HUBGATE__ORGANIZATION__ACME__ROLE_MAPPING__ROLES__WRITE", "ml"),
            ("HUBGATE_CONFIG", "elsewhere.toml"),
        ],
    )
    .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.server.drain.as_secs(), 5);
    assert_eq!(config.server.threads, 3);
    assert_eq!(config.server.listen[0].port(), 1);
    assert_eq!(config.server.trusted_proxies.len(), 1);
    assert_eq!(config.session.cookie.name, "__Host-x");
    let [acme, lab] = &*config.organizations else { panic!("two organizations") };
    let (Provider::Oidc(oidc), Provider::Oidc(other)) = (&acme.provider, &lab.provider) else {
        panic!()
    };
    assert_eq!(oidc.client_id, "0123");
    assert!(
        matches!(&oidc.client_auth, ClientAuth::SecretPost(s) if s.expose_secret().len() == 32)
    );
    assert_eq!(lab.policy.display_name, "Big Lab");
    assert_eq!(other.extra_parameters, [("prompt".to_owned(), "login".to_owned())]);
    assert_eq!(acme.policy.role_mapping.roles.len(), 2);
}

#[test]
fn an_override_that_names_no_key_is_a_mistake() {
    let text = Document::minimal().text();
    for (name, expected) in [
        ("HUBGATE__SERVER__LISEN", "\"lisen\" names no known key; did you mean listen?"),
        ("HUBGATE__COLOUR", "\"colour\" names no known key; unset it"),
        (
            "HUBGATE__SERVER__DRAIN__X",
            "\"drain\" has no keys inside; write everything after \"drain\" into the value",
        ),
        (
            "HUBGATE__ORGANIZATION__GLOBEX__ID",
            "there is no organization \"globex\"; write HUBGATE__ORGANIZATION__ID__KEY, or an index in the place of ID",
        ),
        (
            "HUBGATE__ORGANIZATION__ACME",
            "does not say which entry and key is meant; write HUBGATE__ORGANIZATION__ID__KEY, or an index in the place of ID",
        ),
    ] {
        assert_eq!(mistakes_with(&text, &[(name, "hunter2")]), [format!("{name}: {expected}")]);
    }
    let literal =
        mistakes_with(&text, &[("HUBGATE__ORGANIZATION__ACME__OIDC__CLIENT_SECRET", "hunter2")]);
    assert!(literal[0].contains("is a literal secret"), "{literal:#?}");
    assert!(!literal.concat().contains("hunter2"), "{literal:#?}");
}

#[test]
fn an_override_cannot_bring_further_keys() {
    let text = Document::minimal().text();
    let found = mistakes_with(&text, &[("HUBGATE__SERVER__THREADS", "1\nadmin = \"0.0.0.0:1\"")]);
    assert!(found[0].starts_with("server.threads: is a string"), "{found:#?}");
}

#[test]
fn organizations_are_read_from_files_too() {
    let folder = Folder::new();
    folder.write("orgs.d/a.toml", Document::organization("globex", "").as_bytes());
    let flat = "id = \"initech\"\n[oidc]\nissuer = \"https://initech.example\"\nclient_id = \"1\"\nclient_secret = { file = \"initech.secret\" }\n";
    folder.write("orgs.d/b.toml", flat.as_bytes());
    folder.write("orgs.d/initech.secret", b"hunter2\n");
    folder.write("orgs.d/.c.toml.swp", b"no toml");
    let text = Document::minimal().set("organizations", "\"orgs.d/*.toml\"").text();
    let load = |environment: &[(&str, &str)]| {
        folder.write("hub.toml", text.as_bytes());
        let variables = [("SECRET", "hunter2")];
        let variables = variables.iter().chain(environment);
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        config::load(&folder.path("hub.toml"), variables)
    };
    let config = load(&[("HUBGATE__ORGANIZATION__INITECH__DISPLAY_NAME", "Initech")])
        .unwrap_or_else(|problems| panic!("{problems}"));
    let ids: Vec<&str> = config.organizations.iter().map(|o| o.policy.id.as_str()).collect();
    assert_eq!(ids, ["acme", "globex", "initech"]);
    assert_eq!(config.organizations[2].policy.display_name, "Initech");

    folder.write("orgs.d/c.toml", flat.as_bytes());
    folder.write("orgs.d/d.toml", b"id = \"hunter2\n");
    folder
        .write("orgs.d/e.toml", Document::organization("e", "namespaces = [\"Acme\"]").as_bytes());
    let problems = load(&[]).unwrap_err().to_string();
    let file = |name: &str| folder.path(&format!("orgs.d/{name}")).display().to_string();
    for expected in [
        format!(
            "{}: organization[initech].id: \"initech\" is the id of another organization too (in {})",
            file("c.toml"),
            file("b.toml")
        ),
        format!("{}: line 1, column ", file("d.toml")),
        format!(
            "{}: organization[e].namespaces: acme belongs to the organization \"acme\" already",
            file("e.toml")
        ),
    ] {
        assert!(problems.contains(&expected), "{expected}\n{problems}");
    }
    assert!(!problems.contains("hunter2"), "{problems}");
}

#[test]
fn a_pattern_of_files_must_name_a_folder_that_is_there() {
    let folder = Folder::new();
    let refused = |pattern: &str| {
        let text = Document::minimal().set("organizations", &format!("{pattern:?}")).text();
        let variables = [("SECRET".to_owned(), "hunter2".to_owned())];
        let problems = config::parse(&text, &folder.path("hub.toml"), variables).unwrap_err();
        problems.to_string()
    };
    assert!(refused("nowhere/*.toml").contains("organizations: "));
    assert!(refused("*/acme.toml").contains("organizations: has * in the name of a folder"));
    let missing = refused("globex.toml");
    assert!(missing.contains("globex.toml: is named by organizations and cannot be read: "));
    folder.write("orgs.d/acme.toml", b"");
    for (pattern, expected) in [
        ("", "organizations: is empty; write one such as \"orgs.d/*.toml\", or remove the key"),
        (" ", "organizations: begins or ends with a space; remove it"),
        ("orgs.d/*.toml ", "organizations: begins or ends with a space; remove it"),
        ("orgs.d", "orgs.d is a folder; write which of its files, such as \"orgs.d/*.toml\""),
        ("orgs.d/", "orgs.d/ is a folder; write which of its files, such as \"orgs.d/*.toml\""),
        (".", "is a folder; write which of its files, such as \"orgs.d/*.toml\""),
        ("/", "organizations: names no file; write one such as \"orgs.d/*.toml\""),
    ] {
        let found = refused(pattern);
        assert!(found.contains("organizations: ") && found.contains(expected), "{found}");
    }
    let listed = mistakes(&Document::minimal().set("organizations", "[\"\", 1]").text());
    assert_eq!(
        listed,
        [
            "organizations[0]: is empty; write one such as \"orgs.d/*.toml\", or remove the key",
            "organizations[1]: is a number; write one such as \"orgs.d/*.toml\"",
        ]
    );
}

#[test]
fn a_file_of_certificates_or_keys_is_looked_into() {
    let folder = Folder::new();
    let pair = || {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key);
        (certificate.unwrap().pem(), key.serialize_pem())
    };
    let ((certificate, key), (_, other)) = (pair(), pair());
    let broken = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    for (name, content) in [
        ("good.pem", &*certificate),
        ("key.pem", &*key),
        ("other.pem", &*other),
        ("empty.pem", ""),
        ("words.pem", "no certificate, and no key\n"),
        ("broken.pem", &*broken("CERTIFICATE")),
        ("broken-key.pem", &*broken("PRIVATE KEY")),
    ] {
        folder.write(name, content.as_bytes());
    }
    let check = |document: Document, expected: &[(&str, &str)]| {
        let variables = [("SECRET".to_owned(), "hunter2".to_owned())];
        let found = config::parse(&document.text(), &folder.path("hub.toml"), variables);
        let found: Vec<String> =
            found.err().iter().flat_map(|all| all.iter().map(ToString::to_string)).collect();
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for ((key, what), found) in expected.iter().zip(found) {
            assert!(found.starts_with(&format!("{key}: ")) && found.contains(what), "{found}");
        }
    };
    const NONE: &str = ".pem holds no certificate in PEM; write a PEM file there, from -----BEGIN CERTIFICATE----- on";
    const ODD: &str = "broken.pem holds no authority's certificate; write a PEM file there, with the certificate of whoever signs the server's";
    let authorities: [(&str, Document); 5] = [
        ("hub", Document::minimal().set("hub.upstream", "\"https://hub.internal\"")),
        ("telemetry", Document::minimal().set("telemetry.otlp_endpoint", "\"https://c.example\"")),
        ("organization.oidc", Document::minimal()),
        (
            "organization.saml",
            Document::minimal()
                .without("organization.oidc")
                .set("organization.saml.metadata.url", "\"https://idp.example/m\""),
        ),
        (
            "organization.workload",
            Document::minimal()
                .set("organization.workload.name", "\"w\"")
                .set("organization.workload.issuer", "\"https://ci.example\"")
                .set("organization.workload.audience", "\"hub\"")
                .set("organization.workload.claims", "{ sub = \"x\" }")
                .set("organization.workload.role", "\"read\""),
        ),
    ];
    for (section, document) in &authorities {
        let key = format!("{section}.ca_certificates");
        let files = |names: &str| document.clone().set(&key, names);
        check(files("[\"good.pem\", \"good.pem\"]"), &[]);
        let at = |index| format!("{}[{index}]", label(&key, "acme"));
        check(
            files(
                "[\"good.pem\", \"words.pem\", \"key.pem\", \"broken.pem\", \"empty.pem\", \".\"]",
            ),
            &[
                (&at(1), NONE),
                (&at(2), NONE),
                (&at(3), ODD),
                (&at(4), "empty.pem is empty; check the path, the mount and its permissions"),
                (&at(5), "cannot be read: Is a directory"),
            ],
        );
    }
    let tls = |certificate: &str, key: &str| {
        Document::minimal()
            .set("server.tls.certificate", &format!("{certificate:?}"))
            .set("server.tls.private_key", &format!("{key:?}"))
    };
    const NO_KEY: &str = ".pem holds no private key that can be used; write one there in PEM, not encrypted: RSA of at least 2048 bits, or EC";
    check(tls("good.pem", "key.pem"), &[]);
    check(
        tls("words.pem", "words.pem"),
        &[("server.tls.certificate", NONE), ("server.tls.private_key", NO_KEY)],
    );
    check(tls("good.pem", "good.pem"), &[("server.tls.private_key", NO_KEY)]);
    check(tls("good.pem", "broken-key.pem"), &[("server.tls.private_key", NO_KEY)]);
    check(
        tls("good.pem", "other.pem"),
        &[(
            "server.tls.private_key",
            "other.pem is not the key of the certificate; write the key that it was made for",
        )],
    );
    check(
        tls("broken.pem", "key.pem"),
        &[("server.tls.certificate", "broken.pem holds a certificate that cannot be read")],
    );
    let client = |key: &str, more: Option<&str>| {
        let document = Document::minimal()
            .without("organization.oidc.client_secret")
            .set("organization.oidc.client_auth", "\"private_key_jwt\"")
            .set("organization.oidc.private_key", &format!("{{ file = {key:?} }}"));
        match more {
            None => document,
            Some(file) => document.set("organization.oidc.certificate", &format!("{file:?}")),
        }
    };
    check(client("key.pem", Some("good.pem")), &[]);
    check(client("key.pem", Some("words.pem")), &[("organization[acme].oidc.certificate", NONE)]);
    const CLIENT_KEY: &str = "holds no private key that can be used; write one there in PEM, not encrypted: RSA of at least 2048 bits, or EC P-256";
    for key in ["words.pem", "good.pem", "broken-key.pem"] {
        check(client(key, None), &[("organization[acme].oidc.private_key", CLIENT_KEY)]);
    }
}

#[test]
fn what_must_be_changed_is_said_once_and_of_the_entry_that_is_meant() {
    const PATH: &str =
        "write a JSONPath such as \"$.groups\", a dotted path or an attribute's name";
    for (key, document) in [
        ("hub.whoami.id", Document::minimal()),
        ("organization.role_mapping.attribute", Document::minimal()),
        (
            "organization.saml.subject",
            Document::minimal()
                .without("organization.oidc")
                .set("organization.saml.metadata.url", "\"https://idp.example/m\""),
        ),
    ] {
        let at = label(key, "acme");
        refuse(&document.clone().set(key, "\"\""), &format!("{at}: is empty; {PATH}"));
        let odd = "is not a JSONPath (RFC 9535): at position 2, in dot member name, must start with lowercase alpha or '_'";
        refuse(&document.set(key, "\"$.\""), &format!("{at}: {odd}; {PATH}"));
    }
    check(
        "hub.whoami.cookies",
        "[\"token\", \"a;b\"]",
        "hub.whoami.cookies[1]: \"a;b\" is no cookie's name; write one such as \"token\"",
    );
    let workload = Document::minimal()
        .set("organization.workload.name", "\"w\"")
        .set("organization.workload.audience", "\"hub\"")
        .set("organization.workload.claims", "{ sub = \"x\" }")
        .set("organization.workload.role", "\"read\"");
    refuse(
        &workload.set("organization.workload.issuer", "\"http://ci.example\""),
        "organization[acme].workload[0].issuer: is not https; http is for loopback addresses only; write https://",
    );
}

/// One line of the example: its key, whether it is commented out, and its remark.
struct Shown {
    key: String,
    off: bool,
    remark: String,
    line: usize,
}

fn shown(example: &str) -> Vec<Shown> {
    let mut section = String::new();
    let mut all = Vec::new();
    for (line, text) in example.lines().enumerate() {
        let off = text.starts_with("# ");
        let text = text.trim_start_matches("# ");
        if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = format!("{}.", name.trim_start_matches('['));
        } else if let Some((key, rest)) = text.split_once(" = ")
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        {
            let remark = rest.rsplit_once("  #").map_or("", |(_, remark)| remark).trim().to_owned();
            all.push(Shown { key: format!("{section}{key}"), off, remark, line });
        }
    }
    all
}

const EXAMPLE: &str = include_str!("../../config.example.toml");

#[track_caller]
fn example(text: &str) -> Result<Config, config::Problems> {
    parse(text, &[("ACME_OIDC_SECRET", "hunter2")])
}

#[test]
fn the_example_shows_every_key_once() {
    let mut shown: Vec<String> = shown(EXAMPLE).into_iter().map(|shown| shown.key).collect();
    // The second organization is there to show how one begins.
    let second = shown.iter().rposition(|key| key == "organization.id").unwrap();
    shown.remove(second);
    let mut known = known_keys();
    shown.sort();
    known.sort();
    assert_eq!(shown, known);
    assert!(EXAMPLE.contains("# [organization.saml]"));
}

#[test]
fn the_example_shows_the_real_defaults() {
    let whole = format!("{:?}", example(EXAMPLE).unwrap_or_else(|problems| panic!("{problems}")));
    for Shown { key, off, remark, line } in shown(EXAMPLE) {
        let change = |edit: fn(&str) -> String| {
            let lines = EXAMPLE.lines().enumerate();
            let lines =
                lines.map(|(at, text)| if at == line { edit(text) } else { text.to_owned() });
            lines.collect::<Vec<_>>().join("\n")
        };
        if off {
            continue;
        }
        let without = example(&change(|_| String::new()));
        if remark.starts_with("required") {
            assert!(without.is_err(), "{key} is not required");
        } else if !remark.starts_with("example") {
            let without = without.unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(format!("{without:?}"), whole, "{key} is shown with another default");
        }
    }
}

#[test]
fn what_the_example_leaves_off_can_be_written_as_shown() {
    for Shown { key, off, line, .. } in shown(EXAMPLE) {
        if !off || key == "organization.id" {
            continue;
        }
        let section = key.rsplit_once('.').map(|(section, _)| section.to_owned());
        let second = key.starts_with("organization.saml");
        let lines = EXAMPLE.lines().enumerate().map(|(at, text)| {
            let header = section.as_ref().is_some_and(|s| {
                let names = [format!("# [{s}]"), format!("# [[{s}]]")];
                s != "organization" && names.iter().any(|name| text.starts_with(name))
            });
            let other =
                second && (text == "# [[organization]]" || text.starts_with("# id = \"globex\""));
            if at == line || header || other { text.trim_start_matches("# ") } else { text }
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let label = key.replace("organization.", "organization[acme].");
        for problem in example(&text).err().iter().flat_map(config::Problems::iter) {
            let about = [
                "is not available in this version",
                "is not used with client_auth",
                "cannot be read",
                "is for Entra's issuers",
                "is missing",
                "has nobody who may ask",
                "says nothing of the identity provider",
                "names neither a url nor a file",
            ];
            assert!(
                about.iter().any(|what| problem.what.contains(what)),
                "{label} cannot be written as shown: {problem}"
            );
        }
    }
}

#[test]
fn without_an_upstream_there_must_be_proxies_that_ask() {
    let alone = Document::minimal().without("hub.upstream");
    let found = mistakes(&alone.text());
    let [line] = found.as_slice() else { panic!("{found:#?}") };
    assert!(line.starts_with("hub.upstream: is missing; write "), "{line}");
    assert!(line.contains("server.trusted_proxies"), "{line}");
    let asked = accept(&alone.clone().set("server.trusted_proxies", "[\"10.0.0.0/8\"]"));
    assert_eq!(asked.hub.upstream, None);
    assert_eq!(asked.headers.audience, "https://hub.example.com");
    assert_eq!(asked.hub.body_unknown, BodyUnknown::RequireAnySession);
    refuse(
        &Document::minimal().set("hub.body_unknown", "\"require_any_session\""),
        "hub.body_unknown: \"require_any_session\" is none of allow, require-any-session, deny; \
         did you mean \"require-any-session\"?",
    );
}

#[test]
fn grpc_needs_proxies_that_may_ask_and_a_port_of_its_own() {
    let document = Document::minimal().set("server.grpc", "\"127.0.0.1:9191\"");
    let remedy = "name the proxies in server.trusted_proxies";
    refuse(&document, &format!("server.grpc: has nobody who may ask; {remedy}"));
    let trusting = document.set("server.trusted_proxies", "[\"127.0.0.1\"]");
    assert_eq!(accept(&trusting).server.grpc, Some("127.0.0.1:9191".parse().unwrap()));
    let twice = trusting.clone().set("server.listen", "\"127.0.0.1:9191\"");
    refuse(&twice, "server.grpc: 127.0.0.1:9191 is taken twice; choose another port");
    let found = mistakes(&trusting.set("server.grpc", "\"9191\"").text());
    assert!(found.len() == 1 && found[0].starts_with("server.grpc: \"9191\" is no address"));
}

#[test]
fn a_machine_is_described_in_full_or_not_at_all() {
    let account = "[[organization.service_account]]\nname = \"ci\"\nrole = \"read\"\n";
    let hash = format!("hash = \"sha256:{}\"\n", "0".repeat(64));
    let with = |text: &str| Document::minimal().and(text);
    accept(&with(&format!("{account}{hash}")));
    let remedy = "it prints the hash to write here";
    for (text, what) in [
        (account.to_owned(), "service_account[0].hash: is missing"),
        (format!("{account}hash = \"hf_hubgate_s_x\"\n"), remedy),
        (format!("{account}hash = \"sha256:00\"\n"), remedy),
        (format!("{account}{hash}expires = \"soon\"\n"), "\"soon\" is no date"),
        (format!("{account}{hash}networks = [\"10.0.0.0/40\"]\n"), "is no network"),
        (format!("{account}{hash}{account}{hash}"), "is the name of two machines"),
    ] {
        let found = mistakes(&with(&text).text());
        assert!(found.iter().any(|line| line.contains(what)), "{what}: {found:#?}");
        assert!(!found.iter().any(|line| line.contains("hf_hubgate_s_x")), "{found:#?}");
    }
    let workload = "[[organization.workload]]\nname = \"ci\"\nissuer = \"https://ci.example\"\n\
                    audience = \"https://hub.example.com\"\nrole = \"read\"\n";
    accept(&with(&format!("{workload}claims = {{ sub = \"x\" }}\n")));
    for (text, what) in [
        (workload.to_owned(), "workload[0].claims: is missing"),
        (format!("{workload}claims = {{}}\n"), "leaves open who is meant"),
        (format!("{workload}claims = {{ sub = \"\" }}\n"), "leaves open who is meant"),
        (
            format!("{workload}claims = {{ sub = \"x\" }}\njwks_url = \"http://ci.example/k\"\n"),
            "is no https address",
        ),
    ] {
        let found = mistakes(&with(&text).text());
        assert!(found.iter().any(|line| line.contains(what)), "{what}: {found:#?}");
    }
}
