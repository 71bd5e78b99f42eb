//! An explanation under construction: steps, each with its rows.

use serde_json::{Value, json};

use crate::policy::{OrganizationId, Reason};

use super::super::terminal::Sheet;

/// The steps so far, and how it ends.
#[derive(Default)]
pub(super) struct Report {
    steps: Vec<Step>,
    decision: Option<&'static str>,
    reason: Option<Reason>,
    organization: Option<String>,
}

struct Step {
    name: &'static str,
    rows: Vec<(String, String)>,
}

impl Report {
    /// Begins a step.
    pub(super) fn step(&mut self, name: &'static str) {
        self.steps.push(Step { name, rows: Vec::new() });
    }

    /// Adds to the last step.
    pub(super) fn row(&mut self, label: &str, text: &str) {
        if let Some(step) = self.steps.last_mut() {
            step.rows.push((label.to_owned(), text.to_owned()));
        }
    }

    /// Says how it ends, for programs.
    pub(super) fn outcome(
        &mut self,
        decision: &'static str,
        reason: Option<Reason>,
        organization: Option<&OrganizationId>,
    ) {
        self.decision = Some(decision);
        self.reason = reason;
        self.organization = organization.map(ToString::to_string);
    }

    /// For people.
    pub(super) fn sheet(&self, colours: bool) -> Sheet {
        let mut sheet = Sheet::new(colours);
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                sheet.blank();
            }
            sheet.heading(&format!("{}. {}", index + 1, step.name));
            for (label, text) in &step.rows {
                sheet.row(label, text);
            }
        }
        sheet
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let steps: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                let rows: Vec<Value> = step
                    .rows
                    .iter()
                    .map(|(label, text)| json!({ "label": label, "text": text }))
                    .collect();
                json!({ "name": step.name, "rows": rows })
            })
            .collect();
        json!({
            "decision": self.decision,
            "reason": self.reason.map(Reason::as_str),
            "organization": self.organization,
            "steps": steps,
        })
    }
}
