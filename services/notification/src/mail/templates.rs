//! The words of mails: one text and one HTML template for each type of event, in `templates/`, part of the binary.

use contracts::EventType;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/", $name)))),+]
    };
}

const FILES: &[(&str, &str)] = files![
    "layout.txt",
    "layout.html",
    "order_lines.txt",
    "order_lines.html",
    "user.registered.txt",
    "user.registered.html",
    "order.placed.txt",
    "order.placed.html",
    "order.confirmed.txt",
    "order.confirmed.html",
    "order.rejected.txt",
    "order.rejected.html",
    "order.cancelled.txt",
    "order.cancelled.html",
    "order.shipped.txt",
    "order.shipped.html",
    "order.delivered.txt",
    "order.delivered.html",
    "stock.low.txt",
    "stock.low.html",
];

/// The templates, compiled.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

impl Templates {
    /// Compiles them. What ends in `.html` is escaped; a name that a template does not get is an error, not a blank.
    pub fn new() -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .keep_trailing_newline(true)
                .build()?,
        );
        for (name, source) in FILES {
            environment.add_template(name, source)?;
        }
        Ok(Self(environment))
    }

    /// The text and the HTML of a mail about an event.
    pub fn render(
        &self,
        event_type: EventType,
        context: impl Serialize,
    ) -> Result<(String, String), minijinja::Error> {
        let context = Value::from(Serde(context));
        let part = |ending: &str| {
            let name = format!("{}.{ending}", event_type.unversioned());
            self.0.get_template(&name)?.render(context.clone())
        };
        Ok((part("txt")?, part("html")?))
    }
}
