//! The look that the demo's pages share: plain, in light and in dark, without scripts.

use askama::Template;
use http::{Response, StatusCode};

use super::answer::{Body, html};

/// Wraps the inside of a page, which its own template has escaped.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; --accent: {{ accent }}; --soft: color-mix(in srgb, var(--accent) 12%, Canvas); --line: color-mix(in srgb, CanvasText 16%, Canvas); }
* { box-sizing: border-box; }
body { max-width: 44rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; font: 16px/1.55 system-ui, sans-serif; }
h1 { margin: 0 0 .4rem; font-size: 1.6rem; letter-spacing: -.01em; }
h2 { margin: 2rem 0 .6rem; font-size: 1.05rem; }
p { margin: .4rem 0; }
a { color: var(--accent); text-underline-offset: .2em; }
header { display: flex; justify-content: space-between; gap: 1rem; margin-bottom: 2.2rem; padding-bottom: .8rem; border-bottom: 3px solid var(--accent); font-weight: 600; }
header a { text-decoration: none; color: inherit; }
ul { margin: 0; padding: 0; list-style: none; }
li { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .8rem; padding: .6rem 0; border-bottom: 1px solid var(--line); }
li small, .quiet { color: color-mix(in srgb, CanvasText 65%, Canvas); }
.tag { padding: .05rem .5rem; border-radius: 1rem; background: var(--soft); font-size: .8rem; }
.push { margin-left: auto; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th, td { padding: .4rem .6rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { width: 12rem; font-weight: 500; }
code, pre, td { font-family: ui-monospace, monospace; }
pre { padding: .8rem 1rem; border-radius: .5rem; background: var(--soft); overflow-x: auto; font-size: .9rem; }
form { display: inline-flex; gap: .4rem; margin: 0; }
.choices form { display: block; }
input { min-width: 8rem; padding: .35rem .6rem; border: 1px solid var(--line); border-radius: .4rem; font: inherit; font-size: .9rem; }
button { padding: .4rem .8rem; border: 1px solid var(--line); border-radius: .4rem; background: Canvas; color: CanvasText; font: inherit; font-size: .9rem; cursor: pointer; }
button:hover, button:focus-visible { border-color: var(--accent); background: var(--soft); }
.choices button { display: flex; align-items: baseline; gap: .6rem; width: 100%; margin: .5rem 0; padding: .8rem 1rem; font-size: 1rem; text-align: left; }
</style>
<header><a href="{{ home }}">{{ site }}</a></header>
<main>
{{ inside|safe }}
</main>
</html>
"#
)]
struct Shell<'p> {
    site: &'p str,
    home: &'p str,
    accent: &'static str,
    title: &'p str,
    inside: &'p str,
}

/// What the pages of one site have in common.
pub(crate) struct Look<'p> {
    pub(crate) site: &'p str,
    pub(crate) home: &'p str,
    pub(crate) accent: &'static str,
}

impl Look<'_> {
    /// Answers with a page.
    pub(crate) fn page(
        &self,
        status: StatusCode,
        title: &str,
        inside: &impl Template,
    ) -> Response<Body> {
        let Look { site, home, accent } = *self;
        // A template of strings written into a string cannot fail.
        let inside = inside.render().unwrap_or_default();
        let shell = Shell { site, home, accent, title, inside: &inside };
        html(status, shell.render().unwrap_or_default())
    }

    /// Answers with a heading and a sentence.
    pub(crate) fn notice(&self, status: StatusCode, title: &str, sentence: &str) -> Response<Body> {
        self.page(status, title, &Notice { title, sentence })
    }
}

#[derive(Template)]
#[template(ext = "html", source = "<h1>{{ title }}</h1><p>{{ sentence }}</p>")]
struct Notice<'p> {
    title: &'p str,
    sentence: &'p str,
}
