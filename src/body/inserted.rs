//! A page with something of ours in it, streamed: what is before and behind it stays as it came.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use lol_html::html_content::{ContentType, DocumentEnd};
use lol_html::send::{
    DocumentContentHandlers, Element, ElementContentHandlers, HtmlRewriter, Settings,
};
use lol_html::{MemorySettings, OutputSink, Selector};

use super::{Body, Error, Source};

/// How much of a page is held while it is not clear where its body begins: more than any tag of an
/// honest page is long. A page that needs more goes on as it is.
const MOST_HELD: usize = 64 * 1024;

/// Elements that may stand before a page's body without beginning it (HTML §13.2.6.4.4).
const BEFORE_BODY: [&str; 12] = [
    "html", "head", "title", "meta", "link", "script", "style", "base", "basefont", "bgsound",
    "noframes", "noscript",
];

/// A page on its way to a browser, into which something is put where its body begins.
///
/// It is read as far as that, and not at all behind it.
struct Inserted {
    inner: Body,
    stage: Stage,
}

enum Stage {
    /// Nothing has come yet.
    Before(Bytes),
    /// What has come belongs to the page's head.
    Looking(Box<Looking>),
    /// It is in; or there is no place for it.
    Through,
}

/// A page that is read.
struct Looking {
    rewriter: HtmlRewriter<'static, Sink>,
    output: Sink,
    done: Arc<AtomicBool>,
}

/// Where the rewriter writes.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<BytesMut>>);

impl OutputSink for Sink {
    fn handle_chunk(&mut self, chunk: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(chunk);
    }
}

impl Sink {
    fn take(&self) -> Bytes {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).split().freeze()
    }
}

impl Body {
    /// A page of an encoding that agrees with ASCII, with `html` (which is ASCII) as the first thing
    /// in its body. Trailers are dropped: they speak of the page as it was.
    ///
    /// No byte of the page is changed, and at most 64 KiB of it are held; where a page has no place
    /// for it, or wants to be expensive, it goes on as it is.
    #[must_use]
    pub fn inserting(self, html: impl Into<Bytes>) -> Self {
        Self::Source(Box::new(Inserted { inner: self, stage: Stage::Before(html.into()) }))
    }
}

impl Looking {
    /// Begins to read a page; `None` where there is nothing to read with.
    fn new(html: &Bytes) -> Option<Self> {
        let html = String::from_utf8(html.to_vec()).ok()?;
        let every: Selector = "*".parse().ok()?;
        let done = Arc::new(AtomicBool::new(false));
        let templates = Arc::new(AtomicUsize::new(0));
        let (at_end, seen) = (html.clone(), Arc::clone(&done));
        // A page without anything in its body has one all the same.
        let end = move |end: &mut DocumentEnd<'_>| {
            if !seen.swap(true, Ordering::Relaxed) {
                end.append(&at_end, ContentType::Html);
            }
            Ok(())
        };
        let seen = Arc::clone(&done);
        let element = move |element: &mut Element<'_, '_>| {
            place(element, &html, &seen, &templates);
            Ok(())
        };
        let memory = MemorySettings::new()
            .with_preallocated_parsing_buffer_size(0)
            .with_max_allowed_memory_usage(MOST_HELD)
            .with_graceful_bail_out_on_memory_limit_exceeded(true);
        let elements = ElementContentHandlers::default().element(element);
        let settings = Settings::new_send()
            .with_memory_settings(memory)
            .with_strict(false)
            .with_enable_esi_tags(false)
            .append_element_content_handler((std::borrow::Cow::Owned(every), elements))
            .append_document_content_handler(DocumentContentHandlers::default().end(end));
        let output = Sink::default();
        let rewriter = HtmlRewriter::new(settings, output.clone());
        Some(Self { rewriter, output, done })
    }

    /// Reads on; what can go on, and whether there is more to look for.
    fn read(mut self: Box<Self>, data: &[u8]) -> (Bytes, Stage) {
        let read = self.rewriter.write(data);
        if read.is_err() {
            // Whatever was held has been written out.
            return (self.output.take(), Stage::Through);
        }
        if self.done.load(Ordering::Relaxed) {
            return (self.end(), Stage::Through);
        }
        (self.output.take(), Stage::Looking(self))
    }

    /// The rest.
    fn end(self) -> Bytes {
        let _written_out_either_way = self.rewriter.end();
        self.output.take()
    }
}

/// Puts it where the body begins, if it begins here.
fn place(
    element: &mut Element<'_, '_>,
    html: &str,
    done: &AtomicBool,
    templates: &Arc<AtomicUsize>,
) {
    if done.load(Ordering::Relaxed) {
        return;
    }
    let name = element.tag_name();
    // What is in a template is not in the page.
    if name == "template" {
        let left = Arc::clone(templates);
        let end = element.on_end_tag(Box::new(move |_| {
            left.fetch_sub(1, Ordering::Relaxed);
            Ok(())
        }));
        if end.is_ok() {
            templates.fetch_add(1, Ordering::Relaxed);
        }
        return;
    }
    if templates.load(Ordering::Relaxed) > 0 || BEFORE_BODY.contains(&name.as_str()) {
        return;
    }
    done.store(true, Ordering::Relaxed);
    match name.as_str() {
        // A page of frames has no body, and would lose them by one.
        "frameset" => {}
        "body" => element.prepend(html, ContentType::Html),
        _ => element.before(html, ContentType::Html),
    }
}

impl Inserted {
    /// What goes on for what has come.
    fn pass(&mut self, data: Bytes) -> Bytes {
        let looking = match std::mem::replace(&mut self.stage, Stage::Through) {
            Stage::Through => return data,
            Stage::Before(html) if data.is_empty() => {
                self.stage = Stage::Before(html);
                return data;
            }
            // UTF-16, whatever the header says (Encoding §6: a byte order mark is stronger).
            Stage::Before(_) if matches!(data.first(), Some(0xFE | 0xFF)) => return data,
            Stage::Before(html) => match Looking::new(&html) {
                Some(looking) => Box::new(looking),
                None => return data,
            },
            Stage::Looking(looking) => looking,
        };
        let (output, stage) = looking.read(&data);
        self.stage = stage;
        output
    }

    /// What goes on when nothing more comes.
    fn end(&mut self) -> Bytes {
        match std::mem::replace(&mut self.stage, Stage::Through) {
            Stage::Looking(looking) => looking.end(),
            Stage::Before(_) | Stage::Through => Bytes::new(),
        }
    }
}

impl Source for Inserted {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            let frame = match Pin::new(&mut self.inner).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(None) => {
                    let rest = self.end();
                    let frame = (!rest.is_empty()).then(|| Ok(Frame::data(rest)));
                    return Poll::Ready(frame);
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            let output = self.pass(data);
            if !output.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(output))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.stage, Stage::Through) && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl fmt::Debug for Inserted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inserted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANNER: &str = "<b>!</b>";

    /// The page as it goes on when it comes in pieces of this size.
    fn inserted(page: &[u8], size: usize) -> Vec<u8> {
        let mut body = Inserted { inner: Body::Empty, stage: Stage::Before(BANNER.into()) };
        let mut output = Vec::new();
        for piece in page.chunks(size) {
            output.extend_from_slice(&body.pass(Bytes::copy_from_slice(piece)));
        }
        output.extend_from_slice(&body.end());
        output
    }

    /// `|` is where it must be.
    #[track_caller]
    fn check(page: &str) {
        let expected = page.replacen('|', BANNER, 1);
        let page = page.replacen('|', "", 1);
        for size in [1, 2, 3, 7, 4096] {
            let output = inserted(page.as_bytes(), size);
            assert_eq!(String::from_utf8_lossy(&output), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn it_stands_where_the_body_begins() {
        check(
            "<!doctype html><html><head><title>x</title></head><body class=a>|<p>y</body></html>",
        );
        check("<BODY\n>|x");
        check("<body/>|x");
        check("<html><body>|<body><p>x<body>");
        // Without a tag of its own the body begins with the first thing that belongs there.
        check("<title>x</title>|<h1>y</h1>");
        check("<p>x|</p>".replace("|", "").replacen("<p>", "|<p>", 1).as_str());
        check("<head><link rel=x><meta charset=utf-8>\n|<div id=app></div>");
        check("<!doctype html><title>x</title><script src=app.js></script>|");
        check("only text|");
    }

    #[test]
    fn what_only_looks_like_a_body_is_none() {
        check("<head><!-- <body> --><script>'<body>'</script></head><body>|x");
        check(
            "<head><title><body></title><style><body></style><meta content='<body>'></head><body>|",
        );
        check(
            "<head><noscript><body><p></noscript><template><body><p><template><p></template></template></head><body>|",
        );
        check("<!-- <body> <p>|");
        check("<script>document.write('<body>')|");
    }

    #[test]
    fn a_page_without_a_place_for_it_stays_as_it_is() {
        check("<html><head></head><frameset cols=*><frame src=a></frameset></html>");
        check("");
        assert_eq!(inserted(b"\xFF\xFE<\0p\0>\0", 3), b"\xFF\xFE<\0p\0>\0");
    }

    #[test]
    fn no_byte_of_the_page_changes() {
        let mut page: Vec<u8> = b"<meta charset=latin1><title>".to_vec();
        page.extend(0..=255_u8);
        page.extend_from_slice(b"\r\n\0</title></p></q a='x' a=\"y\" ><P\tX=\xE9>");
        page.extend(0..=255_u8);
        page.extend_from_slice(b"<unfinished a='");
        for size in [1, 5, 4096] {
            let mut output = inserted(&page, size);
            let at = output.windows(BANNER.len()).position(|w| w == BANNER.as_bytes()).unwrap();
            output.drain(at..at + BANNER.len());
            assert_eq!(output, page, "in pieces of {size}");
        }
    }

    #[test]
    fn a_page_that_would_have_to_be_held_goes_on_as_it_is() {
        for (size, page) in [
            (1000, format!("<p title='{}'>x", "y".repeat(2 * MOST_HELD))),
            (1, format!("<{}", "p".repeat(2 * MOST_HELD))),
            (usize::MAX, format!("<p a='{}", "<p>".repeat(MOST_HELD))),
        ] {
            let output = inserted(page.as_bytes(), size);
            let text = String::from_utf8_lossy(&output).replacen(BANNER, "", 1);
            assert!(text == page, "in pieces of {size}");
        }
        // Elements without end are no reason to hold anything.
        let deep = format!("{}<body>x", "<template>".repeat(100_000));
        assert!(
            String::from_utf8_lossy(&inserted(deep.as_bytes(), 4096)).starts_with("<template>")
        );
    }
}
